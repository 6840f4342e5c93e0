// What an SQLSTATE means to the host: wait, give up, or a fault of the values alone.
// Not for talking to the server: see connection.h.
#ifndef TALLY_POSTGRESQL_SQLSTATE_H
#define TALLY_POSTGRESQL_SQLSTATE_H

#include <tally/sdk/error.h>

#include <string>
#include <string_view>

namespace tally::postgresql {

struct Meaning {
  Outcome outcome;      // transient or permanent
  bool values;          // about the values given, which another batch need not share
  const char* way_out;  // for a person
};

// `state`: five characters, or empty where the connection was lost without one.
Meaning meaning_of(std::string_view state);

// An error of the server's or of the connection to it.
class ServerError : public Error {
 public:
  ServerError(const std::string& text, std::string_view state)
      : Error(meaning_of(state).outcome, text), values_(meaning_of(state).values), state_(state) {}

  const std::string& state() const { return state_; }
  bool values() const { return values_; }

 private:
  bool values_;
  std::string state_;
};

namespace sqlstate {
inline constexpr std::string_view kUniqueViolation = "23505";
inline constexpr std::string_view kCheckViolation = "23514";  // also: no partition for a row
inline constexpr std::string_view kDeadlock = "40P01";
inline constexpr std::string_view kSerialization = "40001";
inline constexpr std::string_view kLockNotAvailable = "55P03";
inline constexpr std::string_view kInsufficientPrivilege = "42501";
inline constexpr std::string_view kUndefinedTable = "42P01";
}  // namespace sqlstate

}  // namespace tally::postgresql

#endif
