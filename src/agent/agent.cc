// What the agent does with each pollster's answer: log lines, samples into envelopes, the snapshot.
// Not for timers (plugin/managers/iterator.h), nor for the bus: batches go to the outbox.
#include "agent/agent.h"

#include <tally/kit/glob.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <span>
#include <utility>

#include "agent/latest_values.h"
#include "base/log.h"
#include "base/status.h"
#include "plugin/managers/iterator.h"
#include "wire/envelope.h"
#include "wire/ids.h"

namespace tally::agent {
namespace {

constexpr std::size_t kMostTold = 16;  // resources of a poll whose faults are told one by one

// A resource's fault is told once and counted, those of many resources together; what is given up is told by itself.
void log_faults(const std::string& name, const std::vector<plugin::PollFault>& faults) {
  std::size_t told = 0;
  for (const plugin::PollFault& fault : faults) {
    const std::string text = name + ": " + fault.resource_id + ": " + std::string(fault.status.message());
    if (fault.given_up) {
      log::warning(text + "; not polled again until it is discovered again");
    } else {
      const bool passes = fault.status.code() != kPermanent;
      const std::string key = "fault " + name + (told++ < kMostTold ? " " + fault.resource_id : "");
      log::once_per(key, log::Level::warning, text + (passes ? "; trying again in the next cycle" : ""));
    }
  }
}

// One log line at each change of state.
void log_answer(const plugin::Polled& polled) {
  const std::string name = "pollster:" + polled.pollster;
  const std::string text = std::string(polled.status.message());
  log_faults(name, polled.faults);
  if (!polled.status.ok() && (polled.state == "on" || polled.state == "quarantined")) {
    log::once_per("poll " + name, log::Level::warning, name + ": " + text + "; trying again later");
  } else if (polled.state != polled.before) {
    if (polled.state == "on") return log::info(name + " is on again");
    log::write(polled.state == "absent" ? log::Level::info : log::Level::warning,
               name + " is " + polled.state + ": " + text + (polled.state == "absent" ? "; looking again later" : ""));
  }
}

constexpr std::size_t kPlentyOfBytes = 512 * 1024;  // brokers refuse messages of more than about a megabyte

// The samples of a cycle, a span a message: at most `most`, and few enough that a large one makes no bus refuse the
// others.
std::vector<std::span<const Sample>> in_messages(const std::vector<Sample>& samples, std::size_t most) {
  std::vector<std::span<const Sample>> parts;
  std::size_t begin = 0, bytes = 0;
  for (std::size_t at = 0; at < samples.size(); ++at) {
    const std::size_t own = samples[at].resource_metadata.size();
    if (at > begin && (at - begin >= most || bytes + own > kPlentyOfBytes)) {
      parts.emplace_back(samples.data() + begin, at - begin);
      begin = at;
      bytes = 0;
    }
    bytes += own;
  }
  if (begin < samples.size()) parts.emplace_back(samples.data() + begin, samples.size() - begin);
  return parts;
}

void log_left_alone(const std::vector<std::string>& names) {
  for (const std::string& name : names) log::error("pollster:" + name + " does not come back, leaving it alone");
}

}  // namespace

struct Agent::Impl {
  Impl(AgentOptions given, Outbox& to)
      : options(std::move(given)),
        outbox(to),
        iterator({.recheck_us = options.recheck_us, .at_once = options.at_once}, [this](plugin::Polled answer) {
          log_answer(answer);
          if (!answer.samples.empty()) deliver(std::move(answer));
        }) {}

  const AgentOptions options;
  Outbox& outbox;
  Sources first;  // until start()
  bool running = false;
  std::atomic<bool> stopped = false;

  std::mutex deliver_mutex;  // guards disabled_meters and telemetry_secret
  std::vector<std::string> disabled_meters;
  std::string telemetry_secret;
  std::atomic<std::uint64_t> filtered = 0;
  LastValues last;

  mutable std::mutex mutex;  // guards what follows
  std::vector<plugin::PluginState> off;
  std::vector<plugin::PluginState> polled;  // with the state they began in

  plugin::Iterator iterator;  // last: its threads use the rest

  void launch(Sources next);
  void deliver(plugin::Polled answer);
};

void Agent::Impl::deliver(plugin::Polled answer) {
  std::vector<Sample>& samples = answer.samples;
  const std::lock_guard lock(deliver_mutex);
  for (Sample& sample : samples) {
    if (sample.source.empty()) sample.source = options.source;
    if (sample.id.empty()) sample.id = wire::poll_sample_id(sample, options.source);
  }
  filtered += std::erase_if(samples, [&](const Sample& sample) {
    return std::any_of(disabled_meters.begin(), disabled_meters.end(),
                       [&](const std::string& pattern) { return glob_match(pattern, sample.name); });
  });
  if (options.keep_last_values) last.note(samples);
  const auto parts = in_messages(samples, std::max<std::size_t>(options.samples_per_message, 1));
  for (std::size_t at = 0; at < parts.size(); ++at) {
    const std::span<const Sample> part = parts[at];
    const std::string message_id = wire::digest(part.front().id + part.back().id + std::to_string(part.size()));
    if (log::enabled(log::Level::debug)) {
      // With "message … is spooled" or "… is sent" behind it: this part of the cycle is taken, whatever is killed.
      log::debug("message " + message_id + " holds " + std::to_string(part.size()) + " samples of pollster:" +
                 answer.pollster + ", cycle " + answer.cycle.to_string() + ", part " + std::to_string(at + 1) + " of " +
                 std::to_string(parts.size()) + ", " + part.front().id + " to " + part.back().id);
    }
    outbox.put({wire::encode_samples(part, "tally-agent:" + options.host, message_id, Time::now(), telemetry_secret),
                part.size(), message_id});
  }
}

void Agent::Impl::launch(Sources next) {
  std::vector<plugin::PluginState> not_on;
  std::vector<plugin::PluginState> begun;
  std::vector<plugin::TimedPollster> timed;
  for (PollsterSource& source : next.pollsters) {
    const bool runs = source.make != nullptr && (source.state == "on" || source.state == "absent");
    (runs ? begun : not_on).push_back({source.name, "pollster", source.version, source.state, source.reason});
    if (runs) timed.push_back(std::move(source));
  }
  {
    const std::lock_guard lock(deliver_mutex);
    disabled_meters = std::move(next.disabled_meters);
    telemetry_secret = std::move(next.telemetry_secret);
  }
  {
    const std::lock_guard lock(mutex);
    off = std::move(not_on);
    polled = std::move(begun);
  }
  log_left_alone(iterator.run(std::move(timed), std::move(next.discoveries)));
}

Agent::Agent(AgentOptions options, Sources sources, Outbox& outbox)
    : impl_(std::make_unique<Impl>(std::move(options), outbox)) {
  impl_->first = std::move(sources);
}

Agent::~Agent() { stop(); }

void Agent::start() {
  if (std::exchange(impl_->running, true)) return;
  for (const PollsterSource& source : impl_->first.pollsters) {
    if (source.state != "on" && source.state != "disabled") {
      log::info("pollster:" + source.name + " is " + source.state + ": " + source.reason);
    }
  }
  impl_->launch(std::move(impl_->first));
}

void Agent::reload(Sources sources) { impl_->launch(std::move(sources)); }

void Agent::stop(std::int64_t limit_ms) {
  if (impl_->stopped.exchange(true)) return;
  log_left_alone(impl_->iterator.stop(std::chrono::milliseconds(limit_ms)));
}

AgentStatus Agent::status() const {
  AgentStatus status;
  status.books = impl_->outbox.books();
  status.filtered = impl_->filtered;
  status.state = impl_->stopped ? "stopping" : status.books.bus_away ? "bus away" : "running";
  const std::lock_guard lock(impl_->mutex);
  status.plugins = impl_->polled;
  for (const plugin::PollsterState& state : impl_->iterator.states()) {
    status.cycles += state.cycles;
    status.skipped_cycles += state.skipped;
    status.errors += state.errors;
    status.faults += state.faults;
    for (plugin::PluginState& known : status.plugins) {
      if (known.name == state.name) known.state = state.state, known.reason = state.reason;
    }
  }
  status.plugins.insert(status.plugins.end(), impl_->off.begin(), impl_->off.end());
  std::sort(status.plugins.begin(), status.plugins.end(),
            [](const plugin::PluginState& a, const plugin::PluginState& b) { return a.name < b.name; });
  return status;
}

std::vector<LastValue> Agent::last_values() const { return impl_->last.all(); }

}  // namespace tally::agent
