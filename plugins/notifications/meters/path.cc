#include "path.h"

#include <charconv>

namespace meters {

using tally::Json;

namespace {

bool word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// The text in quotes at the front of `rest`, which is then behind them; none where they do not end.
std::optional<std::string> quoted(std::string_view& rest) {
  const std::size_t end = rest.find(rest.front(), 1);
  if (end == std::string_view::npos) return std::nullopt;
  std::string text(rest.substr(1, end - 1));
  rest.remove_prefix(end + 1);
  return text;
}

}  // namespace

std::optional<Path> Path::parse(std::string_view text, std::string& why) {
  Path path;
  std::string_view rest = text;
  bool begun = false;  // whether a dot, or nothing, may stand before the next name
  if (rest.starts_with('$')) {
    rest.remove_prefix(1);
    begun = true;
  }
  while (!rest.empty()) {
    if (begun && rest.front() == '.') {
      rest.remove_prefix(1);
      begun = false;
    }
    std::optional<Step> step;
    if (!rest.empty() && rest.front() == '[') {
      step = bracket(rest, why);
    } else if (begun) {
      why = "\"" + std::string(rest) + "\" stands where a dot or a bracket should";
    } else {
      step = name(rest, why);
    }
    if (!step) {
      why = "path \"" + std::string(text) + "\": " + why;
      return std::nullopt;
    }
    path.steps_.push_back(*std::move(step));
    begun = true;
  }
  if (!begun) {
    why = "path \"" + std::string(text) + "\": it is empty";
    return std::nullopt;
  }
  return path;
}

std::optional<Path::Step> Path::name(std::string_view& rest, std::string& why) {
  if (!rest.empty() && rest.front() == '*') {
    rest.remove_prefix(1);
    return Step{Step::Kind::every_value, {}};
  }
  if (!rest.empty() && (rest.front() == '\'' || rest.front() == '"')) {
    auto text = quoted(rest);
    if (text) return Step{Step::Kind::name, *std::move(text)};
    why = "a quote does not end";
    return std::nullopt;
  }
  std::size_t size = 0;
  while (size < rest.size() && word(rest[size])) ++size;
  if (size == 0) {
    why = rest.empty() ? "a name is missing at its end"
                       : "\"" + std::string(rest) + "\" is none of: a name, 'a name', [n], [*], *";
    return std::nullopt;
  }
  Step step{Step::Kind::name, std::string(rest.substr(0, size))};
  rest.remove_prefix(size);
  return step;
}

std::optional<Path::Step> Path::bracket(std::string_view& rest, std::string& why) {
  rest.remove_prefix(1);
  std::optional<Step> step;
  const bool literal = !rest.empty() && (rest.front() == '\'' || rest.front() == '"');
  if (literal) {
    step = name(rest, why);
    if (!step) return step;
  }
  const std::size_t end = rest.find(']');
  if (end == std::string_view::npos) {
    why = "a bracket does not end";
    return std::nullopt;
  }
  const std::string_view inside = rest.substr(0, end);
  if (!literal) {
    int index = 0;
    const auto number = std::from_chars(inside.data(), inside.data() + inside.size(), index);
    if (inside == "*") {
      step = Step{Step::Kind::every_item, {}};
    } else if (number.ec == std::errc() && number.ptr == inside.data() + inside.size()) {
      step = Step{Step::Kind::index, {}, index};
    } else {
      std::string_view key = inside;
      step = name(key, why);
      if (step && (!key.empty() || step->kind != Step::Kind::name)) step.reset();
    }
  } else if (!inside.empty()) {
    step.reset();
  }
  if (!step) why = "[" + std::string(inside) + "] is none of: [name], ['name'], [n], [*]";
  rest.remove_prefix(end + 1);
  return step;
}

void Path::take(const Step& step, const Json& from, std::vector<const Json*>& found) {
  switch (step.kind) {
    case Step::Kind::name:
      if (const Json* member = from.at(step.name)) found.push_back(member);
      break;
    case Step::Kind::index: {
      const int size = static_cast<int>(from.items().size());
      const int index = step.index < 0 ? size + step.index : step.index;
      if (!from.is_array() || index < 0) break;
      if (const Json* item = from.at(static_cast<std::size_t>(index))) found.push_back(item);
      break;
    }
    case Step::Kind::every_item:
      if (from.is_object()) found.push_back(&from);
      if (from.is_array())
        for (const Json& item : from.items()) found.push_back(&item);
      break;
    case Step::Kind::every_value:
      for (const Json& item : from.items()) found.push_back(&item);
      break;
  }
}

void Path::match(const Json& root, std::vector<const Json*>& found) const {
  std::vector<const Json*> here = {&root};
  for (const Step& step : steps_) {
    std::vector<const Json*> next;
    for (const Json* value : here) take(step, *value, next);
    here = std::move(next);
  }
  found.insert(found.end(), here.begin(), here.end());
}

}  // namespace meters
