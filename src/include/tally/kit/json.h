// A small JSON tree that keeps numbers as they were written, and a writer of objects, for plugins.
// Not for large documents or streams: a whole text is read into memory, at most 128 levels deep.
#ifndef TALLY_KIT_JSON_H
#define TALLY_KIT_JSON_H

#include <tally/kit/text.h>
#include <tally/model/decimal.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace tally {

namespace json_detail {

class Reader;

// With its quotes; bytes above 0x7f go through as they are, for texts that are known to be UTF-8.
inline std::string quote(std::string_view text) {
  static constexpr std::string_view kValues = "\"\\\b\f\n\r\t", kNames = "\"\\bfnrt";
  std::string out = "\"";
  for (char c : text) {
    if (const auto known = kValues.find(c); known != std::string_view::npos) {
      out += '\\';
      out += kNames[known];
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

// For any bytes: what is not UTF-8 becomes U+FFFD.
inline std::string quote_any(std::string_view text) {
  return is_utf8(text) ? quote(text) : quote(replace_invalid_utf8(text));
}

}  // namespace json_detail

// One value and what is in it. It looks into the text it was read from, which must outlive it; a tree may be read by
// several threads. Pointers and views that it gives live as long as the tree and the text.
class Json {
 public:
  enum class Kind { null, boolean, number, string, array, object };

  // Reads one value, strictly as RFC 8259 has it. None with the reason in `why`. Of a key written twice the last
  // counts.
  static std::optional<Json> parse(std::string_view text, std::string* why = nullptr);
  // A temporary string would be gone before the tree is read: keep it in a variable.
  template <class Text>
  requires std::same_as<std::remove_const_t<Text>, std::string>  // an rvalue alone: of an lvalue, Text is a reference
  static std::optional<Json> parse(Text&& text, std::string* why = nullptr) = delete;

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::null; }
  bool is_object() const { return kind_ == Kind::object; }
  bool is_array() const { return kind_ == Kind::array; }

  // The value as it was written.
  std::string_view raw() const { return raw_; }

  // Each is none where the value is of another kind, or does not fit.
  std::optional<std::string_view> text() const {
    if (kind_ != Kind::string) return std::nullopt;
    return value_escaped_ ? std::string_view(value_) : raw_.substr(1, raw_.size() - 2);
  }
  std::optional<bool> boolean() const {
    if (kind_ != Kind::boolean) return std::nullopt;
    return raw_ == "true";
  }
  std::optional<Decimal> decimal() const {
    if (kind_ != Kind::number) return std::nullopt;
    return Decimal::parse(raw_);
  }
  std::optional<std::int64_t> integer() const { return number_as<std::int64_t>(); }
  std::optional<double> number() const { return number_as<double>(); }

  // The values of an array, or of an object's members (then each with its key). Empty for anything else.
  std::span<const Json> items() const { return items_; }
  // The key of an object's member; empty elsewhere.
  std::string_view key() const { return key_escaped_ ? std::string_view(key_) : raw_key_; }

  // The member of an object, or the n-th value of an array; null where there is none.
  const Json* at(std::string_view wanted) const {
    if (kind_ != Kind::object) return nullptr;
    for (std::size_t i = items_.size(); i-- > 0;)
      if (items_[i].key() == wanted) return &items_[i];
    return nullptr;
  }
  const Json* at(std::size_t index) const {
    return kind_ == Kind::array && index < items_.size() ? &items_[index] : nullptr;
  }

  // Goes down by keys joined with dots ("request.user_id"); null where there is nothing.
  const Json* find(std::string_view path) const {
    const Json* here = this;
    for (bool more = true; more && here != nullptr;) {
      const std::size_t dot = path.find('.');
      here = here->at(path.substr(0, dot));
      more = dot != std::string_view::npos;
      if (more) path.remove_prefix(dot + 1);
    }
    return here;
  }
  // The same, read as a text.
  std::optional<std::string_view> find_text(std::string_view path) const {
    const Json* found = find(path);
    return found != nullptr ? found->text() : std::nullopt;
  }

 private:
  friend class json_detail::Reader;

  template <class Number>
  std::optional<Number> number_as() const {
    if (kind_ != Kind::number) return std::nullopt;
    Number number{};
    const auto [end, problem] = std::from_chars(raw_.data(), raw_.data() + raw_.size(), number);
    if (problem != std::errc() || end != raw_.data() + raw_.size()) return std::nullopt;
    return number;
  }

  Kind kind_ = Kind::null;
  bool value_escaped_ = false;
  bool key_escaped_ = false;
  std::string_view raw_;
  std::string_view raw_key_;
  std::string value_, key_;  // where escapes had to be resolved
  std::vector<Json> items_;
};

namespace json_detail {

// Whether NaN, Infinity and -Infinity, which Python writes, are numbers.
enum class Numbers { json, python };

class Reader {
 public:
  explicit Reader(std::string_view text, Numbers numbers = Numbers::json) : text_(text), numbers_(numbers) {}

  std::optional<Json> document(std::string* why) {
    Json root;
    space();
    if (value(root, 0)) {
      space();
      if (at_ == text_.size()) return root;
      fail("more after the value");
    }
    if (why != nullptr) *why = std::string(reason_) + " at byte " + std::to_string(at_);
    return std::nullopt;
  }

 private:
  static constexpr int kDepth = 128;

  bool fail(const char* reason) {
    if (reason_ == nullptr) reason_ = reason;
    return false;
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char wanted) {
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  void space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
      ++at_;
  }

  bool value(Json& out, int depth) {
    if (depth > kDepth) return fail("nested too deep");
    const std::size_t begin = at_;
    bool good = false;
    switch (peek()) {
      case '{':
        good = object(out, depth);
        break;
      case '[':
        good = array(out, depth);
        break;
      case '"':
        out.kind_ = Json::Kind::string;
        ++at_;
        good = string(out.value_, out.value_escaped_);
        break;
      case 't':
        out.kind_ = Json::Kind::boolean;
        good = word("true");
        break;
      case 'f':
        out.kind_ = Json::Kind::boolean;
        good = word("false");
        break;
      case 'n':
        good = word("null");
        break;
      default:
        out.kind_ = Json::Kind::number;
        good = number();
    }
    out.raw_ = text_.substr(begin, at_ - begin);
    return good;
  }

  bool word(std::string_view wanted) {
    if (text_.substr(at_, wanted.size()) != wanted) return fail("not a JSON value");
    at_ += wanted.size();
    return true;
  }

  bool digits() {
    const std::size_t begin = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    return at_ > begin;
  }

  bool number() {
    const bool minus = take('-');
    if (numbers_ == Numbers::python && peek() == 'I') return word("Infinity");
    if (numbers_ == Numbers::python && peek() == 'N' && !minus) return word("NaN");
    if (!take('0') && !digits()) return fail("not a JSON value");
    if (take('.') && !digits()) return fail("a number without digits after its point");
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (!take('-')) take('+');
      if (!digits()) return fail("a number without digits in its exponent");
    }
    return true;
  }

  bool array(Json& out, int depth) {
    out.kind_ = Json::Kind::array;
    ++at_;
    space();
    if (take(']')) return true;
    do {
      space();
      if (!value(out.items_.emplace_back(), depth + 1)) return false;
      space();
    } while (take(','));
    return take(']') || fail("an array that does not end");
  }

  bool object(Json& out, int depth) {
    out.kind_ = Json::Kind::object;
    ++at_;
    space();
    if (take('}')) return true;
    do {
      space();
      Json& member = out.items_.emplace_back();
      if (!take('"')) return fail("a key that is not a string");
      const std::size_t begin = at_;
      if (!string(member.key_, member.key_escaped_)) return false;
      member.raw_key_ = text_.substr(begin, at_ - begin - 1);
      space();
      if (!take(':')) return fail("a key without a value");
      space();
      if (!value(member, depth + 1)) return false;
      space();
    } while (take(','));
    return take('}') || fail("an object that does not end");
  }

  // The rest of a string, after its opening quote; resolved into `out` from its first escape on.
  bool string(std::string& out, bool& escaped) {
    const std::size_t begin = at_;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return fail("a control character in a string");
      if (c == '\\') {
        if (!escaped) out.assign(text_.substr(begin, at_ - 1 - begin));
        escaped = true;
        if (!escape(out)) return false;
      } else if (escaped) {
        out.push_back(c);
      }
    }
    return fail("a string that does not end");
  }

  bool escape(std::string& out) {
    static constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
    const char name = peek();
    ++at_;
    if (name == 'u') {
      std::uint32_t point = 0;
      if (!hex(point)) return false;
      if (point >= 0xd800 && point < 0xdc00 && text_.substr(at_, 2) == "\\u") {
        const std::size_t back = at_;
        std::uint32_t low = 0;
        at_ += 2;
        if (!hex(low)) return false;
        if (low >= 0xdc00 && low < 0xe000) {
          point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        } else {
          at_ = back;
        }
      }
      std::array<char, 4> bytes;
      out.append(bytes.data(),
                 text_detail::put_character(bytes.data(), point >= 0xd800 && point < 0xe000 ? 0xfffd : point));
      return true;
    }
    const auto known = name == '\0' ? std::string_view::npos : kNames.find(name);
    if (known == std::string_view::npos) return fail("an unknown escape");
    out.push_back(kValues[known]);
    return true;
  }

  bool hex(std::uint32_t& point) {
    const std::string_view digits = text_.substr(std::min(at_, text_.size()), 4);
    const char* end = digits.data() + digits.size();
    if (digits.size() != 4 || std::from_chars(digits.data(), end, point, 16).ptr != end || digits.front() == '-')
      return fail("an escape without four digits");
    at_ += 4;
    return true;
  }

  std::string_view text_;
  const Numbers numbers_;
  std::size_t at_ = 0;
  const char* reason_ = nullptr;
};

}  // namespace json_detail

inline std::optional<Json> Json::parse(std::string_view text, std::string* why) {
  return json_detail::Reader(text).document(why);
}

// Writes one object, key by key: JsonObject().set("host", "a").set("cores", 4).str(). A plain value.
class JsonObject {
 public:
  JsonObject& set(std::string_view key, std::string_view value) { return raw(key, json_detail::quote_any(value)); }
  JsonObject& set(std::string_view key, const char* value) { return set(key, std::string_view(value)); }
  JsonObject& set(std::string_view key, const std::string& value) { return set(key, std::string_view(value)); }
  JsonObject& set(std::string_view key, const Decimal& value) { return raw(key, value.to_string()); }
  JsonObject& set(std::string_view key, const Json& value) { return raw(key, value.raw()); }
  JsonObject& set(std::string_view key, const JsonObject& value) { return raw(key, value.str()); }
  template <class Number>
  requires(std::integral<Number> || std::floating_point<Number>) JsonObject& set(std::string_view key, Number value) {
    if constexpr (std::same_as<Number, bool>) {
      return raw(key, value ? "true" : "false");
    } else if constexpr (std::integral<Number>) {
      return raw(key, std::to_string(value));
    } else {
      if (!std::isfinite(value)) return null(key);
      std::array<char, 64> text;
      const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
      return raw(key, std::string_view(text.data(), static_cast<std::size_t>(end.ptr - text.data())));
    }
  }
  // None becomes null.
  template <class Value>
  JsonObject& set(std::string_view key, const std::optional<Value>& value) {
    return value ? set(key, *value) : null(key);
  }
  // REQUIRES: `json` is a JSON value.
  JsonObject& raw(std::string_view key, std::string_view json) {
    body_ += body_.empty() ? "" : ",";
    body_ += json_detail::quote_any(key);
    body_ += ':';
    body_ += json;
    return *this;
  }
  JsonObject& null(std::string_view key) { return raw(key, "null"); }

  bool empty() const { return body_.empty(); }
  std::string str() const { return "{" + body_ + "}"; }

 private:
  std::string body_;
};

}  // namespace tally

#endif
