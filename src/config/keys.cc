#include "config/keys.h"

#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "base/strings.h"
#include "config/value.h"

namespace tally::config {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Values arrive here checked, so parsing cannot fail; value_or is only there because the type can hold an error.
milliseconds duration_of(const std::optional<std::string>& text) {
  const auto value = parse_duration(text.value_or("0"));
  return value.ok() ? duration_cast<milliseconds>(*value) : milliseconds{0};
}
std::optional<seconds> age_of(const std::optional<std::string>& text) {
  return text ? std::optional(duration_cast<seconds>(duration_of(text))) : std::nullopt;
}
std::uint64_t count_of(const Items& items) {
  const auto value = parse_integer(items[0].text.value_or("0"));
  return value.ok() ? static_cast<std::uint64_t>(*value) : 0;
}
std::string text_of(const Items& items) { return items.empty() ? std::string() : items[0].text.value_or(""); }

std::vector<std::string> texts_of(const Items& items) {
  std::vector<std::string> texts;
  for (const Item& item : items) texts.push_back(item.text.value_or(""));
  return texts;
}
std::vector<DisableEntry> entries_of(const Items& items) {
  std::vector<DisableEntry> entries;
  for (const Item& item : items) {
    entries.push_back({item.text.value_or(""), item.place.file, item.place.line, item.place.column});
  }
  return entries;
}

void set_http(Config& config, const Items& items) {
  const std::string text = text_of(items);
  const std::size_t colon = text.rfind(':');
  config.http.address.clear();
  if (colon == std::string::npos) return;
  const auto port = parse_integer(std::string_view(text).substr(colon + 1));
  config.http.address = text.substr(0, colon);
  config.http.port = static_cast<std::uint16_t>(port.ok() ? *port : 0);
}

void set_interval(Config& config, const Items& items) {
  for (const Item& item : items) {
    if (item.name == "*") config.polling.interval.clear();
  }
  for (const Item& item : items) config.polling.interval[item.name] = duration_of(item.text);
  for (const char* name : {"host", "compute", "central"})
    config.polling.interval.try_emplace(name, config.interval_of(name));
}

void set_retention(Config& config, const Items& items) {
  config.retention.clear();
  for (const Item& item : items) config.retention.push_back({item.name, age_of(item.text)});
  if (config.retention.size() == 1 && config.retention[0].meter == "*" && !config.retention[0].age)
    config.retention.clear();
}

CoreKey key(std::string name, KeyType type, std::optional<std::string> fallback, std::string help, unsigned programs,
            void (*set)(Config&, const Items&)) {
  CoreKey made;
  made.decl.name = std::move(name);
  made.decl.type = type;
  made.decl.fallback = std::move(fallback);
  made.decl.help = std::move(help);
  made.programs = programs;
  made.set = set;
  return made;
}
CoreKey in_range(CoreKey made, std::string min, std::string max) {
  made.decl.min = std::move(min);
  made.decl.max = std::move(max);
  return made;
}
CoreKey shaped(CoreKey made, Shape shape) {
  made.shape = shape;
  return made;
}
CoreKey or_none(CoreKey made) {
  made.none = true;
  return made;
}
CoreKey run_differs(CoreKey made, std::string fallback) {
  made.run_default = std::move(fallback);
  return made;
}
CoreKey agent_differs(CoreKey made, std::string fallback) {
  made.agent_default = std::move(fallback);
  return made;
}
CoreKey as_url(CoreKey made, std::string example) {
  made.url = true;
  made.example = std::move(example);
  return made;
}
CoreKey with_example(CoreKey made, std::string example) {
  made.example = std::move(example);
  return made;
}
CoreKey hidden(CoreKey made) {
  made.decl.secret = true;
  return made;
}
CoreKey one_of(CoreKey made, std::vector<std::string> choices) {
  made.decl.choices = std::move(choices);
  return made;
}

void add_place_keys(std::vector<CoreKey>& keys) {
  keys.push_back(
      run_differs(key("data", KeyType::path, "/var/lib/tally", "The folder for what must outlive the process.", kAll,
                      [](Config& c, const Items& v) { c.data = text_of(v); }),
                  "./tally-data"));
  keys.push_back(key("host", KeyType::string, "{host}",
                     "This host's name, as in the resource of what is measured on it.", kAll,
                     [](Config& c, const Items& v) { c.host = text_of(v); }));
  keys.push_back(key("source", KeyType::string, "openstack", "The source that samples made here carry.", kAll,
                     [](Config& c, const Items& v) { c.source = text_of(v); }));
}

void add_bus_keys(std::vector<CoreKey>& keys) {
  keys.push_back(
      as_url(run_differs(key("transport", KeyType::string, "local:///run/tally/bus.sock",
                             "The bus: sets both listen and publish, where they are not set themselves.", kAll,
                             [](Config& c, const Items& v) {
                               c.listen = {text_of(v)};
                               c.publish = text_of(v);
                             }),
                         "local://{data}/bus.sock"),
             "amqp://cell1/"));
  keys.push_back(as_url(shaped(key("listen", KeyType::list, std::nullopt,
                                   "Every bus to take notifications and samples from. Default: transport.",
                                   kCollector | kRun, [](Config& c, const Items& v) { c.listen = texts_of(v); }),
                               Shape::list),
                        "[amqp://cell1/, amqp://cell2/]"));
  keys.push_back(as_url(key("publish", KeyType::string, std::nullopt, "The bus to send samples to. Default: transport.",
                            kAgent | kRun, [](Config& c, const Items& v) { c.publish = text_of(v); }),
                        "amqp://cell1/"));
  keys.push_back(as_url(key("dead_letters.copy_to", KeyType::string, std::nullopt,
                            "A bus that gets a copy of each new dead letter, its reason in headers. Unset: none does.",
                            kCollector | kRun, [](Config& c, const Items& v) { c.dead_letters.copy_to = text_of(v); }),
                        "kafka://k1,k2/"));
  keys.push_back(key("dead_letters.topic", KeyType::string, "tally.dead-letters", "The topic, or queue, of the copies.",
                     kCollector | kRun, [](Config& c, const Items& v) { c.dead_letters.topic = text_of(v); }));
  keys.push_back(hidden(with_example(
      key("telemetry_secret", KeyType::string, std::nullopt,
          "Signs samples on the bus and checks those that come; the same for all. Unset: neither (doc/signatures.md).",
          kAll, [](Config& c, const Items& v) { c.telemetry_secret = text_of(v); }),
      "{file: /etc/tally/telemetry.secret}")));
  keys.push_back(as_url(key("storage", KeyType::string, "sqlite://{data}/tally.db", "Where samples are kept.",
                            kCollector | kRun, [](Config& c, const Items& v) { c.storage = text_of(v); }),
                        "postgresql://tally@db/tally"));
  keys.push_back(or_none(with_example(
      shaped(
          in_range(key("retention", KeyType::duration, "none",
                       "How long samples are kept: one duration, or by meter (globs; the first that matches counts).",
                       kCollector | kRun, set_retention),
                   "1h", "36500d"),
          Shape::by_meter),
      "{\"disk.*\": 30d, \"*\": 400d}")));
}

void add_disable_keys(std::vector<CoreKey>& keys) {
  keys.push_back(with_example(shaped(key("disable.plugins", KeyType::list, std::nullopt,
                                         "Plugins to turn off, as role:name; * is any run of characters.", kAll,
                                         [](Config& c, const Items& v) { c.disable.plugins = entries_of(v); }),
                                     Shape::list),
                              "[\"pollster:libvirt\", \"notification:image\"]"));
  keys.push_back(with_example(
      shaped(key("disable.meters", KeyType::list, std::nullopt, "Meters to leave out; * is any run of characters.",
                 kAll, [](Config& c, const Items& v) { c.disable.meters = entries_of(v); }),
             Shape::list),
      "[\"disk.device.*\"]"));
  keys.push_back(with_example(
      shaped(key("disable.definitions", KeyType::list, std::nullopt,
                 "Definitions of notification handlers to leave out, as FILE:METER; * is any run of characters.",
                 kCollector | kRun, [](Config& c, const Items& v) { c.disable.definitions = entries_of(v); }),
             Shape::list),
      "[\"volume.yaml:backup.size\"]"));
}

void add_polling_keys(std::vector<CoreKey>& keys) {
  keys.push_back(run_differs(
      shaped(one_of(key("polling.namespaces", KeyType::list, "host, compute", "Which pollsters run in this process.",
                        kAgent | kRun, [](Config& c, const Items& v) { c.polling.namespaces = texts_of(v); }),
                    {"host", "compute", "central"}),
             Shape::list),
      "host, compute, central"));
  keys.push_back(run_differs(
      shaped(in_range(key("polling.interval", KeyType::duration, "host: 60s, compute: 300s, central: 300s",
                          "The time between two polls: one for all, or by namespace, or by \"pollster:NAME\".",
                          kAgent | kRun, set_interval),
                      "10ms", "7d"),
             Shape::by_namespace),
      "host: 5s, compute: 60s, central: 60s"));
  keys.push_back(run_differs(
      in_range(key("polling.jitter", KeyType::duration, "10s",
                   "Each host polls later than the clock's even times by a part of this, always the same, so that not "
                   "all do at once.",
                   kAgent | kRun, [](Config& c, const Items& v) { c.polling.jitter = duration_of(v[0].text); }),
               "0", "1h"),
      "0"));
  keys.push_back(key("polling.file", KeyType::path, std::nullopt,
                     "Ceilometer's polling.yaml, as in /etc/ceilometer/polling.yaml: only what its sources list is "
                     "polled, at their intervals "
                     "(doc/ceilometer.md).",
                     kAgent | kRun, [](Config& c, const Items& v) { c.polling.file = text_of(v); }));
  keys.push_back(
      in_range(key("spool.bytes", KeyType::bytes, "1GiB", "The room on disk for what the bus cannot take now.", kAll,
                   [](Config& c, const Items& v) {
                     const auto value = parse_bytes(text_of(v));
                     c.spool.bytes = value.ok() ? *value : 0;
                   }),
               "64KiB", "1024TiB"));
  keys.push_back(
      or_none(in_range(key("spool.age", KeyType::duration, "none", "Drop what has waited in the spool for longer.",
                           kAll, [](Config& c, const Items& v) { c.spool.age = age_of(v[0].text); }),
                       "1m", "36500d")));
  keys.push_back(one_of(key("spool.overflow", KeyType::string, "drop-newest",
                            "What a full spool loses: what comes, or what has waited longest.", kAgent | kRun,
                            [](Config& c, const Items& v) { c.spool.drop_oldest = text_of(v) == "drop-oldest"; }),
                        {"drop-newest", "drop-oldest"}));
}

void add_limit_keys(std::vector<CoreKey>& keys) {
  const auto duration = [&](const char* name, const char* fallback, const char* help, const char* min, const char* max,
                            void (*set)(Config&, const Items&)) {
    keys.push_back(in_range(key(name, KeyType::duration, fallback, help, kAll, set), min, max));
  };
  keys.push_back(in_range(key("batch.samples", KeyType::integer, "5000", "A batch ends with this many samples.", kAll,
                              [](Config& c, const Items& v) { c.batch.samples = count_of(v); }),
                          "1", "1000000"));
  duration("batch.age", "1s", "A batch ends at this age at the latest, and after a tenth of it without anything new.",
           "1ms", "1m", [](Config& c, const Items& v) { c.batch.age = duration_of(v[0].text); });
  keys.push_back(in_range(key("limits.messages", KeyType::integer, "10000", "Messages taken and not yet settled.", kAll,
                              [](Config& c, const Items& v) { c.limits.messages = count_of(v); }),
                          "1", "10000000"));
  keys.push_back(in_range(key("limits.workers", KeyType::integer, "0",
                              "Threads that make samples of messages, each with its own handlers; 0: half of the "
                              "processors, at most 8. A reload does not change it.",
                              kCollector | kRun, [](Config& c, const Items& v) { c.limits.workers = count_of(v); }),
                          "0", "256"));
  keys.push_back(in_range(key("limits.writers", KeyType::integer, "0",
                              "Threads that write to the store, each a batch at a time, where its driver takes several "
                              "at once; 0: 2.",
                              kCollector | kRun, [](Config& c, const Items& v) { c.limits.writers = count_of(v); }),
                          "0", "16"));
  duration("limits.drain", "10s", "The time to finish what is in flight when stopping.", "0", "1h",
           [](Config& c, const Items& v) { c.limits.drain = duration_of(v[0].text); });
  duration("limits.call", "60s", "The time one call into a plugin may take, where its manifest names none.", "100ms",
           "1h", [](Config& c, const Items& v) { c.limits.call = duration_of(v[0].text); });
  duration("limits.retry", "10m", "How long one message alone is tried again before it is a dead letter.", "0", "7d",
           [](Config& c, const Items& v) { c.limits.retry = duration_of(v[0].text); });
  duration("limits.stuck", "60s", "Not ready where messages wait and none was settled for so long.", "100ms", "1d",
           [](Config& c, const Items& v) { c.limits.stuck = duration_of(v[0].text); });
}

void add_view_keys(std::vector<CoreKey>& keys) {
  keys.push_back(or_none(
      agent_differs(key("http", KeyType::string, "127.0.0.1:9464",
                        "Where /metrics, /healthz, /readyz and /status answer; none for nowhere.", kAll, set_http),
                    "127.0.0.1:9465")));
  keys.push_back(one_of(key("log.format", KeyType::string, "text", "The form of log lines.", kAll,
                            [](Config& c, const Items& v) { c.json_log = text_of(v) == "json"; }),
                        {"text", "json"}));
  keys.push_back(
      with_example(shaped(key("plugins", KeyType::string, std::nullopt,
                              "Settings of plugins, by role:name; each declares its own keys.", kAll, nullptr),
                          Shape::open),
                   ""));
}

}  // namespace

std::chrono::milliseconds Config::interval_of(std::string_view name) const {
  for (const std::string_view wanted : {name, std::string_view("*")}) {
    const auto at = polling.interval.find(std::string(wanted));
    if (at != polling.interval.end()) return at->second;
  }
  return std::chrono::seconds{300};
}

std::optional<std::string> CoreKey::default_for(Program program) const {
  if (program == Program::run && run_default) return run_default;
  if (program == Program::agent && agent_default) return agent_default;
  return decl.fallback;
}

std::span<const CoreKey> core_keys() {
  static const auto* const keys = [] {  // never destroyed: threads outlive what exit() destroys
    auto* made = new std::vector<CoreKey>;
    add_place_keys(*made);
    add_bus_keys(*made);
    add_disable_keys(*made);
    add_polling_keys(*made);
    add_limit_keys(*made);
    add_view_keys(*made);
    return made;
  }();
  return *keys;
}

Items parse_default_items(const CoreKey& key, std::string_view text) {
  const auto value_of = [&](std::string_view word) {
    return key.none && word == "none" ? std::nullopt : std::optional<std::string>(word);
  };
  if (key.shape == Shape::one) return {{"", value_of(text), {}}};
  Items items;
  for (const absl::string_view raw : absl::StrSplit(to_absl(text), ", ", absl::SkipEmpty())) {
    const std::string_view part = to_std(raw);
    const std::size_t colon = part.find(": ");
    if (key.shape == Shape::list) {
      items.push_back({"", std::string(part), {}});
    } else if (colon == std::string_view::npos) {
      items.push_back({"*", value_of(part), {}});
    } else {
      items.push_back({std::string(part.substr(0, colon)), value_of(part.substr(colon + 2)), {}});
    }
  }
  return items;
}

}  // namespace tally::config
