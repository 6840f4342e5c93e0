// What stands in an agent's way, and its snapshot as JSON and as metrics.
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

void count_metrics(const std::string& unit, const OutboxCounts& counts, MetricsPage& page) {
  const std::string prefix = "tally_agent_" + unit;
  page.family(prefix + "_made_total", "counter", "Made here, and found in the spool at the start.");
  page.value({}, counts.made);
  page.family(prefix + "_total", "counter", "By what became of them: sent is confirmed by the bus.");
  page.value({{"outcome", "sent"}}, counts.sent);
  page.value({{"outcome", "refused"}}, counts.refused);
  page.value({{"outcome", "lost"}}, counts.lost);
  page.value({{"outcome", "expired"}}, counts.expired);
  page.family(prefix + "_spooled", "gauge", "On disk.");
  page.value({}, counts.spooled);
  page.family(prefix + "_in_flight", "gauge", "In memory.");
  page.value({}, counts.in_flight);
}

std::string_view bus_state(const OutboxBooks& books) {
  return books.bus_away ? "away" : books.bus_answered ? "connected" : "waiting";
}

}  // namespace

std::string bus_json(const OutboxBooks& books) {
  JsonWriter json;
  json.text("name", books.bus).text("use", "publish");
  json.text("state", bus_state(books));
  json.text("reason", !books.bus_away && !books.bus_answered ? "not connected yet" : books.bus_error);
  json.number("waiting", static_cast<std::int64_t>(books.messages.spooled + books.messages.in_flight));
  json.text("last_message", books.last_sent ? std::optional(books.last_sent->to_string()) : std::nullopt);
  return json.raw("warnings", "[]").str();
}

std::string status_json(const AgentStatus& status, const daemon::ProcessIdentity& identity) {
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
  return json.raw("plugins", plugin::plugins_json(status.plugins)).str();
}

void book_metrics(const AgentStatus& status, MetricsPage& page) {
  count_metrics("messages", status.books.messages, page);
  count_metrics("samples", status.books.samples, page);
  page.family("tally_agent_samples_filtered_total", "counter", "Of disabled meters; not among those made.");
  page.value({}, status.filtered);
  page.family("tally_agent_spool_damaged_total", "counter", "Messages skipped in the spool.");
  page.value({}, status.books.damaged_messages);
  page.family("tally_agent_cycles_total", "counter", "Polls made.");
  page.value({}, status.cycles);
  page.family("tally_agent_skipped_cycles_total", "counter", "Polls left out because one before took too long.");
  page.value({}, status.skipped_cycles);
  page.family("tally_agent_errors_total", "counter", "Polls that ended in an error.");
  page.value({}, status.errors);
  page.family("tally_agent_faults_total", "counter", "Resources that could not be measured, and samples left out.");
  page.value({}, status.faults);
}

void status_metrics(const AgentStatus& status, MetricsPage& page) {
  book_metrics(status, page);
  page.family("tally_bus_connected", "gauge", "1 where the bus is connected.");
  page.value({{"bus", status.books.bus}}, std::uint64_t{bus_state(status.books) == "connected" ? 1U : 0U});
  plugin::plugin_metrics(status.plugins, page);
}

}  // namespace tally::agent
