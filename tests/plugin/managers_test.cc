// The three managers, made from objects: dispatcher and its index, iterator, driver.
// Not for loading: refusals_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/glob.h"
#include "core/status.h"
#include "plugin/dispatcher.h"
#include "plugin/driver.h"
#include "plugin/iterator.h"
#include "plugin_places.h"

namespace tally::test {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Nobody : public host::NotificationHandler {
 public:
  absl::Status handle(const host::Notification&, std::vector<Sample>&) override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<std::string>> claims() override { return std::vector<std::string>{"volume.*"}; }
};

std::vector<std::string> names(const host::Dispatcher::Match& match) {
  std::vector<std::string> result;
  for (const auto* handler : match.handlers) result.push_back(handler->name);
  for (const auto* parked : match.parked) result.push_back("parked " + parked->name);
  return result;
}

TEST(Dispatcher, MatchesExactAndGlobs) {
  host::Dispatcher dispatcher;
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
  host::Dispatcher dispatcher;
  dispatcher.add("exact", std::make_unique<Nobody>(), {"a"});
  EXPECT_TRUE(dispatcher.match("b").nobody());
}

TEST(Dispatcher, HandlerInQuarantineParksAndAbsentOneDoesNot) {
  host::Dispatcher dispatcher;
  host::GuardOptions options;
  options.quarantine_after = 1;
  auto sick = std::make_shared<host::Guard>("sick", options);
  auto away = std::make_shared<host::Guard>("away", options);
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
  host::PatternIndex index;
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

class Fake : public host::Pollster {
 public:
  explicit Fake(std::vector<std::vector<std::string>>* seen) : seen_(seen) {}
  absl::Status poll(const host::PollRequest& request, host::PollResult& result) override {
    std::vector<std::string> ids;
    for (const host::Resource& resource : request.resources) {
      ids.push_back(resource.id);
      if (resource.id == "bad") result.faults.push_back({"bad", permanent("for good")});
    }
    seen_->push_back(ids);
    result.samples.emplace_back();
    return absl::OkStatus();
  }

 private:
  std::vector<std::vector<std::string>>* seen_;
};

class Finder : public host::Discovery {
 public:
  Finder(int* asked, std::vector<std::string>* ids) : asked_(asked), ids_(ids) {}
  absl::StatusOr<std::vector<host::Resource>> discover() override {
    ++*asked_;
    if (ids_->empty()) return passing("away");
    std::vector<host::Resource> found;
    for (const std::string& id : *ids_) found.emplace_back().id = id;
    return found;
  }

 private:
  int* asked_;
  std::vector<std::string>* ids_;
};

TEST(Iterator, PollsWhatIsDueAndNeverMakesUpForMissedCycles) {
  std::vector<std::vector<std::string>> seen;
  host::Iterator iterator;
  const host::Iterator::TimePoint start{seconds(100)};
  iterator.add({"pollster:fast", std::make_unique<Fake>(&seen), seconds(10)}, start);
  iterator.add({"pollster:slow", std::make_unique<Fake>(&seen), seconds(60)}, start);
  std::vector<std::string> polled;
  auto sink = [&](host::Polled result) {
    polled.push_back(result.pollster);
    EXPECT_EQ(result.result.samples.at(0).timestamp, Time{7});
  };
  EXPECT_EQ(iterator.run_due(start, Time{7}, sink), start + seconds(10));
  EXPECT_THAT(polled, ElementsAre("pollster:fast", "pollster:slow"));
  polled.clear();
  EXPECT_EQ(iterator.run_due(start + seconds(9), Time{7}, sink), start + seconds(10));
  EXPECT_TRUE(polled.empty());
  EXPECT_EQ(iterator.run_due(start + seconds(35), Time{7}, sink), start + seconds(40));
  EXPECT_THAT(polled, ElementsAre("pollster:fast"));
}

TEST(Iterator, DiscoveryIsSharedAndBadResourcesAreLeftOutUntilFoundAnew) {
  std::vector<std::vector<std::string>> seen;
  int asked = 0;
  std::vector<std::string> ids = {"good", "bad"};
  host::Iterator iterator;
  iterator.add_discovery("things", std::make_unique<Finder>(&asked, &ids));
  for (const char* name : {"pollster:a", "pollster:b"}) {
    iterator.add({name, std::make_unique<Fake>(&seen), seconds(10), "things"}, {});
  }
  std::vector<absl::Status> statuses;
  auto sink = [&](host::Polled result) { statuses.push_back(result.status); };
  iterator.run_all(Time{7}, sink);
  EXPECT_EQ(asked, 1);
  iterator.run_all(Time{8}, sink);
  ids = {"good"};
  iterator.run_all(Time{9}, sink);
  ids = {"good", "bad"};
  iterator.run_all(Time{10}, sink);
  ASSERT_EQ(seen.size(), 8U);
  EXPECT_THAT(seen[0], ElementsAre("good", "bad"));
  EXPECT_THAT(seen[2], ElementsAre("good"));
  EXPECT_THAT(seen[6], ElementsAre("good", "bad"));
  ids.clear();
  statuses.clear();
  iterator.run_all(Time{11}, sink);
  EXPECT_EQ(seen.size(), 8U) << "not polled without its resources";
  ASSERT_EQ(statuses.size(), 2U);
  EXPECT_EQ(statuses[0].code(), kPassing);
}

TEST(Driver, SaysWhatThereIs) {
  const ScratchFolder folder;
  put(folder.path(), "good", "one");
  host::Catalog catalog = scan({folder.path()});
  const auto none = host::find_driver(catalog, host::Role::storage, "nosuch://user:secret@host/");
  ASSERT_FALSE(none.ok());
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("\"nosuch://\""));
  EXPECT_EQ(std::string(none.status().message()).find("secret"), std::string::npos);
  host::Entry* entry = catalog.find(host::Role::pollster, "fixture");
  entry->role.role = host::Role::storage;
  entry->role.schemes = {"file"};
  EXPECT_EQ(*host::find_driver(catalog, host::Role::storage, "file:///x"), entry);
  entry->state = host::State::disabled;
  entry->reason = "tally.yaml:3";
  const auto off = host::find_driver(catalog, host::Role::storage, "file:///x");
  ASSERT_FALSE(off.ok());
  EXPECT_THAT(std::string(off.status().message()), HasSubstr("disabled: tally.yaml:3"));
}

}  // namespace
}  // namespace tally::test
