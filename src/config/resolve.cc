#include "config/resolve.h"

#include <cstdlib>
#include <filesystem>

#include "base/strings.h"

namespace tally::config {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostSecret = std::size_t{64} << 10;

// `path` as counted from the folder of the file that names it.
fs::path beside(const std::string& file, const std::string& path) {
  std::error_code error;
  const fs::path folder = fs::path(file).parent_path();
  const fs::path whole = fs::absolute(folder / path, error);
  return error ? fs::path(path) : whole.lexically_normal();
}

std::string_view kind_name(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::list:
      return "a list";
    case YamlNode::Kind::map:
      return "a mapping";
    case YamlNode::Kind::null:
      return "nothing";
    case YamlNode::Kind::scalar:
      break;
  }
  return "a single value";
}

}  // namespace

bool Resolver::others_may_read(const std::string& file) {
  const auto [at, fresh] = readable_.try_emplace(file, false);
  if (fresh) {
    std::error_code error;
    const fs::file_status status = fs::status(file, error);
    at->second =
        !error && fs::is_regular_file(status) && (status.permissions() & fs::perms::others_read) != fs::perms::none;
  }
  return at->second;
}

void Resolver::watch_secret(const std::string& key, const Place& place) {
  if (!others_may_read(place.file)) return;
  faults_.warn(place, "\"" + key + "\" is a secret in a file that everyone may read: chmod o-r " + place.file +
                          ", or write {file: PATH} or {env: NAME} instead");
}

std::optional<std::string> Resolver::from_file(const std::string& key, const YamlNode& node, bool secret) {
  const fs::path path = beside(node.place.file, node.text);
  std::string why;
  std::optional<std::string> content = read_small_file(path, kMostSecret + 1, why);
  if (!content) {
    faults_.fault(node.place, "the file for \"" + key + "\", " + path.string() + ", cannot be read: " + why);
    return std::nullopt;
  }
  if (content->size() > kMostSecret) {
    faults_.fault(node.place, "the file for \"" + key + "\", " + path.string() + ", is larger than 64 KiB");
    return std::nullopt;
  }
  if (secret && others_may_read(path.string())) {
    faults_.warn(node.place,
                 "the file for the secret \"" + key + "\" may be read by everyone: chmod o-r " + path.string());
  }
  while (!content->empty() && (content->back() == '\n' || content->back() == '\r')) content->pop_back();
  return content;
}

std::optional<std::string> Resolver::text(const std::string& key, const YamlNode& node, bool secret) {
  if (node.is_reference()) {
    const auto& [kind, target] = node.pairs[0];
    if (target.kind == YamlNode::Kind::null) {
      faults_.fault(target.place, "\"" + kind.text + "\" of \"" + key + "\" names nothing");
      return std::nullopt;
    }
    if (kind.text == "file") return from_file(key, target, secret);
    if (const char* value = std::getenv(target.text.c_str()); value != nullptr) return value;
    faults_.fault(target.place, "the environment variable " + target.text + ", for \"" + key + "\", is not set");
    return std::nullopt;
  }
  if (node.kind != YamlNode::Kind::scalar) {
    faults_.fault(node.place, "\"" + key + "\" takes a single value, but this is " + std::string(kind_name(node)));
    return std::nullopt;
  }
  if (secret) watch_secret(key, node.place);
  return node.text;
}

std::optional<std::string> Resolver::value(const std::string& key, const KeyDecl& decl, const YamlNode& node) {
  const std::optional<std::string> raw = text(key, node, decl.secret);
  if (!raw) return std::nullopt;
  const std::string whole = decl.type == KeyType::path && !raw->empty() ? beside(node.place.file, *raw).string() : *raw;
  const absl::StatusOr<std::string> canonical = canonical_value(decl, whole);
  if (canonical.ok()) return *canonical;
  const bool quiet = decl.secret || node.is_reference();  // what came from elsewhere may be a secret
  faults_.fault(node.place, "\"" + key + "\": " +
                                (quiet ? "the value is not a valid " + std::string(key_type_name(decl.type))
                                       : std::string(to_std(canonical.status().message()))));
  return std::nullopt;
}

std::optional<std::string> Resolver::checked_text(const std::string& key, const KeyDecl& decl, const YamlNode& node) {
  const bool textual = decl.type == KeyType::string || decl.type == KeyType::path || decl.type == KeyType::list;
  const std::optional<std::string> canonical = value(key, decl, node);
  if (!canonical || textual || node.kind != YamlNode::Kind::scalar) {
    // A duration from {file:} is kept in seconds, which parse_duration reads with its unit.
    return canonical && decl.type == KeyType::duration ? *canonical + "s" : canonical;
  }
  return node.text;
}

Items Resolver::list(const std::string& key, const KeyDecl& decl, const YamlNode& node) {
  Items items;
  const auto add = [&](const YamlNode& item) {
    std::optional<std::string> text = value(key, decl, item);
    if (text) items.push_back({"", std::move(*text), item.place, item.is_reference()});
  };
  if (node.kind == YamlNode::Kind::list) {
    for (const YamlNode& item : node.items) add(item);
  } else if (node.kind == YamlNode::Kind::scalar || node.is_reference()) {
    add(node);
  } else {
    faults_.fault(node.place, "\"" + key + "\" takes a list, but this is " + std::string(kind_name(node)));
  }
  return items;
}

}  // namespace tally::config
