// What a transport brings from a bus, gives back to it and sends, and how its queues stand.
// Not for what is in a message: see tally/model/notification.h.
//
// Plain values; threads and lifetimes are their owner's affair. What has a `...View` beside it is one template over its
// text type: the one owns its texts, those of the view stand elsewhere and must live as long as it is used.
#ifndef TALLY_MODEL_TRANSPORT_H
#define TALLY_MODEL_TRANSPORT_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tally {

// One delivery. A lane is a channel or a partition, a generation ends when the lane is lost, a tag grows within it.
struct DeliveryId {
  std::uint64_t lane = 0;
  std::uint64_t generation = 0;
  std::uint64_t tag = 0;
  friend bool operator==(const DeliveryId&, const DeliveryId&) = default;
};

template <class Text>
struct BasicMessage {
  DeliveryId delivery;
  Text body;                 // bytes as they came
  Text topic;                // queue or topic it came from; empty where the bus has none
  bool redelivered = false;  // the bus says that it gave this message before

  // With texts of its own.
  BasicMessage<std::string> copy() const { return {delivery, std::string(body), std::string(topic), redelivered}; }
};
using Message = BasicMessage<std::string>;
using MessageView = BasicMessage<std::string_view>;

// The numbers are those of tally/abi/transport.h.
enum class Settle : std::int32_t {
  acknowledge = 1,  // done: never again
  requeue = 2,      // back to the bus: the host gives up its hold
};

struct Settlement {
  DeliveryId delivery;
  Settle action = Settle::acknowledge;
};

template <class Text>
struct BasicMessageHeader {
  Text name, value;
};
using MessageHeader = BasicMessageHeader<std::string>;
using MessageHeaderView = BasicMessageHeader<std::string_view>;

template <class Text>
struct BasicOutgoing {
  Text topic;  // "notifications.info", "notifications.sample"
  Text key;    // keeps messages of one key in order where the bus can; empty: any
  Text body;
  std::vector<BasicMessageHeader<Text>> headers{};  // about the body; a bus that has no place for them leaves them out
};
using Outgoing = BasicOutgoing<std::string>;
using OutgoingView = BasicOutgoing<std::string_view>;

// A queue (topic, subscription) as it stands.
template <class Text>
struct BasicQueue {
  Text name;
  Text state = "present";  // "absent", "removed", "in use"
  std::optional<std::uint64_t> messages;
  std::optional<std::uint64_t> consumers;
  bool ours = false;  // made by Tally, and to be removed when it leaves
  Text warning;       // for a person, with the way out; empty: none

  // With texts of its own.
  BasicQueue<std::string> copy() const {
    return {std::string(name), std::string(state), messages, consumers, ours, std::string(warning)};
  }
};
using Queue = BasicQueue<std::string>;
using QueueView = BasicQueue<std::string_view>;

// A queue (partition) whose reader is set back.
template <class Text>
struct BasicRewound {
  Text name;
  Text state = "rewound";                 // "would rewind" (a dry run), "unchanged", "absent"
  std::optional<std::int64_t> from;       // the place that was read next before
  std::optional<std::int64_t> to;         // and that is from now on, never a later one
  std::optional<std::uint64_t> messages;  // that come again
  Text warning;                           // for a person, with the way out; empty: none

  // With texts of its own.
  BasicRewound<std::string> copy() const {
    return {std::string(name), std::string(state), from, to, messages, std::string(warning)};
  }
};
using Rewound = BasicRewound<std::string>;
using RewoundView = BasicRewound<std::string_view>;

}  // namespace tally

#endif
