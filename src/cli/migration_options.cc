// What each option of ceilometer.conf means to Tally, in one table.
// Not for the files that options name: migration_files.cc; nor for buses: migration_buses.cc.
#include <algorithm>
#include <array>

#include "base/url.h"
#include "cli/migration.h"
#include "config/value.h"

namespace tally::cli {
namespace {

using Apply = void (*)(Migration&, const IniValue&, Finding&);

struct Option {
  std::string_view group;
  std::string_view name;  // empty: the group's other options
  Verdict verdict;
  const char* text;
  Apply apply = nullptr;
};

void set_namespaces(Migration& migration, const IniValue& value, Finding& finding) {
  migration.plan.namespaces.clear();
  std::string left_out;
  for (const std::string& name : ini_list(value.value)) {
    if (name == "compute" || name == "central") {
      migration.plan.namespaces.push_back(name);
    } else {
      left_out += (left_out.empty() ? "" : ", ") + name;
    }
  }
  if (!left_out.empty()) differ(finding, "polling.namespaces; no pollsters here for " + left_out);
}

void set_batch_age(Migration& migration, const IniValue& value, Finding& finding) {
  const auto age = config::parse_duration(value.value + "s");
  if (!age.ok() || *age <= std::chrono::seconds(0) || *age > std::chrono::minutes(1)) {
    return differ(finding, "batch.age is between 1ms and 1m; the default of 1s is used");
  }
  migration.plan.batch_age = value.value + "s";
}

void set_reserved(Migration& migration, const IniValue& value, Finding&) {
  migration.plan.reserved[value.name] = ini_list(value.value);
}

void add_definitions(Migration& migration, const IniValue& value, Finding& finding) {
  if (value.value.find("ceilometer/data/meters.d") != std::string::npos) {
    return differ(finding, "Ceilometer's own definitions; Tally's shipped ones make the same meters");
  }
  migration.plan.definitions.push_back(value.value);
}

void check_inspector(Migration&, const IniValue& value, Finding& finding) {
  if (value.value != "libvirt") differ(finding, "libvirt alone is asked for instances");
}

void check_enabled(Migration&, const IniValue& value, Finding& finding) {
  if (ini_true(value.value)) return;
  differ(finding, "samples always go to the bus; do not install tally-agent where none are wanted");
}

constexpr const char* kEvents = "Tally keeps samples; events are not kept";
constexpr const char* kLogs = "logs go to stderr, for the journal; -v, -q and log.format choose what and how";
constexpr const char* kCredentials = "asked for by the plugins that poll services, under their own keys";
constexpr const char* kThreads = "each pollster has a timer of its own, a slow one delays only itself";
constexpr const char* kPartition = "agents are not grouped: what several would poll is divided in their configurations";

// The first row whose group and name fit counts.
constexpr std::array kOptions = {
    Option{"DEFAULT", "host", Verdict::kept, "host",
           [](Migration& m, const IniValue& v, Finding&) { m.plan.host = v.value; }},
    Option{"DEFAULT", "sample_source", Verdict::kept, "source",
           [](Migration& m, const IniValue& v, Finding&) { m.plan.source = v.value; }},
    Option{"DEFAULT", "polling_namespaces", Verdict::kept, "polling.namespaces", set_namespaces},
    Option{"DEFAULT", "pipeline_cfg_file", Verdict::kept, "read for this report",
           [](Migration& m, const IniValue& v, Finding&) { m.pipeline_file = v.value; }},
    Option{"DEFAULT", "event_pipeline_cfg_file", Verdict::ignored, kEvents},
    Option{"DEFAULT", "hypervisor_inspector", Verdict::kept, "libvirt is asked", check_inspector},
    Option{"DEFAULT", "libvirt_type", Verdict::ignored, "the domains themselves say what they are"},
    Option{"DEFAULT", "libvirt_uri", Verdict::ignored, "a key of the plugins that ask libvirt"},
    Option{"DEFAULT", "reserved_metadata_namespace", Verdict::kept, "a key of notification:meters", set_reserved},
    Option{"DEFAULT", "reserved_metadata_keys", Verdict::kept, "a key of notification:meters", set_reserved},
    Option{"DEFAULT", "reserved_metadata_length", Verdict::kept, "a key of notification:meters",
           [](Migration& m, const IniValue& v, Finding&) { m.plan.reserved_length = v.value; }},
    Option{"DEFAULT", "max_parallel_requests", Verdict::ignored, "limits.messages bounds what is in flight"},
    Option{"DEFAULT", "reseller_prefix", Verdict::kept, "a key of pollster:openstack",
           [](Migration& m, const IniValue& v, Finding&) {
             m.plan.agent_plugins["pollster:openstack"]["reseller_prefix"] = {{v.value}};
           }},
    Option{"DEFAULT", "rootwrap_config", Verdict::ignored, "nothing here is run as root by way of another program"},
    Option{"DEFAULT", "rpc_response_timeout", Verdict::ignored, "there is no RPC"},
    Option{"DEFAULT", "executor_thread_pool_size", Verdict::ignored, "limits.messages bounds what is in flight"},
    Option{"DEFAULT", "debug", Verdict::differs, "-v on the command line"},
    Option{"DEFAULT", "", Verdict::ignored, kLogs},
    Option{"notification", "batch_timeout", Verdict::kept, "batch.age", set_batch_age},
    Option{"notification", "batch_size", Verdict::differs,
           "a batch is bounded in samples, by batch.samples; the default is used"},
    Option{"notification", "workers", Verdict::differs,
           "one process takes from all buses; start several collectors for more"},
    Option{"notification", "ack_on_event_error", Verdict::differs,
           "a message is acknowledged once its samples, or its dead letter, are committed"},
    Option{"notification", "pipelines", Verdict::differs, "samples alone are made"},
    Option{"notification", "", Verdict::ignored, "of an older Ceilometer, or unknown"},
    Option{"polling", "cfg_file", Verdict::kept, "polling.file",
           [](Migration& m, const IniValue& v, Finding&) { m.polling_file = v.value; }},
    Option{"polling", "batch_size", Verdict::differs, "batch.samples; the default is used"},
    Option{"polling", "enable_notifications", Verdict::kept, "publish", check_enabled},
    Option{"polling", "enable_prometheus_exporter", Verdict::ignored,
           "/metrics has the agent's own counters; samples are asked of the store"},
    Option{"polling", "heartbeat_socket_dir", Verdict::differs, "/status and /healthz say what each pollster does"},
    Option{"polling", "threads_to_process_pollsters", Verdict::differs, kThreads},
    Option{"polling", "partitioning_group_prefix", Verdict::ignored, kPartition},
    Option{"polling", "identity_name_discovery", Verdict::ignored, "names are kept where the sender gives them"},
    Option{"polling", "", Verdict::ignored, kCredentials},
    Option{"meter", "meter_definitions_dirs", Verdict::kept, "a key of notification:meters", add_definitions},
    Option{"publisher", "telemetry_secret", Verdict::kept, "telemetry_secret, from a file of its own",
           [](Migration& m, const IniValue&, Finding&) { m.plan.signs = true; }},
    Option{"publisher_notifier", "telemetry_driver", Verdict::kept,
           "version 2 of the envelope; both versions are read"},
    Option{"publisher_notifier", "metering_topic", Verdict::differs,
           "sample messages are known by their event type, on any topic"},
    Option{"publisher_notifier", "", Verdict::ignored, kEvents},
    Option{"compute", "", Verdict::ignored, "a matter of the plugins that find instances"},
    Option{"coordination", "", Verdict::ignored, kPartition},
    Option{"event", "", Verdict::ignored, kEvents},
    Option{"service_credentials", "", Verdict::ignored, "the same names are keys of discovery:openstack"},
    Option{"service_types", "", Verdict::ignored, kCredentials},
    Option{"keystone_authtoken", "", Verdict::ignored, kCredentials},
    Option{"ipmi", "", Verdict::ignored, "no pollsters here for ipmi"},
    Option{"vmware", "", Verdict::ignored, "no pollsters here for vmware"},
};

const Option* find(const IniValue& value) {
  const auto at = std::ranges::find_if(kOptions, [&](const Option& option) {
    return option.group == value.group && (option.name.empty() || option.name == value.name);
  });
  return at == kOptions.end() ? nullptr : at;
}

// Passwords are nobody's business here.
std::string shown(const IniValue& value) {
  static constexpr std::array kSecret = {"secret", "password", "token", "auth_url_key"};
  for (const char* word : kSecret) {
    if (value.name.find(word) != std::string::npos) return value.name + " = ***";
  }
  std::string text = redact_url(value.value);
  std::ranges::replace(text, '\n', ' ');
  return value.name + " = " + text;
}

}  // namespace

void apply_options(std::span<const IniValue> values, const std::string& file, Migration& migration) {
  for (const IniValue& value : values) {
    Finding finding{Verdict::ignored, file, value.line, "[" + value.group + "] " + shown(value),
                    "Tally has nothing like it"};
    if (apply_bus_option(value, migration, finding)) {
      // said
    } else if (const Option* option = find(value)) {
      finding.verdict = option->verdict;
      finding.text = option->text;
      if (option->apply != nullptr) option->apply(migration, value, finding);
    }
    migration.findings.push_back(std::move(finding));
  }
}

}  // namespace tally::cli
