// The four formats behind cli/output.h.
// Not for choosing columns: a command decides what its rows hold.
#include "cli/output.h"

#include <tally/kit/text.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <utility>

#include "base/json_quote.h"
#include "base/json_repair.h"

namespace tally::cli {
namespace {

// Columns on a terminal: one for each code point, which is right for what names of meters and resources hold.
std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !text_detail::continues(c); }));
}

// A cell in a table stays on its line and sends no control sequences to the terminal.
std::string printable(std::string_view text) {
  std::string out;
  for (char c : text) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
  return out;
}

void append_value(std::string& out, const Cell& cell) {
  switch (cell.kind) {
    case CellKind::null:
      out += "null";
      return;
    case CellKind::text:
      append_json_quote(out, cell.value);
      return;
    case CellKind::json:
      if (cell.value.find("\\u") != std::string_view::npos) {  // half a surrogate pair, from a store of older versions
        out += repair_json(cell.value);
        return;
      }
      [[fallthrough]];
    case CellKind::number:
      out += cell.value.empty() ? std::string_view("null") : cell.value;
      return;
  }
}

void append_object(std::string& out, std::span<const Cell> cells) {
  out += '{';
  for (std::size_t at = 0; at < cells.size(); ++at) {
    if (at > 0) out += ", ";
    append_json_quote(out, cells[at].name);
    out += ": ";
    append_value(out, cells[at]);
  }
  out += '}';
}

class Table : public Output {
 public:
  Table(std::ostream& out, std::vector<std::string> columns) : out_(out), columns_(std::move(columns)) {}

  void row(std::span<const Cell> cells) override {
    if (columns_.empty()) {
      for (const Cell& cell : cells) columns_.emplace_back(cell.name);
    }
    numeric_.resize(columns_.size(), false);
    std::vector<std::string> line;
    for (std::size_t at = 0; at < columns_.size(); ++at) {
      const auto found =
          std::find_if(cells.begin(), cells.end(), [&](const Cell& c) { return c.name == columns_[at]; });
      if (found != cells.end() && found->kind == CellKind::number) numeric_[at] = true;
      line.push_back(found == cells.end() || found->kind == CellKind::null ? "-" : printable(found->value));
    }
    lines_.push_back(std::move(line));
  }

  void finish() override {
    numeric_.resize(columns_.size(), false);
    std::vector<std::size_t> widths;
    for (const std::string& name : columns_) widths.push_back(display_width(name));
    for (const auto& line : lines_) {
      for (std::size_t at = 0; at < line.size(); ++at) widths[at] = std::max(widths[at], display_width(line[at]));
    }
    if (!columns_.empty()) print(columns_, widths);
    for (const auto& line : lines_) print(line, widths);
    out_.flush();
  }

 private:
  void print(const std::vector<std::string>& line, const std::vector<std::size_t>& widths) {
    std::string text;
    for (std::size_t at = 0; at < line.size(); ++at) {
      const std::string blanks(widths[at] - display_width(line[at]), ' ');
      if (at > 0) text += "  ";
      text += numeric_[at] ? blanks + line[at] : line[at] + blanks;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out_ << text << '\n';
  }

  std::ostream& out_;
  std::vector<std::string> columns_;
  std::vector<bool> numeric_;
  std::vector<std::vector<std::string>> lines_;
};

class JsonLines : public Output {
 public:
  explicit JsonLines(std::ostream& out) : out_(out) {}
  void row(std::span<const Cell> cells) override {
    line_.clear();
    append_object(line_, cells);
    line_ += '\n';
    out_ << line_;
  }
  void finish() override { out_.flush(); }

 private:
  std::ostream& out_;
  std::string line_;  // kept for its room
};

class JsonArray : public Output {
 public:
  explicit JsonArray(std::ostream& out) : out_(out) {}
  void row(std::span<const Cell> cells) override {
    out_ << (any_ ? ",\n " : "[") << json_object(cells);
    any_ = true;
  }
  void finish() override { out_ << (any_ ? "]\n" : "[]\n") << std::flush; }

 private:
  std::ostream& out_;
  bool any_ = false;
};

class Csv : public Output {
 public:
  Csv(std::ostream& out, std::vector<std::string> columns) : out_(out), columns_(std::move(columns)) {}

  void row(std::span<const Cell> cells) override {
    if (columns_.empty()) {
      for (const Cell& cell : cells) columns_.emplace_back(cell.name);
    }
    header();
    for (std::size_t at = 0; at < columns_.size(); ++at) {
      const auto found =
          std::find_if(cells.begin(), cells.end(), [&](const Cell& c) { return c.name == columns_[at]; });
      if (at > 0) out_ << ',';
      if (found != cells.end() && found->kind != CellKind::null) out_ << field(found->value);
    }
    out_ << '\n';
  }

  void finish() override {
    header();
    out_.flush();
  }

 private:
  static std::string field(std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
    std::string out = "\"";
    for (char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
    return out + '"';
  }

  void header() {
    if (std::exchange(header_done_, true) || columns_.empty()) return;
    for (std::size_t at = 0; at < columns_.size(); ++at) out_ << (at > 0 ? "," : "") << field(columns_[at]);
    out_ << '\n';
  }

  std::ostream& out_;
  std::vector<std::string> columns_;
  bool header_done_ = false;
};

}  // namespace

std::optional<Format> parse_format(std::string_view text) {
  if (text == "table") return Format::table;
  if (text == "json") return Format::json;
  if (text == "jsonl") return Format::jsonl;
  if (text == "csv") return Format::csv;
  return std::nullopt;
}

std::unique_ptr<Output> Output::open(Format format, std::ostream& out, std::vector<std::string> columns) {
  switch (format) {
    case Format::json:
      return std::make_unique<JsonArray>(out);
    case Format::jsonl:
      return std::make_unique<JsonLines>(out);
    case Format::csv:
      return std::make_unique<Csv>(out, std::move(columns));
    case Format::table:
      break;
  }
  return std::make_unique<Table>(out, std::move(columns));
}

std::string json_string(std::string_view text) { return json_quote(text); }

std::string json_object(std::span<const Cell> cells) {
  std::string out;
  append_object(out, cells);
  return out;
}

RowBuilder& RowBuilder::add(std::string_view name, CellKind kind, std::string_view value) {
  if (parts_.empty()) {
    parts_.reserve(16);
    texts_.reserve(1024);
  }
  parts_.push_back({name.size(), kind, value.size()});
  texts_.append(name).append(value);
  return *this;
}

RowBuilder& RowBuilder::text(std::string_view name, std::string_view value) { return add(name, CellKind::text, value); }

RowBuilder& RowBuilder::number(std::string_view name, std::string_view digits) {
  return add(name, CellKind::number, digits);
}

RowBuilder& RowBuilder::number(std::string_view name, std::uint64_t value) {
  return number(name, std::string_view(std::to_string(value)));
}

RowBuilder& RowBuilder::json(std::string_view name, std::string_view json) { return add(name, CellKind::json, json); }

RowBuilder& RowBuilder::null(std::string_view name) { return add(name, CellKind::null, {}); }

void RowBuilder::emit(Output& output) {
  std::vector<Cell> row;
  row.reserve(parts_.size());
  std::string_view rest = texts_;
  const auto take = [&](std::size_t size) {
    const std::string_view text = rest.substr(0, size);
    rest.remove_prefix(size);
    return text;
  };
  for (const Part& part : parts_) {
    const std::string_view name = take(part.name_bytes);
    row.push_back({name, part.kind, take(part.value_bytes)});
  }
  output.row(row);
  parts_.clear();
  texts_.clear();
}

}  // namespace tally::cli
