// Values to and from their C structs, one pair for each: to_c and from_c. The host and plugins use the same.
// Those of the roles storage and transport are in convert_storage.h and convert_transport.h.
// Not for judging what comes from the other side: the host checks foreign bytes beside its calls.
//
// Nothing is copied: what is made looks into what it was made of.
#ifndef TALLY_SDK_CONVERT_H
#define TALLY_SDK_CONVERT_H

#include <tally/abi/base.h>
#include <tally/abi/notification.h>
#include <tally/abi/pollster.h>
#include <tally/abi/sample.h>
#include <tally/model/decimal.h>
#include <tally/model/notification.h>
#include <tally/model/resource.h>
#include <tally/model/sample.h>
#include <tally/model/time.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tally {

// --- texts and times ------------------------------------------------------------------------------------------------

inline constexpr tally_str kNoText = {nullptr, 0};

inline tally_str to_c(std::string_view text) { return {text.data() == nullptr ? "" : text.data(), text.size()}; }
template <class Text>
tally_str to_c(const std::optional<Text>& text) {
  return text ? to_c(std::string_view(*text)) : kNoText;
}
inline tally_str to_c_unless_empty(std::string_view text) { return text.empty() ? kNoText : to_c(text); }

// Empty where there is none.
inline std::string_view from_c(tally_str text) {
  return text.data == nullptr ? std::string_view() : std::string_view(text.data, text.size);
}
inline std::optional<std::string_view> optional_from_c(tally_str text) {
  return text.data == nullptr ? std::nullopt : std::optional(from_c(text));
}

inline std::int64_t to_c(const std::optional<Time>& time) { return time ? time->us : TALLY_NO_TIME; }
inline std::optional<Time> time_from_c(std::int64_t us) {
  return us == TALLY_NO_TIME ? std::nullopt : std::optional(Time{us});
}

// --- samples --------------------------------------------------------------------------------------------------------

static_assert(static_cast<int>(SampleType::gauge) == TALLY_GAUGE &&
              static_cast<int>(SampleType::delta) == TALLY_DELTA &&
              static_cast<int>(SampleType::cumulative) == TALLY_CUMULATIVE);

// `volume` is the volume's text.
inline tally_sample to_c(const SampleView& sample, std::string_view volume) {
  tally_sample out{};
  out.size = sizeof out;
  out.type = static_cast<std::int32_t>(sample.type);
  out.has_monotonic_time = sample.monotonic_time ? 1 : 0;
  out.monotonic_time = sample.monotonic_time.value_or(0);
  out.timestamp_us = to_c(sample.timestamp);
  out.name = to_c(sample.name);
  out.unit = to_c(sample.unit);
  out.volume = to_c(volume);
  out.resource_id = to_c(sample.resource_id);
  out.project_id = to_c(sample.project_id);
  out.project_name = to_c(sample.project_name);
  out.user_id = to_c(sample.user_id);
  out.user_name = to_c(sample.user_name);
  out.resource_metadata = to_c(sample.resource_metadata);
  out.source = to_c_unless_empty(sample.source);
  out.id = to_c_unless_empty(sample.id);
  return out;
}

// All but the volume, which may not be a number.
template <class Volume>
void from_c(const tally_sample& given, BasicSample<std::string_view, Volume>& sample) {
  sample.id = from_c(given.id);
  sample.name = from_c(given.name);
  sample.type = static_cast<SampleType>(given.type);
  sample.unit = from_c(given.unit);
  sample.resource_id = from_c(given.resource_id);
  sample.project_id = optional_from_c(given.project_id);
  sample.project_name = optional_from_c(given.project_name);
  sample.user_id = optional_from_c(given.user_id);
  sample.user_name = optional_from_c(given.user_name);
  sample.timestamp = time_from_c(given.timestamp_us);
  if (given.resource_metadata.data != nullptr) sample.resource_metadata = from_c(given.resource_metadata);
  sample.source = from_c(given.source);
  if (given.has_monotonic_time == 1) sample.monotonic_time = given.monotonic_time;
}

// With the volume: 0 where that is not a number.
inline SampleView from_c(const tally_sample& given) {
  SampleView sample;
  from_c(given, sample);
  sample.volume = Decimal::parse(from_c(given.volume)).value_or(Decimal());
  return sample;
}

// --- resources ------------------------------------------------------------------------------------------------------

template <class Text>
tally_resource to_c(const BasicResource<Text>& resource) {
  return {sizeof(tally_resource), to_c(resource.id),        to_c(resource.project_id), to_c(resource.project_name),
          to_c(resource.user_id), to_c(resource.user_name), to_c(resource.attributes)};
}
inline ResourceView from_c(const tally_resource& given) {
  ResourceView resource{from_c(given.id), optional_from_c(given.project_id), optional_from_c(given.project_name),
                        optional_from_c(given.user_id), optional_from_c(given.user_name)};
  if (given.attributes.size != 0) resource.attributes = from_c(given.attributes);
  return resource;
}

// --- notifications --------------------------------------------------------------------------------------------------

inline tally_notification to_c(const Notification& notification) {
  return {sizeof(tally_notification),    to_c(notification.time),       notification.received.us,
          to_c(notification.message_id), to_c(notification.event_type), to_c(notification.publisher_id),
          to_c(notification.priority),   to_c(notification.timestamp),  to_c(notification.payload),
          to_c(notification.context)};
}
inline Notification from_c(const tally_notification& given) {
  Notification notification;
  notification.message_id = optional_from_c(given.message_id);
  notification.event_type = from_c(given.event_type);
  notification.publisher_id = optional_from_c(given.publisher_id);
  notification.priority = optional_from_c(given.priority);
  notification.timestamp = optional_from_c(given.timestamp);
  notification.time = time_from_c(given.timestamp_us);
  notification.received = Time{given.received_us};
  if (given.payload.data != nullptr) notification.payload = from_c(given.payload);
  if (given.context.data != nullptr) notification.context = from_c(given.context);
  return notification;
}

// A definition as its C struct, with the lists that this looks into. The definition must outlive it.
class MeterDefinitionInC {
 public:
  explicit MeterDefinitionInC(const MeterDefinition& definition)
      : types_(list(definition.event_types)), examples_(list(definition.examples)) {
    definition_ = {sizeof definition_,
                   to_c(definition.name),
                   to_c_unless_empty(definition.meter),
                   to_c_unless_empty(definition.type),
                   to_c_unless_empty(definition.unit),
                   types_.data(),
                   types_.size(),
                   examples_.data(),
                   examples_.size(),
                   definition.disabled ? 1U : 0U,
                   0};
  }
  MeterDefinitionInC(const MeterDefinitionInC&) = delete;
  MeterDefinitionInC& operator=(const MeterDefinitionInC&) = delete;
  const tally_definition& get() const { return definition_; }

 private:
  static std::vector<tally_str> list(const std::vector<std::string>& texts) {
    std::vector<tally_str> out;
    for (const std::string& text : texts) out.push_back(to_c(text));
    return out;
  }

  std::vector<tally_str> types_;
  std::vector<tally_str> examples_;
  tally_definition definition_{};
};
// `read` makes a text of its own of each that was given.
template <class Read>
MeterDefinition from_c(const tally_definition& given, Read read) {
  const auto list = [&read](const tally_str* texts, std::size_t count) {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(read(from_c(texts[i])));
    return out;
  };
  return {read(from_c(given.name)),
          read(from_c(given.meter)),
          read(from_c(given.type)),
          read(from_c(given.unit)),
          list(given.event_types, given.event_type_count),
          list(given.examples, given.example_count),
          given.disabled != 0};
}

}  // namespace tally

#endif
