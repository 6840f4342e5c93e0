// The plugin's configuration as its parts take it.
// Not for defaults: the manifest has them, and librdkafka its own.
#ifndef TALLY_KAFKA_OPTIONS_H
#define TALLY_KAFKA_OPTIONS_H

#include <tally/sdk/config.h>

#include "group.h"
#include "publisher.h"

namespace tally::kafka {

struct Options {
  GroupOptions group;
  PublisherOptions publisher;

  // Throws tally::Error, permanent, for a URL, a file or a setting that is of no use.
  static Options read(const Config& config);
};

}  // namespace tally::kafka

#endif
