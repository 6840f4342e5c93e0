#include "plugin/managers/dispatcher.h"

#include <tally/kit/glob.h>

#include <algorithm>

#include "base/strings.h"

namespace tally::plugin {

void PatternIndex::insert(Trie& trie, std::string_view path, Glob glob) {
  std::uint32_t node = 0;
  for (unsigned char byte : path) {
    auto [edge, fresh] =
        trie.edges.try_emplace(std::uint64_t{node} << 8 | byte, static_cast<std::uint32_t>(trie.nodes.size()));
    if (fresh) trie.nodes.emplace_back();
    node = edge->second;
  }
  trie.nodes[node].globs.push_back(std::move(glob));
}

void PatternIndex::add(std::string_view pattern, std::uint32_t number) {
  const std::size_t first = pattern.find('*');
  if (first == std::string_view::npos) {
    exact_[to_absl(pattern)].push_back(number);
    return;
  }
  const std::size_t last = pattern.rfind('*');
  const std::string_view begin = pattern.substr(0, first);
  const std::string_view end = pattern.substr(last + 1);
  Glob glob{std::string(pattern), number};
  if (begin.size() >= end.size()) {
    insert(prefixes_, begin, std::move(glob));
  } else {
    insert(suffixes_, std::string(end.rbegin(), end.rend()), std::move(glob));
  }
}

void PatternIndex::match(std::string_view text, std::vector<std::uint32_t>& numbers) const {
  const std::size_t before = numbers.size();
  if (auto exact = exact_.find(to_absl(text)); exact != exact_.end()) {
    numbers.insert(numbers.end(), exact->second.begin(), exact->second.end());
  }
  auto walk = [&](const Trie& trie, auto byte, auto end) {
    for (std::uint32_t node = 0;; ++byte) {
      for (const Glob& glob : trie.nodes[node].globs) {
        if (glob_match(glob.pattern, text)) numbers.push_back(glob.number);
      }
      if (byte == end) return;
      const auto edge = trie.edges.find(std::uint64_t{node} << 8 | static_cast<unsigned char>(*byte));
      if (edge == trie.edges.end()) return;
      node = edge->second;
    }
  };
  walk(prefixes_, text.begin(), text.end());
  walk(suffixes_, text.rbegin(), text.rend());
  const auto added = numbers.begin() + static_cast<std::ptrdiff_t>(before);
  std::sort(added, numbers.end());
  numbers.erase(std::unique(added, numbers.end()), numbers.end());
}

Dispatcher::Handler& Dispatcher::add(std::string name, std::unique_ptr<MessageHandler> handler,
                                     const std::vector<std::string>& claims, std::shared_ptr<Guard> guard) {
  known_.clear();
  last_ = nullptr;
  const auto number = static_cast<std::uint32_t>(handlers_.size());
  for (const std::string& claim : claims) handler_index_.add(claim, number);
  handlers_.push_back({std::move(name), std::move(handler), std::move(guard), claims});
  return handlers_.back();
}

absl::Status Dispatcher::add(std::string name, std::unique_ptr<MessageHandler> handler, std::shared_ptr<Guard> guard) {
  absl::StatusOr<std::vector<std::string>> claims = handler->claims();
  if (!claims.ok()) return claims.status();
  add(std::move(name), std::move(handler), *claims, std::move(guard));
  return absl::OkStatus();
}

void Dispatcher::park(std::string name, std::string reason, const std::vector<std::string>& claims) {
  known_.clear();
  last_ = nullptr;
  const auto number = static_cast<std::uint32_t>(parked_.size());
  for (const std::string& claim : claims) parked_index_.add(claim, number);
  parked_.push_back({std::move(name), std::move(reason)});
}

// There are few event types. A sender that invents new ones without end only causes the cache to be cleared.
const Dispatcher::Claimants& Dispatcher::claimants(std::string_view event_type) {
  static constexpr std::size_t kMost = 4096;
  if (last_ != nullptr && event_type == last_type_) return *last_;
  auto known = known_.find(to_absl(event_type));
  if (known == known_.end()) {
    if (known_.size() >= kMost) known_.clear();
    known = known_.try_emplace(to_absl(event_type)).first;
    handler_index_.match(event_type, known->second.handlers);
    parked_index_.match(event_type, known->second.parked);
  }
  last_type_ = event_type;
  last_ = &known->second;
  return *last_;
}

const Dispatcher::Match& Dispatcher::match(std::string_view event_type) {
  match_.handlers.clear();
  match_.parked.clear();
  parked_now_.clear();
  const Claimants& claimants = this->claimants(event_type);
  for (const std::uint32_t number : claimants.handlers) {
    Handler& handler = handlers_[number];
    if (handler.guard == nullptr || handler.guard->admit().ok()) {
      match_.handlers.push_back(&handler);
    } else if (handler.guard->state() != State::absent) {
      parked_now_.push_back({handler.name, handler.guard->reason()});
      match_.parked.push_back(&parked_now_.back());
    }
  }
  for (const std::uint32_t number : claimants.parked) match_.parked.push_back(&parked_[number]);
  return match_;
}

}  // namespace tally::plugin
