// What Ceilometer's files come to: the reading of its option files, the rules of its lists, the configuration printed.
#include "cli/migration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/scratch_folder.h"

namespace tally::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(ReadIni, ReadsGroupsValuesAndWhatGoesOn) {
  std::vector<Finding> findings;
  const auto values = read_ini(
      "debug = true\n# a comment\n[notification]\nmessaging_urls = rabbit://a/\nmessaging_urls: 'rabbit://b/'\n"
      "[meter]\nmeter_definitions_dirs = one,\n    two\n; another\n\n  [ungrouped\n=x\n",
      "c.conf", findings);
  ASSERT_EQ(values.size(), 4U);
  EXPECT_EQ(values[0].group + "." + values[0].name, "DEFAULT.debug");
  EXPECT_EQ(values[1].value + " " + values[2].value, "rabbit://a/ rabbit://b/");
  EXPECT_EQ(values[2].line, 5);
  EXPECT_THAT(ini_list(values[3].value), ElementsAre("one", "two"));
  ASSERT_EQ(findings.size(), 2U) << "what is no line of such a file is said, and the rest is read";
  EXPECT_EQ(findings[0].line, 11);
  EXPECT_EQ(findings[1].verdict, Verdict::fault);
}

// The table of Ceilometer's rule, see its check_source_filtering and is_supported.
TEST(SupportsMeter, FollowsCeilometersRule) {
  const auto supports = [](std::vector<std::string> entries, const std::string& name) {
    return supports_meter(entries, name);
  };
  EXPECT_TRUE(supports({"*"}, "cpu"));
  EXPECT_TRUE(supports({"disk.*"}, "disk.read"));
  EXPECT_FALSE(supports({"disk.*"}, "cpu"));
  EXPECT_FALSE(supports({"*", "!cpu"}, "cpu"));
  EXPECT_TRUE(supports({"!cpu"}, "memory")) << "only exclusions include the rest";
  EXPECT_FALSE(supports({"!cpu", "!m*"}, "memory"));
  EXPECT_TRUE(supports({"disk.[rw]*"}, "disk.write"));
  EXPECT_FALSE(supports({"[!d]*"}, "disk"));
  EXPECT_FALSE(supports({}, "cpu"));
}

class Folder : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((folder_.path() / name).parent_path());
    std::ofstream(folder_.path() / name) << text;
  }

  Migration read() {
    return read_ceilometer({folder_.path(),
                            {{"cpu", "compute"},
                             {"memory.usage", "compute"},
                             {"disk.device.read.bytes", "compute"},
                             {"hardware.cpu.load.1min", "host"}},
                            [this](const std::filesystem::path&) { return complaints_; },
                            "/usr/share/tally/meters.d",
                            "/usr/share/tally/pollsters.d"});
  }

  // "VERDICT text" of the finding for a setting; empty where there is none.
  static std::string verdict(const Migration& migration, const std::string& setting) {
    for (const Finding& finding : migration.findings) {
      if (finding.setting.find(setting) != std::string::npos)
        return std::string(verdict_name(finding.verdict)) + " " + finding.text;
    }
    return "";
  }

  test::ScratchFolder folder_;
  std::vector<std::string> complaints_;
};

TEST_F(Folder, OptionsBecomeTheConfigurationThatDoesTheSame) {
  write("ceilometer.conf",
        "[DEFAULT]\ntransport_url = rabbit://h1,h2/cloud\nhost = compute-17\npolling_namespaces = compute, ipmi\n"
        "reserved_metadata_namespace = metering., billing.\ndebug = true\n[notification]\nbatch_timeout = 5\nworkers = "
        "4\n"
        "[coordination]\nbackend_url = redis://\n[nobody]\nknows = this\n");
  const Migration migration = read();
  EXPECT_FALSE(migration.faulty());
  EXPECT_EQ(verdict(migration, "transport_url = rabbit://h1,h2/cloud"), "kept transport");
  EXPECT_THAT(verdict(migration, "polling_namespaces"),
              HasSubstr("differs polling.namespaces; no pollsters here for ipmi"));
  EXPECT_THAT(verdict(migration, "workers"), HasSubstr("differs"));
  EXPECT_THAT(verdict(migration, "backend_url"), HasSubstr("ignored"));
  EXPECT_THAT(verdict(migration, "knows"), HasSubstr("ignored Tally has nothing like it"));
  EXPECT_EQ(migration.plan.collector_yaml(),
            "listen: rabbit://h1,h2/cloud\nhost: compute-17\nbatch:\n  age: 5s\nplugins:\n  \"notification:meters\":\n"
            "    reserved_metadata_namespace: [\"metering.\", \"billing.\"]\n");
  EXPECT_EQ(migration.plan.agent_yaml(),
            "publish: rabbit://h1,h2/cloud\nhost: compute-17\npolling:\n  namespaces: [\"compute\"]\n");
}

TEST_F(Folder, SeveralBusesReplaceTheDefaultOne) {
  write("ceilometer.conf",
        "[DEFAULT]\ntransport_url = rabbit://a/\n[notification]\nmessaging_urls = rabbit://b/\nmessaging_urls = "
        "rabbit://c/\n");
  const Migration migration = read();
  EXPECT_THAT(migration.plan.listen, ElementsAre("rabbit://b/", "rabbit://c/"));
  EXPECT_EQ(migration.plan.publish, "rabbit://a/");
}

TEST_F(Folder, SecretsAreNowhere) {
  write("ceilometer.conf",
        "[DEFAULT]\ntransport_url = rabbit://u:hunter2@h/\n[publisher]\ntelemetry_secret = "
        "hunter3\n[service_credentials]\npassword = hunter4\n");
  const Migration migration = read();
  std::string all = migration.plan.collector_yaml() + migration.plan.agent_yaml();
  for (const Finding& finding : migration.findings) all += finding.setting + finding.text;
  EXPECT_THAT(all, Not(HasSubstr("hunter")));
  EXPECT_THAT(migration.plan.collector_yaml(), HasSubstr("listen: {file: /etc/tally/listen.url}"));
  EXPECT_THAT(migration.plan.agent_yaml(), HasSubstr("telemetry_secret: {file: /etc/tally/telemetry.secret}"));
}

TEST_F(Folder, PipelinesExclusionsAreTurnedOff) {
  write("pipeline.yaml",
        "sources:\n  - name: all\n    meters: ['!disk.*', '!cpu']\n    sinks: [one]\nsinks:\n  - name: one\n    "
        "transformers:\n"
        "      - name: rate_of_change\n    publishers:\n      - gnocchi://\n      - file:///tmp/x\n");
  const Migration migration = read();
  EXPECT_THAT(migration.plan.disabled_meters, ElementsAre("disk.*", "cpu"));
  EXPECT_THAT(verdict(migration, "gnocchi://"), HasSubstr("differs"));
  EXPECT_THAT(verdict(migration, "file:///tmp/x"), HasSubstr("ignored"));
  EXPECT_THAT(verdict(migration, "rate_of_change"), HasSubstr("queries calculate"));
}

TEST_F(Folder, WhatPollingLeavesOutIsTurnedOff) {
  write("polling.yaml",
        "sources:\n  - name: some\n    interval: 300\n    meters: [cpu, memory.*, power.state]\n    discovery: "
        "[local_instances]\n"
        "  - name: slow\n    interval: 600\n    meters: ['cpu']\n");
  const Migration migration = read();
  EXPECT_THAT(migration.plan.disabled_meters, ElementsAre("disk.device.read.bytes"))
      << "the host's meters are none of Ceilometer's";
  EXPECT_EQ(migration.plan.interval_s, 300);
  EXPECT_EQ(verdict(migration, "some: interval 300"), "kept polling.interval");
  EXPECT_THAT(verdict(migration, "slow: interval 600"), HasSubstr("differs"));
  EXPECT_THAT(verdict(migration, "power.state"), HasSubstr("ignored no installed pollster"));
  EXPECT_THAT(verdict(migration, "discovery"), HasSubstr("ignored"));
}

TEST_F(Folder, DefinitionsAreNamedOneByOne) {
  write("meters.d/mine.yaml", "metric:\n  - name: good\n    event_type: a\n  - name: bad\n    multi: x\n");
  complaints_ = {(folder_.path() / "meters.d/mine.yaml").string() + ":4:5: no volume"};
  const Migration migration = read();
  EXPECT_EQ(verdict(migration, "meter good"), "kept read unchanged");
  EXPECT_EQ(verdict(migration, "meter bad"), "") << "the complaint stands for it";
  EXPECT_TRUE(migration.faulty());
  EXPECT_THAT(migration.plan.definitions,
              ElementsAre((folder_.path() / "meters.d").string(), "/usr/share/tally/meters.d"));
}

TEST_F(Folder, DynamicPollstersAreReadBeforeTheShippedOnes) {
  write("pollsters.d/a.yaml", "- name: x\n");
  const Migration migration = read();
  EXPECT_FALSE(migration.faulty());
  EXPECT_EQ(migration.findings.back().verdict, Verdict::differs);
  EXPECT_THAT(migration.findings.back().file, HasSubstr("pollsters.d/a.yaml"));
  EXPECT_EQ(migration.plan.agent_yaml(), "plugins:\n  \"pollster:openstack\":\n    definitions: [\"" +
                                             (folder_.path() / "pollsters.d").string() +
                                             "\", \"/usr/share/tally/pollsters.d\"]\n");
}

TEST_F(Folder, WhatCannotBeReadIsAFindingWithItsLine) {
  write("ceilometer.conf", "nonsense\n");
  write("pipeline.yaml", "sources: [\n  - {\n");
  write("polling.yaml", "sources:\n  - name: x\n    interval: soon\n    meters: ['*']\n");
  const Migration migration = read();
  EXPECT_TRUE(migration.faulty());
  std::vector<std::string> faults;
  for (const Finding& finding : migration.findings) {
    if (finding.verdict == Verdict::fault) faults.push_back(std::filesystem::path(finding.file).filename().string());
  }
  EXPECT_THAT(faults, ElementsAre("ceilometer.conf", "pipeline.yaml", "polling.yaml"));
}

TEST_F(Folder, AnEmptyFolderIsCeilometersDefaults) {
  const Migration migration = read();
  EXPECT_FALSE(migration.faulty());
  EXPECT_THAT(migration.plan.disabled_meters, IsEmpty());
  EXPECT_THAT(migration.plan.collector_yaml(), HasSubstr("{}"));
}

}  // namespace
}  // namespace tally::cli
