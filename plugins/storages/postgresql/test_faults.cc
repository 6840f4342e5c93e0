// Servers that crash, stall, are read-only or give few rights; connections that are cut, and answers that are lost.
// Not for several healthy collectors: see test_together.cc.
#include <csignal>

#include "test_proxy.h"
#include "test_store.h"

namespace tally::postgresql {
namespace {

using ::testing::HasSubstr;

constexpr const char* kWriter = "0123456789abcdef0123456789abcdef";

std::vector<Given> rows(int count) {
  std::vector<Given> given;
  for (int i = 0; i < count; ++i) given.push_back({.id = hex_id(i), .timestamp_us = kStart_us + i});
  return given;
}

class PostgresqlFaults : public PostgresqlStore {
 protected:
  PostgresqlFaults() { options_.write_timeout = std::chrono::seconds(20); }

  static std::string with(std::string url, const std::string& option) {
    return url + (url.find('?') == std::string::npos ? "?" : "&") + option;
  }

  // The server's process for the store's transaction.
  pid_t back_end() {
    return static_cast<pid_t>(Connection(options_).integer(
        "SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction' AND application_name = $1",
        Parameters().add(options_.schema)));
  }

  // A store whose connections can be told from others'.
  std::unique_ptr<Store> named_store() {
    Options own = options_;
    own.url = with(own.url, "application_name=" + options_.schema);
    return std::make_unique<Store>(own);
  }

  // As the host does: the same batch again until it is answered.
  static std::string until_written(Store& store, GivenBatch& batch) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (true) {
      try {
        return batch.write(store);
      } catch (const Error& error) {
        EXPECT_EQ(error.outcome(), Outcome::transient) << error.what();
        if (std::chrono::steady_clock::now() > end) throw;
      }
    }
  }

  static int server_port() {
    const std::string url = test_url();
    const std::size_t colon = url.rfind(':');
    return std::atoi(url.c_str() + colon + 1);
  }
  static std::string by_proxy(const Proxy& proxy) {
    const std::string url = test_url();
    const std::size_t colon = url.rfind(':'), slash = url.find('/', colon);
    return url.substr(0, colon + 1) + std::to_string(proxy.port()) + url.substr(slash);
  }
};

TEST_F(PostgresqlFaults, AServerThatCrashesInTheMiddleStoresTheBatchOnceAfterwards) {
  const std::unique_ptr<Store> own = named_store();
  write(*own, {{.id = "before"}});
  GivenBatch batch(rows(500), kWriter, 1);
  int crashes = 0;
  batch.in_transaction = [&] {
    if (crashes++ > 0) return;
    ASSERT_EQ(kill(back_end(), SIGKILL), 0);  // the postmaster then ends all, as in a crash
  };
  EXPECT_THAT(message([&] { batch.write(*own); }), HasSubstr("transient: "));
  EXPECT_EQ(until_written(*own, batch), std::string(500, 's'));
  EXPECT_EQ(stored(), "501");
  EXPECT_EQ(booked(), "501");
}

TEST_F(PostgresqlFaults, AServerThatStopsIsGivenUpInTimeAndItsWorkIsEnded) {
  options_.write_timeout = std::chrono::milliseconds(1'000);
  const std::unique_ptr<Store> own = named_store();
  write(*own, {{.id = "before"}});
  GivenBatch batch(rows(500), kWriter, 1);
  pid_t stopped = 0;
  batch.in_transaction = [&] {
    if (stopped != 0) return;
    stopped = back_end();
    ASSERT_EQ(kill(stopped, SIGSTOP), 0);
  };
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(message([&] { batch.write(*own); }), HasSubstr("no answer within 1 s"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  // What it holds is waited for, no longer than a write may take.
  EXPECT_THAT(message([&] { batch.write(*own); }), HasSubstr("transient: "));
  ASSERT_EQ(kill(stopped, SIGCONT), 0);
  EXPECT_EQ(until_written(*own, batch), std::string(500, 's'));
  EXPECT_EQ(stored(), "501");
  EXPECT_EQ(booked(), "501");
}

TEST_F(PostgresqlFaults, ACommitWhoseAnswerIsLostCountsOnce) {
  Proxy proxy(server_port());
  options_.url = by_proxy(proxy);
  Store own(options_);
  options_.url = test_url();
  write(own, {{.id = "before"}, {.id = hex_id(7), .timestamp_us = kStart_us + 7}});
  GivenBatch batch(rows(100), kWriter, 1);
  batch.in_transaction = [&] {
    if (proxy.cuts() == 0) proxy.cut(Proxy::Cut::after, "COMMIT");
  };
  EXPECT_THAT(message([&] { batch.write(own); }), HasSubstr("transient: "));
  EXPECT_EQ(stored(), "101") << "it was committed";
  std::string wanted(100, 's');
  wanted[7] = 'd';
  EXPECT_EQ(batch.write(own), wanted) << "answered as it would have been";
  EXPECT_EQ(batch.write(own), wanted);
  EXPECT_EQ(proxy.cuts(), 1);
  EXPECT_EQ(stored(), "101");
  EXPECT_EQ(booked(), "101");
}

TEST_F(PostgresqlFaults, AConnectionThatIsCutAnywhereLosesAndDoublesNothing) {
  Proxy proxy(server_port());
  options_.url = by_proxy(proxy);
  Store own(options_);
  options_.url = test_url();
  write(own, {{.id = "before"}});
  int written = 1;
  for (const char* text : {"BEGIN", "generation", "INSERT INTO series", "SAVEPOINT", "COPY sample", "PGCOPY",
                           "INSERT INTO book", "INSERT INTO writer", "COMMIT"}) {
    for (const Proxy::Cut how : {Proxy::Cut::before, Proxy::Cut::after}) {
      std::vector<Given> given;
      for (int i = 0; i < 30; ++i) given.push_back({.id = hex_id(++written), .resource = std::to_string(written)});
      GivenBatch batch(std::move(given), kWriter, static_cast<std::uint64_t>(written));
      const int before = proxy.cuts();
      proxy.cut(how, text);
      EXPECT_THAT(message([&] { batch.write(own); }), HasSubstr("transient: ")) << text;
      EXPECT_EQ(proxy.cuts(), before + 1) << text;
      EXPECT_EQ(until_written(own, batch), std::string(30, 's')) << text;
      EXPECT_EQ(stored(), std::to_string(written)) << text;
      EXPECT_EQ(booked(), std::to_string(written)) << text;
    }
  }
}

TEST_F(PostgresqlFaults, AServerThatIsAwayOrReadOnlyIsWaitedFor) {
  options_.url = "postgresql://tally:geheim@127.0.0.1:1/tally";
  Store away(options_);
  const std::string why = message([&] { write(away, {{.id = "a"}}); });
  EXPECT_THAT(why, ::testing::AllOf(HasSubstr("transient: "), HasSubstr("127.0.0.1"), HasSubstr("tried again")));
  EXPECT_THAT(why, ::testing::Not(HasSubstr("geheim")));

  options_.url = with(test_url(), "options=-cdefault_transaction_read_only%3Don");
  Store read_only(options_);
  EXPECT_THAT(message([&] { write(read_only, {{.id = "a"}}); }), HasSubstr("transient: "));

  options_.url = with(options_.url, "target_session_attrs=any");
  Store late(options_);  // found out by the server, in the middle
  EXPECT_THAT(message([&] { write(late, {{.id = "a"}}); }), HasSubstr("name the primary"));
}

TEST_F(PostgresqlFaults, TheHostThatCanBeWrittenToIsUsed) {
  const std::string url = test_url();
  const std::size_t at = url.find("127.0.0.1");
  options_.url = url.substr(0, at) + "127.0.0.1:1," + url.substr(at);
  Store own(options_);
  EXPECT_EQ(write(own, {{.id = "a"}}), "s");
}

TEST_F(PostgresqlFaults, AWeakerCommitIsSetRightAndSaid) {
  options_.url = with(test_url(), "options=-csynchronous_commit%3Doff");
  Store own(options_);
  EXPECT_THAT(prepare(own, Prepare::init), HasSubstr("synchronous_commit was off"));
  EXPECT_EQ(number("SELECT (current_setting('synchronous_commit') = 'on')::int"), 1);
  options_.url = test_url();
  EXPECT_THAT(prepare(store(), Prepare::check), ::testing::Not(HasSubstr("synchronous_commit")));
}

TEST_F(PostgresqlFaults, ARoleThatMayNotChangeTheSchemaIsEnough) {
  const std::string role = "collector_" + options_.schema;
  Connection(options_).run("CREATE ROLE " + role + " LOGIN");
  Options owner = options_;
  owner.grant = role;
  std::string url = test_url();
  url.replace(url.find("//") + 2, url.find('@') - url.find("//") - 2, role);
  options_.url = url;
  Store own(options_);
  EXPECT_THAT(message([&] { write(own, {{.id = "a"}}); }), HasSubstr("transient: ")) << "there is no schema yet";
  {
    Store made(owner);
    EXPECT_THAT(prepare(made, Prepare::init), HasSubstr("made"));
  }
  EXPECT_EQ(
      write(own,
            {{.id = "a"}, {.id = "b", .timestamp_us = kStart_us + 100 * kDay_us}, {.id = "old", .timestamp_us = 5}}),
      "sss");
  EXPECT_EQ(write(own, {{.id = "a"}, {.id = "c"}}), "ds");
  EXPECT_THAT(prepare(own, Prepare::check), HasSubstr("intact"));
  EXPECT_THAT(prepare(own, Prepare::init), HasSubstr("nothing to do"));
  EXPECT_THAT(ask(own, {.kind = QueryKind::statistics}), HasSubstr(" 4 4 1 1 1 "));
  EXPECT_THAT(ask(own, {.kind = QueryKind::size}), HasSubstr("cpu 4 "));
  EXPECT_EQ(own.expire(Time{kStart_us + 20 * kDay_us}, std::nullopt), 3U);
  EXPECT_EQ(own.purge_dead_letters({}), 0U);
  EXPECT_THAT(message([&] { sql("CREATE TABLE more (key int)"); }), HasSubstr("42501"));
  EXPECT_THAT(message([&] { sql("DROP TABLE sample"); }), HasSubstr("42501"));

  owner.grant.clear();
  owner.schema += "_other";
  {
    Store made(owner);
    prepare(made, Prepare::init);
  }
  options_.schema = owner.schema;
  Store denied(options_);
  EXPECT_THAT(message([&] { write(denied, {{.id = "a"}}); }),
              ::testing::AllOf(HasSubstr("transient: "), HasSubstr("grant: ROLE")));
  owner.grant = role;
  Store granting(owner);
  EXPECT_THAT(prepare(granting, Prepare::init), HasSubstr("nothing to do"));
  EXPECT_EQ(write(denied, {{.id = "a"}}), "s");
}

TEST_F(PostgresqlFaults, AUrlThatCannotBeReadIsNamedWithoutItsPassword) {
  options_.url = "postgresql://tally:geheim@host:port%/x?nonsense=1";
  Store own(options_);
  const std::string why = message([&] { prepare(own, Prepare::check); });
  EXPECT_THAT(why, ::testing::AllOf(HasSubstr("permanent: "), HasSubstr("postgresql://USER@HOST:PORT/DATABASE")));
  EXPECT_THAT(why, ::testing::Not(HasSubstr("geheim")));
}

TEST_F(PostgresqlFaults, OnlyValuesThatTheServerRefusesAreTheBatchesFault) {
  prepare(store(), Prepare::init);
  sql("ALTER TABLE sample ADD CONSTRAINT unlucky CHECK (volume <> 13)");
  EXPECT_EQ(write(store(), {{.id = "a", .volume = "14"}}), "s");
  EXPECT_THAT(message([&] { write(store(), {{.id = "b", .volume = "13"}}); }), HasSubstr("permanent: "));
  EXPECT_EQ(write(store(), {{.id = "c", .volume = "15"}}), "s") << "others are written";
  sql("DROP TABLE state");
  EXPECT_THAT(message([&] { write(store(), {{.id = "d"}}); }), HasSubstr("transient: "))
      << "no batch could be written: the host is to wait";
}

TEST_F(PostgresqlStore, SaysWhereAFailOverCouldLoseWhatWasAnswered) {
  EXPECT_EQ(prepare(store(), Prepare::init).find("synchronous"), std::string::npos) << "one host, no standby";
  Options twice = options_;
  const std::size_t host = twice.url.find('@') + 1;
  const std::size_t end = twice.url.find('/', host);
  twice.url.insert(end, "," + twice.url.substr(host, end - host));
  Store several(twice);
  EXPECT_THAT(prepare(several, Prepare::check),
              ::testing::AllOf(HasSubstr("several hosts are named and no standby is synchronous"),
                               HasSubstr("synchronous_standby_names = 'ANY 1 (*)'"), HasSubstr("intact")));
}

}  // namespace
}  // namespace tally::postgresql
