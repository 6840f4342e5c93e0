// One instance of one role of a loaded plugin: made, owned, ended.
// Not for the calls of a role: each adapters_<role>.cc has those.
#ifndef TALLY_PLUGIN_INSTANCE_H
#define TALLY_PLUGIN_INSTANCE_H

#include <tally/abi/base.h>

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "plugin/adapters.h"
#include "plugin/c_values.h"

namespace tally::host {

// Loads the entry's file, unless it is loaded, and gives the table of its role. Decides the entry's state.
absl::StatusOr<const void*> load_table(Entry& entry, Role role, const PluginSettings& settings);
// Calls `create`. Decides the entry's state.
absl::StatusOr<void*> create_instance(Entry& entry, tally_create create, const PluginSettings& settings);

template <class Table>
class Instance {
 public:
  static absl::StatusOr<Instance> make(Entry& entry, Role role, const PluginSettings& settings) {
    absl::StatusOr<const void*> loaded = load_table(entry, role, settings);
    if (!loaded.ok()) return loaded.status();
    const auto* table = static_cast<const Table*>(*loaded);
    absl::StatusOr<void*> made = create_instance(entry, table->create, settings);
    if (!made.ok()) return made.status();
    return Instance(table, *made);
  }

  Instance(Instance&& other) noexcept : table_(std::exchange(other.table_, nullptr)), instance_(other.instance_) {}
  Instance& operator=(Instance&&) = delete;
  ~Instance() {
    if (table_ != nullptr) table_->destroy(instance_);
  }

  const Table* operator->() const { return table_; }
  void* get() const { return instance_; }

 private:
  Instance(const Table* table, void* instance) : table_(table), instance_(instance) {}
  const Table* table_;
  void* instance_;
};

}  // namespace tally::host

#endif
