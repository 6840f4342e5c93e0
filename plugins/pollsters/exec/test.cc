// The pollster "exec": real commands by /bin/sh, good and bad.
// Not on the shell itself.
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "support/pollster_fixture.h"

namespace {

using tally::test::poll_once;
using tally::test::Polled;
using tally::test::Tree;

TEST(Exec, WordsAndJson) {
  const auto polled = poll_once("exec", {{"commands", R"(["echo queue.length 12 message; echo '# note'; echo bare 0.1",
      "echo '{\"name\": \"j\", \"type\": \"delta\", \"volume\": 1.50, \"unit\": \"B\", \"resource_id\": \"r\", \"project_id\": \"p\", \"timestamp\": \"2026-01-02T03:04:05\", \"resource_metadata\": {\"a\": 1}}'"])"}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 3U);
  EXPECT_EQ(polled.volume("queue.length", "node1"), "12");
  EXPECT_EQ(polled.of("queue.length", "node1").unit, "message");
  EXPECT_EQ(polled.volume("bare", "node1"), "0.1");
  const tally::Sample json = polled.of("j", "r");
  EXPECT_EQ(json.volume.to_string(), "1.5");
  EXPECT_EQ(json.type, tally::SampleType::delta);
  EXPECT_EQ(json.project_id, "p");
  ASSERT_TRUE(json.timestamp.has_value());
  EXPECT_EQ(json.timestamp->to_string(), "2026-01-02T03:04:05+00:00");
}

TEST(Exec, NoCommandsIsAbsent) {
  const auto polled = poll_once("exec", {});
  EXPECT_EQ(polled.status.code(), tally::kAbsent);
  EXPECT_NE(polled.status.ToString().find("no commands configured"), std::string::npos) << polled.status;
}

TEST(Exec, AFailingCommandKeepsWhatItWroteAndTheOthers) {
  const auto polled = poll_once("exec", {{"commands", R"(["echo a 1; echo broken >&2; exit 3", "echo b 2"])"}});
  EXPECT_EQ(polled.status.code(), tally::kTransient);
  EXPECT_NE(polled.status.ToString().find("exit status 3: broken"), std::string::npos) << polled.status;
  EXPECT_EQ(polled.volume("a", "node1"), "1");
  EXPECT_EQ(polled.volume("b", "node1"), "2");
}

TEST(Exec, ALineThatCannotBeReadIsNamed) {
  const auto polled = poll_once("exec", {{"commands", R"(["echo a 1; echo b two; echo c 3; echo '{\"name\": 1'"])"}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_NE(polled.faults().find("line 2: \"two\" is not a number\n"), std::string::npos) << polled.faults();
  EXPECT_NE(polled.faults().find("line 4: "), std::string::npos) << polled.faults();
  EXPECT_EQ(polled.result.samples.size(), 2U);
}

// One line of JSON that exec is given, and what it says of it.
Polled poll_line(const Tree& tree, const std::string& line) {
  tree.write("line", line + "\n");
  return poll_once("exec", {{"commands", "[\"cat " + tree.path() + "/line\"]"}});
}

TEST(Exec, NumbersAsIdsAreTexts) {
  const Tree tree;
  const auto polled =
      poll_line(tree, R"({"name":"a.b","volume":5,"resource_id":7,"project_id":12,"user_id":18446744073709551616})");
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  const tally::Sample sample = polled.of("a.b", "7");
  EXPECT_EQ(sample.project_id, "12");
  EXPECT_EQ(sample.user_id, "18446744073709551616");
  EXPECT_TRUE(polled.result.faults.empty());
}

TEST(Exec, AnotherTypeAndAnUnknownKeyAreErrorsOfTheLine) {
  const Tree tree;
  const std::pair<std::string, std::string> cases[] = {
      {R"("name":5)", "\"name\" is 5: a text is accepted"},
      {R"("resource_id":{"a":1})", "\"resource_id\" is {\"a\":1}: a text or a number is accepted"},
      {R"("project_id":true)", "\"project_id\" is true: a text or a number is accepted"},
      {R"("project_name":3)", "\"project_name\" is 3: a text is accepted"},
      {R"("user_id":[])", "\"user_id\" is []: a text or a number is accepted"},
      {R"("user_name":false)", "\"user_name\" is false: a text is accepted"},
      {R"("unit":1)", "\"unit\" is 1: a text is accepted"},
      {R"("volume":"many")", "\"volume\" is \"many\": a number is accepted, or a text that holds one"},
      {R"("volume":[1])", "\"volume\" is [1]: a number is accepted"},
      {R"("type":"counter")", "\"type\" is \"counter\": gauge, delta and cumulative are accepted"},
      {R"("timestamp":1700000000)", "\"timestamp\" is 1700000000: a time is accepted, such as"},
      {R"("timestamp":"noon")", "\"timestamp\" is \"noon\": a time is accepted, such as"},
      {R"("resource_metadata":"{}")", "\"resource_metadata\" is \"{}\": an object is accepted"},
      {R"("source":1)", "\"source\" is 1: a text is accepted"},
      {R"("id":{})", "\"id\" is {}: a text or a number is accepted"},
      {R"("project":"p")", "unknown key \"project\", accepted are name, type, unit, volume, resource_id"},
  };
  for (const auto& [member, expected] : cases) {
    const auto polled = poll_line(tree, "good 1\n{\"name\":\"a\",\"volume\":1," + member + "}\nlast 2");
    EXPECT_TRUE(polled.status.ok()) << polled.status;
    EXPECT_EQ(polled.result.samples.size(), 2U) << member;
    EXPECT_NE(polled.faults().find("/line: line 2: " + expected), std::string::npos) << polled.faults();
  }
}

TEST(Exec, NullIsAsGoodAsAbsent) {
  const Tree tree;
  const auto polled = poll_line(tree, R"({"name":"a","volume":1,"resource_id":null,"project_id":null,"type":null})");
  EXPECT_FALSE(polled.of("a", "node1").project_id);
  EXPECT_NE(poll_line(tree, R"({"name":"a","volume":null})").faults().find("no \"volume\""), std::string::npos);
}

TEST(Exec, BytesThatAreNotUtf8CostNothing) {
  const Tree tree;
  const auto polled = poll_line(tree,
                                "caf\xe9 1 caf\xe9\n{\"name\":\"j\",\"volume\":2,\"resource_id\":\"r\xe9 5%\","
                                "\"project_name\":\"p\xe9\",\"resource_metadata\":{\"a\":\"\xe9\"}}\nlast 3");
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 3U) << polled.faults();
  EXPECT_EQ(polled.of("caf%E9", "node1").unit, "caf\xef\xbf\xbd");
  EXPECT_EQ(polled.of("j", "r%E9 5%25").project_name, "p\xef\xbf\xbd");
  EXPECT_EQ(polled.of("j", "r%E9 5%25").resource_metadata, "{\"a\":\"\xef\xbf\xbd\"}");
}

TEST(Exec, ASampleThatTheHostRefusesCostsNoOther) {
  const Tree tree;
  const auto polled = poll_line(tree, std::string(300, 'n') + " 1\nlast 3");
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.volume("last", "node1"), "3");
  EXPECT_NE(polled.faults().find("is left out: the sample's name has 300 bytes, at most 255"), std::string::npos)
      << polled.faults();
}

TEST(Exec, TheWholeGroupDiesAtTheLimit) {
  const Tree tree;
  const std::string pid_file = tree.path() + "/pid";
  const auto polled = poll_once(
      "exec", {{"commands", "[\"echo a 1; sleep 1000 & echo $! > " + pid_file + "; wait\"]"}, {"timeout", "0.3"}});
  EXPECT_EQ(polled.status.code(), tally::kTransient);
  EXPECT_NE(polled.status.ToString().find("not done after 300 ms"), std::string::npos) << polled.status;
  EXPECT_EQ(polled.volume("a", "node1"), "1");
  pid_t pid = 0;
  std::ifstream(pid_file) >> pid;
  ASSERT_GT(pid, 0);
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (handle < 0) {
    EXPECT_EQ(errno, ESRCH);  // dead, and taken by whoever takes orphans
    return;
  }
  pollfd dead{handle, POLLIN, 0};
  EXPECT_EQ(poll(&dead, 1, 20'000), 1);  // killed, which takes effect when it runs next
  close(handle);
}

TEST(Exec, AChildLeftBehindDoesNotHoldTheCall) {
  const auto polled = poll_once("exec", {{"commands", R"(["sleep 1000 & echo a 1"])"}, {"timeout", "20"}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.volume("a", "node1"), "1");
}

TEST(Exec, EndlessOutputIsCut) {
  const auto polled = poll_once("exec", {{"commands", R"(["yes '# nothing'"])"}, {"output", "4096"}});
  EXPECT_EQ(polled.status.code(), tally::kTransient);
  EXPECT_NE(polled.status.ToString().find("wrote more than 4096 bytes"), std::string::npos) << polled.status;
}

}  // namespace
