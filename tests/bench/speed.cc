// Times of what is done for each message, with the processor's clock: dispatch, decode to samples, loading definitions.
// Not for instructions (count.cc), nor for what needs a disk or other processes.
#include <benchmark/benchmark.h>

#include "work.h"

namespace {

namespace bench = tally::bench;

void dispatch(benchmark::State& state) {
  const auto dispatcher = bench::make_dispatcher(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(bench::dispatch(*dispatcher));
}
BENCHMARK(dispatch)->Arg(1)->Arg(100)->Arg(1000);

void decode(benchmark::State& state) {
  tally::collector::Pipeline pipeline = bench::make_pipeline();
  const tally::collector::Incoming message{bench::server_message(), "bench", tally::Time::now()};
  bench::on_worker([&] {
    for (auto _ : state) benchmark::DoNotOptimize(pipeline.process(message));
  });
  state.counters["bytes"] = static_cast<double>(message.body.size());
}
BENCHMARK(decode)->MeasureProcessCPUTime();

void load(benchmark::State& state) {
  tally::plugin::Catalog catalog = tally::plugin::Catalog::scan(tally::plugin::plugin_folders());
  for (auto _ : state) benchmark::DoNotOptimize(bench::load_handlers(catalog).ok());
}
BENCHMARK(load)->MeasureProcessCPUTime();

}  // namespace

BENCHMARK_MAIN();
