#include "wire/signature.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/status.h"

namespace tally::wire {

namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

class Hmac {
 public:
  explicit Hmac(std::string_view key) { crypto_auth_hmacsha256_init(&state_, bytes(key), key.size()); }

  void add(std::string_view text) { crypto_auth_hmacsha256_update(&state_, bytes(text), text.size()); }

  std::string hex() {
    std::array<unsigned char, crypto_auth_hmacsha256_BYTES> hash;
    crypto_auth_hmacsha256_final(&state_, hash.data());
    std::string text;
    for (unsigned char byte : hash) {
      text += kDigits[byte >> 4];
      text += kDigits[byte & 15];
    }
    return text;
  }

 private:
  static const unsigned char* bytes(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  }

  crypto_auth_hmacsha256_state state_;
};

// The members by their keys; of a key written twice the last. UTF-8's order by bytes is Python's by code points.
std::vector<const Json*> sorted_members(const Json& object) {
  std::vector<const Json*> members;
  members.reserve(object.items().size());
  for (const Json& member : object.items()) members.push_back(&member);
  std::stable_sort(members.begin(), members.end(), [](const Json* a, const Json* b) { return a->key() < b->key(); });
  std::vector<const Json*> last;
  for (const Json* member : members) {
    if (!last.empty() && last.back()->key() == member->key()) last.pop_back();
    last.push_back(member);
  }
  return last;
}

// repr() of a float: the shortest digits that read back, with an exponent below -4 and from 16 on.
std::string float_text(double value) {
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 40> buffer;
  const auto print = [&](std::chars_format format) {
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format).ptr;
    return std::string(buffer.data(), end);
  };
  const std::string scientific = print(std::chars_format::scientific);  // -d.ddde-XX, as Python has it
  const int exponent = std::atoi(scientific.c_str() + scientific.find('e') + 1);
  if (exponent < -4 || exponent >= 16) return scientific;
  std::string text = print(std::chars_format::fixed);
  if (text.find('.') == std::string::npos) text += ".0";
  return text;
}

// A token with a point or an exponent is a float to Python, any other an integer of any size.
std::string number_text(std::string_view token) {
  if (token == "NaN") return "nan";
  if (token.ends_with("Infinity")) return token[0] == '-' ? "-inf" : "inf";
  if (token.find_first_of(".eE") != std::string_view::npos)
    return float_text(std::strtod(std::string(token).c_str(), nullptr));
  return std::string(token == "-0" ? "0" : token);
}

// repr() of bytes.
void append_bytes(std::string& out, std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  out += 'b';
  out += quote;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == quote || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\t' || c == '\n' || c == '\r') {
      out += '\\';
      out += c == '\t' ? 't' : c == '\n' ? 'n' : 'r';
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    } else {
      out += c;
    }
  }
  out += quote;
}

// str() of what is neither a text nor an object.
std::string scalar_text(const Json& value) {
  if (value.is_null()) return "None";
  if (const auto boolean = value.boolean()) return *boolean ? "True" : "False";
  return number_text(value.raw());
}

// repr() of an array, and of whatever is in it: texts, and the keys of objects, are bytes there.
void append_repr(std::string& out, const Json& value) {
  if (const auto text = value.text()) {
    append_bytes(out, *text);
  } else if (value.is_array()) {
    out += '[';
    bool first = true;
    for (const Json& item : value.items()) {
      if (!std::exchange(first, false)) out += ", ";
      append_repr(out, item);
    }
    out += ']';
  } else if (value.is_object()) {
    out += '{';
    bool first = true;
    for (const Json* member : sorted_members(value)) {
      if (!std::exchange(first, false)) out += ", ";
      append_bytes(out, member->key());
      out += ": ";
      append_repr(out, *member);
    }
    out += '}';
  } else {
    out += scalar_text(value);
  }
}

// Every value with its name, names of inner objects joined with colons. An empty object adds nothing.
void add_members(Hmac& hmac, const Json& object, const std::string& prefix) {
  for (const Json* member : sorted_members(object)) {
    const std::string name = prefix + std::string(member->key());
    if (member->is_object()) {
      add_members(hmac, *member, name + ":");
      continue;
    }
    if (name == kSignatureKey) continue;
    hmac.add(name);
    std::string repr;
    if (const auto text = member->text()) {
      hmac.add(*text);
    } else {
      append_repr(repr, *member);
      hmac.add(repr);
    }
  }
}

}  // namespace

std::string signature(const Json& message, std::string_view secret) {
  if (secret.empty()) return "";
  Hmac hmac(secret);
  add_members(hmac, message, "");
  return hmac.hex();
}

absl::Status verify_signature(const Json& message, std::string_view secret) {
  if (secret.empty()) return absl::OkStatus();
  if (!message.is_object()) return permanent("not a JSON object");
  const Json* carried = message.at(kSignatureKey);
  if (carried == nullptr || carried->is_null() || carried->text() == "")
    return permanent("it has no message_signature; its sender needs the same telemetry_secret");
  const std::string wanted = signature(message, secret);
  const auto text = carried->text();
  if (text && text->size() == wanted.size() && sodium_memcmp(text->data(), wanted.data(), wanted.size()) == 0)
    return absl::OkStatus();
  return permanent("its message_signature is wrong: it was changed, or its sender has another telemetry_secret");
}

}  // namespace tally::wire
