// The functions in backticks: `len`, `sorted`, `parent`, `this`, `split(…)`, `sub(…)`.
// Not for brackets and operators: path_parser.h.
#ifndef TALLY_METERS_PATHS_FUNCTIONS_H
#define TALLY_METERS_PATHS_FUNCTIONS_H

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "paths/syntax_tree.h"

namespace meters {

// What stands between the backticks; null with the reason in `why`.
std::unique_ptr<Expr> parse_function(const std::string& text, std::string& why);

// The piece number expr.from of `text`, cut at expr.text at most expr.to times (-1: as often as it goes).
std::optional<std::string_view> split(const Expr& expr, std::string_view text);

// The number of characters.
std::size_t length(std::string_view utf8);
// The first `most` characters.
std::string_view cut(std::string_view utf8, std::size_t most);

}  // namespace meters

#endif
