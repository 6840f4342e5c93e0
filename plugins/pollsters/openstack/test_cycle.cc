// A cycle with a server that answers well, misbehaves, or is old.
// Not for what is made of one entry: test_internals.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cycle.h"
#include "test_definitions.h"
#include "test_server.h"

namespace tally::openstack {
namespace {

struct Ran {
  std::vector<std::string> samples;  // "v1=7"
  std::vector<std::string> faults;
  bool fault_has(const std::string& text) const {
    return faults.size() == 1 && faults.front().find(text) != std::string::npos;
  }
};

class Cycles : public ::testing::Test {
 protected:
  // Serves `answer` for what is not a login.
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

TEST_F(Cycles, OneOfSeveralSamplesCostsNoOther) {
  serve([](const TestServer::Asked&) {
    return TestServer::answer(200, R"({"list": [{"id": "s", "usages": [{"kind": "a", "count": 1}, {"count": 2}, 3,
        {"kind": null, "count": 4}, {"kind": "", "count": 5}, {"kind": {"x": 1}, "count": 6}, {"kind": "e", "count": "x"},
        {"kind": "f"}, {"kind": "g", "count": 1e99}, {"kind": "z", "count": 8}]}]})");
  });
  const Ran ran =
      run("- {name: 's.{kind}', sample_type: gauge, unit: u, endpoint_type: volumev3, url_path: x, "
          "value_attribute: '[usages].count'}\n");
  EXPECT_EQ(ran.samples, (std::vector<std::string>{"s=1", "s=8"}));
  EXPECT_TRUE(ran.fault_has("no key \"kind\"; 8 entries left out (t.yaml:1)")) << ran.faults.front();
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
