#include "base/metrics.h"

#include <charconv>

namespace tally {
namespace {

std::string escaped(std::string_view text, bool quotes) {
  std::string out;
  for (char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '"' && quotes)
      out += "\\\"";
    else
      out += c;
  }
  return out;
}

template <typename Number>
std::string number_text(Number value) {
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return {buffer, end};
}

}  // namespace

void MetricsPage::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  text_ += "# HELP " + name_ + " " + escaped(help, false) + "\n# TYPE " + name_ + " ";
  text_ += type;
  text_ += '\n';
}

void MetricsPage::line(const Labels& labels, std::string_view number) {
  text_ += name_;
  char before = '{';
  for (const auto& [key, value] : labels) {
    text_ += before + key + "=\"" + escaped(value, true) + "\"";
    before = ',';
  }
  if (!labels.empty()) text_ += '}';
  text_ += ' ';
  text_ += number;
  text_ += '\n';
}

void MetricsPage::value(const Labels& labels, std::uint64_t value) { line(labels, number_text(value)); }
void MetricsPage::value(const Labels& labels, double value) { line(labels, number_text(value)); }

}  // namespace tally
