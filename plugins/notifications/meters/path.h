// The plain part of JSONPath: names, indexes and `*`, from the message down.
// Not for filters, functions and arithmetic: a path that has them is refused with a reason.
#ifndef TALLY_PLUGINS_METERS_PATH_H
#define TALLY_PLUGINS_METERS_PATH_H

#include <tally/sdk/json.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meters {

// A plain value; matching is for any thread.
class Path {
 public:
  // Reads `$.a.b`, `a['b c'].d`, `a."b.c"`, `a[0]`, `a[-1]`, `a[*]`, `a.*`; the leading `$` may be left out, and a dot
  // may stand before a bracket. None with the reason in `why`.
  static std::optional<Path> parse(std::string_view text, std::string& why);

  // Appends what is there, nulls included, in the message's order. `[*]` takes an object as a list of one.
  void match(const tally::Json& root, std::vector<const tally::Json*>& found) const;

 private:
  struct Step {
    enum class Kind { name, index, every_item, every_value } kind;
    std::string name;
    int index = 0;
  };

  static void take(const Step& step, const tally::Json& from, std::vector<const tally::Json*>& found);
  static std::optional<Step> bracket(std::string_view& rest, std::string& why);
  static std::optional<Step> name(std::string_view& rest, std::string& why);

  std::vector<Step> steps_;
};

}  // namespace meters

#endif
