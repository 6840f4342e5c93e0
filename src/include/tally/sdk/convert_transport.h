// What a transport brings, gives back and sends, to and from C.
// Not for judging what comes from the other side: the host checks foreign bytes beside its calls.
//
// No text is copied: what is made looks into what it was made of.
#ifndef TALLY_SDK_CONVERT_TRANSPORT_H
#define TALLY_SDK_CONVERT_TRANSPORT_H

#include <tally/abi/transport.h>
#include <tally/model/transport.h>
#include <tally/sdk/convert.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tally {

static_assert(static_cast<int>(Settle::acknowledge) == TALLY_ACKNOWLEDGE &&
              static_cast<int>(Settle::requeue) == TALLY_REQUEUE);

inline tally_delivery to_c(const DeliveryId& id) { return {id.lane, id.generation, id.tag}; }
inline DeliveryId from_c(const tally_delivery& given) { return {given.lane, given.generation, given.tag}; }

template <class Text>
tally_message to_c(const BasicMessage<Text>& message) {
  return {sizeof(tally_message),
          to_c(message.delivery),
          to_c(message.body),
          to_c_unless_empty(message.topic),
          message.redelivered ? 1U : 0U,
          0};
}
inline MessageView from_c(const tally_message& given) {
  return {from_c(given.delivery), from_c(given.body), from_c(given.topic), given.redelivered != 0};
}

inline tally_settlement to_c(const Settlement& settlement) {
  return {to_c(settlement.delivery), static_cast<std::int32_t>(settlement.action), 0};
}
inline Settlement from_c(const tally_settlement& given) {
  return {from_c(given.delivery), static_cast<Settle>(given.action)};
}

// Messages as their C structs, with the lists that these look into. The messages must outlive it.
class OutgoingInC {
 public:
  template <class Text>
  explicit OutgoingInC(std::span<const BasicOutgoing<Text>> messages) : headers_(messages.size()) {
    messages_.reserve(messages.size());
    for (const auto& message : messages) {
      std::vector<tally_header>& headers = headers_[messages_.size()];
      for (const auto& one : message.headers) headers.push_back({to_c(one.name), to_c(one.value)});
      messages_.push_back({sizeof(tally_outgoing), to_c(message.topic), to_c_unless_empty(message.key),
                           to_c(message.body), headers.data(), headers.size()});
    }
  }
  OutgoingInC(const OutgoingInC&) = delete;
  OutgoingInC& operator=(const OutgoingInC&) = delete;
  const std::vector<tally_outgoing>& get() const { return messages_; }

 private:
  std::vector<std::vector<tally_header>> headers_;
  std::vector<tally_outgoing> messages_;
};
inline OutgoingView from_c(const tally_outgoing& given) {
  OutgoingView message{from_c(given.topic), from_c(given.key), from_c(given.body)};
  for (std::size_t i = 0; i < given.header_count; ++i)
    message.headers.push_back({from_c(given.headers[i].name), from_c(given.headers[i].value)});
  return message;
}

namespace convert_detail {

// Counts and places that may be unknown.
inline std::optional<std::uint64_t> count(std::uint64_t number) {
  return number == UINT64_MAX ? std::nullopt : std::optional(number);
}
inline std::optional<std::int64_t> place(std::int64_t number) {
  return number < 0 ? std::nullopt : std::optional(number);
}

}  // namespace convert_detail

template <class Text>
tally_queue to_c(const BasicQueue<Text>& queue) {
  return {sizeof(tally_queue),
          to_c(queue.name),
          to_c(queue.state),
          to_c_unless_empty(queue.warning),
          queue.messages.value_or(UINT64_MAX),
          queue.consumers.value_or(UINT64_MAX),
          queue.ours ? 1U : 0U,
          0};
}
inline QueueView from_c(const tally_queue& given) {
  return {from_c(given.name),
          from_c(given.state),
          convert_detail::count(given.messages),
          convert_detail::count(given.consumers),
          given.ours != 0,
          from_c(given.warning)};
}

template <class Text>
tally_rewound to_c(const BasicRewound<Text>& rewound) {
  return {sizeof(tally_rewound),
          to_c(rewound.name),
          to_c(rewound.state),
          to_c_unless_empty(rewound.warning),
          rewound.from.value_or(-1),
          rewound.to.value_or(-1),
          rewound.messages.value_or(UINT64_MAX)};
}
inline RewoundView from_c(const tally_rewound& given) {
  return {from_c(given.name),
          from_c(given.state),
          convert_detail::place(given.from),
          convert_detail::place(given.to),
          convert_detail::count(given.messages),
          from_c(given.warning)};
}

}  // namespace tally

#endif
