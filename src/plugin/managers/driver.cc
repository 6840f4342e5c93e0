#include "plugin/managers/driver.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "base/url.h"

namespace tally::plugin {

absl::StatusOr<Entry*> find_driver(Catalog& catalog, Role role, std::string_view url) {
  absl::StatusOr<Url> parsed = Url::parse(url);
  if (!parsed.ok()) return parsed.status();
  Entry* entry = catalog.find_scheme(role, parsed->scheme);
  if (entry == nullptr) {
    const std::vector<std::string> known = catalog.schemes(role);
    return permanent(absl::StrCat("no ", to_absl(role_name(role)), " plugin for \"", parsed->scheme, "://\"; ",
                                  known.empty() ? "none is installed" : "there is ", absl::StrJoin(known, ", "),
                                  "; `tally plugin list` shows where plugins are looked for"));
  }
  if (!entry->usable()) {
    return permanent(absl::StrCat(entry->key(), " is needed for \"", parsed->scheme, "://\" but it is ",
                                  to_absl(state_name(entry->state)), ": ", entry->reason));
  }
  if (entry->state == State::idle) {  // until now: here is a URL
    entry->state = State::on;
    entry->reason.clear();
  }
  return entry;
}

absl::StatusOr<Driver<StorageDriver>> open_storage(Catalog& catalog, const std::string& url,
                                                   const config::Config& config) {
  absl::StatusOr<Entry*> entry = find_driver(catalog, Role::storage, url);
  if (!entry.ok()) return entry.status();
  absl::StatusOr<std::unique_ptr<StorageDriver>> storage = make_storage(**entry, settings_for(**entry, config, url));
  if (!storage.ok()) return storage.status();
  return Driver<StorageDriver>((*entry)->key(), *std::move(storage));
}

absl::StatusOr<Driver<TransportDriver>> open_transport(Catalog& catalog, const std::string& url,
                                                       const config::Config& config) {
  absl::StatusOr<Entry*> entry = find_driver(catalog, Role::transport, url);
  if (!entry.ok()) return entry.status();
  absl::StatusOr<std::unique_ptr<TransportDriver>> transport =
      make_transport(**entry, settings_for(**entry, config, url));
  if (!transport.ok()) return transport.status();
  return Driver<TransportDriver>((*entry)->key(), *std::move(transport));
}

}  // namespace tally::plugin
