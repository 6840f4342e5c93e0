// The JSON of a manifest: refused with a reason, or whole and consistent.
// Not for finding it in a file: elf_note.cc.
#include "plugin/file/manifest.h"

#include "config/value.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tally::plugin;
  using tally::fuzz::require;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto manifest = parse_manifest(text);
  if (!manifest.ok()) {
    require(!manifest.status().message().empty(), "an error says what is wrong");
    return 0;
  }
  require(!manifest->name.empty() && !manifest->version.empty() && !manifest->roles.empty(),
          "what is required is there");
  require(manifest->text == text, "the text is kept");
  for (const RoleManifest& role : manifest->roles) {
    require(role_from(role_name(role.role)) == role.role, "a role has a name");
    require(!role.limit || role.limit->count() > 0, "a limit is longer than nothing");
    for (const tally::config::KeyDecl& key : role.config)
      require(tally::config::canonical_default(key).ok(), "a default that was taken is valid");
  }
  return 0;
}
