#include "core/ids.h"

#include <sodium.h>

#include <array>
#include <limits>

namespace tally::host {

namespace {

constexpr char kVersion = 1;
constexpr char kMessage = 1;
constexpr char kBareMessage = 2;
constexpr char kPolled = 3;

template <class Integer>
void append_integer(std::string& out, Integer value) {
  for (std::size_t i = 0; i < sizeof value; ++i) out.push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

void append_text(std::string& out, std::string_view text) {
  append_integer(out, static_cast<std::uint32_t>(text.size()));
  out.append(text);
}

void append_measurement(std::string& out, const Sample& sample) {
  append_text(out, sample.name);
  append_text(out, sample.resource_id);
  const std::int64_t time = sample.timestamp ? sample.timestamp->us : std::numeric_limits<std::int64_t>::min();
  append_integer(out, static_cast<std::uint64_t>(time));
}

std::string head(char kind, std::string_view source) {
  std::string out{kVersion, kind};
  append_text(out, source);
  return out;
}

}  // namespace

std::string digest(std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<unsigned char, 16> hash;
  crypto_generichash_blake2b(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                             bytes.size(), nullptr, 0);
  std::string text;
  text.reserve(2 * hash.size());
  for (unsigned char byte : hash) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

std::string poll_sample_id(const Sample& sample, std::string_view source) {
  std::string bytes = head(kPolled, sample.source.empty() ? source : std::string_view(sample.source));
  append_measurement(bytes, sample);
  return digest(bytes);
}

MessageIds::MessageIds(std::string_view source, std::optional<std::string_view> message_id, std::string_view body)
    : source_(source), kind_(message_id && !message_id->empty() ? kMessage : kBareMessage) {
  if (kind_ == kMessage) {
    append_text(head_tail_, *message_id);
  } else {
    append_text(head_tail_, digest(body));
  }
  head_ = head(kind_, source_) + head_tail_;
}

std::string MessageIds::sample_id(const Sample& sample, std::uint64_t n) const {
  std::string bytes =
      sample.source.empty() || sample.source == source_ ? head_ : head(kind_, sample.source) + head_tail_;
  bytes.reserve(bytes.size() + sample.name.size() + sample.resource_id.size() + 24);
  append_measurement(bytes, sample);
  append_integer(bytes, n);
  return digest(bytes);
}

void MessageIds::assign(std::span<Sample> samples) {
  std::string measurement;
  for (Sample& sample : samples) {
    measurement.clear();
    append_measurement(measurement, sample);
    const std::uint64_t n = seen_[measurement]++;
    if (sample.id.empty()) sample.id = sample_id(sample, n);
  }
}

}  // namespace tally::host
