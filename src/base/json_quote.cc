#include "base/json_quote.h"

#include <tally/kit/text.h>

#include <algorithm>
#include <cstdio>

namespace tally {
namespace {

void append_escaped(char c, std::string& out) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  char escape[8];
  std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned char>(c));
  out += escape;
}

bool stands_as_it_is(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

}  // namespace

void append_json_quote(std::string& out, std::string_view text) {
  out.push_back('"');
  for (;;) {
    const auto end = std::find_if_not(text.begin(), text.end(), stands_as_it_is);
    out.append(text.begin(), end);
    text.remove_prefix(static_cast<std::size_t>(end - text.begin()));
    if (text.empty()) break;
    const std::size_t length = text_detail::character(text);
    if (length == 0)
      out += "\xef\xbf\xbd";
    else if (length == 1)
      append_escaped(text[0], out);
    else
      out.append(text.substr(0, length));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  out.push_back('"');
}

std::string json_quote(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  append_json_quote(out, text);
  return out;
}

}  // namespace tally
