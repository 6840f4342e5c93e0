#include "plugin/call/call_scope.h"

#include <mutex>
#include <set>

namespace tally::plugin {
namespace {

// Trivial to make and to end, so that a signal handler and the handlers of exit() may read it.
thread_local const char* running = nullptr;

}  // namespace

const char* running_plugin() { return running; }

const char* interned_name(std::string_view name) {
  static std::mutex* const lock = new std::mutex;
  static auto* const names = new std::set<std::string, std::less<>>;
  const std::lock_guard guard(*lock);
  const auto known = names->find(name);
  return known != names->end() ? known->c_str() : names->emplace(name).first->c_str();
}

RunningPlugin::RunningPlugin(const char* name) : before_(std::exchange(running, name)) {}
RunningPlugin::~RunningPlugin() { running = before_; }

}  // namespace tally::plugin
