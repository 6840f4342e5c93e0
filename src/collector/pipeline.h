// Makes rows out of one message: decode, dispatch, handlers, ids, the rules of disabled meters and of time.
// Not for storing, retrying or counting: it says what became of the message, its caller does the rest.
#ifndef TALLY_COLLECTOR_PIPELINE_H
#define TALLY_COLLECTOR_PIPELINE_H

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "config/config.h"
#include "plugin/roles.h"

namespace tally::plugin {
class Dispatcher;
}

namespace tally::collector {

struct PipelineRules {
  std::string source = "openstack";          // of samples that name none
  std::vector<std::string> disabled_meters;  // exact, or with `*`
  std::vector<config::Retention> retention;  // the first that matches a meter counts
  std::chrono::seconds ahead{86'400};        // a sample further in the future is dead
  std::string telemetry_secret;              // samples from the bus must be signed with it; empty: not checked
};

// One message as it came.
struct Incoming {
  std::string body;
  std::string_view bus;  // shown in dead letters and books; no secrets; outlives the message
  Time received;
  bool unverified = false;  // a sample of a message, refused before its signature was accepted
};

// The member of a dead letter of a sample that a handler could not make: the message that it was to be made of, where
// that is text and at most 64 KiB.
inline constexpr const char* kOrigin = "message";

// What became of a message before storing. Without `again`:
//   made = samples.size() + filtered + dead_samples.size()
// Made by one thread, and looked at by others: it holds what a batch needs without another copy.
struct Processed {
  bool again = false;     // a handler's transient error: nothing below but event_type and again_handler counts
  std::string again_why;  // that handler's words
  std::string again_handler;

  wire::Texts texts;            // what the next three look into
  std::string_view event_type;  // empty where unknown
  std::string_view message_id;
  std::vector<tally_sample> samples;  // to be stored: complete, in the form that a driver is given
  std::uint64_t made = 0;
  std::uint64_t filtered = 0;              // samples of disabled meters
  std::vector<DeadLetter> dead_samples;    // too old, future, refused: one a sample
  std::optional<DeadLetter> dead_message;  // unparsable, a handler failed for good or is not available
  std::vector<std::string> parked;         // handlers that would have taken it, "notification:image"
};

// One thread at a time: it holds the handlers of one worker.
class Pipeline {
 public:
  Pipeline(PipelineRules rules, std::unique_ptr<plugin::Dispatcher> handlers);
  ~Pipeline();
  Pipeline(Pipeline&&) noexcept;
  Pipeline& operator=(Pipeline&&) noexcept;

  // Never fails: what cannot be read becomes a dead letter. `body` is kept by the caller until a retry is out of
  // question.
  Processed process(const Incoming& message);

  // The same for a sample that stands alone: a dead sample replayed, with Tally's keys or as a message carried it.
  Processed process_sample(const Incoming& sample_json);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The dead letter for a message given up as a whole: `reason` a short token, `detail` in words.
DeadLetter dead_message(const Incoming& message, const Processed& processed, std::string reason, std::string detail,
                        const std::string& handler);

// The dead letter for a sample that may not be stored, or that the store would not take.
DeadLetter dead_sample(const SampleView& sample, const Incoming& message, const Processed& processed,
                       std::string reason, const std::string& detail);

// Puts the samples that are to be stored at the end of `rows`; they look into `processed`.
void add_rows(const Processed& processed, Time received, std::vector<tally_row>& rows);

}  // namespace tally::collector

#endif
