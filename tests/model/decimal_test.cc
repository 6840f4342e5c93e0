// The exactness of decimals. Not for how they travel: sample_json_test.cc.
#include <tally/model/decimal.h>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace tally {
namespace {

std::string canonical(std::string_view text) {
  std::string why;
  const auto value = Decimal::parse(text, &why);
  return value ? value->to_string() : why;
}

TEST(Decimal, HasOneTextForOneValue) {
  EXPECT_EQ(canonical("0"), "0");
  EXPECT_EQ(canonical("-0"), "0");
  EXPECT_EQ(canonical("-0.000"), "0");
  EXPECT_EQ(canonical("0e999999999999999999999"), "0");
  EXPECT_EQ(canonical("1e3"), "1000");
  EXPECT_EQ(canonical("1E+3"), "1000");
  EXPECT_EQ(canonical("1.50"), "1.5");
  EXPECT_EQ(canonical("-12.50e-2"), "-0.125");
  EXPECT_EQ(canonical("10.010"), "10.01");
  EXPECT_EQ(canonical("0.00100"), "0.001");
  EXPECT_EQ(canonical("123456789012345678.901234567890123456"), "123456789012345678.901234567890123456");
}

TEST(Decimal, KeepsWhatADoubleWouldNot) {
  EXPECT_EQ(canonical("9007199254740993"), "9007199254740993");
  EXPECT_EQ(canonical("99999999999999999999999999999999999999"), "99999999999999999999999999999999999999");
}

TEST(Decimal, HasItsLimits) {
  EXPECT_EQ(canonical("1e38"), "1" + std::string(38, '0'));
  EXPECT_EQ(canonical("1e39"), "exponent above 38");
  EXPECT_EQ(canonical("1e-18"), "0.000000000000000001");
  EXPECT_EQ(canonical("1e-19"), "smaller than 18 decimal places can hold");
  EXPECT_EQ(canonical("10e-19"), "0.000000000000000001");
  EXPECT_EQ(canonical("123456789012345678901234567890123456789"), "more than 38 significant digits");
  EXPECT_EQ(canonical("1e99999999999999999999"), "exponent above 38");
  EXPECT_EQ(canonical("0.1" + std::string(100, '0')), "0.1");
}

TEST(Decimal, ReadsJsonNumbersAlone) {
  for (const char* text : {"", "-", "+1", "01", ".5", "5.", "1e", "1e+", "0x1", "1 ", " 1", "NaN", "Infinity", "1,5"})
    EXPECT_EQ(canonical(text), "not a number") << text;
}

TEST(Decimal, TakesEveryInteger) {
  EXPECT_EQ(Decimal(std::numeric_limits<std::int64_t>::min()).to_string(), "-9223372036854775808");
  EXPECT_EQ(Decimal(std::numeric_limits<std::uint64_t>::max()).to_string(), "18446744073709551615");
  EXPECT_EQ(Decimal(-100), *Decimal::parse("-1e2"));
}

TEST(Decimal, ComesFromDoublesByTheirShortestText) {
  EXPECT_EQ(Decimal::from_double(0.1).to_string(), "0.1");
  EXPECT_EQ(Decimal::from_double(-2.5e-3).to_string(), "-0.0025");
  EXPECT_EQ(Decimal::from_double(1e22).to_string(), "10000000000000000000000");
  EXPECT_EQ(Decimal::from_double(2.5e-18).to_string(), "0.000000000000000002");
  EXPECT_EQ(Decimal::from_double(3.5e-18).to_string(), "0.000000000000000004");
  EXPECT_EQ(Decimal::from_double(1e-300).to_string(), "0");
  EXPECT_THROW(Decimal::from_double(1e300), std::overflow_error);
  EXPECT_THROW(Decimal::from_double(std::nan("")), std::domain_error);
  EXPECT_THROW(Decimal::from_double(std::numeric_limits<double>::infinity()), std::domain_error);
  EXPECT_THROW(Decimal::from_double(-std::numeric_limits<double>::infinity()), std::domain_error);
}

TEST(Decimal, AddsAndMultipliesExactlyOrThrows) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ((Decimal(kMost) + 1).to_string(), "18446744073709551616");
  EXPECT_EQ((Decimal(1990656000000) * 10'000'000).to_string(), "19906560000000000000");
  EXPECT_EQ((Decimal(1) - Decimal(kMost)).to_string(), "-18446744073709551614");
  Decimal total;
  for (int i = 0; i < 10; ++i) total += *Decimal::parse("0.1");
  EXPECT_EQ(total, 1);
  EXPECT_EQ((total *= 3) -= 2, 1);
  EXPECT_THROW(Decimal(kMost) * Decimal(kMost), std::overflow_error);
  EXPECT_THROW(*Decimal::parse("1e38") * 10, std::overflow_error);
}

TEST(Decimal, IsOrdered) {
  const char* ascending[] = {"-1e38", "-10.5", "-10.49", "-1e-18", "0", "1e-18", "0.1", "0.11", "9", "10", "1e38"};
  for (std::size_t i = 0; i < std::size(ascending); ++i)
    for (std::size_t k = 0; k < std::size(ascending); ++k)
      EXPECT_EQ(*Decimal::parse(ascending[i]) <=> *Decimal::parse(ascending[k]), i <=> k)
          << ascending[i] << ascending[k];
}

TEST(Decimal, AddsAndMultipliesExactlyOrNotAtAll) {
  const auto of = [](const char* text) { return *Decimal::parse(text); };
  EXPECT_EQ(Decimal::add(of("0.1"), of("0.2")), of("0.3"));
  EXPECT_EQ(Decimal::sub(of("0.1"), of("0.1")), Decimal());
  EXPECT_EQ(Decimal::sub(of("1"), of("1e-18")), of("0.999999999999999999"));
  EXPECT_FALSE(Decimal::add(of("1e38"), of("1e-18")));
  EXPECT_EQ(Decimal::mul(of("-2.5"), of("0.4")), of("-1"));
  EXPECT_EQ(Decimal::mul(of("12345678901234567890"), of("98765432109876543")),
            of("1219326311370217949644871231852004270"));
  EXPECT_EQ(Decimal::mul(of("1e-10"), of("1e10")), of("1"));
  EXPECT_FALSE(Decimal::mul(of("1e-10"), of("1e-10")));
  EXPECT_FALSE(Decimal::mul(of("1e20"), of("1e20")));
}

TEST(DecimalSum, IsExactInAnyOrder) {
  DecimalSum tenths;
  for (int i = 0; i < 10; ++i) tenths.add(*Decimal::parse("0.1"));
  EXPECT_EQ(tenths.to_string(), "1");
  DecimalSum wide;
  for (const char* text : {"1e38", "1e-18", "99999999999999999999999999999999999999e38", "-1e38"})
    wide.add(*Decimal::parse(text));
  EXPECT_EQ(wide.to_string(), "99999999999999999999999999999999999999" + std::string(38, '0') + ".000000000000000001");
  EXPECT_FALSE(wide.to_decimal());
  DecimalSum more;
  more.add(tenths);
  more.add(-1);
  EXPECT_EQ(more.to_string(), "0");
}

TEST(DecimalSum, AveragesHalfEven) {
  const auto average = [](const char* text, std::uint64_t count) {
    DecimalSum sum;
    sum.add(*Decimal::parse(text));
    return sum.average(count);
  };
  EXPECT_EQ(average("1", 3), "0.333333333333333333");
  EXPECT_EQ(average("2", 3), "0.666666666666666667");
  EXPECT_EQ(average("1e-18", 2), "0");
  EXPECT_EQ(average("3e-18", 2), "0.000000000000000002");
  EXPECT_EQ(average("-3e-18", 2), "-0.000000000000000002");
  EXPECT_EQ(average("10", 4), "2.5");
  EXPECT_EQ(average("5", 0), "0");
}

}  // namespace
}  // namespace tally
