// Asks the notification handlers what they make, in a process of its own: one that ends its process, or never answers,
// costs no more than its answer.
// Not for handling messages: src/collector does.
#ifndef TALLY_CLI_ISOLATED_HANDLERS_H
#define TALLY_CLI_ISOLATED_HANDLERS_H

#include "absl/status/statusor.h"
#include "config/config.h"
#include "plugin/catalog/catalog.h"
#include "plugin/catalog/double_counting.h"

namespace tally::cli {

// `aloud`: what the handlers have to say about their definitions goes to stderr. REQUIRES: no other thread.
absl::StatusOr<plugin::Survey> survey_apart(plugin::Catalog& catalog, const config::Config& config, bool aloud);

}  // namespace tally::cli

#endif
