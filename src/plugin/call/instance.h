// One instance of one role of a loaded plugin: made, owned, ended.
// Not for the calls of a role: each adapters_<role>.cc has those.
#ifndef TALLY_PLUGIN_CALL_INSTANCE_H
#define TALLY_PLUGIN_CALL_INSTANCE_H

#include <tally/abi/base.h>

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "plugin/call/adapters.h"
#include "plugin/call/call_scope.h"
#include "plugin/call/marshal.h"

namespace tally::plugin {

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
    return Instance(table, *made, interned_name(entry.key()));
  }

  Instance(Instance&& other) noexcept
      : table_(std::exchange(other.table_, nullptr)), instance_(other.instance_), name_(other.name_) {}
  Instance& operator=(Instance&&) = delete;
  ~Instance() {
    if (table_ == nullptr) return;
    cross(
        name_, [this] { table_->destroy(instance_); }, [](const char*) {});
  }

  // Whether the table, which may be an older one and shorter, offers an optional function.
  template <class Function>
  bool offers(Function Table::*function) const {
    const auto* begin = reinterpret_cast<const char*>(table_);
    const auto* end = reinterpret_cast<const char*>(&(table_->*function) + 1);
    return static_cast<std::size_t>(end - begin) <= table_->size && table_->*function != nullptr;
  }

  // Calls a function of the table: the instance first, an error buffer last. An exception is a broken plugin's answer,
  // kInternal.
  template <bool may_be_unclaimed = false, class... Parameters, class... Given>
  absl::Status call(std::int32_t (*Table::*function)(void*, Parameters...), Given... given) const {
    ErrorBuffer error;
    std::int32_t result = TALLY_OK;
    absl::Status thrown;
    cross(
        name_, [&] { result = (table_->*function)(instance_, given..., error.get()); },
        [&](const char* what) { thrown = threw(what); });
    return thrown.ok() ? error.status(result, may_be_unclaimed) : thrown;
  }

  // For what has neither an error nor an answer.
  void tell(void (*Table::*function)(void*)) const {
    cross(
        name_, [&] { (table_->*function)(instance_); }, [](const char*) {});
  }

 private:
  Instance(const Table* table, void* instance, const char* name) : table_(table), instance_(instance), name_(name) {}
  const Table* table_;
  void* instance_;
  const char* name_;  // lives as long as the process
};

}  // namespace tally::plugin

#endif
