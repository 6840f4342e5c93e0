// See sample.h.
#include "sample.h"

#include <tally/sdk/error.h>
#include <tally/sdk/log.h>

#include <array>

namespace meters {

namespace {

tally::Error wrong(const Definition& definition, const std::string& text) {
  return tally::Error::permanent(definition.place + ": " + text);
}

// As long as the message and the arena.
std::string_view text_of(const Node& value, Arena& arena) {
  if (value.is_string()) return value.text;
  return value.raw.empty() ? keep(arena, as_text(value)) : value.raw;
}

bool filled(const Node* value) { return value != nullptr && !value->is_null(); }

// What Ceilometer takes for "no time": an empty text, zero, false.
bool is_time(const Node* value) {
  if (!filled(value)) return false;
  if (value->is_string()) return !value->text.empty();
  const auto number = as_number(*value);
  return !number || !number->zero();
}

}  // namespace

std::optional<tally::Decimal> number_in(std::string_view text, std::string* why) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  while (!text.empty() && kSpace.find(text.front()) != std::string_view::npos) text.remove_prefix(1);
  while (!text.empty() && kSpace.find(text.back()) != std::string_view::npos) text.remove_suffix(1);
  if (const auto number = tally::Decimal::parse(text, why)) return number;
  if (text.starts_with("+-") || text.starts_with("++")) return std::nullopt;
  std::string mended(text.starts_with('+') ? text.substr(1) : text);
  const std::size_t sign = mended.starts_with('-') && !text.starts_with('+') ? 1 : 0;
  while (mended.size() > sign + 1 && mended[sign] == '0' && mended[sign + 1] >= '0' && mended[sign + 1] <= '9')
    mended.erase(sign, 1);
  const std::size_t point = mended.find('.');
  if (point != std::string::npos && mended.size() > sign + 1) {
    const bool after = point + 1 < mended.size() && mended[point + 1] >= '0' && mended[point + 1] <= '9';
    if (!after) mended.insert(point + 1, "0");
    if (point == sign) mended.insert(sign, "0");
  }
  return mended == text ? std::nullopt : tally::Decimal::parse(mended, why);
}

namespace {

std::optional<std::string_view> optional_text(const Node* value, Arena& arena) {
  return filled(value) ? std::optional(text_of(*value, arena)) : std::nullopt;
}

std::string_view word_of(const Word& word, const Node* value, Arena& arena) {
  return filled(value) ? text_of(*value, arena) : std::string_view(word.literal);
}

}  // namespace

void SampleMaker::make(const Definition& definition, Message& message, tally::Emitter& emit) {
  if (definition.lookup) {
    make_many(definition, message, emit);
  } else {
    make_one(definition, message, emit);
  }
}

void SampleMaker::make_one(const Definition& definition, Message& message, tally::Emitter& emit) {
  const Node* volume = message.first(definition.volume);
  if (!filled(volume)) return;
  const Node* user = message.first(definition.user_id);
  const Node* project = message.first(definition.project_id);
  if (!filled(user)) user = message.first(program_.context_user);
  if (!filled(project)) project = message.first(program_.context_project);
  const auto set = [&](const Field& field) { return field.set() ? message.first(field) : nullptr; };  // most are not
  if (!fill(definition, message.arena(), set(definition.name.field), set(definition.type.field),
            set(definition.unit.field), volume, set(definition.timestamp), user, project,
            message.first(definition.resource_id)))
    return;
  sample_.resource_metadata = metadata_.text(definition.metadata, message);
  emit(sample_);
}

void SampleMaker::set_type(const Definition& definition, const Node* type) {
  const auto named = filled(type) ? type_named(as_text(*type)) : definition.literal_type;
  if (!named)
    throw wrong(definition, "type \"" + (filled(type) ? as_text(*type) : definition.type.literal) + "\" of " +
                                std::string(sample_.name) + " is neither gauge, delta nor cumulative");
  sample_.type = *named;
}

bool SampleMaker::fill(const Definition& definition, Arena& arena, const Node* name, const Node* type, const Node* unit,
                       const Node* volume, const Node* timestamp, const Node* user, const Node* project,
                       const Node* resource) {
  if (!filled(volume)) return false;
  std::string why = "not a number";
  const auto number = volume->is_string()                  ? number_in(volume->text, &why)
                      : volume->kind == Node::Kind::number ? tally::Decimal::parse(volume->raw, &why)
                                                           : as_number(*volume);
  if (!number)
    throw wrong(definition, "volume \"" + as_text(*volume).substr(0, 80) + "\" of " + definition.name_key + ": " + why);
  sample_.volume = *number;
  sample_.name = word_of(definition.name, name, arena);
  if (sample_.name.empty()) throw wrong(definition, "the message has no name for the meter " + definition.name_key);
  set_type(definition, type);
  sample_.unit = word_of(definition.unit, unit, arena);
  if (!filled(resource)) throw wrong(definition, "the message has no resource_id for " + std::string(sample_.name));
  sample_.resource_id = text_of(*resource, arena);
  if (sample_.resource_id.empty())
    throw wrong(definition, "the message has an empty resource_id for " + std::string(sample_.name));
  sample_.user_id = optional_text(user, arena);
  sample_.project_id = optional_text(project, arena);
  sample_.timestamp.reset();
  if (is_time(timestamp)) {
    const std::string_view time = text_of(*timestamp, arena);
    sample_.timestamp = tally::Time::parse(time);
    if (!sample_.timestamp)
      throw wrong(definition, "timestamp \"" + std::string(time.substr(0, 80)) + "\" of " + std::string(sample_.name) +
                                  " is not an ISO 8601 time");
  }
  return true;
}

// Brings a column to `count` values: one that is not looked up goes with each. False where it has another number.
bool SampleMaker::column(const Definition& definition, const char* name, bool looked_up, std::size_t count,
                         Values& values) {
  if (values.size() == count) return true;
  if (values.size() == 1 && !looked_up) {
    values.assign(count, values[0]);
    return true;
  }
  if (told_.insert(&definition).second)
    tally::log(tally::Level::warning, definition.place + ": a message has " + std::to_string(values.size()) + " " +
                                          name + " for " + std::to_string(count) + " names of " + definition.name_key +
                                          ", no samples of it; this is said once");
  return false;
}

// A sample for each name; the other attributes go along by their place.
void SampleMaker::make_many(const Definition& definition, Message& message, tally::Emitter& emit) {
  Values names;
  message.all(definition.name.field, names);
  if (names.empty()) return;
  struct Column {
    const char* name;
    const Field& field;
    bool looked_up;
    const Node* otherwise;  // null: the literal one, or none
    Values values;
  };
  std::array<Column, 7> columns = {{
      {"type", definition.type.field, definition.lookup_type, nullptr, {}},
      {"volume", definition.volume, definition.lookup_volume, nullptr, {}},
      {"unit", definition.unit.field, definition.lookup_unit, nullptr, {}},
      {"timestamp", definition.timestamp, definition.lookup_timestamp, nullptr, {}},
      {"user_id", definition.user_id, definition.lookup_user, message.first(program_.context_user), {}},
      {"project_id", definition.project_id, definition.lookup_project, message.first(program_.context_project), {}},
      {"resource_id", definition.resource_id, definition.lookup_resource, nullptr, {}},
  }};
  for (Column& one : columns) {
    if (one.field.set()) message.all(one.field, one.values);
    const bool looked_up = one.looked_up && !one.field.paths.empty();  // what is always the same goes with each
    if (one.values.empty() && !looked_up) one.values.push_back(one.otherwise);
    if (!column(definition, one.name, looked_up, names.size(), one.values)) return;
  }
  const auto value = [&](std::size_t attribute, std::size_t i) { return columns[attribute].values[i]; };
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!fill(definition, message.arena(), names[i], value(0, i), value(2, i), value(1, i), value(3, i), value(4, i),
              value(5, i), value(6, i)))
      continue;
    sample_.resource_metadata = metadata_.text(definition.metadata, message);
    emit(sample_);
  }
}

}  // namespace meters
