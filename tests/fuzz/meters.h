// The handler of declarative definitions, linked into a target, behind the same checks as a plugin that is loaded.
// Not for its inner parts: targets go by the plugin's entry, so that those may change.
#ifndef TALLY_TESTS_FUZZ_METERS_H
#define TALLY_TESTS_FUZZ_METERS_H

#include <sys/mman.h>
#include <tally/abi/notification.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/value.h"
#include "fuzz.h"
#include "plugin/call/marshal.h"
#include "plugin/file/manifest.h"
#include "plugin/roles.h"

extern "C" const tally_plugin* tally_plugin_v1(const tally_host* host, tally_error* error);

namespace tally::fuzz {

// Makes $TALLY_DEFINITIONS a file in memory that holds `text`.
inline void set_definitions(std::string_view text) {
  static const int file = memfd_create("definitions", MFD_CLOEXEC);
  static const int set = setenv("TALLY_DEFINITIONS", ("/proc/self/fd/" + std::to_string(file)).c_str(), 1);
  require(set == 0 && ftruncate(file, 0) == 0 &&
              pwrite(file, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()),
          "(definitions can be written)");
}

class Meters final : public plugin::MessageHandler {
 public:
  // With the definitions of $TALLY_DEFINITIONS. `made` says whether there is an instance.
  Meters() {
    static const tally_host offered = {sizeof(tally_host), TALLY_ABI_MINOR, 0, nullptr};
    static const tally_plugin* plugin = tally_plugin_v1(&offered, nullptr);
    static const auto manifest = plugin::parse_manifest(from_c(plugin->manifest));
    require(manifest.ok(), "a manifest can be read");
    table_ = static_cast<const tally_notification_table*>(plugin->roles[0].table);
    std::vector<std::optional<std::string>> values;
    std::vector<tally_option> options;
    for (const config::KeyDecl& key : manifest->roles[0].config) values.push_back(*config::canonical_default(key));
    for (std::size_t i = 0; i < values.size(); ++i)
      options.push_back({to_c(std::string_view(manifest->roles[0].config[i].name)), to_c(values[i])});
    const tally_config config = {sizeof config, options.data(), options.size(), kNoText, to_c("node1")};
    plugin::ErrorBuffer error;
    made_ = error.status(table_->create(&config, &instance_, error.get()));
  }
  ~Meters() override {
    if (made_.ok()) table_->destroy(instance_);
  }
  Meters(const Meters&) = delete;
  Meters& operator=(const Meters&) = delete;

  const absl::Status& made() const { return made_; }

  absl::Status handle(const Notification& from, wire::SampleList& samples) override {
    const tally_notification message = to_c(from);
    static plugin::SampleListGate& gate = *plugin::SampleListGate::make();
    static const tally_emitter emitter = plugin::emitter_for(gate);
    const plugin::Opened<wire::SampleList> opened(gate, samples);
    plugin::ErrorBuffer error;
    return error.status(table_->handle(instance_, &message, &emitter, error.get()), true);
  }
  absl::StatusOr<std::vector<std::string>> claims() override { return std::vector<std::string>{"*"}; }

 private:
  const tally_notification_table* table_ = nullptr;
  void* instance_ = nullptr;
  absl::Status made_;
};

}  // namespace tally::fuzz

#endif
