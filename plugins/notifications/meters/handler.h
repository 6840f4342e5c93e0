// Finds the definitions that take a message and has them make samples, as fast as the message allows.
// Not for what one definition makes: sample.h.
#ifndef TALLY_PLUGINS_METERS_HANDLER_H
#define TALLY_PLUGINS_METERS_HANDLER_H

#include <tally/sdk/notification.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "definitions/event_pattern.h"
#include "definitions/program.h"
#include "sample_maker.h"
#include "values/message.h"

namespace meters {

// One thread at a time; its address stays where it is.
class Handler {
 public:
  Handler(Program program, Reserved reserved);
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;

  std::vector<std::string> claims() const;
  // Those that take the event type, or all.
  std::vector<tally::MeterDefinition> definitions(std::optional<std::string_view> event_type) const;
  // Throws tally::Error: unclaimed where no definition takes the message, permanent where no sample can be made of it.
  void handle(const tally::Notification& notification, tally::Emitter& emit);

 private:
  // What one set of definitions needs of a message.
  struct Plan {
    std::vector<const Definition*> takers;
    MemberFinder wants;
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  Plan& plan_for(std::string_view event_type);
  void want(const Field& field, MemberFinder& wants) const;
  std::unique_ptr<Plan> make_plan(const std::vector<std::uint32_t>& takers) const;

  Program program_;
  EventIndex index_;
  Message message_;
  SampleMaker maker_;
  std::map<std::vector<std::uint32_t>, std::unique_ptr<Plan>> plans_;
  std::unordered_map<std::string, Plan*, Hash, std::equal_to<>> by_type_;
};

}  // namespace meters

#endif
