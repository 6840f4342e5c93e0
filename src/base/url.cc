#include "base/url.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/status.h"

namespace tally {
namespace {

constexpr std::string_view kHidden = "***";
constexpr std::array<std::string_view, 6> kSecretKeys = {"password", "passwd", "pass", "pwd", "secret", "token"};

bool scheme_char(char c) { return absl::ascii_isalnum(c) || c == '+' || c == '-' || c == '.'; }

// The length of the scheme before "://"; npos where there is none.
std::size_t scheme_length(std::string_view text) {
  const std::size_t end = text.find("://");
  if (end == std::string_view::npos || end == 0 || !absl::ascii_isalpha(text[0])) return std::string_view::npos;
  return std::all_of(text.begin(), text.begin() + end, scheme_char) ? end : std::string_view::npos;
}

bool secret_key(std::string_view key) {
  const std::string lower = absl::AsciiStrToLower(to_absl(key));
  return std::any_of(kSecretKeys.begin(), kSecretKeys.end(),
                     [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

// Appends one "user:password@host" with the password hidden. A password may itself hold '@': the last one ends it.
void redact_authority(std::string_view part, std::string& out, bool& found) {
  const std::size_t at = part.rfind('@');
  const std::size_t colon = at == std::string_view::npos ? at : part.substr(0, at).find(':');
  if (colon == std::string_view::npos || colon + 1 == at) {
    out.append(part);
    return;
  }
  found = true;
  out.append(part.substr(0, colon + 1)).append(kHidden).append(part.substr(at));
}

void redact_query(std::string_view query, std::string& out, bool& found) {
  while (true) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && equals + 1 < pair.size() && secret_key(pair.substr(0, equals))) {
      found = true;
      out.append(pair.substr(0, equals + 1)).append(kHidden);
    } else {
      out.append(pair);
    }
    if (end == std::string_view::npos) return;
    out.push_back('&');
    query.remove_prefix(end + 1);
  }
}

// Where the hosts end: at the first '/', unless an '@' follows it, for then the slash belongs to a password.
std::size_t authority_end(std::string_view rest) {
  const std::size_t query = rest.find('?');
  const std::size_t at = rest.substr(0, query).rfind('@');
  const std::size_t any_at = rest.rfind('@');
  // A '?' in a password: the '@' that ends it comes later, and nothing before the '?' looks like a host list's end.
  if (at == std::string_view::npos && query != std::string_view::npos && any_at != std::string_view::npos &&
      rest.substr(0, query).find('/') == std::string_view::npos &&
      rest.substr(0, query).find(':') != std::string_view::npos) {
    return std::min(rest.find('/', any_at), rest.size());
  }
  const std::size_t from = at == std::string_view::npos ? 0 : at;
  return std::min({rest.find('/', from), rest.find('?', from), rest.size()});
}

// Appends "u:p@h1,u:p@h2". A comma inside a password is part of it: a host begins only where the text before has its
// '@'.
void redact_hosts(std::string_view hosts, std::string& out, bool& found) {
  std::size_t begin = 0;
  std::size_t comma = hosts.find(',');
  while (comma != std::string_view::npos) {
    const std::string_view part = hosts.substr(begin, comma - begin);
    const bool open_password =
        part.find('@') == std::string_view::npos && part.find(':') != std::string_view::npos &&
        hosts.find('@', comma) != std::string_view::npos &&
        hosts.substr(comma + 1, hosts.find('@', comma) - comma).find(':') == std::string_view::npos;
    if (!open_password) {
      redact_authority(part, out, found);
      out.push_back(',');
      begin = comma + 1;
    }
    comma = hosts.find(',', comma + 1);
  }
  redact_authority(hosts.substr(begin), out, found);
}

std::string redact(std::string_view text, bool& found) {
  const std::size_t scheme = scheme_length(text);
  if (scheme == std::string_view::npos) return std::string(text);
  std::string out(text.substr(0, scheme + 3));
  const std::string_view rest = text.substr(scheme + 3);
  const std::size_t end = authority_end(rest);
  redact_hosts(rest.substr(0, end), out, found);
  const std::size_t query = rest.find('?', end);
  if (query == std::string_view::npos) {
    out.append(rest.substr(end));
  } else {
    out.append(rest.substr(end, query + 1 - end));
    redact_query(rest.substr(query + 1), out, found);
  }
  return out;
}

}  // namespace

absl::StatusOr<Url> Url::parse(std::string_view text) {
  const std::size_t end = scheme_length(text);
  if (end == std::string_view::npos) {
    return permanent(
        "not a URL: it must begin with a scheme, as in local:///run/tally/bus.sock or sqlite:///path/tally.db");
  }
  return Url{absl::AsciiStrToLower(to_absl(text.substr(0, end))), std::string(text.substr(end + 3))};
}

std::string redact_url(std::string_view text) {
  constexpr int kMostPasses = 8;
  bool found = false;
  std::string shown(text);
  for (int pass = 0; pass < kMostPasses; ++pass) {  // what stood behind a password may turn out to hold another
    std::string next = redact(shown, found);
    if (next == shown) break;
    shown = std::move(next);
  }
  return shown;
}

bool url_has_password(std::string_view text) {
  bool found = false;
  (void)redact(text, found);
  return found;
}

}  // namespace tally
