// Runs the pollsters of some namespaces on their timers and hands their samples to the outbox.
// Not for finding plugins (agent/wiring.h) nor for the bus (agent/outbox.h).
#ifndef TALLY_AGENT_AGENT_H
#define TALLY_AGENT_AGENT_H

#include <tally/model/sample.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/outbox.h"
#include "base/metrics.h"
#include "daemon/process_identity.h"
#include "plugin/catalog/plugin_state.h"
#include "plugin/managers/poller.h"
#include "plugin/managers/shared_discovery.h"

namespace tally::agent {

// One pollster as the agent needs it. One whose `state` is neither "on" nor "absent" is reported, never made.
struct PollsterSource : plugin::TimedPollster {
  std::string version;
  std::string poll_namespace;
};

struct Sources {
  std::vector<PollsterSource> pollsters;
  std::vector<plugin::DiscoverySource> discoveries;
  std::vector<std::string> disabled_meters;  // exact, or with `*`
  std::string telemetry_secret;              // signs what is published; empty: unsigned
};

struct AgentOptions {
  std::string source = "openstack";
  std::string host;  // names the publisher: "tally-agent:HOST"
  std::size_t samples_per_message = 100;
  std::int64_t recheck_us = 600'000'000;
  bool at_once = false;           // first cycle at the start
  bool keep_last_values = false;  // for the live table; bounded
};

// The newest value of one (meter, resource).
struct LastValue {
  std::string meter;
  std::string resource;
  std::string unit;
  SampleType type = SampleType::gauge;
  std::string volume;                // exact, canonical
  std::optional<double> per_second;  // cumulative: the increase since the cycle before, for eyes only
  std::uint64_t samples = 0;
  Time time{};
};

struct AgentStatus {
  std::string state;  // running, bus away, stopping
  OutboxBooks books;
  std::uint64_t filtered = 0;  // samples of disabled meters, which the books do not know
  std::uint64_t cycles = 0;
  std::uint64_t skipped_cycles = 0;
  std::uint64_t errors = 0;
  std::uint64_t faults = 0;  // resources that could not be measured, samples that were left out
  std::vector<plugin::PluginState> plugins;
};

// The pollsters run in a plugin::Iterator: a slow one delays only itself.
class Agent {
 public:
  // `outbox` must outlive the agent.
  Agent(AgentOptions options, Sources sources, Outbox& outbox);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  void start();

  // Runs with other sources; a pollster whose fingerprint did not change keeps its instance and its last values.
  void reload(Sources sources);

  // Ends all pollsters; one that hangs is left alone after `limit_ms`. Idempotent.
  void stop(std::int64_t limit_ms = 5'000);

  // Any thread.
  AgentStatus status() const;
  std::vector<LastValue> last_values() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The bus to which it publishes, as an entry of `buses` in `/status`.
std::string bus_json(const OutboxBooks& books);

// The object of `/status` and `tally status -f json`: state, messages, samples, cycles, plugins, as a collector has
// them where it makes sense. made = sent + filtered + refused + lost + expired + spooled + in_flight, in both units.
std::string status_json(const AgentStatus& status, const daemon::ProcessIdentity& identity);

// Adds the books and the cycles to a page of metrics: the families tally_agent_…
void book_metrics(const AgentStatus& status, MetricsPage& page);

// The same, and what a collector has under the same names: whether the bus is connected, the plugins' states.
void status_metrics(const AgentStatus& status, MetricsPage& page);

}  // namespace tally::agent

#endif
