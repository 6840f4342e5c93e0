// See metadata.h.
#include "definitions/metadata.h"

#include <tally/kit/json.h>

#include <algorithm>

#include "paths/functions.h"
#include "values/json_tree.h"

namespace meters {

namespace {

using tally::json_detail::quote;

// As it was written, on one line: a message may come with line breaks, a sample goes out without.
void append_line(std::string_view json, std::string& out) {
  if (json.find('\n') == std::string_view::npos && json.find('\r') == std::string_view::npos) {
    out += json;
    return;
  }
  bool text = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (!text && (c == '\n' || c == '\r' || c == '\t' || c == ' ')) continue;
    if (c == '"') text = !text;
    out += c;
    if (text && c == '\\' && i + 1 < json.size()) out += json[++i];
  }
}

void append_value(const Node& value, std::string& out) {
  if (value.raw.empty()) {
    append_json(value, out);
  } else if (value.is_object() || value.is_array()) {
    append_line(value.raw, out);
  } else {
    out += value.raw;
  }
}

}  // namespace

MetadataWriter::MetadataWriter(const Program& program, Reserved reserved)
    : program_(program), reserved_(std::move(reserved)), cached_(program.metadata.size()) {
  for (std::size_t i = 0; i < cached_.size(); ++i)
    for (const auto& [key, field] : program.metadata[i].members) cached_[i].keys.push_back("," + quote(key) + ":");
}

const std::string& MetadataWriter::text(std::uint32_t number, Message& message) {
  Cached& cached = cached_[number];
  if (cached.round == message.round()) return cached.text;
  cached.text = "{";
  write(program_.metadata[number], cached, message);
  if (cached.text.size() == 1) write_payload(message, cached.text);
  cached.text += '}';
  cached.round = message.round();
  return cached.text;
}

void MetadataWriter::write(const Metadata& metadata, Cached& cached, Message& message) {
  const Node* given = metadata.user.set() ? message.first(metadata.user) : nullptr;
  const bool user = given != nullptr && given->is_object();
  std::vector<const std::string*>& present = present_;
  present.clear();
  std::string& out = cached.text;
  for (std::size_t i = 0; i < metadata.members.size(); ++i) {
    const auto& [key, field] = metadata.members[i];
    const Node* value = message.first(field);
    if (value == nullptr || value->is_null()) continue;
    out += out.size() > 1 ? std::string_view(cached.keys[i]) : std::string_view(cached.keys[i]).substr(1);
    append_value(*value, out);
    if (user) present.push_back(&key);
  }
  if (user) write_user(message.whole(*given), present, out);
}

// The reserved members of a map: of each namespace without the namespace, then the reserved keys.
void MetadataWriter::write_user(const Node& map, const std::vector<const std::string*>& present,
                                std::string& out) const {
  std::vector<std::pair<std::string, const Node*>> kept;
  const auto take = [&](std::string_view name, const Node& value) {
    std::string key(name);
    std::replace(key.begin(), key.end(), '.', '_');
    if (std::any_of(present.begin(), present.end(), [&](const std::string* other) { return *other == key; })) return;
    const auto known = std::find_if(kept.begin(), kept.end(), [&](const auto& other) { return other.first == key; });
    if (known == kept.end()) {
      kept.emplace_back(std::move(key), &value);
    } else {
      known->second = &value;
    }
  };
  for (const std::string& prefix : reserved_.namespaces)
    for (const Node& member : map.items())
      if (member.key.starts_with(prefix)) take(member.key.substr(prefix.size()), member);
  for (const std::string& wanted : reserved_.keys)
    if (const Node* member = map.at(wanted)) take(wanted, *member);
  if (kept.empty()) return;
  out += out.size() > 1 ? ",\"user_metadata\":{" : "\"user_metadata\":{";
  for (const auto& [key, value] : kept) {
    if (&key != &kept.front().first) out += ',';
    out += quote(key) + ':';
    if (value->is_string() && length(value->text) > reserved_.length) {
      out += quote(cut(value->text, reserved_.length));
    } else {
      append_value(*value, out);
    }
  }
  out += '}';
}

// The whole payload, and which event it was of whom.
void MetadataWriter::write_payload(Message& message, std::string& out) const {
  const Node* payload = message.first(program_.payload);
  if (payload != nullptr && payload->is_object()) {
    const bool clash =
        message.first(program_.payload_event_type) != nullptr || message.first(program_.payload_host) != nullptr;
    if (!clash) {
      append_line(payload->raw.substr(1, payload->raw.size() - 2), out);
      if (out.find_first_not_of(" \t{") == std::string::npos) out = "{";
    } else {
      for (const Node& member : message.whole(*payload).items()) {
        if (member.key == "event_type" || member.key == "host") continue;
        if (out.size() > 1) out += ',';
        out += quote(member.key) + ':';
        append_value(member, out);
      }
    }
  }
  if (out.size() > 1) out += ',';
  out += "\"event_type\":" + quote(message.notification().event_type) + ",\"host\":";
  out += message.notification().publisher_id ? quote(*message.notification().publisher_id) : "null";
}

}  // namespace meters
