// A path of the JSONPath dialect of Ceilometer's definitions, compiled once.
// Not for the values around it (constants, lists of paths, plugins): field.h.
#ifndef TALLY_METERS_PATHS_PATH_H
#define TALLY_METERS_PATHS_PATH_H

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "values/node.h"

namespace meters {

struct Expr;

// A value that was found, and the way to it.
struct Datum {
  const Node* value = nullptr;
  const Datum* context = nullptr;  // null: nothing leads here
  std::string_view name;           // of the member, where it is one
  std::int64_t index = -1;         // of the item, where it is one

  // "payload.disks.[0].size", as plugins name what was found.
  std::string path() const;
};

using Matches = std::vector<const Datum*>;

struct PathOptions {
  bool right_to_left = false;  // arithmetic as Ceilometer does it: a - b - c is a - (b - c), * binds no tighter than +
};

// A plain value; copies share what was compiled. Finding is for one thread at a time.
class Path {
 public:
  // None with the reason and its column in `why`.
  static std::optional<Path> parse(std::string_view text, std::string& why, PathOptions options = {});

  // Names from the message down, where the path is nothing else; else empty.
  const std::vector<std::string>& names() const { return names_; }
  // Whether it was written with a leading `$`.
  bool rooted() const { return rooted_; }
  // Whether the two ways to do arithmetic (PathOptions) differ for this path.
  bool arithmetic_ambiguous() const { return ambiguous_; }

  // Appends what is there, nulls included, in the message's order. Throws tally::Error::permanent where that takes more
  // than kMostSteps, or a number does not fit a decimal. What is found lives as long as the tree and the arena.
  void find(const Node& root, Arena& arena, Matches& found) const;

  static constexpr std::size_t kLongest = 4096;
  static constexpr std::size_t kMostSteps = 1'000'000;

 private:
  std::shared_ptr<const Expr> expr_;
  std::vector<std::string> names_;
  bool rooted_ = false;
  bool ambiguous_ = false;
};

}  // namespace meters

#endif
