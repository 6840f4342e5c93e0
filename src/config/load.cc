// Walks the merged tree: known keys are checked and set, unknown ones become faults with what was probably meant.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "absl/strings/str_replace.h"
#include "base/strings.h"
#include "base/url.h"
#include "config/loader.h"
#include "config/polling_file.h"

namespace tally::config {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 3> kNamespaces = {"host", "compute", "central"};

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

std::string program_words(unsigned programs) {
  std::string words;
  for (const Program program : {Program::collector, Program::agent, Program::run}) {
    if ((programs & 1U << static_cast<unsigned>(program)) == 0) continue;
    words += (words.empty() ? "" : " and ") + std::string(program == Program::run ? "`tally run`" : "the ") +
             std::string(program == Program::run ? "" : program_name(program));
  }
  return words;
}

std::string shown(const CoreKey& key, const std::optional<std::string>& text) {
  if (key.decl.secret) return std::string(kHiddenText);
  if (!text) return "none";
  return shown_scalar(key.url ? redact_url(*text) : *text);
}

}  // namespace

Loader::Loader(Program program, std::span<const PluginKeys> plugins)
    : program_(program), plugins_(plugins), resolver_(faults_) {
  loaded_.program = program;
}

LoadedConfig Loader::load(const YamlNode& root, std::vector<fs::path> files) {
  loaded_.files = std::move(files);
  walk(root, "");
  set_plugins(root.find("plugins"));
  settle_core_keys(root);
  read_polling_file();
  loaded_.faults = faults_.take(loaded_.files);
  return std::move(loaded_);
}

// Tells the keys of `node` that no program, or another one, knows.
void Loader::walk(const YamlNode& node, const std::string& prefix) {
  for (const auto& [name, value] : node.pairs) {
    const std::string path = prefix + name.text;
    const auto keys = core_keys();
    const auto exact =
        std::find_if(keys.begin(), keys.end(), [&](const CoreKey& key) { return key.decl.name == path; });
    if (exact != keys.end()) {
      if (!exact->belongs_to(program_)) tell_stranger(*exact, name);
      continue;
    }
    const bool group = std::any_of(keys.begin(), keys.end(),
                                   [&](const CoreKey& key) { return key.decl.name.starts_with(path + "."); });
    if (!group) {
      tell_unknown(name, prefix);
    } else if (value.kind == YamlNode::Kind::map) {
      walk(value, path + ".");
    } else if (value.kind != YamlNode::Kind::null) {
      faults_.fault(value.place, "\"" + path + "\" is a mapping with keys of its own: " + children(path + "."));
    }
  }
}

void Loader::tell_stranger(const CoreKey& key, const YamlNode& name) {
  if (key.decl.name == "storage" && program_ == Program::agent) {
    faults_.fault(name.place,
                  "\"storage\" does not belong in the agent's file, so that no database password lies on a "
                  "compute node: set it in collector.yaml");
    return;
  }
  faults_.fault(name.place, "\"" + key.decl.name + "\" is not a key of the " + std::string(program_name(program_)) +
                                ": it belongs to " + program_words(key.programs) + "; remove it here");
}

void Loader::tell_unknown(const YamlNode& name, const std::string& prefix) {
  std::vector<std::string> words;
  std::vector<std::string> elsewhere;
  for (const CoreKey& key : core_keys()) {
    if (!key.belongs_to(program_)) continue;
    elsewhere.push_back(key.decl.name);
    if (!key.decl.name.starts_with(prefix)) continue;
    const std::string rest = key.decl.name.substr(prefix.size());
    words.push_back(rest.substr(0, rest.find('.')));
  }
  const std::vector<std::string_view> near(words.begin(), words.end());
  std::string hint = did_you_mean(name.text, near);
  for (const std::string& whole : elsewhere) {
    // "interval" at the top: a word that stands one level down.
    if (hint.empty() && whole.ends_with("." + name.text)) hint = ", did you mean \"" + whole + "\"?";
  }
  if (hint.empty())
    hint = prefix.empty() ? "; `tally config sample` lists them all" : "; known here: " + children(prefix);
  faults_.fault(name.place, "unknown key \"" + prefix + name.text + "\"" + hint);
}

std::string Loader::children(const std::string& prefix) const {
  std::string words;
  for (const CoreKey& key : core_keys()) {
    if (!key.belongs_to(program_) || !key.decl.name.starts_with(prefix)) continue;
    words += (words.empty() ? "" : ", ") + key.decl.name.substr(prefix.size());
  }
  return words;
}

const YamlNode* Loader::find(const YamlNode& root, const std::string& path) {
  const YamlNode* node = &root;
  for (std::size_t begin = 0; node != nullptr && begin <= path.size();) {
    const std::size_t dot = std::min(path.find('.', begin), path.size());
    node = node->find(path.substr(begin, dot - begin));
    begin = dot + 1;
  }
  return node == nullptr || node->kind == YamlNode::Kind::null ? nullptr : node;
}

// Defaults first, then what the files say; listen and publish come after transport, whose place is earlier in the
// table.
void Loader::settle_core_keys(const YamlNode& root) {
  Items transport;
  for (const CoreKey& key : core_keys()) {
    if (key.shape == Shape::open || !key.belongs_to(program_)) continue;
    Items items = default_items(key);
    const YamlNode* node = find(root, key.decl.name);
    if (node != nullptr) lay_over(items, read(key, *node), key.shape);
    if (key.decl.name == "transport") transport = items;
    if (items.empty() && (key.decl.name == "listen" || key.decl.name == "publish")) items = transport;
    if (!items.empty() || key.shape == Shape::list) key.set(loaded_.config, items);
    if (key.decl.name != "transport") show(key, items);
    note_origins(key, items);
  }
}

Items Loader::default_items(const CoreKey& key) const {
  const std::optional<std::string> text = key.default_for(program_);
  if (!text) return {};
  Items items = parse_default_items(key, *text);
  for (Item& item : items) {
    if (!item.text) continue;
    absl::StrReplaceAll({{"{data}", loaded_.config.data.string()}}, &*item.text);
    if (*item.text == "{host}") item.text = host_name();
    if (key.decl.type == KeyType::path) item.text = fs::absolute(*item.text).lexically_normal().string();
  }
  return items;
}

Items Loader::read(const CoreKey& key, const YamlNode& node) {
  const std::string& name = key.decl.name;
  if (key.shape == Shape::list) {
    Items items = resolver_.list(name, key.decl, node);
    std::erase_if(items, [&](const Item& item) { return !acceptable(key, item); });
    return items;
  }
  const bool by_name = key.shape == Shape::by_namespace || key.shape == Shape::by_meter;
  Items items;
  if (!by_name || node.kind != YamlNode::Kind::map || node.is_reference()) {
    read_item(key, by_name ? "*" : "", node, items);
    return items;
  }
  for (const auto& [word, value] : node.pairs) {
    if (key.shape == Shape::by_namespace && !names_interval(word)) continue;
    if (value.kind != YamlNode::Kind::null) read_item(key, word.text, value, items);
  }
  return items;
}

// A namespace, or a pollster that is installed; else a fault.
bool Loader::names_interval(const YamlNode& word) {
  if (std::find(kNamespaces.begin(), kNamespaces.end(), word.text) != kNamespaces.end()) return true;
  std::vector<std::string_view> pollsters;
  for (const PluginKeys& plugin : plugins_) {
    if (plugin.plugin == word.text && plugin.plugin.starts_with("pollster:")) return true;
    if (plugin.plugin.starts_with("pollster:")) pollsters.push_back(plugin.plugin);
  }
  if (word.text.starts_with("pollster:")) {
    const std::string hint = did_you_mean(word.text, pollsters);
    faults_.fault(word.place,
                  "there is no \"" + word.text + "\"" + (hint.empty() ? "; `tally plugin list` shows all" : hint));
  } else {
    const std::string hint = did_you_mean(word.text, kNamespaces);
    faults_.fault(word.place, "unknown namespace \"" + word.text + "\"" +
                                  (hint.empty() ? ": there are host, compute and central" : hint));
  }
  return false;
}

void Loader::read_item(const CoreKey& key, const std::string& name, const YamlNode& node, Items& items) {
  const bool named = !name.empty() && name != "*";
  const std::string path = named ? key.decl.name + "." + name : key.decl.name;
  if (key.none && node.kind == YamlNode::Kind::scalar && node.text == "none") {
    items.push_back({name, std::nullopt, node.place});
    return;
  }
  std::optional<std::string> text = resolver_.checked_text(path, key.decl, node);
  if (!text) return;
  Item item{name, std::move(text), node.place, node.is_reference()};
  if (acceptable(key, item)) items.push_back(std::move(item));
}

// What type and range alone do not say: URLs, and the address of the HTTP server.
bool Loader::acceptable(const CoreKey& key, const Item& item) {
  const std::string& text = *item.text;
  if (key.url) {
    if (const auto url = Url::parse(text); !url.ok()) {
      faults_.fault(item.place, "\"" + key.decl.name + "\": " + std::string(to_std(url.status().message())));
      return false;
    }
    if (!item.elsewhere && url_has_password(text)) resolver_.watch_secret(key.decl.name, item.place);
  } else if (key.decl.name == "http") {
    const std::size_t colon = text.rfind(':');
    const auto port =
        parse_integer(std::string_view(text).substr(colon == std::string::npos ? text.size() : colon + 1));
    if (colon == std::string::npos || colon == 0 || !port.ok() || *port < 0 || *port > 65535) {
      faults_.fault(item.place,
                    "\"http\": \"" + text + "\" is not an address:port, as in 127.0.0.1:9464; none turns it off");
      return false;
    }
  } else if (text.empty() && (key.decl.name == "host" || key.decl.name == "source" || key.decl.name == "data" ||
                              key.decl.name == "telemetry_secret")) {
    faults_.fault(item.place, "\"" + key.decl.name + "\" must not be empty: leave the line out for the default");
    return false;
  }
  return true;
}

void Loader::lay_over(Items& under, Items over, Shape shape) {
  const bool all = std::any_of(over.begin(), over.end(), [](const Item& item) { return item.name == "*"; });
  if (over.empty()) return;
  if (shape != Shape::by_namespace) {
    under = std::move(over);
    return;
  }
  for (const Item& said : over) {
    bool known = all;
    for (Item& item : under) {
      if (!all && said.name != item.name) continue;
      item.text = said.text;
      item.place = said.place;
      known = true;
    }
    if (!known) under.push_back(said);  // a pollster's own
  }
}

void Loader::note_origins(const CoreKey& key, const Items& items) {
  std::size_t number = 0;
  for (const Item& item : items) {
    const std::string nth = key.decl.name + "[" + std::to_string(number++) + "]";
    if (item.place.file.empty()) continue;
    if (key.shape == Shape::list) loaded_.origins.try_emplace(nth, item.place);
    const bool named = key.shape == Shape::by_namespace || (key.shape == Shape::by_meter && item.name != "*");
    loaded_.origins.try_emplace(named ? key.decl.name + "." + item.name : key.decl.name, item.place);
  }
}

void Loader::show(const CoreKey& key, const Items& items) {
  const std::string& name = key.decl.name;
  if (key.shape == Shape::one) {
    if (!items.empty()) loaded_.settings.push_back({name, shown(key, items[0].text), place_text(items[0].place)});
    return;
  }
  if (key.shape == Shape::list) {
    std::string text;
    for (const Item& item : items) text += (text.empty() ? "" : ", ") + shown(key, item.text);
    loaded_.settings.push_back({name, "[" + text + "]", items.empty() ? "default" : place_text(items[0].place)});
    return;
  }
  for (const Item& item : items) {
    const bool whole = key.shape == Shape::by_meter && items.size() == 1 && item.name == "*";
    loaded_.settings.push_back({whole ? name : name + "." + item.name, shown(key, item.text), place_text(item.place)});
  }
}

void Loader::read_polling_file() {
  const auto origin = loaded_.origins.find("polling.file");
  if (origin == loaded_.origins.end()) return;
  const fs::path& file = loaded_.config.polling.file;
  loaded_.config.polling.sources = read_polling(file, origin->second, faults_);
  loaded_.files.push_back(file);
}

// --- the ways in ----------------------------------------------------------------------------------------------------

LoadedConfig load_config(Program program, const std::optional<fs::path>& path, std::span<const PluginKeys> plugins) {
  Loader loader(program, plugins);
  std::vector<fs::path> files;
  YamlNode root;
  if (path) root = read_config_files(*path, files, loader.faults());
  return loader.load(root, std::move(files));
}

LoadedConfig load_config_text(Program program, std::string_view name, std::string_view text,
                              std::span<const PluginKeys> plugins) {
  Loader loader(program, plugins);
  const std::string file(name);
  YamlNode root = read_yaml(file, text, loader.faults());
  if (root.kind != YamlNode::Kind::null && root.kind != YamlNode::Kind::map) {
    loader.faults().fault(root.place, "a configuration is a mapping, one `key: value` a line");
    root = {};
  }
  return loader.load(root, {fs::path(file)});
}

}  // namespace tally::config
