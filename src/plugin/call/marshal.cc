#include "plugin/call/marshal.h"

#include <simdjson.h>
#include <tally/kit/json_scan.h>
#include <tally/kit/text.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <mutex>
#include <new>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "base/json_repair.h"
#include "base/status.h"
#include "base/url.h"
#include "plugin/call/sample_repair.h"

namespace tally::plugin {
namespace {

constexpr std::size_t kLongestJson = 1 << 20;
constexpr std::size_t kLongestReason = 2048;
constexpr std::int64_t kFirstYear_us = -62'135'596'800'000'000;  // 0001-01-01
constexpr std::int64_t kLastYear_us = 253'402'300'800'000'000;   // 10000-01-01

absl::Status check_optional(tally_str text, const TextRule& rule) {
  return text.data == nullptr ? absl::OkStatus() : check_text(text, rule);
}

// Whether every byte is ASCII and none is NUL: eight at a time. REQUIRES: data is not null.
bool plain_text(tally_str text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kTops = 0x8080808080808080;
  std::uint64_t word = kOnes, tops = 0;
  std::size_t at = 0;
  // Where a byte is NUL or the one before it borrowed, its top bit is set after the subtraction; a borrow begins at a
  // NUL alone.
  for (; at + sizeof word <= text.size; at += sizeof word) {
    std::memcpy(&word, text.data + at, sizeof word);
    tops |= word | (word - kOnes);
  }
  if (text.size >= sizeof word) {
    std::memcpy(&word, text.data + text.size - sizeof word, sizeof word);
    return ((tops | word | (word - kOnes)) & kTops) == 0;
  }
  for (; at < text.size; ++at) {
    const auto byte = static_cast<unsigned char>(text.data[at]);
    if (byte == 0 || byte >= 0x80) return false;
  }
  return true;
}

// Whether check_text would take it, as far as that can be told at little cost.
bool surely_text(tally_str text, std::size_t least, std::size_t most) {
  return text.data != nullptr && text.size >= least && text.size <= most && plain_text(text);
}
[[gnu::always_inline]] inline bool surely_optional(tally_str text, std::size_t least = 0,
                                                   std::size_t most = TextRule().most) {
  return text.data == nullptr || surely_text(text, least, most);
}

absl::Status check_json(tally_str text, const char* name) {
  if (text.data == nullptr) return absl::OkStatus();
  if (text.size > kLongestJson) return permanent(absl::StrCat(name, " is longer than 1 MiB"));
  if (!is_json_object(from_c(text))) return permanent(absl::StrCat(name, " is not a JSON object"));
  return absl::OkStatus();
}

// The numbers of the limits are those of check_texts.
bool surely_texts(const tally_sample& sample) {
  return surely_text(sample.name, 1, 255) && surely_optional(sample.unit, 0, 255) &&
         surely_text(sample.volume, 1, 1024) && surely_text(sample.resource_id, 1, 1024) &&
         surely_optional(sample.project_id) && surely_optional(sample.project_name) &&
         surely_optional(sample.user_id) && surely_optional(sample.user_name) &&
         surely_optional(sample.source, 1, 255) && surely_optional(sample.id, 1, 255);
}

absl::Status first_fault(std::initializer_list<absl::Status> checks) {
  for (const absl::Status& check : checks) {
    if (!check.ok()) return check;
  }
  return absl::OkStatus();
}

absl::Status check_texts(const tally_sample& sample) {
  return first_fault({
      check_text(sample.name, {"the sample's name", 1, 255}),
      check_optional(sample.unit, {"the sample's unit", 0, 255}),
      check_text(sample.volume, {"the sample's volume", 1, 1024}),
      check_text(sample.resource_id, {"the sample's resource_id", 1, 1024}),
      check_optional(sample.project_id, {"the sample's project_id"}),
      check_optional(sample.project_name, {"the sample's project_name"}),
      check_optional(sample.user_id, {"the sample's user_id"}),
      check_optional(sample.user_name, {"the sample's user_name"}),
      check_optional(sample.source, {"the sample's source", 1, 255}),
      check_optional(sample.id, {"the sample's id", 1, 255}),
  });
}

// `before`: metadata that was taken; where it is the same it is not looked at again.
absl::Status check_sample(const tally_sample& sample, std::string_view before) {
  if (sample.size < sizeof(tally_sample)) {
    return permanent(absl::StrCat("the sample has ", sample.size, " bytes, version 1 has ", sizeof(tally_sample)));
  }
  if (sample.type < TALLY_GAUGE || sample.type > TALLY_CUMULATIVE) {
    return permanent(absl::StrCat("the sample's type ", sample.type, " is none of gauge, delta, cumulative"));
  }
  if (sample.has_monotonic_time > 1 || (sample.has_monotonic_time == 1 && !std::isfinite(sample.monotonic_time))) {
    return permanent("the sample's monotonic time is not a number");
  }
  if (sample.timestamp_us != TALLY_NO_TIME &&
      (sample.timestamp_us < kFirstYear_us || sample.timestamp_us >= kLastYear_us)) {
    return permanent("the sample's timestamp lies outside the years 1 to 9999");
  }
  if (!surely_texts(sample))
    if (absl::Status fault = check_texts(sample); !fault.ok()) return fault;
  if (!before.empty() && from_c(sample.resource_metadata) == before) return absl::OkStatus();
  return check_json(sample.resource_metadata, "the sample's resource_metadata");
}

// URLs within prose lose their passwords word by word.
std::string without_passwords(std::string_view text) {
  constexpr std::string_view kBetween = " \t\r\n\"'<>()";
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(kBetween), text.size());
    const std::string_view word = text.substr(0, end);
    if (word.find("://") == std::string_view::npos && word.find("password=") == std::string_view::npos) {
      out.append(word);
    } else {
      out.append(redact_url(word));
    }
    if (end < text.size()) out.push_back(text[end]);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace

std::string readable_text(std::string_view text) {
  std::string plain(text.substr(0, kLongestReason));
  // A cut may have gone through a character.
  while (plain.size() < text.size() && !plain.empty() && (static_cast<unsigned char>(plain.back()) & 0x80) != 0) {
    plain.pop_back();
  }
  for (char& c : plain) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  if (!simdjson::validate_utf8(plain.data(), plain.size())) {
    std::replace_if(
        plain.begin(), plain.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  }
  return without_passwords(plain);
}

absl::Status threw(const char* what) {
  const std::string_view why(what == nullptr ? "" : what);
  return absl::InternalError(
      absl::StrCat("the plugin let an exception cross the boundary: ", readable_text(why.substr(0, kLongestReason))));
}

absl::Status check_text(tally_str text, const TextRule& rule) {
  if (text.data == nullptr) return permanent(absl::StrCat(rule.name, " is null"));
  if (text.size < rule.least) return permanent(absl::StrCat(rule.name, " is empty"));
  if (text.size > rule.most) {
    return permanent(absl::StrCat(rule.name, " has ", text.size, " bytes, at most ", rule.most, " are allowed"));
  }
  if (!simdjson::validate_utf8(text.data, text.size)) return permanent(absl::StrCat(rule.name, " is not UTF-8"));
  if (text.size != 0 && std::memchr(text.data, 0, text.size) != nullptr) {
    return permanent(absl::StrCat(rule.name, " has a NUL in it"));
  }
  return absl::OkStatus();
}

bool is_json_object(std::string_view text) {
  static constexpr int kDeepest = 1024;
  return json_scan::is_object(text, kDeepest) && simdjson::validate_utf8(text.data(), text.size());
}

namespace {

// What a plugin gave, seen; checked but for what `before` says.
absl::Status view_sample(const tally_sample& given, std::string_view before, SampleView& sample) {
  if (absl::Status status = check_sample(given, before); !status.ok()) return status;
  std::string why;
  const std::optional<Decimal> volume = Decimal::parse(from_c(given.volume), &why);
  if (!volume) {
    return permanent(absl::StrCat("the sample's volume \"", to_absl(from_c(given.volume)), "\": ", why));
  }
  from_c(given, sample);
  sample.volume = *volume;
  return absl::OkStatus();
}

void put(const SampleView& sample, std::vector<Sample>& samples) { samples.push_back(sample.copy()); }
void put(const SampleView& sample, wire::SampleList& samples) { samples.push_back(sample); }

// A second look at what was refused: some of it is nearly text, or nearly JSON.
template <class Samples>
[[gnu::noinline]] absl::Status append_repaired(const tally_sample& given, absl::Status refusal, Samples& samples) {
  if (given.size < sizeof(tally_sample)) return refusal;
  tally_sample repaired = given;
  std::deque<std::string> kept;
  repair_sample(repaired, kept);
  if (kept.empty()) return refusal;
  SampleView sample;
  absl::Status status = view_sample(repaired, {}, sample);
  if (status.ok()) put(sample, samples);
  return status;
}

template <class Samples>
[[gnu::always_inline]] inline absl::Status append(const tally_sample& given, Samples& samples) {
  SampleView sample;
  const std::string_view before = samples.empty() ? std::string_view() : samples.back().resource_metadata;
  if (absl::Status status = view_sample(given, before, sample); !status.ok())
    return append_repaired(given, std::move(status), samples);
  put(sample, samples);
  return absl::OkStatus();
}

}  // namespace

absl::Status append_sample(const tally_sample& given, std::vector<Sample>& samples) { return append(given, samples); }
absl::Status append_sample(const tally_sample& given, wire::SampleList& samples) { return append(given, samples); }

absl::StatusOr<Resource> resource_from_c(const tally_resource& given) {
  if (given.size < sizeof(tally_resource)) {
    return permanent(absl::StrCat("the resource has ", given.size, " bytes, version 1 has ", sizeof(tally_resource)));
  }
  absl::Status fault = first_fault({
      check_text(given.id, {"the resource's id", 1, 1024}),
      check_optional(given.project_id, {"the resource's project_id"}),
      check_optional(given.project_name, {"the resource's project_name"}),
      check_optional(given.user_id, {"the resource's user_id"}),
      check_optional(given.user_name, {"the resource's user_name"}),
      check_json(given.attributes, "the resource's attributes"),
  });
  if (!fault.ok()) return fault;
  return from_c(given).copy();
}

absl::Status check_sample_texts(const SampleView& sample) {
  const tally_sample texts = to_c(sample, "0");
  return surely_texts(texts) ? absl::OkStatus() : check_texts(texts);
}

absl::Status ErrorBuffer::status(std::int32_t result, bool may_be_unclaimed) const {
  if (result == TALLY_OK) return absl::OkStatus();
  return status_from_c(result, {text_.data(), std::min(error_.length, text_.size())}, may_be_unclaimed);
}

absl::Status status_from_c(std::int32_t result, std::string_view text, bool may_be_unclaimed) {
  const std::string why = text.empty() ? "the plugin gives no reason" : readable_text(text);
  switch (result) {
    case TALLY_OK:
      return absl::OkStatus();
    case TALLY_ABSENT:
      return absent(why);
    case TALLY_TRANSIENT:
      return transient(why);
    case TALLY_PERMANENT:
      return permanent(why);
    case TALLY_UNCLAIMED:
      if (may_be_unclaimed) return {kUnclaimed, why};
      break;
    default:
      break;
  }
  return absl::InternalError(
      absl::StrCat("the plugin answered ", result, ", which is not a class of a result here: ", why));
}

std::int32_t refuse(const absl::Status& status, tally_error* error) {
  if (status.ok()) return TALLY_OK;
  if (error != nullptr && error->size >= sizeof(tally_error) && error->text != nullptr) {
    const std::string_view text = to_std(status.message());
    std::size_t length = std::min(text.size(), error->capacity);
    while (length > 0 && length < text.size() && text_detail::continues(text[length])) --length;
    if (length > 0) std::memcpy(error->text, text.data(), length);
    error->length = length;
  }
  if (status.code() == kAbsent) return TALLY_ABSENT;
  if (status.code() == kTransient) return TALLY_TRANSIENT;
  return TALLY_PERMANENT;
}

void keep_for_ever(void* gate) {
  static std::mutex* const lock = new std::mutex;
  static auto* const kept = new std::vector<void*>;
  const std::lock_guard guard(*lock);
  kept->push_back(gate);
}

namespace {

// What there is of a refused sample, with as much of its identity as can be read, so that the ids of the others are
// what they would be with it.
void put_aside(std::string json, std::string why, wire::SampleList& samples) {
  SampleView known;
  const std::optional<Json> object = Json::parse(json);
  if (object) {
    known.name = object->find_text("name").value_or("");
    known.resource_id = object->find_text("resource_id").value_or("");
    if (const auto time = object->find_text("timestamp")) known.timestamp = Time::parse(*time);
  }
  samples.push_back(known);
  samples.set_aside(why.empty() ? "no reason was given" : std::move(why), std::move(json));
}

// Runs `take` with the list of the call that is going on.
template <class Take>
std::int32_t with_list(void* context, tally_error* error, Take take) {
  wire::SampleList* const samples = static_cast<SampleListGate*>(context)->target();
  if (samples == nullptr) return refuse(outside_call(), error);
  try {
    if (samples->size() + samples->skips().size() >= kMostResults) return refuse(too_many_results(), error);
    return refuse(take(*samples), error);
  } catch (...) {
    return TALLY_TRANSIENT;  // out of memory; no room for words
  }
}

std::int32_t take_handlers_sample(void* context, const tally_sample* given, tally_error* error) {
  wire::SampleList* const samples = static_cast<SampleListGate*>(context)->target();
  if (samples == nullptr) return refuse(outside_call(), error);
  if (given == nullptr) return refuse(permanent("the sample is null"), error);
  try {
    if (samples->size() >= kMostResults) return refuse(too_many_results(), error);
    const absl::Status status = append_sample(*given, *samples);
    if (status.ok()) return TALLY_OK;
    if (given->size < sizeof(tally_sample)) return refuse(status, error);
    // It counts too: it has a place, and its letter says why.
    put_aside(json_of(*given), std::string(to_std(status.message())), *samples);
    return TALLY_OK;
  } catch (...) {
    return TALLY_TRANSIENT;  // out of memory; no room for words
  }
}

std::int32_t take_refused(void* context, tally_str sample, tally_str why, tally_error* error) {
  return with_list(context, error, [&](wire::SampleList& samples) {
    const std::string json = repair_json(from_c(sample));
    put_aside(is_json_object(json) ? json : JsonWriter().text("sample", json).str(), readable_text(from_c(why)),
              samples);
    return absl::OkStatus();
  });
}

std::int32_t take_withheld(void* context, const tally_sample* given, tally_error* error) {
  return with_list(context, error, [&](wire::SampleList& samples) {
    if (given == nullptr) return permanent("the sample is null");
    const std::size_t before = samples.size();
    absl::Status status = append_sample(*given, samples);
    if (samples.size() > before) samples.set_aside("", "");
    return status;
  });
}

std::int32_t take_skipped(void* context, tally_str definition, tally_str why, tally_error* error) {
  return with_list(context, error, [&](wire::SampleList& samples) {
    samples.skip(readable_text(from_c(definition)), readable_text(from_c(why)));
    return absl::OkStatus();
  });
}

}  // namespace

tally_emitter emitter_for(SampleListGate& gate) {
  return {sizeof(tally_emitter), &gate, &take_handlers_sample, &take_refused, &take_withheld, &take_skipped};
}

}  // namespace tally::plugin
