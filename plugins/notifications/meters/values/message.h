// One notification while samples are made of it: what paths find in it, each found once.
// Not for what the values mean: sample.h.
#ifndef TALLY_METERS_VALUES_MESSAGE_H
#define TALLY_METERS_VALUES_MESSAGE_H

#include <tally/sdk/notification.h>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "definitions/program.h"
#include "values/member_finder.h"

namespace meters {

// Used again for each notification. One thread at a time.
class Message {
 public:
  explicit Message(const Program& program);

  // What follows is about this notification, of which `wants` says what is needed. Throws tally::Error::permanent where
  // its payload is not JSON.
  void begin(const tally::Notification& notification, MemberFinder& wants);
  const tally::Notification& notification() const { return *notification_; }
  std::uint64_t round() const { return round_; }
  Arena& arena() { return arena_; }

  // The first value that is not null; null where there is none. What is found lives until the next begin.
  const Node* first(const Field& field);
  // All values, nulls included; a plugin sees none.
  void all(const Field& field, std::vector<const Node*>& found);
  // A value with its items: what a plain path finds has not read them.
  const Node& whole(const Node& value);

 private:
  struct Complex {
    std::uint64_t round = 0;
    Matches found;
  };

  const Matches& complex(std::uint32_t path);
  const Node& tree();
  void through_trait(const Field& field, std::vector<const Node*>& made);
  std::string_view metadata();

  const Program& program_;
  std::array<std::byte, 32768> memory_;
  Arena arena_{memory_.data(), memory_.size()};
  std::uint64_t round_ = 0;
  const tally::Notification* notification_ = nullptr;
  std::vector<Slot> slots_;
  std::vector<char> plain_;  // whether a path is names alone, and has its value in its slot
  std::vector<Complex> complex_;
  const Node* tree_ = nullptr;
  std::vector<const Node*> made_;
};

}  // namespace meters

#endif
