// The one edge where std::string_view meets absl::string_view: on some systems they are two types.
#ifndef TALLY_BASE_STRINGS_H
#define TALLY_BASE_STRINGS_H

#include <string>
#include <string_view>

#include "absl/strings/string_view.h"

namespace tally {

inline absl::string_view to_absl(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view to_std(absl::string_view text) { return {text.data(), text.size()}; }

}  // namespace tally

#endif
