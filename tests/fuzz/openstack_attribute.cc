// An attribute of a definition, and an entry to take it through: the first line, and the rest.
// Not for definitions: openstack_definitions.cc.
#include "openstack/attribute.h"

#include <tally/kit/text.h>

#include <string>

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tally::openstack;
  using tally::fuzz::require;
  tally::fuzz::Input input(data, size);
  const std::string text(input.line());
  const std::string entry(input.rest());
  const std::optional<tally::Json> json = tally::Json::parse(entry);
  if (!json) return 0;
  try {
    const Attribute attribute = Attribute::parse(text);
    const Value once = attribute.evaluate(Value::of(*json));
    const Value twice = attribute.evaluate(Value::of(*json));
    require(once.json() == twice.json(), "what an attribute is depends on the entry alone");
    const std::string text_of = once.json();
    require(tally::Json::parse(text_of).has_value() && tally::is_utf8(text_of), "a value is JSON");
    require(once.equals(twice), "a value equals itself");
  } catch (const BadExpression& bad) {
    require(*bad.what() != '\0', "a refusal says why");
  } catch (const NoValue& none) {
    require(*none.what() != '\0', "a fault says why");
  }
  return 0;
}
