#include "url.h"

#include <algorithm>
#include <charconv>

#include <tally/sdk/error.h>

namespace tally::kafka {
namespace {

constexpr int kPort = 9092;

[[noreturn]] void bad(const std::string& what) {
  throw Error::permanent(what +
                         "; write kafka://USER:PASSWORD@HOST:PORT,HOST:PORT/?NAME=VALUE (kafkas:// with TLS, / : @ , % "
                         "? # & in names as %XX)");
}

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decoded(std::string_view text, const std::string& what) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? hex(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex(text[i + 2]) : -1;
    if (high < 0 || low < 0) bad(what + " has a % that is not followed by two hexadecimal digits");
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  if (out.find('\0') != std::string::npos) bad(what + " holds a zero byte");
  return out;
}

int port_of(std::string_view text) {
  int port = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (problem != std::errc() || end != text.data() + text.size() || port < 1 || port > 65535) {
    bad("a port is not a number from 1 to 65535");
  }
  return port;
}

// "name", "name:9092", "[::1]:9092" with its port.
std::string server_of(std::string_view text) {
  std::string_view name = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) bad("a host has a [ without its ]");
    name = text.substr(0, end + 1);
    port = text.substr(end + 1);
    if (!port.empty() && port[0] != ':') bad("after a host's ] only :PORT may stand");
  } else if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    name = text.substr(0, colon);
    port = text.substr(colon);
    if (port.find(':', 1) != std::string_view::npos) bad("a host has several colons; an IPv6 address stands in [ ]");
  }
  const std::string host = decoded(name, "a host's name");
  if (host.empty() || host == "[]") bad("a host has no name");
  if (host.find_first_of(", ") != std::string::npos) bad("a host's name has a comma or a space");
  return host + ":" + std::to_string(port.empty() ? kPort : port_of(port.substr(1)));
}

void take_hosts(std::string_view text, Address& address) {
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const std::size_t at = part.rfind('@');
    if (at != std::string_view::npos) {
      const std::string_view who = part.substr(0, at);
      const std::size_t colon = who.find(':');
      const std::string user = decoded(who.substr(0, colon), "a user's name");
      const std::string password =
          colon == std::string_view::npos ? std::string() : decoded(who.substr(colon + 1), "a password");
      if (!address.user.empty() && (address.user != user || address.password != password)) {
        bad("two hosts have different users; a cluster is used as one");
      }
      address.user = user;
      address.password = password;
    }
    address.servers += (address.servers.empty() ? "" : ",") + server_of(part.substr(at + 1));  // npos + 1 is 0
    if (comma == std::string_view::npos) return;
    text.remove_prefix(comma + 1);
  }
}

void take_query(std::string_view query, Address& address) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0) bad("what follows the ? is not a NAME=VALUE");
    std::string name = decoded(pair.substr(0, equals), "a setting's name");
    address.query.emplace_back(name, decoded(pair.substr(equals + 1), "the value of " + name));
  }
}

}  // namespace

Address parse_url(std::string_view url) {
  Address address;
  const std::size_t end = url.find("://");
  std::string scheme(url.substr(0, std::min(end, url.size())));
  std::transform(scheme.begin(), scheme.end(), scheme.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (end == std::string_view::npos || (scheme != "kafka" && scheme != "kafkas")) {
    bad("this is not a kafka:// or kafkas:// URL");
  }
  address.tls = scheme == "kafkas";
  std::string_view rest = url.substr(end + 3);
  if (rest.find('#') != std::string_view::npos) bad("a URL of a bus has no #");
  if (const std::size_t query = rest.find('?'); query != std::string_view::npos) {
    take_query(rest.substr(query + 1), address);
    rest = rest.substr(0, query);
  }
  const std::size_t slash = rest.find('/');
  if (slash != std::string_view::npos) address.vhost = decoded(rest.substr(slash + 1), "the virtual host");
  if (address.vhost == "/") address.vhost.clear();
  take_hosts(rest.substr(0, slash), address);
  return address;
}

}  // namespace tally::kafka
