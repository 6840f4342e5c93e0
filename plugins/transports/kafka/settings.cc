#include "settings.h"

#include <algorithm>
#include <array>

#include <tally/sdk/error.h>

namespace tally::kafka {
namespace {

constexpr std::array<std::string_view, 6> kSecrets = {"password",           "secret", "pem", "token",
                                                      "oauthbearer.config", "keytab"};

}  // namespace

bool is_secret(std::string_view name) {
  return std::any_of(kSecrets.begin(), kSecrets.end(),
                     [&](std::string_view word) { return name.find(word) != std::string_view::npos; });
}

Conf make_conf(const std::vector<Setting>& settings) {
  Conf conf(rd_kafka_conf_new());
  for (const auto& [name, value] : settings) {
    std::array<char, 512> why{};
    switch (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), why.data(), why.size())) {
      case RD_KAFKA_CONF_OK:
        break;
      case RD_KAFKA_CONF_UNKNOWN:
        throw Error::permanent("setting \"" + name + "\": librdkafka " + rd_kafka_version_str() +
                               " has none of this name; see its CONFIGURATION.md");
      default:
        throw Error::permanent("setting \"" + name + "\": librdkafka does not take its value" +
                               (is_secret(name) ? "" : " \"" + value + "\": " + why.data()));
    }
  }
  return conf;
}

}  // namespace tally::kafka
