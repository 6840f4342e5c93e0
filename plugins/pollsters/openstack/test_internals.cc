// The plugin's inner parts: definitions, samples of an entry, shares, links, Keystone's words.
// Not for the attribute language: test_language.cc; not for a cycle with a server: test_cycle.cc; not for the module as
// the host calls it: test.cc.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "cloud.h"
#include "partition.h"
#include "projects.h"
#include "samples.h"
#include "test_definitions.h"

namespace tally::openstack {
namespace {

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

}  // namespace
}  // namespace tally::openstack
