// See wants.h.
#include "values/member_finder.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace meters {

namespace {

// Names differ in their length, their ends or their middles; the table is ours, so no one can choose what collides.
std::uint64_t hash_of(std::string_view name) {
  std::uint64_t first = 0, last = 0;
  const std::size_t size = name.size();
  if (size >= 8) {
    std::memcpy(&first, name.data(), 8);
    std::memcpy(&last, name.data() + size - 8, 8);
  } else if (size >= 4) {
    std::uint32_t low = 0, high = 0;
    std::memcpy(&low, name.data(), 4);
    std::memcpy(&high, name.data() + size - 4, 4);
    first = low;
    last = high;
  } else if (size > 0) {
    first = static_cast<unsigned char>(name[0]);
    last = static_cast<std::uint64_t>(static_cast<unsigned char>(name[size / 2])) << 8 |
           static_cast<unsigned char>(name[size - 1]);
  }
  std::uint64_t hash = (first ^ std::rotl(last, 29) ^ size) * 0x9e3779b97f4a7c15ULL;
  return hash ^ hash >> 32;
}

}  // namespace

void MemberFinder::add(const std::vector<std::string>& names, std::uint32_t slot) {
  Branch* at = root_.get();
  for (const std::string& name : names) at = branch_below(*at, name);
  std::vector<std::uint32_t>& slots = at->slots;
  if (std::find(slots.begin(), slots.end(), slot) == slots.end()) slots.push_back(slot);
}

void MemberFinder::fill(const Branch& branch, std::uint64_t round, const Node& value, std::vector<Slot>& slots) {
  for (const std::uint32_t slot : branch.slots) slots[slot] = {round, value};
}

MemberFinder::Branch* MemberFinder::branch_below(Branch& at, std::string_view name) {
  if (Branch* known = find(at, name); known != nullptr) return known;
  Branch* const made = branches_.emplace_back(std::make_unique<Branch>()).get();
  made->name = name;
  at.below.push_back(made);
  at.cells.assign(std::bit_ceil(at.below.size() * 4), {});
  for (Branch* const child : at.below) {
    const std::uint64_t hash = hash_of(child->name);
    std::size_t cell = hash & (at.cells.size() - 1);
    while (at.cells[cell].child != nullptr) cell = (cell + 1) & (at.cells.size() - 1);
    at.cells[cell] = {hash, child};
  }
  return made;
}

MemberFinder::Branch* MemberFinder::find(const Branch& at, std::string_view name) {
  const std::vector<Cell>& cells = at.cells;
  if (cells.empty()) return nullptr;
  const std::uint64_t hash = hash_of(name);
  for (std::size_t cell = hash & (cells.size() - 1); cells[cell].child != nullptr;
       cell = (cell + 1) & (cells.size() - 1)) {
    if (cells[cell].hash == hash && cells[cell].child->name == name) return cells[cell].child;
  }
  return nullptr;
}

// Of a key written twice the last counts, with all that is in it.
void MemberFinder::forget(Branch& at, std::vector<Slot>& slots) {
  for (Branch* const child : at.below) {
    for (const std::uint32_t slot : child->slots) slots[slot].round = 0;
    child->round = 0;
    forget(*child, slots);
  }
}

void MemberFinder::look(std::string_view name, std::string_view json, std::uint64_t round, std::vector<Slot>& slots,
                        Arena& arena) {
  Branch* const at = document(name);
  if (at == nullptr) return;
  Scan scan(json);
  Walk walk{scan, round, slots, arena};
  at->round = 0;
  value(walk, *at);
  if (scan.next() != '\0' || !scan.done()) scan.fail("more stands after the value");
}

void MemberFinder::put(std::string_view name, std::string_view text, std::uint64_t round, std::vector<Slot>& slots) {
  if (const Branch* at = document(name); at != nullptr) fill(*at, round, string_node(text), slots);
}

void MemberFinder::value(Walk& walk, Branch& at) {
  if (at.round == walk.round) forget(at, walk.slots);
  at.round = walk.round;
  if (!at.below.empty() && walk.scan.next() == '{') {
    const char* from = walk.scan.here();
    members(walk, at);
    Node whole;
    whole.kind = Node::Kind::object;
    whole.raw = {from, static_cast<std::size_t>(walk.scan.here() - from)};
    return fill(at, walk.round, whole, walk.slots);
  }
  if (at.slots.empty()) {
    walk.scan.skip_value();
  } else {
    Slot& first = walk.slots[at.slots.front()];
    first.round = walk.round;
    walk.scan.take(first.value, walk.arena);
    for (std::size_t i = 1; i < at.slots.size(); ++i) walk.slots[at.slots[i]] = first;
  }
}

void MemberFinder::members(Walk& walk, Branch& at) {
  Scan& scan = walk.scan;
  scan.expect('{');
  Branch** expected = &at.first_below;
  for (bool leads = true;; leads = false) {
    Branch* found = *expected;
    if (found == nullptr || found->leads != leads || !scan.skip(found->lead)) {
      const char* from = scan.here();
      if (!leads && !scan.skip(',')) return scan.expect('}');
      if (leads && scan.skip('}')) return;
      found = member(walk, at, from, leads);
      if (found != nullptr) *expected = found;
    }
    if (found != nullptr) expected = &found->next;
    if (found == nullptr || (found->slots.empty() && found->below.empty())) {
      scan.skip_value();
    } else {
      value(walk, *found);
    }
  }
}

// Passes a key that was not expected; what begins at `from` leads to it. Null: nobody wants it, and it will not be
// remembered either.
MemberFinder::Branch* MemberFinder::member(Walk& walk, Branch& at, const char* from, bool leads) {
  bool escaped = false;
  std::string_view name = walk.scan.string(escaped);
  if (escaped) name = unescape(name, walk.arena, walk.scan);
  walk.scan.expect(':');
  walk.scan.next();
  const Expected lead(std::string_view(from, static_cast<std::size_t>(walk.scan.here() - from)));
  Branch* found = find(at, name);
  if (found == nullptr && !escaped && lead.known() && learned_ < kMostLearned) {
    found = branch_below(at, name);
    ++learned_;
  }
  if (found != nullptr) {
    found->lead = lead;
    found->leads = leads;
  }
  return found;
}

}  // namespace meters
