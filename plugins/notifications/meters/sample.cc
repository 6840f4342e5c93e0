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

void set_text(const Node& value, std::string& out) {
  if (value.is_string()) {
    out.assign(value.text);
  } else {
    out.clear();
    append_json(value, out);
  }
}

void set_optional(const Node* value, std::optional<std::string>& out) {
  if (value == nullptr || value->is_null()) {
    out.reset();
    return;
  }
  if (!out) out.emplace();
  set_text(*value, *out);
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
  if (!fill(definition, message.first(definition.name.field), message.first(definition.type.field),
            message.first(definition.unit.field), volume, message.first(definition.timestamp), user, project,
            message.first(definition.resource_id)))
    return;
  sample_.resource_metadata = metadata_.text(definition.metadata, message);
  emit(sample_);
}

void SampleMaker::set_word(const Word& word, const Node* value, std::string& out) const {
  if (filled(value)) {
    set_text(*value, out);
  } else {
    out = word.literal;
  }
}

void SampleMaker::set_type(const Definition& definition, const Node* type) {
  std::string word;
  set_word(definition.type, type, word);
  if (word == "gauge") {
    sample_.type = tally::SampleType::gauge;
  } else if (word == "delta") {
    sample_.type = tally::SampleType::delta;
  } else if (word == "cumulative") {
    sample_.type = tally::SampleType::cumulative;
  } else {
    throw wrong(definition, "type \"" + word + "\" of " + sample_.name + " is neither gauge, delta nor cumulative");
  }
}

bool SampleMaker::fill(const Definition& definition, const Node* name, const Node* type, const Node* unit,
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
  set_word(definition.name, name, sample_.name);
  if (sample_.name.empty()) throw wrong(definition, "the message has no name for the meter " + definition.name_key);
  set_type(definition, type);
  set_word(definition.unit, unit, sample_.unit);
  if (!filled(resource)) throw wrong(definition, "the message has no resource_id for " + sample_.name);
  set_text(*resource, sample_.resource_id);
  if (sample_.resource_id.empty()) throw wrong(definition, "the message has an empty resource_id for " + sample_.name);
  set_optional(user, sample_.user_id);
  set_optional(project, sample_.project_id);
  sample_.timestamp.reset();
  if (is_time(timestamp)) {
    const std::string time = as_text(*timestamp);
    sample_.timestamp = tally::Time::parse(time);
    if (!sample_.timestamp)
      throw wrong(definition,
                  "timestamp \"" + time.substr(0, 80) + "\" of " + sample_.name + " is not an ISO 8601 time");
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
    if (!fill(definition, names[i], value(0, i), value(2, i), value(1, i), value(3, i), value(4, i), value(5, i),
              value(6, i)))
      continue;
    sample_.resource_metadata = metadata_.text(definition.metadata, message);
    emit(sample_);
  }
}

}  // namespace meters
