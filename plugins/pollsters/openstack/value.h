// One value of the attribute language: what JSON has, with exact numbers.
// Not for operators: expression.h.
#ifndef TALLY_OPENSTACK_VALUE_H
#define TALLY_OPENSTACK_VALUE_H

#include <tally/kit/json.h>
#include <tally/model/decimal.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tally::openstack {

// No value could be made; the text says why. Caught where an entry is given up.
struct NoValue : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// Of these: a key or an item that is not there.
struct NotThere : NoValue {
  using NoValue::NoValue;
};

// A value that may be copied; what it looks into (a Json tree) must outlive it. One thread at a time.
class Value {
 public:
  using List = std::vector<Value>;
  using Map = std::vector<std::pair<Value, Value>>;

  Value() = default;
  Value(bool value) : held_(value) {}                    // NOLINT(google-explicit-constructor): it is one
  Value(Decimal value) : held_(value) {}                 // NOLINT(google-explicit-constructor)
  Value(std::string text) : held_(std::move(text)) {}    // NOLINT(google-explicit-constructor)
  Value(const char* text) : held_(std::string(text)) {}  // NOLINT(google-explicit-constructor): not a bool
  explicit Value(List list) : held_(std::make_shared<const List>(std::move(list))) {}
  // Of a key that is there twice the last value counts. Throws NoValue where a list or an object is a key.
  static Value of_members(Map members);

  // Throws NoValue for a number that no exact decimal holds.
  static Value of(const Json& json);

  bool is_null() const { return std::holds_alternative<std::monostate>(held_); }
  const std::string* text() const { return std::get_if<std::string>(&held_); }
  const bool* boolean() const { return std::get_if<bool>(&held_); }
  // Of a number; of a boolean 0 or 1, as Python has it.
  std::optional<Decimal> number() const;
  bool is_list() const;
  bool is_object() const;

  // A list's values, an object's keys, a text's characters: what Python walks through. Throws NoValue for the rest.
  List items() const;
  // The member of an object. Throws NotThere, or NoValue where this is not an object.
  Value member(const Value& key) const;
  // An object's keys, which are texts where it is JSON, with their values.
  Map members() const;
  std::size_t size() const;

  bool truth() const;
  bool equals(const Value& other) const;
  // Below, at, or above zero. Throws NoValue where the two have no order.
  int compare(const Value& other) const;

  // The tree that an object or a list of JSON is; null for all else.
  const Json* tree() const;
  // As it stands in an id: a text itself, anything else as JSON.
  std::string plain() const;
  // Valid JSON, whatever bytes the texts have.
  std::string json() const;
  // "a text", "a list": for messages.
  const char* kind() const;

 private:
  std::variant<std::monostate, bool, Decimal, std::string, std::shared_ptr<const List>, std::shared_ptr<const Map>,
               const Json*>
      held_;
};

// The characters of UTF-8 text; a byte that begins none counts as one.
std::vector<std::string_view> characters(std::string_view text);

}  // namespace tally::openstack

#endif
