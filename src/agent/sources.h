// Makes the agent's sources out of the plugins there are and a configuration.
// Not for running them: see agent/agent.h.
#ifndef TALLY_AGENT_SOURCES_H
#define TALLY_AGENT_SOURCES_H

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/agent.h"
#include "core/config.h"
#include "plugin/catalog.h"
#include "plugin/guard.h"

namespace tally::agent {

// Every pollster of the configuration's namespaces, those that are off with their reasons, and all discoveries that are
// on. REQUIRES: catalog.apply(config) was called. Keeps neither; `hangs` counts calls that never come back, may be
// null.
Sources find_sources(host::Catalog& catalog, const host::LoadedConfig& loaded,
                     const std::shared_ptr<host::HangCounter>& hangs);

// The transport to publish with, not connected yet.
absl::StatusOr<std::unique_ptr<host::Transport>> make_publisher(host::Catalog& catalog, const host::Config& config);

AgentOptions agent_options(const host::Config& config);
OutboxOptions outbox_options(const host::Config& config);

}  // namespace tally::agent

#endif
