// See message.h.
#include "values/message.h"

#include <tally/kit/json.h>

#include "values/json_tree.h"

namespace meters {

Message::Message(const Program& program)
    : program_(program), slots_(program.paths.size()), plain_(program.paths.size()), complex_(program.paths.size()) {
  for (std::uint32_t path = 0; path < plain_.size(); ++path) plain_[path] = !program.paths[path].names().empty();
}

void Message::begin(const tally::Notification& notification, MemberFinder& wants) {
  arena_.release();
  ++round_;
  notification_ = &notification;
  tree_ = nullptr;
  wants.look("payload", notification.payload, round_, slots_, arena_);
  wants.look("ctxt", notification.context, round_, slots_, arena_);
  wants.put("event_type", notification.event_type, round_, slots_);
  if (notification.publisher_id) wants.put("publisher_id", *notification.publisher_id, round_, slots_);
  if (wants.wants("metadata")) wants.look("metadata", metadata(), round_, slots_, arena_);
}

// {"message_id": …, "timestamp": …} of the message.
std::string_view Message::metadata() {
  tally::JsonObject out;
  out.set("message_id", notification_->message_id).set("timestamp", notification_->timestamp);
  return keep(arena_, out.str());
}

const Node& Message::tree() {
  if (tree_ == nullptr) {
    tally::JsonObject out;
    out.raw("ctxt", notification_->context).set("publisher_id", notification_->publisher_id);
    out.set("event_type", notification_->event_type).raw("payload", notification_->payload);
    tree_ = keep(arena_, read_tree(keep(arena_, out.raw("metadata", metadata()).str()), arena_));
  }
  return *tree_;
}

const Matches& Message::complex(std::uint32_t path) {
  Complex& known = complex_[path];
  if (known.round != round_) {
    known.found.clear();
    program_.paths[path].find(tree(), arena_, known.found);
    known.round = round_;
  }
  return known.found;
}

const Node* Message::first(const Field& field) {
  if (field.paths.empty()) return field.constant.get();
  if (field.trait != nullptr) {
    made_.clear();
    through_trait(field, made_);
    return made_.empty() ? nullptr : made_.front();
  }
  for (const std::uint32_t path : field.paths) {
    if (plain_[path] != 0) {
      const Slot& slot = slots_[path];
      if (slot.round == round_ && !slot.value.is_null()) return &slot.value;
      continue;
    }
    for (const Datum* one : complex(path))
      if (!one->value->is_null()) return one->value;
  }
  return nullptr;
}

void Message::all(const Field& field, std::vector<const Node*>& found) {
  if (field.constant != nullptr) found.push_back(field.constant.get());
  if (field.trait != nullptr) return through_trait(field, found);
  for (const std::uint32_t path : field.paths) {
    if (plain_[path] != 0) {
      if (slots_[path].round == round_) found.push_back(&slots_[path].value);
      continue;
    }
    for (const Datum* one : complex(path)) found.push_back(one->value);
  }
}

void Message::through_trait(const Field& field, std::vector<const Node*>& made) {
  std::vector<Found> found;
  for (const std::uint32_t path : field.paths) {
    const std::vector<std::string>& names = program_.paths[path].names();
    if (names.empty()) {
      for (const Datum* one : complex(path))
        if (!one->value->is_null()) found.push_back({one->path(), one->value});
    } else if (slots_[path].round == round_ && !slots_[path].value.is_null()) {
      std::string joined;
      for (const std::string& name : names) joined += (joined.empty() ? "" : ".") + name;
      found.push_back({std::move(joined), &slots_[path].value});
    }
  }
  field.trait->values(found, arena_, made);
}

const Node& Message::whole(const Node& value) {
  const bool container = value.is_object() || value.is_array();
  if (!container || value.first != nullptr || value.raw.empty()) return value;
  return *keep(arena_, read_tree(value.raw, arena_));
}

}  // namespace meters
