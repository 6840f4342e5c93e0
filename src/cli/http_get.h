// Asks a daemon of this host for one page.
// Not for the network: plain HTTP to a loopback address.
#ifndef TALLY_CLI_HTTP_GET_H
#define TALLY_CLI_HTTP_GET_H

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace tally::cli {

// The body of GET `path`; kTransient when nobody answers there within five seconds, or answers with an error.
absl::StatusOr<std::string> http_get(const std::string& address, std::uint16_t port, const std::string& path);

}  // namespace tally::cli

#endif
