#include "wire/ids.h"

#include <sodium.h>

#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <new>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "base/strings.h"

namespace tally::wire {

namespace {

constexpr char kVersion = 1;
constexpr char kMessage = 1;
constexpr char kBareMessage = 2;
constexpr char kPolled = 3;
constexpr std::size_t kIdDigits = 32;

// HashedBytes to be hashed; those of all but unheard-of samples fit where it stands.
class HashedBytes {
 public:
  HashedBytes() = default;
  HashedBytes(const HashedBytes&) = delete;
  HashedBytes& operator=(const HashedBytes&) = delete;
  HashedBytes(char kind, std::string_view source) {
    *room(2) = kVersion;
    data_[1] = kind;
    size_ = 2;
    text(source);
  }
  template <class Integer>
  void integer(Integer value) {
    char* to = room(sizeof value);
    if constexpr (std::endian::native == std::endian::little) {
      std::memcpy(to, &value, sizeof value);
    } else {
      for (std::size_t i = 0; i < sizeof value; ++i) to[i] = static_cast<char>(value >> (8 * i) & 0xff);
    }
    size_ += sizeof value;
  }
  void text(std::string_view text) {
    integer(static_cast<std::uint32_t>(text.size()));
    if (text.empty()) return;
    std::memcpy(room(text.size()), text.data(), text.size());
    size_ += text.size();
  }
  void measurement(const SampleView& sample) {
    text(sample.name);
    text(sample.resource_id);
    const std::int64_t time = sample.timestamp ? sample.timestamp->us : std::numeric_limits<std::int64_t>::min();
    integer(static_cast<std::uint64_t>(time));
  }
  std::string_view view() const { return {data_, size_}; }

 private:
  char* room(std::size_t more) {
    if (size_ + more > capacity_) grow(more);
    return data_ + size_;
  }
  void grow(std::size_t more) {
    std::string larger((size_ + more) * 2, '\0');
    std::memcpy(larger.data(), data_, size_);
    large_ = std::move(larger);
    data_ = large_.data();
    capacity_ = large_.size();
  }

  std::array<char, 512> small_;
  std::string large_;
  char* data_ = small_.data();
  std::size_t size_ = 0, capacity_ = small_.size();
};

using IdHash = std::array<unsigned char, kIdDigits / 2>;
using HashState = crypto_generichash_blake2b_state;

std::array<char, kIdDigits> digits_of(const IdHash& hash) {
  // Each byte's two digits.
  static constexpr auto kPairs = [] {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::array<std::array<char, 2>, 256> pairs{};
    for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i] = {kHex[i >> 4], kHex[i & 15]};
    return pairs;
  }();
  std::array<char, kIdDigits> text;
  for (std::size_t i = 0; i < hash.size(); ++i) std::memcpy(&text[2 * i], kPairs[hash[i]].data(), 2);
  return text;
}

// The library looks for what this processor does best only once it is told to begin: 692 instructions a block of 128
// bytes with AVX2, 1,756 without having looked.
void begin_hashing() {
  static const bool begun = sodium_init() >= 0;
  static_cast<void>(begun);
}

void hash_more(HashState& state, std::string_view bytes) {
  crypto_generichash_blake2b_update(&state, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

bool same_measurement(const SampleView& a, const SampleView& b) {
  return a.timestamp == b.timestamp && a.name == b.name && a.resource_id == b.resource_id;
}

}  // namespace

std::string digest(std::string_view bytes) {
  begin_hashing();
  IdHash hash;
  crypto_generichash_blake2b(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                             bytes.size(), nullptr, 0);
  const auto digits = digits_of(hash);
  return {digits.data(), digits.size()};
}

std::string poll_sample_id(const SampleView& sample, std::string_view source) {
  HashedBytes bytes(kPolled, sample.source.empty() ? source : sample.source);
  bytes.measurement(sample);
  return digest(bytes.view());
}

MessageIds::MessageIds(std::string_view source, std::optional<std::string_view> message_id, std::string_view body)
    : source_(source) {
  begin_hashing();
  if (message_id && !message_id->empty()) {
    message_ = *message_id;
  } else {
    digest_ = digest(body);
    message_ = digest_;
  }
  start(source_, head_);
}

// Leaves the hash's state after the part that samples of one source share.
void MessageIds::start(std::string_view source, Head& head) const {
  static_assert(sizeof(HashState) <= sizeof(Head) && alignof(HashState) <= 64);
  auto& state = *new (head.data()) HashState;
  crypto_generichash_blake2b_init(&state, nullptr, 0, sizeof(IdHash));
  HashedBytes bytes(digest_.empty() ? kMessage : kBareMessage, source);
  bytes.text(message_);
  hash_more(state, bytes.view());
}

MessageIds::Digits MessageIds::digits(const SampleView& sample, std::uint64_t n) const {
  alignas(64) Head head = head_;
  if (!sample.source.empty() && sample.source != source_) start(sample.source, head);
  auto& state = *std::launder(reinterpret_cast<HashState*>(head.data()));
  HashedBytes bytes;
  bytes.measurement(sample);
  bytes.integer(n);
  hash_more(state, bytes.view());
  IdHash hash;
  crypto_generichash_blake2b_final(&state, hash.data(), hash.size());
  return digits_of(hash);
}

void MessageIds::assign(SampleList& samples) const {
  const auto set = [&](SampleView& sample, std::uint64_t n) {
    if (!sample.id.empty()) return;
    const Digits id = digits(sample, n);
    sample.id = samples.texts().keep({id.data(), id.size()});
  };
  static constexpr std::size_t kFew = 16;  // up to here comparing each with each is faster than a table
  if (samples.size() <= kFew) {
    std::array<std::uint64_t, kFew> numbers;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      numbers[i] = 0;
      for (std::size_t before = i; before-- > 0;) {
        if (!same_measurement(samples[before], samples[i])) continue;
        numbers[i] = numbers[before] + 1;
        break;
      }
      set(samples[i], numbers[i]);
    }
    return;
  }
  using Measurement = std::tuple<absl::string_view, absl::string_view, std::int64_t>;
  absl::flat_hash_map<Measurement, std::uint64_t> seen;
  for (SampleView& sample : samples) {
    const std::int64_t time = sample.timestamp ? sample.timestamp->us : std::numeric_limits<std::int64_t>::min();
    set(sample, seen[{to_absl(sample.name), to_absl(sample.resource_id), time}]++);
  }
}

}  // namespace tally::wire
