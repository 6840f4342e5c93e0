// What stands in an agent's way, and its snapshot as JSON.
#include "agent/agent.h"
#include "base/json.h"

namespace tally::agent {

std::vector<std::string> not_ready(const OutboxBooks& books) {
  std::vector<std::string> reasons;
  const std::string bus = "bus " + books.bus + ", to which samples are published, ";
  if (books.bus_away) {
    reasons.push_back(bus + "is away: " + books.bus_error + "; what is measured waits in the spool");
  } else if (!books.bus_answered) {
    reasons.push_back(bus + "has not answered yet");
  }
  if (books.spool_full) reasons.push_back("the spool is full: what is measured is lost");
  return reasons;
}

namespace {

std::string counts_json(const OutboxCounts& counts, std::uint64_t filtered) {
  const auto number = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  JsonWriter json;
  json.number("made", number(counts.made + filtered)).number("sent", number(counts.sent));
  json.number("filtered", number(filtered)).number("refused", number(counts.refused));
  json.number("lost", number(counts.lost)).number("expired", number(counts.expired));
  return json.number("spooled", number(counts.spooled)).number("in_flight", number(counts.in_flight)).str();
}

}  // namespace

std::string bus_json(const OutboxBooks& books) {
  JsonWriter json;
  json.text("name", books.bus).text("use", "publish");
  json.text("state", books.bus_away ? "away" : books.bus_answered ? "connected" : "waiting");
  json.text("reason", !books.bus_away && !books.bus_answered ? "not connected yet" : books.bus_error);
  json.number("waiting", static_cast<std::int64_t>(books.messages.spooled + books.messages.in_flight));
  json.text("last_message", books.last_sent ? std::optional(books.last_sent->to_string()) : std::nullopt);
  return json.raw("warnings", "[]").str();
}

std::string status_json(const AgentStatus& status, const daemon::ProcessIdentity& identity) {
  std::string plugins;
  for (const PluginStatus& plugin : status.plugins) {
    JsonWriter json;
    json.text("name", plugin.name).text("role", plugin.role).text("version", plugin.version);
    json.text("state", plugin.state).text("reason", plugin.reason);
    plugins += (plugins.empty() ? "" : ",") + json.str();
  }
  JsonWriter cycles;
  cycles.number("polled", static_cast<std::int64_t>(status.cycles));
  cycles.number("skipped", static_cast<std::int64_t>(status.skipped_cycles));
  cycles.number("errors", static_cast<std::int64_t>(status.errors));
  cycles.number("faults", static_cast<std::int64_t>(status.faults));
  const std::vector<std::string> reasons = not_ready(status.books);
  JsonWriter json;
  daemon::put_process_identity(json, identity);
  json.text("state", status.state).boolean("ready", reasons.empty()).raw("not_ready", daemon::json_list(reasons));
  json.raw("messages", counts_json(status.books.messages, 0));
  json.raw("samples", counts_json(status.books.samples, status.filtered)).raw("cycles", cycles.str());
  json.raw("buses", "[" + bus_json(status.books) + "]");
  return json.raw("plugins", "[" + plugins + "]").str();
}

}  // namespace tally::agent
