#include "group_view.h"

#include <algorithm>
#include <memory>
#include <set>
#include <span>
#include <string_view>

#include <tally/sdk/error.h>

#include "presence.h"

namespace tally::kafka {
namespace {

std::string setting(const std::vector<Setting>& settings, std::string_view name) {
  const auto found = std::find_if(settings.begin(), settings.end(), [&](const auto& one) { return one.first == name; });
  return found == settings.end() ? std::string() : found->second;
}

GroupView::Member read_member(const rd_kafka_MemberDescription_t* member) {
  const char* host = rd_kafka_MemberDescription_host(member);
  GroupView::Member made{std::string(rd_kafka_MemberDescription_client_id(member)) + " (" +
                             (host == nullptr ? "?" : host + (*host == '/' ? 1 : 0)) + ")",
                         {}};
  const auto* has = rd_kafka_MemberAssignment_partitions(rd_kafka_MemberDescription_assignment(member));
  if (has == nullptr) return made;
  for (const rd_kafka_topic_partition_t& place : each(has)) made.has.emplace_back(place.topic, place.partition);
  return made;
}

}  // namespace

std::string text_of(const Place& place) { return place.first + " [" + std::to_string(place.second) + "]"; }

GroupView::GroupView(GroupOptions options, Clock::time_point deadline)
    : options_(std::move(options)),
      group_(setting(options_.settings, "group.id")),
      deadline_(deadline),
      client_(RD_KAFKA_CONSUMER, options_.settings, *this, counts_) {}

int GroupView::left() const {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
  return static_cast<int>(std::max<std::int64_t>(left, 1));
}

GroupView::Topics GroupView::topics() {
  const struct rd_kafka_metadata* found = nullptr;
  const auto error = rd_kafka_metadata(client(), 1, nullptr, &found, left());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    rd_kafka_poll(client(), 0);  // its reason
    const std::string& why = client_.last_reason();
    throw Error::transient(why.empty() ? std::string("no broker answers: ") + rd_kafka_err2str(error) : why);
  }
  const std::unique_ptr<const struct rd_kafka_metadata, decltype(&rd_kafka_metadata_destroy)> owner(
      found, &rd_kafka_metadata_destroy);
  Topics told;
  std::set<std::string> present;
  for (const auto& topic : std::span(found->topics, static_cast<std::size_t>(found->topic_cnt))) {
    if (!consumed(options_.topics, topic.topic)) continue;
    present.insert(topic.topic);
    for (int partition = 0; partition < topic.partition_cnt; ++partition) {
      told.partitions.emplace_back(topic.topic, topic.partitions[partition].id);
    }
  }
  for (const std::string& name : options_.topics) {
    if (!name.starts_with('^') && present.count(name) == 0) told.absent.push_back(name);
  }
  return told;
}

GroupView::Members GroupView::members() {
  const EventQueue queue(rd_kafka_queue_new(client()));
  const char* group = group_.c_str();
  rd_kafka_DescribeConsumerGroups(client(), &group, 1, nullptr, queue.get());
  const Event event(rd_kafka_queue_poll(queue.get(), left()));
  const auto* result = event ? rd_kafka_event_DescribeConsumerGroups_result(event.get()) : nullptr;
  if (result == nullptr) throw Error::transient("no broker says who is in the group " + group_ + "; try again");
  Members told;
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    told.refused = rd_kafka_event_error_string(event.get());
  }
  std::size_t count = 0;
  const auto** groups = rd_kafka_DescribeConsumerGroups_result_groups(result, &count);
  for (const auto* one : std::span(groups, count)) {
    const auto* error = rd_kafka_ConsumerGroupDescription_error(one);
    if (error != nullptr && rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) {
      told.refused = rd_kafka_error_string(error);
    }
    for (std::size_t i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(one); ++i) {
      told.list.push_back(read_member(rd_kafka_ConsumerGroupDescription_member(one, i)));
    }
  }
  return told;
}

}  // namespace tally::kafka
