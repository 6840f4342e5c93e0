// The libvirt plugin's inner parts: domains' XML, libvirt's numbers as samples, and races with libvirt's test driver.
// Not for a real hypervisor: tests/e2e/test_libvirt.py. Not for the module as the host calls it: test.cc.
#include <gtest/gtest.h>
#include <libvirt/libvirt.h>

#include <deque>
#include <map>
#include <string>
#include <vector>

#include <tally/kit/json.h>
#include <tally/sdk/error.h>

#include "domain_facts.h"
#include "domain_stats.h"
#include "hypervisor.h"
#include "measures.h"

namespace tally::libvirt {
namespace {

constexpr const char* kInstance = R"(
<domain type='kvm' id='7'><name>instance-00000007</name><uuid>6695eb01-f6a4-8304-79aa-97f2502e1007</uuid>
  <metadata>
    <other:instance xmlns:other="http://example.org/"><other:name>not this</other:name></other:instance>
    <nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">
      <nova:package version="26.0.0"/>
      <nova:name>web &amp; "more"</nova:name>
      <nova:flavor name="m1.small"><nova:memory>2048</nova:memory><nova:disk>20</nova:disk><nova:swap>0</nova:swap>
        <nova:ephemeral>5</nova:ephemeral><nova:vcpus>2</nova:vcpus></nova:flavor>
      <nova:owner><nova:user uuid="u-1">alice</nova:user><nova:project uuid="p-1">shop</nova:project></nova:owner>
      <nova:root type="image" uuid="img-1"/>
    </nova:instance>
  </metadata>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'><target dev='vda' bus='virtio'/></disk>
    <interface type='bridge'><mac address='fa:16:3e:00:00:01'/><target dev='tap1'/>
      <filterref filter='nova-instance-7'><parameter name='IP' value='10.0.0.7'/></filterref></interface>
    <interface type='bridge'><mac address='fa:16:3e:00:00:02'/><target dev='tap2'/></interface>
  </devices>
</domain>)";

DomainFacts facts_of(const std::string& xml) {
  DomainFacts facts;
  facts.uuid = "u7";
  facts.name = "instance-00000007";
  facts.id = 7;
  EXPECT_TRUE(read_domain_xml(xml, facts));
  facts.metadata = common_metadata(facts, "node1");
  return facts;
}

TEST(DomainXml, NovasMetadata) {
  for (const char* version : {"1.1", "1.0"}) {
    std::string xml = kInstance;
    xml.replace(xml.find("nova/1.1"), 8, std::string("nova/") + version);
    const DomainFacts facts = facts_of(xml);
    EXPECT_EQ(facts.display_name, "web & \"more\"");
    EXPECT_EQ(facts.project_id, "p-1");
    EXPECT_EQ(facts.project_name, "shop");
    EXPECT_EQ(facts.user_id, "u-1");
    EXPECT_EQ(facts.user_name, "alice");
    EXPECT_EQ(facts.image, "img-1");
    ASSERT_TRUE(facts.flavor);
    EXPECT_EQ(facts.flavor->disk, 20);
    EXPECT_EQ(
        facts.metadata,
        R"({"display_name":"web & \"more\"","name":"instance-00000007","instance_id":"u7","instance_host":"node1",)"
        R"("instance_type":"m1.small","flavor":{"name":"m1.small","vcpus":2,"ram":2048,"disk":20,"ephemeral":5,)"
        R"("swap":0},"vcpus":2,"memory_mb":2048,"disk_gb":25,"root_gb":20,"ephemeral_gb":5,)"
        R"("image":{"id":"img-1"},"image_ref":"img-1","os_type":"hvm","architecture":"x86_64","domain_id":7})");
  }
}

TEST(DomainXml, InterfacesWithTheirFilters) {
  const DomainFacts facts = facts_of(kInstance);
  ASSERT_EQ(facts.interfaces.size(), 2U);
  EXPECT_EQ(facts.interface("tap1")->filter, "nova-instance-7");
  const Pairs parameters = {{"ip", "10.0.0.7"}};
  EXPECT_EQ(facts.interface("tap1")->parameters, parameters);
  EXPECT_EQ(facts.interface("tap2")->mac, "fa:16:3e:00:00:02");
  EXPECT_EQ(facts.interface("tap3"), nullptr);
}

// An interface of a domain, with `inner` in it.
std::string nic(const std::string& device, const std::string& mac, const std::string& inner) {
  return "<interface type='bridge'>" + (mac.empty() ? "" : "<mac address='" + mac + "'/>") + "<target dev='" + device +
         "'/>" + inner + "</interface>";
}
std::string filter(const std::string& name) { return "<filterref filter='" + name + "'/>"; }

std::string resource_of(const std::string& device, const std::string& interfaces) {
  DomainFacts facts = facts_of("<domain><devices>" + interfaces + "</devices></domain>");
  facts.uuid = "6695eb01-f6a4-8304-79aa-97f2502e1007";
  return facts.resource_of(device);
}

TEST(DomainXml, AnInterfacesResourceIsItsOwn) {
  const std::string mac = "fa:16:3e:00:00:01", domain = "instance-00000007-6695eb01-f6a4-8304-79aa-97f2502e1007-";
  const auto alone = [&](const std::string& name) { return resource_of("tap1", nic("tap1", mac, filter(name))); };
  // Those that are the interface's or, of one interface alone, the instance's stay.
  for (const char* name : {"nova-instance-instance-00000007-fa163e000001", "nova-instance-7", "port-FA:16:3E:00:00:01",
                           "f-6695eb01-f6a4-8304-79aa-97f2502e1007"})
    EXPECT_EQ(alone(name), name);
  const std::string port =
      "<virtualport><parameters interfaceid='ce531f90-199f-48c0-816c-13e38010b442'/></virtualport>";
  EXPECT_EQ(resource_of("tap1", nic("tap1", mac, filter("p-ce531f90-199f-48c0-816c-13e38010b442") + port)),
            "p-ce531f90-199f-48c0-816c-13e38010b442");
  EXPECT_EQ(resource_of("tap1", nic("tap1", mac, "")), domain + "tap1");
  EXPECT_EQ(resource_of("gone", nic("tap1", mac, "")), domain + "gone");
  // Those that others may have too do not, and do not go by what a restart or a migration changes.
  for (const char* name :
       {"clean-traffic", "no-mac-spoofing", "instance-00000007", "fa163e000002", "my-fa:16:3e:00:00"})
    EXPECT_EQ(alone(name), domain + "fa163e000001") << name;
  EXPECT_EQ(resource_of("vnet9", nic("vnet9", mac, filter("clean-traffic"))), domain + "fa163e000001");
  EXPECT_EQ(resource_of("tap1", nic("tap1", "", filter("clean-traffic"))), domain + "tap1");
  const std::string two =
      nic("tap1", mac, filter("nova-instance-7")) + nic("tap2", "fa:16:3e:00:00:02", filter("nova-instance-7"));
  EXPECT_EQ(resource_of("tap1", two), domain + "fa163e000001");
  EXPECT_EQ(resource_of("tap2", two), domain + "fa163e000002");
  const std::string twins = nic("tap1", mac, filter("clean-traffic")) + nic("tap2", mac, filter("clean-traffic"));
  EXPECT_EQ(resource_of("tap1", twins), domain + "fa163e000001-tap1");
  EXPECT_EQ(resource_of("tap2", twins), domain + "fa163e000001-tap2");
}

// What nova 2025.2 writes, and drives and ports of each kind.
constexpr const char* kRich = R"(
<domain type='kvm' id='7'><name>instance-00000007</name>
  <metadata><nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">
    <nova:name>web &amp; Zürich</nova:name>
    <nova:flavor name="m1.small" id="42"><nova:memory>2048</nova:memory><nova:disk>20</nova:disk><nova:swap>0</nova:swap>
      <nova:ephemeral>10</nova:ephemeral><nova:vcpus>2</nova:vcpus><nova:extraSpecs>
      <nova:extraSpec name="hw:cpu_policy">dedicated</nova:extraSpec><nova:extraSpec name="a:b"/></nova:extraSpecs></nova:flavor>
    <nova:image uuid="img-0"><nova:containerFormat>bare</nova:containerFormat><nova:diskFormat>qcow2</nova:diskFormat>
      <nova:minDisk>1</nova:minDisk><nova:minRam>0</nova:minRam><nova:properties>
      <nova:property name="os_distro">debian</nova:property><nova:property name="min_ram">9</nova:property>
      </nova:properties></nova:image>
    <nova:root type="image" uuid="img-0"/></nova:instance></metadata>
  <os><type arch='x86_64'>hvm</type></os>
  <devices>
    <disk type='network' device='disk'><source protocol='rbd' name='vms/x'/><target dev='vda'/></disk>
    <disk type='file' device='cdrom'><target dev='sda'/></disk>
    <disk type='file' device='cdrom'><source index='3'/><target dev='sdb'/></disk>
    <disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='/cd.iso'/><target dev='hda'/></disk>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/q'/><target dev='vdb'/></disk>
    <interface type='bridge'><mac address='fa:16:3e:00:00:01'/><source bridge='br-int'/>
      <virtualport type='openvswitch'><parameters interfaceid='ce531f90'/></virtualport><target dev='tap0'/></interface>
    <interface type='bridge'><mac address='fa:16:3e:00:00:02'/><target dev='tap1'/><filterref filter='clean-traffic'>
      <parameter name='IP' value='192.0.2.1'/><parameter name='IP' value='192.0.2.2'/></filterref></interface>
    <interface type='hostdev'><mac address='fa:16:3e:00:00:03'/></interface>
  </devices>
</domain>)";

TEST(DomainXml, ImageAndExtraSpecs) {
  const DomainFacts facts = facts_of(kRich);
  EXPECT_EQ(
      facts.metadata,
      R"({"display_name":"web & Zürich","name":"instance-00000007","instance_id":"u7","instance_host":"node1",)"
      R"("instance_type":"m1.small","flavor":{"id":"42","name":"m1.small","vcpus":2,"ram":2048,"disk":20,)"
      R"("ephemeral":10,"swap":0,"extra_specs":{"hw:cpu_policy":"dedicated","a:b":null}},"vcpus":2,"memory_mb":2048,)"
      R"("disk_gb":30,"root_gb":20,"ephemeral_gb":10,"image":{"id":"img-0"},"image_ref":"img-0",)"
      R"("image_meta":{"base_image_ref":"img-0","container_format":"bare","disk_format":"qcow2","min_disk":"1",)"
      R"("min_ram":"9","os_distro":"debian"},"os_type":"hvm","architecture":"x86_64","domain_id":7})");
}

TEST(DomainXml, SizesThatNoMachineHas) {
  const std::string flavor =
      "<domain><metadata><n:instance xmlns:n='http://openstack.org/xmlns/libvirt/nova/1.1'><n:flavor name='x'>"
      "<n:disk>9223372036854775807</n:disk><n:ephemeral>9223372036854775807</n:ephemeral><n:memory>-1</n:memory>"
      "<n:vcpus>1.5</n:vcpus></n:flavor></n:instance></metadata></domain>";
  const DomainFacts facts = facts_of(flavor);
  EXPECT_NE(facts.metadata.find(R"("disk_gb":18446744073709551614,"root_gb":9223372036854775807)"), std::string::npos)
      << facts.metadata;
  EXPECT_FALSE(facts.flavor->memory);
  EXPECT_FALSE(facts.flavor->vcpus);
}

TEST(DomainXml, WithoutNovaTheDomainsOwn) {
  const DomainFacts facts = facts_of("<domain><name>mail</name><os><type>hvm</type></os></domain>");
  EXPECT_FALSE(facts.project_id);
  EXPECT_FALSE(facts.flavor);
  EXPECT_EQ(facts.metadata, R"({"display_name":"instance-00000007","name":"instance-00000007","instance_id":"u7",)"
                            R"("instance_host":"node1","os_type":"hvm","domain_id":7})");
}

TEST(DomainXml, FlavorsThatAreNoNumbersAndVolumesAsRoot) {
  const DomainFacts facts = facts_of(
      R"(<domain><metadata><n:instance xmlns:n="http://openstack.org/xmlns/libvirt/nova/1.0"><n:name> </n:name>)"
      R"(<n:flavor name="x"><n:memory>lots</n:memory><n:disk/></n:flavor><n:root type="volume" uuid="v"/>)"
      R"(</n:instance></metadata></domain>)");
  EXPECT_FALSE(facts.display_name);
  EXPECT_FALSE(facts.flavor->memory);
  EXPECT_FALSE(facts.flavor->disk);
  EXPECT_FALSE(facts.image);
}

TEST(DomainXml, WhatIsNoDomainIsRefused) {
  DomainFacts facts;
  for (const char* xml : {"", "<domain>", "not xml", "<network/>", "<domain><a></b></domain>"}) {
    EXPECT_FALSE(read_domain_xml(xml, facts)) << xml;
  }
}

TEST(DomainXml, NoEntityIsFetchedOrBlownUp) {
  DomainFacts facts;
  EXPECT_TRUE(
      read_domain_xml("<!DOCTYPE domain [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>"
                      "<domain><os><type>&e;</type></os></domain>",
                      facts));
  EXPECT_EQ(facts.os_type, "");
}

// Parameters as libvirt hands them over; texts live as long as this.
class Parameters {
 public:
  Parameters& number(const std::string& name, unsigned long long value) {
    virTypedParameter& made = add(name, VIR_TYPED_PARAM_ULLONG);
    made.value.ul = value;
    return *this;
  }
  Parameters& signed_number(const std::string& name, int value) {
    virTypedParameter& made = add(name, VIR_TYPED_PARAM_INT);
    made.value.i = value;
    return *this;
  }
  Parameters& text(const std::string& name, const std::string& value) {
    texts_.push_back(value);
    virTypedParameter& made = add(name, VIR_TYPED_PARAM_STRING);
    made.value.s = texts_.back().data();
    return *this;
  }
  DomainStats read() const { return read_domain_stats(all_.data(), static_cast<int>(all_.size())); }

 private:
  virTypedParameter& add(const std::string& name, int type) {
    virTypedParameter& made = all_.emplace_back();
    made = {};
    name.copy(made.field, sizeof made.field - 1);
    made.type = type;
    return made;
  }

  std::vector<virTypedParameter> all_;
  std::deque<std::string> texts_;
};

Parameters running() {
  Parameters all;
  all.signed_number("state.state", VIR_DOMAIN_RUNNING).signed_number("state.reason", 1);
  all.number("cpu.time", 123456789012345ULL).number("vcpu.current", 2).number("vcpu.maximum", 4);
  all.number("vcpu.0.time", 5).number("balloon.current", 2097152).number("balloon.rss", 1500);
  all.number("balloon.available", 2000000).number("balloon.usable", 500000).number("balloon.unused", 1);
  all.number("balloon.swap_in", 1).number("balloon.swap_out", 0).number("perf.instructions", 9);
  all.number("net.count", 2).text("net.0.name", "tap1").number("net.0.rx.bytes", 18446744073709551615ULL);
  all.number("net.0.tx.drop", 3).text("net.1.name", "tap2").number("net.1.tx.bytes", 4);
  all.number("block.count", 1).text("block.0.name", "vda").number("block.0.rd.reqs", 11);
  all.number("block.0.rd.times", 12).number("block.0.wr.bytes", 13).number("block.0.capacity", 1 << 30);
  all.number("block.0.allocation", 100).number("block.0.physical", 200);
  return all;
}

// "meter resource" to "type volume unit".
std::map<std::string, std::string> measured(const DomainFacts& facts, const DomainStats& stats) {
  std::map<std::string, std::string> all;
  measure_domain(facts, stats, 5.5, [&](const SampleView& sample) {
    EXPECT_TRUE(Json::parse(sample.resource_metadata)) << sample.resource_metadata;
    EXPECT_EQ(sample.monotonic_time, 5.5);
    const std::string key = std::string(sample.name) + " " + std::string(sample.resource_id);
    EXPECT_EQ(all.count(key), 0U) << key;
    all[key] = std::string(to_string(sample.type)) + " " + sample.volume.to_string() + " " + std::string(sample.unit);
  });
  return all;
}

TEST(Measures, EveryMeterOfARunningDomain) {
  const std::map<std::string, std::string> wanted = {
      {"power.state u7", "gauge 1 "},
      {"disk.root.size u7", "gauge 20 GiB"},
      {"disk.ephemeral.size u7", "gauge 5 GiB"},
      {"cpu u7", "cumulative 123456789012345 ns"},
      {"vcpus u7", "gauge 2 vcpu"},
      {"perf.instructions u7", "gauge 9 "},
      {"memory u7", "gauge 2048 MiB"},
      {"memory.available u7", "gauge 1953.125 MiB"},
      {"memory.usage u7", "gauge 1464.84375 MiB"},
      {"memory.resident u7", "gauge 1.46484375 MiB"},
      {"memory.swap.in u7", "cumulative 0.0009765625 MiB"},
      {"memory.swap.out u7", "cumulative 0 MiB"},
      {"disk.device.read.requests u7-vda", "cumulative 11 request"},
      {"disk.device.read.latency u7-vda", "cumulative 12 ns"},
      {"disk.device.write.bytes u7-vda", "cumulative 13 B"},
      {"disk.device.capacity u7-vda", "gauge 1073741824 B"},
      {"disk.device.allocation u7-vda", "gauge 100 B"},
      {"disk.device.usage u7-vda", "gauge 200 B"},
      {"network.incoming.bytes nova-instance-7", "cumulative 18446744073709551615 B"},
      {"network.outgoing.packets.drop nova-instance-7", "cumulative 3 packet"},
      {"network.outgoing.bytes instance-00000007-u7-tap2", "cumulative 4 B"},
  };
  EXPECT_EQ(measured(facts_of(kInstance), running().read()), wanted);
}

TEST(Measures, OwnerAndMetadata) {
  const DomainFacts facts = facts_of(kInstance);
  std::map<std::string, std::string> metadata;
  measure_domain(facts, running().read(), 1, [&](const SampleView& sample) {
    EXPECT_EQ(sample.project_id, "p-1");
    EXPECT_EQ(sample.user_name, "alice");
    metadata[std::string(sample.name) + " " + std::string(sample.resource_id)] = sample.resource_metadata;
  });
  const std::string common =
      facts.metadata.substr(0, facts.metadata.size() - 1) + R"(,"status":"active","state":"running")";
  EXPECT_EQ(metadata["power.state u7"], common + "}");
  EXPECT_EQ(metadata["cpu u7"], common + R"(,"cpu_number":2})");
  EXPECT_EQ(metadata["disk.device.capacity u7-vda"], common + R"(,"disk_name":"vda"})");
  EXPECT_EQ(metadata["network.incoming.bytes nova-instance-7"],
            common + R"(,"vnic_name":"tap1","mac":"fa:16:3e:00:00:01","fref":"nova-instance-7",)"
                     R"("parameters":{"ip":"10.0.0.7"}})");
}

TEST(Measures, DrivesAndPorts) {
  Parameters all;
  all.signed_number("state.state", VIR_DOMAIN_RUNNING).signed_number("state.reason", 1);
  int index = 0;
  const auto disk = [&](const std::string& name, unsigned long long capacity, unsigned long long physical) {
    const std::string block = "block." + std::to_string(index++) + ".";
    all.text(block + "name", name).number(block + "rd.reqs", 0);
    all.number(block + "capacity", capacity).number(block + "physical", physical);
  };
  disk("vda", 100, 100);
  disk("sda", 0, 0);        // nothing in it
  disk("sdb", 2048, 4096);  // put in after the XML was read
  disk("hda", 374784, 376832);
  disk("vdb", 100, 250);  // with snapshots inside
  disk("vdc", 5, 9);      // nobody knows what it is
  all.text("net.0.name", "tap0").number("net.0.rx.bytes", 1).text("net.1.name", "tap1").number("net.1.rx.bytes", 2);
  const DomainFacts facts = facts_of(kRich);
  std::map<std::string, std::string> found, parameters;
  measure_domain(facts, all.read(), 5.5, [&](const SampleView& sample) {
    if (sample.name == "disk.device.capacity" || sample.name == "network.incoming.bytes")
      found[std::string(sample.resource_id)] = sample.volume.to_string();
    const auto metadata = Json::parse(sample.resource_metadata);
    ASSERT_TRUE(metadata);
    if (const Json* given = metadata->at("parameters"))
      parameters[std::string(sample.resource_id)] = std::string(given->raw());
  });
  EXPECT_EQ(found, (std::map<std::string, std::string>{{"u7-vda", "100"},
                                                       {"u7-sdb", "4096"},
                                                       {"u7-hda", "376832"},
                                                       {"u7-vdb", "100"},
                                                       {"u7-vdc", "5"},
                                                       {"instance-00000007-u7-tap0", "1"},
                                                       {"instance-00000007-u7-fa163e000002", "2"}}));
  EXPECT_EQ(parameters["instance-00000007-u7-tap0"], R"({"interfaceid":"ce531f90","bridge":"br-int"})");
  EXPECT_EQ(parameters["instance-00000007-u7-fa163e000002"], R"({"ip":"192.0.2.2"})");
}

TEST(Measures, AStoppedDomainHasNoCounters) {
  Parameters all;
  all.signed_number("state.state", VIR_DOMAIN_SHUTOFF).signed_number("state.reason", VIR_DOMAIN_SHUTOFF_DESTROYED);
  all.number("vcpu.current", 2).number("balloon.current", 1024).number("cpu.time", 0);
  all.text("block.0.name", "vda").number("block.0.rd.reqs", 0).number("block.0.capacity", 7);
  const std::map<std::string, std::string> wanted = {{"power.state u7", "gauge 5 "},
                                                     {"disk.root.size u7", "gauge 20 GiB"},
                                                     {"disk.ephemeral.size u7", "gauge 5 GiB"},
                                                     {"disk.device.capacity u7-vda", "gauge 7 B"}};
  EXPECT_EQ(measured(facts_of(kInstance), all.read()), wanted);
}

TEST(Measures, WhatIsNotOfferedIsNoSample) {
  Parameters all;
  all.signed_number("state.state", VIR_DOMAIN_PAUSED).signed_number("state.reason", VIR_DOMAIN_PAUSED_USER);
  all.signed_number("cpu.time", -1).number("balloon.available", 5).number("balloon.usable", 6);
  all.number("net.0.rx.bytes", 5).text("block.x.name", "vda").text("block.99999999.name", "vdb");
  const DomainFacts facts = facts_of("<domain/>");
  const std::map<std::string, std::string> wanted = {{"power.state u7", "gauge 3 "},
                                                     {"memory.available u7", "gauge 0.0048828125 MiB"}};
  EXPECT_EQ(measured(facts, all.read()), wanted);
}

TEST(Measures, ZerosOfAProcessThatHasJustEndedAreNoSamples) {
  Parameters all = running();
  all.number("cpu.time", 0).number("balloon.rss", 0);
  const auto samples = measured(facts_of(kInstance), all.read());
  EXPECT_EQ(samples.count("cpu u7"), 0U);
  EXPECT_EQ(samples.count("memory.resident u7"), 0U);
  EXPECT_EQ(samples.count("vcpus u7"), 1U);
}

TEST(Measures, OfAMigrationTheHostWhereItRuns) {
  const auto is_elsewhere = [](int state, int reason) {
    DomainStats stats;
    stats.state = state;
    stats.reason = reason;
    return elsewhere(stats);
  };
  EXPECT_TRUE(is_elsewhere(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION));
  EXPECT_TRUE(is_elsewhere(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY));
  EXPECT_TRUE(is_elsewhere(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP));
  EXPECT_TRUE(is_elsewhere(VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_MIGRATED));
  EXPECT_FALSE(is_elsewhere(VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_MIGRATED));
  EXPECT_FALSE(is_elsewhere(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER));
  EXPECT_FALSE(is_elsewhere(VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_DESTROYED));
}

// libvirt's own test driver, whose default connections of one process share their domains.
class TestDriver : public ::testing::Test {
 protected:
  static HypervisorOptions options(const std::string& uri) { return {uri, "node1", "", std::chrono::seconds(30)}; }

  TestDriver() : hypervisor_(options("test:///default")), other_(virConnectOpen("test:///default")) {}

  virDomain* start(const std::string& name) {
    const std::string xml = "<domain type='test'><name>" + name +
                            "</name><memory>1024</memory><os><type>hvm</type></os><devices>"
                            "<interface type='network'><source network='default'/></interface></devices></domain>";
    return virDomainCreateXML(other_.get(), xml.c_str(), 0);
  }

  std::map<std::string, std::int64_t> seen() {
    std::map<std::string, std::int64_t> seen;
    hypervisor_.measure(
        [&](const Hypervisor::Facts& facts, const DomainStats&) { seen.emplace(facts->name, facts->id); });
    return seen;
  }

  Hypervisor hypervisor_;
  OpenConnection other_;
};

TEST_F(TestDriver, ADomainThatComesOrGoesAfterTheListingIsLeftOut) {
  virDomain* going = start("going");
  ASSERT_NE(going, nullptr) << last_error();
  EXPECT_EQ(hypervisor_.domains().size(), 2U);
  EXPECT_EQ(seen().count("going"), 1U);
  EXPECT_EQ(virDomainDestroy(going), 0);
  virDomain* coming = start("coming");
  const auto now = seen();
  EXPECT_EQ(now.count("going"), 0U);
  EXPECT_EQ(now.count("coming"), 0U);
  EXPECT_EQ(now.count("test"), 1U);
  EXPECT_EQ(hypervisor_.domains().size(), 2U);
  EXPECT_EQ(seen().count("coming"), 1U);
  EXPECT_EQ(virDomainDestroy(coming), 0);
  virDomainFree(going);
  virDomainFree(coming);
}

TEST_F(TestDriver, AStartIsANewRunWithItsOwnNumber) {
  virDomain* domain = virDomainLookupByName(other_.get(), "test");
  ASSERT_NE(domain, nullptr);
  hypervisor_.domains();
  const std::int64_t first = seen().at("test");
  EXPECT_GE(first, 0);
  EXPECT_EQ(virDomainDestroy(domain), 0);
  EXPECT_EQ(seen().at("test"), -1) << "stopped after the listing";
  EXPECT_EQ(virDomainCreate(domain), 0);
  EXPECT_GT(seen().at("test"), first) << "started again after the listing";
  virDomainFree(domain);
}

TEST_F(TestDriver, FactsAreReadOncePerRun) {
  const auto before = hypervisor_.domains();
  const auto after = hypervisor_.domains();
  ASSERT_EQ(before.size(), 1U);
  EXPECT_EQ(before.front(), after.front());
}

TEST_F(TestDriver, OneHypervisorForAUri) {
  const auto one = Hypervisor::open(options("test:///default"));
  EXPECT_EQ(Hypervisor::open(options("test:///default")), one);
  EXPECT_EQ(Hypervisor::find("test:///default"), one);
  EXPECT_EQ(Hypervisor::find("qemu:///nowhere"), nullptr);
}

TEST(Away, ALibvirtThatIsNotThereIsAbsentAndNamed) {
  Hypervisor hypervisor({"qemu:///system?socket=/nowhere/at/all", "node1", "", std::chrono::seconds(30)});
  for (int i = 0; i < 2; ++i) {
    try {
      hypervisor.domains();
      FAIL() << "connected to nothing";
    } catch (const Error& error) {
      EXPECT_EQ(error.outcome(), Outcome::absent);
      EXPECT_NE(std::string(error.what()).find("/nowhere/at/all"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace tally::libvirt
