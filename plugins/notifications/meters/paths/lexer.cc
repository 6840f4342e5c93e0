// See path_lexer.h.
#include "paths/lexer.h"

#include <tally/kit/text.h>

namespace meters {

namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }
bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool space(char c) { return c == ' ' || c == '\t' || c == '\n'; }

class Lexer {
 public:
  Lexer(std::string_view text, std::string& why) : text_(text), why_(why) {}

  std::optional<std::vector<Token>> run() {
    for (;;) {
      while (at_ < text_.size() && space(text_[at_])) ++at_;
      Token token;
      token.column = at_ + 1;
      if (at_ == text_.size()) {
        tokens_.push_back(std::move(token));
        return std::move(tokens_);
      }
      if (!read(token)) return std::nullopt;
      tokens_.push_back(std::move(token));
    }
  }

 private:
  char at(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  bool read(Token& token) {
    const char c = at();
    if (c == '\'' || c == '"' || c == '`') return quoted(token, c);
    if (letter(c) || (c == '@' && letter(at(1)))) return word(token);
    if (digit(c) || (c == '-' && digit(at(1)))) return number(token);
    if (c == '.' && at(1) == '.') return take(token, Token::Kind::descend, 2);
    if (std::string_view("=!<>~").find(c) != std::string_view::npos && c != '\0') return comparison(token);
    if (sort_ahead() > 0) {
      at_ += sort_ahead() - 1;
      return take(token, Token::Kind::sort, 1);
    }
    if (c != '\0' && std::string_view("*.[]()$,:|&?@+-").find(c) != std::string_view::npos)
      return take(token, Token::Kind::sign, 1);
    why_ = "column " + std::to_string(at_ + 1) + ": the character \"" + std::string(text_.substr(at_, length())) +
           "\" stands outside quotes";
    return false;
  }

  // Bytes of the character here.
  std::size_t length() const {
    std::size_t size = 1;
    while (tally::text_detail::continues(at(size))) ++size;
    return size;
  }

  // The length of `,? */` or of the same with a backslash; 0 where there is none.
  std::size_t sort_ahead() const {
    std::size_t ahead = at() == ',' ? 1 : 0;
    while (space(at(ahead))) ++ahead;
    return at(ahead) == '/' || at(ahead) == '\\' ? ahead + 1 : 0;
  }

  bool take(Token& token, Token::Kind kind, std::size_t size) {
    token.kind = kind;
    token.text = text_.substr(at_, size);
    at_ += size;
    return true;
  }

  bool comparison(Token& token) {
    if (at() == '!' && at(1) != '=') {
      why_ = "column " + std::to_string(at_ + 1) + ": \"!\" stands alone, not before \"=\"";
      return false;
    }
    const bool two = at(1) == '=' && at() != '~';
    return take(token, Token::Kind::compare, two ? 2 : 1);
  }

  bool word(Token& token) {
    std::size_t size = 1;
    while (letter(at(size)) || digit(at(size)) || at(size) == '@' || at(size) == '-') ++size;
    take(token, Token::Kind::name, size);
    if (token.text == "where") token.kind = Token::Kind::where;
    if (token.text == "true" || token.text == "false") token.kind = Token::Kind::boolean;
    return true;
  }

  bool number(Token& token) {
    std::size_t size = 1;
    while (digit(at(size))) ++size;
    if (at(size) != '.' || !digit(at(size + 1))) return take(token, Token::Kind::integer, size);
    ++size;
    while (digit(at(size))) ++size;
    return take(token, Token::Kind::number, size);
  }

  // A backslash makes the next character an ordinary one.
  bool quoted(Token& token, char quote) {
    token.kind = quote == '`' ? Token::Kind::function : Token::Kind::name;
    token.quoted = true;
    for (++at_; at() != quote; ++at_) {
      if (at_ < text_.size() && at() == '\\') ++at_;
      if (at_ >= text_.size()) {
        why_ = "column " + std::to_string(token.column) + ": the quote " + quote + " does not end";
        return false;
      }
      token.text += at();
    }
    ++at_;
    return true;
  }

  std::string_view text_;
  std::string& why_;
  std::size_t at_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

std::optional<std::vector<Token>> lex_path(std::string_view path, std::string& why) { return Lexer(path, why).run(); }

}  // namespace meters
