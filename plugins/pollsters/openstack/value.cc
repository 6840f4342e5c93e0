// See value.h.
#include "value.h"

#include <algorithm>
#include <unordered_set>

namespace tally::openstack {
namespace {

// An object's members in their order; of a key that is there twice the last.
std::vector<const Json*> fields(const Json& object) {
  std::vector<const Json*> all;
  std::unordered_set<std::string_view> seen;
  for (std::size_t i = object.items().size(); i-- > 0;)
    if (seen.insert(object.items()[i].key()).second) all.push_back(&object.items()[i]);
  std::reverse(all.begin(), all.end());
  return all;
}

}  // namespace

Value Value::of(const Json& json) {
  Value value;
  switch (json.kind()) {
    case Json::Kind::null:
      break;
    case Json::Kind::boolean:
      value.held_ = *json.boolean();
      break;
    case Json::Kind::number: {
      const std::optional<Decimal> number = json.decimal();
      if (!number) throw NoValue("the number " + std::string(json.raw().substr(0, 64)) + " has too many digits");
      value.held_ = *number;
      break;
    }
    case Json::Kind::string:
      value.held_ = std::string(*json.text());
      break;
    case Json::Kind::array:
    case Json::Kind::object:
      value.held_ = &json;
      break;
  }
  return value;
}

std::optional<Decimal> Value::number() const {
  if (const Decimal* number = std::get_if<Decimal>(&held_)) return *number;
  if (const bool* truth = boolean()) return Decimal(*truth ? 1 : 0);
  return std::nullopt;
}

bool Value::is_list() const {
  const auto* json = std::get_if<const Json*>(&held_);
  return json != nullptr ? (*json)->is_array() : std::holds_alternative<std::shared_ptr<const List>>(held_);
}

bool Value::is_object() const {
  const auto* json = std::get_if<const Json*>(&held_);
  return json != nullptr && (*json)->is_object();
}

Value::List Value::items() const {
  if (const auto* list = std::get_if<std::shared_ptr<const List>>(&held_)) return **list;
  List items;
  if (is_object()) {
    for (const Json* field : fields(*tree())) items.emplace_back(std::string(field->key()));
  } else if (tree() != nullptr) {
    for (const Json& item : tree()->items()) items.push_back(of(item));
  } else if (text() != nullptr) {
    for (const std::string_view character : characters(*text())) items.emplace_back(std::string(character));
  } else {
    throw NoValue(std::string(kind()) + " has no items");
  }
  return items;
}

Value Value::member(const std::string& key) const {
  if (!is_object()) throw NoValue(std::string(kind()) + " has no key \"" + key + "\"");
  const Json* found = std::get<const Json*>(held_)->at(std::string_view(key));
  if (found == nullptr) throw NotThere("no key \"" + key + "\"");
  return of(*found);
}

std::vector<std::pair<std::string, Value>> Value::members() const {
  if (!is_object()) throw NoValue(std::string(kind()) + " has no keys");
  std::vector<std::pair<std::string, Value>> all;
  for (const Json* field : fields(*tree())) all.emplace_back(std::string(field->key()), of(*field));
  return all;
}

std::size_t Value::size() const {
  if (const auto* list = std::get_if<std::shared_ptr<const List>>(&held_)) return (*list)->size();
  if (is_object()) return fields(*tree()).size();
  if (tree() != nullptr) return tree()->items().size();
  if (text() != nullptr) return characters(*text()).size();
  throw NoValue(std::string(kind()) + " has no length");
}

bool Value::truth() const {
  if (is_null()) return false;
  if (const std::optional<Decimal> value = number()) return !value->zero();
  if (text() != nullptr) return !text()->empty();
  return size() > 0;
}

bool Value::equals(const Value& other) const {
  const std::optional<Decimal> a = number(), b = other.number();
  if (a || b) return a && b && *a == *b;
  if (is_null() || other.is_null()) return is_null() && other.is_null();
  if (text() != nullptr || other.text() != nullptr)
    return text() != nullptr && other.text() != nullptr && *text() == *other.text();
  if (is_object() != other.is_object() || size() != other.size()) return false;
  if (is_object()) {
    const auto mine = members();
    return std::all_of(mine.begin(), mine.end(), [&](const auto& one) {
      try {
        return one.second.equals(other.member(one.first));
      } catch (const NotThere&) {
        return false;
      }
    });
  }
  const List mine = items(), others = other.items();
  return std::equal(mine.begin(), mine.end(), others.begin(),
                    [](const Value& x, const Value& y) { return x.equals(y); });
}

int Value::compare(const Value& other) const {
  const std::optional<Decimal> a = number(), b = other.number();
  if (a && b) return *a < *b ? -1 : *a == *b ? 0 : 1;
  if (text() != nullptr && other.text() != nullptr) return text()->compare(*other.text());
  throw NoValue(std::string(kind()) + " and " + other.kind() + " have no order");
}

const Json* Value::tree() const {
  const auto* json = std::get_if<const Json*>(&held_);
  return json != nullptr ? *json : nullptr;
}

std::string Value::plain() const { return text() != nullptr ? *text() : json(); }

std::string Value::json() const {
  if (is_null()) return "null";
  if (const bool* truth = boolean()) return *truth ? "true" : "false";
  if (const std::optional<Decimal> value = number()) return value->to_string();
  if (text() != nullptr) return json_detail::quote(*text());
  if (const auto* json = std::get_if<const Json*>(&held_)) return std::string((*json)->raw());
  std::string out;
  for (const Value& item : *std::get<std::shared_ptr<const List>>(held_)) out += (out.empty() ? "" : ",") + item.json();
  return "[" + out + "]";
}

const char* Value::kind() const {
  if (is_null()) return "null";
  if (boolean() != nullptr) return "a boolean";
  if (number()) return "a number";
  if (text() != nullptr) return "a text";
  return is_object() ? "an object" : "a list";
}

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> all;
  while (!text.empty()) {
    std::size_t length = 1;
    while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80) ++length;
    all.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return all;
}

}  // namespace tally::openstack
