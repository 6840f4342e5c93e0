// Counts how often a door was opened, from the notifications of an imaginary building service.
#include <tally/plugin.h>

class Door : public tally::NotificationHandler {
 public:
  void handle(const tally::Notification& notification, tally::Emitter& emit) override {
    std::string why;
    const auto payload = tally::Json::parse(notification.payload, &why);
    if (!payload) throw tally::Error::permanent("payload: " + why);
    const auto door = payload->find_text("door.id");
    if (!door) throw tally::Error::permanent("payload has no text at door.id");

    tally::Sample sample = tally::delta("door.opened", "opening", 1, std::string(*door));
    if (const auto tenant = payload->find_text("tenant_id")) sample.project_id = std::string(*tenant);
    sample.resource_metadata = tally::JsonObject().set("floor", payload->find_text("door.floor")).str();
    emit(sample);  // it names no time: the message's own is taken
  }
};

// clang-format off
TALLY_PLUGIN(Door, {
  "name": "door", "version": "1.0.0",
  "roles": [{
    "role": "notification", "name": "door", "summary": "Openings of doors", "event_types": ["door.opened"],
    "meters": [
      {"name": "door.opened", "type": "delta", "unit": "opening"}]
  }]
})
