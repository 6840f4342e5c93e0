#include "collector/pipeline.h"

#include <tally/kit/glob.h>

#include <span>
#include <utility>

#include "base/json.h"
#include "base/json_repair.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "plugin/call/marshal.h"
#include "plugin/managers/dispatcher.h"
#include "wire/envelope.h"
#include "wire/ids.h"
#include "wire/sample_json.h"

namespace tally::collector {
namespace {

Notification view_of(const wire::Envelope& envelope, Time received) {
  Notification notification;
  notification.message_id = envelope.message_id;
  notification.event_type = envelope.event_type;
  notification.publisher_id = envelope.publisher_id;
  notification.priority = envelope.priority;
  notification.timestamp = envelope.timestamp;
  notification.time = envelope.time;
  notification.received = received;
  notification.payload = envelope.payload;
  notification.context = envelope.context;
  return notification;
}

std::optional<std::string> unless_empty(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional<std::string>(text);
}

// One message has one dead letter: a second part that dies adds its name and its words to the first.
void dead_part(Processed& processed, const Incoming& message, const std::string& reason, const std::string& detail,
               const std::string& handler) {
  if (!processed.dead_message) {
    processed.dead_message = dead_message(message, processed, reason, detail, handler);
    return;
  }
  DeadLetter& letter = *processed.dead_message;
  letter.detail += "; " + detail;
  if (!handler.empty()) letter.handler = letter.handler ? *letter.handler + ", " + handler : handler;
}

}  // namespace

DeadLetter dead_message(const Incoming& message, const Processed& processed, std::string reason, std::string detail,
                        const std::string& handler) {
  DeadLetter letter;
  letter.digest = wire::digest(message.body);
  letter.kind = "message";
  letter.reason = std::move(reason);
  letter.detail = std::move(detail);
  letter.bus = message.bus;
  letter.event_type = unless_empty(processed.event_type);
  letter.message_id = unless_empty(processed.message_id);
  letter.handler = unless_empty(handler);
  letter.body = message.body;
  letter.received = message.received;
  return letter;
}

DeadLetter dead_sample(const SampleView& sample, const Incoming& message, const Processed& processed,
                       std::string reason, const std::string& detail) {
  DeadLetter letter;
  letter.body = wire::to_json(sample);
  letter.digest = wire::digest(letter.body);
  letter.kind = "sample";
  letter.reason = std::move(reason);
  letter.detail = "sample " + std::string(sample.id) + " of meter " + std::string(sample.name) + ": " + detail;
  letter.bus = message.bus;
  letter.event_type = unless_empty(processed.event_type);
  letter.message_id = unless_empty(processed.message_id);
  letter.received = message.received;
  return letter;
}

namespace {

constexpr std::size_t kLongestOrigin = std::size_t{64} << 10U;

// A dead letter of one sample as it was given: `written` is JSON, perhaps with bytes that are not UTF-8.
DeadLetter dead_written(std::string written, const Incoming& message, const Processed& processed, std::string reason,
                        std::string detail, const std::string& handler) {
  DeadLetter letter;
  letter.body = std::move(written);
  letter.digest = wire::digest(letter.body);
  letter.kind = "sample";
  letter.reason = std::move(reason);
  letter.detail = std::move(detail);
  letter.bus = message.bus;
  letter.event_type = unless_empty(processed.event_type);
  letter.message_id = unless_empty(processed.message_id);
  letter.handler = unless_empty(handler);
  letter.received = message.received;
  return letter;
}

// The object with one more member, unless it has that: in front, or behind where it has null there, since of two
// members of one name the last counts.
std::string with_member(std::string_view object, std::string_view key, std::string_view value) {
  const std::optional<Json> read = python_json(object);
  if (!read || !read->is_object() || (read->at(key) != nullptr && !read->at(key)->is_null()))
    return std::string(object);
  const std::string member = json_quote(key) + ":" + json_quote(value);
  if (read->at(key) != nullptr)
    return std::string(object.substr(0, object.rfind('}'))).append(",").append(member).append("}");
  std::string made = "{" + member;
  if (!read->items().empty()) made += ',';
  return made.append(object.substr(object.find('{') + 1));
}

// The meter of a sample that was refused; empty where even that cannot be read.
std::string meter_of(std::string_view object) {
  const std::optional<Json> read = python_json(object);
  for (const char* key : {"name", "counter_name"})
    if (read)
      if (const auto name = read->find_text(key)) return std::string(*name);
  return "";
}

// Of a message that is not UTF-8 the handlers saw marks: here they become what was meant by them.
void unmark_samples(wire::SampleList& samples) {
  for (SampleView& view : samples) {
    Sample sample = view.copy();
    wire::unmark_sample(sample);
    const auto keep = [&](const std::optional<std::string>& text) {
      return text ? std::optional(samples.texts().keep(*text)) : std::nullopt;
    };
    view.id = samples.texts().keep(sample.id);
    view.name = samples.texts().keep(sample.name);
    view.unit = samples.texts().keep(sample.unit);
    view.resource_id = samples.texts().keep(sample.resource_id);
    view.project_id = keep(sample.project_id);
    view.project_name = keep(sample.project_name);
    view.user_id = keep(sample.user_id);
    view.user_name = keep(sample.user_name);
    view.resource_metadata = samples.texts().keep(sample.resource_metadata);
    view.source = samples.texts().keep(sample.source);
  }
}

}  // namespace

void add_rows(const Processed& processed, Time received, std::vector<tally_row>& rows) {
  for (const tally_sample& sample : processed.samples) rows.push_back({sizeof(tally_row), &sample, received.us});
}

// What the handlers get of a message whose JSON is not quite JSON.
struct RepairedText {
  std::string payload, context;
};

struct Pipeline::Impl {
  PipelineRules rules;
  std::unique_ptr<plugin::Dispatcher> handlers;
  wire::Decoder decoder;
  wire::SampleList samples;  // of the message at hand; kept for its room

  void handle(const Incoming& message, const wire::Envelope& envelope, Processed& out);
  void take_samples(const Incoming& message, const wire::Envelope& envelope, Processed& out);
  absl::Status ask(plugin::Dispatcher::Handler& handler, Notification& notification,
                   std::optional<RepairedText>& mended);
  void tell_skips(const plugin::Dispatcher::Handler& handler, std::size_t before) const;
  void refuse(std::string_view written, const absl::Status& status, std::size_t index, const Incoming& message,
              const wire::Envelope& envelope, Processed& out);
  void admit(SampleView& sample, const Incoming& message, Processed& out);
  void admit_all(const wire::Envelope& envelope, const Incoming& message, Processed& out);
  bool disabled(std::string_view meter) const;
  const char* refusal(const SampleView& sample, Time received, std::string& detail) const;
  // Whether `status` of one handler lets the message go on; its samples are dropped by the caller.
  static bool settle_error(const std::string& name, const absl::Status& status, const Incoming& message,
                           Processed& out);
};

Pipeline::Pipeline(PipelineRules rules, std::unique_ptr<plugin::Dispatcher> handlers)
    : impl_(std::make_unique<Impl>()) {
  impl_->rules = std::move(rules);
  impl_->handlers = std::move(handlers);
}
Pipeline::~Pipeline() = default;
Pipeline::Pipeline(Pipeline&&) noexcept = default;
Pipeline& Pipeline::operator=(Pipeline&&) noexcept = default;

bool Pipeline::Impl::disabled(std::string_view meter) const {
  for (const std::string& pattern : rules.disabled_meters)
    if (glob_match(pattern, meter)) return true;
  return false;
}

// The dead letter's reason, or null for a sample that may be kept.
const char* Pipeline::Impl::refusal(const SampleView& sample, Time received, std::string& detail) const {
  const Time time = sample.timestamp.value_or(received);
  const auto ahead = std::chrono::duration_cast<std::chrono::microseconds>(rules.ahead).count();
  if (time.us - received.us > ahead) {
    detail = "its time " + time.to_string() + " is more than " + std::to_string(rules.ahead.count()) +
             " s after its arrival at " + received.to_string() + "; mend the sender's clock";
    return "future";
  }
  for (const config::Retention& rule : rules.retention) {
    if (!glob_match(rule.meter, sample.name)) continue;
    if (!rule.age) break;
    if (received.us - time.us > std::chrono::duration_cast<std::chrono::microseconds>(*rule.age).count()) {
      detail = "its time " + time.to_string() + " is older than the retention of " + std::to_string(rule.age->count()) +
               " s for `" + rule.meter + "`";
      return "too old";
    }
    break;
  }
  return nullptr;
}

// Completes the sample. REQUIRES: the id is set, and it is one of `samples`.
void Pipeline::Impl::admit(SampleView& sample, const Incoming& message, Processed& out) {
  ++out.made;
  if (disabled(sample.name)) {
    ++out.filtered;
    return;
  }
  if (sample.source.empty()) sample.source = samples.texts().keep(rules.source);
  if (!sample.timestamp) sample.timestamp = message.received;
  std::string detail;
  if (const char* const reason = refusal(sample, message.received, detail))
    out.dead_samples.push_back(dead_sample(sample, message, out, reason, detail));
  else
    out.samples.push_back(to_c(sample, samples.texts().keep(sample.volume.to_string())));
}

bool Pipeline::Impl::settle_error(const std::string& name, const absl::Status& status, const Incoming& message,
                                  Processed& out) {
  switch (status.code()) {
    case kUnclaimed:
    case kAbsent:
      return true;  // none of its own, after all
    case kTransient:
      out.again = true;
      out.again_handler = name;
      out.again_why = std::string(status.message());
      return false;
    case kHung:
      out.parked.push_back(name);
      dead_part(out, message, "handler not available", name + ": " + std::string(status.message()), name);
      return true;
    default:
      dead_part(out, message, "handler failed", name + ": " + std::string(status.message()), name);
      return true;
  }
}

// Calls a handler. Where it cannot read a payload that is nearly JSON it gets it again, mended; so do those after it.
absl::Status Pipeline::Impl::ask(plugin::Dispatcher::Handler& handler, Notification& notification,
                                 std::optional<RepairedText>& mended) {
  const std::size_t before = samples.size(), skips = samples.skips().size();
  absl::Status status = handler.handler->handle(notification, samples);
  if (status.code() == kPermanent && !mended) {
    mended = {repair_json(notification.payload), repair_json(notification.context)};
    if (mended->payload != notification.payload || mended->context != notification.context) {
      samples.shrink(before);
      notification.payload = mended->payload;
      notification.context = mended->context;
      status = handler.handler->handle(notification, samples);
    }
  }
  if (samples.skips().size() > skips) tell_skips(handler, skips);
  return status;
}

void Pipeline::Impl::tell_skips(const plugin::Dispatcher::Handler& handler, std::size_t before) const {
  for (std::size_t i = before; handler.guard != nullptr && i < samples.skips().size(); ++i) {
    const wire::Skip& skip = samples.skips()[i];
    if (!handler.guard->skipped(skip.what)) continue;
    log::warning(handler.name + ": " + skip.what + " makes no sample of a message: " + skip.why +
                 "; counted from now on, and not said again");
  }
}

void Pipeline::Impl::handle(const Incoming& message, const wire::Envelope& envelope, Processed& out) {
  Notification notification = view_of(envelope, message.received);
  std::optional<RepairedText> mended;
  const plugin::Dispatcher::Match& match = handlers->match(envelope.event_type);
  for (const plugin::Dispatcher::Parked* parked : match.parked) {
    out.parked.push_back(parked->name);
    dead_part(out, message, "handler not available",
              parked->name + " takes `" + std::string(out.event_type) + "` but is not available: " + parked->reason +
                  "; mend or disable it, then replay this",
              parked->name);
  }
  for (plugin::Dispatcher::Handler* handler : match.handlers) {
    const std::size_t before = samples.size();
    const absl::Status status = ask(*handler, notification, mended);
    samples.name_aside(handler->name);
    if (status.ok()) continue;
    samples.shrink(before);
    if (!settle_error(handler->name, status, message, out)) return;
  }
  if (envelope.marked) unmark_samples(samples);
  for (SampleView& sample : samples)
    if (!sample.timestamp) sample.timestamp = envelope.time;
  wire::MessageIds(rules.source, envelope.message_id, message.body).assign(samples);
  out.samples.reserve(samples.size());
  if (!samples.aside().empty()) return admit_all(envelope, message, out);
  for (SampleView& sample : samples) admit(sample, message, out);
}

// Some are set aside: left out by the configuration, or refused.
void Pipeline::Impl::admit_all(const wire::Envelope& envelope, const Incoming& message, Processed& out) {
  auto aside = samples.aside().begin();
  for (std::size_t i = 0; i < samples.size(); ++i) {
    SampleView& sample = samples[i];
    if (aside == samples.aside().end() || aside->at != i) {
      admit(sample, message, out);
      continue;
    }
    const wire::SetAside& one = *aside++;
    ++out.made;
    if (one.why.empty() || disabled(sample.name)) {
      ++out.filtered;
      continue;
    }
    std::string written = with_member(one.json, "id", sample.id);
    if (envelope.time) written = with_member(written, "timestamp", envelope.time->to_string());
    if (envelope.marked) written = unmark_bytes(written);
    // So that a mended definition makes it of what it was meant to be made of.
    if (message.body.size() <= kLongestOrigin && is_utf8(message.body))
      written = with_member(written, kOrigin, message.body);
    const std::string whose = "sample " + std::string(sample.id) + " of meter " +
                              (sample.name.empty() ? "unknown" : std::string(sample.name));
    out.dead_samples.push_back(
        dead_written(std::move(written), message, out, "bad sample", whose + ": " + one.why, one.handler));
  }
}

void Pipeline::Impl::take_samples(const Incoming& message, const wire::Envelope& envelope, Processed& out) {
  std::vector<std::string_view> written;
  auto list = wire::decode_samples(envelope, rules.telemetry_secret, &written);
  if (!list.ok()) return dead_part(out, message, "bad samples", std::string(list.status().message()), "");
  for (std::size_t i = 0; i < list->size(); ++i) {
    absl::StatusOr<Sample>& sample = (*list)[i];
    if (!sample.ok()) {
      refuse(written[i], sample.status(), i, message, envelope, out);
      continue;
    }
    if (!sample->timestamp) sample->timestamp = envelope.time;
    if (const absl::Status texts = plugin::check_sample_texts(*sample); !texts.ok()) {
      refuse(written[i], texts, i, message, envelope, out);
      continue;
    }
    if (sample->id.empty()) sample->id = wire::poll_sample_id(*sample, rules.source);
    samples.push_back(*sample);
    admit(samples.back(), message, out);
  }
}

// A polled sample that cannot be taken.
void Pipeline::Impl::refuse(std::string_view written, const absl::Status& status, std::size_t index,
                            const Incoming& message, const wire::Envelope& envelope, Processed& out) {
  ++out.made;
  const std::string meter = meter_of(written);
  if (disabled(meter)) {
    ++out.filtered;
    return;
  }
  // A signature is over all that is in it.
  const bool bad_signature = status.code() == wire::kBadSignature;
  std::string body(written);
  if (envelope.time && !bad_signature) body = with_member(body, "timestamp", envelope.time->to_string());
  if (envelope.marked) body = unmark_bytes(body);
  const std::string whose = "sample " + std::to_string(index + 1) + (meter.empty() ? "" : " of meter " + meter);
  out.dead_samples.push_back(dead_written(std::move(body), message, out, bad_signature ? "bad signature" : "bad sample",
                                          whose + ": " + std::string(status.message()), ""));
}

Processed Pipeline::process(const Incoming& message) {
  Processed out;
  const auto decoded = impl_->decoder.read(message.body);
  if (!decoded.ok()) {
    dead_part(out, message, "unreadable", std::string(decoded.status().message()), "");
    return out;
  }
  const wire::Envelope& envelope = **decoded;
  impl_->samples.clear();
  out.event_type = impl_->samples.texts().keep(envelope.event_type);
  out.message_id = impl_->samples.texts().keep(envelope.message_id.value_or(""));
  if (envelope.samples)
    impl_->take_samples(message, envelope, out);
  else
    impl_->handle(message, envelope, out);
  out.texts = impl_->samples.take_texts();
  if (!out.again) return out;
  Processed again;
  again.again = true;
  again.again_why = std::move(out.again_why);
  again.again_handler = std::move(out.again_handler);
  again.texts = std::move(out.texts);
  again.event_type = out.event_type;
  again.message_id = out.message_id;
  return again;
}

Processed Pipeline::process_sample(const Incoming& sample_json) {
  Processed out;
  auto sample = wire::decode_sample(sample_json.body, impl_->rules.telemetry_secret, sample_json.unverified);
  if (sample.ok())
    if (absl::Status texts = plugin::check_sample_texts(*sample); !texts.ok()) sample = std::move(texts);
  if (!sample.ok()) {
    const bool bad_signature = sample.status().code() == wire::kBadSignature;
    dead_part(out, sample_json, bad_signature ? "bad signature" : "bad sample", std::string(sample.status().message()),
              "");
    return out;
  }
  if (sample->id.empty()) sample->id = wire::poll_sample_id(*sample, impl_->rules.source);
  impl_->samples.clear();
  impl_->samples.push_back(*sample);
  impl_->admit(impl_->samples.back(), sample_json, out);
  out.texts = impl_->samples.take_texts();
  return out;
}

}  // namespace tally::collector
