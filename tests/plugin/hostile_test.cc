// Plugins that misbehave while they are called: what becomes of the call, of the plugin, and of the process.
// Not for what loading finds out: refusals_test.cc; nor for values that the host refuses: values_test.cc.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "core/log.h"
#include "core/metrics.h"
#include "core/status.h"
#include "plugin/adapters.h"
#include "plugin/c_values.h"
#include "plugin/crossing.h"
#include "plugin/descriptors.h"
#include "plugin/guarded.h"
#include "plugin/last_words.h"
#include "plugin_places.h"

namespace tally::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// A catalog of one fixture in a folder of its own.
class Hostile : public ::testing::Test {
 protected:
  host::Entry& entry(const std::string& file, const std::string& name) {
    if (!std::filesystem::exists(folder_.path() / (file + ".so"))) put(folder_.path(), file, file);
    catalog_ = scan({folder_.path()});
    host::Entry* found = catalog_.find(host::Role::pollster, name);
    EXPECT_NE(found, nullptr) << name;
    return *found;
  }

  std::unique_ptr<host::Pollster> pollster(const std::string& file, const std::string& name) {
    auto made = host::make_pollster(entry(file, name), {});
    EXPECT_TRUE(made.ok()) << made.status();
    return *std::move(made);
  }

  // As programs call it: on a thread of its own, under a guard.
  std::unique_ptr<host::Pollster> guarded_pollster(const std::string& file, const std::string& name,
                                                   const std::shared_ptr<host::Guard>& guard) {
    return host::guarded(host::Factory<host::Pollster>([own = std::make_shared<host::Entry>(entry(file, name))] {
                           return host::make_pollster(*own, {});
                         }),
                         guard);
  }

  ScratchFolder folder_;
  host::Catalog catalog_;
};

std::string text_of(const absl::Status& status) { return std::string(status.message()); }

TEST_F(Hostile, ExceptionsEndAtTheBoundary) {
  auto polled = pollster("raw", "raw-poll");
  for (int round = 0; round < 2; ++round) {
    host::PollResult result;
    const absl::Status status = polled->poll({Time{5}, 0, {}}, result);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(text_of(status), AllOf(HasSubstr("exception"), HasSubstr("thrown by poll")));
    ASSERT_EQ(result.samples.size(), 1U) << "what was emitted before is kept";
    EXPECT_EQ(result.samples[0].volume.to_string(), "1") << "the frames of the call before were unwound";
    EXPECT_EQ(host::running_plugin(), nullptr);
  }
  polled.reset();  // its destroy() throws too
  host::PollResult result;
  EXPECT_THAT(text_of(pollster("raw", "raw-number")->poll({Time{5}, 0, {}}, result)),
              HasSubstr("something that is no std::exception"));
}

TEST_F(Hostile, ExceptionInCreateFailsThePlugin) {
  host::Entry& raw = entry("raw", "raw-create");
  EXPECT_FALSE(host::make_pollster(raw, {}).ok());
  EXPECT_EQ(raw.state, host::State::failed);
  EXPECT_THAT(raw.reason, HasSubstr("thrown by create"));
}

TEST_F(Hostile, ExceptionInTheEntryRefusesTheFile) {
  host::Entry& raw = entry("raw_entry", "raw-poll");
  EXPECT_FALSE(host::make_pollster(raw, {}).ok());
  EXPECT_EQ(raw.state, host::State::refused);
  EXPECT_THAT(raw.reason, AllOf(HasSubstr("raw_entry.so"), HasSubstr("thrown by the entry")));
}

TEST_F(Hostile, TheSdkTranslatesWhatAuthorsThrow) {
  auto polled = pollster("thrower", "throws-in-poll");
  host::PollResult result;
  absl::Status status = polled->poll({Time{5}, 0, {}}, result);
  EXPECT_EQ(status.code(), kPassing);
  EXPECT_EQ(text_of(status), "thrown by poll");
  EXPECT_EQ(result.samples.size(), 1U);
  status = pollster("thrower", "throws-a-number")->poll({Time{5}, 0, {}}, result);
  EXPECT_EQ(status.code(), kPassing);
  EXPECT_THAT(text_of(status), HasSubstr("no std::exception"));

  host::Entry& created = entry("thrower", "throws-in-create");
  EXPECT_EQ(host::make_pollster(created, {}).status().code(), kPassing);
  EXPECT_EQ(created.state, host::State::on) << "tried again";
  host::Entry& for_good = entry("thrower", "throws-for-good");
  EXPECT_FALSE(host::make_pollster(for_good, {}).ok());
  EXPECT_EQ(for_good.state, host::State::failed);
  EXPECT_EQ(for_good.reason, "this configuration will never do");
}

TEST_F(Hostile, UnknownAnswersAndRubbishWordsAreReadable) {
  host::PollResult result;
  absl::Status status = pollster("hostile", "code")->poll({Time{5}, 0, {}}, result);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(text_of(status), HasSubstr("answered -77"));
  EXPECT_EQ(result.samples.size(), 1U) << "a good sample is kept whatever the call answers";
  status = pollster("hostile", "words")->poll({Time{5}, 0, {}}, result);
  EXPECT_EQ(status.code(), kPassing);
  EXPECT_THAT(text_of(status), HasSubstr("bad [2J words??"));
  EXPECT_LE(text_of(status).size(), 2048U);
}

TEST(ReadableText, IsCutBetweenCharactersAndHasNoControlCharacters) {
  EXPECT_EQ(host::readable_text("a\tb\x1b[1m\nc\x7f"), "a b [1m c ");
  EXPECT_EQ(host::readable_text("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
  EXPECT_EQ(host::readable_text("x\xff"), "x?");
  std::string long_text(2047, 'x');
  long_text += "\xc3\xbc and more";
  EXPECT_EQ(host::readable_text(long_text), std::string(2047, 'x'));
}

TEST_F(Hostile, NothingIsTakenAfterTheCall) {
  auto late = pollster("hostile", "late");
  host::PollResult result;
  ASSERT_TRUE(late->poll({Time{5}, 0, {}}, result).ok());
  ASSERT_EQ(result.samples.size(), 1U);
  late.reset();  // emits through the emitter of that call, here and on another thread
  EXPECT_EQ(result.samples.size(), 1U);
  void* file = dlopen((folder_.path() / "hostile.so").c_str(), RTLD_NOW | RTLD_NOLOAD);
  ASSERT_NE(file, nullptr);
  void* symbol = dlsym(file, "late_refused");
  ASSERT_NE(symbol, nullptr);
  int (*late_refused)() = nullptr;
  std::memcpy(&late_refused, &symbol, sizeof late_refused);
  EXPECT_EQ(late_refused(), 2);
}

TEST_F(Hostile, OneCallsResultsAreBounded) {
  host::PollResult result;
  const absl::Status status = pollster("hostile", "endless")->poll({Time{5}, 0, {}}, result);
  EXPECT_EQ(status.code(), kPermanent);
  EXPECT_THAT(text_of(status), HasSubstr("1000000"));
  EXPECT_EQ(result.samples.size(), host::kMostResults);
}

TEST_F(Hostile, HangingAndThreadEndingCallsAreGivenUp) {
  for (const char* name : {"hangs", "unthreads"}) {
    host::GuardOptions options;
    options.limit = std::chrono::milliseconds(50);
    auto guard = std::make_shared<host::Guard>(std::string("pollster:") + name, options);
    auto polled = guarded_pollster("hostile", name, guard);
    host::PollResult result;
    EXPECT_EQ(polled->poll({Time{5}, 0, {}}, result).code(), kHung);
    EXPECT_EQ(guard->state(), host::State::failed);
    EXPECT_THAT(guard->reason(), HasSubstr("50ms"));
  }
  auto guard = std::make_shared<host::Guard>("pollster:plain");
  host::PollResult result;
  EXPECT_TRUE(guarded_pollster("hostile", "plain", guard)->poll({Time{5}, 0, {}}, result).ok())
      << "another pollster of the same file goes on";
}

TEST_F(Hostile, LeakedDescriptorsAreSeen) {
  std::vector<std::string> lines;
  log::Options options;
  options.sink = [&lines](std::string_view line) { lines.emplace_back(line); };
  log::configure(options);
  auto guard = std::make_shared<host::Guard>("pollster:leaks");
  auto plain = std::make_shared<host::Guard>("pollster:plain");
  auto leaking = guarded_pollster("hostile", "leaks", guard);
  auto quiet = guarded_pollster("hostile", "plain", plain);
  for (int i = 0; i < 100; ++i) {
    host::PollResult result;
    ASSERT_TRUE(leaking->poll({Time{5}, 0, {}}, result).ok());
    ASSERT_TRUE(quiet->poll({Time{5}, 0, {}}, result).ok());
  }
  log::configure({});
  ASSERT_EQ(lines.size(), 1U) << "said once, of the one that leaks";
  EXPECT_THAT(lines[0], AllOf(HasSubstr("pollster:leaks"), HasSubstr("file descriptors")));
  MetricsPage page;
  host::descriptor_metrics(page);
  EXPECT_THAT(page.text(), AllOf(HasSubstr("tally_plugin_descriptors_grown{plugin=\"pollster:leaks\"} 100"),
                                 Not(HasSubstr("pollster:plain")), HasSubstr("process_open_fds ")));
}

// Each ends the process that the test starts for it.
class HostileDeath : public Hostile {
 protected:
  HostileDeath() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  void poll_in_a_program(const std::string& name) {
    host::install_last_words();
    auto guard = std::make_shared<host::Guard>("pollster:" + name);
    host::PollResult result;
    (void)guarded_pollster("hostile", name, guard)->poll({Time{5}, 0, {}}, result);
  }
};

TEST_F(HostileDeath, ExitNamesThePluginAndIsNoProperEnd) {
  for (const char* name : {"exits", "quick"}) {
    EXPECT_EXIT(poll_in_a_program(name), ::testing::ExitedWithCode(host::kEndedByPlugin),
                std::string("pollster:") + name + " called exit");
  }
}

TEST_F(HostileDeath, SilentExitIsNotStopped) {
  EXPECT_EXIT(poll_in_a_program("silent"), ::testing::ExitedWithCode(0), "");
}

TEST_F(HostileDeath, AbortAndFaultsNameThePlugin) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer has handlers of its own";
#else
  EXPECT_EXIT(poll_in_a_program("aborts"), ::testing::KilledBySignal(SIGABRT), "pollster:aborts ends .* SIGABRT");
  EXPECT_EXIT(poll_in_a_program("faults"), ::testing::KilledBySignal(SIGSEGV), "pollster:faults ends .* SIGSEGV");
#endif
}

TEST_F(HostileDeath, ExceptionInAStaticConstructorNamesTheFile) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer has handlers of its own";
#else
  host::Entry& raw = entry("raw_constructor", "raw-poll");
  EXPECT_EXIT(
      {
        host::install_last_words();
        (void)host::make_pollster(raw, {});
      },
      ::testing::KilledBySignal(SIGABRT), "raw_constructor.so ends .* SIGABRT");
#endif
}

TEST(LastWords, ProperEndIsLeftAlone) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        host::install_last_words();
        std::exit(3);
      },
      ::testing::ExitedWithCode(3), "");
}

}  // namespace
}  // namespace tally::test
