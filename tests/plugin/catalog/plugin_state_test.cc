// How a plugin's state is shown: the same in every program.
#include "plugin/catalog/plugin_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace tally::test {
namespace {

using ::testing::HasSubstr;

const std::vector<plugin::PluginState> kTwo = {
    {"exec", "pollster", "1.0.0", "absent", "no commands configured"},
    {"meters", "notification", "2.1.0", "on", "", {{"a.yaml:door", 4}}},
};

TEST(PluginState, IsAListOfObjectsInTheStatus) {
  EXPECT_EQ(
      plugin::plugins_json(kTwo),
      R"([{"name":"exec","role":"pollster","version":"1.0.0","state":"absent","reason":"no commands configured"},)"
      R"({"name":"meters","role":"notification","version":"2.1.0","state":"on","reason":"",)"
      R"("skipped":{"a.yaml:door":4}}])");
  EXPECT_EQ(plugin::plugins_json({}), "[]");
}

TEST(PluginState, IsALineOfMetricsWithWhatDefinitionsSkipped) {
  MetricsPage page;
  plugin::plugin_metrics(kTwo, page);
  EXPECT_THAT(page.text(), HasSubstr("tally_plugin_state{plugin=\"pollster:exec\",state=\"absent\"} 1\n"));
  EXPECT_THAT(page.text(), HasSubstr("tally_plugin_state{plugin=\"notification:meters\",state=\"on\"} 1\n"));
  EXPECT_THAT(page.text(), HasSubstr("tally_plugin_skipped_total{plugin=\"notification:meters\","
                                     "definition=\"a.yaml:door\"} 4\n"));
}

TEST(PluginState, OfAnEntryIsWhatTheCatalogKnows) {
  plugin::Entry entry;
  entry.role.role = plugin::Role::storage;
  entry.role.name = "sqlite";
  entry.manifest.version = "1.2.0";
  entry.state = plugin::State::idle;
  entry.reason = "nothing uses it";
  const plugin::PluginState state = plugin::state_of(entry);
  EXPECT_EQ(state.name, "sqlite");
  EXPECT_EQ(state.role, "storage");
  EXPECT_EQ(state.version, "1.2.0");
  EXPECT_EQ(state.state, "idle");
  EXPECT_EQ(state.reason, "nothing uses it");
}

}  // namespace
}  // namespace tally::test
