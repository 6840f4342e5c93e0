// Makes the agent's sources out of the plugins there are and a configuration.
// Not for running them: see agent/agent.h.
#ifndef TALLY_AGENT_WIRING_H
#define TALLY_AGENT_WIRING_H

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/agent.h"
#include "config/config.h"
#include "plugin/catalog/catalog.h"
#include "plugin/supervise/guard.h"

namespace tally::agent {

// Every pollster of the configuration's namespaces, those that are off with their reasons, and all discoveries that are
// on. REQUIRES: catalog.apply(config) was called. Keeps neither; `hangs` counts calls that never come back, may be
// null.
Sources find_sources(plugin::Catalog& catalog, const config::LoadedConfig& loaded,
                     const std::shared_ptr<plugin::HangCounter>& hangs);

// The transport to publish with, not connected yet.
absl::StatusOr<std::unique_ptr<plugin::TransportDriver>> make_publisher(plugin::Catalog& catalog,
                                                                        const config::Config& config);

AgentOptions agent_options(const config::Config& config);
OutboxOptions outbox_options(const config::Config& config);

}  // namespace tally::agent

#endif
