// Every fault has its place, names the thing and says the way out; all are told at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_join.h"
#include "config/config.h"

namespace tally::config {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::vector<PluginKeys> faulty_plugins() {
  return {{"pollster:exec",
           {{"timeout", KeyType::duration, "10s", "The time it may take.", false, "100ms", "1h", {}},
            {"jobs", KeyType::integer, "4", "At once.", false, "1", "16", {}},
            {"format", KeyType::string, "auto", "Of its output.", false, {}, {}, {"auto", "json", "plain"}},
            {"token", KeyType::integer, std::nullopt, "A secret number.", true, {}, {}, {}}}},
          {"notification:image", {}}};
}

std::vector<std::string> texts(const LoadedConfig& loaded) {
  std::vector<std::string> all;
  for (const ConfigFault& fault : loaded.faults) all.push_back(fault.to_string());
  return all;
}

std::vector<std::string> faults(Program program, const std::string& text) {
  const auto plugins = faulty_plugins();
  return texts(load_config_text(program, "f.yaml", text, plugins));
}

TEST(ConfigFaults, UnknownKeysWithWhatWasMeant) {
  EXPECT_THAT(faults(Program::agent, "polling:\n  intervall: 5s\n"),
              ElementsAre("f.yaml:2:3: unknown key \"polling.intervall\", did you mean \"interval\"?"));
  EXPECT_THAT(faults(Program::agent, "interval: 5s\n"),
              ElementsAre("f.yaml:1:1: unknown key \"interval\", did you mean \"polling.interval\"?"));
  EXPECT_THAT(faults(Program::agent, "zebra: 5s\n"), ElementsAre(HasSubstr("`tally config sample`")));
  EXPECT_THAT(
      faults(Program::agent, "polling: 5s\n"),
      ElementsAre("f.yaml:1:10: \"polling\" is a mapping with keys of its own: namespaces, interval, jitter, file"));
}

TEST(ConfigFaults, AllAtOnceInOrderOfPlace) {
  const auto all = faults(Program::collector,
                          "listne: amqp://a/\nstorage: here\nbatch:\n  samples: many\n  age: 60\nhttp: 9464\n"
                          "retention: {cpu: 5 days}\nplugins:\n  pollster:exce: {}\n  pollster:exec:\n    timeuot: 1s\n"
                          "    jobs: 17\n    format: jsno\n    timeout: 1ms\n");
  EXPECT_THAT(all,
              ElementsAre("f.yaml:1:1: unknown key \"listne\", did you mean \"listen\"?",
                          HasSubstr("f.yaml:2:10: \"storage\": not a URL"),
                          "f.yaml:4:12: \"batch.samples\": \"many\" is not a whole number",
                          "f.yaml:5:8: \"batch.age\": \"60\" has no unit: write 60s for seconds",
                          HasSubstr("f.yaml:6:7: \"http\": \"9464\" is not an address:port"),
                          HasSubstr("f.yaml:7:18: \"retention.cpu\": \"5 days\" is not a duration"),
                          "f.yaml:9:3: no plugin \"pollster:exce\" is installed, did you mean \"pollster:exec\"?",
                          "f.yaml:11:5: unknown key \"timeuot\" of plugin \"pollster:exec\", did you mean \"timeout\"?",
                          "f.yaml:12:11: \"plugins.pollster:exec.jobs\": 17 is above the maximum of 16",
                          HasSubstr("f.yaml:13:13: \"plugins.pollster:exec.format\": \"jsno\" is none of auto, json, "
                                    "plain, did you mean \"json\"?"),
                          "f.yaml:14:14: \"plugins.pollster:exec.timeout\": 1ms is below the minimum of 100ms"));
}

TEST(ConfigFaults, TheAgentHoldsNoStorage) {
  const auto all = faults(Program::agent, "storage: postgresql://u:hunter2@db/t\n");
  EXPECT_THAT(all, ElementsAre(HasSubstr("f.yaml:1:1: \"storage\" does not belong in the agent's file")));
  EXPECT_THAT(all[0], Not(HasSubstr("hunter2")));
  EXPECT_THAT(faults(Program::agent, "listen: amqp://a/\n"),
              ElementsAre(HasSubstr("not a key of the agent: it belongs to the collector and `tally run`")));
  EXPECT_THAT(faults(Program::collector, "polling: {interval: 1s}\n"),
              ElementsAre(HasSubstr("it belongs to the agent and `tally run`")));
}

TEST(ConfigFaults, DuplicateKeys) {
  EXPECT_THAT(faults(Program::agent, "source: a\nhost: b\nsource: c\n"),
              ElementsAre("f.yaml:3:1: \"source\" stands here twice, first in line 1: keep one of them"));
  EXPECT_THAT(faults(Program::agent, "polling: {interval: {host: 1s, host: 2s}}\n"),
              ElementsAre(HasSubstr("f.yaml:1:32:")));
}

TEST(ConfigFaults, MalformedYamlHasItsPlace) {
  EXPECT_THAT(faults(Program::agent, "source: a\nhost: [b\n"), ElementsAre(HasSubstr("not readable as YAML")));
  EXPECT_THAT(faults(Program::agent, "source: a\n  host: b: c\n")[0], testing::StartsWith("f.yaml:2:"));
  EXPECT_THAT(faults(Program::agent, "- a\n- b\n"), ElementsAre(HasSubstr("f.yaml:1:1: a configuration is a mapping")));
  EXPECT_THAT(faults(Program::agent, "source: a\n---\nsource: b\n"),
              ElementsAre(HasSubstr("more than one YAML document")));
  EXPECT_THAT(faults(Program::agent, "source: &a x\nhost: *a\n"), ElementsAre(HasSubstr("f.yaml:2:7: aliases")));
  EXPECT_THAT(faults(Program::agent, std::string(100'000, '[')), Not(IsEmpty()));
  EXPECT_THAT(faults(Program::agent, "source: " + std::string(2 << 20, 'x')),
              ElementsAre(HasSubstr("larger than 1 MiB")));
}

TEST(ConfigFaults, WrongShapes) {
  EXPECT_THAT(faults(Program::agent, "source: [a]\n"),
              ElementsAre("f.yaml:1:9: \"source\" takes a single value, but this is a list"));
  EXPECT_THAT(faults(Program::agent, "disable: {meters: {a: b}}\n"),
              ElementsAre(HasSubstr("takes a list, but this is a mapping")));
  EXPECT_THAT(faults(Program::agent, "plugins: [a]\n"), ElementsAre(HasSubstr("\"plugins\" is a mapping")));
  EXPECT_THAT(faults(Program::agent, "plugins: {\"pollster:exec\": 5}\n"), ElementsAre(HasSubstr("are a mapping")));
  EXPECT_THAT(faults(Program::agent, "plugins: {\"notification:image\": {a: 5}}\n"),
              ElementsAre(HasSubstr("which has none")));
  EXPECT_THAT(faults(Program::agent, "polling: {interval: {hots: 5s}}\n"),
              ElementsAre(HasSubstr("unknown namespace \"hots\", did you mean \"host\"?")));
  EXPECT_THAT(faults(Program::agent, "source:\nhost: ~\n"), IsEmpty());
}

TEST(ConfigFaults, References) {
  EXPECT_THAT(faults(Program::agent, "source: {env: TALLY_TEST_UNSET}\n"),
              ElementsAre("f.yaml:1:15: the environment variable TALLY_TEST_UNSET, for \"source\", is not set"));
  EXPECT_THAT(faults(Program::agent, "source: {file: /nonexistent/x}\n"),
              ElementsAre(HasSubstr("cannot be read: No such file")));
}

TEST(ConfigFaults, AWrongSecretIsNotRepeated) {
  const auto all = faults(Program::agent, "plugins: {\"pollster:exec\": {token: hunter2}}\n");
  ASSERT_EQ(all.size(), 1U);
  EXPECT_THAT(all[0], Not(HasSubstr("hunter2")));
}

TEST(ConfigFaults, SecretsThatOthersMayRead) {
  std::string name = (fs::temp_directory_path() / "tally-secret-XXXXXX").string();
  const fs::path folder = mkdtemp(name.data());
  const fs::path file = folder / "agent.yaml";
  std::ofstream(file) << "telemetry_secret: hunter2\npublish: amqp://u:hunter2@h/\n";
  chmod(file.c_str(), 0644);
  const LoadedConfig open = load_config(Program::agent, file, {});
  EXPECT_TRUE(open.valid());
  ASSERT_EQ(open.faults.size(), 2U);
  EXPECT_THAT(
      open.faults[0].to_string(),
      HasSubstr(
          "agent.yaml:1:19: warning: \"telemetry_secret\" is a secret in a file that everyone may read: chmod o-r"));
  EXPECT_THAT(open.faults[1].text, HasSubstr("\"publish\""));
  chmod(file.c_str(), 0640);
  EXPECT_THAT(load_config(Program::agent, file, {}).faults, IsEmpty());

  // What stands elsewhere is not a secret here, in a list neither.
  std::ofstream(folder / "bus.url") << "amqp://u:hunter2@h/\n";
  chmod((folder / "bus.url").c_str(), 0600);
  std::ofstream(file) << "publish: {file: bus.url}\n";
  chmod(file.c_str(), 0644);
  EXPECT_THAT(load_config(Program::agent, file, {}).faults, IsEmpty());
  std::ofstream(file) << "listen: [{file: bus.url}]\n";
  EXPECT_THAT(load_config(Program::collector, file, {}).faults, IsEmpty());
  fs::remove_all(folder);
}

TEST(ConfigFaults, DisableThatMatchesNothing) {
  LoadedConfig loaded = load_config_text(
      Program::agent, "f.yaml",
      "disable:\n  plugins: [\"pollster:exec\", exce, \"storage:*\"]\n  meters: [\"disk.*\", dsik]\n", {});
  const std::vector<std::string> plugins = {"pollster:exec", "notification:image"};
  const std::vector<std::string> meters = {"disk.read", "disk"};
  check_disable(loaded, plugins, meters);
  EXPECT_TRUE(loaded.valid());
  EXPECT_THAT(
      texts(loaded),
      ElementsAre("f.yaml:2:30: warning: \"exce\" matches no plugin (role:name), did you mean \"pollster:exec\"?",
                  "f.yaml:2:36: warning: \"storage:*\" matches no plugin (role:name)",
                  "f.yaml:3:22: warning: \"dsik\" matches no meter, did you mean \"disk\"?"));
}

TEST(ConfigFaults, UrlsThatNoDriverTakes) {
  LoadedConfig loaded = load_config_text(Program::run, "f.yaml", "transport: ampq://a/\nstorage: \"null://\"\n", {});
  const std::vector<std::string> transports = {"amqp", "local"};
  const std::vector<std::string> storages = {"sqlite", "null"};
  check_schemes(loaded, transports, storages);
  EXPECT_THAT(texts(loaded), ElementsAre("f.yaml:1:12: \"listen\": no transport for ampq://, did you mean \"amqp\"?",
                                         "f.yaml:1:12: \"publish\": no transport for ampq://, did you mean \"amqp\"?"));
}

const std::vector<UrlQuery> kDeclared = {
    {"transport:amqp",
     {"amqp", "rabbit"},
     {{"ssl", KeyType::boolean, {}, "", false, {}, {}, {}},
      {"ssl_ca_file", KeyType::path, {}, "", false, {}, {}, {}},
      {"ssl_version", KeyType::string, {}, "", false, {}, {}, {"TLSv1_2"}},
      {"heartbeat", KeyType::integer, {}, "", false, "0", "3600", {}},
      {"key_password", KeyType::string, {}, "", true, {}, {}, {"none"}}}},
    {"transport:kafka", {"kafka"}, {{"*.*", KeyType::string, {}, "", false, {}, {}, {}}}},
    {"transport:local", {"local"}, {}},
};

TEST(ConfigFaults, WhatADriverDoesNotDeclareOfItsUrlsIsRefused) {
  LoadedConfig loaded = load_config_text(
      Program::collector, "f.yaml",
      "listen:\n  - rabbit://u:p@h:5671//v?ssl=1&ssl_version=TLSv1_2&ssl_ca_file=/etc/ca.pem&heartbeat=30\n"
      "  - \"amqp://h/?SSL=true&ssl_ca_fil=/x&ssl_version=TLSv1&heartbeat=soon&key_password=hidden&nothing=1\"\n"
      "  - kafka://h/?fetch.wait.max.ms=5&fetch=1\n  - local:///run/x.sock?a=b\n  - other://h/?any=thing\n"
      "dead_letters: {copy_to: \"amqp://h/?later=1\"}\nstorage: \"null://?x=1\"\n",
      {});
  ASSERT_TRUE(loaded.valid());
  check_queries(loaded, kDeclared, {});
  EXPECT_THAT(texts(loaded), SizeIs(8));
  const std::string all = absl::StrJoin(texts(loaded), "\n");
  EXPECT_THAT(all, HasSubstr("f.yaml:3:5: \"listen\": \"ssl_ca_fil\" after the ? of the URL is not understood by "
                             "transport:amqp, did you mean \"ssl_ca_file\"?"));
  EXPECT_THAT(all, HasSubstr("\"ssl_version\" after the ? of the URL: \"TLSv1\" is none of"));
  EXPECT_THAT(all, HasSubstr("\"heartbeat\" after the ? of the URL: "));
  EXPECT_THAT(all, HasSubstr("\"key_password\" after the ? of the URL: the value is none of"));
  EXPECT_THAT(all, HasSubstr("`tally plugin show transport:amqp` lists what is"));
  EXPECT_THAT(
      all, HasSubstr("f.yaml:4:5: \"listen\": \"fetch\" after the ? of the URL is not understood by transport:kafka"));
  EXPECT_THAT(all, HasSubstr("\"a\" after the ? of the URL is not understood by transport:local"));
  EXPECT_THAT(all, HasSubstr("\"dead_letters.copy_to\": \"later\" after the ?"));
  EXPECT_THAT(all, Not(HasSubstr("hidden")));
}

TEST(ConfigFaults, AQuestionMarkInAPasswordIsNotShownAsAParameter) {
  LoadedConfig loaded = load_config_text(Program::collector, "f.yaml", "listen: \"amqp://u:hid?den@h/v?ssl=1\"\n", {});
  check_queries(loaded, kDeclared, {});
  ASSERT_THAT(texts(loaded), SizeIs(1));
  EXPECT_THAT(texts(loaded)[0], HasSubstr("%3F"));
  EXPECT_THAT(texts(loaded)[0], Not(HasSubstr("den")));
}

}  // namespace
}  // namespace tally::config
