// A URL taken apart just far enough to choose a driver and to be shown without its password.
// Not for a driver's own reading: each understands its own URLs, comma-separated hosts and all.
#ifndef TALLY_BASE_URL_H
#define TALLY_BASE_URL_H

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace tally {

struct Url {
  std::string scheme;  // lower case
  std::string rest;    // after "://", as written

  // Needs a scheme of letters, digits, `+`, `-`, `.`, and "://". The error names no password.
  static absl::StatusOr<Url> parse(std::string_view text);
};

// The text with each password (user:PASSWORD@, several hosts too, and query keys such as password=) as "***".
// For any text, URL or not.
std::string redact_url(std::string_view text);

// Whether a password stands in it.
bool url_has_password(std::string_view text);

}  // namespace tally

#endif
