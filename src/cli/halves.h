// Agent and collector in one process, which meet over the transport: what `tally run` runs.
// Not for what is shown of it: see cli/live_table.h and cli/screen.h.
#ifndef TALLY_CLI_HALVES_H
#define TALLY_CLI_HALVES_H

#include <tally/kit/descriptor.h>

#include <chrono>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/agent.h"
#include "agent/outbox.h"
#include "cli/live_table.h"
#include "collector/collector.h"
#include "config/config.h"
#include "daemon/pages.h"
#include "daemon/setup.h"
#include "plugin/catalog/catalog.h"
#include "plugin/supervise/guard.h"

namespace tally::cli {

// Both are the same code as in tally-agent and tally-collector. All calls from one thread.
class Halves {
 public:
  // Takes the folder `data` for this process. An error where another `tally run` has it, or a half cannot be made.
  static absl::StatusOr<std::unique_ptr<Halves>> open(daemon::Setup setup);
  Halves(const Halves&) = delete;
  Halves& operator=(const Halves&) = delete;

  // Starts the collector, waits up to 5 s for the bus between them, then the agent and the pages. A port in use
  // (another `tally run`) is a warning.
  void start();

  // Applies another configuration to both; on an error everything is as before.
  absl::Status reload(daemon::Setup next);

  // To be called about each second.
  void tick() { outbox_->tick(); }

  // Since the slower half's bus was served last.
  std::chrono::milliseconds silent() const;

  // What to show now.
  Snapshot snapshot() const;

  // Everything measured is sent, everything sent is stored, within the drain limit each. Completes `last` with what was
  // counted meanwhile.
  void stop(Snapshot& last);

  const config::Config& config() const { return loaded_.config; }

 private:
  Halves() = default;
  absl::Status open_agent();
  collector::CollectorOptions wire_collector(const std::shared_ptr<plugin::Catalog>& catalog,
                                             const config::Config& config) const;
  collector::CollectorStatus status() const;
  daemon::Pages pages() const;

  // They end in the opposite order.
  Fd lock_;
  std::shared_ptr<plugin::Catalog> catalog_;
  config::LoadedConfig loaded_;
  std::shared_ptr<plugin::HangCounter> hangs_;
  std::unique_ptr<collector::Collector> collector_;
  std::unique_ptr<agent::Outbox> outbox_;
  std::unique_ptr<agent::Agent> agent_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace tally::cli

#endif
