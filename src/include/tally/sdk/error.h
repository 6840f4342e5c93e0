// What a plugin throws: a text for a person, and a class that tells the host what to do next.
// Not for what is normal: a resource that vanished is Poll::fault, a message of another kind is Error::unclaimed.
#ifndef TALLY_SDK_ERROR_H
#define TALLY_SDK_ERROR_H

#include <tally/abi/base.h>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace tally {

// What became of a call, or of one message of it. The numbers are those of tally/abi/base.h.
enum class Outcome : std::int32_t {
  ok = TALLY_OK,
  absent = TALLY_ABSENT,        // what is measured is not here: the plugin is turned off, and looked at again slowly
  transient = TALLY_TRANSIENT,  // may succeed later: the host tries again
  permanent = TALLY_PERMANENT,  // will never succeed for this input: the host does not try again
  unclaimed = TALLY_UNCLAIMED,  // a handler's: this message is none of mine, after all
};

// Name in the text the thing, the place and the way out: `/dev/kvm: permission denied, add the user to group kvm`.
// Any other exception that leaves a plugin counts as transient, or, out of NotificationHandler::handle, as permanent.
class Error : public std::runtime_error {
 public:
  Error(Outcome outcome, const std::string& text) : std::runtime_error(text), outcome_(outcome) {}

  static Error absent(const std::string& text) { return {Outcome::absent, text}; }
  static Error transient(const std::string& text) { return {Outcome::transient, text}; }
  static Error permanent(const std::string& text) { return {Outcome::permanent, text}; }
  static Error unclaimed(const std::string& text = "not for this handler") { return {Outcome::unclaimed, text}; }

  Outcome outcome() const noexcept { return outcome_; }

 private:
  Outcome outcome_;
};

}  // namespace tally

#endif
