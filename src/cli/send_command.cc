// `tally send`: puts notifications or samples on the configured bus and waits for its confirmation.
// Not for storing: whoever listens to that bus does.
#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "plugin/managers/driver.h"
#include "wire/envelope.h"
#include "wire/ids.h"
#include "wire/sample_json.h"

namespace tally::cli {
namespace {

constexpr std::size_t kPerPublish = 200;
constexpr std::size_t kSamplesPerMessage = 100;
constexpr std::uint32_t kTimeoutMs = 10'000;

struct Counts {
  std::uint64_t lines = 0, confirmed = 0, refused = 0, unreadable = 0;
};

class Sender {
 public:
  Sender(plugin::TransportDriver& transport, std::string topic) : transport_(transport), topic_(std::move(topic)) {}

  absl::Status add(std::string body, std::uint64_t count) {
    waiting_.push_back({topic_, "", std::move(body)});
    counts_of_.push_back(count);
    return waiting_.size() < kPerPublish ? absl::OkStatus() : flush();
  }

  // Transient: the bus is away, and what was not confirmed has to be sent again.
  absl::Status flush() {
    if (waiting_.empty()) return absl::OkStatus();
    const absl::StatusOr<std::vector<absl::Status>> results = transport_.publish(waiting_, kTimeoutMs);
    if (!results.ok()) return results.status();
    absl::Status away;
    for (std::size_t at = 0; at < waiting_.size(); ++at) {
      const absl::Status result = at < results->size() ? (*results)[at] : transient("the transport gave no answer");
      if (result.ok()) {
        counts.confirmed += counts_of_[at];
      } else if (result.code() == kPermanent) {
        counts.refused += counts_of_[at];
        fail(kFailed, "refused: " + std::string(result.message()));
      } else {
        away = result;
      }
    }
    waiting_.clear();
    counts_of_.clear();
    return away;
  }

  Counts counts;

 private:
  plugin::TransportDriver& transport_;
  const std::string topic_;
  std::vector<Outgoing> waiting_;
  std::vector<std::uint64_t> counts_of_;
};

absl::Status send_notifications(Sender& sender, const std::string& file) {
  absl::Status sent;
  const absl::Status read = each_line(file, [&](std::string line, std::uint64_t) {
    ++sender.counts.lines;
    sent = sender.add(std::move(line), 1);  // as it is, rubbish too: what cannot be read is the listener's dead letter
    return sent.ok();
  });
  if (!sent.ok()) return sent;
  return read.ok() ? sender.flush() : read;
}

absl::Status send_samples(Sender& sender, const std::string& file, const config::Config& config) {
  std::vector<Sample> samples;
  const auto add = [&]() -> absl::Status {
    if (samples.empty()) return absl::OkStatus();
    std::string ids;
    for (const Sample& sample : samples) ids += sample.id;
    const std::size_t count = samples.size();
    absl::Status status = sender.add(wire::encode_samples(samples, "tally-send:" + config.host, wire::digest(ids),
                                                          Time::now(), config.telemetry_secret),
                                     count);
    samples.clear();
    return status;
  };
  absl::Status sent;
  const absl::Status read = each_line(file, [&](const std::string& line, std::uint64_t number) {
    ++sender.counts.lines;
    absl::StatusOr<Sample> sample = wire::sample_from_json(line);
    if (!sample.ok()) {
      ++sender.counts.unreadable;
      fail(kFailed, "line " + std::to_string(number) + ": " + std::string(sample.status().message()));
      return true;
    }
    if (!sample->timestamp) sample->timestamp = Time::now();
    if (sample->source.empty()) sample->source = config.source;
    if (sample->id.empty()) sample->id = wire::poll_sample_id(*sample, config.source);
    samples.push_back(std::move(*sample));
    if (samples.size() >= kSamplesPerMessage) sent = add();
    return sent.ok();
  });
  if (sent.ok()) sent = add();
  if (!sent.ok()) return sent;
  return read.ok() ? sender.flush() : read;
}

void run(Context& context, bool samples, const std::string& file) {
  std::optional<Setup> setup = load_setup(context, config::Program::run);
  if (!setup) return;
  const config::Config& config = setup->loaded.config;
  // Where only `listen` is set, as in a collector's configuration, that is the bus to send to.
  const auto& origins = setup->loaded.origins;
  const bool listens = origins.contains("listen") && !origins.contains("publish") && !config.listen.empty();
  const std::string url = listens || config.publish.empty() ? config.listen.front() : config.publish;
  absl::StatusOr<plugin::Driver<plugin::TransportDriver>> transport =
      plugin::open_transport(setup->catalog, url, config);
  if (!transport.ok()) {
    context.exit_status = fail(transport.status());
    return;
  }
  Sender sender(**transport, samples ? "notifications.sample" : "notifications.info");
  const absl::Status status = samples ? send_samples(sender, file, config) : send_notifications(sender, file);
  const Counts& counts = sender.counts;
  if (!status.ok() && counts.lines == 0) {
    context.exit_status = fail(status);
    return;
  }
  RowBuilder row;
  const auto output = Output::open(context.format_or(Format::table), std::cout);
  row.text("what", samples ? "samples" : "notifications")
      .number("read", counts.lines)
      .number("confirmed", counts.confirmed)
      .number("refused", counts.refused)
      .number("unreadable", counts.unreadable);
  row.emit(*output);
  output->finish();
  if (counts.refused + counts.unreadable > 0) context.exit_status = kFailed;
  if (!status.ok()) {
    context.exit_status = fail(status);
    fail(kFailed, "what is not confirmed may be sent again: nothing is counted twice");
  }
}

void add_kind(CLI::App& send, Context& context, bool samples) {
  CLI::App* command = samples ? send.add_subcommand("sample", "Samples, one JSON object a line")
                              : send.add_subcommand("notification", "Notifications, one JSON object a line");
  add_common_options(*command, context);
  const auto file = std::make_shared<std::string>("-");
  command->add_option("FILE", *file, "The file, or - for standard input");
  command->callback([&context, samples, file] { run(context, samples, *file); });
}

}  // namespace

void add_send_command(CLI::App& app, Context& context) {
  CLI::App* send = app.add_subcommand("send", "Put notifications or samples on the bus and wait for its confirmation");
  send->require_subcommand(1);
  add_kind(*send, context, false);
  add_kind(*send, context, true);
}

}  // namespace tally::cli
