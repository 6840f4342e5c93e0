// Ceilometer's polling.yaml: what is read of it, what is wrong with it and where, and the key that names it.
#include "config/polling_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/scratch_folder.h"

namespace tally::config {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Parsed {
  std::vector<PollingSource> sources;
  std::vector<std::string> faults;
};

Parsed parse(const std::string& text) {
  Faults faults;
  Parsed parsed{parse_polling("p.yaml", text, faults), {}};
  for (const ConfigFault& fault : faults.take({"p.yaml"})) parsed.faults.push_back(fault.to_string());
  return parsed;
}

// A source with these meters, and what is said of it.
std::vector<std::string> faults_of_meters(const std::string& meters) {
  return parse("sources:\n  - name: s\n    interval: 60\n    meters: " + meters + "\n").faults;
}

TEST(PollingFile, IsReadAsCeilometerWritesIt) {
  const Parsed parsed = parse(
      "---\nsources:\n    - name: some_pollsters\n      interval: 300\n      meters:\n        - power.state\n"
      "        - cpu\n        - network.incoming.bytes\n    - name: fast\n      interval: \"60\"\n      meters: \"*\"\n"
      "      resources:\n        - i-1\n      discovery: [local_instances, 'endpoint:volume']\n");
  EXPECT_THAT(parsed.faults, IsEmpty());
  ASSERT_EQ(parsed.sources.size(), 2U);
  EXPECT_EQ(parsed.sources[0].name, "some_pollsters");
  EXPECT_EQ(parsed.sources[0].interval, std::chrono::seconds(300));
  EXPECT_THAT(parsed.sources[0].meters, ElementsAre("power.state", "cpu", "network.incoming.bytes"));
  EXPECT_THAT(parsed.sources[0].resources, IsEmpty());
  EXPECT_EQ(parsed.sources[1].interval, std::chrono::seconds(60));
  EXPECT_THAT(parsed.sources[1].meters, ElementsAre("*"));
  EXPECT_THAT(parsed.sources[1].resources, ElementsAre("i-1"));
  EXPECT_THAT(parsed.sources[1].discoveries, ElementsAre("local_instances", "endpoint:volume"));
}

TEST(PollingFile, TellsAllFaultsAtOnceEachWithItsPlaceAndTheWayOut) {
  const Parsed parsed = parse(
      "sources:\n  - interval: 60\n    meters: [cpu]\n  - name: a\n    interval: soon\n    meters: []\n"
      "  - name: b\n    meters: [cpu, '']\n    resources: one\n    discovery: {x: y}\n  - name: c\n    interval: 0\n"
      "  - word\n  - name: good\n    interval: 60\n    meters: [cpu]\n    metres: [x]\n"
      "    group_id_coordination_expression: \"1 + 1\"\n  - name: good\n    interval: 60\n    meters: ['!cpu']\n");
  EXPECT_THAT(
      parsed.faults,
      ElementsAre(
          "p.yaml:2:5: a source needs a name: write `name: WORD`",
          "p.yaml:5:15: source \"a\": \"interval\" takes whole seconds above 0, as in 300, not \"soon\"",
          "p.yaml:6:13: source \"a\": \"meters\" lists nothing: name some, or write [\"*\"] for all",
          "p.yaml:7:5: source \"b\": \"interval\" is missing: write whole seconds, as in 300",
          "p.yaml:8:19: source \"b\": an entry of \"meters\" is a word, and this is none: write it out, or remove it",
          "p.yaml:9:16: source \"b\": \"resources\" takes a list, as in [one]",
          "p.yaml:10:16: source \"b\": \"discovery\" takes a list, as in [a, b]",
          "p.yaml:11:5: source \"c\": \"meters\" is missing: list them, or write [\"*\"] for all",
          "p.yaml:12:15: source \"c\": \"interval\" takes whole seconds above 0, as in 300, not \"0\"",
          "p.yaml:13:5: a source is a mapping with name, interval and meters",
          "p.yaml:17:5: warning: source \"good\": unknown key \"metres\", ignoring it, did you mean \"meters\"?",
          HasSubstr("p.yaml:18:5: warning: source \"good\": \"group_id_coordination_expression\" is a program"),
          "p.yaml:19:5: warning: source \"good\" stands here a second time, first in line 14: both count"));
  EXPECT_EQ(parsed.sources.size(), 2U) << "what has no fault is read";
}

TEST(PollingFile, ATextWithoutSourcesIsAFault) {
  for (const char* text : {"", "sources:\n", "sources: {a: b}\n", "- cpu\n", "sources: cpu\n"}) {
    EXPECT_THAT(parse(text).faults, ElementsAre(HasSubstr("a polling file has a list \"sources\""))) << text;
  }
  EXPECT_THAT(parse("sources: [\n").faults.at(0), HasSubstr("not readable as YAML"));
  EXPECT_THAT(parse("sources: []\n").faults,
              ElementsAre(HasSubstr("warning: \"sources\" is empty: nothing is polled")));
}

// The table of Ceilometer's check_source_filtering: only the first character counts.
TEST(PollingFile, ListsThatContradictThemselvesAreFaultsAsInCeilometer) {
  for (const char* good : {"['*']", "['a']", "['!a']", "['*', '!a']", "['*.size', 'a']", "['*', '*.b']",
                           "['!a', '*.c']", "'*'", "['!a', '!b']"}) {
    EXPECT_THAT(faults_of_meters(good), IsEmpty()) << good;
  }
  for (const char* bad : {"['a', '!b']", "['disk.*', '!disk.read']"}) {
    EXPECT_THAT(faults_of_meters(bad), ElementsAre(HasSubstr("p.yaml:4:13: source \"s\": \"meters\" has both"))) << bad;
  }
  EXPECT_THAT(faults_of_meters("['*', 'a']"), ElementsAre(HasSubstr("\"*\" is all of them, remove one of the two")));
  EXPECT_EQ(faults_of_meters("['*', 'a', '!b']").size(), 2U);
}

// The table of Ceilometer's is_supported.
TEST(WantsMeter, FollowsCeilometersRule) {
  const auto wants = [](std::vector<std::string> entries, const std::string& name) {
    return wants_meter(entries, name);
  };
  EXPECT_TRUE(wants({"*"}, "cpu"));
  EXPECT_TRUE(wants({"disk.*"}, "disk.read"));
  EXPECT_FALSE(wants({"disk.*"}, "cpu"));
  EXPECT_FALSE(wants({"*", "!cpu"}, "cpu"));
  EXPECT_TRUE(wants({"!cpu"}, "memory")) << "only exclusions include the rest";
  EXPECT_FALSE(wants({"!cpu", "!m*"}, "memory"));
  EXPECT_TRUE(wants({"disk.[rw]*"}, "disk.write"));
  EXPECT_TRUE(wants({"disk.?ead"}, "disk.read"));
  EXPECT_FALSE(wants({"[!d]*"}, "disk"));
  EXPECT_FALSE(wants({"CPU"}, "cpu"));
  EXPECT_TRUE(wants({"a\\*"}, "a\\b")) << "a backslash is a backslash";
  EXPECT_FALSE(wants({}, "cpu"));
}

class PollingKey : public ::testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& text) {
    fs::create_directories((folder_.path() / name).parent_path());
    std::ofstream(folder_.path() / name) << text;
    return folder_.path() / name;
  }
  // What is said, without the folder's name.
  std::vector<std::string> said(const LoadedConfig& loaded) const {
    std::vector<std::string> texts;
    for (const ConfigFault& fault : loaded.faults) {
      std::string text = fault.to_string();
      for (std::size_t at; (at = text.find(folder_.path().string() + "/")) != std::string::npos;)
        text.erase(at, folder_.path().string().size() + 1);
      texts.push_back(text);
    }
    return texts;
  }

  test::ScratchFolder folder_;
};

TEST_F(PollingKey, NamesAFileBesideTheConfiguration) {
  write("polling.yaml", "sources:\n  - name: s\n    interval: 30\n    meters: [cpu]\n");
  const LoadedConfig loaded = load_config(Program::agent, write("agent.yaml", "polling: {file: polling.yaml}\n"), {});
  EXPECT_THAT(said(loaded), IsEmpty());
  EXPECT_EQ(loaded.config.polling.file, folder_.path() / "polling.yaml");
  ASSERT_EQ(loaded.config.polling.sources.size(), 1U);
  EXPECT_EQ(loaded.config.polling.sources[0].meters_place.line, 4);
}

TEST_F(PollingKey, IsNoReferenceWhereSeveralFilesSpeakOfPolling) {
  write("polling.yaml", "sources:\n  - name: s\n    interval: 30\n    meters: [cpu]\n");
  const fs::path file = write("agent.yaml", "polling: {file: polling.yaml}\n");
  write("agent.d/1.yaml", "polling: {interval: 7s}\n");
  write("agent.d/2.yaml", "polling: {jitter: 2s}\n");
  const LoadedConfig loaded = load_config(Program::agent, file, {});
  EXPECT_THAT(said(loaded), IsEmpty());
  EXPECT_EQ(loaded.config.polling.sources.size(), 1U);
  EXPECT_EQ(loaded.config.interval_of("host"), std::chrono::seconds(7));
  EXPECT_EQ(loaded.config.polling.jitter, std::chrono::seconds(2));
}

TEST_F(PollingKey, FaultsOfBothFilesAreToldTogether) {
  write("polling.yaml", "sources:\n  - name: s\n    interval: 30\n");
  const fs::path file = write("agent.yaml", "polling: {file: polling.yaml, intervall: 3s}\n");
  EXPECT_THAT(
      said(load_config(Program::agent, file, {})),
      ElementsAre(HasSubstr("agent.yaml:1:31: unknown key"), HasSubstr("polling.yaml:2:5: source \"s\": \"meters\"")));
  const fs::path lost = write("lost.yaml", "polling: {file: nowhere.yaml}\n");
  EXPECT_THAT(said(load_config(Program::agent, lost, {})),
              ElementsAre("lost.yaml:1:17: \"polling.file\": nowhere.yaml cannot be read: No such file or directory; "
                          "without the key everything is polled"));
}

TEST_F(PollingKey, WhatIsNotInstalledIsAWarningForEachSource) {
  write("polling.yaml",
        "sources:\n  - name: s\n    interval: 30\n    meters: [cpu, volume.size, 'image.*']\n    discovery: [tenant, "
        "local_instances]\n  - name: t\n    interval: 30\n    meters: ['!cp?']\n");
  LoadedConfig loaded = load_config(Program::agent, write("agent.yaml", "polling: {file: polling.yaml}\n"), {});
  const std::vector<std::string> meters = {"cpu", "memory"};
  const std::vector<std::string> discoveries = {"local_instances"};
  check_polling(loaded, meters, discoveries);
  EXPECT_TRUE(loaded.valid());
  EXPECT_THAT(
      said(loaded),
      ElementsAre(
          "polling.yaml:4:13: warning: source \"s\": no installed pollster is known to measure volume.size, image.*",
          HasSubstr("polling.yaml:2:5: warning: source \"s\": no installed discovery is called \"tenant\"")));
}

TEST(PollingInterval, MayBeOnePollstersOwn) {
  const std::vector<PluginKeys> plugins = {{"pollster:load", {}}, {"storage:null", {}}};
  const LoadedConfig loaded =
      load_config_text(Program::agent, "f.yaml", "polling: {interval: {host: 20s, \"pollster:load\": 5s}}\n", plugins);
  EXPECT_TRUE(loaded.valid());
  EXPECT_EQ(loaded.config.polling.interval.at("pollster:load"), std::chrono::seconds(5));
  EXPECT_EQ(loaded.config.interval_of("host"), std::chrono::seconds(20));
  const LoadedConfig wrong =
      load_config_text(Program::agent, "f.yaml", "polling: {interval: {\"pollster:lod\": 5s, hst: 1s}}\n", plugins);
  ASSERT_EQ(wrong.faults.size(), 2U);
  EXPECT_EQ(wrong.faults[0].to_string(), "f.yaml:1:22: there is no \"pollster:lod\", did you mean \"pollster:load\"?");
  EXPECT_THAT(wrong.faults[1].to_string(), HasSubstr("unknown namespace \"hst\""));
}

}  // namespace
}  // namespace tally::config
