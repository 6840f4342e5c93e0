// Two of the three managers, made from objects: dispatcher and its index, driver.
// Not for the third (iterator_test.cc), nor for loading (refusals_test.cc).
#include <tally/kit/glob.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"
#include "plugin/managers/dispatcher.h"
#include "plugin/managers/driver.h"
#include "plugin/plugin_places.h"

namespace tally::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Nobody : public plugin::MessageHandler {
 public:
  absl::Status handle(const Notification&, wire::SampleList&) override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<std::string>> claims() override { return std::vector<std::string>{"volume.*"}; }
};

std::vector<std::string> names(const plugin::Dispatcher::Match& match) {
  std::vector<std::string> result;
  for (const auto* handler : match.handlers) result.push_back(handler->name);
  for (const auto* parked : match.parked) result.push_back("parked " + parked->name);
  return result;
}

TEST(Dispatcher, MatchesExactAndGlobs) {
  plugin::Dispatcher dispatcher;
  dispatcher.add("exact", std::make_unique<Nobody>(), {"image.upload", "image.delete"});
  dispatcher.add("begin", std::make_unique<Nobody>(), {"image.*", "image.up*"});
  dispatcher.add("end", std::make_unique<Nobody>(), {"*.delete"});
  dispatcher.add("middle", std::make_unique<Nobody>(), {"*age.*"});
  dispatcher.add("all", std::make_unique<Nobody>(), {"*"});
  dispatcher.add("both", std::make_unique<Nobody>(), {"im*upload"});
  ASSERT_TRUE(dispatcher.add("asked", std::make_unique<Nobody>()).ok());
  dispatcher.park("broken", "short table", {"image.*"});
  EXPECT_THAT(names(dispatcher.match("image.upload")),
              ElementsAre("exact", "begin", "middle", "all", "both", "parked broken"));
  EXPECT_THAT(names(dispatcher.match("volume.delete")), ElementsAre("end", "all", "asked"));
  EXPECT_THAT(names(dispatcher.match("")), ElementsAre("all"));
  EXPECT_EQ(dispatcher.match("image.x").parked.at(0)->reason, "short table");
}

TEST(Dispatcher, NobodyTakesWhatNobodyClaims) {
  plugin::Dispatcher dispatcher;
  dispatcher.add("exact", std::make_unique<Nobody>(), {"a"});
  EXPECT_TRUE(dispatcher.match("b").nobody());
}

TEST(Dispatcher, HandlerInQuarantineParksAndAbsentOneDoesNot) {
  plugin::Dispatcher dispatcher;
  plugin::GuardOptions options;
  options.quarantine_after = 1;
  auto sick = std::make_shared<plugin::Guard>("sick", options);
  auto away = std::make_shared<plugin::Guard>("away", options);
  dispatcher.add("sick", std::make_unique<Nobody>(), {"a"}, sick);
  dispatcher.add("away", std::make_unique<Nobody>(), {"a"}, away);
  EXPECT_THAT(names(dispatcher.match("a")), ElementsAre("sick", "away"));
  sick->finished(absl::InternalError("broken"), {});
  away->finished(absent("not here"), {});
  EXPECT_THAT(names(dispatcher.match("a")), ElementsAre("parked sick"));
  EXPECT_THAT(dispatcher.match("a").parked.at(0)->reason, HasSubstr("broken"));
}

// The index agrees with trying every pattern.
TEST(PatternIndex, AgreesWithTheSlowWay) {
  std::vector<std::string> patterns;
  const std::string letters = "ab.*";
  for (std::size_t i = 0; i < 256; ++i) {
    std::string pattern;
    for (std::size_t rest = i, n = 0; n < 4; ++n, rest /= 4) pattern += letters[rest % 4];
    patterns.push_back(pattern);
    patterns.push_back(pattern.substr(i % 4));
  }
  plugin::PatternIndex index;
  for (std::size_t i = 0; i < patterns.size(); ++i) index.add(patterns[i], static_cast<std::uint32_t>(i));
  for (std::size_t i = 0; i < 3 * 3 * 3 * 3 * 3; ++i) {
    std::string text;
    for (std::size_t rest = i, n = 0; n < 5; ++n, rest /= 3) text += letters[rest % 3];
    text.resize(i % 6);
    std::vector<std::uint32_t> fast, slow;
    index.match(text, fast);
    for (std::size_t p = 0; p < patterns.size(); ++p) {
      if (glob_match(patterns[p], text)) slow.push_back(static_cast<std::uint32_t>(p));
    }
    ASSERT_EQ(fast, slow) << text;
  }
}

TEST(Driver, SaysWhatThereIs) {
  const ScratchFolder folder;
  put(folder.path(), "good", "one");
  plugin::Catalog catalog = scan({folder.path()});
  const auto none = plugin::find_driver(catalog, plugin::Role::storage, "nosuch://user:secret@host/");
  ASSERT_FALSE(none.ok());
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("\"nosuch://\""));
  EXPECT_EQ(std::string(none.status().message()).find("secret"), std::string::npos);
  plugin::Entry* entry = catalog.find(plugin::Role::pollster, "fixture");
  entry->role.role = plugin::Role::storage;
  entry->role.schemes = {"file"};
  EXPECT_EQ(*plugin::find_driver(catalog, plugin::Role::storage, "file:///x"), entry);
  entry->state = plugin::State::disabled;
  entry->reason = "tally.yaml:3";
  const auto off = plugin::find_driver(catalog, plugin::Role::storage, "file:///x");
  ASSERT_FALSE(off.ok());
  EXPECT_THAT(std::string(off.status().message()), HasSubstr("disabled: tally.yaml:3"));
}

}  // namespace
}  // namespace tally::test
