// The checksum of records on disk. Not against anybody who means harm: it is not a digest.
#ifndef TALLY_KIT_CRC32C_H
#define TALLY_KIT_CRC32C_H

#include <array>
#include <cstdint>
#include <string_view>

namespace tally {

// CRC-32C (Castagnoli), as used by iSCSI; `crc` is the checksum of what came before.
inline std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82F63B78U : 0U);
      made[i] = value;
    }
    return made;
  }();
  crc = ~crc;
  for (char byte : bytes) crc = (crc >> 8) ^ table[(crc ^ static_cast<unsigned char>(byte)) & 0xFFU];
  return ~crc;
}

}  // namespace tally

#endif
