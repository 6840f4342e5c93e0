#include "plugin/file/version.h"

#include <algorithm>

namespace tally::plugin {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

int sign(int value) { return (value > 0) - (value < 0); }

int compare_parts(std::string_view a, std::string_view b) {
  if (a == b) return 0;
  if (a.empty() || b.empty()) return a.empty() ? -1 : 1;
  const bool a_number = is_number(a);
  const bool b_number = is_number(b);
  if (a_number != b_number) return a_number ? -1 : 1;  // as semantic versions have it
  if (a_number) {
    a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
    b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
    if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  }
  return sign(a.compare(b));
}

std::string_view take_part(std::string_view& text, std::string_view missing) {
  if (text.empty()) return missing;
  const std::size_t end = text.find('.');
  const std::string_view part = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return part;
}

int compare_dotted(std::string_view a, std::string_view b, std::string_view missing) {
  while (!a.empty() || !b.empty()) {
    const std::string_view from_a = take_part(a, missing);
    const std::string_view from_b = take_part(b, missing);
    if (const int order = compare_parts(from_a, from_b); order != 0) return order;
  }
  return 0;
}

struct Split {
  explicit Split(std::string_view text) {
    text = text.substr(0, text.find('+'));
    const std::size_t dash = text.find('-');
    release = text.substr(0, dash);
    if (dash != std::string_view::npos) before = text.substr(dash + 1);
  }
  std::string_view release;
  std::string_view before;
};

}  // namespace

int compare_versions(std::string_view a, std::string_view b) {
  const Split left(a);
  const Split right(b);
  if (const int order = compare_dotted(left.release, right.release, "0"); order != 0) return order;
  if (left.before.empty() != right.before.empty()) return left.before.empty() ? 1 : -1;
  return compare_dotted(left.before, right.before, "");
}

}  // namespace tally::plugin
