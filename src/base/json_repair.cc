#include "base/json_repair.h"

#include <tally/kit/json_scan.h>
#include <tally/kit/text.h>

#include <algorithm>
#include <array>

namespace tally {

namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// Four bytes, of which the last two carry the byte: U+10FE00 to U+10FEFF.
constexpr std::string_view kMark = "\xf4\x8f";
std::string mark(unsigned char byte) {
  return {'\xf4', '\x8f', static_cast<char>(0xb8 | byte >> 6), static_cast<char>(0x80 | (byte & 0x3f))};
}

bool is_high(int unit) { return unit >= 0xd800 && unit < 0xdc00; }
bool is_low(int unit) { return unit >= 0xdc00 && unit < 0xe000; }

// The value of an escape \uXXXX at `at`; -1 for anything else.
int escaped_unit(const char* at, const char* end) {
  return end - at >= 6 && at[0] == '\\' && at[1] == 'u' ? json_scan::detail::hex4(at + 2, end) : -1;
}

class JsonRepairer {
 public:
  explicit JsonRepairer(std::string_view json) : at_(json.data()), end_(at_ + json.size()) {
    out_.reserve(json.size() + 16);
  }

  // The mended text; `changed` says whether it is another.
  std::string run() {
    while (at_ != end_) {
      if (*at_ == '"') {
        string();
      } else if (!word()) {
        character();
      }
    }
    return std::move(out_);
  }
  bool changed() const { return changed_; }

 private:
  void put(std::string_view text, std::size_t taken) {
    out_ += text;
    at_ += taken;
  }
  void replace(std::string_view text, std::size_t taken) {
    put(text, taken);
    changed_ = true;
  }
  std::string_view rest() const { return {at_, static_cast<std::size_t>(end_ - at_)}; }

  // One of the words that Python writes for what is not a number.
  bool word() {
    static constexpr std::array<std::string_view, 3> kWords = {"NaN", "Infinity", "-Infinity"};
    if (*at_ != 'N' && *at_ != 'I' && *at_ != '-') return false;
    for (const std::string_view one : kWords) {
      if (!rest().starts_with(one)) continue;
      replace("\"" + std::string(one) + "\"", one.size());
      return true;
    }
    return false;
  }

  void character() {
    const std::size_t size = text_detail::character(rest().substr(0, 4));
    if (size == 0) return replace(kReplacement, 1);
    put(rest().substr(0, size), size);
  }

  void string() {
    put("\"", 1);
    while (at_ != end_ && *at_ != '"') {
      if (*at_ == '\\') {
        escape();
      } else {
        character();
      }
    }
    if (at_ != end_) put("\"", 1);
  }

  void escape() {
    const int unit = escaped_unit(at_, end_);
    if (is_high(unit) && is_low(escaped_unit(at_ + 6, end_))) return put(rest().substr(0, 12), 12);
    if (is_high(unit) || is_low(unit)) return replace("\\ufffd", 6);
    if (end_ - at_ < 2 || static_cast<unsigned char>(at_[1]) >= 0x80) return put("\\", 1);
    put(rest().substr(0, 2), 2);
  }

  const char* at_;
  const char* const end_;
  std::string out_;
  bool changed_ = false;
};

}  // namespace

std::optional<std::string> mended_json(std::string_view json) {
  JsonRepairer mender(json);
  std::string text = mender.run();
  return mender.changed() ? std::optional(std::move(text)) : std::nullopt;
}

std::string repair_json(std::string_view json) { return JsonRepairer(json).run(); }

namespace {

bool is_mark(std::string_view four) {
  if (four.size() < 4 || !four.starts_with(kMark)) return false;
  const auto third = static_cast<unsigned char>(four[2]);
  return third >= 0xb8 && third <= 0xbb;
}

// U+10FE80 to U+10FEFF begins with \udbff where it is escaped.
bool may_hold_marks(std::string_view bytes) {
  for (std::size_t at = bytes.find(kMark); at != bytes.npos; at = bytes.find(kMark, at + 1))
    if (is_mark(bytes.substr(at, 4))) return true;
  constexpr std::string_view kEscape = "udbff";
  const auto same = [](char a, char b) { return a == b || (a >= 'A' && a <= 'Z' && a - 'A' + 'a' == b); };
  return std::search(bytes.begin(), bytes.end(), kEscape.begin(), kEscape.end(), same) != bytes.end();
}

}  // namespace

std::optional<std::string> mark_bytes(std::string_view bytes) {
  if (may_hold_marks(bytes)) return std::nullopt;
  std::string text;
  text.reserve(bytes.size() + 16);
  while (!bytes.empty()) {
    const std::size_t size = text_detail::character(bytes.substr(0, 4));
    if (size == 0) {
      text += mark(static_cast<unsigned char>(bytes[0]));
    } else {
      text += bytes.substr(0, size);
    }
    bytes.remove_prefix(size == 0 ? 1 : size);
  }
  return text;
}

std::string unmark_bytes(std::string_view marked) {
  std::string bytes;
  bytes.reserve(marked.size());
  for (std::size_t i = 0; i < marked.size();) {
    const std::string_view here = marked.substr(i, 4);
    if (is_mark(here)) {
      const unsigned high = static_cast<unsigned char>(here[2]) & 3U;
      bytes += static_cast<char>(high << 6 | (static_cast<unsigned char>(here[3]) & 0x3fU));
      i += 4;
    } else {
      bytes += marked[i++];
    }
  }
  return bytes;
}

std::string unmark_identity(std::string_view marked) {
  const std::string bytes = unmark_bytes(marked);
  return bytes == marked ? bytes : escape_identity(bytes);
}

std::string unmark_text(std::string_view marked) { return replace_invalid_utf8(unmark_bytes(marked)); }

}  // namespace tally
