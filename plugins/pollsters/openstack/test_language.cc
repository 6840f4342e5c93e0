// The attribute language: what it reads, what it is worth, and what it refuses.
// Not for definitions: test_internals.cc.
#include <gtest/gtest.h>

#include <string>

#include "attribute.h"
#include "syntax_tree.h"

namespace tally::openstack {
namespace {

constexpr const char* kEntry =
    R"({"size": 7, "name": " Web-1 ", "big": 12345678901234567890123456789, "ratio": "20.0", "none": null,
        "yes": true, "list": [3, 1, 2], "tags": ["a", "b"], "deep": {"x": {"y": 5}}, "os-x:host": "h@lvm#p", "empty": [],
        "links": [{"rel": "self", "href": "http://a/1"}, {"rel": "next", "href": "http://a/2"}]})";

std::string worth(const std::string& attribute, const char* entry = kEntry) {
  const auto json = Json::parse(entry);
  EXPECT_TRUE(json);
  try {
    return Attribute::parse(attribute).evaluate(Value::of(*json)).json();
  } catch (const NotThere& none) {
    return std::string("not there: ") + none.what();
  } catch (const NoValue& none) {
    return std::string("no value: ") + none.what();
  } catch (const BadExpression& bad) {
    return std::string("bad: ") + bad.what();
  }
}

// Of an operation on `size`, which is 7.
std::string of(const std::string& operation) { return worth("size | " + operation); }

TEST(Attribute, KeysGoDown) {
  EXPECT_EQ(worth("size"), "7");
  EXPECT_EQ(worth(" deep.x.y "), "5");
  EXPECT_EQ(worth("os-x:host"), "\"h@lvm#p\"");
  EXPECT_EQ(worth("big"), "12345678901234567890123456789");
  EXPECT_EQ(worth("nothing"), "not there: \"nothing\": no key \"nothing\"");
  EXPECT_EQ(worth("size.x"), "no value: \"size.x\": a number has no key \"x\"");
  EXPECT_EQ(worth(". | value['deep']['x']"), "{\"y\": 5}");
  EXPECT_EQ(worth("deep|value['x']|value['y']|value+1"), "6");
}

TEST(Expression, NumbersAreExact) {
  EXPECT_EQ(of("value * 1024 + 1"), "7169");
  EXPECT_EQ(of("0.1 + 0.2 + value * 0"), "0.3");
  EXPECT_EQ(of("1 + value * 2 - -3"), "18");
  EXPECT_EQ(of("value / 2"), "3.5");
  EXPECT_EQ(of("value / 3"), "2.333333333333333333");
  EXPECT_EQ(of("20 / value"), "2.857142857142857143");
  EXPECT_EQ(of("value // 2"), "3");
  EXPECT_EQ(of("-value // 2"), "-4");
  EXPECT_EQ(of("-value % 3"), "2");
  EXPECT_EQ(of("value % -3"), "-2");
  EXPECT_EQ(of("value / 0"), "no value: \"size | value / 0\": a division by zero");
  EXPECT_EQ(of("1e38 * 9e38 * value"), "no value: \"size | 1e38 * 9e38 * value\": a result has too many digits");
  EXPECT_EQ(of("1e30 / 3 + value - value"), "333333333333333333333333333333.33333333");
  EXPECT_EQ(of("int(7.9) + value"), "14");
  EXPECT_EQ(of("int('-12') + value"), "-5");
  EXPECT_EQ(of("round(2.5) + round(3.5) + value"), "13");
  EXPECT_EQ(of("round(value / 3, 2)"), "2.33");
  EXPECT_EQ(of("round(1234 + value, -2)"), "1200");
  EXPECT_EQ(worth("ratio | float(value) * 2"), "40");
  EXPECT_EQ(worth("ratio | int(value)"), "no value: \"ratio | int(value)\": int() cannot read \"20.0\"");
  EXPECT_EQ(worth("big | value + 1"), "12345678901234567890123456790");
}

// Against another way to the same: what is divided comes back.
TEST(Expression, DivisionIsTheInverse) {
  for (const char* b : {"3", "7", "0.000000000000000001", "99999999999999999999999999999999999999", "-0.125", "1e30"}) {
    for (const char* a : {"1", "0", "-5", "12345678901234567890", "0.000000000000000007"}) {
      const Decimal x = *Decimal::parse(a), y = *Decimal::parse(b);
      Decimal quotient;
      try {
        quotient = divide(x, y);
      } catch (const NoValue&) {
        continue;
      }
      const double wanted = x.to_double() / y.to_double();
      EXPECT_NEAR(quotient.to_double(), wanted, std::abs(wanted) * 1e-15 + 1e-18) << a << " / " << b;
    }
  }
  EXPECT_EQ(divide(1, 8).to_string(), "0.125");
  EXPECT_EQ(divide(Decimal(1), *Decimal::parse("1e19")).to_string(), "0");
  EXPECT_EQ(divide(Decimal(5), *Decimal::parse("1e19")).to_string(), "0");
  EXPECT_EQ(divide(Decimal(15), *Decimal::parse("1e19")).to_string(), "0.000000000000000002");
}

TEST(Expression, WholeQuotientsAndRemaindersAreExact) {
  // Each rounds to another whole number at 18 places, or at 38 digits.
  EXPECT_EQ(of("(9999999999999999999 + value * 0) // 10000000000000000000"), "0");
  EXPECT_EQ(of("(9999999999999999999 + value * 0) % 10000000000000000000"), "9999999999999999999");
  EXPECT_EQ(of("-(1 + value * 0) // 10000000000000000000"), "-1");
  EXPECT_EQ(of("(99999999999999999999999999999999999999 + value * 0) // 2"), "49999999999999999999999999999999999999");
  EXPECT_EQ(of("(99999999999999999999999999999999999999 + value * 0) % 2"), "1");
  EXPECT_EQ(of("(1e38 + value * 0) // 0.3").substr(0, 9), "no value:");
  EXPECT_EQ(of("(1e38 + value * 0) // 1"), "1" + std::string(38, '0'));
  EXPECT_EQ(of("(0.3 + value * 0) // 0.1"), "3");
  EXPECT_EQ(of("(0.3 + value * 0) % 0.1"), "0");
  EXPECT_EQ(of("(-0.3 + value * 0) // 0.2"), "-2");
  EXPECT_EQ(of("9223372036854775807 * value"), "64563604257983430649");
  EXPECT_EQ(of("sum([18446744073709551615, 18446744073709551615, value])"), "36893488147419103237");
}

TEST(Expression, TextsAndLists) {
  EXPECT_EQ(worth("name | value.strip().lower() + '!'"), "\"web-1!\"");
  EXPECT_EQ(worth("name | value.strip()[0:3]"), "\"Web\"");
  EXPECT_EQ(worth("name | value.strip()[-1]"), "\"1\"");
  EXPECT_EQ(worth("os-x:host | value.split('@')[1].split('#')"), "[\"lvm\",\"p\"]");
  EXPECT_EQ(worth("os-x:host | value.replace('@', ' ').upper().split()"), "[\"H\",\"LVM#P\"]");
  EXPECT_EQ(worth("tags | ','.join(value)"), "\"a,b\"");
  EXPECT_EQ(worth("list | [sum(value), len(value), min(value), max(value)]"), "[6,3,1,3]");
  EXPECT_EQ(worth("list | value[1:]"), "[1,2]");
  EXPECT_EQ(worth("list | value[-9:2] + [9]"), "[3,1,9]");
  EXPECT_EQ(worth("list | value[3]"), "not there: \"list | value[3]\": no item 3, there are 3");
  EXPECT_EQ(of("str(value) + str(None) + str(True)"), "\"7NoneTrue\"");
  EXPECT_EQ(of("'a\\'b' + \"c\" if value else ''"), "\"a'bc\"");
  EXPECT_EQ(of("quote('a b/ü' if value else '')"), "\"a%20b%2F%C3%BC\"");
  EXPECT_EQ(worth("name | len(value)"), "7");
  EXPECT_EQ(of("len('äö') + value"), "9");
}

TEST(Expression, Conditions) {
  EXPECT_EQ(of("'big' if value > 5 and not value == 8 else 'small'"), "\"big\"");
  EXPECT_EQ(of("value or 3"), "7");
  EXPECT_EQ(worth("none | value or 3"), "3");
  EXPECT_EQ(worth("none | value is None"), "true");
  EXPECT_EQ(worth("none | 1 if value is not None else 0"), "0");
  EXPECT_EQ(of("value in (1, 7)"), "true");
  EXPECT_EQ(of("value not in [1, 7]"), "false");
  EXPECT_EQ(worth("name | 'eb' in value"), "true");
  EXPECT_EQ(worth("deep | 'x' in value"), "true");
  EXPECT_EQ(worth("yes | value + 1"), "2");
  EXPECT_EQ(worth("yes | value is 1"), "false");
  EXPECT_EQ(of("value < 'a'"), "no value: \"size | value < 'a'\": a number and a text have no order");
  EXPECT_EQ(of("value == 'a'"), "false");
  EXPECT_EQ(worth("deep | value == {}"), "false");
  EXPECT_EQ(worth(". | value['deep'] == value['deep']"), "true");
}

TEST(Expression, OfAKeyThatIsThereTwiceTheLastCounts) {
  const char* entry = R"({"o": {"a": 1, "b": 2, "a": 3}})";
  EXPECT_EQ(worth("o.a", entry), "3");
  EXPECT_EQ(worth("o | value.items()", entry), R"([["b",2],["a",3]])");
  EXPECT_EQ(worth("o | len(value) if value == value else 'strange'", entry), "2");
  EXPECT_EQ(worth("o | [k for k in value]", entry), R"(["b","a"])");
}

TEST(Expression, Maps) {
  EXPECT_EQ(worth("none | value or { 'id': '' } | value['id']"), "\"\"");
  EXPECT_EQ(worth("deep | value or { 'id': '' } | value['x']['y']"), "5");
  EXPECT_EQ(of("{'a': value, \"b\": [1, {'c': None}],}"), R"({"a":7,"b":[1,{"c":null}]})");
  EXPECT_EQ(of("{7: 'seven', 8: 'eight'}.get(value, 'more')"), "\"seven\"");
  EXPECT_EQ(of("{6: 'six'}.get(value, 'more')"), "\"more\"");
  EXPECT_EQ(of("{'a': 1}[value]"), "not there: \"size | {'a': 1}[value]\": no key 7");
  EXPECT_EQ(of("{1: 'a', True: 'b', None: value, 1.5: 'd'}"), R"({"1":"b","null":7,"1.5":"d"})");
  EXPECT_EQ(of("{'a': 1, 'a': value}"), R"({"a":7})");
  EXPECT_EQ(of("{[1]: value}"), "no value: \"size | {[1]: value}\": a list is not a key");
  EXPECT_EQ(of("len({}) if value else {}"), "0");
  EXPECT_EQ(of("{} or value"), "7");
  EXPECT_EQ(worth("deep | value == {'x': {'y': 5}}"), "true");
  EXPECT_EQ(worth("deep | {'x': {'y': 5}} == value"), "true");
  EXPECT_EQ(worth("deep | value == {'x': {'y': 6}}"), "false");
  EXPECT_EQ(of("[k for k, v in {'a': 1, 'b': value}.items() if v == 7]"), "[\"b\"]");
  EXPECT_EQ(of("[{'v': x} for x in [1, value]]"), R"([{"v":1},{"v":7}])");
  EXPECT_EQ(of("'a' in {'a': value} and 'b' not in {'a': value}"), "true");
  EXPECT_EQ(of("list({'a': 1, 'b': value}) + {'c': 5}.keys()"), R"(["a","b","c"])");
  EXPECT_EQ(of("sum({'a': 1, 'b': value}.values())"), "8");
  EXPECT_EQ(of("{'a': 1} + value"), "no value: \"size | {'a': 1} + value\": \"+\" between an object and a number");
  EXPECT_EQ(worth("deep | value.get(7, 'none')"), "\"none\"");
}

TEST(Expression, WhatIsWrittenIsValidJson) {
  const char* entry = "{\"o\": {\"k\\u00fc\": [\"\\ud83d\", \"Gr\xf6\xdf\", 1.50]}, \"t\": \"\\udc00 \xff\"}";
  EXPECT_EQ(worth("o", entry), "{\"k\u00fc\":[\"\ufffd\",\"Gr\ufffd\ufffd\",1.50]}");
  EXPECT_EQ(worth("t", entry), "\"\ufffd \ufffd\"");
}

TEST(Expression, PlacesFarOutside) {
  EXPECT_EQ(worth("list | value[0:99999999999999999999]"), "[3,1,2]");
  EXPECT_EQ(worth("list | value[-99999999999999999999:-9223372036854775808]"), "[]");
  EXPECT_EQ(worth("list | value[-9223372036854775808]").substr(0, 10), "not there:");
  EXPECT_EQ(worth("list | value[0.5]"), "no value: \"list | value[0.5]\": the index 0.5 is not a whole number");
}

TEST(Expression, LoopsOverLists) {
  const std::string next = "\"http://a/2\"";
  EXPECT_EQ(worth("links | [v['href'] for v in value if v.get('rel') == 'next'][0]"), next);
  EXPECT_EQ(
      worth("links | filter(lambda v: v.get('rel') == 'next', value) | list(value) | value [0] | value.get('href')"),
      next);
  EXPECT_EQ(worth("links | next(filter(lambda v: v['rel'] == 'none', value), None)"), "null");
  EXPECT_EQ(worth("list | [[x * y for y in value] for x in value][1]"), "[3,1,2]");
  EXPECT_EQ(worth("deep | [k for k, v in value.items() if v['y'] == 5]"), "[\"x\"]");
  EXPECT_EQ(worth("deep | list(value.values())[0]['y'] + len(value.keys())"), "6");
  EXPECT_EQ(worth("list | map(lambda v: v + 1, value)"), "[4,2,3]");
  EXPECT_EQ(worth("empty | [v for v in value][0]").substr(0, 10), "not there:");
  EXPECT_EQ(worth("list | any([v > 2 for v in value]) and not all([v > 2 for v in value])"), "true");
}

TEST(Expression, WhatIsRefused) {
  for (const char* operation : {"__import__('os')",
                                "value.__class__",
                                "open(value)",
                                "eval(value)",
                                "exec('1')",
                                "value.format(1)",
                                "lambda: value",
                                "value ** 2",
                                "value & 1",
                                "value := 1",
                                "value = 1",
                                "f'{value}'",
                                "value; 1",
                                "{'a', value}",
                                "{'a': value, 'b'}",
                                "{'a': value",
                                "{k: k for k in value}",
                                "{**value}",
                                "{'a' value}",
                                "value if value",
                                "value +",
                                "(value",
                                "value[",
                                "1 < value < 3",
                                "'open",
                                "value.lower",
                                "int",
                                "x + value",
                                "value.get()",
                                "filter(1, value)",
                                "[x for x in value for y in value]",
                                "value is",
                                "not",
                                "0x1F + value",
                                "1_000 + value",
                                "value @ 2",
                                "list(v for v in value)",
                                "10",
                                "'text'",
                                "\x01value"}) {
    EXPECT_EQ(of(operation).substr(0, 4), "bad:") << operation << " is " << of(operation);
  }
  EXPECT_NE(of("value.__class__").find("the method \"__class__\" is not offered; there are endswith, get"),
            std::string::npos);
  EXPECT_EQ(of("'x'"), "bad: the operation \"'x'\": the variable \"value\" is not in it");
  EXPECT_EQ(worth("").substr(0, 4), "bad:");
  EXPECT_EQ(worth("a..b").substr(0, 4), "bad:");
}

TEST(Expression, NothingTakesForEver) {
  EXPECT_EQ(of(std::string(5000, '(') + "value").substr(0, 4), "bad:");
  EXPECT_EQ(of(std::string(200, '(') + "value" + std::string(200, ')')).substr(0, 4), "bad:");
  EXPECT_EQ(of(std::string(300, '-') + "value").substr(0, 4), "bad:");
  std::string sum = "value";
  for (int i = 0; i < 300; ++i) sum += "+1";
  EXPECT_EQ(of(sum).substr(0, 4), "bad:");
  std::string list = "[";
  for (int i = 0; i < 200; ++i) list += (i == 0 ? "" : ",") + std::to_string(i);
  const std::string entry = R"({"l": )" + list + "]}";
  const std::string slow =
      worth("l | [[[[a for a in value] for b in value] for c in value] for d in value]", entry.c_str());
  EXPECT_NE(slow.find("takes too long"), std::string::npos) << slow.substr(0, 200);
  const std::string text = "{\"t\": \"" + std::string(900'000, 'x') + "\"}";
  EXPECT_NE(worth("t | value + value", text.c_str()).find("grows too long"), std::string::npos);
  EXPECT_NE(worth("t | value.replace('x', 'yy')", text.c_str()).find("grows too long"), std::string::npos);
}

}  // namespace
}  // namespace tally::openstack
