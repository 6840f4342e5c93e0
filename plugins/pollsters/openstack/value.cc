// See value.h.
#include "value.h"

#include <tally/kit/text.h>

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

// As it was written, where that is UTF-8 and has no half of a surrogate pair; else written once more without.
std::string clean(const Json& json) {
  const std::string_view raw = json.raw();
  if (is_utf8(raw) && raw.find("\\u") == std::string_view::npos) return std::string(raw);
  if (json.text()) return json_detail::quote(replace_invalid_utf8(*json.text()));
  if (!json.is_array() && !json.is_object()) return std::string(raw);
  std::string out;
  for (const Json& item : json.items()) {
    if (!out.empty()) out += ',';
    if (json.is_object()) out += json_detail::quote(replace_invalid_utf8(item.key())) + ":";
    out += clean(item);
  }
  return json.is_array() ? "[" + out + "]" : "{" + out + "}";
}

const std::pair<Value, Value>* find_member(const Value::Map& map, const Value& key) {
  const auto found = std::find_if(map.begin(), map.end(), [&](const auto& one) { return one.first.equals(key); });
  return found == map.end() ? nullptr : &*found;
}

}  // namespace

Value Value::of_members(Map members) {
  Map kept;
  for (std::pair<Value, Value>& member : members) {
    if (member.first.is_list() || member.first.is_object())
      throw NoValue(std::string(member.first.kind()) + " is not a key");
    const auto* known = find_member(kept, member.first);
    if (known == nullptr) {
      kept.push_back(std::move(member));
    } else {
      kept[static_cast<std::size_t>(known - kept.data())].second = std::move(member.second);
    }
  }
  Value made;
  made.held_ = std::make_shared<const Map>(std::move(kept));
  return made;
}

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
  if (std::holds_alternative<std::shared_ptr<const Map>>(held_)) return true;
  const Json* json = tree();
  return json != nullptr && json->is_object();
}

Value::List Value::items() const {
  if (const auto* list = std::get_if<std::shared_ptr<const List>>(&held_)) return **list;
  List items;
  if (is_object()) {
    for (auto& [key, value] : members()) items.push_back(std::move(key));
  } else if (tree() != nullptr) {
    for (const Json& item : tree()->items()) items.push_back(of(item));
  } else if (text() != nullptr) {
    for (const std::string_view character : characters(*text())) items.emplace_back(std::string(character));
  } else {
    throw NoValue(std::string(kind()) + " has no items");
  }
  return items;
}

Value Value::member(const Value& key) const {
  if (!is_object()) throw NoValue(std::string(kind()) + " has no key " + key.json());
  if (const auto* map = std::get_if<std::shared_ptr<const Map>>(&held_)) {
    if (const auto* found = find_member(**map, key)) return found->second;
  } else if (const Json* json = tree(); json != nullptr && key.text() != nullptr) {
    if (const Json* found = json->at(std::string_view(*key.text()))) return of(*found);
  }
  throw NotThere("no key " + key.json());
}

Value::Map Value::members() const {
  if (!is_object()) throw NoValue(std::string(kind()) + " has no keys");
  if (const auto* map = std::get_if<std::shared_ptr<const Map>>(&held_)) return **map;
  Map all;
  for (const Json* field : fields(*tree())) all.emplace_back(std::string(field->key()), of(*field));
  return all;
}

std::size_t Value::size() const {
  if (const auto* list = std::get_if<std::shared_ptr<const List>>(&held_)) return (*list)->size();
  if (const auto* map = std::get_if<std::shared_ptr<const Map>>(&held_)) return (*map)->size();
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
  if (text() != nullptr) return json_detail::quote(replace_invalid_utf8(*text()));
  if (tree() != nullptr) return clean(*tree());
  std::string out;
  if (is_object()) {
    for (const auto& [key, value] : members()) {
      out += (out.empty() ? "" : ",") + (key.text() != nullptr ? key.json() : json_detail::quote(key.json()));
      out += ":" + value.json();
    }
    return "{" + out + "}";
  }
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
    while (length < text.size() && text_detail::continues(text[length])) ++length;
    all.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return all;
}

}  // namespace tally::openstack
