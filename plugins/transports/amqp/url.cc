#include "url.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <tally/sdk/error.h>

#include "parameters.h"

namespace tally::amqp {
namespace {

constexpr int kPlainPort = 5672;
constexpr int kTlsPort = 5671;

[[noreturn]] void bad(const std::string& what) {
  throw Error::permanent(what +
                         "; write amqp://USER:PASSWORD@HOST:PORT/VHOST (amqps:// with TLS, rabbit:// as OpenStack "
                         "does, several hosts after commas, / : @ , % ? # in names as %XX)");
}

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

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

namespace {

// "name", "name:5672", "[::1]:5672"; the port 0 where none is written.
Host host_of(std::string_view text) {
  Host host;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) bad("a host has a [ without its ]");
    host.name = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (!port.empty() && port[0] != ':') bad("after a host's ] only :PORT may stand");
  } else {
    const std::size_t colon = text.find(':');
    host.name = decoded(text.substr(0, colon), "a host's name");
    if (colon != std::string_view::npos) port = text.substr(colon);
    if (port.find(':', 1) != std::string_view::npos) bad("a host has several colons; an IPv6 address stands in [ ]");
  }
  if (host.name.empty()) bad("a host has no name");
  if (port.empty()) return host;
  port.remove_prefix(1);
  const auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), host.port);
  if (problem != std::errc() || end != port.data() + port.size() || host.port < 1 || host.port > 65535) {
    bad("a port is not a number from 1 to 65535");
  }
  return host;
}

std::vector<Host> hosts_of(std::string_view text) {
  std::vector<Host> hosts;
  std::string user = "guest";
  std::string password = "guest";
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const std::size_t at = part.rfind('@');
    if (at != std::string_view::npos) {
      const std::string_view who = part.substr(0, at);
      const std::size_t colon = who.find(':');
      user = decoded(who.substr(0, colon), "a user's name");
      password = colon == std::string_view::npos ? std::string() : decoded(who.substr(colon + 1), "a password");
    }
    hosts.push_back(host_of(at == std::string_view::npos ? part : part.substr(at + 1)));
    hosts.back().user = user;
    hosts.back().password = password;
    if (comma == std::string_view::npos) return hosts;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

std::string Host::text() const {
  const bool six = name.find(':') != std::string::npos;
  return (six ? "[" + name + "]" : name) + ":" + std::to_string(port);
}

Address parse_url(std::string_view url, bool tls) {
  Address address;
  const std::size_t end = url.find("://");
  std::string scheme(url.substr(0, std::min(end, url.size())));
  std::transform(scheme.begin(), scheme.end(), scheme.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  if (end == std::string_view::npos ||
      (scheme != "amqp" && scheme != "amqps" && scheme != "rabbit" && scheme != "kombu")) {
    bad("this is not an amqp://, amqps:// or rabbit:// URL");
  }
  address.tls = tls || scheme == "amqps";
  std::string_view rest = url.substr(end + 3);
  if (rest.find('#') != std::string_view::npos) bad("a URL of a bus has no #");
  const std::size_t query = rest.find('?');
  if (query != std::string_view::npos) {
    address.parameters = parse_parameters(rest.substr(query + 1));
    const std::optional<bool> said = address.parameters.tls;
    if (said && scheme == "amqps" && !*said) bad("amqps:// and ssl=0 contradict each other");
    address.tls = said.value_or(address.tls);
    rest = rest.substr(0, query);
  }
  const std::size_t slash = rest.find('/');
  address.vhost = slash == std::string_view::npos ? "" : decoded(rest.substr(slash + 1), "the virtual host");
  if (address.vhost.empty()) address.vhost = "/";
  if (address.vhost.size() > 255) bad("the virtual host has more than 255 bytes");
  address.hosts = hosts_of(rest.substr(0, slash));
  for (Host& host : address.hosts) {
    if (host.port == 0) host.port = address.tls ? kTlsPort : kPlainPort;
  }
  return address;
}

}  // namespace tally::amqp
