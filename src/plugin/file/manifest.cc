#include "plugin/file/manifest.h"

#include <fcntl.h>
#include <simdjson.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "config/value.h"
#include "plugin/file/elf_note.h"

namespace tally::plugin {
namespace {

using simdjson::dom::element;

constexpr std::array<std::string_view, 5> kRoles = {"notification", "pollster", "discovery", "storage", "transport"};

absl::Status wrong(std::string_view where, std::string_view what) {
  return permanent(absl::StrCat("manifest: ", to_absl(where), " ", to_absl(what)));
}

std::string join(std::string_view where, std::string_view member) {
  return absl::StrCat(to_absl(where), where.empty() ? "" : ".", to_absl(member));
}

// Reads members of one JSON object, remembers the first fault, and names members it was not asked for.
// `where` is the object's own place: "roles[0]".
class Members {
 public:
  Members(element object, std::string where, absl::Status& fault) : where_(std::move(where)), fault_(fault) {
    if (object.get_object().get(object_) != simdjson::SUCCESS) {
      fail("must be an object");
    } else {
      valid_ = true;
    }
  }

  std::string text(std::string_view key, bool required = false) {
    element value;
    if (!find(key, value, required)) return {};
    std::string_view text;
    if (value.get_string().get(text) != simdjson::SUCCESS || text.find('\0') != std::string_view::npos) {
      fail_at(key, "must be a string");
      return {};
    }
    if (required && text.empty()) fail_at(key, "must not be empty");
    return std::string(text);
  }

  // A scalar in the words a person would write: a string as it is, a number or boolean as its JSON text.
  std::optional<std::string> scalar(std::string_view key) {
    element value;
    if (!find(key, value, false) || value.is_null()) return std::nullopt;
    if (value.is_string()) return std::string(value.get_string().value_unsafe());
    if (value.is_array() || value.is_object()) {
      if (value.is_object()) fail_at(key, "must be a string, a number, a boolean or a list");
      return simdjson::minify(value);
    }
    return simdjson::minify(value);
  }

  bool flag(std::string_view key) {
    element value;
    bool flag = false;
    if (find(key, value, false) && value.get_bool().get(flag) != simdjson::SUCCESS) {
      fail_at(key, "must be true or false");
    }
    return flag;
  }

  bool has(std::string_view key) {
    element value;
    return find(key, value, false);
  }

  std::uint32_t number(std::string_view key) {
    element value;
    std::uint64_t number = 0;
    if (find(key, value, false) && (value.get_uint64().get(number) != simdjson::SUCCESS || number > 0xffffffffU)) {
      fail_at(key, "must be a whole number");
    }
    return static_cast<std::uint32_t>(number);
  }

  std::optional<std::chrono::milliseconds> duration(std::string_view key) {
    const std::string value = text(key);
    if (value.empty()) return std::nullopt;
    absl::StatusOr<std::chrono::microseconds> duration = config::parse_duration(value);
    if (!duration.ok() || duration->count() < 1000) {
      fail_at(key, "must be a duration such as \"30s\"");
      return std::nullopt;
    }
    return std::chrono::duration_cast<std::chrono::milliseconds>(*duration);
  }

  std::vector<std::string> texts(std::string_view key) {
    std::vector<std::string> result;
    each(key, [&](element item, const std::string& place) {
      std::string_view text;
      if (item.get_string().get(text) != simdjson::SUCCESS || text.empty() ||
          text.find('\0') != std::string_view::npos) {
        fault_ = wrong(place, "must be a string that is not empty");
      } else {
        result.emplace_back(text);
      }
    });
    return result;
  }

  template <class F>
  void each(std::string_view key, F&& item) {
    element value;
    if (!find(key, value, false)) return;
    simdjson::dom::array array;
    if (value.get_array().get(array) != simdjson::SUCCESS) return fail_at(key, "must be a list");
    std::size_t index = 0;
    for (element one : array) {
      if (!fault_.ok()) return;
      item(one, absl::StrCat(join(where_, key), "[", index++, "]"));
    }
  }

  void fail_at(std::string_view key, std::string_view what) {
    if (fault_.ok()) fault_ = wrong(absl::StrCat("\"", join(where_, key), "\""), what);
  }
  const std::string& where() const { return where_; }

 private:
  void fail(std::string_view what) {
    if (fault_.ok()) fault_ = wrong(where_.empty() ? "the text" : where_, what);
  }
  bool find(std::string_view key, element& value, bool required) {
    if (!fault_.ok() || !valid_) return false;
    if (object_.at_key(key).get(value) == simdjson::SUCCESS) return true;
    if (required) fail_at(key, "is missing");
    return false;
  }

  std::string where_;
  absl::Status& fault_;
  simdjson::dom::object object_;
  bool valid_ = false;
};

config::KeyDecl read_key(element json, const std::string& where, absl::Status& fault) {
  Members members(json, where, fault);
  config::KeyDecl key;
  key.name = members.text("key", true);
  const std::string type = members.text("type");
  if (std::optional<config::KeyType> known = config::key_type_from(type.empty() ? "string" : type)) {
    key.type = *known;
  } else {
    members.fail_at("type", absl::StrCat("is not a type of a key: \"", type, "\""));
  }
  key.fallback = members.scalar("default");
  key.help = members.text("help");
  key.secret = members.flag("secret");
  key.min = members.scalar("min");
  key.max = members.scalar("max");
  key.choices = members.texts("choices");
  if (fault.ok()) {
    if (absl::StatusOr<std::optional<std::string>> canonical = config::canonical_default(key); !canonical.ok()) {
      members.fail_at("default", absl::StrCat("is not valid: ", canonical.status().message()));
    }
  }
  return key;
}

Precondition read_precondition(element json, const std::string& where, absl::Status& fault) {
  Members members(json, where, fault);
  constexpr std::array<std::pair<std::string_view, Precondition::Kind>, 4> kinds = {{
      {"path", Precondition::Kind::path},
      {"socket", Precondition::Kind::socket},
      {"library", Precondition::Kind::library},
      {"config", Precondition::Kind::config},
  }};
  for (const auto& [name, kind] : kinds) {
    if (std::string value = members.text(name); !value.empty()) return {kind, std::move(value)};
  }
  Precondition either{Precondition::Kind::any, {}};
  members.each("any",
               [&](element item, const std::string& at) { either.any.push_back(read_precondition(item, at, fault)); });
  if (fault.ok() && either.any.empty()) {
    fault = wrong(where, "needs one of \"path\", \"socket\", \"library\", \"config\", \"any\"");
  }
  return either;
}

MeterDecl read_meter(element json, const std::string& where, absl::Status& fault) {
  Members members(json, where, fault);
  MeterDecl meter{members.text("name", true), members.text("type", true), members.text("unit"),
                  members.text("description")};
  if (fault.ok() && meter.type != "gauge" && meter.type != "delta" && meter.type != "cumulative") {
    members.fail_at("type", "must be \"gauge\", \"delta\" or \"cumulative\"");
  }
  return meter;
}

bool is_plain_name(std::string_view name) {
  for (char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    if (!plain) return false;
  }
  return !name.empty() && name.size() <= 100;
}

RoleManifest read_role(element json, const std::string& where, absl::Status& fault) {
  Members members(json, where, fault);
  RoleManifest role;
  const std::string word = members.text("role", true);
  if (std::optional<Role> known = role_from(word)) {
    role.role = *known;
  } else {
    members.fail_at("role",
                    absl::StrCat("is none of ", absl::StrJoin(kRoles, ", ", [](std::string* out, std::string_view s) {
                                   out->append(s);
                                 })));
  }
  role.name = members.text("name", true);
  if (fault.ok() && !is_plain_name(role.name)) {
    members.fail_at("name", "must be made of a-z, 0-9, '-', '_' and '.'");
  }
  role.summary = members.text("summary");
  role.single = members.flag("single");
  role.any_meter = members.flag("any_meter");
  role.limit = members.duration("limit");
  role.interval = members.duration("interval");
  role.poll_namespace = members.text("namespace");
  role.discovery = members.text("discovery");
  role.event_types = members.texts("event_types");
  role.aliases = members.texts("aliases");
  role.schemes = members.texts("schemes");
  if (const std::uint32_t writers = members.number("writers"); writers > 0) role.writers = writers;
  members.each("config",
               [&](element item, const std::string& at) { role.config.push_back(read_key(item, at, fault)); });
  if (members.has("query")) role.query.emplace();
  members.each("query", [&](element item, const std::string& at) { role.query->push_back(read_key(item, at, fault)); });
  members.each("preconditions", [&](element item, const std::string& at) {
    role.preconditions.push_back(read_precondition(item, at, fault));
  });
  members.each("meters",
               [&](element item, const std::string& at) { role.meters.push_back(read_meter(item, at, fault)); });
  if (role.role == Role::pollster && role.poll_namespace.empty()) members.fail_at("namespace", "is missing");
  const bool by_scheme = role.role == Role::storage || role.role == Role::transport;
  if (by_scheme && role.schemes.empty()) members.fail_at("schemes", "is missing or empty");
  return role;
}

absl::Status named(const std::filesystem::path& file, const absl::Status& status) {
  return {status.code(), absl::StrCat(file.string(), ": ", status.message())};
}

}  // namespace

std::string_view role_name(Role role) {
  const auto index = static_cast<std::size_t>(role) - 1;
  return index < kRoles.size() ? kRoles[index] : "unknown";
}

std::optional<Role> role_from(std::string_view word) {
  for (std::size_t i = 0; i < kRoles.size(); ++i) {
    if (kRoles[i] == word) return static_cast<Role>(i + 1);
  }
  return std::nullopt;
}

std::string RoleManifest::key() const { return absl::StrCat(to_absl(role_name(role)), ":", name); }

absl::StatusOr<Manifest> parse_manifest(std::string_view json) {
  simdjson::dom::parser parser;
  element root;
  if (auto error = parser.parse(simdjson::padded_string(json)).get(root); error != simdjson::SUCCESS) {
    return permanent(absl::StrCat("manifest: not JSON: ", simdjson::error_message(error)));
  }
  absl::Status fault;
  Manifest manifest;
  Members members(root, "", fault);
  manifest.name = members.text("name", true);
  manifest.version = members.text("version", true);
  manifest.summary = members.text("summary");
  manifest.abi_minor = members.number("abi_minor");
  members.each("roles",
               [&](element item, const std::string& at) { manifest.roles.push_back(read_role(item, at, fault)); });
  if (fault.ok() && manifest.roles.empty()) members.fail_at("roles", "is missing or empty");
  if (!fault.ok()) return fault;
  for (std::size_t i = 0; i < manifest.roles.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (manifest.roles[i].key() == manifest.roles[j].key()) {
        return wrong(absl::StrCat("roles[", i, "]"),
                     absl::StrCat("offers ", manifest.roles[i].key(), " a second time"));
      }
    }
  }
  manifest.text = json;
  return manifest;
}

absl::StatusOr<Manifest> read_manifest(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return permanent(absl::StrCat(file.string(), ": cannot be opened: ", std::strerror(errno)));
  struct stat info {};
  absl::StatusOr<std::string> note = permanent("not a regular file");
  if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
    note =
        find_note({static_cast<std::uint64_t>(info.st_size), [fd](std::uint64_t offset, char* into, std::size_t size) {
                     return ::pread(fd, into, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
                   }});
  }
  ::close(fd);
  if (!note.ok()) return named(file, note.status());
  absl::StatusOr<Manifest> manifest = parse_manifest(*note);
  if (!manifest.ok()) return named(file, manifest.status());
  return manifest;
}

}  // namespace tally::plugin
