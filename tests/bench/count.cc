// Does one thing a number of times for callgrind to count: `bench-count decode|decode-new|dispatch-N TIMES`, where
// decode-new has messages of event types that were never seen; or prints the message: `bench-count message 1`.
// Not for clocks: speed.cc. Run with --collect-atstart=no, so that making things ready does not count.
#include <valgrind/callgrind.h>

#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "work.h"

namespace {

constexpr int kWarm = 200;

// What is counted is after a first round, which fills caches and pools.
void count(int times, const std::function<void()>& once) {
  for (int i = 0; i < kWarm; ++i) once();
  CALLGRIND_TOGGLE_COLLECT;
  for (int i = 0; i < times; ++i) once();
  CALLGRIND_TOGGLE_COLLECT;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace tally;  // NOLINT(google-build-using-namespace)
  const std::string what = argc == 3 ? argv[1] : "";
  const int times = argc == 3 ? std::atoi(argv[2]) : 0;
  constexpr std::string_view kDispatch = "dispatch-";
  if (what == "message") {
    std::cout << bench::server_message() << '\n';
    return 0;
  }
  if (times <= 0 || (what != "decode" && what != "decode-new" && !what.starts_with(kDispatch))) {
    std::cerr << "usage: bench-count decode|decode-new|dispatch-HANDLERS TIMES | message 1\n";
    return 64;
  }
  if (what.starts_with("decode")) {
    collector::Pipeline pipeline = bench::make_pipeline();
    std::vector<collector::Incoming> messages;
    const int different = what == "decode" ? 1 : times + kWarm;
    for (int i = 0; i < different; ++i) {
      const std::string ending = what == "decode" ? "exists" : "event" + std::to_string(i);
      messages.push_back({bench::server_message(ending), "bench", Time::now()});
    }
    std::size_t next = 0;
    bench::on_worker(
        [&] { count(times, [&] { static_cast<void>(pipeline.process(messages[next++ % messages.size()])); }); });
  } else {
    const auto dispatcher = bench::make_dispatcher(std::strtoul(what.substr(kDispatch.size()).c_str(), nullptr, 10));
    count(times, [&] { static_cast<void>(bench::dispatch(*dispatcher)); });
  }
  return 0;
}
