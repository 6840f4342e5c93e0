// Asks the notification handlers what they make, in a process of its own: one that ends its process, or never answers,
// costs no more than its answer.
// Not for handling messages: src/collector does.
#ifndef TALLY_CLI_HANDLERS_APART_H
#define TALLY_CLI_HANDLERS_APART_H

#include "absl/status/statusor.h"
#include "core/config.h"
#include "plugin/catalog.h"
#include "plugin/survey.h"

namespace tally::cli {

// `aloud`: what the handlers have to say about their definitions goes to stderr. REQUIRES: no other thread.
absl::StatusOr<host::Survey> survey_apart(host::Catalog& catalog, const host::Config& config, bool aloud);

}  // namespace tally::cli

#endif
