// Plugins that misbehave while they are called: what becomes of the call, of the plugin, and of the process.
// Not for what loading finds out: refusals_test.cc; nor for values that the host refuses: values_test.cc.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "base/exit_status.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/status.h"
#include "plugin/call/adapters.h"
#include "plugin/call/call_scope.h"
#include "plugin/call/marshal.h"
#include "plugin/plugin_places.h"
#include "plugin/supervise/crash_report.h"
#include "plugin/supervise/descriptor_leaks.h"
#include "plugin/supervise/guarded.h"

namespace tally::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// A catalog of one fixture in a folder of its own.
class Hostile : public ::testing::Test {
 protected:
  plugin::Entry& entry(const std::string& file, const std::string& name) {
    if (!std::filesystem::exists(folder_.path() / (file + ".so"))) put(folder_.path(), file, file);
    catalog_ = scan({folder_.path()});
    plugin::Entry* found = catalog_.find(plugin::Role::pollster, name);
    EXPECT_NE(found, nullptr) << name;
    return *found;
  }

  std::unique_ptr<plugin::Sampler> pollster(const std::string& file, const std::string& name) {
    auto made = plugin::make_pollster(entry(file, name), {});
    EXPECT_TRUE(made.ok()) << made.status();
    return *std::move(made);
  }

  // As programs call it: on a thread of its own, under a guard.
  std::unique_ptr<plugin::Sampler> guarded_pollster(const std::string& file, const std::string& name,
                                                    const std::shared_ptr<plugin::Guard>& guard) {
    return plugin::guarded(plugin::Factory<plugin::Sampler>([own = std::make_shared<plugin::Entry>(entry(file, name))] {
                             return plugin::make_pollster(*own, {});
                           }),
                           guard);
  }

  ScratchFolder folder_;
  plugin::Catalog catalog_;
};

std::string text_of(const absl::Status& status) { return std::string(status.message()); }

TEST_F(Hostile, ExceptionsEndAtTheBoundary) {
  auto polled = pollster("raw", "raw-poll");
  for (int round = 0; round < 2; ++round) {
    plugin::PollResult result;
    const absl::Status status = polled->poll({Time{5}, 0, {}}, result);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(text_of(status), AllOf(HasSubstr("exception"), HasSubstr("thrown by poll")));
    ASSERT_EQ(result.samples.size(), 1U) << "what was emitted before is kept";
    EXPECT_EQ(result.samples[0].volume.to_string(), "1") << "the frames of the call before were unwound";
    EXPECT_EQ(plugin::running_plugin(), nullptr);
  }
  polled.reset();  // its destroy() throws too
  plugin::PollResult result;
  EXPECT_THAT(text_of(pollster("raw", "raw-number")->poll({Time{5}, 0, {}}, result)),
              HasSubstr("something that is not a std::exception"));
}

TEST_F(Hostile, ExceptionInCreateFailsThePlugin) {
  plugin::Entry& raw = entry("raw", "raw-create");
  EXPECT_FALSE(plugin::make_pollster(raw, {}).ok());
  EXPECT_EQ(raw.state, plugin::State::failed);
  EXPECT_THAT(raw.reason, HasSubstr("thrown by create"));
}

TEST_F(Hostile, ExceptionInTheEntryRefusesTheFile) {
  plugin::Entry& raw = entry("raw_entry", "raw-poll");
  EXPECT_FALSE(plugin::make_pollster(raw, {}).ok());
  EXPECT_EQ(raw.state, plugin::State::refused);
  EXPECT_THAT(raw.reason, AllOf(HasSubstr("raw_entry.so"), HasSubstr("thrown by the entry")));
}

TEST_F(Hostile, TheSdkTranslatesWhatAuthorsThrow) {
  auto polled = pollster("thrower", "throws-in-poll");
  plugin::PollResult result;
  absl::Status status = polled->poll({Time{5}, 0, {}}, result);
  EXPECT_EQ(status.code(), kTransient);
  EXPECT_EQ(text_of(status), "thrown by poll");
  EXPECT_EQ(result.samples.size(), 1U);
  status = pollster("thrower", "throws-a-number")->poll({Time{5}, 0, {}}, result);
  EXPECT_EQ(status.code(), kTransient);
  EXPECT_THAT(text_of(status), HasSubstr("not a std::exception"));

  plugin::Entry& created = entry("thrower", "throws-in-create");
  EXPECT_EQ(plugin::make_pollster(created, {}).status().code(), kTransient);
  EXPECT_EQ(created.state, plugin::State::on) << "tried again";
  plugin::Entry& for_good = entry("thrower", "throws-for-good");
  EXPECT_FALSE(plugin::make_pollster(for_good, {}).ok());
  EXPECT_EQ(for_good.state, plugin::State::failed);
  EXPECT_EQ(for_good.reason, "this configuration will never do");
}

TEST_F(Hostile, UnknownAnswersAndRubbishWordsAreReadable) {
  plugin::PollResult result;
  absl::Status status = pollster("hostile", "code")->poll({Time{5}, 0, {}}, result);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(text_of(status), HasSubstr("answered -77"));
  EXPECT_EQ(result.samples.size(), 1U) << "a good sample is kept whatever the call answers";
  status = pollster("hostile", "words")->poll({Time{5}, 0, {}}, result);
  EXPECT_EQ(status.code(), kTransient);
  EXPECT_THAT(text_of(status), HasSubstr("bad [2J words??"));
  EXPECT_LE(text_of(status).size(), 2048U);
}

TEST(ReadableText, IsCutBetweenCharactersAndHasNoControlCharacters) {
  EXPECT_EQ(plugin::readable_text("a\tb\x1b[1m\nc\x7f"), "a b [1m c ");
  EXPECT_EQ(plugin::readable_text("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
  EXPECT_EQ(plugin::readable_text("x\xff"), "x?");
  std::string long_text(2047, 'x');
  long_text += "\xc3\xbc and more";
  EXPECT_EQ(plugin::readable_text(long_text), std::string(2047, 'x'));
}

TEST_F(Hostile, NothingIsTakenAfterTheCall) {
  auto late = pollster("hostile", "late");
  plugin::PollResult result;
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
  plugin::PollResult result;
  const absl::Status status = pollster("hostile", "endless")->poll({Time{5}, 0, {}}, result);
  EXPECT_EQ(status.code(), kPermanent);
  EXPECT_THAT(text_of(status), HasSubstr("1000000"));
  EXPECT_EQ(result.samples.size(), plugin::kMostResults);
}

TEST_F(Hostile, HangingAndThreadEndingCallsAreGivenUp) {
  for (const char* name : {"hangs", "unthreads"}) {
    plugin::GuardOptions options;
    options.limit = std::chrono::milliseconds(50);
    auto guard = std::make_shared<plugin::Guard>(std::string("pollster:") + name, options);
    auto polled = guarded_pollster("hostile", name, guard);
    plugin::PollResult result;
    EXPECT_EQ(polled->poll({Time{5}, 0, {}}, result).code(), kHung);
    EXPECT_EQ(guard->state(), plugin::State::failed);
    EXPECT_THAT(guard->reason(), HasSubstr("50ms"));
  }
  auto guard = std::make_shared<plugin::Guard>("pollster:plain");
  plugin::PollResult result;
  EXPECT_TRUE(guarded_pollster("hostile", "plain", guard)->poll({Time{5}, 0, {}}, result).ok())
      << "another pollster of the same file goes on";
}

TEST_F(Hostile, LeakedDescriptorsAreSeen) {
  std::vector<std::string> lines;
  log::Options options;
  options.sink = [&lines](std::string_view line) { lines.emplace_back(line); };
  log::configure(options);
  auto guard = std::make_shared<plugin::Guard>("pollster:leaks");
  auto plain = std::make_shared<plugin::Guard>("pollster:plain");
  auto leaking = guarded_pollster("hostile", "leaks", guard);
  auto quiet = guarded_pollster("hostile", "plain", plain);
  for (int i = 0; i < 100; ++i) {
    plugin::PollResult result;
    ASSERT_TRUE(leaking->poll({Time{5}, 0, {}}, result).ok());
    ASSERT_TRUE(quiet->poll({Time{5}, 0, {}}, result).ok());
  }
  log::configure({});
  ASSERT_EQ(lines.size(), 1U) << "said once, of the one that leaks";
  EXPECT_THAT(lines[0], AllOf(HasSubstr("pollster:leaks"), HasSubstr("file descriptors")));
  MetricsPage page;
  plugin::descriptor_metrics(page);
  EXPECT_THAT(page.text(), AllOf(HasSubstr("tally_plugin_descriptors_grown{plugin=\"pollster:leaks\"} 100"),
                                 Not(HasSubstr("pollster:plain")), HasSubstr("process_open_fds ")));
}

// Each ends the process that the test starts for it.
class HostileDeath : public Hostile {
 protected:
  HostileDeath() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  void poll_in_a_program(const std::string& name) {
    plugin::install_crash_report();
    auto guard = std::make_shared<plugin::Guard>("pollster:" + name);
    plugin::PollResult result;
    (void)guarded_pollster("hostile", name, guard)->poll({Time{5}, 0, {}}, result);
  }
};

TEST_F(HostileDeath, ExitNamesThePluginAndIsNoProperEnd) {
  for (const char* name : {"exits", "quick"}) {
    EXPECT_EXIT(poll_in_a_program(name), ::testing::ExitedWithCode(exit_status::kRestartMe),
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
  plugin::Entry& raw = entry("raw_constructor", "raw-poll");
  EXPECT_EXIT(
      {
        plugin::install_crash_report();
        (void)plugin::make_pollster(raw, {});
      },
      ::testing::KilledBySignal(SIGABRT), "raw_constructor.so ends .* SIGABRT");
#endif
}

TEST(LastWords, ProperEndIsLeftAlone) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        plugin::install_crash_report();
        std::exit(3);
      },
      ::testing::ExitedWithCode(3), "");
}

}  // namespace
}  // namespace tally::test
