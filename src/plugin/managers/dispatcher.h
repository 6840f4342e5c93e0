// Finds all handlers that take a message, by its event type.
// Not for calling them: the caller does, and decides what their answers mean together.
#ifndef TALLY_PLUGIN_MANAGERS_DISPATCHER_H
#define TALLY_PLUGIN_MANAGERS_DISPATCHER_H

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_map.h"
#include "plugin/roles.h"
#include "plugin/supervise/guard.h"

namespace tally::plugin {

// Maps an event type to the numbers whose patterns match it. The cost does not grow with patterns that do not match:
// exact types are hashed, `begin*` and `*end` are found by walking the event type through a trie. Only patterns with a
// `*` at both ends and text between are tried one by one.
class PatternIndex {
 public:
  // `pattern`: exact, or with `*` for any run of characters.
  void add(std::string_view pattern, std::uint32_t number);
  // Appends each matching number once, in ascending order.
  void match(std::string_view text, std::vector<std::uint32_t>& numbers) const;

 private:
  struct Glob {
    std::string pattern;
    std::uint32_t number;
  };
  struct Node {
    std::vector<Glob> globs;
  };
  using Trie = struct {
    std::vector<Node> nodes = std::vector<Node>(1);
    absl::flat_hash_map<std::uint64_t, std::uint32_t> edges;  // (node << 8 | byte) -> node
  };
  static void insert(Trie& trie, std::string_view path, Glob glob);

  absl::flat_hash_map<std::string, std::vector<std::uint32_t>> exact_;
  Trie prefixes_;
  Trie suffixes_;  // of reversed text
};

// One thread at a time; a worker each has its own, with its own instances.
class Dispatcher {
 public:
  struct Handler {
    std::string name;  // "notification:meters"
    std::unique_ptr<MessageHandler> handler;
    std::shared_ptr<Guard> guard;  // null in tests
    std::vector<std::string> claims;
    std::vector<std::string> meters{};  // those that its manifest names
  };
  // A handler that should have taken the message but cannot: refused, failed, quarantined.
  struct Parked {
    std::string name;
    std::string reason;
  };
  struct Match {
    std::vector<Handler*> handlers;  // in the order they were added
    std::vector<const Parked*> parked;
    bool nobody() const { return handlers.empty() && parked.empty(); }
  };

  // Takes a handler with the event types that it claims. Its address stays.
  Handler& add(std::string name, std::unique_ptr<MessageHandler> handler, const std::vector<std::string>& claims,
               std::shared_ptr<Guard> guard = nullptr);
  // The same, asking the handler itself for its claims.
  absl::Status add(std::string name, std::unique_ptr<MessageHandler> handler, std::shared_ptr<Guard> guard = nullptr);
  // Remembers which event types belong to a handler that cannot be called.
  void park(std::string name, std::string reason, const std::vector<std::string>& claims);

  // Who takes this event type. A handler whose guard says failed or quarantined counts as parked, one that is absent
  // does not count. The answer lives until the next call.
  const Match& match(std::string_view event_type);

  std::deque<Handler>& handlers() { return handlers_; }
  const std::deque<Parked>& parked() const { return parked_; }

 private:
  // The numbers of those who claim an event type, whatever their state.
  struct Claimants {
    std::vector<std::uint32_t> handlers, parked;
  };
  const Claimants& claimants(std::string_view event_type);

  PatternIndex handler_index_;
  PatternIndex parked_index_;
  absl::node_hash_map<std::string, Claimants> known_;  // what was asked before
  std::string last_type_;                              // and last
  const Claimants* last_ = nullptr;
  std::deque<Handler> handlers_;
  std::deque<Parked> parked_;
  std::deque<Parked> parked_now_;  // those of the last answer that a guard holds back
  Match match_;
};

}  // namespace tally::plugin

#endif
