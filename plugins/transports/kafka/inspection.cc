#include "inspection.h"

#include <algorithm>
#include <string>

namespace tally::kafka {

// A broker that does not tell the members leaves the consumers at none.
void Inspection::tell(const QueueSink& sink) {
  const GroupView::Topics topics = outside_.topics();
  for (const GroupView::Member& member : outside_.members().list) {
    const bool ours = member.who.starts_with("tally-");  // as our client.id begins, unless it is set otherwise
    for (const Place& place : member.has) {
      ++members_[place];
      if (!ours) strangers_[place] = member.who;
    }
  }
  for (const Place& place : topics.partitions) tell_partition(place, sink);
  for (const std::string& name : topics.absent) {
    QueueView absent;
    absent.name = name;
    absent.state = "absent";
    sink(absent);
  }
}

void Inspection::tell_partition(const Place& place, const QueueSink& sink) {
  const auto& [topic, partition] = place;
  std::int64_t low = 0;
  std::int64_t high = 0;
  const Partitions list = make_partitions(1);
  const auto* at = rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
  auto error =
      rd_kafka_query_watermark_offsets(outside_.client(), topic.c_str(), partition, &low, &high, outside_.left());
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = rd_kafka_committed(outside_.client(), list.get(), outside_.left());
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = at->err;
  const std::string name = text_of(place);
  std::string warning;
  QueueView told;
  told.name = name;
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    told.state = "refused";
    warning = rd_kafka_err2str(error);
  } else {
    const std::int64_t next = at->offset < 0 ? low : at->offset;
    const auto found = members_.find(place);
    told.consumers = found == members_.end() ? 0 : found->second;
    told.messages = static_cast<std::uint64_t>(std::max<std::int64_t>(high - std::max(next, low), 0));
    if (next < low || next > high) {
      warning = "the next message, offset " + std::to_string(next) + ", is not there any more: see lost_offset";
    } else if (const auto other = strangers_.find(place); other != strangers_.end()) {
      warning = "its consumer in the group " + outside_.group() + ", " + other->second +
                ", is not Tally's, and takes what it brings: set another `group`";
    } else if (told.consumers == 0U) {
      warning =
          "no collector of the group " + outside_.group() + " has it: start one before retention takes what waits";
    }
  }
  if (!warning.empty()) told.warning = warning;
  sink(told);
}

}  // namespace tally::kafka
