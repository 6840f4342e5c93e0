// Finds the members that many plain paths name in one walk over a message's text, without a tree.
// Not for paths with filters, functions or wildcards: path.h.
#ifndef TALLY_METERS_VALUES_MEMBER_FINDER_H
#define TALLY_METERS_VALUES_MEMBER_FINDER_H

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "values/node.h"
#include "values/scan.h"

namespace meters {

// Where what was found is put: one slot for each path, valid where its round is the current one.
struct Slot {
  std::uint64_t round = 0;
  Node value;
};

// The names that are wanted, as a tree. Made once, then looking is for one thread at a time.
//
// Services write the same keys in the same order in every message. The finder remembers the order, including keys that
// no path names. Where the text is as remembered, one comparison skips a key and everything between two values.
class MemberFinder {
 public:
  // Asks for the member at `names` of a document; it will stand in `slot`.
  void add(const std::vector<std::string>& names, std::uint32_t slot);

  // Whether anything of the document's member `name` is wanted.
  bool wants(std::string_view name) const { return document(name) != nullptr; }

  // Looks through the text of the document's member `name`; members that no path names are skipped. Throws
  // tally::Error::permanent where it is not JSON.
  void look(std::string_view name, std::string_view json, std::uint64_t round, std::vector<Slot>& slots, Arena& arena);
  // The same for a member that is a text already.
  void put(std::string_view name, std::string_view text, std::uint64_t round, std::vector<Slot>& slots);

 private:
  static constexpr int kMostLearned = 256;  // names that nobody wants; who makes them up gains nothing

  struct Branch;
  struct Cell {
    std::uint64_t hash = 0;
    Branch* child = nullptr;
  };
  struct Branch {
    std::string name;
    std::vector<std::uint32_t> slots;  // `a.b` and `$.a.b` are two paths
    std::uint64_t round = 0;           // when it was last seen
    std::vector<Branch*> below;
    std::vector<Cell> cells;        // open addressing over `below`, a power of two
    Expected lead;                  // all from the value before it to its own, the last time
    bool leads = false;             // it was the first of its object then
    Branch* first_below = nullptr;  // which came first within it, and which after it, the last time
    Branch* next = nullptr;
  };
  struct Walk {
    Scan& scan;
    std::uint64_t round;
    std::vector<Slot>& slots;
    Arena& arena;
  };

  // There are few of them.
  Branch* document(std::string_view name) const {
    for (Branch* const one : root_->below)
      if (one->name == name) return one;
    return nullptr;
  }
  Branch* branch_below(Branch& at, std::string_view name);
  static Branch* find(const Branch& at, std::string_view name);
  void members(Walk& walk, Branch& at);
  Branch* member(Walk& walk, Branch& at, const char* from, bool leads);
  void value(Walk& walk, Branch& at);
  static void forget(Branch& at, std::vector<Slot>& slots);
  static void fill(const Branch& branch, std::uint64_t round, const Node& value, std::vector<Slot>& slots);

  std::vector<std::unique_ptr<Branch>> branches_;
  std::unique_ptr<Branch> root_ = std::make_unique<Branch>();
  int learned_ = 0;
};

}  // namespace meters

#endif
