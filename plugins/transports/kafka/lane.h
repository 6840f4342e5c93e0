// One partition while it is assigned to us: which messages are unsettled, and which offset is committed.
// Not for reading or committing (see consumer.cc, group.cc).
#ifndef TALLY_KAFKA_LANE_H
#define TALLY_KAFKA_LANE_H

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>

#include "client.h"
#include "window.h"

namespace tally::kafka {

// A commit's metadata says how far messages were handed over; 0: it says nothing.
inline std::int64_t end_in(const rd_kafka_topic_partition_t& from) {
  std::int64_t end = 0;
  const auto* text = static_cast<const char*>(from.metadata);
  if (text != nullptr) std::from_chars(text, text + from.metadata_size, end);
  return end;
}
inline void put_end(rd_kafka_topic_partition_t& to, std::int64_t end) {
  const std::string text = std::to_string(end);
  to.metadata = ::strdup(text.c_str());  // the library frees it
  to.metadata_size = text.size();
}

struct Lane {
  std::uint64_t number = 0;
  std::string topic;
  std::int32_t partition = 0;

  bool ours = false;
  bool closing = false;  // is to be given up: nothing more of it is handed over
  std::uint64_t generation = 0;
  Window window;
  std::int64_t start = -1;          // where the window began; -1: the oldest, wherever that is
  std::int64_t committed = -1;      // -1: nothing
  std::int64_t committed_end = -1;  // end() as it was committed with it
  std::int64_t given_before = 0;    // messages before this offset were handed over by somebody
  Clock::time_point sought;         // when what was given back was asked for again
  std::int64_t asked = -1;          // from where
  std::string stuck;                // why it is not read on; empty: it is

  std::string text() const { return topic + " [" + std::to_string(partition) + "]"; }
  // One beyond the last that was ever handed over.
  std::int64_t end() const { return std::max(window.end(), given_before); }
  // Whether there is something to commit that is not committed.
  bool moved() const {
    const bool known = start >= 0 || window.end() > 0;
    return ours && known && (window.done_up_to() != committed || end() != committed_end);
  }
};

}  // namespace tally::kafka

#endif
