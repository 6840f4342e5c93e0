#include "rewind.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <span>
#include <utility>

#include <tally/sdk/error.h>
#include <tally/sdk/log.h>

#include "lane.h"

namespace tally::kafka {
namespace {

constexpr std::chrono::milliseconds kOldest{5000};  // for the oldest messages, which only a warning needs
constexpr std::size_t kMostNamed = 5;
constexpr std::int64_t kUsInMs = 1000;

struct DestroyAlteration {
  void operator()(rd_kafka_AlterConsumerGroupOffsets_t* one) const { rd_kafka_AlterConsumerGroupOffsets_destroy(one); }
};

Partitions list_of(const std::vector<Place>& places, std::int64_t offset) {
  Partitions list = make_partitions(static_cast<int>(places.size()));
  for (const auto& [topic, partition] : places) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
  }
  return list;
}

// Each of the list has its answer, or none counts.
void check(rd_kafka_resp_err_t error, const rd_kafka_topic_partition_list_t* list, const char* what) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) throw Error::transient(std::string(what) + ": " + rd_kafka_err2str(error));
  for (const rd_kafka_topic_partition_t& one : each(list)) {
    if (one.err == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    throw Error::transient(text_of(Place(one.topic, one.partition)) + ": " + what + ": " + rd_kafka_err2str(one.err));
  }
}

std::int64_t floor_ms(Time time) { return time.us / kUsInMs - (time.us % kUsInMs < 0 ? 1 : 0); }

}  // namespace

void Rewind::run(Time to, bool dry_run, const RewindSink& sink) {
  const GroupView::Topics topics = outside_.topics();
  const std::string members = in_use();
  if (!members.empty() && !dry_run) {
    throw Error::permanent(
        "the group " + outside_.group() + " is in use by " + members +
        ": it can be rewound only while nobody is in it. Stop these collectors (systemctl stop " +
        "tally-collector) and try again; one that was killed stays in it for session.timeout.ms (45 s)");
  }
  if (!members.empty())
    log(Level::warning, "the group " + outside_.group() + " is in use by " + members + ": stop them first");
  const std::vector<Step> steps = plan(topics.partitions, to);
  const std::map<Place, Time> oldest = oldest_times(steps);
  if (!dry_run) commit(steps);
  for (const Step& step : steps) tell(step, dry_run, oldest, sink);
  for (const std::string& name : topics.absent) {
    RewoundView absent;
    absent.name = name;
    absent.state = "absent";
    sink(absent);
  }
}

// Who is in the group; empty: nobody.
std::string Rewind::in_use() {
  const GroupView::Members members = outside_.members();
  if (!members.refused.empty()) {
    throw Error::transient("no broker says who is in the group " + outside_.group() + ": " + members.refused);
  }
  std::string text;
  for (const GroupView::Member& one : std::span(members.list).first(std::min(members.list.size(), kMostNamed))) {
    text += (text.empty() ? "" : ", ") + one.who;
  }
  if (members.list.size() > kMostNamed) text += " and " + std::to_string(members.list.size() - kMostNamed) + " more";
  return text;
}

// --- where to --------------------------------------------------------------------------------------------------------

std::vector<Rewind::Step> Rewind::plan(const std::vector<Place>& partitions, Time to) {
  if (partitions.empty()) return {};
  const std::vector<std::int64_t> low = offsets_at(partitions, RD_KAFKA_OFFSET_BEGINNING);
  const std::vector<std::int64_t> high = offsets_at(partitions, RD_KAFKA_OFFSET_END);
  const std::vector<std::int64_t> at_time = offsets_at(partitions, std::max<std::int64_t>(floor_ms(to), 0));
  std::vector<Step> steps;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    steps.push_back({partitions[i], low[i], high[i], -1, 0, at_time[i]});
  }
  read_committed(steps);
  return steps;
}

// RD_KAFKA_OFFSET_BEGINNING and _END are the protocol's own "times" of both ends.
std::vector<std::int64_t> Rewind::offsets_at(const std::vector<Place>& partitions, std::int64_t time) {
  const Partitions list = list_of(partitions, time);
  check(rd_kafka_offsets_for_times(outside_.client(), list.get(), outside_.left()), list.get(),
        "no broker says which message is the first at that time");
  std::vector<std::int64_t> offsets;
  for (const auto& [topic, partition] : partitions) {
    offsets.push_back(rd_kafka_topic_partition_list_find(list.get(), topic.c_str(), partition)->offset);
  }
  return offsets;
}

void Rewind::read_committed(std::vector<Step>& steps) {
  std::vector<Place> places;
  for (const Step& step : steps) places.push_back(step.place);
  const Partitions list = list_of(places, RD_KAFKA_OFFSET_INVALID);
  check(rd_kafka_committed(outside_.client(), list.get(), outside_.left()), list.get(),
        "no broker says what the group has committed");
  for (Step& step : steps) {
    const auto* one = rd_kafka_topic_partition_list_find(list.get(), step.place.first.c_str(), step.place.second);
    if (one->offset < 0) continue;
    step.committed = one->offset;
    step.given_end = std::max(step.committed, end_in(*one));
  }
}

// Neither a member nor a subscriber: a consumer that is only told where to read.
std::map<Place, Time> Rewind::oldest_times(const std::vector<Step>& steps) {
  std::map<Place, Time> times;
  const Partitions list = make_partitions();
  for (const Step& step : steps) {
    if (!step.reaches_beyond() || step.low >= step.high) continue;
    rd_kafka_topic_partition_list_add(list.get(), step.place.first.c_str(), step.place.second)->offset = step.low;
  }
  if (list->cnt == 0) return times;
  rd_kafka_poll_set_consumer(outside_.client());
  if (rd_kafka_assign(outside_.client(), list.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) return times;
  const auto end = std::min(Clock::now() + kOldest, Clock::now() + std::chrono::milliseconds(outside_.left()));
  while (times.size() < static_cast<std::size_t>(list->cnt) && Clock::now() < end) {
    const KafkaMessage message{rd_kafka_consumer_poll(outside_.client(), 100)};
    if (!message || message->err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    const std::int64_t ms = rd_kafka_message_timestamp(message.get(), nullptr);
    if (ms >= 0) times.try_emplace({rd_kafka_topic_name(message->rkt), message->partition}, Time{ms * kUsInMs});
  }
  rd_kafka_assign(outside_.client(), nullptr);
  return times;
}

// --- going there -----------------------------------------------------------------------------------------------------

// A broker refuses it for a group that has members by now.
void Rewind::commit(const std::vector<Step>& steps) {
  const Partitions list = make_partitions();
  for (const Step& step : steps) {
    if (!step.moves()) continue;
    auto* one = rd_kafka_topic_partition_list_add(list.get(), step.place.first.c_str(), step.place.second);
    one->offset = step.target();
    put_end(*one, step.given_end);
  }
  if (list->cnt == 0) return;
  const std::unique_ptr<rd_kafka_AlterConsumerGroupOffsets_t, DestroyAlteration> alteration(
      rd_kafka_AlterConsumerGroupOffsets_new(outside_.group().c_str(), list.get()));
  const EventQueue queue(rd_kafka_queue_new(outside_.client()));
  auto* request = alteration.get();
  rd_kafka_AlterConsumerGroupOffsets(outside_.client(), &request, 1, nullptr, queue.get());
  const Event event(rd_kafka_queue_poll(queue.get(), outside_.left()));
  if (!event)
    throw Error::transient("no broker says whether the group " + outside_.group() + " is set back; try again");
  const std::string refused = "the group " + outside_.group() + " cannot be set back";
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    throw Error::transient(refused + ": " + rd_kafka_event_error_string(event.get()));
  }
  std::size_t count = 0;
  const auto** groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(
      rd_kafka_event_AlterConsumerGroupOffsets_result(event.get()), &count);
  for (const auto* one : std::span(groups, count)) {
    if (const auto* error = rd_kafka_group_result_error(one); error != nullptr) {
      throw Error::transient(refused + ": " + rd_kafka_error_string(error));
    }
    check(RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_group_result_partitions(one), "cannot be set back");
  }
}

void Rewind::tell(const Step& step, bool dry_run, const std::map<Place, Time>& oldest, const RewindSink& sink) const {
  const std::string name = text_of(step.place);
  std::string warning;
  RewoundView told;
  told.name = name;
  told.state = !step.moves() ? "unchanged" : dry_run ? "would rewind" : "rewound";
  if (step.committed >= 0) told.from = step.committed;
  told.to = step.moves() ? step.target() : step.committed >= 0 ? step.committed : step.low;
  told.messages = step.moves() ? static_cast<std::uint64_t>(step.committed - step.target()) : 0;
  if (step.lost()) {
    warning = "the next message, offset " + std::to_string(step.committed) + ", is not there any more: see lost_offset";
  } else if (step.reaches_beyond()) {
    const auto found = oldest.find(step.place);
    warning = "beyond retention: what was written before offset " + std::to_string(step.low) + " is not there any more";
    if (found != oldest.end()) warning += "; the oldest message left is of " + found->second.to_string();
  }
  if (!warning.empty()) told.warning = warning;
  sink(told);
}

}  // namespace tally::kafka
