// Looks over the handlers of one process: what each makes of which messages, and what would be counted twice.
// Not for messages: see plugin/managers/dispatcher.h.
#ifndef TALLY_PLUGIN_CATALOG_DOUBLE_COUNTING_H
#define TALLY_PLUGIN_CATALOG_DOUBLE_COUNTING_H

#include <span>
#include <string>
#include <vector>

#include "plugin/managers/dispatcher.h"
#include "plugin/roles.h"

namespace tally::plugin {

struct Survey {
  struct Made {
    std::string handler;  // "notification:meters"
    MeterDefinition definition;
  };
  std::vector<Made> made;  // of the handlers that tell their definitions
  // Two that make the same meter of the same message, a line for a person each. Event types are tried that are known
  // exactly: those that a handler names without `*`, and each definition's examples. What shares none of these, or
  // whose meter is known only from a message, is not found.
  std::vector<std::string> twice;
};

// Asks every handler. `disabled_meters`, exact or with `*`, are counted not even once.
Survey survey(Dispatcher& handlers, std::span<const std::string> disabled_meters);

}  // namespace tally::plugin

#endif
