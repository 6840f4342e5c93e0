// A thread per pollster, and what it does with each answer.
// Not for the bus: batches go to the outbox.
#include "agent/agent.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <span>
#include <thread>
#include <utility>

#include "agent/last_values.h"
#include "agent/poller.h"
#include "agent/schedule.h"
#include "bus/envelope.h"
#include "core/glob.h"
#include "core/ids.h"
#include "core/json_text.h"
#include "core/log.h"
#include "core/status.h"

namespace tally::agent {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// What a pollster's thread owns. Held by shared_ptr: a thread that hangs keeps it when the agent is gone.
struct Worker {
  Worker(PollsterSource source, std::shared_ptr<SharedDiscovery> discovery, Schedule::Options options, Time start)
      : poller(std::move(source), std::move(discovery)), schedule(options, start) {
    status.name = poller.source().name;
    status.role = "pollster";
    status.version = poller.source().version;
    status.state = poller.source().state;
    status.reason = poller.source().reason;
  }

  Poller poller;      // the thread's own
  Schedule schedule;  // the thread's own
  std::thread thread;

  std::mutex mutex;  // guards what follows
  std::condition_variable changed;
  bool stopping = false;
  bool ended = false;
  std::shared_ptr<SharedDiscovery> next_discovery;
  PluginStatus status;
  std::uint64_t cycles = 0;
  std::uint64_t skipped = 0;
  std::uint64_t errors = 0;
};

}  // namespace

struct Agent::Impl {
  // What workers share with the agent, and may still use when it has given up on them.
  struct Shared {
    AgentOptions options;
    std::mutex mutex;
    Outbox* outbox = nullptr;  // null once the agent has stopped
    std::vector<std::string> disabled_meters;
    std::string telemetry_secret;
    LastValues last;
  };

  AgentOptions options;
  Sources sources;
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  mutable std::mutex mutex;  // guards workers and off
  std::vector<std::shared_ptr<Worker>> workers;
  std::vector<PluginStatus> off;
  bool running = false;
  std::atomic<bool> stopped = false;
  Outbox* outbox = nullptr;  // for its books, also after the stop

  void launch(const Sources& next);
  static void run(const std::shared_ptr<Worker>& worker, const std::shared_ptr<Shared>& shared);
  static void note(Worker& worker, const absl::Status& status);
  static void deliver(Shared& shared, std::vector<Sample> samples);
  static bool join(Worker& worker, std::chrono::steady_clock::time_point until);
};

void Agent::Impl::run(const std::shared_ptr<Worker>& worker, const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(worker->mutex);
  while (true) {
    while (!worker->stopping) {
      const Time now = Time::now();
      worker->schedule.check_clock(now);
      const std::int64_t left = worker->schedule.due().us - now.us;
      if (left <= 0) break;
      worker->changed.wait_for(lock, microseconds(std::min<std::int64_t>(left, 1'000'000)));
    }
    if (worker->stopping) break;
    if (worker->next_discovery) worker->poller.use(std::move(worker->next_discovery));
    lock.unlock();
    const Time due = worker->schedule.due();
    const Time now = Time::now();
    // All pollsters of a cycle carry one time; a late one says when it really measured.
    Poller::Answer answer = worker->poller.poll(now.us - due.us <= 100'000 ? due : now);
    if (!answer.samples.empty()) deliver(*shared, std::move(answer.samples));
    worker->schedule.finished(due, Time::now(), answer.status);
    lock.lock();
    note(*worker, answer.status);
    if (answer.status.code() == kHung) break;
  }
  worker->ended = true;
  worker->changed.notify_all();
}

// REQUIRES: the worker's lock. One log line at each change of state.
void Agent::Impl::note(Worker& worker, const absl::Status& status) {
  ++worker.cycles;
  worker.skipped = worker.schedule.skipped();
  std::string state = "on";
  if (status.code() == kAbsent) state = "absent";
  if (status.code() == kHung) state = "failed";
  const std::string text = std::string(status.message());
  const std::string name = "pollster:" + worker.status.name;
  if (!status.ok() && state == "on") {
    ++worker.errors;
    if (worker.schedule.failures_in_a_row() >= 5) state = "quarantined";
    log::once_per("poll " + name, log::Level::warning, name + ": " + text + "; trying again later");
  } else if (state != worker.status.state) {
    if (state == "on") {
      log::info(name + " is on again");
    } else {
      log::info(name + " is " + state + ": " + text + (state == "absent" ? "; looking again later" : ""));
    }
  }
  worker.status.state = state;
  worker.status.reason = text;
}

void Agent::Impl::deliver(Shared& shared, std::vector<Sample> samples) {
  const std::lock_guard lock(shared.mutex);
  if (shared.outbox == nullptr) return;
  for (Sample& sample : samples) {
    if (sample.source.empty()) sample.source = shared.options.source;
    if (sample.id.empty()) sample.id = host::poll_sample_id(sample, shared.options.source);
  }
  std::erase_if(samples, [&](const Sample& sample) {
    return std::any_of(shared.disabled_meters.begin(), shared.disabled_meters.end(),
                       [&](const std::string& pattern) { return glob_match(pattern, sample.name); });
  });
  if (shared.options.keep_last_values) shared.last.note(samples);
  const std::size_t most = std::max<std::size_t>(shared.options.samples_per_message, 1);
  for (std::size_t at = 0; at < samples.size(); at += most) {
    const std::span<const Sample> part(samples.data() + at, std::min(most, samples.size() - at));
    const std::string message_id = host::digest(part.front().id + part.back().id + std::to_string(part.size()));
    shared.outbox->put({bus::encode_samples(part, "tally-agent:" + shared.options.host, message_id, Time::now(),
                                            shared.telemetry_secret),
                        part.size()});
  }
}

bool Agent::Impl::join(Worker& worker, std::chrono::steady_clock::time_point until) {
  {
    std::unique_lock lock(worker.mutex);
    worker.stopping = true;
    worker.changed.notify_all();
    if (worker.thread.joinable() && !worker.changed.wait_until(lock, until, [&] { return worker.ended; })) {
      log::error("pollster:" + worker.status.name + " does not come back, leaving it alone");
      worker.thread.detach();
      return false;
    }
  }
  if (worker.thread.joinable()) worker.thread.join();
  return true;
}

void Agent::Impl::launch(const Sources& next) {
  const auto discovery = std::make_shared<SharedDiscovery>(next.discoveries);
  {
    const std::lock_guard lock(shared->mutex);
    shared->disabled_meters = next.disabled_meters;
    shared->telemetry_secret = next.telemetry_secret;
  }
  std::vector<std::shared_ptr<Worker>> kept;
  std::vector<std::shared_ptr<Worker>> begun;
  std::vector<PluginStatus> not_on;
  const Time start = Time::now();  // one for all: the samples of the first cycle carry it
  for (const PollsterSource& source : next.pollsters) {
    if (source.state != "on" && !source.make) {
      not_on.push_back({source.name, "pollster", source.version, source.state, source.reason});
      continue;
    }
    const auto same = std::find_if(workers.begin(), workers.end(), [&](const std::shared_ptr<Worker>& worker) {
      const PollsterSource& old = worker->poller.source();
      return old.name == source.name && old.fingerprint == source.fingerprint && !source.fingerprint.empty();
    });
    if (same != workers.end()) {
      const std::lock_guard lock((*same)->mutex);
      (*same)->next_discovery = discovery;
      kept.push_back(*same);
      continue;
    }
    Schedule::Options timing;
    timing.interval_us = source.interval_us;
    timing.recheck_us = options.recheck_us;
    timing.at_once = options.at_once;
    begun.push_back(std::make_shared<Worker>(source, discovery, timing, start));
  }
  const auto until = std::chrono::steady_clock::now() + milliseconds(5'000);
  for (const std::shared_ptr<Worker>& worker : workers) {
    if (std::find(kept.begin(), kept.end(), worker) == kept.end()) join(*worker, until);
  }
  for (const std::shared_ptr<Worker>& worker : begun) {
    worker->thread = std::thread([worker, state = shared] { run(worker, state); });
    kept.push_back(worker);
  }
  const std::lock_guard lock(mutex);
  workers = std::move(kept);
  off = std::move(not_on);
}

Agent::Agent(AgentOptions options, Sources sources, Outbox& outbox) : impl_(std::make_unique<Impl>()) {
  impl_->options = options;
  impl_->sources = std::move(sources);
  impl_->shared->options = std::move(options);
  impl_->shared->outbox = &outbox;
  impl_->outbox = &outbox;
}

Agent::~Agent() { stop(); }

void Agent::start() {
  if (std::exchange(impl_->running, true)) return;
  for (const PollsterSource& source : impl_->sources.pollsters) {
    if (source.state != "on" && source.state != "disabled") {
      log::info("pollster:" + source.name + " is " + source.state + ": " + source.reason);
    }
  }
  impl_->launch(std::move(impl_->sources));
}

void Agent::reload(Sources sources) { impl_->launch(std::move(sources)); }

void Agent::stop(std::int64_t limit_ms) {
  if (impl_->stopped.exchange(true)) return;
  const auto until = std::chrono::steady_clock::now() + milliseconds(limit_ms);
  for (const std::shared_ptr<Worker>& worker : impl_->workers) {
    const std::lock_guard lock(worker->mutex);
    worker->stopping = true;
    worker->changed.notify_all();
  }
  for (const std::shared_ptr<Worker>& worker : impl_->workers) Impl::join(*worker, until);
  const std::lock_guard lock(impl_->shared->mutex);
  impl_->shared->outbox = nullptr;
}

AgentStatus Agent::status() const {
  AgentStatus status;
  status.books = impl_->outbox->books();
  status.state = impl_->stopped ? "stopping" : status.books.bus_away ? "bus away" : "running";
  const std::lock_guard lock(impl_->mutex);
  for (const std::shared_ptr<Worker>& worker : impl_->workers) {
    const std::lock_guard worker_lock(worker->mutex);
    status.cycles += worker->cycles;
    status.skipped_cycles += worker->skipped;
    status.errors += worker->errors;
    status.plugins.push_back(worker->status);
  }
  status.plugins.insert(status.plugins.end(), impl_->off.begin(), impl_->off.end());
  std::sort(status.plugins.begin(), status.plugins.end(),
            [](const PluginStatus& a, const PluginStatus& b) { return a.name < b.name; });
  return status;
}

std::vector<LastValue> Agent::last_values() const { return impl_->shared->last.all(); }

std::string status_json(const AgentStatus& status) {
  const OutboxBooks& books = status.books;
  const auto number = [](std::uint64_t value) { return std::to_string(value); };
  std::string out = "{\"state\": " + json_quote(status.state) + ", \"samples\": {\"made\": " + number(books.made) +
                    ", \"sent\": " + number(books.sent) + ", \"spooled\": " + number(books.spooled) +
                    ", \"refused\": " + number(books.refused) + ", \"lost\": " + number(books.lost) +
                    ", \"in_flight\": " + number(books.in_flight) + "}, \"cycles\": " + number(status.cycles) +
                    ", \"skipped_cycles\": " + number(status.skipped_cycles) + ", \"plugins\": [";
  for (std::size_t at = 0; at < status.plugins.size(); ++at) {
    const PluginStatus& plugin = status.plugins[at];
    out += (at > 0 ? ", " : "") + std::string("{\"name\": ") + json_quote(plugin.name) +
           ", \"role\": " + json_quote(plugin.role) + ", \"version\": " + json_quote(plugin.version) +
           ", \"state\": " + json_quote(plugin.state) + ", \"reason\": " + json_quote(plugin.reason) + "}";
  }
  return out + "]}";
}

}  // namespace tally::agent
