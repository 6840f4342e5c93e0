// The bytes of a spool on disk: record headers, checksums, file names; and the marks of what is done.
// Not for use by itself: see spool.h. The format is told in doc/spool.md.
#ifndef TALLY_SPOOL_FORMAT_H
#define TALLY_SPOOL_FORMAT_H

#include <tally/kit/crc32c.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace tally::spool {

inline void put32(std::string& out, std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift));
}

inline void put64(std::string& out, std::uint64_t value) {
  put32(out, static_cast<std::uint32_t>(value));
  put32(out, static_cast<std::uint32_t>(value >> 32));
}

inline std::uint32_t get32(const char* bytes) {
  std::uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = (value << 8) | static_cast<unsigned char>(bytes[i]);
  return value;
}

inline std::uint64_t get64(const char* bytes) {
  return get32(bytes) | static_cast<std::uint64_t>(get32(bytes + 4)) << 32;
}

// --- records --------------------------------------------------------------------------------------------------------

inline constexpr std::string_view kMagic = "TSP1";
inline constexpr std::size_t kHeaderBytes = 24;  // magic, u32 length, u64 sequence, u32 body crc, u32 header crc

// Nobody counts this far: what says so was not written by a spool, and is not believed, so that counting on never
// wraps.
inline constexpr std::uint64_t kLastSequence = 1ULL << 62;

struct Header {
  std::uint32_t length = 0;
  std::uint64_t sequence = 0;
  std::uint32_t body_crc = 0;
};

// `salt` is the segment's: a body that holds the bytes of a record is never taken for one.
inline void put_record(std::string& out, std::uint32_t salt, std::uint64_t sequence, std::string_view body) {
  const std::size_t start = out.size();
  out.append(kMagic);
  put32(out, static_cast<std::uint32_t>(body.size()));
  put64(out, sequence);
  put32(out, crc32c(body, salt));
  put32(out, crc32c(std::string_view(out).substr(start), salt));
  out.append(body);
}

// The header at the front of `bytes`, or nothing if it is none or damaged.
inline std::optional<Header> get_header(std::string_view bytes, std::uint32_t salt) {
  if (bytes.size() < kHeaderBytes || bytes.substr(0, kMagic.size()) != kMagic) return std::nullopt;
  if (get32(bytes.data() + 20) != crc32c(bytes.substr(0, 20), salt)) return std::nullopt;
  return Header{get32(bytes.data() + 4), get64(bytes.data() + 8), get32(bytes.data() + 16)};
}

// --- segments: SEQUENCE-SALT.seg, the first record's sequence in 20 decimal digits, the salt in 8 hexadecimal ones
// -----

struct SegmentName {
  std::uint64_t first = 0;
  std::uint32_t salt = 0;
};

inline std::string segment_file(const SegmentName& name) {
  char text[48];
  std::snprintf(text, sizeof text, "%020llu-%08x.seg", static_cast<unsigned long long>(name.first), name.salt);
  return text;
}

inline std::optional<SegmentName> parse_segment_file(const std::string& file) {
  unsigned long long first = 0;
  unsigned int salt = 0;
  if (std::sscanf(file.c_str(), "%20llu-%8x.seg", &first, &salt) != 2) return std::nullopt;
  const SegmentName name{first, salt};
  if (segment_file(name) != file || name.first > kLastSequence) return std::nullopt;
  return name;
}

// --- marks ----------------------------------------------------------------------------------------------------------

inline constexpr std::string_view kMarksMagic = "TALLYMK1";
inline constexpr std::size_t kMostRanges = 4096;  // more islands than this are kept in memory only

// Which sequences are done: all up to `prefix`, and islands beyond it.
class Marks {
 public:
  std::uint64_t prefix = 0;      // everything up to here is done
  std::uint64_t handed = 0;      // the highest sequence ever given to a reader
  std::uint64_t opened = 0;      // how often the spool was opened
  std::uint64_t generation = 0;  // of this writing; the highest that is whole is the truth

  bool is_done(std::uint64_t sequence) const {
    if (sequence <= prefix) return true;
    const auto after = islands_.upper_bound(sequence);
    return after != islands_.begin() && std::prev(after)->second >= sequence;
  }

  std::uint64_t highest() const { return islands_.empty() ? prefix : islands_.rbegin()->second; }

  // How many done ones lie beyond the prefix.
  std::uint64_t beyond() const {
    std::uint64_t count = 0;
    for (const auto& [first, last] : islands_) count += last - first + 1;
    return count;
  }

  // Marks [first, last] as done; says how many were not yet.
  std::uint64_t finish(std::uint64_t first, std::uint64_t last) {
    first = std::max(first, prefix + 1);
    if (first > last) return 0;
    std::uint64_t fresh = last - first + 1;
    auto at = islands_.upper_bound(first);
    if (at != islands_.begin() && std::prev(at)->second + 1 >= first) --at;
    std::uint64_t low = first;
    std::uint64_t high = last;
    while (at != islands_.end() && at->first <= last + 1) {
      const std::uint64_t from = std::max(at->first, first);
      const std::uint64_t to = std::min(at->second, last);
      if (from <= to) fresh -= to - from + 1;
      low = std::min(low, at->first);
      high = std::max(high, at->second);
      at = islands_.erase(at);
    }
    if (low == prefix + 1) {
      prefix = high;
    } else {
      islands_[low] = high;
    }
    return fresh;
  }

  std::string encode() const {
    std::string out(kMarksMagic);
    for (std::uint64_t value : {generation, prefix, handed, opened}) put64(out, value);
    const std::size_t count = std::min(islands_.size(), kMostRanges);
    put64(out, count);
    auto at = islands_.begin();
    for (std::size_t i = 0; i < count; ++i, ++at) {
      put64(out, at->first);
      put64(out, at->second);
    }
    put32(out, crc32c(out));
    return out;
  }

  // Nothing when the bytes are damaged, torn or absurd. Bytes of an older, longer writing may follow.
  static std::optional<Marks> decode(std::string_view bytes) {
    constexpr std::size_t kFixed = 48;
    if (bytes.size() < kFixed + 4 || bytes.substr(0, kMarksMagic.size()) != kMarksMagic) return std::nullopt;
    const std::uint64_t count = get64(bytes.data() + 40);
    if (count > kMostRanges || bytes.size() < kFixed + count * 16 + 4) return std::nullopt;
    const std::size_t size = kFixed + count * 16;
    if (get32(bytes.data() + size) != crc32c(bytes.substr(0, size))) return std::nullopt;
    Marks marks;
    marks.generation = get64(bytes.data() + 8);
    marks.prefix = get64(bytes.data() + 16);
    marks.handed = get64(bytes.data() + 24);
    marks.opened = get64(bytes.data() + 32);
    if (std::max({marks.generation, marks.prefix, marks.handed, marks.opened}) > kLastSequence) return std::nullopt;
    for (std::size_t i = 0; i < count; ++i) {
      const char* range = bytes.data() + kFixed + i * 16;
      if (get64(range + 8) > kLastSequence) return std::nullopt;
      marks.finish(get64(range), get64(range + 8));
    }
    return marks;
  }

 private:
  std::map<std::uint64_t, std::uint64_t> islands_;  // first to last, apart from each other and from the prefix
};

}  // namespace tally::spool

#endif
