// The four formats, to the byte.
#include "cli/output.h"

#include <gtest/gtest.h>

#include <sstream>

namespace tally::cli {
namespace {

std::string print(Format format, std::vector<std::string> columns = {}, bool with_rows = true) {
  std::ostringstream out;
  const auto output = Output::open(format, out, std::move(columns));
  if (with_rows) {
    RowBuilder row;
    row.text("name", std::string_view("cpu"))
        .number("volume", std::string_view("0.10"))
        .null("user")
        .json("meta", "{\"a\": 1}");
    row.emit(*output);
    row.text("name", std::string_view("say \"hi\", ü\n"))
        .number("volume", std::uint64_t{12})
        .text("user", std::string_view("u"))
        .json("meta", "{}");
    row.emit(*output);
  }
  output->finish();
  return out.str();
}

TEST(Output, Jsonl) {
  EXPECT_EQ(print(Format::jsonl),
            "{\"name\": \"cpu\", \"volume\": 0.10, \"user\": null, \"meta\": {\"a\": 1}}\n"
            "{\"name\": \"say \\\"hi\\\", ü\\n\", \"volume\": 12, \"user\": \"u\", \"meta\": {}}\n");
}

TEST(Output, JsonIsOneArray) {
  EXPECT_EQ(print(Format::json),
            "[{\"name\": \"cpu\", \"volume\": 0.10, \"user\": null, \"meta\": {\"a\": 1}},\n"
            " {\"name\": \"say \\\"hi\\\", ü\\n\", \"volume\": 12, \"user\": \"u\", \"meta\": {}}]\n");
  EXPECT_EQ(print(Format::json, {}, false), "[]\n");
}

TEST(Output, CsvQuotesWhatItMust) {
  EXPECT_EQ(print(Format::csv),
            "name,volume,user,meta\ncpu,0.10,,\"{\"\"a\"\": 1}\"\n\"say \"\"hi\"\", ü\n\",12,u,{}\n");
  EXPECT_EQ(print(Format::csv, {"a", "b"}, false), "a,b\n");
}

TEST(Output, TableAlignsAndShowsOnlyItsColumns) {
  EXPECT_EQ(print(Format::table, {"name", "volume", "user"}),
            "name          volume  user\n"
            "cpu             0.10  -\n"
            "say \"hi\", ü       12  u\n");
  EXPECT_EQ(print(Format::table, {"name"}, false), "name\n");
}

TEST(Output, TableLetsNoControlSequenceThrough) {
  std::ostringstream out;
  const auto output = Output::open(Format::table, out);
  RowBuilder row;
  row.text("x", std::string_view("a\x1b[31mb\nc")).emit(*output);
  output->finish();
  EXPECT_EQ(out.str(), "x\na [31mb c\n");
}

TEST(Output, JsonReplacesWhatIsNoUtf8) {
  EXPECT_EQ(json_string("a\xff"
                        "b\x01"),
            "\"a\xEF\xBF\xBD"
            "b\\u0001\"");
}

TEST(Output, FormatsByName) {
  EXPECT_EQ(parse_format("csv"), Format::csv);
  EXPECT_EQ(parse_format("xml"), std::nullopt);
}

}  // namespace
}  // namespace tally::cli
