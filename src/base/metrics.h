// Counters and gauges with labels, and their text in Prometheus' format.
// Not for the books: their equations hold in one snapshot, which a page of these joins by `collect`.
#ifndef TALLY_BASE_METRICS_H
#define TALLY_BASE_METRICS_H

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tally {

// In the order in which they are shown.
using Labels = std::vector<std::pair<std::string, std::string>>;

// Only grows. Any thread.
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Goes up and down. Any thread.
class Gauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

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

// Owns its counters and gauges; references stay valid as long as it. Any thread.
class Metrics {
 public:
  // The same name and labels give the same object. The help text of the first call counts.
  Counter& counter(std::string_view name, std::string_view help, Labels labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, Labels labels = {});

  // Called at each text(), on its thread, after the registered ones: for values that live elsewhere.
  void collect(std::function<void(MetricsPage&)> source);

  std::string text() const;

 private:
  template <typename Value>
  struct Family {
    std::string help;
    std::map<Labels, std::unique_ptr<Value>> values;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Family<Counter>, std::less<>> counters_;
  std::map<std::string, Family<Gauge>, std::less<>> gauges_;
  std::vector<std::function<void(MetricsPage&)>> sources_;
};

}  // namespace tally

#endif
