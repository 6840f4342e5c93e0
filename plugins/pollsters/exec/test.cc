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
  EXPECT_EQ(polled.status.code(), tally::kPassing);
  EXPECT_NE(polled.status.ToString().find("exit status 3: broken"), std::string::npos) << polled.status;
  EXPECT_EQ(polled.volume("a", "node1"), "1");
  EXPECT_EQ(polled.volume("b", "node1"), "2");
}

TEST(Exec, ALineThatCannotBeReadIsNamed) {
  const auto polled = poll_once("exec", {{"commands", R"(["echo a 1; echo b two; echo c 3; echo '{\"name\": 1'"])"}});
  EXPECT_EQ(polled.status.code(), tally::kPassing);
  EXPECT_NE(polled.status.ToString().find("line 2: \"two\" is not a number"), std::string::npos) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 2U);
}

TEST(Exec, TheWholeGroupDiesAtTheLimit) {
  const Tree tree;
  const std::string pid_file = tree.path() + "/pid";
  const auto polled = poll_once(
      "exec", {{"commands", "[\"echo a 1; sleep 1000 & echo $! > " + pid_file + "; wait\"]"}, {"timeout", "0.3"}});
  EXPECT_EQ(polled.status.code(), tally::kPassing);
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
  EXPECT_EQ(polled.status.code(), tally::kPassing);
  EXPECT_NE(polled.status.ToString().find("wrote more than 4096 bytes"), std::string::npos) << polled.status;
}

}  // namespace
