// A cluster's URL taken apart: kafka://, kafkas://, with several brokers, a user, and settings after the question mark.
// Not for what the settings mean (see options.cc).
#ifndef TALLY_KAFKA_URL_H
#define TALLY_KAFKA_URL_H

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tally::kafka {

using Setting = std::pair<std::string, std::string>;

struct Address {
  std::string servers;  // "host1:9092,host2:9092", as librdkafka takes it
  std::string user;     // empty: none
  std::string password;
  std::string vhost;  // ends the topics' names, as oslo.messaging's driver has it; mostly empty
  bool tls = false;
  std::vector<Setting> query;  // NAME=VALUE, in the order written
};

// scheme://[user:password@]host[:port][,[user:password@]host[:port]]…[/vhost][?NAME=VALUE[&NAME=VALUE]…], parts
// percent-encoded. One user for all. Throws tally::Error, permanent, with the way out and never with anything of the
// URL that may be a password.
Address parse_url(std::string_view url);

}  // namespace tally::kafka

#endif
