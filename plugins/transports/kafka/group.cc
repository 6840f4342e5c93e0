#include "group.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <span>

#include <tally/sdk/error.h>
#include <tally/sdk/log.h>

namespace tally::kafka {
namespace {

constexpr std::chrono::milliseconds kAsk{2000};       // where a partition was left
constexpr std::chrono::milliseconds kAskOldest{500};  // of a partition without a place
constexpr std::chrono::milliseconds kAskPause{200};   // between such questions that failed
constexpr std::chrono::milliseconds kLastCommit{3000};
constexpr std::chrono::milliseconds kLeave{5000};
constexpr std::chrono::milliseconds kSeekPause{100};   // between two readings of what was given back
constexpr std::chrono::milliseconds kSeekAgain{5000};  // when it has not come by then
constexpr std::chrono::milliseconds kGather{500};      // absent topics, before they are told
constexpr std::size_t kMostNoted = 1000;

// Larger than those of any instance before, so that what they left unsettled is not taken for ours.
std::uint64_t next_generation(std::uint64_t last) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto by_clock = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  return std::max(last + 1, static_cast<std::uint64_t>(by_clock));
}

// A commit's metadata says how far messages were handed over.
std::int64_t end_in(const rd_kafka_topic_partition_t& from) {
  std::int64_t end = 0;
  const auto* text = static_cast<const char*>(from.metadata);
  if (text != nullptr) std::from_chars(text, text + from.metadata_size, end);
  return end;
}

std::span<rd_kafka_topic_partition_t> each(const rd_kafka_topic_partition_list_t* list) {
  return {list->elems, static_cast<std::size_t>(list->cnt)};
}

Partitions copy(const rd_kafka_topic_partition_list_t* list) {
  return Partitions(rd_kafka_topic_partition_list_copy(list));
}

std::string text_of(rd_kafka_error_t* error) {
  const KafkaError owner(error);
  return error == nullptr ? std::string() : rd_kafka_error_string(error);
}

}  // namespace

Group::Group(GroupOptions options, Counts& counts)
    : options_(std::move(options)),
      counts_(counts),
      ready_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      client_(RD_KAFKA_CONSUMER, options_.settings, *this, counts),
      messages_(rd_kafka_queue_new(client_.get())),
      own_(rd_kafka_queue_get_consumer(client_.get())) {
  if (!ready_) throw Error::passing("cannot make an event descriptor: " + spool_files::why(errno));
  rd_kafka_poll_set_consumer(client_.get());
  static constexpr std::uint64_t kOne = 1;
  rd_kafka_queue_io_event_enable(messages_.get(), ready_.get(), &kOne, sizeof kOne);
  rd_kafka_queue_io_event_enable(own_.get(), ready_.get(), &kOne, sizeof kOne);
  const Partitions topics = make_partitions(static_cast<int>(options_.topics.size()));
  for (const std::string& topic : options_.topics) {
    rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  }
  if (const auto error = rd_kafka_subscribe(client_.get(), topics.get()); error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    throw Error::permanent(std::string("topics: cannot be subscribed to, is a regular expression wrong? ") +
                           rd_kafka_err2str(error));
  }
}

Group::~Group() {
  leave();
  // The library's own references go before it does.
  messages_.reset();
  own_.reset();
}

void Group::turn(const TransportEvents& events) {
  while (const KafkaMessage told{rd_kafka_consumer_poll(client_.get(), 0)}) refused(*told);
  tell_absent();
  tell_closing(events);
  take_assigned();
  give_up_revoked();
  tell_lost(events);
  if (commits_ == 0 && Clock::now() >= next_commit_) commit_settled();
  read_again();
}

Clock::time_point Group::due() const {
  Clock::time_point at = next_commit_;
  const auto now = Clock::now();
  if (commits_ > 0 || std::none_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.moved(); })) {
    at = now + options_.commit_every;
  }
  if (assigning_) at = std::min(at, ask_again_);
  if (revoking_) at = std::min(at, revoke_by_);
  for (const Lane& lane : lanes_) {
    if (lane.ours && lane.window.oldest_returned() >= 0) at = std::min(at, std::max(lane.sought + kSeekPause, now));
  }
  return at;
}

std::size_t Group::open() const {
  std::size_t count = 0;
  for (const Lane& lane : lanes_) count += lane.ours ? lane.window.open() : 0;
  return count;
}

Lane* Group::find(const char* topic, std::int32_t partition) {
  const auto found = numbers_.find(std::pair<std::string, std::int32_t>(topic, partition));
  if (found == numbers_.end() || !lanes_[found->second].ours) return nullptr;
  return &lanes_[found->second];
}

void Group::note(const std::string& what) {
  counts_.add(Counts::errors);
  if (noted_.size() > kMostNoted) noted_.clear();
  if (noted_.insert(what).second) log(Level::warning, what);
}

void Group::refused(const rd_kafka_message_t& told) {
  if (told.err == RD_KAFKA_RESP_ERR_NO_ERROR || told.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return;
  const std::string what = rd_kafka_message_errstr(&told);
  if (told.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
    const std::string name = told.rkt == nullptr ? what : rd_kafka_topic_name(told.rkt);
    if (!noted_.insert(name).second) return;
    if (absent_.empty()) tell_absent_at_ = Clock::now() + kGather;
    absent_ += (absent_.empty() ? "" : ", ") + name;
    return;
  }
  note(what);
  if (std::none_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.ours; })) trouble_ = what;
}

// One line for all of them.
void Group::tell_absent() {
  if (absent_.empty() || Clock::now() < tell_absent_at_) return;
  log(Level::info, "waiting for topics that are not there yet: " + absent_);
  absent_.clear();
}

std::string Group::trouble() const {
  for (const Lane& lane : lanes_) {
    if (lane.ours && !lane.stuck.empty()) return lane.stuck;
  }
  return trouble_;
}

// --- rebalances ------------------------------------------------------------------------------------------------------

void Group::rebalanced(rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t* list) {
  counts_.add(Counts::rebalances);
  if (error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    counts_.add(Counts::assigned, static_cast<std::uint64_t>(list->cnt));
    if (leaving_) return take_none();
    assigning_ = copy(list);
    ask_again_ = Clock::now();
  } else if (error == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
    counts_.add(Counts::revoked, static_cast<std::uint64_t>(list->cnt));
    assigning_.reset();
    begin_revoke(list);
  } else {
    note(std::string("the group's rebalance failed: ") + rd_kafka_err2str(error));
    for (Lane& lane : lanes_) close_lane(lane);
    rd_kafka_assign(client_.get(), nullptr);
  }
}

void Group::begin_revoke(const rd_kafka_topic_partition_list_t* list) {
  const bool too_late = rd_kafka_assignment_lost(client_.get()) != 0;
  if (too_late) counts_.add(Counts::lost, static_cast<std::uint64_t>(list->cnt));
  if (leaving_ || too_late) {
    unassign(list);
    return;
  }
  revoking_ = copy(list);
  revoke_by_ = Clock::now() + options_.revoke_wait;
  last_commit_ = false;
  for (const rd_kafka_topic_partition_t& one : each(list)) {
    if (Lane* lane = find(one.topic, one.partition)) {
      lane->closing = true;
      if (lane->window.open() > 0) closing_.push_back(lane->number);
    }
  }
}

void Group::tell_closing(const TransportEvents& events) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(revoke_by_ - Clock::now()).count();
  for (const std::uint64_t number : closing_) {
    events.lane_closing(number, lanes_[number].generation, std::max<std::int64_t>(left, 0));
  }
  closing_.clear();
}

void Group::tell_lost(const TransportEvents& events) {
  for (const auto& [number, generation] : ended_) events.lane_lost(number, generation);
  ended_.clear();
}

// When the host has settled all of it, or its time is over: a last commit, and the partitions go.
void Group::give_up_revoked() {
  if (!revoking_) return;
  const bool settled = std::none_of(lanes_.begin(), lanes_.end(),
                                    [](const Lane& lane) { return lane.closing && lane.window.open() > 0; });
  if (!last_commit_) {
    if (!settled && Clock::now() < revoke_by_) return;
    last_commit_ = true;
    revoke_by_ = Clock::now() + kLastCommit;
    commit_settled();
  }
  if (commits_ > 0 && Clock::now() < revoke_by_) return;
  const Partitions list = std::move(revoking_);
  unassign(list.get());
}

void Group::unassign(const rd_kafka_topic_partition_list_t* list) {
  for (const rd_kafka_topic_partition_t& one : each(list)) {
    if (Lane* lane = find(one.topic, one.partition)) close_lane(*lane);
  }
  if (const std::string why = text_of(rd_kafka_incremental_unassign(client_.get(), list)); !why.empty()) {
    note("partitions cannot be given up: " + why);
  }
}

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
}

// As an answer to what is given to us while we leave.
void Group::take_none() {
  static_cast<void>(text_of(rd_kafka_incremental_assign(client_.get(), make_partitions().get())));
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
  const Queue queue(rd_kafka_queue_get_partition(client_.get(), from.topic, from.partition));
  if (queue) rd_kafka_queue_forward(queue.get(), messages_.get());
}

void Group::close_lane(Lane& lane) {
  if (!lane.ours) return;
  lane.ours = false;
  lane.closing = false;
  ended_.emplace_back(lane.number, lane.generation);
}

// --- what the broker has no more -------------------------------------------------------------------------------------

void Group::offset_lost(Lane& lane, const std::string& why, const TransportEvents& events) {
  counts_.add(Counts::offsets_lost);
  const std::string what = lane.text() + ": the broker has not the offset " + std::to_string(lane.window.end()) +
                           " that comes next, messages before it was read may be gone (" + why + ")";
  if (!options_.lost_goes_on) {
    lane.stuck = what + "; the partition halts: set the group's offset, or lost_offset: earliest, and start again";
    log(Level::error, lane.stuck);
    return;
  }
  log(Level::error, what + "; going on from the oldest that is there");
  restart(lane);
  tell_lost(events);
}

// Reads the lane anew from its oldest message, as another generation.
void Group::restart(Lane& lane) {
  const Partitions list = make_partitions(1);
  auto* one = rd_kafka_topic_partition_list_add(list.get(), lane.topic.c_str(), lane.partition);
  unassign(list.get());
  open_lane(*one);
  if (const std::string why = text_of(rd_kafka_incremental_assign(client_.get(), list.get())); !why.empty()) {
    note(lane.text() + ": cannot be read anew: " + why);
  }
}

// --- commits ---------------------------------------------------------------------------------------------------------

void Group::commit_settled() {
  const Partitions list = make_partitions();
  for (const Lane& lane : lanes_) {
    if (!lane.moved()) continue;
    auto* one = rd_kafka_topic_partition_list_add(list.get(), lane.topic.c_str(), lane.partition);
    one->offset = lane.window.done_up_to();
    const std::string end = std::to_string(lane.end());
    one->metadata = ::strdup(end.c_str());  // the library frees it
    one->metadata_size = end.size();
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
    if (!leaving_) note(std::string("cannot commit, trying again: ") + rd_kafka_err2str(error));
    return;
  }
  client_.in_touch();
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

// What was given back is read once more, and what is known of what follows is passed over.
void Group::read_again() {
  const auto now = Clock::now();
  const Partitions list = make_partitions();
  for (Lane& lane : lanes_) {
    const std::int64_t offset = lane.ours && !lane.closing ? lane.window.oldest_returned() : -1;
    if (offset < 0) continue;
    const auto pause = lane.asked == offset ? kSeekAgain : kSeekPause;
    if (now < lane.sought + pause) continue;
    rd_kafka_topic_partition_list_add(list.get(), lane.topic.c_str(), lane.partition)->offset = offset;
    lane.sought = now;
    lane.asked = offset;
  }
  if (list->cnt == 0) return;
  counts_.add(Counts::given_back, static_cast<std::uint64_t>(list->cnt));
  if (const std::string why = text_of(rd_kafka_seek_partitions(client_.get(), list.get(), 0)); !why.empty()) {
    note("cannot read again what was given back: " + why);
  }
}

// --- the end ---------------------------------------------------------------------------------------------------------

void Group::leave() {
  leaving_ = true;
  const auto commit_by = Clock::now() + kLastCommit;
  while (Clock::now() < commit_by) {
    if (commits_ == 0 && std::none_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.moved(); }))
      break;
    if (commits_ == 0) commit_settled();
    const KafkaMessage told{rd_kafka_consumer_poll(client_.get(), 20)};
  }
  if (assigning_) take_none();
  if (revoking_) unassign(revoking_.get());
  const Queue queue(rd_kafka_queue_new(client_.get()));
  if (!text_of(rd_kafka_consumer_close_queue(client_.get(), queue.get())).empty()) return;
  const auto leave_by = Clock::now() + kLeave;
  while (rd_kafka_consumer_closed(client_.get()) == 0 && Clock::now() < leave_by) {
    const Event event(rd_kafka_queue_poll(queue.get(), 50));
    if (event && rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_REBALANCE) {
      rebalanced(rd_kafka_event_error(event.get()), rd_kafka_event_topic_partition_list(event.get()));
    }
  }
}

}  // namespace tally::kafka
