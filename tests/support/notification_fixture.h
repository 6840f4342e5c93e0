// Runs a built notification handler on one message, by the road that the host takes: catalog, adapter, handle.
// Not for fakes: what is tested is the shared object itself, from the folder $TALLY_TEST_PLUGINS.
#ifndef TALLY_TESTS_SUPPORT_NOTIFICATION_FIXTURE_H
#define TALLY_TESTS_SUPPORT_NOTIFICATION_FIXTURE_H

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "plugin/call/adapters.h"
#include "plugin/catalog/catalog.h"
#include "plugin/roles.h"

namespace tally::test {

// An instance on host "node1"; a status where the catalog has none or it cannot be made.
inline absl::StatusOr<std::unique_ptr<plugin::MessageHandler>> make_handler(
    const std::string& name, const config::PluginOptions& options, const std::vector<std::string>& disabled = {}) {
  const char* folder = std::getenv("TALLY_TEST_PLUGINS");
  if (folder == nullptr) return permanent("TALLY_TEST_PLUGINS is not set: run this test by meson");
  const std::vector<std::filesystem::path> folders = {folder};
  plugin::Catalog catalog = plugin::Catalog::scan(folders);
  plugin::Entry* entry = catalog.find(plugin::Role::notification, name);
  if (entry == nullptr) return permanent("no notification handler " + name + " in " + folder);
  plugin::PluginSettings settings;
  settings.options = options;
  settings.host = "node1";
  settings.disabled = disabled;
  return plugin::make_notification(*entry, settings);
}

// A message of "svc.node1" at 2026-01-02 03:04:05 by user cu and project cp; the views are into the arguments.
inline Notification message(std::string_view event_type, std::string_view payload) {
  Notification made;
  made.message_id = "m-1";
  made.event_type = event_type;
  made.publisher_id = "svc.node1";
  made.priority = "info";
  made.timestamp = "2026-01-02 03:04:05";
  made.time = Time::parse("2026-01-02 03:04:05");
  made.payload = payload;
  made.context = R"({"user_id": "cu", "project_id": "cp"})";
  return made;
}

struct Handled {
  absl::Status status;
  std::vector<Sample> samples;  // those to be stored
  std::vector<wire::SetAside> aside;
  std::vector<wire::Skip> skips;
};

inline Handled handle(plugin::MessageHandler& handler, const Notification& notification) {
  Handled handled;
  wire::SampleList samples;
  handled.status = handler.handle(notification, samples);
  handled.aside = samples.aside();
  handled.skips = samples.skips();
  for (std::size_t i = 0; i < samples.size(); ++i)
    if (std::none_of(handled.aside.begin(), handled.aside.end(),
                     [i](const wire::SetAside& one) { return one.at == i; }))
      handled.samples.push_back(samples[i].copy());
  return handled;
}

}  // namespace tally::test

#endif
