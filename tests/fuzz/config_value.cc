// Single values of a configuration: durations, bytes, numbers, lists, URLs, words to suggest.
// Not for whole files: config.cc.
#include "config/value.h"

#include <array>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/url.h"
#include "fuzz.h"

namespace {

using namespace tally;
using tally::fuzz::require;

void durations(std::string_view text) {
  const auto duration = config::parse_duration(text);
  if (!duration.ok()) return;
  require(duration->count() >= 0, "no duration is negative");
  const auto again = config::parse_duration(config::format_duration(*duration));
  require(again.ok() && *again == *duration, "a duration that is written reads the same");
}

void bytes(std::string_view text) {
  const auto count = config::parse_bytes(text);
  if (!count.ok()) return;
  const auto again = config::parse_bytes(config::format_bytes(*count));
  require(again.ok() && *again == *count, "bytes that are written read the same");
}

void lists(std::string_view text) {
  const auto items = config::list_from_json(text);
  if (!items) return;
  const auto again = config::list_from_json(config::list_to_json(*items));
  require(again && *again == *items, "a list that is written reads the same");
}

void urls(std::string_view text) {
  const std::string shown = tally::redact_url(text);
  require(tally::redact_url(shown) == shown, "what is redacted stays as it is");
  require(tally::url_has_password(text) || shown == text, "only passwords are taken out");
  const auto url = tally::Url::parse(text);
  require(!url.ok() || url->scheme.size() + 3 + url->rest.size() == text.size(), "a URL is its parts");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tally::fuzz::Input input(data, size);
  config::KeyDecl key;
  key.name = "key";
  key.type = static_cast<config::KeyType>(input.byte() % 8);
  if ((input.byte() & 1) != 0) key.min = std::string(input.line());
  if ((input.byte() & 1) != 0) key.max = std::string(input.line());
  if ((input.byte() & 1) != 0) key.choices = {std::string(input.line()), "other"};
  const std::string_view text = input.text(4096);
  const auto value = config::canonical_value(key, text);
  if (value.ok() && key.type != config::KeyType::duration && !key.min && !key.max && key.choices.empty())
    require(config::canonical_value(key, *value).ok(), "a canonical value is a value");
  key.fallback = std::string(text);
  static_cast<void>(config::canonical_default(key));
  durations(text);
  bytes(text);
  lists(text);
  urls(text);
  const std::string quoted = tally::json_quote(text);
  require(is_utf8(quoted) && Json::parse(quoted), "a quoted text is JSON");
  const std::array<std::string_view, 3> words = {"interval", "publish", "storage"};
  static_cast<void>(config::did_you_mean(text.substr(0, 64), words));
  return 0;
}
