// What Ceilometer's files come to: the reading of its option files, the rules of its lists, the configuration printed.
#include "cli/migration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
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

class Folder : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((folder_.path() / name).parent_path());
    std::ofstream(folder_.path() / name) << text;
  }

  Migration read() {
    return read_ceilometer(
        {folder_.path(),
         {{"cpu", "memory.usage", "disk.device.read.bytes", "hardware.cpu.load.1min"}, {"libvirt", "local_instances"}},
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

TEST_F(Folder, PollingGoesOnBeingReadAndIsComparedWithWhatIsInstalled) {
  write("polling.yaml",
        "sources:\n  - name: some\n    interval: 300\n    meters:\n      - cpu\n      - memory.*\n      - power.state\n"
        "    discovery:\n      - local_instances\n      - tenant\n  - name: slow\n    interval: 600\n    meters: '*'\n"
        "    resources: [x]\n    group_id_coordination_expression: '1'\n");
  const Migration migration = read();
  EXPECT_FALSE(migration.faulty());
  EXPECT_THAT(migration.plan.disabled_meters, IsEmpty());
  EXPECT_EQ(migration.plan.agent_yaml(), "polling:\n  file: " + (folder_.path() / "polling.yaml").string() + "\n");
  EXPECT_EQ(verdict(migration, "some: interval 300"), "kept polling.file");
  EXPECT_EQ(verdict(migration, "slow: interval 600"), "kept polling.file");
  EXPECT_EQ(verdict(migration, "memory.*"), "kept polling.file");
  EXPECT_THAT(verdict(migration, "power.state"), HasSubstr("ignored no installed pollster"));
  EXPECT_EQ(verdict(migration, "discovery local_instances"), "kept polling.file");
  EXPECT_THAT(verdict(migration, "discovery tenant"), HasSubstr("differs not installed"));
  EXPECT_EQ(verdict(migration, "slow: resources"), "kept polling.file");
  EXPECT_THAT(verdict(migration, "sources"),
              HasSubstr("ignored source \"slow\": \"group_id_coordination_expression\""));
  const auto power = std::find_if(migration.findings.begin(), migration.findings.end(),
                                  [](const Finding& finding) { return finding.setting.ends_with("power.state"); });
  ASSERT_NE(power, migration.findings.end());
  EXPECT_EQ(power->line, 7);
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
