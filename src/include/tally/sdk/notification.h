// Role "notification": makes samples out of messages that services announce.
// Not for what must be asked: that is Pollster.
#ifndef TALLY_SDK_NOTIFICATION_H
#define TALLY_SDK_NOTIFICATION_H

#include <tally/abi/notification.h>
#include <tally/model/notification.h>
#include <tally/sdk/boundary.h>
#include <tally/sdk/convert.h>
#include <tally/sdk/emitter.h>

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tally {

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

template <class Plugin>
struct NotificationRole {
  static constexpr std::int32_t kRole = TALLY_ROLE_NOTIFICATION;

  static std::int32_t handle(void* instance, const tally_notification* notification, const tally_emitter* emitter,
                             tally_error* error) noexcept {
    const auto call = [&] {
      Emitter emit(*emitter);
      static_cast<NotificationHandler*>(instance)->handle(from_c(*notification), emit);
    };
    return guarded(error, call, TALLY_PERMANENT);
  }

  static std::int32_t claims(void* instance, const tally_claims* claims, tally_error* error) noexcept {
    return guarded(error, [&] {
      for (const std::string& pattern : static_cast<NotificationHandler*>(instance)->claims()) {
        claims->event_type(claims->context, to_c(pattern));
      }
    });
  }

  static std::int32_t definitions(void* instance, tally_str event_type, const tally_definitions* definitions,
                                  tally_error* error) noexcept {
    return guarded(error, [&] {
      auto* handler = static_cast<NotificationHandler*>(instance);
      for (const MeterDefinition& one : handler->definitions(optional_from_c(event_type))) {
        const MeterDefinitionInC definition(one);
        definitions->definition(definitions->context, &definition.get());
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
