// What oslo.messaging's options in ceilometer.conf come to: which buses, topics, exchanges, and how TLS is done.
// Not for the other options: migration_options.cc.
#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "base/strings.h"
#include "base/url.h"
#include "cli/migration.h"

namespace tally::cli {
namespace {

constexpr const char* kBrokers =
    "how the broker is reached is said in the transport's URL and its plugin's keys; `tally plugin show` lists them";

void set_default(Migration& migration, const IniValue& value, Finding&) {
  migration.buses.default_url = value.value;
  migration.buses.default_finding = migration.findings.size();
}

void set_notify(Migration& migration, const IniValue& value, Finding&) { migration.buses.notify_url = value.value; }

void add_listen(Migration& migration, const IniValue& value, Finding& finding) {
  std::vector<std::string>& urls = migration.buses.listen_urls;
  if (std::ranges::find(urls, value.value) != urls.end()) return differ(finding, "named before, and listened to once");
  urls.push_back(value.value);
}

void set_topics(Migration& migration, const IniValue& value, Finding&) {
  migration.buses.topics = ini_list(value.value);
}

void set_exchanges(Migration& migration, const IniValue& value, Finding&) {
  migration.buses.exchanges = ini_list(value.value);
}

void set_exchange(Migration& migration, const IniValue& value, Finding&) { migration.buses.exchange = value.value; }

void set_tls(Migration& migration, const IniValue& value, Finding& finding) {
  if (!ini_true(value.value)) return;
  migration.buses.amqp["tls"] = {{"true"}};
  differ(
      finding,
      "tls; the broker's certificate and that it is for the host's name are checked, which oslo.messaging leaves out "
      "without ssl_ca_file and ssl_enforce_hostname_verification: tls_verify and tls_verify_name turn it off");
}

void check_tls_version(Migration&, const IniValue& value, Finding& finding) {
  const std::string version = absl::AsciiStrToLower(to_absl(value.value));
  if (version.empty() || version == "sslv23") return;
  differ(finding, "TLS is 1.2 or later, whichever of them both sides have");
}

void set_verify_name(Migration& migration, const IniValue& value, Finding&) {
  migration.buses.amqp["tls_verify_name"] = {{ini_true(value.value) ? "true" : "false"}};
}

template <const char* kKey>
void set_amqp(Migration& migration, const IniValue& value, Finding&) {
  if (!value.value.empty()) migration.buses.amqp[kKey] = {{value.value}};
}

template <const char* kKey>
void set_kafka(Migration& migration, const IniValue& value, Finding&) {
  if (!value.value.empty()) migration.buses.kafka[kKey] = {{value.value}};
}

constexpr char kCa[] = "tls_ca";
constexpr char kCert[] = "tls_cert";
constexpr char kKey[] = "tls_key";

void set_heartbeat(Migration& migration, const IniValue& value, Finding&) {
  migration.buses.amqp["heartbeat"] = {{value.value + "s"}};
}

void add_setting(Migration& migration, const std::string& setting) {
  PlanValue& settings = migration.buses.kafka["settings"];
  settings.list = true;
  settings.items.push_back(setting);
}

void set_protocol(Migration& migration, const IniValue& value, Finding&) {
  add_setting(migration, "security.protocol=" + absl::AsciiStrToLower(to_absl(value.value)));
}

void set_mechanism(Migration& migration, const IniValue& value, Finding&) {
  add_setting(migration, "sasl.mechanisms=" + value.value);
}

struct BusOption {
  std::string_view group;
  std::string_view name;  // empty: the group's other options
  Verdict verdict;
  const char* text;
  void (*apply)(Migration&, const IniValue&, Finding&) = nullptr;
};

constexpr const char* kNotUsed = "of no use to one consumer and one sender";

// The first row whose group and name fit counts. Older names of an option stand beside it.
constexpr std::array kBusOptions = {
    BusOption{"DEFAULT", "transport_url", Verdict::kept, "listen, publish", set_default},
    BusOption{"DEFAULT", "notification_transport_url", Verdict::kept, "listen, publish", set_notify},
    BusOption{"DEFAULT", "notification_topics", Verdict::kept, "topics, a key of the transport", set_topics},
    BusOption{"DEFAULT", "control_exchange", Verdict::kept, "exchange, a key of transport:amqp", set_exchange},
    BusOption{"rpc_notifier2", "topics", Verdict::kept, "topics, a key of the transport", set_topics},
    BusOption{"oslo_messaging_notifications", "transport_url", Verdict::kept, "listen, publish", set_notify},
    BusOption{"oslo_messaging_notifications", "topics", Verdict::kept, "topics, a key of the transport", set_topics},
    BusOption{"oslo_messaging_notifications", "driver", Verdict::ignored, "how Ceilometer itself would notify"},
    BusOption{"oslo_messaging_notifications", "retry", Verdict::differs,
              "tried until the bus has it: the agent's spool keeps what waits"},
    BusOption{"oslo_messaging_notifications", "", Verdict::ignored, kBrokers},
    BusOption{"notification", "messaging_urls", Verdict::kept, "listen", add_listen},
    BusOption{"notification", "notification_control_exchanges", Verdict::kept, "exchanges, a key of transport:amqp",
              set_exchanges},
    BusOption{"oslo_messaging_rabbit", "ssl", Verdict::kept, "off", set_tls},
    BusOption{"oslo_messaging_rabbit", "rabbit_use_ssl", Verdict::kept, "off", set_tls},
    BusOption{"oslo_messaging_rabbit", "ssl_version", Verdict::kept, "the best that both sides have",
              check_tls_version},
    BusOption{"oslo_messaging_rabbit", "kombu_ssl_version", Verdict::kept, "the best that both sides have",
              check_tls_version},
    BusOption{"oslo_messaging_rabbit", "ssl_ca_file", Verdict::kept, "tls_ca, a key of transport:amqp", set_amqp<kCa>},
    BusOption{"oslo_messaging_rabbit", "kombu_ssl_ca_certs", Verdict::kept, "tls_ca, a key of transport:amqp",
              set_amqp<kCa>},
    BusOption{"oslo_messaging_rabbit", "ssl_cert_file", Verdict::kept, "tls_cert, a key of transport:amqp",
              set_amqp<kCert>},
    BusOption{"oslo_messaging_rabbit", "kombu_ssl_certfile", Verdict::kept, "tls_cert, a key of transport:amqp",
              set_amqp<kCert>},
    BusOption{"oslo_messaging_rabbit", "ssl_key_file", Verdict::kept, "tls_key, a key of transport:amqp",
              set_amqp<kKey>},
    BusOption{"oslo_messaging_rabbit", "kombu_ssl_keyfile", Verdict::kept, "tls_key, a key of transport:amqp",
              set_amqp<kKey>},
    BusOption{"oslo_messaging_rabbit", "ssl_enforce_hostname_verification", Verdict::kept,
              "tls_verify_name, a key of transport:amqp", set_verify_name},
    BusOption{"oslo_messaging_rabbit", "ssl_enforce_fips_mode", Verdict::differs,
              "the system's configuration of OpenSSL decides"},
    BusOption{"oslo_messaging_rabbit", "heartbeat_timeout_threshold", Verdict::kept,
              "heartbeat, a key of transport:amqp", set_heartbeat},
    BusOption{"oslo_messaging_rabbit", "rabbit_login_method", Verdict::differs, "PLAIN, by user and password"},
    BusOption{"oslo_messaging_rabbit", "", Verdict::ignored, kBrokers},
    BusOption{"oslo_messaging_kafka", "consumer_group", Verdict::differs,
              "a consumer group of Tally's own, `group: tally` of transport:kafka, so that nothing is taken from "
              "Ceilometer's"},
    BusOption{"oslo_messaging_kafka", "security_protocol", Verdict::kept, "settings, a key of transport:kafka",
              set_protocol},
    BusOption{"oslo_messaging_kafka", "sasl_mechanism", Verdict::kept, "settings, a key of transport:kafka",
              set_mechanism},
    BusOption{"oslo_messaging_kafka", "ssl_cafile", Verdict::kept, "tls_ca, a key of transport:kafka", set_kafka<kCa>},
    BusOption{"oslo_messaging_kafka", "ssl_client_cert_file", Verdict::kept, "tls_cert, a key of transport:kafka",
              set_kafka<kCert>},
    BusOption{"oslo_messaging_kafka", "ssl_client_key_file", Verdict::kept, "tls_key, a key of transport:kafka",
              set_kafka<kKey>},
    BusOption{"oslo_messaging_kafka", "ssl_client_key_password", Verdict::differs,
              "put ssl.key.password=… into a file for secret_settings of transport:kafka"},
    BusOption{"oslo_messaging_kafka", "enable_auto_commit", Verdict::differs,
              "what is stored is committed, and nothing else"},
    BusOption{"oslo_messaging_kafka", "compression_codec", Verdict::differs,
              "compression.codec, among settings of transport:kafka"},
    BusOption{"oslo_messaging_kafka", "", Verdict::ignored, kNotUsed},
};

// Where notification_control_exchanges is not set.
constexpr std::array kExchanges = {"nova",  "glance", "neutron",    "cinder", "heat", "keystone", "trove",
                                   "zaqar", "swift",  "ceilometer", "magnum", "dns",  "ironic",   "aodh"};

std::string scheme_of(const std::string& url) {
  const auto parsed = Url::parse(url);
  return parsed.ok() ? parsed->scheme : std::string();
}

bool is_amqp(const std::string& url) {
  const std::string scheme = scheme_of(url);
  return scheme == "rabbit" || scheme == "amqp" || scheme == "amqps" || scheme == "kombu";
}

bool is_kafka(const std::string& url) { return scheme_of(url).starts_with("kafka"); }

int hex(char c) {
  const auto digit = static_cast<unsigned char>(c);
  if (!absl::ascii_isxdigit(digit)) return -1;
  return absl::ascii_isdigit(digit) ? c - '0' : absl::ascii_tolower(digit) - 'a' + 10;
}

// As `rabbitmqctl -p` takes it.
std::string vhost_of(const std::string& url) {
  const std::string shown = redact_url(url);
  const std::size_t hosts = std::max(shown.find("://") + 3, shown.rfind('@') == shown.npos ? 0 : shown.rfind('@'));
  const std::size_t slash = shown.find('/', hosts);
  const std::string raw = slash == shown.npos ? "" : shown.substr(slash + 1, shown.find('?', slash) - slash - 1);
  std::string vhost;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const bool escaped = raw[i] == '%' && i + 2 < raw.size() && hex(raw[i + 1]) >= 0 && hex(raw[i + 2]) >= 0;
    vhost += escaped ? static_cast<char>(hex(raw[i + 1]) * 16 + hex(raw[i + 2])) : raw[i];
    if (escaped) i += 2;
  }
  return vhost.empty() ? "/" : vhost;
}

// The buses of either file, each once.
std::vector<std::string> all_buses(const Plan& plan) {
  std::vector<std::string> all = plan.listen;
  if (!plan.publish.empty() && std::ranges::find(all, plan.publish) == all.end()) all.push_back(plan.publish);
  return all;
}

void choose_buses(Migration& migration) {
  const BusOptions& buses = migration.buses;
  Plan& plan = migration.plan;
  plan.publish = buses.notify_url.empty() ? buses.default_url : buses.notify_url;
  plan.listen = buses.listen_urls;
  if (plan.listen.empty() && !plan.publish.empty()) plan.listen = {plan.publish};
  if (buses.default_finding) {
    Finding& finding = migration.findings[*buses.default_finding];
    if (!buses.notify_url.empty()) {
      finding.verdict = Verdict::ignored;
      finding.text = "[oslo_messaging_notifications] transport_url counts for notifications, and there is no RPC";
    } else if (!buses.listen_urls.empty()) {
      finding.text = "publish";
    }
  }
  if (!plan.publish.empty() && std::ranges::find(plan.listen, plan.publish) == plan.listen.end()) {
    plan.listen.push_back(plan.publish);
    migration.findings.push_back(
        {Verdict::differs, "ceilometer.conf", 0, "[notification] messaging_urls",
         "polled samples go to " + redact_url(plan.publish) + ", which is not among them: it is listened to as well"});
  }
}

// The agent publishes under the topic "notifications", whichever others are listened to.
std::vector<std::string> topics_of(const BusOptions& buses) {
  std::vector<std::string> topics = buses.topics;
  if (!topics.empty() && std::ranges::find(topics, "notifications") == topics.end()) topics.push_back("notifications");
  return topics;
}

void set_amqp_keys(Migration& migration) {
  const BusOptions& buses = migration.buses;
  Plan& plan = migration.plan;
  PlanKeys common = buses.amqp;
  common["queues"] = {{"own"}};
  if (!buses.exchange.empty() && buses.exchange != "ceilometer") common["exchange"] = {{buses.exchange}};
  PlanKeys collector = common;
  if (const auto topics = topics_of(buses); !topics.empty()) collector["topics"] = {topics, true};
  if (!buses.exchanges.empty() || common.contains("exchange")) {
    const std::string own = buses.exchange.empty() ? "ceilometer" : buses.exchange;
    std::vector<std::string> exchanges = buses.exchanges;
    if (exchanges.empty()) exchanges.assign(kExchanges.begin(), kExchanges.end());
    if (std::ranges::find(exchanges, own) == exchanges.end()) exchanges.push_back(own);
    collector["exchanges"] = {exchanges, true};
  }
  plan.collector_plugins["transport:amqp"] = collector;
  if (is_amqp(plan.publish)) plan.agent_plugins["transport:amqp"] = common;
}

void set_kafka_keys(Migration& migration) {
  const BusOptions& buses = migration.buses;
  Plan& plan = migration.plan;
  PlanKeys collector = buses.kafka;
  if (const auto topics = topics_of(buses); !topics.empty()) collector["topics"] = {topics, true};
  if (!collector.empty()) plan.collector_plugins["transport:kafka"] = collector;
  if (is_kafka(plan.publish) && !buses.kafka.empty()) plan.agent_plugins["transport:kafka"] = buses.kafka;
}

}  // namespace

bool ini_true(std::string_view value) {
  const std::string word = absl::AsciiStrToLower(to_absl(value));
  return word == "true" || word == "1" || word == "yes" || word == "on";
}

bool apply_bus_option(const IniValue& value, Migration& migration, Finding& finding) {
  const auto option = std::ranges::find_if(kBusOptions, [&](const BusOption& one) {
    return one.group == value.group && (one.name.empty() || one.name == value.name);
  });
  if (option == kBusOptions.end()) return false;
  finding.verdict = option->verdict;
  finding.text = option->text;
  if (option->apply != nullptr) option->apply(migration, value, finding);
  return true;
}

void settle_buses(Migration& migration) {
  choose_buses(migration);
  Plan& plan = migration.plan;
  const std::vector<std::string> all = all_buses(plan);
  for (const std::string& url : all) {
    plan.secret_urls |= url_has_password(url);
    if (!is_amqp(url)) continue;
    const std::string vhost = vhost_of(url);
    if (std::ranges::find(plan.vhosts, vhost) == plan.vhosts.end()) plan.vhosts.push_back(vhost);
  }
  if (std::ranges::any_of(all, is_amqp)) set_amqp_keys(migration);
  if (std::ranges::any_of(all, is_kafka)) set_kafka_keys(migration);
}

}  // namespace tally::cli
