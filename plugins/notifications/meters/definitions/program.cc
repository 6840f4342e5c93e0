// See program.h.
#include "definitions/program.h"

#include <initializer_list>

namespace meters {

std::optional<std::uint32_t> PathTable::add(const std::string& text, std::string& why) {
  if (const auto known = known_.find(text); known != known_.end()) return known->second;
  auto path = Path::parse(text, why, options_);
  if (!path) return std::nullopt;
  const auto number = static_cast<std::uint32_t>(paths_.size());
  paths_.push_back(*std::move(path));
  known_.emplace(text, number);
  return number;
}

Program::Program(PathOptions options) : paths(options) {
  const auto field = [&](std::initializer_list<const char*> texts) {
    Field made;
    std::string why;
    for (const char* text : texts) made.paths.push_back(paths.add(text, why).value());
    return made;
  };
  context_project = field({"$.ctxt.project_id", "$.ctxt.tenant_id", "$.ctxt.tenant"});
  context_user = field({"$.ctxt.user_id", "$.ctxt.user"});
  payload = field({"$.payload"});
  payload_event_type = field({"$.payload.event_type"});
  payload_host = field({"$.payload.host"});
}

}  // namespace meters
