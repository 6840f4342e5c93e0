#include "config/reader.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <sstream>

namespace tally::config {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20;

// Builds the tree from the parser's events, because its own nodes lose the place of an empty value and of a second key.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const std::string& name, Faults& faults) : name_(name), faults_(faults) {}

  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { add(node(mark, YamlNode::Kind::null)); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    faults_.fault(place(mark), "aliases (*name) are not read here: write the value out");
    add(node(mark, YamlNode::Kind::null));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& value) override {
    // "!" marks quotes; only unquoted words can be null.
    const bool null = tag != "!" && (value.empty() || value == "~" || value == "null");
    YamlNode scalar = node(mark, null ? YamlNode::Kind::null : YamlNode::Kind::scalar);
    scalar.text = value;
    add(std::move(scalar));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    open_.push_back({node(mark, YamlNode::Kind::list), std::nullopt});
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    open_.push_back({node(mark, YamlNode::Kind::map), std::nullopt});
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlNode node;
    std::optional<YamlNode> key;  // of a map, while its value is awaited
  };

  Place place(const YAML::Mark& mark) const { return {name_, mark.line + 1, mark.column + 1}; }
  YamlNode node(const YAML::Mark& mark, YamlNode::Kind kind) const {
    YamlNode made;
    made.kind = kind;
    made.place = place(mark);
    return made;
  }
  void close() {
    YamlNode done = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(done));
  }
  void add(YamlNode made) {
    if (open_.empty()) {
      root_ = std::move(made);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::list) {
      parent.node.items.push_back(std::move(made));
    } else if (!parent.key) {
      if (made.kind != YamlNode::Kind::scalar) faults_.fault(made.place, "a key must be a plain word");
      parent.key = std::move(made);
    } else {
      add_pair(parent, std::move(made));
    }
  }
  void add_pair(Open& parent, YamlNode value) {
    YamlNode key = *std::exchange(parent.key, std::nullopt);
    if (key.kind != YamlNode::Kind::scalar) return;
    if (const auto at = std::find_if(parent.node.pairs.begin(), parent.node.pairs.end(),
                                     [&name = key.text](const auto& pair) { return pair.first.text == name; });
        at != parent.node.pairs.end()) {
      faults_.fault(key.place, "\"" + key.text + "\" stands here twice, first in line " +
                                   std::to_string(at->first.place.line) + ": keep one of them");
      return;
    }
    parent.node.pairs.push_back({std::move(key), std::move(value)});
  }

  const std::string& name_;
  Faults& faults_;
  std::vector<Open> open_;
  YamlNode root_;
};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const auto& [name, value] : pairs) {
    if (name.text == key) return &value;
  }
  return nullptr;
}

bool YamlNode::is_reference() const {
  return kind == Kind::map && pairs.size() == 1 && (pairs[0].first.text == "file" || pairs[0].first.text == "env") &&
         pairs[0].second.kind != Kind::map && pairs[0].second.kind != Kind::list;
}

void Faults::add(const Place& place, bool warning, std::string text) {
  faults_.push_back({place.file, place.line, place.column, warning, std::move(text), about_});
}

std::vector<ConfigFault> Faults::take(const std::vector<std::filesystem::path>& files) {
  const auto rank = [&](const ConfigFault& fault) {
    return std::find(files.begin(), files.end(), fault.file) - files.begin();
  };
  std::stable_sort(faults_.begin(), faults_.end(), [&](const ConfigFault& a, const ConfigFault& b) {
    return std::tuple(rank(a), a.line, a.column) < std::tuple(rank(b), b.line, b.column);
  });
  const auto same = [](const ConfigFault& a, const ConfigFault& b) {
    return std::tie(a.file, a.line, a.column, a.text) == std::tie(b.file, b.line, b.column, b.text);
  };
  faults_.erase(std::unique(faults_.begin(), faults_.end(), same), faults_.end());
  return std::move(faults_);
}

YamlNode read_yaml(const std::string& name, std::string_view text, Faults& faults) {
  if (text.size() > kMostBytes) {
    faults.fault({name, 0, 0}, "the file is larger than 1 MiB: is it a configuration?");
    return {};
  }
  std::istringstream stream{std::string(text)};
  TreeBuilder builder(name, faults);
  try {
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return {};
    TreeBuilder rest(name, faults);
    if (parser.HandleNextDocument(rest) && rest.take().kind != YamlNode::Kind::null) {
      faults.fault({name, 0, 0}, "the file holds more than one YAML document (---): keep one");
    }
    return builder.take();
  } catch (const YAML::Exception& error) {
    const bool known = !error.mark.is_null();
    faults.fault({name, known ? error.mark.line + 1 : 0, known ? error.mark.column + 1 : 0},
                 "not readable as YAML: " + first_line(error.msg));
  } catch (const std::exception& error) {
    faults.fault({name, 0, 0}, "not readable as YAML: " + first_line(error.what()));
  }
  return {};
}

namespace {

using Kind = YamlNode::Kind;

// `group`: has a key named `file`, which is no {file: PATH}.
void merge_at(YamlNode& under, YamlNode over, bool lists_add, bool group) {
  if (over.kind == Kind::null) return;
  if (lists_add && under.kind == Kind::list && over.kind == Kind::list) {
    std::move(over.items.begin(), over.items.end(), std::back_inserter(under.items));
    return;
  }
  const bool maps = under.kind == Kind::map && over.kind == Kind::map;
  const bool replaces = !maps || (!group && (over.is_reference() || under.is_reference()));
  if (replaces) {
    under = std::move(over);
    return;
  }
  for (auto& [key, value] : over.pairs) {
    const auto at = std::find_if(under.pairs.begin(), under.pairs.end(),
                                 [&name = key.text](const auto& pair) { return pair.first.text == name; });
    if (at == under.pairs.end()) {
      under.pairs.push_back({std::move(key), std::move(value)});
    } else {
      merge_at(at->second, std::move(value), lists_add || key.text == "disable", /*group=*/key.text == "polling");
    }
  }
}

}  // namespace

void merge_yaml(YamlNode& under, YamlNode over) { merge_at(under, std::move(over), false, false); }

}  // namespace tally::config
