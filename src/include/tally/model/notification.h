// One decoded message of a service, and what is made of which.
// Not for how a message is decoded: the host does that before any plugin sees it.
#ifndef TALLY_MODEL_NOTIFICATION_H
#define TALLY_MODEL_NOTIFICATION_H

#include <tally/model/time.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tally {

// The views live as long as the message's bytes, and at least for the call that is given it.
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

// What a handler makes of some messages; see tally_definition in tally/abi/notification.h. Empty meter, type, unit:
// known only from a message.
struct MeterDefinition {
  std::string name;
  std::string meter;
  std::string type;
  std::string unit;
  std::vector<std::string> event_types;
  std::vector<std::string> examples;  // event types that it takes
  bool disabled = false;
};

}  // namespace tally

#endif
