// Plain text and four ANSI sequences.
// Not for curses: nothing is read from the terminal.
#include "cli/live_table.h"

#include <tally/kit/text.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <set>

namespace tally::cli {
namespace {

constexpr const char* kBold = "\x1b[1m";
constexpr const char* kPlain = "\x1b[0m";
constexpr std::size_t kValueWidth = 16;
constexpr std::size_t kRateWidth = 9;
constexpr std::size_t kSamplesWidth = 7;
constexpr std::size_t kNumbersWidth = kValueWidth + kRateWidth + kSamplesWidth + 8;  // with the gaps before each

// A number as eyes like it: few digits, SI prefixes from ten thousand up.
std::string short_number(double value) {
  static constexpr const char* kPrefixes[] = {"", "k", "M", "G", "T", "P"};
  std::size_t prefix = 0;
  while (value >= 10'000 && prefix + 1 < std::size(kPrefixes)) {
    value /= 1'000;
    ++prefix;
  }
  char text[40];
  std::snprintf(text, sizeof text, value >= 100 || value == static_cast<long long>(value) ? "%.0f%s" : "%.2f%s", value,
                kPrefixes[prefix]);
  return text;
}

// One entry a column; control characters do not reach the terminal.
std::vector<std::string> characters(const std::string& text) {
  std::vector<std::string> all;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (text_detail::continues(c) && !all.empty()) {
      all.back() += c;
    } else {
      all.emplace_back(1, byte < 0x20 || byte == 0x7F ? ' ' : c);
    }
  }
  return all;
}

enum class Keep { begin, end };  // which part of a text that is too long

// Cut and filled to `width` columns.
std::string cell(const std::string& text, std::size_t width, bool right = false, Keep keep = Keep::begin) {
  std::vector<std::string> parts = characters(text);
  if (parts.size() > width) {
    const auto surplus = static_cast<std::ptrdiff_t>(parts.size() - width + 1);
    if (keep == Keep::begin) {
      parts.erase(parts.end() - surplus, parts.end());
      parts.emplace_back("…");
    } else {
      parts.erase(parts.begin(), parts.begin() + surplus);
      parts.insert(parts.begin(), "…");
    }
  }
  std::string out;
  for (const std::string& part : parts) out += part;
  const std::string blanks(width - parts.size(), ' ');
  return right ? blanks + out : out + blanks;
}

std::string counts(const Snapshot& snapshot) {
  const collector::SampleBooks& samples = snapshot.collector.samples;
  const agent::OutboxCounts& books = snapshot.agent.books.samples;
  const auto item = [](std::uint64_t count, const char* word) { return std::to_string(count) + " " + word; };
  std::string text = item(books.made, "made") + ", " + item(samples.stored, "stored") + ", " +
                     item(samples.duplicate, "duplicate") + ", " + item(samples.dead + samples.conflict, "dead");
  const std::uint64_t waiting = books.in_flight + books.spooled + samples.in_flight;
  if (waiting > 0) text += ", " + item(waiting, "waiting");
  if (samples.returned > 0) text += ", " + item(samples.returned, "returned to the bus");
  const std::uint64_t lost = books.lost + books.refused + books.expired;
  if (lost > 0) text += ", " + item(lost, "lost");
  return text;
}

// Both halves name their plugins; "pollster:temperature absent: no sensors here".
std::vector<std::string> off(const Snapshot& snapshot) {
  std::set<std::string> lines;
  const auto add = [&](const auto& plugin) {
    if (plugin.state == "on") return;
    lines.insert(plugin.role + ":" + plugin.name + " " + plugin.state +
                 (plugin.reason.empty() ? "" : ": " + plugin.reason));
  };
  for (const plugin::PluginState& plugin : snapshot.agent.plugins) add(plugin);
  for (const plugin::PluginState& plugin : snapshot.collector.plugins) {
    if (plugin.role != "pollster") add(plugin);  // the agent knows more of those
  }
  return {lines.begin(), lines.end()};
}

std::string rate(const agent::LastValue& value) {
  return value.per_second ? short_number(*value.per_second) + "/s" : "";
}

// Whole where there is room for it and its unit.
std::string last(const agent::LastValue& value) {
  const std::string whole = value.volume + " " + value.unit;
  if (characters(whole).size() <= kValueWidth) return whole;
  return short_number(std::strtod(value.volume.c_str(), nullptr)) + " " + value.unit;
}

}  // namespace

std::string draw(const Snapshot& snapshot, int rows, int columns) {
  const auto width = static_cast<std::size_t>(std::clamp(columns, 40, 400));
  std::vector<std::string> head = {"tally run   " + counts(snapshot)};
  for (const std::string& reason : snapshot.collector.not_ready) head.push_back("not ready: " + reason);
  if (snapshot.agent.books.bus_away) head.push_back("the bus is away: " + snapshot.agent.books.bus_error);
  std::vector<std::string> tail;
  for (const std::string& line : off(snapshot)) tail.push_back("off: " + line);
  if (tail.size() > 6) {
    const std::size_t more = tail.size() - 5;
    tail.resize(5);
    tail.push_back("off: and " + std::to_string(more) + " more; `tally plugin list` has all");
  }
  if (!snapshot.log.empty()) tail.push_back("log: " + snapshot.log);
  tail.push_back("Ctrl-C ends; " + snapshot.hint);

  const std::size_t names = width > kNumbersWidth + 20 ? width - kNumbersWidth : 20;
  const std::size_t meter_width = names * 2 / 3;
  const std::size_t resource_width = names - meter_width;
  std::string out = "\x1b[H";
  const auto line = [&](const std::string& text, bool bold = false) {
    out += (bold ? kBold : "") + cell(text, width) + (bold ? kPlain : "") + "\x1b[K\r\n";
  };
  // What tells meters and resources apart stands at their ends.
  const auto row = [&](const std::string& meter, const std::string& resource, const std::string& value,
                       const std::string& per_second, const std::string& samples) {
    return cell(meter, meter_width, false, Keep::end) + "  " + cell(resource, resource_width, false, Keep::end) + "  " +
           cell(value, kValueWidth, true) + "  " + cell(per_second, kRateWidth, true) + "  " +
           cell(samples, kSamplesWidth, true);
  };
  for (std::size_t at = 0; at < head.size(); ++at) line(head[at], at == 0);
  line(row("METER", "RESOURCE", "LAST VALUE", "RATE", "SAMPLES"), true);
  const int room = std::max(rows - static_cast<int>(head.size() + tail.size()) - 3, 1);
  const std::size_t shown = std::min(snapshot.values.size(), static_cast<std::size_t>(room));
  for (std::size_t at = 0; at < shown; ++at) {
    const agent::LastValue& value = snapshot.values[at];
    line(row(value.meter, value.resource, last(value), rate(value), std::to_string(value.samples)));
  }
  if (shown < snapshot.values.size()) line("… and " + std::to_string(snapshot.values.size() - shown) + " more");
  for (std::size_t at = 0; at < tail.size(); ++at) {
    if (at + 1 < tail.size()) {
      line(tail[at]);
    } else {
      out += cell(tail[at], width) + "\x1b[K";
    }
  }
  return out + "\x1b[J";
}

std::string one_line(const Snapshot& snapshot) {
  const std::string now = Time::now().to_string();
  std::set<std::string> meters;
  for (const agent::LastValue& value : snapshot.values) meters.insert(value.meter);
  return now.substr(11, 8) + " " + std::to_string(meters.size()) + " meters, samples: " + counts(snapshot);
}

std::string summary(const Snapshot& snapshot) {
  std::string out = "samples: " + counts(snapshot) + "\n";
  for (const std::string& line : off(snapshot)) out += "off: " + line + "\n";
  return out + "kept in " + snapshot.storage + "\n" + snapshot.hint + "\n";
}

}  // namespace tally::cli
