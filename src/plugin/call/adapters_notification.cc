// The role "notification": a C table as a MessageHandler.
// Not for choosing handlers: see plugin/managers/dispatcher.h.
#include <tally/abi/notification.h>

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "plugin/call/adapters.h"
#include "plugin/call/instance.h"

namespace tally::plugin {
namespace {

struct ClaimList {
  std::vector<std::string> types;
  absl::Status fault;
};
using ClaimGate = Gate<ClaimList>;

void take_claim(void* context, tally_str pattern) {
  ClaimList* claims = static_cast<ClaimGate*>(context)->target();
  if (claims == nullptr || !claims->fault.ok()) return;
  try {
    claims->fault = check_text(pattern, {"a claimed event type", 1, 1024});
    if (claims->types.size() >= kMostResults) claims->fault = too_many_results();
    if (claims->fault.ok()) claims->types.emplace_back(from_c(pattern));
  } catch (...) {
    claims->fault = transient("out of memory");
  }
}

struct DefinitionList {
  std::vector<MeterDefinition> definitions;
  absl::Status fault;
};
using DefinitionGate = Gate<DefinitionList>;

void take_definition(void* context, const tally_definition* given) {
  DefinitionList* const list = static_cast<DefinitionGate*>(context)->target();
  if (list == nullptr || !list->fault.ok()) return;
  try {
    if (given == nullptr || given->size < sizeof(tally_definition)) {
      list->fault = permanent("a definition is null, or shorter than the first version's");
    } else if (list->definitions.size() >= kMostResults) {
      list->fault = too_many_results();
    } else {
      list->definitions.push_back(from_c(*given, readable_text));
    }
  } catch (...) {
    list->fault = transient("out of memory");
  }
}

class LoadedHandler final : public MessageHandler {
 public:
  LoadedHandler(Instance<tally_notification_table> instance, std::vector<std::string> event_types)
      : instance_(std::move(instance)), event_types_(std::move(event_types)) {}

  absl::Status handle(const Notification& notification, wire::SampleList& samples) override {
    const tally_notification message = to_c(notification);
    const Opened<wire::SampleList> opened(*samples_, samples);
    return instance_.call<true>(&tally_notification_table::handle, &message, &emitter_);
  }

  absl::StatusOr<std::vector<std::string>> claims() override {
    if (!instance_.offers(&tally_notification_table::claims)) return event_types_;
    ClaimList list;
    const tally_claims taker = {sizeof(tally_claims), claims_, &take_claim};
    const Opened<ClaimList> opened(*claims_, list);
    absl::Status status = instance_.call(&tally_notification_table::claims, &taker);
    if (!status.ok()) return status;
    if (!list.fault.ok()) return list.fault;
    return std::move(list.types);
  }

  absl::StatusOr<std::optional<std::vector<MeterDefinition>>> definitions(
      std::optional<std::string> event_type) override {
    if (!instance_.offers(&tally_notification_table::definitions)) return std::nullopt;
    DefinitionList list;
    const tally_definitions taker = {sizeof(tally_definitions), definitions_, &take_definition};
    const Opened<DefinitionList> opened(*definitions_, list);
    absl::Status status = instance_.call(&tally_notification_table::definitions, to_c(event_type), &taker);
    if (!status.ok()) return status;
    if (!list.fault.ok()) return list.fault;
    return std::move(list.definitions);
  }

 private:
  Instance<tally_notification_table> instance_;
  std::vector<std::string> event_types_;  // the manifest's
  SampleListGate* samples_ = SampleListGate::make();
  ClaimGate* claims_ = ClaimGate::make();
  DefinitionGate* definitions_ = DefinitionGate::make();
  tally_emitter emitter_ = emitter_for(*samples_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<MessageHandler>> make_notification(Entry& entry, const PluginSettings& settings) {
  auto instance = Instance<tally_notification_table>::make(entry, Role::notification, settings);
  if (!instance.ok()) return instance.status();
  return std::make_unique<LoadedHandler>(*std::move(instance), entry.role.event_types);
}

}  // namespace tally::plugin
