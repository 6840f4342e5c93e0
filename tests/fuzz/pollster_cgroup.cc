// A control group's path and files; the first byte says which.
// Not for walking a hierarchy.
#include "cgroup/group_files.h"

#include <set>
#include <string>

#include "cgroup/container.h"
#include "measured.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tally::fuzz;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.empty()) return 0;
  const std::string_view rest = text.substr(1);
  group_files::Values values;
  switch (const int which = text.front() - '0'; which) {
    case 0:
      require_name(rest);
      if (!container::is_path(rest)) return 0;
      for (const char* inside : {"/init.scope", "/docker/0a", "/a/docker-0a.scope"}) {
        require(!container::is_path(std::string(rest) + inside), "what is inside a container is none");
      }
      return 0;
    case 1:
    case 2:
    case 3:
    case 4:
      values = group_files::single(group_files::kSingles[which - 1], rest);
      require(values.size() <= 1, "a number alone is one");
      break;
    case 5:
    case 6:
    case 7:
      values = group_files::keyed(group_files::kKeyedFiles[which - 5], rest);
      break;
    case 8:
      values = group_files::pressure("memory", rest);
      break;
    default:
      values = group_files::io_stat(rest);
      for (const group_files::Value& value : values) {
        require(group_files::is_device(value.device), "I/O is of a device");
        require(value.device.find('/') == value.device.npos, "a device is not a path");
      }
  }
  std::set<std::string> meters;
  for (const group_files::Value& value : values) {
    require(value.meter.starts_with("cgroup."), "a value has a meter");
    if (value.device.empty()) require(meters.insert(value.meter).second, "a meter has one value");
    if (!value.volume) continue;
    const auto again = tally::Decimal::parse(value.volume->to_string());
    require(again && *again == *value.volume && !again->negative(), "a volume that is written reads the same");
  }
  return 0;
}
