// Counters, gauges, and their text.
#include "base/metrics.h"

#include <gtest/gtest.h>

namespace tally {
namespace {

TEST(Metrics, WritesPrometheusText) {
  Metrics metrics;
  metrics.counter("tally_x_total", "Things.", {{"bus", "a\"b\\c\nd"}}).add(3);
  metrics.counter("tally_x_total", "Things.", {{"bus", "a\"b\\c\nd"}}).add();
  metrics.gauge("tally_y", "Level.").set(0.5);
  metrics.collect([](MetricsPage& page) {
    page.family("tally_z", "gauge", "More.");
    page.value({{"a", "1"}, {"b", "2"}}, std::uint64_t{7});
  });
  EXPECT_EQ(metrics.text(),
            "# HELP tally_x_total Things.\n# TYPE tally_x_total counter\ntally_x_total{bus=\"a\\\"b\\\\c\\nd\"} 4\n"
            "# HELP tally_y Level.\n# TYPE tally_y gauge\ntally_y 0.5\n"
            "# HELP tally_z More.\n# TYPE tally_z gauge\ntally_z{a=\"1\",b=\"2\"} 7\n");
}

TEST(Metrics, TheSameNameAndLabelsAreOneCounter) {
  Metrics metrics;
  Counter& one = metrics.counter("a_total", "A.", {{"x", "1"}});
  EXPECT_EQ(&one, &metrics.counter("a_total", "A.", {{"x", "1"}}));
  EXPECT_NE(&one, &metrics.counter("a_total", "A.", {{"x", "2"}}));
}

}  // namespace
}  // namespace tally
