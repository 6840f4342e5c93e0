// Reads /proc/net/dev as text.
// Not for whose interfaces they are: that depends on the file.
#ifndef TALLY_PLUGINS_NETWORK_PROC_NET_DEV_H
#define TALLY_PLUGINS_NETWORK_PROC_NET_DEV_H

#include <tally/kit/files.h>

#include <array>
#include <optional>
#include <string_view>
#include <vector>

namespace proc_net_dev {

// Column after the interface's name.
struct Column {
  std::size_t index;
  const char* meter;
  const char* unit;
};
inline constexpr std::array<Column, 8> kColumns = {{
    {0, "hardware.network.incoming.bytes", "B"},
    {1, "hardware.network.incoming.packets", "packet"},
    {2, "hardware.network.incoming.errors", "packet"},
    {3, "hardware.network.incoming.drop", "packet"},
    {8, "hardware.network.outgoing.bytes", "B"},
    {9, "hardware.network.outgoing.packets", "packet"},
    {10, "hardware.network.outgoing.errors", "packet"},
    {11, "hardware.network.outgoing.drop", "packet"},
}};
inline constexpr std::size_t kColumnsOfALine = 16;

struct Interface {
  std::string_view name;
  std::size_t columns = 0;  // other than 16: a kernel that counts other things in other places, so that none is read
  std::array<std::optional<tally::Decimal>, kColumns.size()> values;  // none: not a count, or too large for a volume
};

// All but the loopback interface.
inline std::vector<Interface> read(std::string_view text) {
  std::vector<Interface> interfaces;
  for (const std::string_view line : tally::lines(text)) {
    // The two lines of headings have no colon; the first number may follow the name's colon without a space.
    const std::size_t colon = line.rfind(':');
    if (colon == std::string_view::npos) continue;
    const auto names = tally::words(line.substr(0, colon));
    const auto values = tally::words(line.substr(colon + 1));
    if (names.size() != 1 || names[0] == "lo") continue;
    Interface interface {
      names[0], values.size(), {}
    };
    for (std::size_t i = 0; i < kColumns.size() && values.size() == kColumnsOfALine; ++i) {
      interface.values[i] = tally::to_count(values[kColumns[i].index]);
    }
    interfaces.push_back(interface);
  }
  return interfaces;
}

}  // namespace proc_net_dev

#endif
