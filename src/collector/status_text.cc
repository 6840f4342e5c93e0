// The collector's snapshot as JSON and as metrics.
#include "base/json.h"
#include "collector/collector.h"

namespace tally::collector {
namespace {

std::int64_t number(std::uint64_t value) { return static_cast<std::int64_t>(value); }

std::string messages_json(const MessageBooks& books) {
  JsonWriter json;
  json.number("received", number(books.received)).number("stored", number(books.stored));
  json.number("duplicate", number(books.duplicate)).number("dead", number(books.dead));
  json.number("filtered", number(books.filtered)).number("returned", number(books.returned));
  return json.number("in_flight", number(books.in_flight)).str();
}

std::string samples_json(const SampleBooks& books) {
  JsonWriter json;
  json.number("made", number(books.made)).number("stored", number(books.stored));
  json.number("duplicate", number(books.duplicate)).number("conflict", number(books.conflict));
  json.number("dead", number(books.dead)).number("filtered", number(books.filtered));
  return json.number("returned", number(books.returned)).number("in_flight", number(books.in_flight)).str();
}

std::string bus_json(const BusStatus& bus) {
  std::optional<std::int64_t> waiting;  // of its queues, where at least one is known
  for (const auto& [queue, depth] : bus.depths)
    if (depth.messages) waiting = waiting.value_or(0) + number(*depth.messages);
  JsonWriter json;
  json.text("name", bus.name).text("use", "listen").text("state", bus.state).text("reason", bus.reason);
  if (waiting)
    json.number("waiting", *waiting);
  else
    json.null("waiting");
  json.text("last_message", bus.last_message ? std::optional(bus.last_message->to_string()) : std::nullopt);
  return json.raw("warnings", daemon::json_list(bus.warnings)).str();
}

std::string store_json(const StoreStatus& store) {
  JsonWriter json;
  return json.text("name", store.name).text("state", store.state).text("reason", store.reason).str();
}

std::string dead_letters_json(const CollectorStatus& status) {
  JsonWriter json;
  for (const auto& [reason, count] : status.dead_letters) json.number(reason, number(count));
  return json.str();
}

}  // namespace

std::string status_json(const CollectorStatus& status, const daemon::ProcessIdentity& identity,
                        std::string_view more_buses) {
  std::string buses(more_buses);
  for (const BusStatus& bus : status.buses) buses += (buses.empty() ? "" : ",") + bus_json(bus);
  JsonWriter json;
  daemon::put_process_identity(json, identity);
  json.text("state", status.state).boolean("ready", status.not_ready.empty());
  json.raw("not_ready", daemon::json_list(status.not_ready)).raw("messages", messages_json(status.messages));
  json.raw("samples", samples_json(status.samples)).raw("buses", "[" + buses + "]");
  json.raw("store", store_json(status.store)).raw("dead_letters", dead_letters_json(status));
  return json.raw("plugins", plugin::plugins_json(status.plugins)).str();
}

void status_metrics(const CollectorStatus& status, MetricsPage& page) {
  page.family("tally_messages_received_total", "counter", "Messages taken from the bus.");
  for (const BusStatus& bus : status.buses) page.value({{"bus", bus.name}}, bus.books.messages.received);
  page.family("tally_messages_total", "counter", "Messages by what became of them.");
  for (const BusStatus& bus : status.buses) {
    const MessageBooks& books = bus.books.messages;
    page.value({{"bus", bus.name}, {"outcome", "stored"}}, books.stored);
    page.value({{"bus", bus.name}, {"outcome", "duplicate"}}, books.duplicate);
    page.value({{"bus", bus.name}, {"outcome", "dead"}}, books.dead);
    page.value({{"bus", bus.name}, {"outcome", "filtered"}}, books.filtered);
    page.value({{"bus", bus.name}, {"outcome", "returned"}}, books.returned);
  }
  page.family("tally_messages_in_flight", "gauge", "Messages taken and not yet settled.");
  for (const BusStatus& bus : status.buses) page.value({{"bus", bus.name}}, bus.books.messages.in_flight);
  page.family("tally_oldest_unsettled_seconds", "gauge", "Since the oldest unsettled message came; 0: there is none.");
  for (const BusStatus& bus : status.buses) page.value({{"bus", bus.name}}, bus.oldest.count());
  page.family("tally_samples_made_total", "counter", "Samples made of messages.");
  for (const BusStatus& bus : status.buses) page.value({{"bus", bus.name}}, bus.books.samples.made);
  page.family("tally_samples_total", "counter", "Samples by what became of them.");
  for (const BusStatus& bus : status.buses) {
    const SampleBooks& books = bus.books.samples;
    page.value({{"bus", bus.name}, {"outcome", "stored"}}, books.stored);
    page.value({{"bus", bus.name}, {"outcome", "duplicate"}}, books.duplicate);
    page.value({{"bus", bus.name}, {"outcome", "conflict"}}, books.conflict);
    page.value({{"bus", bus.name}, {"outcome", "dead"}}, books.dead);
    page.value({{"bus", bus.name}, {"outcome", "filtered"}}, books.filtered);
    page.value({{"bus", bus.name}, {"outcome", "returned"}}, books.returned);
  }
  page.family("tally_samples_in_flight", "gauge", "Samples made and not yet settled.");
  for (const BusStatus& bus : status.buses) page.value({{"bus", bus.name}}, bus.books.samples.in_flight);
  page.family("tally_bus_connected", "gauge", "1 where the bus is connected.");
  for (const BusStatus& bus : status.buses)
    page.value({{"bus", bus.name}}, std::uint64_t{bus.state == "connected" ? 1U : 0U});
  page.family("tally_transport_events_total", "counter", "What a bus's transport counts, by its own names.");
  for (const BusStatus& bus : status.buses)
    for (const auto& [what, total] : bus.counts) page.value({{"bus", bus.name}, {"event", what}}, total);
  page.family("tally_queue_messages", "gauge", "Messages that wait in a queue at the broker, as last looked at.");
  for (const BusStatus& bus : status.buses)
    for (const auto& [queue, depth] : bus.depths)
      if (depth.messages) page.value({{"bus", bus.name}, {"queue", queue}}, *depth.messages);
  page.family("tally_queue_consumers", "gauge", "Consumers of a queue, as last looked at.");
  for (const BusStatus& bus : status.buses)
    for (const auto& [queue, depth] : bus.depths)
      if (depth.consumers) page.value({{"bus", bus.name}, {"queue", queue}}, *depth.consumers);
  page.family("tally_batches_total", "counter", "Batches committed by the store.");
  page.value(Labels{}, status.batches);
  page.family("tally_batch_messages_total", "counter", "Messages in committed batches.");
  page.value(Labels{}, status.batch_messages);
  page.family("tally_batch_samples_total", "counter", "Samples made of the messages in committed batches.");
  page.value(Labels{}, status.batch_samples);
  page.family("tally_store_write_seconds_total", "counter", "Time that the store took for committed batches.");
  page.value(Labels{}, status.write_time.count());
  page.family("tally_dead_letters_total", "counter", "Dead letters written with committed batches, by reason.");
  for (const auto& [reason, count] : status.dead_letters) page.value({{"reason", reason}}, count);
  page.family("tally_store_failures_total", "counter", "Attempts to write a batch that failed.");
  page.value(Labels{}, status.store_failures);
  page.family("tally_store_lost_batches", "gauge",
              "Batches that the store had answered for and does not have, until someone acknowledges the loss.");
  page.value(Labels{}, status.lost_batches);
  page.family("tally_dead_letter_copies_total", "counter", "Copies of dead letters for another bus, by outcome.");
  page.value({{"outcome", "sent"}}, status.copies.sent);
  page.value({{"outcome", "refused"}}, status.copies.refused);
  page.value({{"outcome", "missed"}}, status.copies.missed);
  plugin::plugin_metrics(status.plugins, page);
}

}  // namespace tally::collector
