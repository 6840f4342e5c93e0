// Checks what comes in over the C boundary, and answers what must be answered. The values are carried by
// tally/sdk/convert.h.
// Not for plugins' instances: see plugin/call/instance.h.
#ifndef TALLY_PLUGIN_CALL_MARSHAL_H
#define TALLY_PLUGIN_CALL_MARSHAL_H

#include <tally/abi/pollster.h>
#include <tally/abi/sample.h>
#include <tally/model/sample.h>
#include <tally/sdk/convert.h>
#include <tally/sdk/convert_storage.h>
#include <tally/sdk/convert_transport.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "plugin/roles.h"

namespace tally::plugin {

// A text from a plugin: not null unless `may_be_null`, UTF-8 without NUL, `least` to `most` bytes.
struct TextRule {
  const char* name;
  std::size_t least = 0;
  std::size_t most = 1024;
};
absl::Status check_text(tally_str text, const TextRule& rule);

// Valid JSON whose top is an object; numbers of any size.
bool is_json_object(std::string_view text);

// The limits of a plugin's sample, for one that came another way: its name, id, unit, source, resource, project and
// user.
absl::Status check_sample_texts(const SampleView& sample);

// A plugin's sample, put at the end. What is there already came from the same call, and so was checked: where the last
// one has the same metadata, that is not read again.
absl::Status append_sample(const tally_sample& sample, std::vector<Sample>& samples);
absl::Status append_sample(const tally_sample& sample, wire::SampleList& samples);
absl::StatusOr<Resource> resource_from_c(const tally_resource& resource);
// The buffer that a call is given for its reason.
class ErrorBuffer {
 public:
  ErrorBuffer() : error_{sizeof(tally_error), text_.data(), text_.size(), 0} {}
  ErrorBuffer(const ErrorBuffer&) = delete;
  ErrorBuffer& operator=(const ErrorBuffer&) = delete;
  tally_error* get() { return &error_; }
  // The class that a call returned, with its reason: UTF-8, without passwords of URLs. A number that is not a class, or
  // TALLY_UNCLAIMED where `may_be_unclaimed` is false, becomes kInternal: the plugin is broken.
  absl::Status status(std::int32_t result, bool may_be_unclaimed = false) const;

 private:
  std::array<char, 2048> text_;
  tally_error error_;
};

// The class and text of a plugin's error for one thing, as above.
absl::Status status_from_c(std::int32_t result, std::string_view text, bool may_be_unclaimed = false);

// A plugin's text that is only read by people: at most 2 KiB of it, UTF-8, no control characters, no passwords of URLs.
std::string readable_text(std::string_view text);

// What a call that let an exception through has answered.
absl::Status threw(const char* what);

// Answers a plugin: the class of `status` and its text into the plugin's buffer, which may be null.
std::int32_t refuse(const absl::Status& status, tally_error* error);

// Lets a call's results in, and only that call's, from its own thread. A plugin may keep the address for ever and call
// back late, so that gates are never freed.
template <class Target>
class Gate {
 public:
  static Gate* make();  // any thread
  void open(Target& target) {
    target_ = &target;
    owner_.store(std::this_thread::get_id());
  }
  void close() {
    owner_.store(std::thread::id());
    target_ = nullptr;
  }
  // Null when no call of this thread is going on.
  Target* target() const { return owner_.load() == std::this_thread::get_id() ? target_ : nullptr; }

 private:
  std::atomic<std::thread::id> owner_{};
  Target* target_ = nullptr;
};

// Open for the length of a block.
template <class Target>
class Opened {
 public:
  Opened(Gate<Target>& gate, Target& target) : gate_(gate) { gate_.open(target); }
  ~Opened() { gate_.close(); }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

 private:
  Gate<Target>& gate_;
};

// Gates that still exist are reachable from here, for leak checkers.
void keep_for_ever(void* gate);

template <class Target>
Gate<Target>* Gate<Target>::make() {
  auto* gate = new Gate;
  keep_for_ever(gate);
  return gate;
}

// One call may hand over so many samples, resources, claims or faults, and no more.
inline constexpr std::size_t kMostResults = 1'000'000;
inline absl::Status too_many_results() {
  return {absl::StatusCode::kInvalidArgument, "one call may hand over 1000000 results at most"};
}

// An emitter that appends checked samples to the gate's target.
using SampleListGate = Gate<wire::SampleList>;
tally_emitter emitter_for(SampleListGate& gate);

inline absl::Status outside_call() {
  return {absl::StatusCode::kInvalidArgument, "results are taken only during the call, on its thread"};
}

}  // namespace tally::plugin

#endif
