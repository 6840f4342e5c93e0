// Finds the members that many plain paths name in one walk over a message's text, without a tree.
// Not for paths with filters, functions or wildcards: path.h.
#ifndef TALLY_PLUGINS_METERS_WANTS_H
#define TALLY_PLUGINS_METERS_WANTS_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "node.h"
#include "scan.h"

namespace meters {

// Where what was found is put: one slot for each path, valid where its round is the current one.
struct Slot {
  std::uint64_t round = 0;
  Node value;
};

// The names that are wanted, as a tree. Made once, then looking is for one thread at a time.
class Wants {
 public:
  // Asks for the member at `names` of a document; it will stand in `slot`.
  void add(const std::vector<std::string>& names, std::uint32_t slot);

  // Whether anything of the document's member `name` is wanted.
  bool wants(std::string_view name) const { return find(0, name) != kNone; }

  // Looks through the text of the document's member `name`; what is not wanted is passed over. Throws
  // tally::Error::permanent where it is no JSON.
  void look(std::string_view name, std::string_view json, std::uint64_t round, std::vector<Slot>& slots, Arena& arena);
  // The same for a member that is a text already.
  void put(std::string_view name, std::string_view text, std::uint64_t round, std::vector<Slot>& slots);

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  struct Cell {
    std::uint64_t hash = 0;
    std::uint32_t child = kNone;
  };
  struct Branch {
    std::string name;
    std::vector<std::uint32_t> slots;  // `a.b` and `$.a.b` are two paths
    std::uint64_t round = 0;           // when it was last seen
    std::vector<std::uint32_t> below;
    std::vector<Cell> cells;  // open addressing over `below`, a power of two
  };

  std::uint32_t branch_below(std::uint32_t at, std::string_view name);
  std::uint32_t find(std::uint32_t at, std::string_view name) const;
  void members(Scan& scan, std::uint32_t at, std::uint64_t round, std::vector<Slot>& slots, Arena& arena);
  void value(Scan& scan, std::uint32_t at, std::uint64_t round, std::vector<Slot>& slots, Arena& arena);
  void forget(std::uint32_t at, std::vector<Slot>& slots);
  static void fill(const Branch& branch, std::uint64_t round, const Node& value, std::vector<Slot>& slots);

  std::vector<Branch> branches_ = std::vector<Branch>(1);
};

}  // namespace meters

#endif
