// Counters, gauges, and their text.
#include "base/metrics.h"

#include <gtest/gtest.h>

namespace tally {
namespace {

TEST(Metrics, WritesPrometheusText) {
  MetricsPage page;
  page.family("tally_x_total", "counter", "Things.");
  page.value({{"bus", "a\"b\\c\nd"}}, std::uint64_t{4});
  page.family("tally_y", "gauge", "Level.");
  page.value({}, 0.5);
  page.family("tally_z", "gauge", "More.");
  page.value({{"a", "1"}, {"b", "2"}}, std::uint64_t{7});
  EXPECT_EQ(page.text(),
            "# HELP tally_x_total Things.\n# TYPE tally_x_total counter\ntally_x_total{bus=\"a\\\"b\\\\c\\nd\"} 4\n"
            "# HELP tally_y Level.\n# TYPE tally_y gauge\ntally_y 0.5\n"
            "# HELP tally_z More.\n# TYPE tally_z gauge\ntally_z{a=\"1\",b=\"2\"} 7\n");
}

}  // namespace
}  // namespace tally
