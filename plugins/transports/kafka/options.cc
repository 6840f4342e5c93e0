#include "options.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tally/sdk/error.h>

namespace tally::kafka {
namespace {

// What the guarantee stands on, or has a key of its own.
constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kOurs = {{
    {"enable.auto.commit", "commits follow what is stored"},
    {"auto.commit.enable", "commits follow what is stored"},
    {"enable.auto.offset.store", "commits follow what is stored"},
    {"auto.offset.reset", "see the key lost_offset"},
    {"partition.assignment.strategy", "it is cooperative-sticky"},
    {"enable.idempotence", "it is on"},
    {"acks", "all replicas confirm"},
    {"request.required.acks", "all replicas confirm"},
    {"group.id", "see the key group"},
    {"bootstrap.servers", "hosts stand in the URL"},
    {"metadata.broker.list", "hosts stand in the URL"},
}};

std::string milliseconds(const Config& config, std::string_view key) {
  return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(config.duration(key)).count());
}

void add_file(const Config& config, const std::string& key, const std::string& name, std::vector<Setting>& settings) {
  const std::string path = config.has(key) ? config.text(key) : std::string();
  if (path.empty()) return;
  if (::access(path.c_str(), R_OK) != 0) {
    throw Error::permanent(key + ": " + path + ": " + std::strerror(errno) + "; name a readable file in PEM form");
  }
  settings.emplace_back(name, path);
}

Setting setting_of(const std::string& key, std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    throw Error::permanent(key + ": an entry is not a NAME=VALUE, such as fetch.wait.max.ms=100");
  }
  const auto trimmed = [](std::string_view part) {
    const std::size_t first = part.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return std::string();
    return std::string(part.substr(first, part.find_last_not_of(" \t\r") - first + 1));
  };
  return {trimmed(text.substr(0, equals)), trimmed(text.substr(equals + 1))};
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(at));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    if (part.find_first_not_of(" \t\r") != std::string_view::npos) parts.emplace_back(part);
  }
  return parts;
}

// Our keys, each as the URL has it, or else the configuration.
struct Keys {
  std::vector<std::string> topics;
  std::vector<std::string> priorities;
  std::vector<std::string> names;
  std::string group;
};

// The options of oslo.messaging's driver for Kafka, which its URLs may hold too, and librdkafka's names for them; no
// name: of no use here.
constexpr std::array<std::pair<std::string_view, std::string_view>, 16> kOslo = {{
    {"security_protocol", "security.protocol"},
    {"sasl_mechanism", "sasl.mechanisms"},
    {"ssl_cafile", "ssl.ca.location"},
    {"ssl_client_cert_file", "ssl.certificate.location"},
    {"ssl_client_key_file", "ssl.key.location"},
    {"ssl_client_key_password", "ssl.key.password"},
    {"compression_codec", "compression.codec"},
    {"kafka_max_fetch_bytes", "fetch.message.max.bytes"},
    {"producer_batch_size", "batch.size"},
    {"producer_batch_timeout", ""},
    {"kafka_consumer_timeout", ""},
    {"enable_auto_commit", ""},
    {"max_poll_records", ""},
    {"pool_size", ""},
    {"conn_pool_min_size", ""},
    {"conn_pool_ttl", ""},
}};

std::optional<Setting> setting_named_by_oslo(const Setting& one) {
  const auto found =
      std::find_if(kOslo.begin(), kOslo.end(), [&](const auto& known) { return known.first == one.first; });
  if (found == kOslo.end()) return std::nullopt;
  return Setting{found->second, one.second};
}

// What librdkafka is told beyond our own settings, the URL's first; our own keys in the URL are taken out.
std::vector<Setting> users_settings(const Config& config, const Address& address, Keys& keys) {
  std::vector<Setting> users;
  for (const Setting& one : address.query) {
    if (one.first == "topics") {
      keys.topics = split(one.second, ',');
    } else if (one.first == "priorities") {
      keys.priorities = split(one.second, ',');
    } else if (one.first == "topic_names") {
      keys.names = split(one.second, ',');
    } else if (one.first == "group" || one.first == "consumer_group") {
      keys.group = one.second;
    } else if (auto said = setting_named_by_oslo(one)) {
      if (!said->first.empty()) users.push_back(*std::move(said));
    } else {
      users.push_back(one);
    }
  }
  for (const std::string& entry : config.list("settings")) {
    users.push_back(setting_of("settings", entry));
    if (is_secret(users.back().first)) {
      throw Error::permanent("settings: " + users.back().first + " is a secret, write it in secret_settings");
    }
  }
  for (const std::string& line : split(config.text("secret_settings"), '\n')) {
    users.push_back(setting_of("secret_settings", line));
  }
  for (const Setting& user : users) {
    const auto ours =
        std::find_if(kOurs.begin(), kOurs.end(), [&](const auto& one) { return one.first == user.first; });
    if (ours != kOurs.end()) {
      throw Error::permanent("setting \"" + user.first + "\" is not to be set: " + std::string(ours->second));
    }
  }
  return users;
}

std::vector<Setting> common_settings(const Config& config, const Address& address) {
  std::vector<Setting> all = {{"bootstrap.servers", address.servers},
                              {"client.id", "tally-" + config.host()},
                              {"topic.metadata.refresh.interval.ms", milliseconds(config, "look_again")}};
  const bool user = !address.user.empty();
  if (user) {
    all.insert(all.end(),
               {{"sasl.mechanisms", "PLAIN"}, {"sasl.username", address.user}, {"sasl.password", address.password}});
  }
  if (address.tls || user) {
    all.emplace_back("security.protocol", std::string(user ? "sasl_" : "") + (address.tls ? "ssl" : "plaintext"));
  }
  const bool verify = config.boolean("tls_verify");
  all.emplace_back("enable.ssl.certificate.verification", verify ? "true" : "false");
  all.emplace_back("ssl.endpoint.identification.algorithm", verify ? "https" : "none");
  add_file(config, "tls_ca", "ssl.ca.location", all);
  add_file(config, "tls_cert", "ssl.certificate.location", all);
  add_file(config, "tls_key", "ssl.key.location", all);
  return all;
}

std::vector<std::string> topics(const Keys& keys, const std::string& vhost) {
  std::vector<std::string> names = keys.names;
  if (names.empty()) {
    for (const std::string& topic : keys.topics) {
      if (topic.starts_with('^')) names.push_back(topic);
      if (topic.starts_with('^')) continue;
      for (const std::string& priority : keys.priorities) {
        names.push_back(topic + "." + priority + (vhost.empty() ? "" : "." + vhost));
      }
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (names.empty()) throw Error::permanent("topics, priorities: there is no topic to consume, name at least one each");
  for (const std::string& name : names) {
    if (name.empty()) throw Error::permanent("topics: a topic's name is empty");
    if (!name.starts_with('^') && name.size() > 249) {
      throw Error::permanent("topic \"" + name + "\": a topic's name has 1 to 249 bytes");
    }
  }
  return names;
}

}  // namespace

Options Options::read(const Config& config) {
  const Address address = parse_url(config.url());
  Keys keys{config.list("topics"), config.list("priorities"), config.list("topic_names"), config.text("group")};
  const std::vector<Setting> users = users_settings(config, address, keys);
  if (keys.group.empty()) throw Error::permanent("group: a consumer group has a name");
  const std::string buffer_kb = std::to_string(std::max<std::uint64_t>(config.bytes("buffer") / 1024, 1));

  Options options;
  GroupOptions& group = options.group;
  group.settings = common_settings(config, address);
  group.settings.insert(group.settings.end(), {{"group.id", keys.group},
                                               {"enable.auto.commit", "false"},
                                               {"enable.auto.offset.store", "false"},
                                               {"auto.offset.reset", "error"},
                                               {"partition.assignment.strategy", "cooperative-sticky"},
                                               {"heartbeat.interval.ms", "1000"},  // by which a rebalance is heard of
                                               {"queued.max.messages.kbytes", buffer_kb},
                                               {"fetch.error.backoff.ms", "100"}});
  group.settings.insert(group.settings.end(), users.begin(), users.end());
  group.topics = topics(keys, address.vhost);
  group.depth_every = std::chrono::ceil<std::chrono::milliseconds>(config.duration("depth_every"));
  group.commit_every = std::chrono::ceil<std::chrono::milliseconds>(config.duration("commit_every"));
  group.revoke_wait = std::chrono::ceil<std::chrono::milliseconds>(config.duration("revoke_wait"));
  group.lost_goes_on = config.text("lost_offset") == "earliest";

  PublisherOptions& publisher = options.publisher;
  publisher.settings = common_settings(config, address);
  publisher.settings.insert(publisher.settings.end(), {{"enable.idempotence", "true"},
                                                       {"acks", "all"},
                                                       {"topic.metadata.propagation.max.ms", "5000"},
                                                       {"queue.buffering.max.kbytes", buffer_kb}});
  publisher.settings.insert(publisher.settings.end(), users.begin(), users.end());
  publisher.vhost = address.vhost;
  make_conf(group.settings);  // so that a wrong one is told now
  make_conf(publisher.settings);
  return options;
}

}  // namespace tally::kafka
