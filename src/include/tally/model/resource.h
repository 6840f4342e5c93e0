// What a discovery finds and a pollster measures: a VM, a volume, a host.
// Not for how it is measured: see tally/sdk/pollster.h.
#ifndef TALLY_MODEL_RESOURCE_H
#define TALLY_MODEL_RESOURCE_H

#include <optional>
#include <string>
#include <string_view>

namespace tally {

// A plain value; threads and lifetimes are its owner's affair. The texts of a view stand elsewhere, and must live as
// long as it is used.
template <class Text>
struct BasicResource {
  Text id;  // unique within its discovery
  std::optional<Text> project_id = std::nullopt;
  std::optional<Text> project_name = std::nullopt;
  std::optional<Text> user_id = std::nullopt;
  std::optional<Text> user_name = std::nullopt;
  Text attributes = "{}";  // a JSON object that the discovery and its pollsters agree on

  // With texts of its own.
  BasicResource<std::string> copy() const {
    const auto own = [](const std::optional<Text>& text) {
      return text ? std::optional<std::string>(*text) : std::nullopt;
    };
    return {std::string(id), own(project_id), own(project_name), own(user_id), own(user_name), std::string(attributes)};
  }
};
using Resource = BasicResource<std::string>;
using ResourceView = BasicResource<std::string_view>;

}  // namespace tally

#endif
