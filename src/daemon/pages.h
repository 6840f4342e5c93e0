// What each program shows of itself over HTTP: /metrics, /healthz, /readyz and /status.
// Not for a server of one's own: base/http_server.h serves the pages.
#ifndef TALLY_DAEMON_PAGES_H
#define TALLY_DAEMON_PAGES_H

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/http_server.h"
#include "base/metrics.h"
#include "config/config.h"
#include "daemon/process_identity.h"
#include "plugin/supervise/guard.h"

namespace tally::daemon {

// What a program adds. Called on the server's thread; must be quick.
struct Pages {
  std::function<void(MetricsPage&)> metrics;                  // its own families, beside those below
  std::function<std::vector<std::string>()> not_ready;        // reasons; none: ready
  std::function<std::string(const ProcessIdentity&)> status;  // JSON
};

// /metrics, /healthz (200 as long as the process answers), /readyz (200, or 503 with a reason a line), /status.
// What /metrics has of every program: tally_build_info, tally_ready, tally_plugin_hung_calls_total,
// tally_log_lines_total, tally_http_requests_total, process_open_fds, tally_plugin_descriptors_grown.
HttpRoutes page_routes(ProcessIdentity identity, std::shared_ptr<const plugin::HangCounter> hangs, Pages pages);

// Serves them where the configuration says; null where it says `http: none`. Errors as of HttpServer::open. What
// `pages` refers to must outlive the server.
absl::StatusOr<std::unique_ptr<HttpServer>> serve_pages(const config::Config& config, ProcessIdentity identity,
                                                        std::shared_ptr<const plugin::HangCounter> hangs, Pages pages);

}  // namespace tally::daemon

#endif
