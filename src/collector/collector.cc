#include "collector/collector.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "collector/in_flight.h"
#include "collector/threads.h"

namespace tally::collector {
namespace {

absl::StatusOr<std::vector<std::shared_ptr<Pipeline>>> make_pipelines(const CollectorOptions& options, unsigned count) {
  std::vector<std::shared_ptr<Pipeline>> pipelines;
  for (unsigned i = 0; i < count; ++i) {
    absl::StatusOr<Pipeline> made = options.pipeline();
    if (!made.ok()) return made.status();
    pipelines.push_back(std::make_shared<Pipeline>(*std::move(made)));
  }
  return pipelines;
}

}  // namespace

struct Collector::Impl {
  explicit Impl(CollectorOptions options)
      : loss_detector(options.state_folder, options.host), in_flight(std::move(options)) {}

  struct BusThread {
    BusPtr bus;
    std::thread thread;
  };

  LossDetector loss_detector;
  InFlight in_flight;
  std::vector<std::unique_ptr<PipelineSlot>> slots;
  std::vector<BusThread> buses;
  std::vector<std::thread> threads;  // workers and writers
  unsigned writers = 0;
  bool started = false;
  bool stopped = false;

  void add_bus(const BusOptions& options) {
    BusPtr bus = in_flight.add_bus(options);
    buses.push_back({bus, std::thread([this, bus] { run_bus(in_flight, bus); })});
  }

  // Only adds: writers that a later store does not take stay idle.
  void add_writers(unsigned wanted) {
    for (; writers < wanted; ++writers)
      threads.emplace_back([this, number = writers] { run_writer(in_flight, loss_detector, number); });
  }

  static bool same(const BusOptions& a, const BusOptions& b) {
    return a.name == b.name && a.fingerprint == b.fingerprint;
  }
};

Collector::Collector(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Collector::~Collector() { stop(Milliseconds(0)); }

absl::StatusOr<std::unique_ptr<Collector>> Collector::open(CollectorOptions options) {
  options.workers = std::max(options.workers, 1U);
  options.window = std::max(options.window, 1U);
  options.batch_samples = std::max<std::size_t>(options.batch_samples, 1);
  options.store.writers = std::max(options.store.writers, 1U);
  auto pipelines = make_pipelines(options, options.workers);
  if (!pipelines.ok()) return pipelines.status();
  auto impl = std::make_unique<Impl>(std::move(options));
  for (std::shared_ptr<Pipeline>& pipeline : *pipelines) {
    impl->slots.push_back(std::make_unique<PipelineSlot>());
    impl->slots.back()->put(std::move(pipeline));
  }
  return std::unique_ptr<Collector>(new Collector(std::move(impl)));
}

void Collector::start() {
  Impl& impl = *impl_;
  if (impl.started || impl.stopped) return;
  impl.started = true;
  impl.add_writers(impl.in_flight.store().writers);
  if (!impl.in_flight.options().copies.name.empty())
    impl.threads.emplace_back([&in_flight = impl.in_flight] { run_copier(in_flight); });
  for (const auto& slot : impl.slots)
    impl.threads.emplace_back([&in_flight = impl.in_flight, &next = *slot] { run_worker(in_flight, next); });
  for (const BusOptions& bus : impl.in_flight.options().buses) impl.add_bus(bus);
  impl.in_flight.set_state("running");
}

absl::Status Collector::reload(CollectorOptions options) {
  Impl& impl = *impl_;
  if (impl.stopped) return absl::FailedPreconditionError("the collector is stopped");
  auto pipelines = make_pipelines(options, static_cast<unsigned>(impl.slots.size()));
  if (!pipelines.ok()) return pipelines.status();
  options.window = std::max(options.window, 1U);
  options.batch_samples = std::max<std::size_t>(options.batch_samples, 1);
  options.store.writers = std::max(options.store.writers, 1U);
  options.copies = impl.in_flight.options().copies;
  impl.in_flight.apply(options);
  for (std::size_t i = 0; i < impl.slots.size(); ++i) impl.slots[i]->put(std::move((*pipelines)[i]));
  impl.in_flight.next_generation();
  if (!impl.started) return absl::OkStatus();
  impl.add_writers(options.store.writers);
  for (const Impl::BusThread& running : impl.buses) {
    const bool wanted = std::any_of(options.buses.begin(), options.buses.end(),
                                    [&](const BusOptions& bus) { return Impl::same(bus, running.bus->options); });
    if (!wanted) impl.in_flight.close_bus(running.bus);
  }
  for (const BusOptions& bus : options.buses) {
    const bool there = std::any_of(impl.buses.begin(), impl.buses.end(), [&](const Impl::BusThread& running) {
      return Impl::same(bus, running.bus->options) && !impl.in_flight.closing(running.bus);
    });
    if (!there) impl.add_bus(bus);
  }
  return absl::OkStatus();
}

void Collector::stop(Milliseconds limit) {
  Impl& impl = *impl_;
  if (impl.stopped) return;
  impl.stopped = true;
  const auto until = Clock::now() + limit;
  impl.in_flight.close();
  if (impl.started) impl.in_flight.wait_idle(until);
  impl.in_flight.quit();
  for (std::thread& thread : impl.threads) thread.join();
  impl.in_flight.return_all();
  for (Impl::BusThread& running : impl.buses) running.thread.join();
  impl.in_flight.set_state("stopped");
}

CollectorStatus Collector::status() const { return impl_->in_flight.snapshot(); }

bool Collector::wait_connected(Milliseconds limit) const {
  return impl_->in_flight.wait_connected(Clock::now() + limit);
}

Milliseconds Collector::silent() const { return std::chrono::duration_cast<Milliseconds>(impl_->in_flight.silent()); }

bool Collector::wait_settled(std::uint64_t received, Milliseconds limit) const {
  return impl_->in_flight.wait_settled(received, Clock::now() + limit);
}

}  // namespace tally::collector
