// The plugin's configuration as its parts take it.
// Not for defaults: the manifest has them.
#ifndef TALLY_AMQP_OPTIONS_H
#define TALLY_AMQP_OPTIONS_H

#include <tally/sdk/config.h>

#include "connection.h"
#include "consumer.h"
#include "inspection.h"
#include "publisher.h"

namespace tally::amqp {

struct Options {
  Connection::Options connection;
  ConsumerOptions consumer;
  PublisherOptions publisher;
  std::vector<KnownQueue> known;  // whatever `queues` says: ours and the services'

  // Throws tally::Error, permanent, for a URL that is of no use.
  static Options read(const Config& config);
};

}  // namespace tally::amqp

#endif
