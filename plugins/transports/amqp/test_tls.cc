// The amqp transport over TLS, with certificates made for the test.
// Not for what passes over it: test.cc.
#include <cstdlib>
#include <filesystem>

#include "test_rig.h"

namespace tally::plugin {
namespace {

class AmqpTls : public AmqpTest {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "tally-amqp-tls-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    const std::string certificates =
        "cd " + folder_ +
        " && exec 2> log > /dev/null && "
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=ca -keyout ca.key "
        "-out ca.pem && "
        "for who in server client other; do "
        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=$who -keyout $who.key -out "
        "$who.csr && "
        "echo subjectAltName=$(if [ $who = other ]; then echo DNS:elsewhere; else echo IP:127.0.0.1,DNS:localhost; fi) "
        "> ext && "
        "openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out $who.pem || "
        "exit 1; done && "
        "chmod -R a+rX .";
    ASSERT_EQ(std::system(certificates.c_str()), 0);
    std::filesystem::permissions(folder_, std::filesystem::perms(0755));
  }
  ~AmqpTls() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  // A TLS listener of the broker's, with this certificate; clients must show one too.
  int listen(const std::string& who, const std::string& more = {}) {
    int port = 0;
    { port = std::stoi(Proxy().hosts().substr(10)); }
    const std::string file = "\"" + folder_ + "/";
    EXPECT_TRUE(
        broker_ctl("eval 'application:ensure_all_started(ssl), rabbit_networking:start_ssl_listener({\"127.0.0.1\", " +
                   std::to_string(port) + "}, [{cacertfile, " + file + "ca.pem\"}, {certfile, " + file + who +
                   ".pem\"}, {keyfile, " + file + who + ".key\"}, {verify, verify_peer}, {fail_if_no_peer_cert, true}" +
                   more + "], 1).'"));
    return port;
  }

  Options files(bool client = true) const {
    Options options = {{"tls_ca", folder_ + "/ca.pem"}};
    if (client)
      options.insert(options.end(), {{"tls_cert", folder_ + "/client.pem"}, {"tls_key", folder_ + "/client.key"}});
    return options;
  }

  absl::Status publish(int port, const Options& options) {
    return publish_to("amqps://guest:guest@127.0.0.1:" + std::to_string(port) + "/", options);
  }

  absl::Status publish_to(const std::string& url, const Options& options) {
    const auto producer = rig_.open(url, options);
    if (!producer.ok()) return producer.status();
    return (*producer)
        ->publish(std::vector<Outgoing>{{"notifications.info", "", std::string(300'000, 'x')}}, 1500)
        .status();
  }

  std::string folder_;
};

TEST_F(AmqpTls, BothSidesShowTheirCertificates) {
  const int port = listen("server");
  EXPECT_TRUE(publish(port, files()).ok()) << publish(port, files());
  auto consumer = rig_.open("amqps://guest:guest@localhost:" + std::to_string(port) + "/", files());
  ASSERT_TRUE(consumer.ok() && (*consumer)->consume(10).ok());
  pump(**consumer, [&] { return !got_.empty(); });
  EXPECT_EQ(got_[0].body.size(), 300'000U);

  EXPECT_EQ(publish(port, files(false)).code(), kTransient) << "without a certificate of ours";
  const absl::Status unknown = publish(port, {});  // the system's authorities do not know it
  EXPECT_EQ(unknown.code(), kTransient);
  EXPECT_NE(std::string(unknown.message()).find("cert verification failed"), std::string::npos) << unknown;
}

TEST_F(AmqpTls, ACertificateForAnotherNameIsRefusedUnlessToldOtherwise) {
  const int port = listen("other");
  EXPECT_EQ(publish(port, files()).code(), kTransient);
  Options unchecked = files();
  unchecked.emplace_back("tls_verify", "false");
  EXPECT_TRUE(publish(port, unchecked).ok()) << publish(port, unchecked);
}

TEST_F(AmqpTls, AllOfItMayStandInTheUrlAsOpenStackWritesIt) {
  const int port = listen("server");
  const std::string url = "rabbit://guest:guest@127.0.0.1:" + std::to_string(port) + "//";
  const std::string files = "ssl_ca_file=" + folder_ + "/ca.pem&ssl_cert_file=" + folder_ +
                            "/client.pem&ssl_key_file=" + folder_ + "/client.key";
  for (const char* version : {"", "&ssl_version=TLSv1_2", "&ssl_version=TLSv1_3"}) {
    const absl::Status sent = publish_to(url + "?ssl=1&" + files + version, {});
    EXPECT_TRUE(sent.ok()) << version << sent;
  }
  EXPECT_TRUE(publish_to(url + "?" + files, {{"tls", "true"}}).ok()) << "or the key says TLS";
  EXPECT_EQ(publish_to(url + "?ssl=0&" + files, {{"tls", "true"}}).code(), kTransient) << "the URL counts";
  EXPECT_EQ(publish_to(url + "?ssl=1&ssl_ca_file=" + folder_ + "/other.pem", {}).code(), kTransient);
  const absl::Status absent = publish_to(url + "?ssl=1&ssl_ca_file=/nowhere/ca.pem", {});
  EXPECT_EQ(absent.code(), kTransient) << absent;
  EXPECT_NE(std::string(absent.message()).find("the URL's ssl_ca_file: /nowhere/ca.pem"), std::string::npos) << absent;
}

TEST_F(AmqpTls, AFileThatIsNotThereIsWaitedForAsABrokerIs) {
  const std::string url = "amqps://guest:guest@127.0.0.1:" + std::to_string(listen("server")) + "/";
  for (const char* key : {"ca.pem", "client.pem", "client.key"}) {
    const std::string file = folder_ + "/" + key;
    std::filesystem::rename(file, file + ".later");
    auto consumer = rig_.open(url, files());
    ASSERT_TRUE(consumer.ok() && (*consumer)->consume(10).ok()) << consumer.status();
    absl::Status away;
    while (away.code() != kTransient) away = (*consumer)->service(10, 20, events_);
    EXPECT_NE(std::string(away.message()).find(file + ": No such file"), std::string::npos) << away;
    std::filesystem::rename(file + ".later", file);
    pump(**consumer, [&] { return counts_["connections"] == 1; });
    counts_.clear();
  }
}

TEST_F(AmqpTls, TheNameAloneMayGoUnchecked) {
  const int port = listen("other");
  const std::string url = "rabbit://guest:guest@127.0.0.1:" + std::to_string(port) + "/?ssl=1";
  EXPECT_EQ(publish_to(url, files()).code(), kTransient);
  const absl::Status named = publish_to(url + "&ssl_enforce_hostname_verification=false", files());
  EXPECT_TRUE(named.ok()) << named;
  Options stranger = {{"tls_ca", folder_ + "/other.pem"}, {"tls_verify_name", "false"}};
  EXPECT_EQ(publish_to(url, stranger).code(), kTransient) << "the chain is checked all the same";
  Options unchecked = files();
  unchecked.emplace_back("tls_verify_name", "false");
  EXPECT_TRUE(publish_to(url, unchecked).ok());
}

TEST_F(AmqpTls, OneVersionAloneIsHeldTo) {
  const int port = listen("server", ", {versions, [list_to_atom(\"tlsv1.2\")]}");
  const std::string url = "rabbit://guest:guest@127.0.0.1:" + std::to_string(port) + "/?ssl=1&ssl_version=";
  EXPECT_TRUE(publish_to(url + "TLSv1_2", files()).ok()) << publish_to(url + "TLSv1_2", files());
  EXPECT_EQ(publish_to(url + "TLSv1_3", files()).code(), kTransient);
}

}  // namespace
}  // namespace tally::plugin
