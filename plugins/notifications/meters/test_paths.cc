// The inner parts of the handler "meters", without the host: paths.
// Not for definitions as files: test.cc.
#include <gtest/gtest.h>
#include <tally/sdk/error.h>

#include "paths/path.h"
#include "values/json_tree.h"

namespace {

constexpr const char* kDocument = R"({"a": 10, "b": 3, "c": 2, "s": "xyz", "l": [3, 1, 2], "o": {"k": 1, "z": 2},
  "t": true, "f": 1.5, "n": null, "w": [{"n": "x", "v": 1}, {"n": "y", "v": 2}], "u": "é€x", "with.dot": {"in ner": 7}})";

// What a path finds, as a JSON array; or "fault: …", or "error: …".
std::string found(std::string_view path, std::string_view document = kDocument, meters::PathOptions options = {}) {
  std::string why;
  const auto parsed = meters::Path::parse(path, why, options);
  if (!parsed) return "fault: " + why;
  meters::Arena arena;
  const meters::Node root = meters::read_tree(document, arena);
  meters::Matches matches;
  try {
    parsed->find(root, arena, matches);
  } catch (const tally::Error& error) {
    return std::string("error: ") + error.what();
  }
  std::string out = "[";
  for (const meters::Datum* one : matches) {
    if (out.size() > 1) out += ", ";
    meters::append_json(*one->value, out);
  }
  return out + "]";
}

struct Case {
  const char* path;
  const char* found;
};

class Agree : public testing::TestWithParam<Case> {};

TEST_P(Agree, WithWhatTheDialectGives) { EXPECT_EQ(found(GetParam().path), GetParam().found) << GetParam().path; }

constexpr Case kSteps[] = {
    {"$.a", "[10]"},
    {"a", "[10]"},
    {"@.a", "[10]"},
    {"$['a']", "[10]"},
    {"$[\"a\"]", "[10]"},
    {"$[a,b]", "[10, 3]"},
    {"a,b", "[10, 3]"},
    {"$.nobody", "[]"},
    {"$.a.b", "[]"},
    {"$.n", "[null]"},
    {"'with.dot'.'in ner'", "[7]"},
    {"$.'o'.k", "[1]"},
    {"o.*", "[1, 2]"},
    {"l.*", "[]"},
    {"l[0]", "[3]"},
    {"l[-1]", "[2]"},
    {"l[-9]", "[]"},
    {"l[9]", "[]"},
    {"o[0]", "[]"},
    {"l[0:2]", "[3, 1]"},
    {"l[0 : 2]", "[3, 1]"},
    {"l[:]", "[3, 1, 2]"},
    {"l[-2:]", "[1, 2]"},
    {"w.[*].v", "[1, 2]"},
    {"o[*]", R"([{"k": 1, "z": 2}])"},
    {"a[*]", "[10]"},
    {"n[*]", "[]"},
    {"$.s[0]", R"(["x"])"},
    {"u[1]", R"(["€"])"},
    {"$..v", "[1, 2]"},
    {"$.w..n", R"(["x", "y"])"},
    {"$..l[0]", "[3]"},
    {"$.a|b", "[10, 3]"},
    {"$.w[0].n|v", R"(["x", 1])"},
    {"(a.b)|(o.k)", "[1]"},
    {"w where n", "[]"},
    {"w[*] where n", R"([{"n": "x", "v": 1}, {"n": "y", "v": 2}])"},
    {"$.o.k.`parent`", R"([{"k": 1, "z": 2}])"},
    {"w[*].n.`parent`.v", "[1, 2]"},
    {"`parent`", "[]"},
    {"o.`this`.k", "[1]"},
};
INSTANTIATE_TEST_SUITE_P(Steps, Agree, testing::ValuesIn(kSteps));

constexpr Case kFilters[] = {
    {"w[?v>1].n", R"(["y"])"},
    {"$.w[?v>1 & n=y].v", "[2]"},
    {"$.w[?(v>1) & (n=y)].v", "[2]"},
    {"$.w[?(@.v>1 & @.n='y')].n", R"(["y"])"},
    {"w[?((@.v)>1)].v", "[2]"},
    {"w[?(@.v)>1].v", "[2]"},
    {"w[?n~'x|z'].v", "[1]"},
    {"w[?v].n", R"(["x", "y"])"},
    {"w[?q].n", "[]"},
    {"w[?v==true].n", R"(["x"])"},
    {"w[?n!=x].n", R"(["y"])"},
    {"w[?v!=x].n", R"(["x", "y"])"},
    {"w[?v>1.0].n", R"(["y"])"},
    {"w[?v>-1].n", R"(["x", "y"])"},
    {"w[?n>3].n", "[]"},
    {"w[?v<=1 & n>=a].n", R"(["x"])"},
    {"o[?k=1]", "[]"},
};
INSTANTIATE_TEST_SUITE_P(Filters, Agree, testing::ValuesIn(kFilters));

constexpr Case kFunctions[] = {
    {"$.l.`len`", "[3]"},
    {"u.`len`", "[3]"},
    {"o.`len`", "[2]"},
    {"a.`len`", "[]"},
    {"$.l.`sorted`", "[[1,2,3]]"},
    {"o.`sorted`", R"([["k","z"]])"},
    {"s.`sorted`", R"(["xyz"])"},
    {"w.`sorted`", "[]"},
    {"$.w[\\v].[0].n", R"(["y"])"},
    {"$.w[/n,\\v].[0].n", R"(["x"])"},
    {"$.w[/n, \\v].`len`", "[2]"},
    {"s.`split(y, 1, -1)`", R"(["z"])"},
    {"s.`split(y, 0, 1)`", R"(["x"])"},
    {"s.`split(y, 2, -1)`", "[]"},
    {"s.`split(q, 0, 0)`", R"(["xyz"])"},
    {"a.`split(y, 1, -1)`", "[]"},
    {"s.`sub(/(y)/, <\\\\1>)`", R"(["x<y>z"])"},
    {"s.`sub(/.*/, )`", R"([""])"},
    {"s.`sub(/q*/, -)`", R"(["-x-y-z-"])"},
    {"s.`sub(/nothing/, -)`", "[]"},
    {"a.`sub(/1/, 2)`", "[]"},
};
INSTANTIATE_TEST_SUITE_P(Functions, Agree, testing::ValuesIn(kFunctions));

constexpr Case kArithmetic[] = {
    {"$.a + 1", "[11]"},
    {"$.l[0] + 1", "[4]"},
    {"$.a + 1.5", "[11.5]"},
    {"$.f*2", "[3]"},
    {"2 * 3 * $.a", "[60]"},
    {"$.t + 1", "[2]"},
    {"$.w[*].v * 10", "[10, 20]"},
    {"$.w.[*].v + $.w[*].v", "[2, 4]"},
    {"$.w.[*].v + $.w[*].n", "[]"},
    {"$.w.[*].v + $.a", "[]"},
    {"$.s + b", R"(["xyzb"])"},
    {"$.a + b", "[]"},
    {"'p-' + $.s", R"(["p-xyz"])"},
    {"$.s + '_' + $.s", R"(["xyz_xyz"])"},
    {"$.s.`sub(/.*/, )` + 'id.' + $.s", R"(["id.xyz"])"},
    {"$.s * 2", R"(["xyzxyz"])"},
    {"$.s * 1.5", "[]"},
    {"$.l + $.l", "[[3,1,2,3,1,2]]"},
    {"w.`len` + 1", "[3]"},
    {"$.n + 1", "[]"},
    {"$.a-1", "[]"},  // a name
    // Where Ceilometer goes from right to left:
    {"$.a - $.b - $.c", "[5]"},
    {"$.a * 100 + 1", "[1001]"},
    {"($.a * 100) + 1", "[1001]"},
};
INSTANTIATE_TEST_SUITE_P(Arithmetic, Agree, testing::ValuesIn(kArithmetic));

TEST(Paths, FromTheRightWhereAsked) {
  EXPECT_EQ(found("$.a - $.b - $.c", kDocument, {true}), "[9]");
  EXPECT_EQ(found("$.a * 100 + 1", kDocument, {true}), "[1010]");
  EXPECT_EQ(found("($.a * 100) + 1", kDocument, {true}), "[1001]");
}

TEST(Paths, CalculateInDecimals) {
  EXPECT_EQ(found("$.x * 100", R"({"x": 0.027501485834103514})"), "[2.7501485834103514]");
  EXPECT_EQ(found("$.x + 0.2", R"({"x": 0.1})"), "[0.3]");
  EXPECT_EQ(found("$.x * $.x", R"({"x": 12345678901234567891})").substr(0, 5), "error");
}

TEST(Paths, AFaultNamesItsColumn) {
  const std::pair<const char*, const char*> cases[] = {{"", "column 1: it ends"},
                                                       {"a.", "column 3: it ends"},
                                                       {"a b", "column 3: \"b\" stands"},
                                                       {"..v", "column 1:"},
                                                       {"$.a / 2", "column 5: there is no division"},
                                                       {"$[0,1]", "column 4:"},
                                                       {"a['b", "column 3: the quote"},
                                                       {"a[?b~'(']", "no regular expression"},
                                                       {"a.`nosuch`", "no function `nosuch`"},
                                                       {"a.`split(ab, 0, 1)`", "split is written"},
                                                       {"a.`sub(/(/, x)`", "sub: column"},
                                                       {"a.`sub(/b/, \\\\1)`", "names a group"},
                                                       {"$.a & $.b", "in filters only"},
                                                       {"5", "a number alone"},
                                                       {"ü", "the character \"ü\" stands outside quotes"},
                                                       {"true", "put the name into quotes"}};
  for (const auto& [path, why] : cases)
    EXPECT_NE(found(path).find(why), std::string::npos) << path << ": " << found(path);
  EXPECT_NE(found(std::string(5000, 'a')).find("longer than"), std::string::npos);
  EXPECT_NE(found(std::string(500, '(') + "a").find("nested deeper"), std::string::npos);
}

TEST(Paths, WorkIsBounded) {
  std::string deep = "1";
  for (int i = 0; i < 100; ++i) deep = R"({"a": )" + deep + "}";
  EXPECT_NE(found("$..a..a..a..a", deep).find("error: a path finds more than"), std::string::npos);
  EXPECT_NE(found("$.s * 9999999").find("error: a path repeats"), std::string::npos);
  EXPECT_NE(found("$.x.`sub(/(a+a+)+[bc]/, c)`", R"({"x": ")" + std::string(3000, 'a') + "\"}").find("takes too long"),
            std::string::npos);
}

}  // namespace
