// The bus that a transport's tests run over, made again for each.
// Not for the tests: support/transport_conformance.h has those of every transport, and is included once a program.
#ifndef TALLY_TESTS_SUPPORT_TRANSPORT_RIG_H
#define TALLY_TESTS_SUPPORT_TRANSPORT_RIG_H

#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "plugin/roles.h"

namespace tally::plugin {

// One empty bus, for one test.
class TransportRig {
 public:
  virtual ~TransportRig() = default;
  // A new instance for the bus; at most one of them consumes at a time.
  virtual std::unique_ptr<TransportDriver> make() = 0;
  // Whether messages are taken while nobody consumes.
  virtual bool takes_without_consumer() const = 0;
  // The topic that a message is delivered with, where it was published with `topic`.
  virtual std::string topic_of(const std::string& topic) const { return topic; }
};

// What service() answers where nothing is wrong: all is consumed, or what is to be consumed is still waited for.
inline bool is_well(const absl::Status& serviced) { return serviced.ok() || serviced.code() == kUnclaimed; }

using RigFactory = std::function<std::unique_ptr<TransportRig>()>;

}  // namespace tally::plugin

#endif
