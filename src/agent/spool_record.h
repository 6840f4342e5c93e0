// A message of samples as a record of the agent's spool, and back.
// Not for the spool itself: <spool/spool.h>.
#ifndef TALLY_AGENT_SPOOL_RECORD_H
#define TALLY_AGENT_SPOOL_RECORD_H

#include <tally/model/time.h>
#include "spool/spool.h"

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "agent/outbox.h"

namespace tally::agent {

// A record in the spool: the number of samples, when it was spooled in microseconds, the message's id, a line end, the
// message.
inline std::string to_record(const Batch& batch, Time now) {
  return std::to_string(batch.samples) + " " + std::to_string(now.us) + " " + batch.id + "\n" + batch.body;
}

// One message on its way; `sequence` where it came from the spool.
struct Item {
  Batch batch;
  std::optional<std::uint64_t> sequence;
  std::optional<Time> spooled_at;
};

inline Item from_record(spool::SpoolRecord record) {
  const std::size_t line = record.body.find('\n');
  if (line == std::string::npos) return {{std::move(record.body), 0, {}}, record.sequence, {}};
  const std::string head = record.body.substr(0, line);
  Item item{{record.body.substr(line + 1), 0, {}}, record.sequence, {}};
  char* rest = nullptr;
  item.batch.samples = std::strtoull(head.c_str(), &rest, 10);
  if (*rest == ' ') item.spooled_at = Time{std::strtoll(rest, &rest, 10)};
  if (*rest == ' ') item.batch.id = rest + 1;
  return item;
}

}  // namespace tally::agent

#endif
