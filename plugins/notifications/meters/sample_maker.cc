// See sample.h.
#include "sample_maker.h"

#include <tally/kit/json.h>
#include <tally/sdk/error.h>

#include <array>

#include "values/scan.h"

namespace meters {

namespace {

// As long as the message and the arena.
std::string_view text_of(const Node& value, Arena& arena) {
  if (value.is_string()) return value.text;
  return value.raw.empty() ? keep(arena, as_text(value)) : value.raw;
}

// The value, or null where there is none or it is JSON's null.
const Node* filled(const Node* value) { return value != nullptr && !value->is_null() ? value : nullptr; }

// What Ceilometer takes for "no time": an empty text, zero, false.
bool is_time(const Node* value) {
  const Node* const found = filled(value);
  if (found == nullptr) return false;
  if (found->is_string()) return !found->text.empty();
  const auto number = as_number(*found);
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
  const Node* const found = filled(value);
  return found != nullptr ? std::optional(text_of(*found, arena)) : std::nullopt;
}

std::string_view word_of(const Word& word, const Node* value, Arena& arena) {
  const Node* const found = filled(value);
  return found != nullptr ? text_of(*found, arena) : std::string_view(word.literal);
}

}  // namespace

// Of both kinds of definition the last step, and not a call for each.
[[gnu::always_inline]] inline void SampleMaker::make_sample(const Definition& definition, const Attributes& found,
                                                            Message& message, tally::Emitter& emit) {
  const char* const fault = fill(definition, found, message.arena());
  if (fault == nullptr) {
    sample_.resource_metadata = metadata_.text(definition.metadata, message);
    if (definition.disabled) {
      emit.withhold(sample_);
    } else {
      emit(sample_);
    }
  } else if (*fault == '\0') {
    refuse(definition, found, message, emit);
  } else if (!definition.disabled) {
    emit.skip(definition.id, fault);
  }
}

void SampleMaker::make(const Definition& definition, Message& message, tally::Emitter& emit) {
  try {
    if (definition.lookup) {
      make_many(definition, message, emit);
    } else {
      make_one(definition, message, emit);
    }
  } catch (const NotJson&) {
    throw;  // the message's fault, whoever reads it
  } catch (const tally::Error& error) {
    if (error.outcome() != tally::Outcome::permanent) throw;
    refused_ = error.what();  // a path that cannot be followed in this message
    refuse(definition, {}, message, emit);
  }
}

void SampleMaker::make_one(const Definition& definition, Message& message, tally::Emitter& emit) {
  const auto set = [&](const Field& field) { return field.set() ? message.first(field) : nullptr; };  // most are not
  const Node* user = message.first(definition.user_id);
  const Node* project = message.first(definition.project_id);
  if (!filled(user)) user = message.first(program_.context_user);
  if (!filled(project)) project = message.first(program_.context_project);
  make_sample(definition,
              {set(definition.name.field), set(definition.type.field), set(definition.unit.field),
               message.first(definition.volume), set(definition.timestamp), user, project,
               message.first(definition.resource_id)},
              message, emit);
}

const char* SampleMaker::fill_type(const Definition& definition, const Node* type) {
  const Node* const found = filled(type);
  const auto named = found != nullptr ? type_named(as_text(*found)) : definition.literal_type;
  if (named) {
    sample_.type = *named;
    return nullptr;
  }
  if (found == nullptr) return "its type finds nothing";
  refused_ = "type \"" + as_text(*found).substr(0, 80) + "\" of " + std::string(sample_.name) +
             " is neither gauge, delta nor cumulative";
  return "";
}

const char* SampleMaker::fill(const Definition& definition, const Attributes& found, Arena& arena) {
  const Node* const volume_found = filled(found.volume);
  if (volume_found == nullptr) return "its volume finds nothing";
  sample_.name = word_of(definition.name, found.name, arena);
  if (sample_.name.empty()) return "its name finds nothing";
  if (!filled(found.unit) && definition.unit.literal.empty()) return "its unit finds nothing";
  sample_.unit = word_of(definition.unit, found.unit, arena);
  const Node* const resource = filled(found.resource);
  sample_.resource_id = resource != nullptr ? text_of(*resource, arena) : "";
  if (sample_.resource_id.empty()) return "its resource_id finds nothing";
  if (const char* const fault = fill_type(definition, found.type); fault != nullptr) return fault;
  const Node& volume = *volume_found;
  std::string why = "not a number";
  const auto number = volume.is_string()                  ? number_in(volume.text, &why)
                      : volume.kind == Node::Kind::number ? tally::Decimal::parse(volume.raw, &why)
                                                          : as_number(volume);
  if (!number) {
    refused_ = "volume \"" + as_text(volume).substr(0, 80) + "\" of " + std::string(sample_.name) + ": " + why;
    return "";
  }
  sample_.volume = *number;
  sample_.user_id = optional_text(found.user, arena);
  sample_.project_id = optional_text(found.project, arena);
  sample_.timestamp.reset();
  if (is_time(found.timestamp)) {
    const std::string_view time = text_of(*found.timestamp, arena);
    sample_.timestamp = tally::Time::parse(time);
    if (!sample_.timestamp) {
      refused_ = "timestamp \"" + std::string(time.substr(0, 80)) + "\" of " + std::string(sample_.name) +
                 " is not an ISO 8601 time";
      return "";
    }
  }
  return nullptr;
}

// What there is of a sample that cannot be made.
void SampleMaker::refuse(const Definition& definition, const Attributes& found, Message& message,
                         tally::Emitter& emit) {
  if (definition.disabled) return;
  tally::JsonObject out;
  const auto put = [&](const char* key, const Node* value, const std::string& otherwise) {
    if (const Node* const known = filled(value); known != nullptr) {
      out.set(key, as_text(*known));
    } else if (!otherwise.empty()) {
      out.set(key, otherwise);
    }
  };
  put("name", found.name, definition.name.literal);
  put("type", found.type, definition.type.literal);
  put("unit", found.unit, definition.unit.literal);
  put("volume", found.volume, "");
  put("resource_id", found.resource, "");
  put("project_id", found.project, "");
  put("user_id", found.user, "");
  if (is_time(found.timestamp)) put("timestamp", found.timestamp, "");
  out.raw("resource_metadata", metadata_.text(definition.metadata, message));
  emit.refuse(out.str(), definition.place + ": " + refused_);
}

// Brings a column to `count` values: one that is not looked up goes with each. Says why where it has another number.
std::string SampleMaker::column_fault(const char* name, bool looked_up, std::size_t count, Values& values) {
  if (values.size() == count) return "";
  if (values.size() == 1 && !looked_up) {
    values.assign(count, values[0]);
    return "";
  }
  return "there are " + std::to_string(values.size()) + " values of " + name + " for " + std::to_string(count) +
         " names";
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
    const std::string fault = column_fault(one.name, looked_up, names.size(), one.values);
    if (fault.empty()) continue;
    if (!definition.disabled) emit.skip(definition.id, fault);
    return;
  }
  const auto value = [&](std::size_t attribute, std::size_t i) { return columns[attribute].values[i]; };
  for (std::size_t i = 0; i < names.size(); ++i)
    make_sample(definition,
                {names[i], value(0, i), value(2, i), value(1, i), value(3, i), value(4, i), value(5, i), value(6, i)},
                message, emit);
}

}  // namespace meters
