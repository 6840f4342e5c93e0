// A bus's URL taken apart: amqp://, amqps://, and rabbit:// as OpenStack writes it, with several hosts.
// Not for connecting (see link.h).
#ifndef TALLY_AMQP_URL_H
#define TALLY_AMQP_URL_H

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

struct Address {
  std::vector<Host> hosts;  // at least one, in the order written
  std::string vhost;
  bool tls = false;
};

// scheme://[user:password@]host[:port][,[user:password@]host[:port]]…[/vhost][?ssl=0|1], parts percent-encoded. No
// vhost means "/", no user the one of the host before, at last guest:guest. Throws tally::Error, permanent, with the
// way out and never with anything of the URL that may be a password.
Address parse_url(std::string_view url);

}  // namespace tally::amqp

#endif
