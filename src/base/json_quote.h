// Text as a JSON string. Not for reading JSON, and not for whole values.
#ifndef TALLY_BASE_JSON_QUOTE_H
#define TALLY_BASE_JSON_QUOTE_H

#include <string>
#include <string_view>

namespace tally {

// With its quotes; each byte that is not part of valid UTF-8 becomes U+FFFD.
std::string json_quote(std::string_view text);

// The same, at the end of `out`.
void append_json_quote(std::string& out, std::string_view text);

}  // namespace tally

#endif
