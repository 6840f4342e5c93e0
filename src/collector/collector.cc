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
  explicit Impl(CollectorOptions options) : witness(options.state_folder, options.host), desk(std::move(options)) {}

  struct BusThread {
    BusPtr bus;
    std::thread thread;
  };

  Witness witness;
  Desk desk;
  std::vector<std::unique_ptr<PipelineSlot>> slots;
  std::vector<BusThread> buses;
  std::vector<std::thread> threads;  // workers and writers
  unsigned writers = 0;
  bool started = false;
  bool stopped = false;

  void add_bus(const BusOptions& options) {
    BusPtr bus = desk.add_bus(options);
    buses.push_back({bus, std::thread([this, bus] { run_bus(desk, bus); })});
  }

  // Those that a later store does not want rest.
  void add_writers(unsigned wanted) {
    for (; writers < wanted; ++writers)
      threads.emplace_back([this, number = writers] { run_writer(desk, witness, number); });
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
  impl.add_writers(impl.desk.store().writers);
  if (!impl.desk.options().copies.name.empty()) impl.threads.emplace_back([&desk = impl.desk] { run_copier(desk); });
  for (const auto& slot : impl.slots)
    impl.threads.emplace_back([&desk = impl.desk, &next = *slot] { run_worker(desk, next); });
  for (const BusOptions& bus : impl.desk.options().buses) impl.add_bus(bus);
  impl.desk.set_state("running");
}

absl::Status Collector::reload(CollectorOptions options) {
  Impl& impl = *impl_;
  if (impl.stopped) return absl::FailedPreconditionError("the collector is stopped");
  auto pipelines = make_pipelines(options, static_cast<unsigned>(impl.slots.size()));
  if (!pipelines.ok()) return pipelines.status();
  options.window = std::max(options.window, 1U);
  options.batch_samples = std::max<std::size_t>(options.batch_samples, 1);
  options.store.writers = std::max(options.store.writers, 1U);
  options.copies = impl.desk.options().copies;
  impl.desk.apply(options);
  for (std::size_t i = 0; i < impl.slots.size(); ++i) impl.slots[i]->put(std::move((*pipelines)[i]));
  impl.desk.next_generation();
  if (!impl.started) return absl::OkStatus();
  impl.add_writers(options.store.writers);
  for (const Impl::BusThread& running : impl.buses) {
    const bool wanted = std::any_of(options.buses.begin(), options.buses.end(),
                                    [&](const BusOptions& bus) { return Impl::same(bus, running.bus->options); });
    if (!wanted) impl.desk.close_bus(running.bus);
  }
  for (const BusOptions& bus : options.buses) {
    const bool there = std::any_of(impl.buses.begin(), impl.buses.end(), [&](const Impl::BusThread& running) {
      return Impl::same(bus, running.bus->options) && !impl.desk.closing(running.bus);
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
  impl.desk.close();
  if (impl.started) impl.desk.wait_idle(until);
  impl.desk.quit();
  for (std::thread& thread : impl.threads) thread.join();
  impl.desk.return_all();
  for (Impl::BusThread& running : impl.buses) running.thread.join();
  impl.desk.set_state("stopped");
}

CollectorStatus Collector::status() const { return impl_->desk.snapshot(); }

bool Collector::wait_connected(Milliseconds limit) const { return impl_->desk.wait_connected(Clock::now() + limit); }

Milliseconds Collector::silent() const { return std::chrono::duration_cast<Milliseconds>(impl_->desk.silent()); }

bool Collector::wait_settled(std::uint64_t received, Milliseconds limit) const {
  return impl_->desk.wait_settled(received, Clock::now() + limit);
}

}  // namespace tally::collector
