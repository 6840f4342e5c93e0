// A page of counters and gauges with labels, in Prometheus' text format.
// Not for counting: whoever counts writes what one snapshot holds.
#ifndef TALLY_BASE_METRICS_H
#define TALLY_BASE_METRICS_H

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tally {

// In the order in which they are shown.
using Labels = std::vector<std::pair<std::string, std::string>>;

// One page of Prometheus text, written family by family. One thread.
class MetricsPage {
 public:
  // Begins a family; `type`: counter or gauge. A counter's name ends in _total.
  void family(std::string_view name, std::string_view type, std::string_view help);
  // One line of the family begun last.
  void value(const Labels& labels, std::uint64_t value);
  void value(const Labels& labels, double value);
  const std::string& text() const { return text_; }

 private:
  void line(const Labels& labels, std::string_view number);
  std::string text_;
  std::string name_;
};

}  // namespace tally

#endif
