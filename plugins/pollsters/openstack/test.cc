// The module as the host runs it: discovery and pollster together, with a Keystone and a Cinder of the test's own.
// Not for answers that are wrong, nor for definitions: test_internals.cc.
#include <map>
#include <set>

#include "../plugins/pollsters/openstack/test_server.h"
#include "support/pollster_fixture.h"

namespace {

using tally::openstack::TestServer;
using tally::test::Tree;

class OpenStack : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("TALLY_TEST_PLUGINS");
    ASSERT_NE(folder, nullptr) << "run this by meson";
    const std::vector<std::filesystem::path> folders = {folder};
    catalog_ = tally::plugin::Catalog::scan(folders);
    server_ = std::make_unique<TestServer>([](const TestServer::Asked& asked) {
      if (asked.target == "/v3/auth/tokens")
        return tally::openstack::test_token(
            "t1", {{"block-storage", asked.server + "/vol"}, {"image", "http://127.0.0.1:1"}});
      return TestServer::answer(200, R"({"volumes": [{"id": "a", "size": 1, "os-vol-tenant-attr:tenant_id": "p1"},
                                                     {"id": "b", "size": 2, "os-vol-tenant-attr:tenant_id": "p2"}]})");
    });
    definitions_.write("d/a.yaml",
                       "- {name: volume.size, sample_type: gauge, unit: GiB, endpoint_type: volumev3, url_path: v, "
                       "value_attribute: size, project_id_attribute: 'os-vol-tenant-attr:tenant_id'}\n"
                       "- {name: broken, host_command: ls}\n");
  }

  tally::plugin::Entry* entry(tally::plugin::Role role) {
    tally::plugin::Entry* found = catalog_.find(role, "openstack");
    if (found != nullptr) found->state = tally::plugin::State::on;
    return found;
  }

  absl::StatusOr<std::vector<tally::Resource>> discover(const std::string& auth_url) {
    tally::plugin::PluginSettings settings;
    settings.options = {{"auth_url", auth_url},     {"username", "u"},         {"password", "hidden"},
                        {"project_name", "p"},      {"user_domain_name", "D"}, {"project_domain_name", "D"},
                        {"interface", "public"},    {"verify", "true"},        {"timeout", "5"},
                        {"max_response", "1000000"}};
    auto discovery = tally::plugin::make_discovery(*entry(tally::plugin::Role::discovery), settings);
    if (!discovery.ok()) return discovery.status();
    discovery_ = *std::move(discovery);
    return discovery_->discover();
  }

  absl::StatusOr<std::unique_ptr<tally::plugin::Sampler>> pollster(const std::string& index, const std::string& total,
                                                                   const std::string& folder = "d") {
    tally::plugin::PluginSettings settings;
    settings.options = {{"definitions", "[\"" + definitions_.path() + "/" + folder + "\"]"},
                        {"partition_index", index},
                        {"partition_total", total},
                        {"pages", "10"},
                        {"cycle_time", "20"}};
    return tally::plugin::make_pollster(*entry(tally::plugin::Role::pollster), settings);
  }

  const Tree definitions_;
  tally::plugin::Catalog catalog_;
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<tally::plugin::ResourceFinder> discovery_;
};

TEST_F(OpenStack, OffWithoutCredentials) {
  for (const auto role : {tally::plugin::Role::discovery, tally::plugin::Role::pollster}) {
    const tally::plugin::Entry* found = catalog_.find(role, "openstack");
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->state, tally::plugin::State::absent);
    EXPECT_NE(found->reason.find("\"discovery:openstack\": auth_url, which is not set"), std::string::npos)
        << found->reason;
  }
}

TEST_F(OpenStack, VolumesWithTheirProjects) {
  const auto found = discover(server_->url());
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[0].id, "block-storage");
  EXPECT_EQ((*found)[0].attributes.find("hidden"), std::string::npos);
  std::set<std::string> all;
  for (const char* index : {"0", "1"}) {
    auto made = pollster(index, "2");
    ASSERT_TRUE(made.ok()) << made.status();
    tally::plugin::PollRequest request;
    request.resources = *found;
    tally::plugin::PollResult result;
    ASSERT_TRUE((*made)->poll(request, result).ok());
    EXPECT_TRUE(result.faults.empty());
    for (const tally::Sample& sample : result.samples)
      all.insert(sample.resource_id + *sample.project_id + sample.volume.to_string());
  }
  EXPECT_EQ(all, (std::set<std::string>{"ap11", "bp22"}));
}

TEST_F(OpenStack, AShareThatIsNone) {
  const auto made = pollster("2", "2");
  ASSERT_FALSE(made.ok());
  EXPECT_NE(made.status().message().find("partition_index 2 is not below partition_total 2"), std::string::npos);
}

TEST_F(OpenStack, WhereNothingCanBeUsedTheFileIsNamed) {
  definitions_.write("refused/b.yaml", "- {name: x}\n- {name: broken, host_command: ls}\n");
  definitions_.write("empty/none.txt", "");
  const std::string why(pollster("0", "1", "refused").status().message());
  EXPECT_NE(why.find("no definition can be used: " + definitions_.path() +
                     "/refused/b.yaml:1:3: skipped \"x\": \"sample_type\" missing (and 1 more fault)"),
            std::string::npos)
      << why;
  const std::string gone(pollster("0", "1", "gone.yaml").status().message());
  EXPECT_NE(gone.find("no definition can be used: " + definitions_.path() + "/gone.yaml: cannot be read: No such file"),
            std::string::npos)
      << gone;
  const std::string none(pollster("0", "1", "empty").status().message());
  EXPECT_NE(none.find("no definitions in " + definitions_.path() + "/empty: the key \"definitions\" names files, or"),
            std::string::npos)
      << none;
}

TEST_F(OpenStack, AKeystoneThatIsAwayPasses) {
  const auto found = discover("http://127.0.0.1:1/v3");
  EXPECT_EQ(found.status().code(), tally::kTransient) << found.status();
  EXPECT_EQ(found.status().message().find("hidden"), std::string::npos);
}

TEST_F(OpenStack, ResourcesOfAnotherDiscoveryAreRefused) {
  auto made = pollster("0", "1");
  ASSERT_TRUE(made.ok()) << made.status();
  const std::vector<tally::Resource> resources = {{.id = "x"}};
  tally::plugin::PollRequest request;
  request.resources = resources;
  tally::plugin::PollResult result;
  EXPECT_EQ((*made)->poll(request, result).code(), tally::kTransient);
}

std::string text_of(const std::string& file) {
  std::ifstream in(std::filesystem::path(std::getenv("TALLY_TEST_SOURCE")) / file);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The manifest has the meters of the shipped definitions, and the documentation has them too.
TEST_F(OpenStack, TheManifestHasTheShippedMeters) {
  const std::string readme = text_of("plugins/pollsters/openstack/README.md");
  std::string shipped;
  for (const char* file : {"volume", "image", "network", "objectstore", "loadbalancer"})
    shipped += text_of("config/pollsters.d/" + std::string(file) + ".yaml");
  std::size_t defined = 0;
  for (std::size_t at = 0; (at = shipped.find(" name: ", at)) != std::string::npos; ++at) ++defined;
  const auto& meters = catalog_.find(tally::plugin::Role::pollster, "openstack")->role.meters;
  EXPECT_EQ(meters.size(), defined);
  for (const auto& meter : meters) {
    const std::string row = "| `" + meter.name + "` | " + meter.type + " | " + meter.unit + " |";
    EXPECT_NE(readme.find(row), std::string::npos) << row;
    EXPECT_NE(shipped.find("name: " + meter.name + "\n"), std::string::npos) << meter.name;
  }
}

}  // namespace
