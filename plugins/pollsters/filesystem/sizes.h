// The sizes of a file system, out of what statvfs answers.
// Not for asking it.
#ifndef TALLY_PLUGINS_FILESYSTEM_SIZES_H
#define TALLY_PLUGINS_FILESYSTEM_SIZES_H

#include <sys/statvfs.h>
#include <tally/model/decimal.h>

#include <array>
#include <optional>

namespace sizes {

struct Size {
  const char* meter;
  std::optional<tally::Decimal> kilobytes;  // none: more blocks are free than there are, as some file systems answer
};

inline std::array<Size, 3> of(const struct statvfs& space) {
  const tally::Decimal total = space.f_blocks;
  const tally::Decimal block_kb = tally::Decimal(space.f_frsize) * *tally::Decimal::parse("0.0009765625");
  const auto size = [&](const tally::Decimal& blocks) -> std::optional<tally::Decimal> {
    if (blocks.negative() || blocks > total) return std::nullopt;
    return tally::Decimal::mul(blocks, block_kb);
  };
  return {{{"hardware.disk.size.total", size(total)},
           {"hardware.disk.size.used", size(total - tally::Decimal(space.f_bfree))},
           {"hardware.disk.size.available", size(space.f_bavail)}}};
}

}  // namespace sizes

#endif
