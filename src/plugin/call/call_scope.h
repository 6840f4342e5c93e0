// One step over the boundary into a plugin: says whose call runs on this thread, and lets no exception back.
// Not for measuring or limiting a call: see plugin/supervise/guard.h.
#ifndef TALLY_PLUGIN_CALL_CALL_SCOPE_H
#define TALLY_PLUGIN_CALL_CALL_SCOPE_H

#include <cxxabi.h>

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace tally::plugin {

// The plugin whose function runs on the calling thread ("pollster:load", or a file that is being loaded); null outside
// such a call. May be read by a signal handler.
const char* running_plugin();

// A copy of `name` that lives as long as the process, one for each text. Any thread.
const char* interned_name(std::string_view name);

// Names the plugin for the length of a block; `name` must live as long as the process.
class RunningPlugin {
 public:
  explicit RunningPlugin(const char* name);
  ~RunningPlugin();
  RunningPlugin(const RunningPlugin&) = delete;
  RunningPlugin& operator=(const RunningPlugin&) = delete;

 private:
  const char* const before_;
};

// Runs `call`. What it throws ends here and is handed to `thrown` in words; the frames between have been unwound, so
// that a plugin in C++ has run its destructors. Ending the thread (pthread_exit) goes through: nobody may stop that.
template <class Call, class Thrown>
void cross(const char* name, Call&& call, Thrown&& thrown) {
  const RunningPlugin running(name);
  try {
    call();
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (const std::exception& problem) {
    thrown(problem.what());
  } catch (...) {
    thrown("something that is not a std::exception");
  }
}

}  // namespace tally::plugin

#endif
