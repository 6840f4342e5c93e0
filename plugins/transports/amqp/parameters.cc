#include "parameters.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include <tally/sdk/error.h>

namespace tally::amqp {
namespace {

[[noreturn]] void bad_parameter(const std::string& what) { throw Error::permanent("after the ? of the URL: " + what); }

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

bool truth(const std::string& name, const std::string& value) {
  const std::string word = lower(value);
  if (word == "1" || word == "true" || word == "yes" || word == "on") return true;
  if (word == "0" || word == "false" || word == "no" || word == "off") return false;
  bad_parameter(name + " is 1 or 0, true or false");
}

// The one version that is wanted; nothing: the best that both have.
std::optional<std::string> version(const std::string& name, const std::string& value) {
  const std::string word = lower(value);
  if (word.empty() || word == "sslv23") return std::nullopt;
  if (word == "tlsv1_2") return "1.2";
  if (word == "tlsv1_3") return "1.3";
  bad_parameter(name + " is TLSv1_2, TLSv1_3 or SSLv23 (the best that both sides have); older ones are not secure");
}

int seconds(const std::string& name, const std::string& value) {
  int number = 0;
  const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (problem != std::errc() || end != value.data() + value.size() || number < 0 || number > 3600) {
    bad_parameter(name + " is a number of seconds, at most 3600; 0: none");
  }
  return number;
}

using Take = void (*)(Parameters&, const std::string& name, const std::string& value);

struct Known {
  std::string_view name;
  Take take;
};

void take_tls(Parameters& to, const std::string& name, const std::string& value) { to.tls = truth(name, value); }
void take_verify(Parameters& to, const std::string& name, const std::string& value) { to.verify = truth(name, value); }
void take_name(Parameters& to, const std::string& name, const std::string& value) {
  to.verify_name = truth(name, value);
}
void take_ca(Parameters& to, const std::string&, const std::string& value) { to.ca = value; }
void take_cert(Parameters& to, const std::string&, const std::string& value) { to.cert = value; }
void take_key(Parameters& to, const std::string&, const std::string& value) { to.key = value; }
void take_version(Parameters& to, const std::string& name, const std::string& value) {
  to.version = version(name, value);
}
void take_heartbeat(Parameters& to, const std::string& name, const std::string& value) {
  to.heartbeat_s = seconds(name, value);
}

constexpr std::array kKnown = {
    Known{"ssl", take_tls},
    Known{"rabbit_use_ssl", take_tls},
    Known{"ssl_version", take_version},
    Known{"kombu_ssl_version", take_version},
    Known{"ssl_ca_file", take_ca},
    Known{"kombu_ssl_ca_certs", take_ca},
    Known{"ssl_cert_file", take_cert},
    Known{"kombu_ssl_certfile", take_cert},
    Known{"ssl_key_file", take_key},
    Known{"kombu_ssl_keyfile", take_key},
    Known{"ssl_verify", take_verify},
    Known{"ssl_verify_peer", take_verify},
    Known{"ssl_verify_hostname", take_name},
    Known{"ssl_enforce_hostname_verification", take_name},
    Known{"heartbeat_timeout_threshold", take_heartbeat},
};

// Of oslo.messaging's driver too, for what one consumer and one sender do not have: RPC, pools, queues that it makes.
constexpr std::array<std::string_view, 33> kWithoutEffect = {
    "amqp_auto_delete",
    "amqp_durable_queues",
    "conn_pool_min_size",
    "conn_pool_ttl",
    "direct_mandatory_flag",
    "enable_cancel_on_failover",
    "heartbeat_in_pthread",
    "heartbeat_rate",
    "hostname",
    "kombu_compression",
    "kombu_failover_strategy",
    "kombu_missing_consumer_retry_timeout",
    "kombu_reconnect_delay",
    "kombu_reconnect_splay",
    "kombu_reconnect_timeout",
    "processname",
    "rabbit_durable_queues",
    "rabbit_ha_queues",
    "rabbit_interval_max",
    "rabbit_max_retries",
    "rabbit_qos_prefetch_count",
    "rabbit_quorum_delivery_limit",
    "rabbit_quorum_max_memory_bytes",
    "rabbit_quorum_max_memory_length",
    "rabbit_quorum_queue",
    "rabbit_quroum_max_memory_bytes",
    "rabbit_quroum_max_memory_length",
    "rabbit_retry_backoff",
    "rabbit_retry_interval",
    "rabbit_stream_fanout",
    "rabbit_transient_queues_ttl",
    "rabbit_transient_quorum_queue",
    "rpc_conn_pool_size",
};

}  // namespace

Parameters parse_parameters(std::string_view query) {
  Parameters parameters;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || pair.find('@') != std::string_view::npos) {
      bad_parameter("there is no NAME=VALUE; a ? or @ in a password is written %3F, %40");
    }
    const std::string name = lower(decoded(pair.substr(0, equals), "a parameter's name"));
    const std::string value = decoded(pair.substr(equals + 1), "a parameter's value");
    const auto known = std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& one) { return one.name == name; });
    if (known != kKnown.end()) {
      known->take(parameters, name, value);
    } else if (std::find(kWithoutEffect.begin(), kWithoutEffect.end(), name) == kWithoutEffect.end()) {
      bad_parameter("\"" + name +
                    "\" is not understood; `tally plugin show transport:amqp` lists what is, everything else is a "
                    "key of the plugin");
    }
  }
  return parameters;
}

}  // namespace tally::amqp
