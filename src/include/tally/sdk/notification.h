// Role "notification": makes samples out of messages that services announce.
// Not for what must be asked: that is Pollster.
#ifndef TALLY_SDK_NOTIFICATION_H
#define TALLY_SDK_NOTIFICATION_H

#include <tally/abi/notification.h>
#include <tally/model/time.h>
#include <tally/sdk/boundary.h>
#include <tally/sdk/emitter.h>

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tally {

// One message; the views live for the call.
struct Notification {
  std::optional<std::string_view> message_id;
  std::string_view event_type;
  std::optional<std::string_view> publisher_id;
  std::optional<std::string_view> priority;   // lower case: "info", "error", "sample"
  std::optional<std::string_view> timestamp;  // the message's own time as written
  std::optional<Time> time;                   // the same, where it can be read
  Time received;                              // when it was taken from the bus
  std::string_view payload = "null";          // JSON text of any type
  std::string_view context = "{}";            // JSON object: the request context, `_context_` taken off its keys
};

// What a handler makes of some messages; see tally_definition. Empty meter, type, unit: known only from a message.
struct MeterDefinition {
  std::string name;
  std::string meter;
  std::string type;
  std::string unit;
  std::vector<std::string> event_types;
  std::vector<std::string> examples;  // event types that it takes
  bool disabled = false;
};

class NotificationHandler {
 public:
  virtual ~NotificationHandler() = default;

  // Emits the samples of one message; a sample that names no time gets the message's. An error discards what this call
  // emitted. Error::unclaimed: the message is none of this handler's, after all.
  virtual void handle(const Notification& notification, Emitter& emit) = 0;

  // The event types that this instance takes, exact or with `*` for any run of characters. A class that does not
  // override this takes the manifest's.
  virtual std::vector<std::string> claims() { return {}; }

  // What this instance makes, of messages of one event type or of all. A class that does not override this makes the
  // manifest's meters of its event types.
  virtual std::vector<MeterDefinition> definitions(std::optional<std::string_view> /*event_type*/) { return {}; }
};

namespace detail {

inline Notification convert(const tally_notification& from) {
  Notification to;
  to.message_id = optional_view(from.message_id);
  to.event_type = view(from.event_type);
  to.publisher_id = optional_view(from.publisher_id);
  to.priority = optional_view(from.priority);
  to.timestamp = optional_view(from.timestamp);
  if (from.timestamp_us != TALLY_NO_TIME) to.time = Time{from.timestamp_us};
  to.received = Time{from.received_us};
  if (from.payload.data != nullptr) to.payload = view(from.payload);
  if (from.context.data != nullptr) to.context = view(from.context);
  return to;
}

template <class Plugin>
struct NotificationRole {
  static constexpr std::int32_t kRole = TALLY_ROLE_NOTIFICATION;

  static std::int32_t handle(void* instance, const tally_notification* notification, const tally_emitter* emitter,
                             tally_error* error) noexcept {
    const auto call = [&] {
      Emitter emit(*emitter);
      static_cast<NotificationHandler*>(instance)->handle(convert(*notification), emit);
    };
    return guarded(error, call, TALLY_PERMANENT);
  }

  static std::int32_t claims(void* instance, const tally_claims* claims, tally_error* error) noexcept {
    return guarded(error, [&] {
      for (const std::string& pattern : static_cast<NotificationHandler*>(instance)->claims()) {
        claims->event_type(claims->context, text(pattern));
      }
    });
  }

  static tally_str unless_empty(const std::string& value) {
    return value.empty() ? tally_str{nullptr, 0} : text(value);
  }

  static std::vector<tally_str> texts(const std::vector<std::string>& values) {
    std::vector<tally_str> out;
    for (const std::string& value : values) out.push_back(text(value));
    return out;
  }

  static std::int32_t definitions(void* instance, tally_str event_type, const tally_definitions* definitions,
                                  tally_error* error) noexcept {
    return guarded(error, [&] {
      auto* handler = static_cast<NotificationHandler*>(instance);
      for (const MeterDefinition& one : handler->definitions(optional_view(event_type))) {
        const std::vector<tally_str> types = texts(one.event_types), examples = texts(one.examples);
        const tally_definition definition = {sizeof definition,
                                             text(one.name),
                                             unless_empty(one.meter),
                                             unless_empty(one.type),
                                             unless_empty(one.unit),
                                             types.data(),
                                             types.size(),
                                             examples.data(),
                                             examples.size(),
                                             one.disabled ? 1U : 0U,
                                             0};
        definitions->definition(definitions->context, &definition);
      }
    });
  }

  // Offered only where the plugin says something of its own; else the host goes by the manifest.
  static constexpr bool kOwnClaims = !std::is_same_v<decltype(&Plugin::claims), decltype(&NotificationHandler::claims)>;

  static constexpr bool kOwnDefinitions =
      !std::is_same_v<decltype(&Plugin::definitions), decltype(&NotificationHandler::definitions)>;

  static constexpr tally_notification_table kTable = {
      sizeof(tally_notification_table), create<Plugin, NotificationHandler>,    destroy<NotificationHandler>, handle,
      kOwnClaims ? claims : nullptr,    kOwnDefinitions ? definitions : nullptr};
};

}  // namespace detail

}  // namespace tally

#endif
