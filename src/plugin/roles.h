// What the host knows of a plugin: one abstract class per role. A loaded plugin, an object made in a test, and one that
// runs in this process all look the same.
// Not for plugin authors: they derive from the classes in <tally/plugin.h>.
//
// Threads: an instance is never called by two threads at once; Transport::wake alone may be called from any.
// Statuses: see base/status.h for the classes absent, transient, permanent, unclaimed.
#ifndef TALLY_PLUGIN_ROLES_H
#define TALLY_PLUGIN_ROLES_H

#include <tally/abi/storage.h>
#include <tally/abi/transport.h>
#include <tally/model/sample.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status.h"
#include "wire/sample_list.h"

namespace tally::plugin {

// --- notification ---------------------------------------------------------------------------------------------------

// One decoded message. The views live as long as the message's bytes, and at least for the call.
struct Notification {
  std::optional<std::string_view> message_id;
  std::string_view event_type;
  std::optional<std::string_view> publisher_id;
  std::optional<std::string_view> priority;   // lower case
  std::optional<std::string_view> timestamp;  // as written
  std::optional<Time> time;                   // `timestamp`, where it can be read
  Time received;
  std::string_view payload = "null";  // JSON text
  std::string_view context = "{}";    // JSON object, `_context_` taken off its keys
};

// What a handler makes of some messages; see tally_definition in tally/abi/notification.h. Empty: known only from a
// message.
struct Definition {
  std::string name;
  std::string meter, type, unit;
  std::vector<std::string> event_types;
  std::vector<std::string> examples;
  bool disabled = false;
};

class NotificationHandler {
 public:
  virtual ~NotificationHandler() = default;

  // Appends the samples of one message; on an error the caller drops what this call appended. One that is refused is
  // set aside in the list, and is not an error.
  // kUnclaimed: the message is none of this handler's, after all.
  virtual absl::Status handle(const Notification& notification, wire::SampleList& samples) = 0;

  // The event types that this instance takes: exact, or with `*` for any run of characters.
  virtual absl::StatusOr<std::vector<std::string>> claims() = 0;

  // What this instance makes, of messages of one event type or of all; none where it does not say.
  virtual absl::StatusOr<std::optional<std::vector<Definition>>> definitions(
      // NOLINTNEXTLINE(performance-unnecessary-value-param): a guarded call takes it along to another thread
      std::optional<std::string> /*event_type*/) {
    return std::nullopt;
  }
};

// --- pollster and discovery -----------------------------------------------------------------------------------------

struct Resource {
  std::string id;
  std::optional<std::string> project_id;
  std::optional<std::string> project_name;
  std::optional<std::string> user_id;
  std::optional<std::string> user_name;
  std::string attributes = "{}";  // JSON object
};

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

class Pollster {
 public:
  virtual ~Pollster() = default;
  virtual absl::Status poll(const PollRequest& request, PollResult& result) = 0;
};

class Discovery {
 public:
  virtual ~Discovery() = default;
  virtual absl::StatusOr<std::vector<Resource>> discover() = 0;
};

// --- transport ------------------------------------------------------------------------------------------------------

// One delivery: the lane it came by, the lane's generation, and its tag within that.
struct DeliveryId {
  std::uint64_t lane = 0;
  std::uint64_t generation = 0;
  std::uint64_t tag = 0;
  friend bool operator==(const DeliveryId&, const DeliveryId&) = default;
};

struct Message {
  DeliveryId delivery;
  std::string body;
  std::string topic;  // empty where the bus has none
  bool redelivered = false;
};

// A queue as it stands: what it is called, "present", "absent", "removed", "in use", and what a person should know.
struct QueueState {
  std::string name;
  std::string state;
  std::optional<std::uint64_t> messages;
  std::optional<std::uint64_t> consumers;
  bool ours = false;
  std::string warning;  // empty: none
};
using QueueSink = std::function<void(const QueueState&)>;

// A queue or partition whose reader is set back: "rewound", "would rewind", "unchanged", "absent".
struct RewoundQueue {
  std::string name;
  std::string state;
  std::optional<std::int64_t> from;  // the place that was read next before, and that is from now on
  std::optional<std::int64_t> to;
  std::optional<std::uint64_t> messages;  // that come again
  std::string warning;                    // empty: none
};
using RewindSink = std::function<void(const RewoundQueue&)>;

struct TransportEvents {
  std::function<void(Message)> message;
  std::function<void(std::uint64_t lane, std::uint64_t generation)> lane_lost;
  std::function<void(std::uint64_t lane, std::uint64_t generation, std::int64_t deadline_ms)> lane_closing;
  std::function<void(std::string_view what, std::uint64_t total)> counted = {};  // for metrics
  QueueSink queue = {};                                                          // one that is consumed, for metrics
};

enum class Settle : std::int32_t { acknowledge = TALLY_ACKNOWLEDGE, requeue = TALLY_REQUEUE };

struct Settlement {
  DeliveryId delivery;
  Settle action = Settle::acknowledge;
};

struct Outgoing {
  std::string topic;
  std::string key;  // empty: any
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers{};  // name and value; left out where the bus has none
};

// See tally/abi/transport.h for the contract of each call.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual absl::Status consume(std::uint32_t prefetch) = 0;
  virtual absl::Status service(std::uint32_t max_messages, std::uint32_t timeout_ms, const TransportEvents& events) = 0;
  virtual absl::Status settle(std::span<const Settlement> settlements) = 0;
  // One status a message, in order; an error of the whole: nothing is known of any.
  virtual absl::StatusOr<std::vector<absl::Status>> publish(std::span<const Outgoing> messages,
                                                            std::uint32_t timeout_ms) = 0;
  virtual void wake() = 0;
  virtual absl::Status stop() = 0;
  // kAbsent: the plugin does not offer it.
  virtual absl::Status inspect(std::uint32_t /*timeout_ms*/, const QueueSink& /*queues*/) {
    return absl::Status(kAbsent, "does not say how its queues stand");
  }
  virtual absl::Status unsubscribe(std::uint32_t /*timeout_ms*/, const QueueSink& /*queues*/) {
    return absl::Status(kAbsent, "makes nothing that would have to be removed");
  }
  virtual absl::Status rewind(Time /*to*/, bool /*dry_run*/, std::uint32_t /*timeout_ms*/,
                              const RewindSink& /*rewinds*/) {
    return absl::Status(kAbsent, "cannot be rewound");
  }
};

// --- storage --------------------------------------------------------------------------------------------------------

enum class RowStatus : std::int32_t {
  stored = TALLY_STORED,
  duplicate = TALLY_DUPLICATE,
  conflict = TALLY_CONFLICT,
  rejected = TALLY_REJECTED,
};

// A sample ready to be kept, as a driver is given it: made once, by whoever has the sample at hand. What it points at
// is another's and outlives the write.
using Row = tally_row;

struct RowResult {
  RowStatus status = RowStatus::stored;
  std::string reason;
};

struct DeadLetter {
  std::string digest;  // 32 hexadecimal digits
  std::string kind;    // "message" or "sample"
  std::string reason;  // a short token
  std::string detail;
  std::string bus;
  std::optional<std::string> event_type;
  std::optional<std::string> message_id;
  std::optional<std::string> handler;
  std::string body;
  Time received;
};

struct BookEntry {
  std::int64_t day = 0;  // days since 1970-01-01 UTC
  std::string bus;
  std::string unit;     // "messages" or "samples"
  std::string outcome;  // stored, duplicate, conflict, dead, filtered
  std::uint64_t count = 0;
};

struct Conclusion {
  std::vector<DeadLetter> dead_letters;
  std::vector<BookEntry> entries;
  std::vector<std::string> settled_dead_letters;  // digests, dead no longer
};

// Names a batch, so that one that is repeated because its answer was lost is in the store's books once. Empty: nobody
// will repeat it.
struct BatchToken {
  std::string writer;  // 32 hexadecimal digits of this process's own
  std::uint64_t sequence = 0;
  // Called once per attempt, inside the transaction and before the conclusion, with the last sequence that the store
  // had of this writer (0: it knows no such writer); never by a driver without records. May be empty.
  std::function<void(std::uint64_t last)> found{};
};

// A small text by (kind, key). A put gives the version that must be there, 0 for none; each put adds one.
struct Record {
  std::string kind, key, value;
  std::uint64_t version = 0;
};

// What a store remembers of one writer.
struct WriterState {
  std::uint64_t last = 0;     // the sequence of its last batch; 0: it knows no such writer
  std::optional<Time> used;   // when that was written, by the store's clock
  std::optional<Time> since;  // writers that wrote last before this may be forgotten; none: none was forgotten yet
};

// Called once per attempt, inside the transaction, after the rows and before the commit; one result a row.
using Conclude = std::function<Conclusion(std::span<const RowResult>)>;

enum class QueryKind : std::int32_t {
  meters = TALLY_QUERY_METERS,
  resources = TALLY_QUERY_RESOURCES,
  samples = TALLY_QUERY_SAMPLES,
  statistics = TALLY_QUERY_STATISTICS,
  dead_letters = TALLY_QUERY_DEAD_LETTERS,
  books = TALLY_QUERY_BOOKS,
  size = TALLY_QUERY_SIZE,
};

struct Filter {
  std::string field;
  std::string value;
};

// See tally_query in tally/abi/storage.h.
struct Query {
  QueryKind kind = QueryKind::meters;
  bool descending = false;
  std::optional<Time> start;
  std::optional<Time> end;
  std::optional<std::int64_t> as_of;
  std::int64_t period_us = 0;
  std::optional<std::int64_t> limit;
  std::string meter;   // empty: all
  std::string digest;  // empty: all
  std::vector<Filter> filters;
  std::vector<std::string> group_by;
};

enum class CellKind : std::int32_t {
  null = TALLY_CELL_NULL,
  text = TALLY_CELL_TEXT,
  number = TALLY_CELL_NUMBER,
  json = TALLY_CELL_JSON,
};

struct Cell {
  std::string_view name;
  CellKind kind = CellKind::null;
  std::string_view value;
};

// Takes one row of an answer; the views live for the call. False ends the query.
using RowSink = std::function<bool(std::span<const Cell>)>;

enum class Prepare : std::int32_t {
  check = TALLY_PREPARE_CHECK,
  init = TALLY_PREPARE_INIT,
  upgrade = TALLY_PREPARE_UPGRADE,
};

// See tally/abi/storage.h for the contract of each call.
class Storage {
 public:
  virtual ~Storage() = default;
  virtual absl::Status prepare(Prepare how, const RowSink& report) = 0;
  // kPermanent: this batch will never be written, though others may be.
  virtual absl::Status write(std::span<const Row> rows, const Conclude& conclude, const BatchToken& token = {}) = 0;
  virtual absl::Status query(const Query& query, const RowSink& rows) = 0;
  virtual absl::StatusOr<std::uint64_t> purge_dead_letters(std::span<const std::string> digests) = 0;
  virtual absl::StatusOr<std::uint64_t> expire(Time before, const std::string& meter) = 0;

  // What a driver may leave out: kAbsent. Puts all or none; false: a version was not the one that is there.
  virtual absl::StatusOr<bool> put_records(std::span<const Record> /*records*/) { return no_records(); }
  // Those of a kind whose keys begin with `prefix`, by the bytes of their keys: columns key, version, value.
  virtual absl::Status list_records(const std::string& /*kind*/, const std::string& /*prefix*/,
                                    const RowSink& /*rows*/) {
    return no_records();
  }
  virtual absl::StatusOr<WriterState> last_batch(const std::string& /*writer*/) { return no_records(); }

 protected:
  static absl::Status no_records() { return absent("this storage driver keeps no records"); }
};

// What list_records() answers.
absl::StatusOr<std::vector<Record>> records_of(Storage& storage, const std::string& kind,
                                               const std::string& prefix = "");

}  // namespace tally::plugin

#endif
