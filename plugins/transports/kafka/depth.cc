#include "depth.h"

#include <algorithm>
#include <cstdint>

namespace tally::kafka {
namespace {

constexpr int kAskMs = 500;

void tell(const TransportEvents& events, const std::string& name, std::uint64_t messages) {
  QueueView queue;
  queue.name = name;
  queue.messages = messages;
  events.queue(queue);
}

}  // namespace

// What the library has cached is as old as its last fetch, and nothing is fetched while the host is full.
void Depth::turn(Client& client, const std::deque<Lane>& lanes, const TransportEvents& events) {
  if (every_.count() == 0 || Clock::now() < next_) return;
  const Partitions list = make_partitions();
  std::set<std::string> names;
  for (const Lane& lane : lanes) {
    if (!lane.ours) continue;
    names.insert(lane.text());
    rd_kafka_topic_partition_list_add(list.get(), lane.topic.c_str(), lane.partition)->offset = RD_KAFKA_OFFSET_END;
  }
  for (const std::string& name : ours_) {
    if (names.count(name) != 0) continue;
    QueueView gone;
    gone.name = name;
    gone.state = "revoked";
    events.queue(gone);
  }
  ours_ = std::move(names);
  if (list->cnt == 0) return;
  next_ = Clock::now() + every_;
  // A "time" of RD_KAFKA_OFFSET_END asks for the end, as the protocol's ListOffsets has it.
  if (rd_kafka_offsets_for_times(client.get(), list.get(), kAskMs) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  for (const Lane& lane : lanes) {
    if (!lane.ours) continue;
    const auto* end = rd_kafka_topic_partition_list_find(list.get(), lane.topic.c_str(), lane.partition);
    const bool placed = lane.start >= 0 || lane.window.done_up_to() > 0;
    if (end == nullptr || end->err != RD_KAFKA_RESP_ERR_NO_ERROR || end->offset < 0 || !placed) continue;
    tell(events, lane.text(),
         static_cast<std::uint64_t>(std::max<std::int64_t>(end->offset - lane.window.done_up_to(), 0)));
  }
}

}  // namespace tally::kafka
