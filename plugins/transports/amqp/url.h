// A bus's URL taken apart: amqp://, amqps://, and rabbit:// as OpenStack writes it, with several hosts.
// Not for connecting (see link.h).
#ifndef TALLY_AMQP_URL_H
#define TALLY_AMQP_URL_H

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tally::amqp {

struct Host {
  std::string name;  // a name or an address, without brackets
  int port = 0;
  std::string user;
  std::string password;

  std::string text() const;  // "cell1:5672"; never with a password
};

// What stands after the question mark, under oslo.messaging's names; what is not there is left to the plugin's keys.
struct Parameters {
  std::optional<bool> tls;
  std::optional<bool> verify;       // the certificate's chain
  std::optional<bool> verify_name;  // that it is for the host
  std::optional<std::string> ca;    // files
  std::optional<std::string> cert;
  std::optional<std::string> key;
  std::optional<std::string> version;  // "1.2", "1.3"
  std::optional<int> heartbeat_s;
};

struct Address {
  std::vector<Host> hosts;  // at least one, in the order written
  std::string vhost;
  bool tls = false;
  Parameters parameters;
};

// scheme://[user:password@]host[:port][,[user:password@]host[:port]]…[/vhost][?NAME=VALUE[&NAME=VALUE]…], parts
// percent-encoded. No vhost means "/", no user the one of the host before, at last guest:guest. `tls`: whether TLS is
// done where the URL does not say. Throws tally::Error, permanent, with the way out and never with anything of the URL
// that may be a password.
Address parse_url(std::string_view url, bool tls = false);

}  // namespace tally::amqp

#endif
