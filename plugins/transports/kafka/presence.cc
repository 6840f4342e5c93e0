#include "presence.h"

#include <regex.h>

#include <algorithm>
#include <span>

namespace tally::kafka {
namespace {

constexpr std::chrono::seconds kLookEvery{2};
constexpr int kLookMs = 500;

bool matches(const std::string& pattern, const std::string& topic) {
  regex_t compiled;
  if (::regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB) != 0) return false;
  const bool found = ::regexec(&compiled, topic.c_str(), 0, nullptr, 0) == 0;
  ::regfree(&compiled);
  return found;
}

}  // namespace

bool consumed(const std::vector<std::string>& topics, const std::string& topic) {
  return std::any_of(topics.begin(), topics.end(), [&](const std::string& wanted) {
    return wanted.starts_with('^') ? matches(wanted, topic) : wanted == topic;
  });
}

bool Presence::any(Client& client) {
  if (Clock::now() < next_) return any_;
  next_ = Clock::now() + kLookEvery;
  const struct rd_kafka_metadata* found = nullptr;
  if (rd_kafka_metadata(client.get(), 1, nullptr, &found, kLookMs) != RD_KAFKA_RESP_ERR_NO_ERROR) return any_;
  const auto all = std::span(found->topics, static_cast<std::size_t>(found->topic_cnt));
  any_ = std::any_of(all.begin(), all.end(), [&](const rd_kafka_metadata_topic& one) {
    return one.err == RD_KAFKA_RESP_ERR_NO_ERROR && consumed(topics_, one.topic);
  });
  rd_kafka_metadata_destroy(found);
  return any_;
}

std::string Presence::names() const {
  std::string list;
  for (const std::string& topic : topics_) list += (list.empty() ? "" : ", ") + topic;
  return list;
}

}  // namespace tally::kafka
