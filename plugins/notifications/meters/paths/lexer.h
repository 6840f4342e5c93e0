// Cuts the text of a path into tokens.
// Not for what they mean together: path_parser.cc.
#ifndef TALLY_METERS_PATHS_LEXER_H
#define TALLY_METERS_PATHS_LEXER_H

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meters {

struct Token {
  enum class Kind {
    end,
    sign,     // one of * . [ ] ( ) $ , : | & ? @ + -
    descend,  // ..
    name,     // bare or in quotes
    where,
    boolean,
    integer,
    number,    // with a point
    function,  // in backticks, without them
    compare,   // = == != < <= > >= ~
    sort,      // / or \, the comma before it included
  } kind = Kind::end;
  std::string text;
  bool quoted = false;
  std::size_t column = 1;

  bool is(char sign) const { return kind == Kind::sign && text[0] == sign; }
};

// The tokens and one `end` after them; none with the reason and its column in `why`.
std::optional<std::vector<Token>> lex_path(std::string_view path, std::string& why);

}  // namespace meters

#endif
