// How errors and instances cross the C boundary; everything in namespace tally::detail.
// Not for plugin authors: the role headers beside it use this, so that nobody else needs to.
#ifndef TALLY_SDK_BOUNDARY_H
#define TALLY_SDK_BOUNDARY_H

#include <tally/abi/base.h>
#include <tally/kit/text.h>
#include <tally/sdk/config.h>
#include <tally/sdk/convert.h>
#include <tally/sdk/error.h>

#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <type_traits>

namespace tally::detail {

// Set by the entry before anything else runs, never changed after.
inline const tally_host* host = nullptr;

// A buffer for the host's answer to a callback.
struct HostAnswer {
  char buffer[512];
  tally_error error{sizeof(tally_error), buffer, sizeof buffer, 0};

  // Throws what the host answered.
  void check(std::int32_t result) const {
    if (result != TALLY_OK) throw Error(static_cast<Outcome>(result), std::string(buffer, error.length));
  }
};

// Writes `why` into the host's buffer, cut between two characters where it does not fit.
inline void say(tally_error* error, const char* why) noexcept {
  if (error == nullptr || error->text == nullptr) return;
  std::size_t length = std::strlen(why);
  if (length > error->capacity) {
    length = error->capacity;
    while (length > 0 && text_detail::continues(why[length])) --length;
  }
  std::memcpy(error->text, why, length);
  error->length = length;
}

// Runs `call`; whatever it throws becomes a class and a text. `unexpected` is the class of what is not a tally::Error.
template <class Call>
std::int32_t guarded(tally_error* error, Call&& call, std::int32_t unexpected = TALLY_TRANSIENT) noexcept {
  try {
    call();
    return TALLY_OK;
  } catch (const Error& problem) {
    say(error, problem.what());
    return problem.outcome() == Outcome::ok ? TALLY_TRANSIENT : static_cast<std::int32_t>(problem.outcome());
  } catch (const std::bad_alloc&) {
    say(error, "out of memory");
    return TALLY_TRANSIENT;
  } catch (const std::system_error& problem) {
    say(error, problem.what());
    return TALLY_TRANSIENT;
  } catch (const std::exception& problem) {
    say(error, problem.what());
    return unexpected;
  } catch (...) {
    say(error, "the plugin threw something that is not a std::exception");
    return unexpected;
  }
}

// An instance crosses as a pointer to its role's base class.
template <class Plugin, class Base>
std::int32_t create(const tally_config* config, void** instance, tally_error* error) noexcept {
  return guarded(error, [&] {
    Base* made = nullptr;
    if constexpr (std::is_constructible_v<Plugin, const Config&>) {
      made = new Plugin(Config(*config));
    } else {
      static_assert(std::is_default_constructible_v<Plugin>,
                    "a plugin's class needs a public constructor that takes const tally::Config&, or nothing");
      made = new Plugin();
    }
    *instance = made;
  });
}

template <class Base>
void destroy(void* instance) noexcept {
  guarded(nullptr, [&] { delete static_cast<Base*>(instance); });
}

}  // namespace tally::detail

#endif
