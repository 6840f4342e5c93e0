#include "base/fault_log.h"

#include <algorithm>

namespace tally {
namespace {

constexpr std::size_t kMostReasons = 8;  // of a fault that has several in turn

}  // namespace

bool FaultLog::due(std::string_view reason, Clock::time_point now) {
  std::string key(reason);
  std::erase_if(key, [](char c) { return c >= '0' && c <= '9'; });
  const auto known = std::find_if(said_.begin(), said_.end(), [&](const auto& one) { return one.first == key; });
  if (known != said_.end() && now - known->second < kAgain) return false;
  if (known != said_.end()) said_.erase(known);
  if (said_.size() == kMostReasons) said_.erase(said_.begin());
  said_.emplace_back(std::move(key), now);
  return true;
}

}  // namespace tally
