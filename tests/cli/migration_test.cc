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
using ::testing::SizeIs;

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
  ASSERT_EQ(findings.size(), 2U) << "what is not a line of such a file is said, and the rest is read";
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
  EXPECT_EQ(verdict(migration, "transport_url = rabbit://h1,h2/cloud"), "kept listen, publish");
  EXPECT_THAT(verdict(migration, "polling_namespaces"),
              HasSubstr("differs polling.namespaces; no pollsters here for ipmi"));
  EXPECT_THAT(verdict(migration, "workers"), HasSubstr("differs"));
  EXPECT_THAT(verdict(migration, "backend_url"), HasSubstr("ignored"));
  EXPECT_THAT(verdict(migration, "knows"), HasSubstr("ignored Tally has nothing like it"));
  EXPECT_EQ(migration.plan.collector_yaml(),
            "listen: rabbit://h1,h2/cloud\nhost: compute-17\nbatch:\n  age: 5s\nplugins:\n  \"notification:meters\":\n"
            "    reserved_metadata_namespace: [\"metering.\", \"billing.\"]\n"
            "  \"transport:amqp\":\n    queues: own\n");
  EXPECT_EQ(migration.plan.agent_yaml(),
            "publish: rabbit://h1,h2/cloud\nhost: compute-17\npolling:\n  namespaces: [\"compute\"]\n"
            "plugins:\n  \"transport:amqp\":\n    queues: own\n");
}

TEST_F(Folder, EachOfSeveralBusesIsListenedTo) {
  write("ceilometer.conf",
        "[DEFAULT]\ntransport_url = rabbit://a:5672//ceilometer\n[notification]\n"
        "messaging_urls = rabbit://a:5672//ceilometer\nmessaging_urls = rabbit://a:5672//cinder\n"
        "messaging_urls = rabbit://a:5672//nova\nmessaging_urls = rabbit://a:5672//cinder\n");
  write("ceilometer.conf.d/more.conf", "[notification]\nmessaging_urls = rabbit://b/\n");
  const Migration migration = read();
  EXPECT_THAT(migration.plan.listen, ElementsAre("rabbit://a:5672//ceilometer", "rabbit://a:5672//cinder",
                                                 "rabbit://a:5672//nova", "rabbit://b/"));
  EXPECT_EQ(migration.plan.publish, "rabbit://a:5672//ceilometer");
  EXPECT_THAT(migration.plan.vhosts, ElementsAre("/ceilometer", "/cinder", "/nova", "/"));
  EXPECT_EQ(verdict(migration, "[DEFAULT] transport_url"), "kept publish");
}

TEST_F(Folder, WherePolledSamplesGoIsListenedToAsWell) {
  write("ceilometer.conf",
        "[DEFAULT]\ntransport_url = rabbit://u:hunter2@a/\n[notification]\nmessaging_urls = rabbit://b/\n");
  const Migration migration = read();
  EXPECT_THAT(migration.plan.listen, ElementsAre("rabbit://b/", "rabbit://u:hunter2@a/"));
  EXPECT_EQ(verdict(migration, "messaging_urls = "), "kept listen");
  EXPECT_THAT(migration.findings.back().text, HasSubstr("rabbit://u:***@a/, which is not among them"));
}

TEST_F(Folder, TheBusOfNotificationsCountsBeforeTheDefaultOne) {
  for (const bool first : {true, false}) {
    const std::string own =
        "[oslo_messaging_notifications]\ntransport_url = rabbit://notify:p@h//notify\n"
        "topics = notifications_designate, versioned\n";
    const std::string all = "[DEFAULT]\ntransport_url = rabbit://rpc:p@h//rpc\n";
    write("ceilometer.conf", first ? own + all : all + own);
    const Migration migration = read();
    EXPECT_THAT(migration.plan.listen, ElementsAre("rabbit://notify:p@h//notify"));
    EXPECT_EQ(migration.plan.publish, "rabbit://notify:p@h//notify");
    EXPECT_THAT(verdict(migration, "[DEFAULT] transport_url"), HasSubstr("ignored [oslo_messaging_notifications]"));
    EXPECT_THAT(verdict(migration, "topics"), HasSubstr("kept topics"));
    EXPECT_EQ(migration.plan.collector_yaml(),
              "listen: {file: /etc/tally/listen.url}\nplugins:\n  \"transport:amqp\":\n    queues: own\n"
              "    topics: [\"notifications_designate\", \"versioned\", \"notifications\"]\n")
        << "what agents poll comes by the topic \"notifications\"";
  }
}

TEST_F(Folder, OlderNamesOfTheSameOptionsCount) {
  write("ceilometer.conf",
        "[DEFAULT]\nnotification_transport_url = rabbit://h/\nnotification_topics = notifications,other\n"
        "[oslo_messaging_rabbit]\nrabbit_use_ssl = 1\nkombu_ssl_ca_certs = /etc/ca.pem\n");
  const Migration migration = read();
  EXPECT_EQ(migration.plan.collector_yaml(),
            "listen: rabbit://h/\nplugins:\n  \"transport:amqp\":\n    queues: own\n    tls: true\n"
            "    tls_ca: /etc/ca.pem\n    topics: [\"notifications\", \"other\"]\n");
}

TEST_F(Folder, ExchangesAndTlsBecomeKeysOfTheTransport) {
  write("ceilometer.conf",
        "[DEFAULT]\ntransport_url = rabbit://h/\ncontrol_exchange = metering\n[notification]\n"
        "notification_control_exchanges = nova,cinder\n[oslo_messaging_rabbit]\nssl = True\n"
        "ssl_version = TLSv1_2\nssl_ca_file = /etc/ca.pem\nssl_cert_file = /etc/c.pem\nssl_key_file = /etc/k.pem\n"
        "ssl_enforce_hostname_verification = false\nheartbeat_timeout_threshold = 30\nrabbit_ha_queues = true\n");
  const Migration migration = read();
  const std::string tls =
      "    tls: true\n    tls_ca: /etc/ca.pem\n    tls_cert: /etc/c.pem\n    tls_key: /etc/k.pem\n"
      "    tls_verify_name: false\n";
  EXPECT_EQ(migration.plan.collector_yaml(),
            "listen: rabbit://h/\nplugins:\n  \"transport:amqp\":\n    exchange: metering\n"
            "    exchanges: [\"nova\", \"cinder\", \"metering\"]\n    heartbeat: 30s\n    queues: own\n" +
                tls);
  EXPECT_EQ(migration.plan.agent_yaml(),
            "publish: rabbit://h/\nplugins:\n  \"transport:amqp\":\n    exchange: metering\n    heartbeat: 30s\n"
            "    queues: own\n" +
                tls);
  EXPECT_THAT(verdict(migration, "ssl_version"), HasSubstr("differs"));
  EXPECT_THAT(verdict(migration, "rabbit_ha_queues"), HasSubstr("ignored"));
}

TEST_F(Folder, KafkaHasAGroupOfItsOwn) {
  write("ceilometer.conf",
        "[DEFAULT]\ntransport_url = kafka://h:9093/\n[oslo_messaging_kafka]\nconsumer_group = ceilometer\n"
        "security_protocol = SASL_SSL\nsasl_mechanism = PLAIN\nssl_cafile = /etc/ca.pem\n");
  const Migration migration = read();
  EXPECT_THAT(verdict(migration, "consumer_group"), HasSubstr("differs a consumer group of Tally's own"));
  EXPECT_EQ(migration.plan.collector_yaml(),
            "listen: kafka://h:9093/\nplugins:\n  \"transport:kafka\":\n"
            "    settings: [\"security.protocol=sasl_ssl\", \"sasl.mechanisms=PLAIN\"]\n    tls_ca: /etc/ca.pem\n");
  EXPECT_THAT(migration.plan.vhosts, IsEmpty());
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

TEST_F(Folder, WhatTallyDoesNotMeasureIsSaidWhereItIsNamed) {
  const std::string sources =
      "sources:\n  - name: all\n    interval: 300\n    meters:\n      - cpu\n      - hardware.ipmi.*\n      - "
      "hardware.*\n"
      "      - radosgw.objects\n      - '*'\n    sinks: [one]\n";
  write("polling.yaml",
        "sources:\n  - name: some\n    interval: 300\n    meters: [cpu, hardware.ipmi.*, hardware.*, dns.zone.ttl]\n");
  write("pipeline.yaml", sources + "sinks: []\n");
  const Migration migration = read();
  EXPECT_THAT(verdict(migration, "some: hardware.ipmi.*"),
              HasSubstr("ignored not measured: hardware.ipmi.current, hardware.ipmi.fan"));
  EXPECT_THAT(verdict(migration, "some: hardware.*"), HasSubstr("differs polling.file; not measured: hardware.ipmi"));
  EXPECT_THAT(verdict(migration, "some: dns.zone.ttl"), HasSubstr("ignored not measured: dns.zone.ttl: Designate"));
  EXPECT_EQ(verdict(migration, "some: cpu"), "kept polling.file");
  EXPECT_THAT(verdict(migration, "all: meters radosgw.objects"), HasSubstr("ignored not measured: radosgw.objects: "));
  EXPECT_EQ(verdict(migration, "all: meters *"), "");
}

TEST(UnmadeMeters, WhatAPluginMeasuresIsNotAmongThem) {
  const std::vector<std::string> installed = {"radosgw.usage"};
  EXPECT_THAT(unmade_meters("radosgw.usage", installed), IsEmpty());
  EXPECT_THAT(unmade_meters("radosgw.usage", {}), SizeIs(1));
  EXPECT_THAT(unmade_meters("!radosgw.usage", {}), IsEmpty());
  const auto two = unmade_meters("*.status", {});
  EXPECT_THAT(unmade_text(two), HasSubstr("dns.zone.status: Designate is not polled"));
  EXPECT_THAT(unmade_text(two), HasSubstr("; manila.share.status: Manila is not polled"));
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

TEST_F(Folder, AccountsOfTheObjectStoreKeepTheirPrefix) {
  write("ceilometer.conf", "[DEFAULT]\nreseller_prefix = KEY_\n");
  const Migration migration = read();
  EXPECT_EQ(verdict(migration, "reseller_prefix"), "kept a key of pollster:openstack");
  EXPECT_THAT(migration.plan.agent_yaml(), HasSubstr("\"pollster:openstack\":\n    reseller_prefix: KEY_"));
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
