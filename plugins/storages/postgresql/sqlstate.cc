// What an SQLSTATE means to the host: wait, give up, or a fault of the values alone.
// Not for talking to the server: see connection.cc.
#include "sqlstate.h"

#include <array>

namespace tally::postgresql {

namespace {

struct Class {
  std::string_view prefix;
  Meaning meaning;
};

constexpr const char* kAgain = "it is tried again";
constexpr const char* kFault = "this is a fault in Tally, or the tables were changed by another program";

// The first prefix that fits counts. https://www.postgresql.org/docs/15/errcodes-appendix.html
constexpr std::array kClasses = {
    Class{"08", {Outcome::transient, false, kAgain}},
    Class{"22", {Outcome::permanent, true, "these values cannot be kept"}},
    Class{"23", {Outcome::permanent, true, "these values cannot be kept"}},
    Class{"25006",
          {Outcome::transient, false, "the server is read-only: name the primary, or all hosts, in `storage`"}},
    Class{"25P0", {Outcome::transient, false, kAgain}},
    Class{"28", {Outcome::permanent, false, "check role and password, and the server's pg_hba.conf"}},
    Class{"3D", {Outcome::permanent, false, "make the database (createdb), or name another one in `storage`"}},
    Class{"40", {Outcome::transient, false, kAgain}},
    Class{"42501", {Outcome::permanent, false, "`tally storage init` by the owner, with `grant: ROLE`, grants it"}},
    Class{"42P01", {Outcome::permanent, false, "`tally storage check` looks for what is missing"}},
    Class{"53100", {Outcome::transient, false, "make room on the server's disk; it is tried again"}},
    Class{"53300", {Outcome::transient, false, "the server's max_connections is reached; it is tried again"}},
    Class{"53", {Outcome::transient, false, "the server is short of resources; it is tried again"}},
    Class{"54", {Outcome::permanent, true, "these values are beyond a limit of the server's"}},
    Class{"55", {Outcome::transient, false, kAgain}},
    Class{"57", {Outcome::transient, false, kAgain}},
    Class{"58", {Outcome::transient, false, "look at the server's disk and log; it is tried again"}},
    Class{"F0", {Outcome::transient, false, "look at the server's log; it is tried again"}},
    Class{"XX001", {Outcome::permanent, false, "the database is damaged: look at the server's log, restore a backup"}},
    Class{"XX002", {Outcome::permanent, false, "an index is damaged: REINDEX it; look at the server's log"}},
    Class{"XX", {Outcome::transient, false, "look at the server's log; it is tried again"}},
};

}  // namespace

Meaning meaning_of(std::string_view state) {
  if (state.empty()) return {Outcome::transient, false, kAgain};
  for (const Class& known : kClasses) {
    if (state.starts_with(known.prefix)) return known.meaning;
  }
  return {Outcome::permanent, false, kFault};
}

}  // namespace tally::postgresql
