// See wants.h.
#include "wants.h"

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

void Wants::add(const std::vector<std::string>& names, std::uint32_t slot) {
  std::uint32_t at = 0;
  for (const std::string& name : names) at = branch_below(at, name);
  std::vector<std::uint32_t>& slots = branches_[at].slots;
  if (std::find(slots.begin(), slots.end(), slot) == slots.end()) slots.push_back(slot);
}

void Wants::fill(const Branch& branch, std::uint64_t round, const Node& value, std::vector<Slot>& slots) {
  for (const std::uint32_t slot : branch.slots) slots[slot] = {round, value};
}

std::uint32_t Wants::branch_below(std::uint32_t at, std::string_view name) {
  if (const std::uint32_t known = find(at, name); known != kNone) return known;
  const auto made = static_cast<std::uint32_t>(branches_.size());
  branches_.emplace_back().name = name;
  Branch& branch = branches_[at];
  branch.below.push_back(made);
  branch.cells.assign(std::bit_ceil(branch.below.size() * 4), {});
  for (const std::uint32_t child : branch.below) {
    const std::uint64_t hash = hash_of(branches_[child].name);
    std::size_t cell = hash & (branch.cells.size() - 1);
    while (branch.cells[cell].child != kNone) cell = (cell + 1) & (branch.cells.size() - 1);
    branch.cells[cell] = {hash, child};
  }
  return made;
}

std::uint32_t Wants::find(std::uint32_t at, std::string_view name) const {
  const std::vector<Cell>& cells = branches_[at].cells;
  if (cells.empty()) return kNone;
  const std::uint64_t hash = hash_of(name);
  for (std::size_t cell = hash & (cells.size() - 1); cells[cell].child != kNone;
       cell = (cell + 1) & (cells.size() - 1)) {
    if (cells[cell].hash == hash && branches_[cells[cell].child].name == name) return cells[cell].child;
  }
  return kNone;
}

// Of a key written twice the last counts, with all that is in it.
void Wants::forget(std::uint32_t at, std::vector<Slot>& slots) {
  for (const std::uint32_t child : branches_[at].below) {
    for (const std::uint32_t slot : branches_[child].slots) slots[slot].round = 0;
    branches_[child].round = 0;
    forget(child, slots);
  }
}

void Wants::look(std::string_view name, std::string_view json, std::uint64_t round, std::vector<Slot>& slots,
                 Arena& arena) {
  const std::uint32_t at = find(0, name);
  if (at == kNone) return;
  Scan scan(json);
  branches_[at].round = 0;
  value(scan, at, round, slots, arena);
  if (scan.next() != '\0' || !scan.done()) scan.fail("more stands after the value");
}

void Wants::put(std::string_view name, std::string_view text, std::uint64_t round, std::vector<Slot>& slots) {
  const std::uint32_t at = find(0, name);
  if (at != kNone) fill(branches_[at], round, string_node(text), slots);
}

void Wants::value(Scan& scan, std::uint32_t at, std::uint64_t round, std::vector<Slot>& slots, Arena& arena) {
  Branch& branch = branches_[at];
  if (branch.round == round) forget(at, slots);
  branch.round = round;
  const char* from = nullptr;
  if (!branch.below.empty() && scan.next() == '{') {
    from = scan.here();
    members(scan, at, round, slots, arena);
    Node whole;
    whole.kind = Node::Kind::object;
    whole.raw = {from, static_cast<std::size_t>(scan.here() - from)};
    return fill(branch, round, whole, slots);
  }
  if (branch.slots.empty()) {
    scan.skip_value();
  } else {
    fill(branch, round, scan.take(arena), slots);
  }
}

void Wants::members(Scan& scan, std::uint32_t at, std::uint64_t round, std::vector<Slot>& slots, Arena& arena) {
  scan.expect('{');
  if (scan.skip('}')) return;
  do {
    bool escaped = false;
    std::string_view name = scan.string(escaped);
    if (escaped) name = unescape(name, arena, scan);
    scan.expect(':');
    if (const std::uint32_t wanted = find(at, name); wanted != kNone) {
      value(scan, wanted, round, slots, arena);
    } else {
      scan.skip_value();
    }
  } while (scan.skip(','));
  scan.expect('}');
}

}  // namespace meters
