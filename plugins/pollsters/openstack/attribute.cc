// See attribute.h.
#include "attribute.h"

#include <algorithm>

namespace tally::openstack {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
}

// The pieces between each `at`, none left out.
std::vector<std::string_view> pieces(std::string_view text, char at) {
  std::vector<std::string_view> all;
  for (std::size_t end = 0; (end = text.find(at)) != std::string_view::npos; text.remove_prefix(end + 1))
    all.push_back(text.substr(0, end));
  all.push_back(text);
  return all;
}

}  // namespace

Attribute Attribute::parse(std::string_view text) {
  Attribute made;
  made.text_ = text;
  const std::vector<std::string_view> parts = pieces(text, '|');
  if (parts.size() > 64) throw BadExpression("more than 64 operations");
  const std::string_view keys = trimmed(parts.front());
  if (keys.empty()) throw BadExpression("no key before the first \"|\"; the whole entry is \".\"");
  if (keys != ".") {
    for (const std::string_view key : pieces(keys, '.')) {
      if (key.empty()) throw BadExpression("an empty key in \"" + std::string(keys) + "\"");
      made.keys_.emplace_back(key);
    }
  }
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::string operation(trimmed(parts[i]));
    try {
      made.operations_.push_back(Expression::parse(operation));
    } catch (const BadExpression& bad) {
      throw BadExpression("the operation \"" + operation + "\": " + bad.what());
    }
  }
  return made;
}

Value Attribute::evaluate(const Value& entry) const {
  try {
    Value value = entry;
    for (const std::string& key : keys_) value = value.member(key);
    for (const Expression& operation : operations_) value = operation.evaluate(value);
    return value;
  } catch (const NotThere& none) {
    throw NotThere("\"" + text_ + "\": " + none.what());
  } catch (const NoValue& none) {
    throw NoValue("\"" + text_ + "\": " + none.what());
  }
}

}  // namespace tally::openstack
