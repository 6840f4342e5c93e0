// Membership of the consumer group: partitions that are assigned and revoked, and leaving the group.
// Not for offsets: where each partition is read from, and which offsets are committed, is in group_offsets.cc.
#include "group.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include <tally/sdk/error.h>
#include <tally/sdk/log.h>

namespace tally::kafka {
namespace {

constexpr std::chrono::milliseconds kLastCommit{3000};
constexpr std::chrono::milliseconds kLeave{5000};
constexpr std::chrono::milliseconds kGather{500};  // absent topics, before they are told
constexpr std::size_t kMostNoted = 1000;
constexpr int kEndsBeforeAssignment = 0x02030000;

Partitions copy(const rd_kafka_topic_partition_list_t* list) {
  return Partitions(rd_kafka_topic_partition_list_copy(list));
}

}  // namespace

Group::Group(GroupOptions options, Counts& counts)
    : options_(std::move(options)),
      counts_(counts),
      ready_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      client_(RD_KAFKA_CONSUMER, options_.settings, *this, counts),
      messages_(rd_kafka_queue_new(client_.get())),
      own_(rd_kafka_queue_get_consumer(client_.get())),
      presence_(options_.topics) {
  if (!ready_) throw Error::transient("cannot make an event descriptor: " + system_error_text(errno));
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
  // Before 2.3, librdkafka fails an assertion where the client of a cooperative group ends before it was ever given
  // anything, and the process with it (https://github.com/confluentinc/librdkafka/issues/4312).
  if (!assigned_once_ && rd_kafka_version() < kEndsBeforeAssignment) client_.abandon();
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
    at = std::min(at, read_again_at(lane));
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

std::string Group::waiting_for() {
  if (std::any_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.ours; })) return {};
  if (!presence_.any(client_)) return "connected, waiting for topics that are not there yet: " + presence_.names();
  return joined_ ? std::string() : "connected, joining the consumer group";
}

// --- rebalances ------------------------------------------------------------------------------------------------------

void Group::rebalanced(rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t* list) {
  counts_.add(Counts::rebalances);
  if (error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    assigned_once_ = true;
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
    joined_ = false;
  }
}

void Group::begin_revoke(const rd_kafka_topic_partition_list_t* list) {
  const bool too_late = rd_kafka_assignment_lost(client_.get()) != 0;
  if (too_late) {
    counts_.add(Counts::lost, static_cast<std::uint64_t>(list->cnt));
    joined_ = false;
  }
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
  const bool all_committed =
      std::none_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.closing && lane.moved(); });
  if ((commits_ > 0 || !all_committed) && Clock::now() < revoke_by_) {
    if (commits_ == 0 && Clock::now() >= next_commit_) commit_settled();
    return;
  }
  const Partitions list = std::move(revoking_);
  unassign(list.get());
}

void Group::unassign(const rd_kafka_topic_partition_list_t* list) {
  for (const rd_kafka_topic_partition_t& one : each(list)) {
    if (Lane* lane = find(one.topic, one.partition)) close_lane(*lane);
  }
  const Partitions held = held_of(list);
  if (const std::string why = text_of(rd_kafka_incremental_unassign(client_.get(), held.get())); !why.empty()) {
    note("partitions cannot be given up: " + why);
  }
}

// What is asked back and was taken: while we leave, take_none() may have taken nothing of it.
Partitions Group::held_of(const rd_kafka_topic_partition_list_t* list) const {
  rd_kafka_topic_partition_list_t* found = nullptr;
  Partitions held = make_partitions(list->cnt);
  if (rd_kafka_assignment(client_.get(), &found) != RD_KAFKA_RESP_ERR_NO_ERROR) return held;
  const Partitions all(found);
  for (const rd_kafka_topic_partition_t& one : each(list)) {
    if (rd_kafka_topic_partition_list_find(all.get(), one.topic, one.partition) == nullptr) continue;
    rd_kafka_topic_partition_list_add(held.get(), one.topic, one.partition);
  }
  return held;
}

// As an answer to what is given to us while we leave.
void Group::take_none() {
  static_cast<void>(text_of(rd_kafka_incremental_assign(client_.get(), make_partitions().get())));
}

void Group::close_lane(Lane& lane) {
  if (!lane.ours) return;
  lane.ours = false;
  lane.closing = false;
  ended_.emplace_back(lane.number, lane.generation);
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
  unsubscribe();
  const EventQueue queue(rd_kafka_queue_new(client_.get()));
  if (!text_of(rd_kafka_consumer_close_queue(client_.get(), queue.get())).empty()) return;
  const auto leave_by = Clock::now() + kLeave;
  while (rd_kafka_consumer_closed(client_.get()) == 0 && Clock::now() < leave_by) {
    const Event event(rd_kafka_queue_poll(queue.get(), 50));
    if (event && rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_REBALANCE) {
      rebalanced(rd_kafka_event_error(event.get()), rd_kafka_event_topic_partition_list(event.get()));
    }
  }
}

// Closed in the middle of a join, librdkafka says no word to the group, which then waits session.timeout.ms for a
// member that is gone. Unsubscribed, it ends the join first and leaves. A join that waits for others takes their time.
void Group::unsubscribe() {
  if (rd_kafka_unsubscribe(client_.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  const auto leave_by = Clock::now() + kLeave;
  while (member() && Clock::now() < leave_by) {
    const KafkaMessage told{rd_kafka_consumer_poll(client_.get(), 10)};
  }
}

// Of the group, as far as the library has heard.
bool Group::member() const {
  char* id = rd_kafka_memberid(client_.get());
  const bool known = id != nullptr && *id != '\0';
  if (id != nullptr) rd_kafka_mem_free(client_.get(), id);
  return known;
}

}  // namespace tally::kafka
