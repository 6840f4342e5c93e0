// What handlers would count twice.
#include "plugin/catalog/double_counting.h"

#include <tally/kit/glob.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tally::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Tells its definitions, whose event types are globs here.
class Telling final : public plugin::MessageHandler {
 public:
  explicit Telling(std::vector<MeterDefinition> definitions) : definitions_(std::move(definitions)) {}
  absl::Status handle(const Notification&, wire::SampleList&) override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<std::string>> claims() override { return std::vector<std::string>{"*"}; }
  absl::StatusOr<std::optional<std::vector<MeterDefinition>>> definitions(
      std::optional<std::string> event_type) override {
    std::vector<MeterDefinition> taken;
    for (const MeterDefinition& one : definitions_)
      if (!event_type || glob_match(one.event_types[0], *event_type)) taken.push_back(one);
    return taken;
  }

 private:
  std::vector<MeterDefinition> definitions_;
};

class Silent final : public plugin::MessageHandler {
 public:
  absl::Status handle(const Notification&, wire::SampleList&) override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<std::string>> claims() override { return std::vector<std::string>{}; }
};

MeterDefinition definition(const std::string& meter, const std::string& type, const std::string& example) {
  return {"f.yaml:" + meter, meter, "gauge", "u", {type}, {example}, false};
}

class SurveyTest : public testing::Test {
 protected:
  void tells(std::vector<MeterDefinition> definitions) {
    handlers_.add("notification:meters", std::make_unique<Telling>(std::move(definitions)), {"*"});
  }
  void declares(const std::string& name, std::vector<std::string> claims, std::vector<std::string> meters) {
    handlers_.add("notification:" + name, std::make_unique<Silent>(), claims).meters = std::move(meters);
  }
  std::vector<std::string> twice(std::vector<std::string> disabled = {}) {
    return plugin::survey(handlers_, disabled).twice;
  }
  plugin::Dispatcher handlers_;
};

TEST_F(SurveyTest, AnExactEventTypeAgainstAPattern) {
  tells({definition("backup.size", "backup.*", "backup."), definition("other", "backup.*", "backup.")});
  declares("mine", {"backup.create.end"}, {"backup.size", "backup.count"});
  const auto found = twice();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0],
              HasSubstr("notification:meters (f.yaml:backup.size) and notification:mine both make backup.size "
                        "of `backup.create.end`: it is counted twice"));
  EXPECT_THAT(found[0], HasSubstr("disable: {definitions: [\"f.yaml:backup.size\"]}"));
  EXPECT_THAT(found[0], HasSubstr("disable: {plugins: [\"notification:mine\"]}"));
  EXPECT_THAT(twice({"backup.*"}), IsEmpty());
}

TEST_F(SurveyTest, AnExampleOfAPatternAgainstAPattern) {
  tells({definition("backup.size", "backup.create*", "backup.create")});
  declares("mine", {"backup.*"}, {"backup.size"});
  EXPECT_THAT(twice(), ElementsAre(HasSubstr("of `backup.create`")));
}

TEST_F(SurveyTest, TwoThatDeclareTheSame) {
  declares("a", {"x.y", "x.z"}, {"m"});
  declares("b", {"x.*"}, {"m", "n"});
  EXPECT_THAT(twice(), ElementsAre(HasSubstr("notification:a and notification:b both make m of `x.y`")));
}

TEST_F(SurveyTest, NothingIsSaidWithoutACause) {
  MeterDefinition disabled = definition("backup.size", "backup.*", "backup.");
  disabled.disabled = true;
  MeterDefinition unknown = definition("", "backup.*", "backup.");
  tells({disabled, unknown, definition("volume.size", "volume.*", "volume.")});
  declares("mine", {"backup.create.end"}, {"backup.size", "volume.size", ""});
  EXPECT_THAT(twice(), IsEmpty());
  EXPECT_EQ(plugin::survey(handlers_, {}).made.size(), 3U);
}

}  // namespace
}  // namespace tally::test
