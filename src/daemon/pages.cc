#include "daemon/pages.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <utility>

#include "base/log.h"
#include "plugin/supervise/descriptor_leaks.h"

namespace tally::daemon {
namespace {

constexpr const char* kPlainText = "text/plain; charset=utf-8";

// What all the pages of a process share.
struct Served {
  ProcessIdentity identity;
  std::shared_ptr<const plugin::HangCounter> hangs;
  Pages pages;
  std::map<std::string, std::atomic<std::uint64_t>> answers;  // by page; none is added once the routes are made
};

// What means the same in every program.
void shared_metrics(const Served& served, MetricsPage& page) {
  page.family("tally_build_info", "gauge", "1, of the program and version that answers.");
  page.value({{"program", served.identity.program}, {"version", served.identity.version}}, std::uint64_t{1});
  page.family("tally_ready", "gauge", "1 where nothing stands in the way; /readyz has the reasons.");
  page.value({}, std::uint64_t{served.pages.not_ready().empty() ? 1U : 0U});
  page.family("tally_plugin_hung_calls_total", "counter", "Calls of plugins that did not come back.");
  page.value({}, static_cast<std::uint64_t>(served.hangs->count()));
  page.family("tally_log_lines_total", "counter", "Lines of the log by level; repeated ones are counted once.");
  page.value({{"level", "debug"}}, log::lines(log::Level::debug));
  page.value({{"level", "info"}}, log::lines(log::Level::info));
  page.value({{"level", "warning"}}, log::lines(log::Level::warning));
  page.value({{"level", "error"}}, log::lines(log::Level::error));
  plugin::descriptor_metrics(page);
}

std::string metrics_text(const Served& served) {
  MetricsPage page;
  shared_metrics(served, page);
  served.pages.metrics(page);
  page.family("tally_http_requests_total", "counter", "Answers given by each page.");
  for (const auto& [path, count] : served.answers) page.value({{"page", path}}, count.load());
  return page.text();
}

HttpResponse readiness(const Served& served) {
  const std::vector<std::string> reasons = served.pages.not_ready();
  if (reasons.empty()) return {200, kPlainText, "ready\n"};
  HttpResponse response{503, kPlainText, ""};
  for (const std::string& reason : reasons) response.body += reason + "\n";
  return response;
}

}  // namespace

HttpRoutes page_routes(ProcessIdentity identity, std::shared_ptr<const plugin::HangCounter> hangs, Pages pages) {
  const auto served = std::make_shared<Served>();
  served->identity = std::move(identity);
  served->hangs = std::move(hangs);
  served->pages = std::move(pages);
  HttpRoutes routes;
  const auto add = [&](const std::string& path, auto answer) {
    std::atomic<std::uint64_t>& answers = served->answers[path];
    routes[path] = [served, &answers, answer] {
      ++answers;
      return answer(*served);
    };
  };
  add("/metrics", [](const Served& all) {
    return HttpResponse{200, "text/plain; version=0.0.4; charset=utf-8", metrics_text(all)};
  });
  add("/healthz", [](const Served&) { return HttpResponse{200, kPlainText, "alive\n"}; });
  add("/readyz", readiness);
  add("/status", [](const Served& all) {
    return HttpResponse{200, "application/json", all.pages.status(all.identity) + "\n"};
  });
  return routes;
}

absl::StatusOr<std::unique_ptr<HttpServer>> serve_pages(const config::Config& config, ProcessIdentity identity,
                                                        std::shared_ptr<const plugin::HangCounter> hangs, Pages pages) {
  if (config.http.address.empty()) return std::unique_ptr<HttpServer>();
  return HttpServer::open(config.http.address, config.http.port,
                          page_routes(std::move(identity), std::move(hangs), std::move(pages)));
}

}  // namespace tally::daemon
