// Where each partition is read from, which offsets are committed, and which messages are read once more.
// Not for which partitions are ours (see group.cc).
#include <algorithm>

#include <tally/sdk/log.h>

#include "group.h"

namespace tally::kafka {
namespace {

constexpr std::chrono::milliseconds kAsk{2000};        // where a partition was left
constexpr std::chrono::milliseconds kAskOldest{500};   // of a partition without a place
constexpr std::chrono::milliseconds kAskPause{200};    // between such questions that failed
constexpr std::chrono::milliseconds kSeekPause{100};   // between two readings of what was given back
constexpr std::chrono::milliseconds kSeekAgain{5000};  // when it has not come by then

// Larger than those of any instance before, so that what they left unsettled is not taken for ours.
std::uint64_t next_generation(std::uint64_t last) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto by_clock = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  return std::max(last + 1, static_cast<std::uint64_t>(by_clock));
}

}  // namespace

// Every partition starts where the group has committed; where it never has, at the oldest message that is there.
void Group::take_assigned() {
  if (!assigning_ || Clock::now() < ask_again_) return;
  if (assigning_->cnt > 0) {
    auto error = rd_kafka_committed(client_.get(), assigning_.get(), static_cast<int>(kAsk.count()));
    for (const rd_kafka_topic_partition_t& one : each(assigning_.get())) {
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = one.err;
    }
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      ask_again_ = Clock::now() + kAskPause;
      trouble_ = std::string("cannot ask where the group has left its partitions: ") + rd_kafka_err2str(error);
      return;
    }
  }
  trouble_.clear();
  noted_.clear();
  client_.in_touch();
  for (rd_kafka_topic_partition_t& one : each(assigning_.get())) open_lane(one);
  const Partitions list = std::move(assigning_);
  if (const std::string why = text_of(rd_kafka_incremental_assign(client_.get(), list.get())); !why.empty()) {
    note("partitions cannot be taken: " + why);
  }
  joined_ = true;
}

// The oldest message's offset; -1: the broker has not said it. It is committed at once: from then on its loss is seen.
std::int64_t Group::oldest(const rd_kafka_topic_partition_t& of) {
  std::int64_t low = -1;
  std::int64_t high = -1;
  const auto error = rd_kafka_query_watermark_offsets(client_.get(), of.topic, of.partition, &low, &high,
                                                      static_cast<int>(kAskOldest.count()));
  return error == RD_KAFKA_RESP_ERR_NO_ERROR ? low : -1;
}

// Its place is made known here, too, where the group has none.
void Group::open_lane(rd_kafka_topic_partition_t& from) {
  const auto [place, is_new] = numbers_.try_emplace({from.topic, from.partition}, lanes_.size());
  if (is_new) lanes_.emplace_back();
  Lane& lane = lanes_[place->second];
  if (lane.ours) close_lane(lane);
  const std::uint64_t generation = next_generation(lane.generation);
  lane = Lane();
  lane.number = place->second;
  lane.topic = from.topic;
  lane.partition = from.partition;
  lane.ours = true;
  lane.generation = generation;
  if (from.offset >= 0) {
    lane.start = lane.committed = from.offset;
    lane.given_before = lane.committed_end = end_in(from);
  } else {
    lane.start = oldest(from);
    from.offset = lane.start < 0 ? RD_KAFKA_OFFSET_BEGINNING : lane.start;
  }
  lane.window = Window(std::max<std::int64_t>(lane.start, 0));
  const EventQueue queue(rd_kafka_queue_get_partition(client_.get(), from.topic, from.partition));
  if (queue) rd_kafka_queue_forward(queue.get(), messages_.get());
}

// --- what the broker has no more -------------------------------------------------------------------------------------

void Group::offset_lost(Lane& lane, const std::string& why, const TransportEvents& events) {
  counts_.add(Counts::offsets_lost);
  const std::string what = lane.text() + ": the next message, offset " + std::to_string(lane.window.end()) +
                           ", is not at the broker any more, unread ones may be gone (" + why + ")";
  if (!options_.lost_goes_on) {
    lane.stuck = what + "; the partition halts: set the group's offset, or lost_offset: earliest, and start again";
    log(Level::error, lane.stuck);
    return;
  }
  log(Level::error, what + "; going on from the oldest that is there");
  restart(lane);
  tell_lost(events);
}

// Reads the lane again from its oldest message, as another generation.
void Group::restart(Lane& lane) {
  const Partitions list = make_partitions(1);
  auto* one = rd_kafka_topic_partition_list_add(list.get(), lane.topic.c_str(), lane.partition);
  unassign(list.get());
  open_lane(*one);
  if (const std::string why = text_of(rd_kafka_incremental_assign(client_.get(), list.get())); !why.empty()) {
    note(lane.text() + ": cannot be read again: " + why);
  }
}

// --- commits ---------------------------------------------------------------------------------------------------------

void Group::commit_settled() {
  const Partitions list = make_partitions();
  for (const Lane& lane : lanes_) {
    if (!lane.moved()) continue;
    auto* one = rd_kafka_topic_partition_list_add(list.get(), lane.topic.c_str(), lane.partition);
    one->offset = lane.window.done_up_to();
    put_end(*one, lane.end());
  }
  next_commit_ = Clock::now() + options_.commit_every;
  if (list->cnt == 0) return;
  const auto error = rd_kafka_commit(client_.get(), list.get(), 1);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++commits_;
  } else {
    counts_.add(Counts::commits_failed);
    note(std::string("cannot commit: ") + rd_kafka_err2str(error));
  }
}

void Group::committed(rd_kafka_resp_err_t error, const rd_kafka_topic_partition_list_t* list) {
  if (commits_ > 0) --commits_;
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR || list == nullptr) {
    counts_.add(Counts::commits_failed);
    const bool usual = leaving_ || error == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
    if (!usual) note(std::string("cannot commit, trying again: ") + rd_kafka_err2str(error));
    return;
  }
  for (const rd_kafka_topic_partition_t& one : each(list)) {
    Lane* lane = find(one.topic, one.partition);
    if (lane == nullptr) continue;
    if (one.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      counts_.add(Counts::commits_failed);
      note(lane->text() + ": cannot commit, trying again: " + rd_kafka_err2str(one.err));
      continue;
    }
    lane->committed = one.offset;
    lane->committed_end = std::max(lane->committed_end, end_in(one));
  }
}

// When what was given back of the lane is to be read once more, or again where it has not come.
Clock::time_point Group::read_again_at(const Lane& lane) const {
  const std::int64_t offset = lane.ours && !lane.closing ? lane.window.oldest_returned() : -1;
  if (offset < 0) return Clock::time_point::max();
  return lane.sought + (lane.asked == offset ? kSeekAgain : kSeekPause);
}

// What was given back is read once more, and what is known of what follows is passed over.
void Group::read_again() {
  const auto now = Clock::now();
  const Partitions list = make_partitions();
  for (Lane& lane : lanes_) {
    if (now < read_again_at(lane)) continue;
    const std::int64_t offset = lane.window.oldest_returned();
    rd_kafka_topic_partition_list_add(list.get(), lane.topic.c_str(), lane.partition)->offset = offset;
    lane.sought = now;
    lane.asked = offset;
  }
  if (list->cnt == 0) return;
  counts_.add(Counts::requeued, static_cast<std::uint64_t>(list->cnt));
  if (const std::string why = text_of(rd_kafka_seek_partitions(client_.get(), list.get(), 0)); !why.empty()) {
    note("cannot read again what was given back: " + why);
  }
}

}  // namespace tally::kafka
