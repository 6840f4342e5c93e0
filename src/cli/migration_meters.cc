// The meters that Ceilometer polls and Tally does not, by the names that its lists use.
// Not for what Tally measures, which its plugins say; doc/ceilometer.md has the same list for reading.
#include <algorithm>
#include <array>

#include "cli/migration.h"
#include "config/polling_file.h"

namespace tally::cli {
namespace {

constexpr std::string_view kIpmi = "sensors are not read, by IPMI or from Ironic's messages";
constexpr std::string_view kRados = "a Ceph object gateway's own API is not asked, only the one it shares with Swift";
constexpr std::string_view kZones = "Designate is not polled; dns.domain.exists comes of its notifications";
constexpr std::string_view kShares = "Manila is not polled; manila.share.size comes of its notifications";
constexpr std::string_view kNetworkServices = "Neutron's VPN and firewall services are not polled";
constexpr std::string_view kVolumeServices = "Cinder's services are not polled";
constexpr std::string_view kAlarms = "Aodh is not polled";

constexpr std::array kUnmade = {
    UnmadeMeter{"hardware.ipmi.current", kIpmi},
    UnmadeMeter{"hardware.ipmi.fan", kIpmi},
    UnmadeMeter{"hardware.ipmi.power", kIpmi},
    UnmadeMeter{"hardware.ipmi.temperature", kIpmi},
    UnmadeMeter{"hardware.ipmi.voltage", kIpmi},
    UnmadeMeter{"radosgw.containers.objects", kRados},
    UnmadeMeter{"radosgw.containers.objects.size", kRados},
    UnmadeMeter{"radosgw.objects", kRados},
    UnmadeMeter{"radosgw.objects.containers", kRados},
    UnmadeMeter{"radosgw.objects.size", kRados},
    UnmadeMeter{"radosgw.usage", kRados},
    UnmadeMeter{"radosgw.api.request", kRados},
    UnmadeMeter{"dns.zone.recordsets", kZones},
    UnmadeMeter{"dns.zone.serial", kZones},
    UnmadeMeter{"dns.zone.status", kZones},
    UnmadeMeter{"dns.zone.ttl", kZones},
    UnmadeMeter{"manila.share.size", kShares},
    UnmadeMeter{"manila.share.status", kShares},
    UnmadeMeter{"network.services.firewall", kNetworkServices},
    UnmadeMeter{"network.services.firewall.policy", kNetworkServices},
    UnmadeMeter{"network.services.vpn", kNetworkServices},
    UnmadeMeter{"network.services.vpn.connections", kNetworkServices},
    UnmadeMeter{"volume.service.health", kVolumeServices},
    UnmadeMeter{"alarm.evaluation_result", kAlarms},
};

}  // namespace

std::vector<UnmadeMeter> unmade_meters(std::string_view entry, std::span<const std::string> installed) {
  std::vector<UnmadeMeter> found;
  if (entry.starts_with("!") || entry == "*") return found;  // "*" asks for whatever there is
  for (const UnmadeMeter& meter : kUnmade) {
    const std::string name(meter.name);
    if (config::entry_matches(entry, name) && std::ranges::find(installed, name) == installed.end())
      found.push_back(meter);
  }
  return found;
}

std::string unmade_text(std::span<const UnmadeMeter> meters) {
  std::string text;
  for (std::size_t i = 0; i < meters.size(); ++i) {
    const bool same = i > 0 && meters[i].why == meters[i - 1].why;
    if (i > 0 && !same) text += std::string(": ") + std::string(meters[i - 1].why) + "; ";
    text += (same ? ", " : "") + std::string(meters[i].name);
  }
  return meters.empty() ? text : text + ": " + std::string(meters.back().why);
}

}  // namespace tally::cli
