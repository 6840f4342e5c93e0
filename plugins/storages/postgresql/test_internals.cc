// Inner parts of the PostgreSQL driver: binary formats, SQLSTATEs, texts.
// Not for what a collector sees: see test.cc; nor for servers that fail: see test_faults.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "binary.h"
#include "copy_policy.h"
#include "sqlstate.h"

namespace tally::postgresql {
namespace {

// "ndigits weight sign dscale: digit digit …"
std::string numeric(std::string_view volume) {
  std::string bytes;
  put_numeric(bytes, volume);
  const auto number = [&bytes](std::size_t i) { return get_integer(std::string_view(bytes).substr(2 * i, 2)); };
  EXPECT_EQ(bytes.size(), 8 + 2 * static_cast<std::size_t>(number(0)));
  std::string text;
  for (std::size_t i = 0; i < bytes.size() / 2; ++i) text += std::to_string(number(i)) + (i == 3 ? ": " : " ");
  return text;
}

TEST(PostgresqlBinary, NumericsHaveBaseTenThousand) {
  EXPECT_EQ(numeric("0"), "0 0 0 0: ");
  EXPECT_EQ(numeric("1"), "1 0 0 0: 1 ");
  EXPECT_EQ(numeric("-1"), "1 0 16384 0: 1 ");
  EXPECT_EQ(numeric("9999"), "1 0 0 0: 9999 ");
  EXPECT_EQ(numeric("10000"), "1 1 0 0: 1 ") << "zeros at the end are left out";
  EXPECT_EQ(numeric("12345678"), "2 1 0 0: 1234 5678 ");
  EXPECT_EQ(numeric("0.1"), "1 -1 0 1: 1000 ");
  EXPECT_EQ(numeric("-12.5"), "2 0 16384 1: 12 5000 ");
  EXPECT_EQ(numeric("0.000000000000000001"), "1 -5 0 18: 100 ");
  EXPECT_EQ(numeric("1" + std::string(76, '0')), "1 19 0 0: 1 ");
  EXPECT_EQ(numeric("99999999999999999999999999999999999999"),
            "10 9 0 0: 99 9999 9999 9999 9999 9999 9999 9999 9999 9999 ");
  EXPECT_EQ(numeric("12345678901234567890.123456789012345678"),
            "10 4 0 18: 1234 5678 9012 3456 7890 1234 5678 9012 3456 7800 ");
}

TEST(PostgresqlBinary, IdsAreShortWhereTheyCanBeAndNeverTheSame) {
  EXPECT_EQ(id_bytes("0f000000000000000000000000000001"), std::string("\x0f\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16));
  EXPECT_EQ(id_bytes("8f2d1f6e-1111-4222-8333-123456789abc").size(), 17U);
  EXPECT_EQ(id_bytes("8F2D1F6E-1111-4222-8333-123456789ABC").size(), 37U) << "capitals are kept";
  EXPECT_EQ(id_bytes("8f2d1f6e-1111-4222-8333-123456789ab-").size(), 37U);
  EXPECT_EQ(id_bytes("8f2d1f6e11114222-8333--123456789abc").size(), 36U);
  EXPECT_EQ(id_bytes("x"), std::string("\0x", 2));
  EXPECT_EQ(id_bytes("fifteen letters").size(), 17U) << "16 bytes are digits alone";
  EXPECT_EQ(id_bytes("sixteen  letters").size(), 17U);
}

TEST(PostgresqlBinary, TimesKeepEveryMicrosecondAndEndInInfinities) {
  EXPECT_EQ(to_server(Time{946'684'800'000'001}), 1);
  EXPECT_EQ(from_server(-1), Time{946'684'799'999'999});
  for (const std::int64_t us : {INT64_MIN, INT64_MIN + 1, -400'000'000'000'000'000}) {
    EXPECT_EQ(to_server(Time{us}), INT64_MIN) << us;
  }
  EXPECT_EQ(to_server(Time{INT64_MAX}), INT64_MAX);
  EXPECT_EQ(from_server(INT64_MIN), Time{INT64_MIN});
  EXPECT_EQ(from_server(INT64_MAX), Time{INT64_MAX});
  EXPECT_TRUE(fits_server(Time::kFirst));
  EXPECT_FALSE(fits_server(Time::kEnd));
}

TEST(PostgresqlBinary, ArraysSayTheirLengthAndWhetherTheyHaveGaps) {
  EXPECT_EQ(Array(Type::text).bytes(), std::string("\0\0\0\0\0\0\0\0\0\0\0\x19", 12));
  Array array(Type::smallint);
  array.add(std::int16_t{-2}).null();
  EXPECT_EQ(array.bytes(),
            std::string("\0\0\0\1\0\0\0\1\0\0\0\x15\0\0\0\2\0\0\0\1\0\0\0\2\xff\xfe\xff\xff\xff\xff", 30));
  EXPECT_EQ(array.type(), 1005U);
}

TEST(PostgresqlBinary, OnlyUtf8WithoutNulIsText) {
  const std::string long_one(1000, 'a');
  for (const std::string& good : {std::string(), std::string("a"), std::string("Ünï€𐍈"), long_one + "ü" + long_one,
                                  std::string("\xEF\xBF\xBF\xF4\x8F\xBF\xBF")}) {
    EXPECT_TRUE(fits_text(good)) << good;
    EXPECT_EQ(made_fit(good), good);
  }
  for (const std::string& bad :
       {std::string("\0", 1), long_one + std::string("\0", 1) + long_one, std::string("\xC0\x80"), std::string("\xFF"),
        std::string("\xED\xA0\x80"), std::string("\xF4\x90\x80\x80"), std::string("\xE2\x82"), std::string("\x80")}) {
    EXPECT_FALSE(fits_text(bad)) << bad;
    EXPECT_TRUE(fits_text(made_fit(bad))) << bad;
  }
  EXPECT_EQ(made_fit(std::string("a\0b\xFF", 4)),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
}

// Of `batches` copied straight, where each `every`-th has rows that are there; 0: none has.
int copied_of(CopyPolicy& straight, int batches, int every) {
  int count = 0;
  for (int i = 1; i <= batches; ++i) {
    count += straight.worthwhile() ? 1 : 0;
    straight.learn(every > 0 && i % every == 0);
  }
  return count;
}

TEST(PostgresqlCopyPolicy, RareRepetitionsKeepNobodyFromCopying) {
  CopyPolicy straight;
  EXPECT_EQ(copied_of(straight, 100, 0), 100);
  EXPECT_EQ(copied_of(straight, 100, 10), 100);
  EXPECT_EQ(copied_of(straight, 100, 4), 100);
  EXPECT_LE(copied_of(straight, 100, 1), 2) << "after two it is clear";
  EXPECT_GE(copied_of(straight, 100, 0), 95) << "a burst is forgotten soon";
  EXPECT_LE(copied_of(straight, 100, 2), 55);
}

TEST(PostgresqlErrors, WhatMayPassIsWaitedFor) {
  for (const char* state : {"", "08006", "08P01", "25006", "25P03", "40001", "40P01", "53100", "53200", "53300",
                            "55P03", "57014", "57P01", "57P02", "57P03", "58000", "58030", "XX000"}) {
    EXPECT_EQ(meaning_of(state).outcome, Outcome::transient) << state;
  }
  for (const char* state : {"22003", "22021", "22P02", "23502", "23505", "54000"}) {
    EXPECT_EQ(meaning_of(state).outcome, Outcome::permanent) << state;
    EXPECT_TRUE(meaning_of(state).values) << state;
  }
  for (const char* state : {"28P01", "3D000", "42501", "42P01", "42703", "0A000", "XX001"}) {
    EXPECT_EQ(meaning_of(state).outcome, Outcome::permanent) << state;
    EXPECT_FALSE(meaning_of(state).values) << state;
  }
}

}  // namespace
}  // namespace tally::postgresql
