#include "daemon/main_loop.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>

#include "base/exit_status.h"
#include "base/log.h"
#include "base/strings.h"

namespace tally::daemon {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kTurn{1};
constexpr std::chrono::seconds kSilent{20};  // a call of a bus takes half of it at most

std::chrono::nanoseconds until(const std::optional<Clock::time_point>& end) {
  if (!end) return kTurn;
  return std::clamp<std::chrono::nanoseconds>(*end - Clock::now(), std::chrono::milliseconds(1), kTurn);
}

}  // namespace

config::Config MainLoop::run(std::string_view doing, config::Config config, const Work& work) {
  served_ = config.http;
  manager_.ready(doing);
  while (!work.end || Clock::now() < *work.end) {
    const Told told = signals_.wait(until(work.end));
    if (told == Told::end) break;
    if (told == Told::reload) reload(config, work);
    log::tick();
    if (work.silent() < kSilent) manager_.alive();
    if (work.tick && !work.tick()) break;
  }
  if (work.ended) work.ended();
  manager_.stopping();
  signals_.end_at_the_next();
  return config;
}

// Checks first and applies only what is valid; the running configuration goes on otherwise.
void MainLoop::reload(config::Config& config, const Work& work) {
  const std::string which = "reload " + std::to_string(++reloads_) + ": ";  // so that the log says each one's outcome
  std::optional<Setup> next = work.load();
  if (!next) return log::error(which + "the configuration is invalid, going on with the running one");
  config::Config applied = next->loaded.config;
  const absl::Status status = work.apply(*std::move(next));
  if (!status.ok())
    return log::error(which + "going on with the running configuration: " + std::string(to_std(status.message())));
  if (applied.http.address != served_.address || applied.http.port != served_.port)
    log::warning("another address under `http:` counts from the next start");
  config = std::move(applied);
  log::info(which + "the configuration is applied");
}

std::shared_ptr<plugin::HangCounter> end_at_second_hang(int status) {
  const std::string ending = "exiting with status " + std::to_string(status) +
                             (status == exit_status::kRestartMe ? " so that the supervisor restarts us" : "");
  return std::make_shared<plugin::HangCounter>([status, ending](const std::string& plugin) {
    log::error(plugin + ": second plugin call that timed out; " + ending);
    std::_Exit(status);
  });
}

}  // namespace tally::daemon
