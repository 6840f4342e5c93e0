#include <memory>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "collector/threads.h"

namespace tally::collector {
namespace {

constexpr std::uint32_t kTimeoutMs = 5'000;

// The body as it came; what is known of it in headers.
Outgoing copy_of(const DeadLetter& letter, const std::string& topic) {
  Outgoing copy{topic, letter.digest, letter.body};
  const auto header = [&copy](const char* name, const std::string& value) {
    if (!value.empty()) copy.headers.push_back({name, value});
  };
  header("tally.digest", letter.digest);
  header("tally.kind", letter.kind);
  header("tally.reason", letter.reason);
  header("tally.detail", letter.detail);
  header("tally.bus", letter.bus);
  header("tally.event_type", letter.event_type.value_or(""));
  header("tally.message_id", letter.message_id.value_or(""));
  header("tally.handler", letter.handler.value_or(""));
  header("tally.received", letter.received.to_string());
  return copy;
}

class Copier {
 public:
  explicit Copier(InFlight& in_flight) : in_flight_(in_flight), options_(in_flight.options().copies) {}

  void run() {
    while (true) {
      std::vector<Outgoing> copies;
      for (const DeadLetter& letter : in_flight_.take_copies()) copies.push_back(copy_of(letter, options_.topic));
      if (copies.empty()) return;
      send(std::move(copies));
      transport_ = nullptr;  // dead letters are rare, and a connection that nobody serves would be cut
    }
  }

 private:
  // Until each is sent or refused, or the in-flight table quits.
  void send(std::vector<Outgoing> copies) {
    Backoff pauses(kFirstPause, kLastPause);
    while (true) {
      const absl::Status status = attempt(copies);
      if (copies.empty()) return;
      log::once_per("dead letter copies", log::Level::warning,
                    "copies of dead letters to " + options_.name + " wait: " + std::string(to_std(status.message())));
      if (!in_flight_.pause_copier(pauses.next())) break;
    }
    log::warning(std::to_string(copies.size()) + " copies of dead letters were not sent to " + options_.name +
                 "; the store has them");
    in_flight_.count_copies({.missed = copies.size()});
  }

  // Takes out of `copies` what was sent or refused.
  absl::Status attempt(std::vector<Outgoing>& copies) {
    if (!transport_) {
      auto opened = options_.open();
      if (!opened.ok()) return opened.status();
      transport_ = *std::move(opened);
    }
    const auto results = transport_->publish(copies, kTimeoutMs);
    if (!results.ok()) return results.status();
    CopyCounts counts;
    absl::Status away;
    std::vector<Outgoing> rest;
    for (std::size_t at = 0; at < copies.size(); ++at) {
      const absl::Status result = at < results->size() ? (*results)[at] : transient("the transport gave no answer");
      if (result.ok()) {
        ++counts.sent;
      } else if (result.code() == kPermanent) {
        ++counts.refused;
        log::once_per("dead letter copy refused", log::Level::warning,
                      options_.name + " refuses the copy of dead letter " + copies[at].key + ": " +
                          std::string(to_std(result.message())));
      } else {
        away = result;
        rest.push_back(std::move(copies[at]));
      }
    }
    copies = std::move(rest);
    in_flight_.count_copies(counts);
    return away;
  }

  InFlight& in_flight_;
  const CopyOptions options_;
  std::unique_ptr<plugin::TransportDriver> transport_;
};

}  // namespace

void run_copier(InFlight& in_flight) { Copier(in_flight).run(); }

}  // namespace tally::collector
