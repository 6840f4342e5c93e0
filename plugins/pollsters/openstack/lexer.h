// The words of an expression: names, numbers, texts, signs.
// Not for what they mean together: parser.cc.
#ifndef TALLY_OPENSTACK_LEXER_H
#define TALLY_OPENSTACK_LEXER_H

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tally::openstack {

struct Word {
  enum class Kind { name, number, text, symbol, end };
  Kind kind = Kind::end;
  std::string text;
  std::size_t at = 0;
};

// Throws BadExpression: "WHY at character N".
[[noreturn]] void fail(std::size_t at, const std::string& why);

// The last is the end. Throws BadExpression.
std::vector<Word> words_of(std::string_view text);

}  // namespace tally::openstack

#endif
