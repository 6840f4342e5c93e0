// The local transport as the host runs it: loaded from its module, over real sockets and files.
// Not for the spool's own doings: tests/spool/spool_test.cc.
#include <grp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "plugin/call/adapters.h"
#include "plugin/catalog/catalog.h"
#include "support/transport_conformance.h"

namespace tally::plugin {
namespace {

namespace fs = std::filesystem;

using Options = std::vector<std::pair<std::string, std::string>>;

class LocalRig : public TransportRig {
 public:
  LocalRig() {
    std::string name = (fs::temp_directory_path() / "tally-local-XXXXXX").string();
    folder = mkdtemp(name.data());
    fs::permissions(folder, fs::perms(0755));
    socket = folder / "in.sock";
  }
  ~LocalRig() override {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }

  std::unique_ptr<TransportDriver> make() override { return make({}); }

  std::unique_ptr<TransportDriver> make(const Options& options) {
    static Catalog catalog = [] {
      const std::vector<fs::path> folders = {std::getenv("TALLY_TEST_PLUGINS")};
      return Catalog::scan(folders);
    }();
    Entry* entry = catalog.find_scheme(Role::transport, "local");
    if (entry == nullptr) {
      ADD_FAILURE() << "no module for local:// in $TALLY_TEST_PLUGINS";
      return nullptr;
    }
    auto made = make_transport(*entry, {options, "local://" + socket.string(), "testhost"});
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? *std::move(made) : nullptr;
  }

  bool takes_without_consumer() const override { return false; }

  fs::path folder;
  fs::path socket;
};

INSTANTIATE_TEST_SUITE_P(Local, TransportConformance,
                         testing::Values(RigFactory([] { return std::make_unique<LocalRig>(); })));

// --- frames, written by hand from doc/local-framing.md
// ------------------------------------------------------------------

std::string big(std::uint64_t value, int bytes) {
  std::string out;
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
  return out;
}

std::string frame(int type, const std::string& payload) { return big(payload.size() + 1, 4) + big(type, 1) + payload; }
std::string hello(int version = 1) { return frame(1, "TALLY" + big(version, 2) + big(0, 4)); }
std::string message(std::uint64_t sequence, const std::string& body) {
  return frame(2, big(sequence, 8) + big(1, 2) + "t" + body);
}

class LocalTest : public testing::Test {
 protected:
  void begin(const Options& options = {}) {
    consumer_.reset();
    consumer_ = rig_.make(options);
    ASSERT_NE(consumer_, nullptr);
    const absl::Status status = consumer_->consume(10000);
    ASSERT_TRUE(status.ok()) << status;
  }

  // Services until `done` says so, for 20 seconds at most.
  template <class Done>
  void pump(Done&& done, std::uint32_t max_messages = 0) {
    const ServiceEvents events = {[this](Message got) { got_.push_back(std::move(got)); }, [](auto, auto) {},
                                  [](auto, auto, auto) {}};
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done() && std::chrono::steady_clock::now() < deadline) {
      last_service_ = consumer_->service(max_messages, 10, events);
      ASSERT_TRUE(last_service_.ok() || last_service_.code() == kTransient) << last_service_;
    }
    ASSERT_TRUE(done());
  }

  // A connection that says what it is told to.
  class Raw {
   public:
    explicit Raw(const fs::path& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
      connected = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
    ~Raw() { ::close(fd_); }
    Raw(const Raw&) = delete;
    Raw& operator=(const Raw&) = delete;

    void say(const std::string& bytes) const { ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
    // Takes what is there; true when the other end has closed.
    bool closed() {
      char block[4096];
      ssize_t got = 0;
      while ((got = ::recv(fd_, block, sizeof block, MSG_DONTWAIT)) > 0)
        heard.append(block, static_cast<std::size_t>(got));
      return got == 0 || errno == ECONNRESET;
    }

    bool connected = false;
    std::string heard;

   private:
    int fd_;
  };

  std::vector<absl::Status> publish(TransportDriver& sender, const std::vector<Outgoing>& outgoing) {
    std::atomic<bool> done = false;
    absl::StatusOr<std::vector<absl::Status>> results;
    std::thread thread([&] {
      results = sender.publish(outgoing, 10000);
      done = true;
    });
    pump([&] { return done.load(); });
    thread.join();
    if (!results.ok()) return std::vector<absl::Status>(outgoing.size(), results.status());
    return *results;
  }

  LocalRig rig_;
  std::unique_ptr<TransportDriver> consumer_;
  std::vector<Message> got_;
  absl::Status last_service_;
};

TEST_F(LocalTest, SeveralSendersAtOnce) {
  begin();
  constexpr int kSenders = 6;
  constexpr int kEach = 400;
  std::atomic<int> confirmed = 0;
  std::vector<std::thread> threads;
  for (int who = 0; who < kSenders; ++who) {
    threads.emplace_back([&, who] {
      const auto sender = rig_.make();
      for (int at = 0; at < kEach; at += 50) {
        std::vector<Outgoing> window;
        for (int i = at; i < at + 50; ++i) {
          window.push_back({"t", "", std::to_string(who) + "/" + std::to_string(i) + std::string(500, ' ')});
        }
        const auto results = sender->publish(window, 15000);
        if (!results.ok()) return;
        for (const absl::Status& status : *results) confirmed += status.ok() ? 1 : 0;
      }
    });
  }
  pump([&] { return confirmed == kSenders * kEach; });
  for (std::thread& thread : threads) thread.join();
  pump([&] { return got_.size() >= kSenders * kEach; }, 100);
  std::set<std::string> distinct;
  std::map<char, int> last;
  for (const Message& one : got_) {
    EXPECT_TRUE(distinct.insert(one.body).second);
    const int number = std::stoi(one.body.substr(2));
    EXPECT_EQ(number, last.contains(one.body[0]) ? last[one.body[0]] + 1 : 0) << "a sender's messages keep their order";
    last[one.body[0]] = number;
  }
}

TEST_F(LocalTest, ASenderThatDiesInTheMiddleOfAFrameLeavesNothing) {
  begin();
  {
    Raw dying(rig_.socket);
    const std::string whole = message(2, std::string(1000, 'x'));
    dying.say(hello() + message(1, "whole") + whole.substr(0, 300));
    pump([&] { return !dying.closed() && dying.heard.size() == 16 + 21; });  // HELLO, and OK for the first
    EXPECT_EQ(dying.heard.substr(16), frame(3, big(1, 8) + big(1, 8)));
  }
  const auto sender = rig_.make();
  EXPECT_TRUE(publish(*sender, {{"t", "", "after"}}).at(0).ok());
  pump([&] { return got_.size() >= 2; }, 10);
  EXPECT_EQ(got_[0].body, "whole");
  EXPECT_EQ(got_[1].body, "after");
}

TEST_F(LocalTest, RubbishClosesItsConnectionAlone) {
  begin();
  const auto sender = rig_.make();
  ASSERT_TRUE(publish(*sender, {{"t", "", "one"}}).at(0).ok());
  const std::vector<std::string> rubbish = {
      "GET / HTTP/1.1\r\n\r\n",
      std::string(5000, '\0'),
      message(1, "no greeting"),
      frame(1, "TELLY" + big(1, 2) + big(0, 4)),
      hello() + frame(9, "what"),
      hello() + frame(2, "short"),
      hello() + frame(2, big(1, 8) + big(500, 2) + "topic too short"),
      hello() + frame(3, big(1, 8) + big(1, 8)),
      hello() + big(0xFFFFFFFF, 4),
      hello(2),
  };
  for (const std::string& bytes : rubbish) {
    Raw peer(rig_.socket);
    ASSERT_TRUE(peer.connected);
    peer.say(bytes);
    pump([&] { return peer.closed(); });
  }
  EXPECT_TRUE(publish(*sender, {{"t", "", "two"}}).at(0).ok());
  pump([&] { return got_.size() >= 2; }, 10);
  EXPECT_EQ(got_.size(), 2U);
}

TEST_F(LocalTest, AMessageTooLargeIsRefusedForGoodAndTheRestGoesOn) {
  begin({{"max_message", "1000"}});
  const auto sender = rig_.make();
  const auto results = publish(*sender, {{"t", "", "a"}, {"t", "", std::string(1001, 'x')}, {"t", "", "b"}});
  EXPECT_TRUE(results[0].ok());
  EXPECT_EQ(results[1].code(), kPermanent);
  EXPECT_TRUE(results[2].ok());

  Raw stubborn(rig_.socket);  // sends them all the same
  stubborn.say(hello() + message(7, std::string(1001, 'x')));
  for (int i = 0; i < 4; ++i) {
    stubborn.say(message(8 + i, std::string(40000, 'y')));
    pump([&] { return !stubborn.closed() && stubborn.heard.find(big(8 + i, 8) + "\x03") != std::string::npos; });
  }
  stubborn.say(message(20, "small"));
  pump([&] { return !stubborn.closed() && stubborn.heard.find(big(20, 8) + big(20, 8)) != std::string::npos; });
  EXPECT_NE(stubborn.heard.find("max_message"), std::string::npos);
  pump([&] { return got_.size() >= 3; }, 10);
  EXPECT_EQ(got_[2].body, "small");
}

TEST_F(LocalTest, AFullSpoolSaysSoAndTakesAgainWhenThereIsRoom) {
  begin({{"spool_bytes", "65536"}});
  const auto sender = rig_.make();
  const Outgoing one = {"t", "", std::string(5000, 'x')};
  const auto results = publish(*sender, std::vector<Outgoing>(20, one));
  const auto kept = static_cast<std::size_t>(std::ranges::count_if(results, [](const auto& s) { return s.ok(); }));
  EXPECT_EQ(kept, 13U);
  for (std::size_t i = kept; i < results.size(); ++i) EXPECT_EQ(results[i].code(), kTransient);
  EXPECT_EQ(publish(*sender, {one}).at(0).code(), kTransient);
  pump([&] { return got_.size() >= kept; }, 100);
  EXPECT_EQ(last_service_.code(), kTransient);  // so that readiness tells why senders are sent away
  EXPECT_NE(std::string(last_service_.message()).find("the spool is full"), std::string::npos) << last_service_;
  std::vector<Settlement> settlements;
  for (const Message& message : got_) settlements.push_back({message.delivery, Settle::acknowledge});
  ASSERT_TRUE(consumer_->settle(settlements).ok());
  pump([&] { return last_service_.ok(); });  // by itself: nobody need send for it
  EXPECT_TRUE(publish(*sender, {one}).at(0).ok());
}

TEST_F(LocalTest, ASecondConsumerIsKeptOutAndTheFirstGoesOn) {
  begin();
  const auto second = rig_.make();
  const absl::Status status = second->consume(10);
  EXPECT_EQ(status.code(), kTransient);
  const auto sender = rig_.make();
  EXPECT_TRUE(publish(*sender, {{"t", "", "still here"}}).at(0).ok());
}

TEST_F(LocalTest, AStaleSocketIsReplacedAndALiveOneIsNot) {
  const int foreign = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, rig_.socket.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(foreign, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(foreign, 5), 0);
  consumer_ = rig_.make();
  EXPECT_EQ(consumer_->consume(10).code(), kTransient);
  EXPECT_TRUE(fs::is_socket(rig_.socket));
  ::close(foreign);
  begin();
  struct stat found {};
  ASSERT_EQ(::stat(rig_.socket.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0660U);
  consumer_.reset();
  EXPECT_FALSE(fs::exists(rig_.socket));
}

TEST_F(LocalTest, AFileThatIsNoSocketIsLeftAlone) {
  { std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(rig_.socket.c_str(), "w"), &std::fclose); }
  consumer_ = rig_.make();
  const absl::Status status = consumer_->consume(10);
  EXPECT_EQ(status.code(), kPermanent) << status;
  EXPECT_TRUE(fs::is_regular_file(rig_.socket));
}

// What was confirmed is there after a kill -9 of the consumer; what was settled is not given again.
TEST_F(LocalTest, AKilledConsumerLosesNothing) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto consumer = rig_.make();
    if (!consumer->consume(3).ok()) ::_exit(1);
    int given = 0;
    ServiceEvents events;
    std::vector<Settlement> settlements;
    events.message = [&](const Message& message) {
      if (++given <= 2) settlements.push_back({message.delivery, Settle::acknowledge});
    };
    while (consumer->service(10, 50, events).ok()) {
      if (!settlements.empty() && !consumer->settle(settlements).ok()) ::_exit(1);
      settlements.clear();
    }
    ::_exit(1);
  }
  const auto sender = rig_.make();
  std::size_t confirmed = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (confirmed < 30 && std::chrono::steady_clock::now() < deadline) {
    const auto results = sender->publish(std::vector<Outgoing>{{"t", "", std::to_string(confirmed)}}, 5000);
    if (results.ok() && results->at(0).ok()) ++confirmed;
  }
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ASSERT_EQ(confirmed, 30U);
  begin();
  pump([&] { return got_.size() >= 28; }, 100);
  EXPECT_EQ(got_.size(), 28U);
  EXPECT_EQ(got_.front().body, "2");
  EXPECT_TRUE(got_.front().redelivered);
  EXPECT_EQ(got_.back().body, "29");
  EXPECT_FALSE(got_.back().redelivered);
}

TEST_F(LocalTest, OneInstanceMayConsumeAndPublish) {
  begin({{"max_message", "100"}});
  const std::vector<Outgoing> sent = {{"a", "", "one"}, {"b", "", std::string(101, 'x')}, {"c", "", "three"}};
  const auto results = consumer_->publish(sent, 1000);
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_TRUE(results->at(0).ok());
  EXPECT_EQ(results->at(1).code(), kPermanent);
  EXPECT_TRUE(results->at(2).ok());
  pump([&] { return got_.size() >= 2; }, 10);
  EXPECT_EQ(got_[0].topic, "a");
  EXPECT_EQ(got_[1].body, "three");
}

// Starts a process that runs `go` as nobody (65534), who owns nothing here; its result is the process's.
pid_t as_nobody(const std::function<int()>& go) {
  const pid_t child = ::fork();
  if (child == 0) {
    const bool dropped = ::setgroups(0, nullptr) == 0 && ::setgid(65534) == 0 && ::setuid(65534) == 0;
    ::_exit(dropped ? go() : 99);
  }
  return child;
}

TEST_F(LocalTest, AStrangerIsSentAwayUnlessAllowed) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to be somebody else";
  const auto heard = [this] {
    const pid_t child = as_nobody([this] {
      Raw raw(rig_.socket);
      raw.say(hello());
      for (int i = 0; i < 100; ++i) {
        if (raw.closed()) return 10;
        if (!raw.heard.empty()) return 20;
        ::poll(nullptr, 0, 50);
      }
      return 30;
    });
    int status = 0;
    bool ended = false;
    pump([&] { return ended = ended || ::waitpid(child, &status, WNOHANG) == child; });
    return WEXITSTATUS(status);
  };
  begin();
  fs::permissions(rig_.socket, fs::perms(0666));  // so that the kernel lets it connect
  EXPECT_EQ(heard(), 10);
  begin({{"allow", R"(["65534"])"}});
  fs::permissions(rig_.socket, fs::perms(0666));
  EXPECT_EQ(heard(), 20);
  begin({{"allow", R"(["group:65534"])"}});  // the group owns the socket: no change of its mode is needed
  EXPECT_EQ(heard(), 20);
}

TEST_F(LocalTest, NobodyThereIsTransientAndSaysWhere) {
  const auto sender = rig_.make();
  const auto results = sender->publish(std::vector<Outgoing>{{"t", "", "x"}}, 1000);
  ASSERT_FALSE(results.ok());
  EXPECT_EQ(results.status().code(), kTransient);
  EXPECT_NE(std::string(results.status().message()).find(rig_.socket.string()), std::string::npos) << results.status();
}

}  // namespace
}  // namespace tally::plugin
