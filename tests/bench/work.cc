#include "work.h"

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/strings.h"
#include "collector/wiring.h"
#include "config/config.h"
#include "plugin/catalog/catalog.h"
#include "plugin/supervise/worker.h"

namespace tally::bench {
namespace {

constexpr std::string_view kEventStem = "compute.instance.", kEventType = "compute.instance.exists";

// The inner message; with its wrapping, and its quotes escaped, it has 1,602 bytes.
constexpr const char* kInner =
    R"({"message_id": "6a2f5f3e-7c1b-4c55-9d0e-0a9b7d1c2e3f", "publisher_id": "compute.node-17", )"
    R"("event_type": "compute.instance.exists", "priority": "INFO", "timestamp": "2026-01-02 03:04:05.678901", )"
    R"("_context_request_id": "req-0d2a4f5c-1111-4222-8333-444455556666", )"
    R"("_context_project_id": "7f3b1c2d4e5f60718293a4b5c6d7e8f9", )"
    R"("_context_user_id": "0123456789abcdef0123456789abcdef", "payload": )"
    R"({"tenant_id": "7f3b1c2d4e5f60718293a4b5c6d7e8f9", "user_id": "0123456789abcdef0123456789abcdef", )"
    R"("instance_id": "b1946ac9-2c5d-4f4e-9f3a-7d2c1b0a9e8d", "display_name": "web-17", "host": "node-17", )"
    R"("node": "node-17.cell1", "state": "active", "state_description": "", "memory_mb": 4096, "vcpus": 2, )"
    R"("root_gb": 40, "ephemeral_gb": 10, "disk_gb": 50, "instance_type": "m1.medium", "instance_type_id": 3, )"
    R"("instance_flavor_id": "3", "architecture": "x86_64", "os_type": "linux", "kernel_id": "", "ramdisk_id": "", )"
    R"("availability_zone": "az1", "created_at": "2026-01-02 03:03:31+00:00", )"
    R"("launched_at": "2026-01-02T03:04:05.000000", "deleted_at": "", "image_meta": )"
    R"({"base_image_ref": "0c7e9c1a-5b0d-4c11-8a39-3a9d0f4b5c6d"}, )"
    R"("fixed_ips": [{"address": "10.0.0.17", "version": 4}], "hostname": "web-17", "cell_name": "", "progress": "", )"
    R"("terminated_at": "", "reservation_id": "r-6q1a2b3c", "audit_period_beginning": "2026-01-02 02:00:00", )"
    R"("audit_period_ending": "2026-01-02 03:00:00", "bandwidth": {}, "metadata": {}}})";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"') out += '\\';
    out += c;
  }
  return out;
}

class Idle final : public plugin::MessageHandler {
 public:
  absl::Status handle(const Notification&, wire::SampleList&) override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<std::string>> claims() override { return std::vector<std::string>(); }
};

[[noreturn]] void give_up(const std::string& why) {
  std::cerr << "bench: " << why << '\n';
  std::exit(1);
}

}  // namespace

std::string server_message(const std::string& ending) {
  std::string inner = kInner;
  inner.replace(inner.find(kEventType) + kEventStem.size(), kEventType.size() - kEventStem.size(), ending);
  return R"({"oslo.version": "2.0", "oslo.message": ")" + escaped(inner) + "\"}";
}

absl::StatusOr<collector::Pipeline> load_handlers(plugin::Catalog& catalog) {
  config::Config config;
  config.limits.call = std::chrono::minutes(10);  // valgrind is slow
  return collector::make_pipeline(catalog, config);
}

collector::Pipeline make_pipeline() {
  plugin::Catalog catalog = plugin::Catalog::scan(plugin::plugin_folders());
  auto pipeline = load_handlers(catalog);
  if (!pipeline.ok()) give_up(std::string(to_std(pipeline.status().message())));
  const collector::Incoming message{server_message(), "bench", Time::now()};
  std::size_t samples = 0;
  on_worker([&] { samples = pipeline->process(message).samples.size(); });
  if (samples != 4) give_up("the message gives " + std::to_string(samples) + " samples, not 4: set TALLY_DEFINITIONS");
  return *std::move(pipeline);
}

void on_worker(std::function<void()> job) {
  plugin::Worker worker;
  if (const absl::Status status = worker.run(std::move(job)); !status.ok()) give_up(status.ToString());
}

std::unique_ptr<plugin::Dispatcher> make_dispatcher(std::size_t others) {
  auto dispatcher = std::make_unique<plugin::Dispatcher>();
  dispatcher->add("notification:taker", std::make_unique<Idle>(), {"compute.instance.*"});
  for (std::size_t i = 0; i < others; ++i) {
    const std::string thing = "thing" + std::to_string(i);
    dispatcher->add("notification:" + thing, std::make_unique<Idle>(),
                    {"compute.instance." + thing + ".end", "compute." + thing + ".*", "*." + thing + ".end"});
  }
  return dispatcher;
}

std::size_t dispatch(plugin::Dispatcher& dispatcher) {
  Notification notification;
  notification.event_type = kEventType;
  wire::SampleList samples;
  for (plugin::Dispatcher::Handler* handler : dispatcher.match(kEventType).handlers)
    if (!handler->handler->handle(notification, samples).ok()) give_up("the idle handler failed");
  return samples.size();
}

}  // namespace tally::bench
