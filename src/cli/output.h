// Prints rows of named cells as a table, one JSON array, JSON lines or CSV; every command prints through it.
// Not for messages to the person: those go to stderr, as plain sentences.
#ifndef TALLY_CLI_OUTPUT_H
#define TALLY_CLI_OUTPUT_H

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/roles.h"

namespace tally::cli {

enum class Format { table, json, jsonl, csv };

std::optional<Format> parse_format(std::string_view text);

// Writes rows as they come; `table` alone holds them all, because a column is as wide as its widest cell.
// The columns are those of the first row unless given: then an answer without rows still has its header (table, csv).
// JSON formats write each row's own keys; a number keeps the very digits of its cell. One thread.
class Output {
 public:
  static std::unique_ptr<Output> open(Format format, std::ostream& out, std::vector<std::string> columns = {});
  virtual ~Output() = default;
  Output() = default;
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // The cells need live only for the call.
  virtual void row(std::span<const Cell> cells) = 0;

  // Writes what is left. REQUIRES: called once, after the last row.
  virtual void finish() = 0;
};

// One row under construction; keeps the texts that its cells look at.
class RowBuilder {
 public:
  RowBuilder& text(std::string_view name, std::string_view value);
  RowBuilder& text(std::string_view name, const std::string& value) { return text(name, std::string_view(value)); }
  RowBuilder& text(std::string_view name, const char* value) { return text(name, std::string_view(value)); }
  template <class Text>
  RowBuilder& text(std::string_view name, const std::optional<Text>& value) {  // absent: null
    return value ? text(name, std::string_view(*value)) : null(name);
  }
  RowBuilder& number(std::string_view name, std::string_view digits);
  RowBuilder& number(std::string_view name, std::uint64_t value);
  RowBuilder& json(std::string_view name, std::string_view json);
  RowBuilder& null(std::string_view name);

  // Hands the row to `output` and begins the next.
  void emit(Output& output);

 private:
  struct Part {
    std::size_t name_bytes;
    CellKind kind;
    std::size_t value_bytes;
  };
  RowBuilder& add(std::string_view name, CellKind kind, std::string_view value);

  std::vector<Part> parts_;
  std::string texts_;  // each part's name and value, one behind the other
};

// One row as a JSON object, without a line end.
std::string json_object(std::span<const Cell> cells);

// `text` as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD.
std::string json_string(std::string_view text);

}  // namespace tally::cli

#endif
