#include "plugin/catalog/double_counting.h"

#include <tally/kit/glob.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

namespace tally::plugin {

namespace {

// Who makes a meter; `definition` is empty where the handler has none by name.
struct Maker {
  std::string handler, definition;
  friend auto operator<=>(const Maker&, const Maker&) = default;
  std::string text() const { return handler + (definition.empty() ? "" : " (" + definition + ")"); }
  std::string way_out() const {
    return definition.empty() ? "plugins: [\"" + handler + "\"]" : "definitions: [\"" + definition + "\"]";
  }
};

bool exact(const std::string& event_type) { return !event_type.empty() && event_type.find('*') == std::string::npos; }

class Looking {
 public:
  Looking(Dispatcher& handlers, std::span<const std::string> disabled) : handlers_(handlers), disabled_(disabled) {}

  Survey run() {
    for (Dispatcher::Handler& handler : handlers_.handlers()) ask(handler);
    for (const std::string& type : types_) look_at(type);
    return std::move(survey_);
  }

 private:
  void ask(Dispatcher::Handler& handler) {
    for (const std::string& claim : handler.claims)
      if (exact(claim)) add_type(claim);
    auto defined = handler.handler->definitions(std::nullopt);
    if (!defined.ok() || !*defined) return;
    tells_.insert(&handler);
    for (MeterDefinition& one : **defined) {
      for (const std::string& example : one.examples) add_type(example);
      survey_.made.push_back({handler.name, std::move(one)});
    }
  }

  void add_type(const std::string& event_type) {
    static constexpr std::size_t kMost = 2'000;
    if (types_.size() < kMost) types_.insert(event_type);
  }

  bool counted(const std::string& meter) const {
    return !meter.empty() && std::none_of(disabled_.begin(), disabled_.end(),
                                          [&](const std::string& pattern) { return glob_match(pattern, meter); });
  }

  // The makers of each meter of messages of this type.
  void look_at(const std::string& type) {
    std::map<std::string, std::set<Maker>> makers;
    for (Dispatcher::Handler& handler : handlers_.handlers()) {
      if (tells_.contains(&handler)) {
        const auto defined = handler.handler->definitions(type);
        if (!defined.ok() || !*defined) continue;
        for (const MeterDefinition& one : **defined)
          if (!one.disabled && counted(one.meter)) makers[one.meter].insert({handler.name, one.name});
      } else if (std::any_of(handler.claims.begin(), handler.claims.end(),
                             [&](const std::string& claim) { return glob_match(claim, type); })) {
        for (const std::string& meter : handler.meters)
          if (counted(meter)) makers[meter].insert({handler.name, ""});
      }
    }
    for (const auto& [meter, who] : makers)
      for (auto other = who.begin(); who.size() > 1 && ++other != who.end();) tell(meter, type, *who.begin(), *other);
  }

  void tell(const std::string& meter, const std::string& type, const Maker& one, const Maker& other) {
    if (!told_.insert({meter, one, other}).second) return;
    survey_.twice.push_back(one.text() + " and " + other.text() + " both make " + meter + " of `" + type +
                            "`: it is counted twice; disable one: `disable: {" + one.way_out() + "}` or `disable: {" +
                            other.way_out() + "}`");
  }

  Dispatcher& handlers_;
  std::span<const std::string> disabled_;
  std::set<const Dispatcher::Handler*> tells_;
  std::set<std::string> types_;
  std::set<std::tuple<std::string, Maker, Maker>> told_;
  Survey survey_;
};

}  // namespace

Survey survey(Dispatcher& handlers, std::span<const std::string> disabled_meters) {
  return Looking(handlers, disabled_meters).run();
}

}  // namespace tally::plugin
