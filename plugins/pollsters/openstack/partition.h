// Which of several agents polls a resource: the 64-bit FNV-1a hash of its id, modulo their number.
// Not for agents that come and go: the numbers are written in each agent's configuration.
#ifndef TALLY_OPENSTACK_PARTITION_H
#define TALLY_OPENSTACK_PARTITION_H

#include <cstdint>
#include <string_view>

namespace tally::openstack {

// FNV-1a, 64 bits, over the bytes of `text`: the same on every machine and in every version.
constexpr std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

struct Partition {
  std::uint64_t index = 0;
  std::uint64_t total = 1;  // REQUIRES: above index

  constexpr bool has(std::string_view resource_id) const { return fnv1a(resource_id) % total == index; }
};

}  // namespace tally::openstack

#endif
