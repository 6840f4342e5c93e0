// A plugin built against the first SDK, with every role that lasts across releases; see README.md.
// Never to be changed: today's host must load what was built from it then.
#include <tally/plugin.h>

#include <string>

namespace {

struct Finder : tally::Discovery {
  void discover(tally::Found& found) override {
    found({"disk-1", "project", std::nullopt, std::nullopt, std::nullopt, R"({"size": 10})"});
    found({"disk-2"});
  }
};

struct Meter : tally::Pollster {
  explicit Meter(const tally::Config& config) : unit_(config.text("unit")) {}

  void poll(const tally::Poll& poll, tally::Emitter& emit) override {
    for (const tally::Resource& resource : poll.resources) {
      tally::Sample sample = tally::gauge("first.size", unit_, *tally::Decimal::parse("10.5"), resource.id);
      sample.project_id = resource.project_id;
      sample.resource_metadata = resource.attributes;
      emit(sample);
    }
    poll.fault("disk-9", tally::Error::permanent("never there"));
  }

 private:
  std::string unit_;
};

struct Handler : tally::NotificationHandler {
  std::vector<std::string> claims() override { return {"first.*"}; }
  void handle(const tally::Notification& notification, tally::Emitter& emit) override {
    if (notification.event_type == "first.bad") throw tally::Error::permanent("a bad message");
    emit(tally::delta("first.count", "1", 1, std::string(notification.event_type)));
  }
};

using All = tally::Roles<Finder, Meter, Handler>;

}  // namespace

// clang-format off
TALLY_PLUGIN(All, {"name": "first", "version": "1.0.0", "roles": [
  {"role": "discovery", "name": "first"},
  {"role": "pollster", "name": "first", "namespace": "host", "discovery": "first",
   "config": [{"key": "unit", "type": "string", "default": "GiB", "help": "The unit of first.size"}],
   "meters": [{"name": "first.size", "type": "gauge", "unit": "GiB"}]},
  {"role": "notification", "name": "first", "event_types": ["first.*"],
   "meters": [{"name": "first.count", "type": "delta", "unit": "1"}]}]})
// clang-format on
