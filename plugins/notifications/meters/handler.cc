// See handler.h.
#include "handler.h"

#include <tally/sdk/error.h>

#include <set>

namespace meters {

Handler::Handler(Program program, Reserved reserved)
    : program_(std::move(program)), message_(program_), maker_(program_, std::move(reserved)) {
  for (std::uint32_t i = 0; i < program_.definitions.size(); ++i)
    for (const EventPattern& pattern : program_.definitions[i].event_types) index_.add(pattern, i);
}

std::vector<std::string> Handler::claims() const {
  std::set<std::string> all;
  for (const Definition& definition : program_.definitions)
    for (const EventPattern& pattern : definition.event_types)
      for (const std::string& claim : pattern.claims()) all.insert(claim);
  return {all.begin(), all.end()};
}

std::vector<tally::MeterDefinition> Handler::definitions(std::optional<std::string_view> event_type) const {
  std::vector<tally::MeterDefinition> all;
  const auto known = [](const Word& word) { return word.field.set() ? std::string() : word.literal; };
  const auto add = [&](const Definition& one) {
    tally::MeterDefinition& made = all.emplace_back();
    made.name = one.id;
    made.meter = known(one.name);
    made.type = known(one.type);
    made.unit = known(one.unit);
    made.disabled = one.disabled;
    for (const EventPattern& pattern : one.event_types) {
      made.event_types.push_back(pattern.text());
      const std::vector<std::string> examples = pattern.examples();
      made.examples.insert(made.examples.end(), examples.begin(), examples.end());
    }
  };
  if (event_type) {
    for (const std::uint32_t taker : index_.match(*event_type)) add(program_.definitions[taker]);
  } else {
    for (const Definition& one : program_.definitions) add(one);
    for (const Definition& one : program_.hidden) add(one);
  }
  return all;
}

void Handler::handle(const tally::Notification& notification, tally::Emitter& emit) {
  const std::string_view priority = notification.priority.value_or("info");
  if (priority != "info" && priority != "sample") throw tally::Error::unclaimed();
  Plan& plan = plan_for(notification.event_type);
  if (plan.takers.empty()) throw tally::Error::unclaimed();
  message_.begin(notification, plan.wants);
  for (const Definition* definition : plan.takers) maker_.make(*definition, message_, emit);
}

// There are few event types. A sender that invents new ones without end only causes the cache to be cleared.
Handler::Plan& Handler::plan_for(std::string_view event_type) {
  static constexpr std::size_t kMost = 4096;
  if (const auto known = by_type_.find(event_type); known != by_type_.end()) return *known->second;
  const std::vector<std::uint32_t> takers = index_.match(event_type);
  if (by_type_.size() >= kMost) {
    by_type_.clear();
    plans_.clear();
  }
  std::unique_ptr<Plan>& plan = plans_[takers];
  if (plan == nullptr) plan = make_plan(takers);
  by_type_.emplace(event_type, plan.get());
  return *plan;
}

void Handler::want(const Field& field, MemberFinder& wants) const {
  for (const std::uint32_t path : field.paths)
    if (const auto& names = program_.paths[path].names(); !names.empty()) wants.add(names, path);
}

std::unique_ptr<Handler::Plan> Handler::make_plan(const std::vector<std::uint32_t>& takers) const {
  auto plan = std::make_unique<Plan>();
  for (const std::uint32_t taker : takers) {
    const Definition& definition = program_.definitions[taker];
    plan->takers.push_back(&definition);
    for (const Field* field :
         {&definition.name.field, &definition.type.field, &definition.unit.field, &definition.volume,
          &definition.resource_id, &definition.project_id, &definition.user_id, &definition.timestamp,
          &program_.metadata[definition.metadata].user, &program_.context_project, &program_.context_user})
      want(*field, plan->wants);
    for (const auto& [key, field] : program_.metadata[definition.metadata].members) want(field, plan->wants);
    // Where nothing of its own is found, metadata is the whole payload.
    for (const Field* field : {&program_.payload, &program_.payload_event_type, &program_.payload_host})
      want(*field, plan->wants);
  }
  return plan;
}

}  // namespace meters
