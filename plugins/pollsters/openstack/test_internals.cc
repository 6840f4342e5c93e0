// The plugin's inner parts: definitions, samples of an entry, shares, links, Keystone's words, and a cycle with a
// server that misbehaves.
// Not for the attribute language: test_language.cc; not for the module as the host calls it: test.cc.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cycle.h"
#include "load.h"
#include "test_server.h"

namespace tally::openstack {
namespace {

constexpr const char* kWhole = R"(
- name: volume.size
  sample_type: gauge
  unit: GiB
  endpoint_type: volumev3
  url_path: volumes/detail
  value_attribute: size
  metadata_fields: [name, "a.b", missing]
  metadata_mapping: {name: display_name}
  preserve_mapped_metadata: false
)";

std::vector<Group> load(const std::string& text) {
  Definitions definitions;
  definitions.load(text, "t.yaml");
  EXPECT_TRUE(definitions.faults().empty()) << definitions.faults().front();
  return std::move(definitions).take();
}

std::string fault_of(const std::string& text) {
  Definitions definitions;
  definitions.load(text, "t.yaml");
  return definitions.faults().empty() ? "" : definitions.faults().front();
}

// kWhole with `lines` more.
std::string with(const std::string& lines) { return kWhole + lines; }

TEST(Definitions, TheShippedOnesAreWhole) {
  const std::filesystem::path folder = std::filesystem::path(std::getenv("TALLY_TEST_SOURCE")) / "config/pollsters.d";
  Definitions definitions;
  definitions.load(std::vector{folder});
  EXPECT_TRUE(definitions.faults().empty()) << definitions.faults().front();
  EXPECT_TRUE(definitions.notices().empty()) << definitions.notices().front();
  std::size_t meters = 0;
  for (const Group& group : definitions.groups()) meters += group.definitions.size();
  EXPECT_EQ(meters, 20U);
  EXPECT_EQ(definitions.groups().size(), 12U);  // five meters of pools are one request, and so on
}

TEST(Definitions, WhatIsWrongIsNamedWithItsPlace) {
  EXPECT_EQ(fault_of("a: 1"), "t.yaml:1:1: skipped, the whole file: not a list of definitions");
  EXPECT_NE(fault_of("- [").find("not YAML"), std::string::npos);
  EXPECT_EQ(fault_of("- name: x"), "t.yaml:1:3: skipped \"x\": \"sample_type\" missing");
  EXPECT_EQ(fault_of("- 7"), "t.yaml:1:3: skipped: not a map of keys and values");
  EXPECT_EQ(fault_of(with("  host_command: rm -rf /\n")),
            "t.yaml:11:3: skipped \"volume.size\": host_command: not offered: it would run a command; "
            "`pollster:exec` does that");
  EXPECT_EQ(fault_of(with("  response_entries_key: \"a | open(value)\"\n")).substr(0, 88),
            "t.yaml:11:25: skipped \"volume.size\": response_entries_key: the operation \"open(value)\": ");
  for (const char* lines :
       {"  module: os\n", "  extra_metadata_fields: {name: a}\n", "  base_metadata: {a: 1}\n", "  timeout: 0\n",
        "  timeout: 1e9\n", "  headers: [a]\n", "  headers: {a: \"x\\r\\nb: c\"}\n", "  response_handlers: [xml]\n",
        "  method: POST\n", "  value_mapping: [1]\n", "  metadata_mapping: 7\n", "  <<: 5\n",
        "  skip_sample_values: [[1]]\n", "  preserve_mapped_metadata: maybe\n"}) {
    EXPECT_NE(fault_of(with(lines)), "") << lines;
  }
  for (const auto& [from, to] : std::map<std::string, std::string>{{"volume.size", "volume size"},
                                                                   {"volume.size", "{volume}"},
                                                                   {"volume.size", "a..b"},
                                                                   {"gauge", "counter"},
                                                                   {"volumes/detail", "\"'a' + b\""},
                                                                   {"GiB", "''"}}) {
    std::string text = kWhole;
    text.replace(text.find(from), from.size(), to);
    EXPECT_NE(fault_of(text), "") << to;
  }
}

TEST(Definitions, NoticesAndNamespaces) {
  Definitions definitions;
  definitions.load(std::string(kWhole) + kWhole, "t.yaml");
  definitions.load(
      "- {name: c, namespaces: compute, host_command: x}\n- {name: d, namespaces: [central, compute], "
      "sample_type: delta, unit: u, endpoint_type: e, url_path: p, value_attribute: v, spare: 1}\n",
      "u.yaml");
  EXPECT_TRUE(definitions.faults().empty());
  ASSERT_EQ(definitions.notices().size(), 3U);
  EXPECT_NE(definitions.notices()[0].find("\"volume.size\" is defined already"), std::string::npos);
  EXPECT_NE(definitions.notices()[1].find("\"c\" is not for the namespace central"), std::string::npos);
  EXPECT_NE(definitions.notices()[2].find("\"spare\" is not known, ignoring"), std::string::npos);
  EXPECT_EQ(definitions.groups().size(), 2U);
}

std::vector<Sample> samples_of(const Definition& definition, const std::string& entry) {
  const auto json = Json::parse(entry);
  EXPECT_TRUE(json);
  std::vector<Sample> all;
  const auto fail = [](const std::string& why) { throw NoValue(why); };
  make_samples(definition, *json, resource_of(definition, *json), [&](const Sample& one) { all.push_back(one); },
               {fail, fail});
  return all;
}

TEST(Samples, OneOfAnEntry) {
  const auto groups = load(kWhole);
  const auto samples = samples_of(
      groups[0].definitions[0],
      R"({"id": "v1", "size": 0.10, "name": "x\"y", "a": {"b": [1, 2]}, "project_id": "p", "user_id": null})");
  ASSERT_EQ(samples.size(), 1U);
  EXPECT_EQ(samples[0].name, "volume.size");
  EXPECT_EQ(samples[0].unit, "GiB");
  EXPECT_EQ(samples[0].volume.to_string(), "0.1");
  EXPECT_EQ(samples[0].resource_id, "v1");
  EXPECT_EQ(samples[0].project_id, "p");
  EXPECT_FALSE(samples[0].user_id);
  EXPECT_EQ(samples[0].resource_metadata, R"({"display_name":"x\"y","a.b":[1, 2]})");
}

TEST(Samples, ValuesThatAreNone) {
  const auto groups = load(with("  skip_sample_values: [5, x, null]\n"));
  const Definition& definition = groups[0].definitions[0];
  for (const char* value : {"5", "5.0", "\"x\"", "null"})
    EXPECT_TRUE(samples_of(definition, std::string(R"({"id": 1, "size": )") + value + "}").empty()) << value;
  EXPECT_EQ(samples_of(definition, R"({"id": 1, "size": "12"})")[0].volume.to_string(), "12");
  for (const char* value : {"\"12 GB\"", "[1]", "{}", "1e99"})
    EXPECT_THROW(samples_of(definition, std::string(R"({"id": 1, "size": )") + value + "}"), NoValue) << value;
  EXPECT_THROW(samples_of(definition, R"({"id": 1})"), NoValue);
  EXPECT_THROW(samples_of(definition, R"({"size": 1})"), NotThere);
  EXPECT_THROW(samples_of(definition, R"({"id": null, "size": 1})"), NotThere);
}

TEST(Samples, MappedValues) {
  auto groups = load(with("  value_mapping: {ACTIVE: 1, \"7\": 2, 8: 3}\n"));
  const auto volume = [&](const char* value) {
    return samples_of(groups[0].definitions[0], std::string(R"({"id": "a", "size": )") + value + "}")[0]
        .volume.to_string();
  };
  EXPECT_EQ(volume("\"ACTIVE\""), "1");
  EXPECT_EQ(volume("\"7\""), "2");
  EXPECT_EQ(volume("8"), "3");
  EXPECT_EQ(volume("7"), "-1");
  groups = load(with("  value_mapping: {a: 1}\n  default_value: 9\n"));
  EXPECT_EQ(volume("\"b\""), "9");
}

// Of one entry of the shipped definition of a meter: its volume, "none", or why there is none.
std::string shipped_volume(const std::string& meter, const std::string& entry, std::string* metadata = nullptr) {
  static const std::filesystem::path kFolder =
      std::filesystem::path(std::getenv("TALLY_TEST_SOURCE")) / "config/pollsters.d";
  Definitions definitions;
  definitions.load(std::vector{kFolder});
  for (const Group& group : definitions.groups()) {
    for (const Definition& definition : group.definitions) {
      if (definition.name != meter) continue;
      try {
        const auto samples = samples_of(definition, entry);
        if (samples.empty()) return "none";
        if (metadata != nullptr) *metadata = samples.front().resource_metadata;
        return samples.front().volume.to_string();
      } catch (const NoValue& why) {
        return why.what();
      }
    }
  }
  return "no such meter";
}

std::string virtual_free(const std::string& capabilities) {
  return shipped_volume("volume.provider.pool.capacity.virtual_free",
                        R"({"name": "h@b#p", "capabilities": {)" + capabilities + "}}");
}

TEST(Samples, WhatAPoolMayStillPromise) {
  const std::string pool =
      R"("total_capacity_gb": 100, "free_capacity_gb": 30, "provisioned_capacity_gb": 70, "reserved_percentage": 10, )"
      R"("max_over_subscription_ratio": "20.0")";
  EXPECT_EQ(virtual_free(pool + R"(, "thin_provisioning_support": true)"), "1730");
  EXPECT_EQ(virtual_free(pool + R"(, "thin_provisioning_support": "True")"), "1730");
  EXPECT_EQ(virtual_free(pool + R"(, "thin_provisioning_support": false)"), "20");
  EXPECT_EQ(virtual_free(pool + R"(, "thin_provisioning_support": null)"), "20");
  EXPECT_EQ(virtual_free(pool), "20");
  // 29 % of 100 is 29, and not 28 as of doubles; 0.1 * 3 is 0.3.
  EXPECT_EQ(virtual_free(R"("total_capacity_gb": "100", "free_capacity_gb": 60.3, "reserved_percentage": "29")"),
            "31.3");
  EXPECT_EQ(virtual_free(R"("thin_provisioning_support": true, "total_capacity_gb": 3, "provisioned_capacity_gb": 0,
                            "max_over_subscription_ratio": 0.1)"),
            "0.3");
  EXPECT_EQ(virtual_free(R"("thin_provisioning_support": true, "total_capacity_gb": 100.5, "reserved_percentage": null,
                            "allocated_capacity_gb": 1, "max_over_subscription_ratio": 1.5)"),
            "149.75");
  for (const char* total : {"null", "\"\"", "\"infinite\"", "\"unknown\""})
    EXPECT_EQ(virtual_free(std::string(R"("free_capacity_gb": 1, "total_capacity_gb": )") + total), "none") << total;
  for (const char* free : {"null", "\"infinite\"", "\"unknown\""})
    EXPECT_EQ(virtual_free(std::string(R"("total_capacity_gb": 1, "free_capacity_gb": )") + free), "none") << free;
  EXPECT_EQ(virtual_free(R"("thin_provisioning_support": true, "total_capacity_gb": 1, "provisioned_capacity_gb": 1)"),
            "none");
  EXPECT_EQ(
      virtual_free(R"("thin_provisioning_support": true, "total_capacity_gb": 1, "max_over_subscription_ratio": 1)"),
      "none");
  EXPECT_NE(virtual_free(pool + R"(, "thin_provisioning_support": true, "max_over_subscription_ratio": "auto")")
                .find("float() cannot read \"auto\""),
            std::string::npos);
}

TEST(Samples, MetadataOfTheShippedOnes) {
  const auto metadata = [](const std::string& meter, const std::string& entry) {
    std::string text;
    EXPECT_NE(shipped_volume(meter, entry, &text), "none") << meter;
    return text;
  };
  EXPECT_EQ(metadata("volume.size", R"({"id": "v", "size": 1, "os-vol-tenant-attr:tenant_id": "p", "name": "n",
                                        "volume_type_id": "t", "attachments": []})"),
            R"({"name":"n","volume_type_id":"t","attachments":[]})");
  EXPECT_EQ(metadata("volume.backup.size", R"({"id": "b", "size": 1, "is_incremental": true})"),
            R"({"is_incremental":true})");
  EXPECT_EQ(metadata("volume.provider.pool.capacity.total",
                     R"({"name": "h@b#p", "capabilities": {"total_capacity_gb": 1, "pool_name": "p"}})"),
            R"({"name":"h@b#p","pool_name":"p","provider":"h@b"})");
  EXPECT_EQ(metadata("storage.containers.objects",
                     R"({"project_id": "p", "name": "c", "count": 1, "bytes": 2, "storage_policy": "gold"})"),
            R"({"storage_policy":"gold"})");
  EXPECT_EQ(metadata("storage.containers.objects.size",
                     R"({"project_id": "p", "name": "c", "count": 1, "bytes": 2, "storage_policy": "gold"})"),
            R"({"storage_policy":"gold"})");
  EXPECT_EQ(metadata("loadbalancer.operating", R"({"id": "l", "operating_status": "ONLINE", "vip_port_id": "x",
                                                   "availability_zone": "nova"})"),
            R"({"availability_zone":"nova","vip_port_id":"x","operating_status":"ONLINE"})");
  EXPECT_EQ(metadata("image.size", R"({"id": "i", "size": 1, "owner": "p", "protected": true})"),
            R"({"protected":true,"is_protected":true})");
}

TEST(Samples, SeveralOfAnEntry) {
  const auto groups = load(R"(
- name: server.{kind}
  sample_type: delta
  unit: x
  endpoint_type: compute
  url_path: u
  value_attribute: "[usages].count | value * 2"
  user_id_attribute: owner.user
  skip_sample_values: [0, hidden]
)");
  EXPECT_THROW(samples_of(groups[0].definitions[0], R"({"id": "s", "usages": []})"), NoValue);
  const auto samples = samples_of(groups[0].definitions[0], R"({"id": "s", "owner": {"user": "u"}, "usages": [
      {"kind": "cpu", "count": 2}, {"kind": "disk", "count": 0}, {"kind": "hidden", "count": 1}, {"kind": "net", "count": 1}]})");
  ASSERT_EQ(samples.size(), 2U);
  EXPECT_EQ(samples[0].name + samples[0].volume.to_string(), "server.cpu4");
  EXPECT_EQ(samples[1].name + samples[1].volume.to_string(), "server.net2");
  EXPECT_EQ(samples[1].user_id, "u");
  EXPECT_EQ(samples[1].type, SampleType::delta);
}

TEST(Partition, EachResourceHasOneAgent) {
  EXPECT_EQ(fnv1a(""), 0xcbf29ce484222325ULL);  // the hash's published vectors
  EXPECT_EQ(fnv1a("a"), 0xaf63dc4c8601ec8cULL);
  EXPECT_EQ(fnv1a("foobar"), 0x85944171f73967e8ULL);
  for (const std::uint64_t total : {1, 2, 3, 7}) {
    std::vector<int> shares(total);
    for (int i = 0; i < 10'000; ++i) {
      const std::string id = "6695eb01-f6a4-8304-79aa-" + std::to_string(100'000'000'000 + i);
      int owners = 0;
      for (std::uint64_t index = 0; index < total; ++index) {
        const bool mine = Partition{index, total}.has(id);
        owners += mine ? 1 : 0;
        shares[index] += mine ? 1 : 0;
      }
      ASSERT_EQ(owners, 1) << id;
    }
    for (const int share : shares) EXPECT_NEAR(share, 10'000 / static_cast<int>(total), 400) << total;
  }
}

TEST(Urls, WhatIsShownHasNoSecret) {
  EXPECT_EQ(shown("https://user:secret@host:8776/v3/p?key=secret#x"), "https://host:8776/v3/p?…");
  EXPECT_EQ(shown("http://host/"), "http://host/");
  EXPECT_EQ(shown("nonsense secret"), "(no URL)");
  EXPECT_EQ(origin("HTTPS://Host/a"), "https://host:443");
  EXPECT_EQ(origin("http://[::1]:80/a"), "http://[::1]:80");
  EXPECT_EQ(origin("file:///etc/passwd"), "");
}

TEST(Urls, PathsBelowTheirEndpoint) {
  EXPECT_EQ(join_path("https://h:1/v3/p/", "volumes?a=1"), "https://h:1/v3/p/volumes?a=1");
  EXPECT_EQ(join_path("https://h:1/v3/p", "/v3/all"), "https://h:1/v3/all");
  EXPECT_EQ(join_path("http://h", "v2.0/ports"), "http://h/v2.0/ports");
  EXPECT_EQ(join_path("http://h/net/v2.0/", "v2.0/ports?limit=1"), "http://h/net/v2.0/ports?limit=1");
  EXPECT_EQ(join_path("http://h/v2", "v2"), "http://h/v2/");
  EXPECT_EQ(join_path("http://h/volumes", "volumes"), "http://h/volumes/volumes");
  EXPECT_EQ(join_path("http://h/v1/AUTH_p", ""), "http://h/v1/AUTH_p");
  EXPECT_EQ(join_path("http://h/v1/AUTH_p", "?format=json"), "http://h/v1/AUTH_p?format=json");
}

Request store(const std::string& service = "object-store", const std::string& path = "") {
  Request request;
  request.service = service;
  request.path = path;
  request.per_project = true;
  return request;
}

TEST(Urls, EachProjectHasItsAccount) {
  const auto url = [](const std::string& endpoint, const std::optional<std::string>& prefix = std::nullopt) {
    return ProjectPlaces{"own", prefix}.url(store(), endpoint, "p2");
  };
  for (const char* endpoint : {"http://h/v1/AUTH_own", "http://h/v1", "http://h/v1/", "http://h", "http://h/"})
    EXPECT_EQ(url(endpoint), "http://h/v1/AUTH_p2") << endpoint;
  EXPECT_EQ(url("https://h:7480/swift/v1"), "https://h:7480/swift/v1/AUTH_p2");
  EXPECT_EQ(url("https://h:7480/swift"), "https://h:7480/swift/v1/AUTH_p2");
  EXPECT_EQ(url("http://v1.example.org/v1.0"), "http://v1.example.org/v1.0/AUTH_p2");
  EXPECT_EQ(url("http://own.example.org:8080/v1/AUTH_own/"), "http://own.example.org:8080/v1/AUTH_p2");
  EXPECT_EQ(url("http://h/v1/KEY_own"), "http://h/v1/KEY_p2");
  EXPECT_EQ(url("http://h/AUTH_own"), "http://h/AUTH_p2");
  EXPECT_EQ(url("http://h/v1/AUTH_own", "KEY_"), "http://h/v1/KEY_p2");
  EXPECT_EQ(url("http://h/v1", "KEY_"), "http://h/v1/KEY_p2");
  EXPECT_EQ(url("http://h/v1", ""), "http://h/v1/p2");
  EXPECT_EQ((ProjectPlaces{"", {}}.url(store(), "http://h/v1", "p2")), "http://h/v1/AUTH_p2");
}

TEST(Urls, EachProjectElsewhere) {
  const ProjectPlaces places{"own", std::nullopt};
  EXPECT_EQ(places.url(store("volumev3", "limits"), "http://own:1/v3/own", "p2"), "http://own:1/v3/p2/limits");
  EXPECT_EQ(places.url(store("volumev3", "a?project={project_id}"), "http://h/v3", "p2"), "http://h/v3/a?project=p2");
  EXPECT_EQ(places.url(store("object-store", "AUTH_{project_id}"), "http://h/v1", "p2"), "http://h/v1/AUTH_p2");
  EXPECT_EQ(places.url(store("volumev3", "limits"), "http://h/v3", "p2"), "http://h/v3/limits");
}

TEST(Urls, LinksStayWithTheirServer) {
  const std::string cinder = "https://api:8776/v3/p";
  EXPECT_EQ(resolve(cinder, "volumes/detail?a=1"), "https://api:8776/v3/p/volumes/detail?a=1");
  EXPECT_EQ(resolve(cinder + "/", "volumes"), "https://api:8776/v3/p/volumes");
  EXPECT_EQ(resolve(cinder, "https://api:8776/v3/p/volumes?marker=2"), "https://api:8776/v3/p/volumes?marker=2");
  EXPECT_EQ(resolve(cinder, "http://evil.example:1/v3/p/volumes?marker=2"), "https://api:8776/v3/p/volumes?marker=2");
  EXPECT_EQ(resolve("https://api/volume/v3/p", "http://inner:8776/v3/p/volumes"), "https://api/volume/v3/p/volumes");
  EXPECT_EQ(resolve("http://h:9292", "/v2/images?marker=1"), "http://h:9292/v2/images?marker=1");
  EXPECT_EQ(resolve("http://h/image", "/v2/images?marker=1"), "http://h/image/v2/images?marker=1");
  EXPECT_EQ(resolve("http://h/image", "/image/v2/images"), "http://h/image/v2/images");
  EXPECT_EQ(resolve("http://h/image/v2", "/v2/images"), "http://h/image/v2/images");
  EXPECT_EQ(resolve("http://h/v1/AUTH_p", "?marker=x"), "http://h/v1/AUTH_p?marker=x");
  EXPECT_EQ(resolve("http://h/a", "b?to=http://x/"), "http://h/a/b?to=http://x/");
  EXPECT_EQ(resolve("http://h/a", ""), "");
  EXPECT_EQ(resolve("http://h/a", "b c"), "");
}

TEST(Keystone, TheWordsOfALogin) {
  Credentials who;
  EXPECT_THROW(login(who), Error);
  who.username = "meter";
  who.password = "s\"e";
  who.project_name = "service";
  who.user_domain_name = who.project_domain_name = "Default";
  EXPECT_EQ(
      login(who),
      R"({"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"meter","domain":)"
      R"({"name":"Default"},"password":"s\"e"}}},"scope":{"project":{"name":"service","domain":{"name":"Default"}}}}})");
  who.project_id = "p1";
  who.user_domain_id = "default";
  EXPECT_EQ(login(who), R"({"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"meter","domain":)"
                        R"({"id":"default"},"password":"s\"e"}}},"scope":{"project":{"id":"p1"}}}})");
  who.application_credential_id = "a1";
  who.application_credential_secret = "x";
  EXPECT_EQ(login(who), R"({"auth":{"identity":{"methods":["application_credential"],"application_credential":)"
                        R"({"id":"a1","secret":"x"}}}})");
  EXPECT_EQ(version_3("http://h/identity"), "http://h/identity/v3");
  EXPECT_EQ(version_3("http://h:5000/v3/"), "http://h:5000/v3");
}

TEST(Keystone, AnswersThatAreNone) {
  HttpAnswer answer;
  for (const auto& [status, body] :
       std::map<long, std::string>{{200, "{}"}, {201, "no json"}, {202, "{}"}, {401, "{}"}, {500, ""}, {300, "{}"}}) {
    answer.status = status;
    answer.body = body;
    EXPECT_THROW(read_token(answer, "http://h/v3/auth/tokens"), Error) << status;
  }
  answer.status = 201;
  answer.headers = {{"x-subject-token", "t"}};
  answer.body = R"({"token": {"issued_at": "now", "expires_at": "then"}})";
  EXPECT_THROW(read_token(answer, "http://h"), Error);
}

// --- a cycle, with a server ---------------------------------------------------------------------------------------

struct Ran {
  std::vector<std::string> samples;  // "v1=7"
  std::vector<std::string> faults;
  bool fault_has(const std::string& text) const {
    return faults.size() == 1 && faults.front().find(text) != std::string::npos;
  }
};

class Cycles : public ::testing::Test {
 protected:
  // Serves `answer` for what is no login.
  void serve(TestServer::Answer answer, int token_seconds = 3600) {
    server_ = std::make_unique<TestServer>([this, answer, token_seconds](const TestServer::Asked& asked) {
      if (asked.target != "/v3/auth/tokens") return answer(asked);
      return test_token("token" + std::to_string(++logins_),
                        {{"volumev3", asked.server + "/volume/own"}, {"object-store", asked.server + store_}},
                        token_seconds);
    });
    server_url_ = server_->url();
    CloudOptions options;
    options.credentials = {server_url_, "u", "secret", "Default", "", "p", "", "Default", "", "", ""};
    options.timeout = std::chrono::milliseconds(300);
    options.http.longest = 10'000;
    cloud_ = std::make_unique<Cloud>(options);
  }

  Ran run(const std::string& definitions, CycleOptions options = {{}, 5, std::chrono::seconds(20)}) {
    Ran ran;
    const auto groups = load(definitions);
    const auto services = cloud_->services();
    Cycle(
        *cloud_, services, options,
        [&](const Sample& sample) { ran.samples.push_back(sample.resource_id + "=" + sample.volume.to_string()); },
        [&](const std::string& meters, const std::string& text) { ran.faults.push_back(meters + ": " + text); })
        .run(groups);
    return ran;
  }

  static std::string volumes(const std::string& list, const std::string& more = "") {
    return TestServer::answer(200, R"({"volumes": [)" + list + "]" + more + "}");
  }

  std::atomic<int> logins_ = 0;
  std::string store_ = "/swift/v1/AUTH_own";  // the object store's endpoint
  std::string server_url_;
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<Cloud> cloud_;
};

const std::string kNext = std::string(kWhole) + "  next_sample_url_attribute: next\n";
constexpr const char* kOne = R"({"id": "v1", "size": 7})";

TEST_F(Cycles, PagesUntilThereIsNone) {
  serve([](const TestServer::Asked& asked) {
    if (asked.target == "/volume/own/volumes/detail")
      return volumes(kOne, R"(, "next": "http://elsewhere.invalid/own/volumes/detail?page=2")");
    EXPECT_EQ(asked.target, "/volume/own/volumes/detail?page=2");
    EXPECT_NE(asked.head.find("X-Auth-Token: token1"), std::string::npos);
    return volumes(R"({"id": "v2", "size": 8})");
  });
  const Ran ran = run(kNext);
  EXPECT_EQ(ran.samples, (std::vector<std::string>{"v1=7", "v2=8"}));
  EXPECT_TRUE(ran.faults.empty());
  run(kNext);
  EXPECT_EQ(logins_, 1);
}

TEST_F(Cycles, PagesThatNeverEnd) {
  serve([](const TestServer::Asked&) { return volumes(kOne, R"(, "next": "volumes/detail")"); });
  EXPECT_TRUE(run(kNext).fault_has("/volume/own/volumes/detail: this page was there before"));
  int page = 0;
  serve([page](const TestServer::Asked&) mutable {
    return volumes(kOne, R"(, "next": "volumes/detail?page=)" + std::to_string(++page) + "\"");
  });
  const Ran ran = run(kNext);
  EXPECT_TRUE(ran.fault_has("more than 5 pages"));
  EXPECT_EQ(ran.samples.size(), 5U);
}

TEST_F(Cycles, OneEntrysFaultDoesNotLoseTheOthers) {
  serve([](const TestServer::Asked&) {
    return volumes(std::string(kOne) +
                   R"(, {"id": "v2"}, 5, {"size": 1}, {"id": "v3", "size": "x"}, {"id": "v4", "size": 9})");
  });
  const Ran ran = run(kWhole);
  EXPECT_EQ(ran.samples, (std::vector<std::string>{"v1=7", "v4=9"}));
  EXPECT_TRUE(ran.fault_has("volume.size: GET " + server_url_ +
                            "/volume/own/volumes/detail: \"size\": no key \"size\"; 4 entries left out (t.yaml:2)"))
      << ran.faults.front();
}

TEST_F(Cycles, WhatCannotBeMadeCostsNothingElse) {
  serve([](const TestServer::Asked&) {
    return volumes(R"({"id": "v1", "size": 1e99}, 1e99, {"id": "v2", "size": 2, "name": "Gr)"
                   "\xf6"
                   R"("}, {"id": "Gr)"
                   "\xf6"
                   R"(", "size": 3}, {"id": "v5", "size": 5, "os": null})");
  });
  const Ran ran = run(with("  user_id_attribute: \". | value.get('user')\"\n") +
                      "- {name: tenth, sample_type: gauge, unit: u, endpoint_type: volumev3, url_path: volumes/detail, "
                      "value_attribute: \"size | value / 10\", metadata_fields: [name, \"os | value.get('x')\"]}\n");
  EXPECT_EQ(ran.samples, (std::vector<std::string>{"v2=2", "v2=0.2", "Gr%F6=3", "Gr%F6=0.3", "v5=5", "v5=0.5"}));
  ASSERT_EQ(ran.faults.size(), 3U);
  const auto told = [&](const std::string& text) {
    return std::any_of(ran.faults.begin(), ran.faults.end(),
                       [&](const std::string& fault) { return fault.find(text) != std::string::npos; });
  };
  EXPECT_TRUE(told("the number 1e99 has too many digits; 2 entries left out (t.yaml:2)"));
  EXPECT_TRUE(told("\"os | value.get('x')\": get() needs an object, not null; metadata left out 1 time"));
}

TEST_F(Cycles, AnOlderServiceIsAskedForTheVersionThatItHas) {
  std::atomic<int> refused = 0;
  serve([&refused](const TestServer::Asked& asked) {
    if (asked.head.find("OpenStack-API-Version: volume 3.59\r\n") != std::string::npos)
      return volumes(kOne, asked.target.find('?') == std::string::npos ? R"(, "next": "volumes/detail?2")" : "");
    ++refused;
    return TestServer::answer(406, R"({"choices": 1, "message": "Version 3.63 is not supported by the API. )"
                                   R"(Minimum is 3.0 and maximum is 3.59."})");
  });
  const Ran ran = run(kNext + "  headers: [{OpenStack-API-Version: volume 3.63}]\n");
  EXPECT_EQ(ran.samples, (std::vector<std::string>{"v1=7", "v1=7"}));
  EXPECT_TRUE(ran.faults.empty());
  EXPECT_EQ(refused, 1);
  for (const char* body : {"no", "maximum is ...", "maximum is 3.63."}) {
    serve([body](const TestServer::Asked&) { return TestServer::answer(406, body); });
    EXPECT_TRUE(run(kNext + "  headers: [{OpenStack-API-Version: volume 3.63}]\n").fault_has("HTTP 406")) << body;
  }
}

TEST_F(Cycles, AnswersThatAreNone) {
  const std::vector<std::pair<std::string, std::string>> all = {
      {TestServer::answer(200, "<html>"), "not JSON"},
      {TestServer::answer(200, ""), "not JSON"},
      {TestServer::answer(200, "7"), "neither a list nor an object"},
      {TestServer::answer(200, R"({"volumes": 7})"), "the entries are a number, not a list"},
      {TestServer::answer(200, R"({"volumes": [)" + std::string(20'000, ' ') + "]}"), "longer than 10000 bytes"},
      {TestServer::answer(200, std::string(200, '[')), "nested too deep"},
      {TestServer::answer(500, "no"), "HTTP 500"},
      {TestServer::answer(403, "{}"), "HTTP 403: the user may not"},
      {TestServer::answer(404, "{}"), "HTTP 404"},
      {TestServer::answer(302, "", "Location: http://elsewhere.invalid/\r\n"), "HTTP 302"},
      {TestServer::answer(302, "", "Location: file:///etc/passwd\r\n"), "HTTP 302"},
      {TestServer::answer(302, "", "Location: /again\r\n"), "HTTP 302"},
      {"HTTP/1.1 200 X\r\nX: " + std::string(300'000, 'x') + "\r\n\r\n", "/volume/own/volumes/detail"},
      {"rubbish", "no more is asked of volumev3"},
      {"HTTP/1.1 200 X\r\nContent-Length: 50\r\n\r\n{", "no more is asked of volumev3"},
      {"", "no more is asked of volumev3"}};
  for (const auto& [answer, expected] : all) {
    serve([&answer](const TestServer::Asked&) { return answer; });
    const Ran ran = run(kWhole);
    EXPECT_TRUE(ran.samples.empty()) << expected;
    ASSERT_EQ(ran.faults.size(), 1U) << expected;
    EXPECT_NE(ran.faults[0].find(expected), std::string::npos) << expected << " in " << ran.faults[0];
    EXPECT_NE(ran.faults[0].find("volume.size"), std::string::npos);
  }
  serve([](const TestServer::Asked&) { return TestServer::answer(200, "{}"); });
  EXPECT_TRUE(run(kWhole).faults.empty());
}

TEST_F(Cycles, ATokenIsRenewedOnce) {
  serve([](const TestServer::Asked& asked) {
    return asked.head.find("token1") != std::string::npos ? TestServer::answer(401, "{}") : volumes(kOne);
  });
  EXPECT_EQ(run(kWhole).samples.size(), 1U);
  EXPECT_EQ(logins_, 2);
  run(kWhole);
  EXPECT_EQ(logins_, 2);
  logins_ = 0;
  serve([](const TestServer::Asked&) { return TestServer::answer(401, "{}"); });
  const Ran ran = run(std::string(kWhole) +
                      "- {name: b, sample_type: gauge, unit: u, endpoint_type: volumev3, "
                      "url_path: other, value_attribute: v}\n");
  EXPECT_TRUE(ran.fault_has("HTTP 401 after the token was renewed; no more is asked of volumev3"));
  EXPECT_EQ(logins_, 2);
}

TEST_F(Cycles, ATokenAtItsEndIsRenewedBefore) {
  serve([](const TestServer::Asked&) { return volumes(kOne); }, 0);
  run(kWhole);
  EXPECT_GE(logins_, 2);
}

TEST_F(Cycles, ARedirectWithinTheServerIsFollowed) {
  serve([](const TestServer::Asked& asked) {
    return asked.target == "/moved" ? volumes(kOne) : TestServer::answer(301, "", "Location: /moved\r\n");
  });
  EXPECT_EQ(run(kWhole).samples.size(), 1U);
}

TEST_F(Cycles, EachProjectWithItsHeaders) {
  const std::string account = R"(
- name: storage.objects
  sample_type: gauge
  unit: object
  endpoint_type: volumev3
  per_project: true
  method: HEAD
  resource_id_attribute: project_id
  value_attribute: x-account-object-count
)";
  serve([](const TestServer::Asked& asked) {
    if (asked.target == "/v3/projects")
      return TestServer::answer(200, R"({"projects": [{"id": "p1", "name": "a"}, {"id": "p2", "enabled": false},
                                         {"id": "p3"}, {"id": "p4"}, {"id": "p5"}]})");
    EXPECT_EQ(asked.method, "HEAD");
    if (asked.target == "/volume/p1") return TestServer::answer(204, "", "X-Account-Object-Count: 12\r\n");
    if (asked.target == "/volume/p4") return TestServer::answer(500, "");
    if (asked.target == "/volume/p5") return TestServer::answer(204, "");
    EXPECT_EQ(asked.target, "/volume/p3");
    return TestServer::answer(404, "");
  });
  const Ran ran = run(account);
  EXPECT_EQ(ran.samples, std::vector<std::string>{"p1=12"});
  ASSERT_EQ(ran.faults.size(), 2U);
  EXPECT_NE(ran.faults[0].find("/volume/p4: HTTP 500 (1 projects failed)"), std::string::npos) << ran.faults[0];
  EXPECT_NE(ran.faults[1].find("no key \"x-account-object-count\"; 1 entry left out"), std::string::npos);
}

std::string per_project(const std::string& path) {
  return "- {name: usage, sample_type: gauge, unit: u, endpoint_type: volumev3, per_project: true, url_path: \"" +
         path + "\", value_attribute: size, resource_id_attribute: project_id, next_sample_url_attribute: next}\n";
}

constexpr const char* kProjects = R"({"projects": [{"id": "p1"}, {"id": "p2"}, {"id": "p3"}]})";

TEST_F(Cycles, TwoProjectsAreNeverAskedByOneUrl) {
  std::atomic<int> asked = 0;
  serve([&asked](const TestServer::Asked& request) {
    if (request.target == "/v3/projects") return TestServer::answer(200, kProjects);
    ++asked;
    return TestServer::answer(200, R"({"list": [{"size": 7}]})");
  });
  const Ran ran = run(per_project("/all"));
  EXPECT_TRUE(
      ran.fault_has("/all would be asked for the projects own and p1, and the answer booked on both: refused; "
                    "put {project_id} into url_path (t.yaml:1)"))
      << ran.faults[0];
  EXPECT_TRUE(ran.samples.empty());
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(run(per_project("/all?of={project_id}")).samples, (std::vector<std::string>{"p1=7", "p2=7", "p3=7"}));
}

TEST_F(Cycles, NorByALinkOrARedirectThatLosesThem) {
  serve([](const TestServer::Asked& request) {
    if (request.target == "/v3/projects") return TestServer::answer(200, kProjects);
    if (request.target == "/volume/p3/x") return TestServer::answer(302, "", "Location: /volume/x\r\n");
    if (request.target == "/volume/x") return TestServer::answer(200, R"({"list": [{"size": 9}]})");
    if (request.target == "/page") return TestServer::answer(200, R"({"list": []})");
    return TestServer::answer(200, R"({"list": [{"size": 7}], "next": ")" + request.server + R"(/page"})");
  });
  const Ran ran = run(per_project("x"));
  EXPECT_EQ(ran.samples, (std::vector<std::string>{"p1=7", "p2=7"}));
  EXPECT_TRUE(
      ran.fault_has("/page would be asked for the projects p1 and p2, and the answer booked on both: refused "
                    "(2 projects failed)"))
      << ran.faults[0];
}

TEST_F(Cycles, AStoreThatKnowsNoAccountsSaysSo) {
  const auto none = [](const TestServer::Asked& request) {
    return request.target == "/v3/projects" ? TestServer::answer(200, kProjects) : TestServer::answer(404, "");
  };
  const std::string definition =
      "- {name: o, sample_type: gauge, unit: u, endpoint_type: object-store, per_project: true, method: HEAD, "
      "value_attribute: x, resource_id_attribute: project_id}\n";
  store_ = "/swift/v1";
  serve(none);
  EXPECT_TRUE(run(definition).fault_has("/swift/v1/AUTH_own: every project (3) has answered 404"));
  store_ = "/swift/v1/AUTH_own";
  serve(none);
  EXPECT_TRUE(run(definition).faults.empty());
}

TEST_F(Cycles, SharesTogetherAreTheWhole) {
  std::string list;
  for (int i = 0; i < 100; ++i)
    list += (i == 0 ? "" : ",") + std::string(R"({"id": "v)") + std::to_string(i) + R"(", "size": 1})";
  serve([&list](const TestServer::Asked&) { return volumes(list); });
  std::multiset<std::string> all;
  for (std::uint64_t index = 0; index < 3; ++index) {
    const Ran ran = run(kWhole, {{index, 3}, 5, std::chrono::seconds(20)});
    EXPECT_GT(ran.samples.size(), 20U);
    all.insert(ran.samples.begin(), ran.samples.end());
  }
  EXPECT_EQ(all.size(), 100U);
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 100U);
}

TEST_F(Cycles, TheWholeHasAnEnd) {
  serve([](const TestServer::Asked&) { return volumes(kOne); });
  EXPECT_TRUE(run(kWhole, {{}, 5, std::chrono::milliseconds(0)}).fault_has("the cycle takes longer than 0 s"));
}

TEST_F(Cycles, NoTokenMeansNothingIsAsked) {
  serve([](const TestServer::Asked&) { return volumes(kOne); });
  CloudOptions options;
  options.credentials = {"http://127.0.0.1:1/v3", "u", "secret", "Default", "", "p", "", "Default", "", "", ""};
  Cloud away(options);
  try {
    away.services();
    FAIL() << "a token from nobody";
  } catch (const NoToken& none) {
    EXPECT_NE(std::string(none.what()).find("http://127.0.0.1:1/v3/auth/tokens"), std::string::npos);
    EXPECT_EQ(std::string(none.what()).find("secret"), std::string::npos);
  }
}

}  // namespace
}  // namespace tally::openstack
