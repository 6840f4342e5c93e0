// What a program begins with, and what it says of a configuration that is at fault.
#include "daemon/setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/scratch_folder.h"

namespace tally::test {
namespace {

using ::testing::HasSubstr;

TEST(Setup, SaysEveryFaultAndIsThereWhereTheyAreTolerated) {
  const ScratchFolder folder;
  daemon::SetupOptions options;
  options.program = config::Program::agent;
  options.path = folder.path() / "agent.yaml";
  std::ofstream(*options.path) << "hosst: here\npublissh: there\n";
  testing::internal::CaptureStderr();
  EXPECT_FALSE(daemon::load_setup(options));
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("agent.yaml:1:1: "));
  EXPECT_THAT(said, HasSubstr("agent.yaml:2:1: "));
  testing::internal::CaptureStderr();
  options.tolerated = daemon::needs_nothing;
  EXPECT_TRUE(daemon::load_setup(options));
  EXPECT_EQ(testing::internal::GetCapturedStderr(), said);
}

TEST(Setup, TheArgumentsOfTheLogCountBeforeTheConfiguration) {
  config::Config config;
  config.json_log = true;
  daemon::Arguments arguments;
  EXPECT_EQ(daemon::log_options("tally-test", arguments, config).format, log::Format::json);
  arguments.log_format = "text";
  arguments.verbosity = -1;
  const log::Options options = daemon::log_options("tally-test", arguments, config);
  EXPECT_EQ(options.program, "tally-test");
  EXPECT_EQ(options.format, log::Format::text);
  EXPECT_EQ(options.level, log::Level::warning);
}

}  // namespace
}  // namespace tally::test
