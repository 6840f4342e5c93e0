// All that a plugin includes: derive from one class per role, throw tally::Error, say TALLY_PLUGIN.
// Not for the host. Standard library alone; every header that this one includes may be included by itself.
//
//   class Answer : public tally::Pollster {
//    public:
//     explicit Answer(const tally::Config& config) : host_(config.host()) {}
//     void poll(const tally::Poll&, tally::Emitter& emit) override { emit(tally::gauge("answer", "1", 42, host_)); }
//
//    private:
//     std::string host_;
//   };
//   TALLY_PLUGIN(Answer, {"name": "answer", "version": "1.0.0",
//                         "roles": [{"role": "pollster", "name": "answer", "namespace": "host",
//                                    "meters": [{"name": "answer", "type": "gauge", "unit": "1"}]}]})
#ifndef TALLY_PLUGIN_H
#define TALLY_PLUGIN_H

#include <tally/kit/files.h>
#include <tally/kit/json.h>
#include <tally/kit/text.h>
#include <tally/sdk/config.h>
#include <tally/sdk/emitter.h>
#include <tally/sdk/error.h>
#include <tally/sdk/log.h>
#include <tally/sdk/notification.h>
#include <tally/sdk/pollster.h>
#include <tally/sdk/storage.h>
#include <tally/sdk/transport.h>

#include <algorithm>
#include <string_view>
#include <type_traits>

namespace tally {

// Several roles in one plugin, in the order of the manifest's "roles": `using Both = tally::Roles<Finder, Meter>;`
template <class... Plugins>
struct Roles {};

namespace detail {

template <class Plugin>
constexpr auto role_of() {
  if constexpr (std::is_base_of_v<Pollster, Plugin>) {
    return PollsterRole<Plugin>();
  } else if constexpr (std::is_base_of_v<Discovery, Plugin>) {
    return DiscoveryRole<Plugin>();
  } else if constexpr (std::is_base_of_v<NotificationHandler, Plugin>) {
    return NotificationRole<Plugin>();
  } else if constexpr (std::is_base_of_v<Storage, Plugin>) {
    return StorageRole<Plugin>();
  } else {
    static_assert(
        std::is_base_of_v<Transport, Plugin>,
        "a plugin's class derives from tally::Pollster, Discovery, NotificationHandler, Storage or Transport");
    return TransportRole<Plugin>();
  }
}

template <class Plugin>
using RoleOf = decltype(role_of<Plugin>());

// Storage and transport match the host's minor exactly; the others run on every host of their major.
template <class Plugin>
inline constexpr std::uint32_t kMinor =
    std::is_base_of_v<Storage, Plugin> || std::is_base_of_v<Transport, Plugin> ? TALLY_ABI_MINOR : 0;

template <class Plugin>
struct Descriptor : Descriptor<Roles<Plugin>> {};

template <class... Plugins>
struct Descriptor<Roles<Plugins...>> {
  static constexpr tally_role kRoles[] = {{RoleOf<Plugins>::kRole, 0, &RoleOf<Plugins>::kTable}...};

  static const tally_plugin* open(const tally_host* offered, std::string_view manifest) {
    static const tally_plugin plugin = {sizeof(tally_plugin), TALLY_ABI_MAJOR, std::max({0U, kMinor<Plugins>...}),
                                        to_c(manifest),       kRoles,          sizeof...(Plugins)};
    host = offered;
    return &plugin;
  }
};

}  // namespace detail

}  // namespace tally

// The manifest's text goes into an ELF note, where the host reads it without loading the plugin; the assembler writes
// it, since a section attribute on a variable cannot make a note that survives the linker's and strip's cleaning.
#define TALLY_DETAIL_QUOTE(text) #text
#define TALLY_DETAIL_NOTE(text)                                                     \
  asm(".pushsection .note.tally,\"aR\",%note\n"                                     \
      ".balign 4\n.long 6\n.long 992f-991f\n.long 2\n.asciz \"Tally\"\n.balign 4\n" \
      "991: .ascii " TALLY_DETAIL_QUOTE(text) "\n992:\n.balign 4\n.popsection\n")

#define TALLY_DETAIL_PLUGIN(Plugin, text)                                                                       \
  TALLY_DETAIL_NOTE(text);                                                                                      \
  extern "C" __attribute__((visibility("default"))) const tally_plugin* tally_plugin_v1(const tally_host* host, \
                                                                                        tally_error* error);    \
  extern "C" const tally_plugin* tally_plugin_v1(const tally_host* host, [[maybe_unused]] tally_error* error) { \
    return tally::detail::Descriptor<Plugin>::open(host, text);                                                 \
  }

// TALLY_PLUGIN(Class, {manifest as JSON}): once per plugin, in one of its files, outside any namespace. The manifest's
// keys are in doc/writing-a-plugin.md; write it as it is, without quotes around it.
#define TALLY_PLUGIN(Plugin, ...) TALLY_DETAIL_PLUGIN(Plugin, #__VA_ARGS__)

#endif
