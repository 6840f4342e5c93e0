// What the host knows of a plugin: one abstract class per role. A loaded plugin, an object made in a test, and one that
// runs in this process all look the same.
// Not for plugin authors: they derive from the classes in <tally/plugin.h>.
//
// Threads: an instance is never called by two threads at once; TransportDriver::wake alone may be called from any.
// Statuses: see base/status.h for the classes absent, transient, permanent, unclaimed.
#ifndef TALLY_PLUGIN_ROLES_H
#define TALLY_PLUGIN_ROLES_H

#include <tally/abi/storage.h>
#include <tally/model/notification.h>
#include <tally/model/resource.h>
#include <tally/model/sample.h>
#include <tally/model/storage.h>
#include <tally/model/transport.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status.h"
#include "wire/sample_list.h"

namespace tally::plugin {

// --- notification ---------------------------------------------------------------------------------------------------

class MessageHandler {
 public:
  virtual ~MessageHandler() = default;

  // Appends the samples of one message; on an error the caller drops what this call appended. One that is refused is
  // set aside in the list, and is not an error.
  // kUnclaimed: the message is none of this handler's, after all.
  virtual absl::Status handle(const Notification& notification, wire::SampleList& samples) = 0;

  // The event types that this instance takes: exact, or with `*` for any run of characters.
  virtual absl::StatusOr<std::vector<std::string>> claims() = 0;

  // What this instance makes, of messages of one event type or of all; none where it does not say.
  virtual absl::StatusOr<std::optional<std::vector<MeterDefinition>>> definitions(
      // NOLINTNEXTLINE(performance-unnecessary-value-param): a guarded call takes it along to another thread
      std::optional<std::string> /*event_type*/) {
    return std::nullopt;
  }
};

// --- pollster and discovery -----------------------------------------------------------------------------------------

struct ResourceFault {
  std::string resource_id;
  absl::Status status;  // absent: vanished, which is normal
};

struct PollRequest {
  Time time;                      // of the cycle; the timestamp of samples that name none
  std::int64_t monotonic_ns = 0;  // CLOCK_MONOTONIC at the cycle's start
  std::span<const Resource> resources;
};

struct PollResult {
  std::vector<Sample> samples;  // kept even when the call ends in an error
  std::vector<ResourceFault> faults;
};

class Sampler {
 public:
  virtual ~Sampler() = default;
  virtual absl::Status poll(const PollRequest& request, PollResult& result) = 0;
};

class ResourceFinder {
 public:
  virtual ~ResourceFinder() = default;
  virtual absl::StatusOr<std::vector<Resource>> discover() = 0;
};

// --- transport ------------------------------------------------------------------------------------------------------

// Each takes one, during the call.
using TakeQueue = std::function<void(const Queue&)>;
using TakeRewound = std::function<void(const Rewound&)>;

// What one service() tells.
struct ServiceEvents {
  std::function<void(Message)> message;
  std::function<void(std::uint64_t lane, std::uint64_t generation)> lane_lost;
  std::function<void(std::uint64_t lane, std::uint64_t generation, std::int64_t deadline_ms)> lane_closing;
  std::function<void(std::string_view what, std::uint64_t total)> counted = {};  // for metrics
  TakeQueue queue = {};                                                          // one that is consumed, for metrics
};

// See tally/abi/transport.h for the contract of each call.
class TransportDriver {
 public:
  virtual ~TransportDriver() = default;
  virtual absl::Status consume(std::uint32_t prefetch) = 0;
  virtual absl::Status service(std::uint32_t max_messages, std::uint32_t timeout_ms, const ServiceEvents& events) = 0;
  virtual absl::Status settle(std::span<const Settlement> settlements) = 0;
  // One status a message, in order; an error of the whole: nothing is known of any.
  virtual absl::StatusOr<std::vector<absl::Status>> publish(std::span<const Outgoing> messages,
                                                            std::uint32_t timeout_ms) = 0;
  virtual void wake() = 0;
  virtual absl::Status stop() = 0;
  // kAbsent: the plugin does not offer it.
  virtual absl::Status inspect(std::uint32_t /*timeout_ms*/, const TakeQueue& /*queues*/) {
    return absl::Status(kAbsent, "does not say how its queues stand");
  }
  virtual absl::Status unsubscribe(std::uint32_t /*timeout_ms*/, const TakeQueue& /*queues*/) {
    return absl::Status(kAbsent, "makes nothing that would have to be removed");
  }
  virtual absl::Status rewind(Time /*to*/, bool /*dry_run*/, std::uint32_t /*timeout_ms*/,
                              const TakeRewound& /*rewinds*/) {
    return absl::Status(kAbsent, "cannot be rewound");
  }
};

// --- storage --------------------------------------------------------------------------------------------------------

// Names a batch, so that one that is repeated because its answer was lost is in the store's books once. Empty: nobody
// will repeat it.
struct BatchToken {
  std::string writer;  // 32 hexadecimal digits of this process's own
  std::uint64_t sequence = 0;
  // Called once per attempt, inside the transaction and before the conclusion, with the last sequence that the store
  // had of this writer (0: it knows no such writer); never by a driver without records. May be empty.
  std::function<void(std::uint64_t last)> found{};
};

// Called once per attempt, inside the transaction, after the rows and before the commit; one result a row.
using Conclude = std::function<Conclusion(std::span<const RowResult>)>;

// Takes one row of an answer; the views live for the call. False ends the query.
using TakeRow = std::function<bool(std::span<const Cell>)>;

// See tally/abi/storage.h for the contract of each call.
class StorageDriver {
 public:
  virtual ~StorageDriver() = default;
  virtual absl::Status prepare(Prepare how, const TakeRow& report) = 0;
  // Rows are given as the driver takes them, made once by whoever has the sample at hand; what they point at is
  // another's and outlives the write. kPermanent: this batch will never be written, though others may be.
  virtual absl::Status write(std::span<const tally_row> rows, const Conclude& conclude,
                             const BatchToken& token = {}) = 0;
  virtual absl::Status query(const Query& query, const TakeRow& rows) = 0;
  virtual absl::StatusOr<std::uint64_t> purge_dead_letters(std::span<const std::string> digests) = 0;
  virtual absl::StatusOr<std::uint64_t> expire(Time before, const std::string& meter) = 0;

  // What a driver may leave out: kAbsent. Puts all or none; false: a version was not the one that is there.
  virtual absl::StatusOr<bool> put_records(std::span<const Record> /*records*/) { return no_records(); }
  // Those of a kind whose keys begin with `prefix`, by the bytes of their keys: columns key, version, value.
  virtual absl::Status list_records(const std::string& /*kind*/, const std::string& /*prefix*/,
                                    const TakeRow& /*rows*/) {
    return no_records();
  }
  virtual absl::StatusOr<WriterState> last_batch(const std::string& /*writer*/) { return no_records(); }

 protected:
  static absl::Status no_records() { return absent("this storage driver keeps no records"); }
};

// What list_records() answers.
absl::StatusOr<std::vector<Record>> records_of(StorageDriver& storage, const std::string& kind,
                                               const std::string& prefix = "");

}  // namespace tally::plugin

#endif
