// See trait.h.
#include "definitions/field_plugin.h"

#include <tally/model/time.h>

#include <algorithm>
#include <cctype>
#include <limits>
#include <map>

#include "values/json_tree.h"

namespace meters {

namespace {

// Parameters, kept with the text they look into.
struct Parameters {
  explicit Parameters(std::string_view json) : text(json), root(read_tree(text, arena)) {}

  std::string text;
  Arena arena;
  Node root;
};

using Kept = std::shared_ptr<const Parameters>;

// An integer parameter within bounds; `otherwise` where it is not given. False where it is something else.
bool integer(const Node* given, std::int64_t otherwise, std::int64_t least, std::int64_t most, std::int64_t& value) {
  value = otherwise;
  if (given == nullptr || given->is_null()) return true;
  const auto number = is_integer(*given) ? as_number(*given) : std::nullopt;
  if (!number || *number < tally::Decimal(least) || *number > tally::Decimal(most)) return false;
  value = static_cast<std::int64_t>(number->coefficient());
  for (int i = 0; i < number->exponent(); ++i) value *= 10;
  if (number->negative()) value = -value;
  return true;
}

// Words as Python would write them.
std::string written(const Node& value) {
  if (value.kind == Node::Kind::boolean) return value.raw == "true" ? "True" : "False";
  return as_text(value);
}

class Split : public FieldPlugin {
 public:
  std::string separator = ".";
  std::int64_t segment = 0, cuts = -1;

  bool each() const override { return true; }
  void values(const std::vector<Found>& found, Arena& arena, std::vector<const Node*>& made) const override {
    for (const Found& one : found) {
      std::vector<std::string_view> pieces;
      const std::string_view text = keep(arena, written(*one.value));
      std::string_view rest = text;
      for (std::int64_t cut = 0;; ++cut) {
        const std::size_t end = cuts >= 0 && cut >= cuts ? std::string_view::npos : rest.find(separator);
        pieces.push_back(rest.substr(0, end));
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + separator.size());
      }
      const auto count = static_cast<std::int64_t>(pieces.size());
      const std::int64_t wanted = segment < 0 ? count + segment : segment;
      if (wanted >= 0 && wanted < count)
        made.push_back(keep(arena, string_node(pieces[static_cast<std::size_t>(wanted)])));
    }
  }
};

class Bitfield : public FieldPlugin {
 public:
  struct Flag {
    std::string path;
    std::uint64_t bit;
    const Node* value;  // null: any
  };
  Kept parameters;
  std::uint64_t initial = 0;
  std::vector<Flag> flags;

  void values(const std::vector<Found>& found, Arena& arena, std::vector<const Node*>& made) const override {
    std::uint64_t bits = initial;
    for (const Flag& flag : flags) {
      const auto last =
          std::find_if(found.rbegin(), found.rend(), [&](const Found& one) { return one.path == flag.path; });
      if (last != found.rend() && (flag.value == nullptr || equal(*last->value, *flag.value))) bits |= flag.bit;
    }
    made.push_back(keep(arena, number_node(arena, tally::Decimal(bits))));
  }
};

class Timedelta : public FieldPlugin {
 public:
  void values(const std::vector<Found>& found, Arena& arena, std::vector<const Node*>& made) const override {
    if (found.size() != 2 || !found[0].value->is_string() || !found[1].value->is_string()) return;
    const auto start = tally::Time::parse(found[0].value->text), end = tally::Time::parse(found[1].value->text);
    if (!start || !end) return;
    const std::int64_t us = end->us > start->us ? end->us - start->us : start->us - end->us;
    const auto seconds = tally::Decimal::from_parts(false, static_cast<tally::Uint128>(us), -6);
    if (seconds) made.push_back(keep(arena, number_node(arena, *seconds)));
  }
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

class Map : public FieldPlugin {
 public:
  Kept parameters;
  const Node* otherwise = nullptr;
  bool exact_case = true;
  std::map<std::string, const Node*, std::less<>> known;

  // Texts and what is not one never meet: keys that YAML read as numbers are taken for both.
  std::string key(const Node& value) const {
    if (!value.is_string()) {
      const auto number = as_number(value);
      return number ? number->to_string() : as_text(value);
    }
    return exact_case ? std::string(value.text) : lower(value.text);
  }
  bool each() const override { return true; }
  void values(const std::vector<Found>& found, Arena&, std::vector<const Node*>& made) const override {
    for (const Found& one : found) {
      const auto entry = known.find(key(*one.value));
      const Node* value = entry != known.end() ? entry->second : otherwise;
      if (value != nullptr && !value->is_null()) made.push_back(value);
    }
  }
};

using Made = std::shared_ptr<const FieldPlugin>;

Made make_split(const Kept& given, std::string& why) {
  auto made = std::make_shared<Split>();
  if (const Node* separator = given->root.at("separator")) made->separator = as_text(*separator);
  constexpr std::int64_t kMost = 1'000'000;
  const bool well = integer(given->root.at("segment"), 0, -kMost, kMost, made->segment) &&
                    integer(given->root.at("max_split"), -1, -1, kMost, made->cuts);
  if (well && !made->separator.empty()) return made;
  why = "split: separator is a text, segment and max_split are integers";
  return nullptr;
}

Made make_bitfield(const Kept& given, std::string& why) {
  auto made = std::make_shared<Bitfield>();
  made->parameters = given;
  std::int64_t initial = 0;
  bool well = integer(given->root.at("initial_bitfield"), 0, 0, std::numeric_limits<std::int64_t>::max(), initial);
  made->initial = static_cast<std::uint64_t>(initial);
  if (const Node* flags = given->root.at("flags"); flags != nullptr && !flags->is_null()) {
    well = well && flags->is_array();
    for (const Node& flag : flags->items()) {
      const Node* path = flag.at("path");
      std::int64_t bit = 0;
      well = well && path != nullptr && path->is_string() && flag.at("bit") != nullptr &&
             integer(flag.at("bit"), 0, 0, 62, bit);
      if (well) made->flags.push_back({std::string(path->text), std::uint64_t{1} << bit, flag.at("value")});
    }
  }
  if (well) return made;
  why = "bitfield: initial_bitfield is an integer from 0, flags a list of {path, bit: 0 to 62, value}";
  return nullptr;
}

Made make_map(const Kept& given, std::string& why) {
  const Node* values = given->root.at("values");
  const Node* exact = given->root.at("case_sensitive");
  if (values == nullptr || !values->is_object() || (exact != nullptr && exact->kind != Node::Kind::boolean)) {
    why = "map: values is a map, case_sensitive true or false";
    return nullptr;
  }
  auto made = std::make_shared<Map>();
  made->parameters = given;
  made->otherwise = given->root.at("default");
  made->exact_case = exact == nullptr || exact->raw == "true";
  for (const Node& value : values->items()) made->known[made->key(string_node(value.key))] = &value;
  return made;
}

}  // namespace

std::shared_ptr<const FieldPlugin> make_trait(std::string_view name, std::string_view parameters, std::string& why) {
  const auto given = std::make_shared<const Parameters>(parameters);
  if (!given->root.is_object() && !given->root.is_null()) {
    why = std::string(name) + ": \"parameters\" is not a map";
    return nullptr;
  }
  if (name == "split") return make_split(given, why);
  if (name == "bitfield") return make_bitfield(given, why);
  if (name == "timedelta") return std::make_shared<Timedelta>();
  if (name == "map") return make_map(given, why);
  why = "no plugin \"" + std::string(name) + "\", there are: split, bitfield, timedelta, map";
  return nullptr;
}

}  // namespace meters
