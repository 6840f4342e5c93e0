// The manager for exactly one: a storage driver or a transport, chosen by a URL's scheme.
// Not for many at once: see plugin/managers/dispatcher.h and plugin/managers/iterator.h.
#ifndef TALLY_PLUGIN_MANAGERS_DRIVER_H
#define TALLY_PLUGIN_MANAGERS_DRIVER_H

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "plugin/call/adapters.h"

namespace tally::plugin {

// The one plugin for a URL. An error says which schemes there are, or why the one that would do cannot be used.
absl::StatusOr<Entry*> find_driver(Catalog& catalog, Role role, std::string_view url);

// One instance with the name of its plugin. As an instance: one thread at a time.
template <class T>
class Driver {
 public:
  Driver(std::string name, std::unique_ptr<T> instance) : name_(std::move(name)), instance_(std::move(instance)) {}

  const std::string& name() const { return name_; }  // "storage:sqlite"
  T& operator*() const { return *instance_; }
  T* operator->() const { return instance_.get(); }

 private:
  std::string name_;
  std::unique_ptr<T> instance_;
};

// Finds, loads and makes the driver for `url` with its settings from the configuration.
absl::StatusOr<Driver<StorageDriver>> open_storage(Catalog& catalog, const std::string& url,
                                                   const config::Config& config);
absl::StatusOr<Driver<TransportDriver>> open_transport(Catalog& catalog, const std::string& url,
                                                       const config::Config& config);

}  // namespace tally::plugin

#endif
