// The module as the host runs it, with libvirt's test driver: discovery and pollster together, a thousand domains.
// Not for races, nor for numbers, which the test driver does not have: test_internals.cc and tests/e2e/test_libvirt.py.
#include <set>

#include "support/pollster_fixture.h"

namespace {

using tally::test::Tree;

std::string uuid_of(int number) {
  char text[37];
  std::snprintf(text, sizeof text, "6695eb01-f6a4-8304-79aa-%012d", number);
  return text;
}

// Every second domain is an instance of nova's.
std::string node(int domains) {
  std::string xml = "<node>";
  for (int i = 0; i < domains; ++i) {
    const std::string number = std::to_string(i);
    xml += "<domain type='test'><name>instance-" + number + "</name><uuid>" + uuid_of(i) + "</uuid>";
    if (i % 2 == 0) {
      xml += "<metadata><nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'><nova:name>web" +
             number +
             "</nova:name><nova:flavor name='m1'><nova:memory>512</nova:memory><nova:disk>10</nova:disk>"
             "<nova:ephemeral>0</nova:ephemeral><nova:vcpus>1</nova:vcpus></nova:flavor><nova:owner>"
             "<nova:user uuid='u1'>alice</nova:user><nova:project uuid='p1'>shop</nova:project></nova:owner>"
             "</nova:instance></metadata>";
    }
    xml += "<memory>1024</memory><os><type>hvm</type></os></domain>";
  }
  return xml + "</node>";
}

class Libvirt : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("TALLY_TEST_PLUGINS");
    ASSERT_NE(folder, nullptr) << "run this by meson";
    const std::vector<std::filesystem::path> folders = {folder};
    catalog_ = tally::plugin::Catalog::scan(folders);
  }

  void make(const std::string& uri) {
    tally::plugin::PluginSettings settings;
    settings.host = "node1";
    tally::plugin::Entry* entry = catalog_.find(tally::plugin::Role::pollster, "libvirt");
    ASSERT_NE(entry, nullptr);
    entry->state = tally::plugin::State::on;  // whatever this machine has
    auto pollster = tally::plugin::make_pollster(*entry, settings);
    ASSERT_TRUE(pollster.ok()) << pollster.status();
    pollster_ = *std::move(pollster);
    settings.options = {{"uri", uri}};
    entry = catalog_.find(tally::plugin::Role::discovery, "libvirt");
    entry->state = tally::plugin::State::on;
    auto discovery = tally::plugin::make_discovery(*entry, settings);
    ASSERT_TRUE(discovery.ok()) << discovery.status();
    discovery_ = *std::move(discovery);
  }

  tally::plugin::Catalog catalog_;
  std::unique_ptr<tally::plugin::Sampler> pollster_;
  std::unique_ptr<tally::plugin::ResourceFinder> discovery_;
};

TEST_F(Libvirt, AThousandDomainsWithTheirOwners) {
  const Tree tree;
  tree.write("node.xml", node(1000));
  make("test://" + tree.path() + "/node.xml");
  const auto found = discovery_->discover();
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 1000U);
  tally::plugin::PollRequest request;
  request.resources = *found;
  tally::test::Polled polled;
  polled.status = pollster_->poll(request, polled.result);
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_TRUE(polled.result.faults.empty());
  EXPECT_EQ(polled.result.samples.size(), 1000U + 2 * 500U);
  EXPECT_EQ(polled.volume("power.state", uuid_of(999)), "1");
  EXPECT_FALSE(polled.of("power.state", uuid_of(999)).project_id);
  const tally::Sample size = polled.of("disk.root.size", uuid_of(998));
  EXPECT_EQ(size.volume.to_string(), "10");
  EXPECT_EQ(size.project_id, "p1");
  EXPECT_EQ(size.user_name, "alice");
  EXPECT_NE(size.resource_metadata.find(R"("display_name":"web998")"), std::string::npos);
  EXPECT_TRUE(size.monotonic_time);
}

TEST_F(Libvirt, ADomainThatIsGoneIsNoError) {
  make("test:///default");
  auto found = discovery_->discover();
  ASSERT_TRUE(found.ok()) << found.status();
  found->push_back({.id = uuid_of(7)});
  tally::plugin::PollRequest request;
  request.resources = *found;
  tally::plugin::PollResult result;
  EXPECT_TRUE(pollster_->poll(request, result).ok());
  ASSERT_EQ(result.faults.size(), 1U);
  EXPECT_EQ(result.faults.front().resource_id, uuid_of(7));
  EXPECT_EQ(result.faults.front().status.code(), tally::kAbsent);
  EXPECT_EQ(result.samples.size(), 1U);
}

TEST_F(Libvirt, ALibvirtThatIsAwayIsAbsent) {
  make("qemu:///system?socket=/nowhere/at/all");
  const auto found = discovery_->discover();
  EXPECT_EQ(found.status().code(), tally::kAbsent) << found.status();
}

TEST_F(Libvirt, ResourcesOfAnotherDiscoveryAreRefused) {
  make("test:///default");
  const std::vector<tally::Resource> resources = {{.id = "x"}};
  tally::plugin::PollRequest request;
  request.resources = resources;
  tally::plugin::PollResult result;
  EXPECT_EQ(pollster_->poll(request, result).code(), tally::kTransient);
}

// Every meter that the documentation has is one of the manifest's, with type and unit.
TEST_F(Libvirt, TheReadmeHasTheManifestsMeters) {
  const std::filesystem::path readme =
      std::filesystem::path(std::getenv("TALLY_TEST_SOURCE")) / "plugins/pollsters/libvirt/README.md";
  std::ifstream file(readme);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  for (const auto& meter : catalog_.find(tally::plugin::Role::pollster, "libvirt")->role.meters) {
    const std::string row =
        "| `" + meter.name + "` | " + meter.type + " | " + meter.unit + (meter.unit.empty() ? "|" : " |");
    EXPECT_NE(text.find(row), std::string::npos) << row;
  }
}

}  // namespace
