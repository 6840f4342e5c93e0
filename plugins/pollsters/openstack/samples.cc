// See samples.h.
#include "samples.h"

#include <tally/kit/text.h>

#include <algorithm>

namespace tally::openstack {
namespace {

// Bytes that are not text become one here, without loss.
std::string identity(const Value& value) {
  std::string text = value.plain();
  return is_utf8(text) ? text : escape_identity(text);
}

// The attribute's value as an id; where the definition names no attribute, the usual key's, if it is there.
std::optional<std::string> id_of(const std::optional<Attribute>& attribute, const char* usual, const Json& entry) {
  Value value;
  if (attribute) {
    value = attribute->evaluate(Value::of(entry));
  } else if (const Json* found = entry.at(std::string_view(usual))) {
    value = Value::of(*found);
  }
  return value.is_null() ? std::nullopt : std::optional(identity(value));
}

bool skipped(const Definition& definition, const Value& value) {
  return std::any_of(definition.skip.begin(), definition.skip.end(),
                     [&](const Value& one) { return one.equals(value); });
}

Value mapped(const Definition& definition, Value value) {
  if (definition.mapping.empty()) return value;
  for (const auto& [from, to] : definition.mapping)
    if (from.equals(value)) return to;
  return definition.otherwise;
}

// A text that is a number is one, as it is for Ceilometer.
Decimal volume_of(const Value& value) {
  if (const std::optional<Decimal> number = value.number()) return *number;
  const std::optional<Decimal> read = value.text() != nullptr ? Decimal::parse(*value.text()) : std::nullopt;
  if (!read) throw NoValue("the value " + value.json().substr(0, 64) + " is not a number");
  return *read;
}

std::string metadata_of(const Definition& definition, const Json& entry, const LeftOut& left_out) {
  JsonObject metadata;
  for (const auto& [name, attribute] : definition.metadata) {
    try {
      metadata.raw(name, attribute.evaluate(Value::of(entry)).json());
    } catch (const NotThere&) {
      // Services leave out what an entry has not.
    } catch (const NoValue& none) {
      left_out.metadata(none.what());
    }
  }
  return metadata.str();
}

// Runs `make`; what it throws costs that sample alone.
template <class Make>
void contained(const LeftOut& left_out, Make make) {
  try {
    make();
  } catch (const NoValue& none) {
    left_out.sample(none.what());
  }
}

}  // namespace

std::string resource_of(const Definition& definition, const Json& entry) {
  const std::optional<std::string> id = id_of(definition.resource, "id", entry);
  if (!id || id->empty()) {
    const std::string key = definition.resource ? definition.resource->text() : "id";
    throw NotThere("no resource: \"" + key + "\" is not there");
  }
  return *id;
}

void make_samples(const Definition& definition, const Json& entry, const std::string& resource, const SampleSink& sink,
                  const LeftOut& left_out) {
  Sample sample;
  sample.type = definition.type;
  sample.unit = definition.unit;
  sample.resource_id = resource;
  const auto complete = [&] {
    sample.project_id = id_of(definition.project, "project_id", entry);
    sample.user_id = id_of(definition.user, "user_id", entry);
    sample.resource_metadata = metadata_of(definition, entry, left_out);
  };
  const auto make_one = [&] {
    Value value = definition.value.evaluate(Value::of(entry));
    if (skipped(definition, value)) return;
    value = mapped(definition, std::move(value));
    if (value.is_null()) return;
    sample.name = definition.name;
    sample.volume = volume_of(value);
    complete();
    sink(sample);
  };
  if (!definition.several) return contained(left_out, make_one);
  contained(left_out, [&] {
    const Value list = definition.several->list.evaluate(Value::of(entry));
    if (!list.is_list())
      throw NoValue("\"" + definition.several->list.text() + "\" is " + list.kind() + ", not a list");
    complete();
    for (const Value& item : list.items()) {
      contained(left_out, [&] {
        const Value name = item.member(definition.several->attribute);
        const Value value = definition.value.evaluate(item);
        if (skipped(definition, value) || skipped(definition, name) || value.is_null()) return;
        if (name.is_null() || name.is_list() || name.is_object() || name.plain().empty())
          throw NoValue("\"" + definition.several->attribute + "\" is " + name.json().substr(0, 64) + ", not a name");
        sample.name = definition.several->name + identity(name);
        sample.volume = volume_of(value);
        sink(sample);
      });
    }
  });
}

}  // namespace tally::openstack
