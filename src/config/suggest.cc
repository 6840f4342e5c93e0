// Which known word a mistyped one was meant to be.
#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/strings.h"
#include "config/value.h"

namespace tally::config {
namespace {

constexpr std::size_t kLongestWord = 64;  // longer words are never a slip of the fingers

// Optimal string alignment distance: insert, delete, replace, and swap of two neighbours cost 1 each.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::vector<std::size_t> next(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    next[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      next[j] = std::min({row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        next[j] = std::min(next[j], before[j - 2] + 1);
    }
    std::swap(before, row);
    std::swap(row, next);
  }
  return row[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.empty() || word.size() > kLongestWord) return {};
  const std::string lower = absl::AsciiStrToLower(to_absl(word));
  std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;
  std::string_view best;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > kLongestWord) continue;
    std::size_t far = distance(lower, absl::AsciiStrToLower(to_absl(candidate)));
    // "libvirt" for "pollster:libvirt": the name without its role.
    const std::size_t colon = candidate.find(':');
    if (colon != std::string_view::npos && word.find(':') == std::string_view::npos) {
      far = std::min(far, distance(lower, absl::AsciiStrToLower(to_absl(candidate.substr(colon + 1)))));
    }
    if (far < least) {
      least = far;
      best = candidate;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  const std::string_view best = nearest(word, candidates);
  return best.empty() ? std::string() : ", did you mean \"" + std::string(best) + "\"?";
}

}  // namespace tally::config
