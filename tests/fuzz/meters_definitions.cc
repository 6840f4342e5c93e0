// A file of definitions: each is taken or refused by itself, and those taken are tried on a message.
// Not for paths alone (meters_path.cc), nor for the road from the bus (notification.cc).
#include "meters.h"

namespace {

constexpr std::string_view kPayload = R"({"a":1,"b":"2.5","c":[1,{"d":-1e3}],"memory_mb":512,"instance_id":"i-1",
  "tenant_id":"p1","user_id":"u1","e":null,"f":{"g":true},"created_at":"2026-01-02 03:04:05","s":"a/b"})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tally::fuzz::require;
  tally::fuzz::set_definitions({reinterpret_cast<const char*>(data), size});
  tally::fuzz::Meters meters;
  if (!meters.made().ok()) return 0;
  tally::Notification message;
  message.event_type = "compute.instance.exists";
  message.publisher_id = "compute.h1";
  message.timestamp = "2026-01-02 03:04:05.678901";
  message.payload = kPayload;
  message.context = R"({"user_id":"u1","project_id":"p1"})";
  tally::wire::SampleList samples;
  const absl::Status handled = meters.handle(message, samples);
  require(handled.ok() || !handled.message().empty(), "an error says what is wrong");
  return 0;
}
