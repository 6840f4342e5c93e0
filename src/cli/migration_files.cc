// Reads pipeline.yaml, polling.yaml and definitions, and says what Tally makes of each part.
// Not for ceilometer.conf: migration_options.cc.
#include <fnmatch.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>

#include "cli/migration.h"
#include "core/url.h"

namespace tally::cli {
namespace {

int line_of(const YAML::Node& node) { return node.Mark().line + 1; }

// Nothing where it cannot be read; the finding says why.
YAML::Node load(const std::filesystem::path& file, Migration& migration) {
  try {
    return YAML::LoadFile(file.string());
  } catch (const YAML::ParserException& error) {
    migration.findings.push_back({Verdict::fault, file.string(), error.mark.line + 1, "", error.msg});
  } catch (const YAML::Exception& error) {
    migration.findings.push_back({Verdict::fault, file.string(), 0, "", error.what()});
  }
  return {};
}

std::string text_of(const YAML::Node& node) { return node.IsScalar() ? node.Scalar() : std::string(); }

std::vector<std::string> texts_of(const YAML::Node& node) {
  std::vector<std::string> texts;
  if (node.IsScalar()) texts.push_back(node.Scalar());
  if (node.IsSequence()) {
    for (const YAML::Node& item : node) texts.push_back(text_of(item));
  }
  return texts;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}

// A source of either file. Its name is for the reader alone.
struct Source {
  YAML::Node node;
  std::string name;
  std::vector<std::string> meters;
};

std::vector<Source> sources_of(const YAML::Node& root, const std::string& file, Migration& migration) {
  std::vector<Source> sources;
  const YAML::Node list = root.IsMap() ? root["sources"] : YAML::Node();
  if (!list.IsDefined() || !list.IsSequence()) {
    migration.findings.push_back({Verdict::fault, file, 0, "sources", "there is no list of them"});
    return sources;
  }
  for (const YAML::Node& node : list) {
    if (!node.IsMap()) {
      migration.findings.push_back({Verdict::fault, file, line_of(node), "sources", "an entry is no map"});
      continue;
    }
    const YAML::Node name = node["name"];
    const YAML::Node meters = node["meters"];
    sources.push_back({node, name.IsDefined() ? text_of(name) : "",
                       meters.IsDefined() ? texts_of(meters) : std::vector<std::string>()});
  }
  return sources;
}

bool is_plain(const std::string& entry) { return entry.find_first_of("?[") == std::string::npos; }

// One source decides what is stored: its exclusions can be said here, its inclusions only as exclusions.
void judge_pipeline_meters(const Source& source, bool alone, const std::string& file, Migration& migration) {
  const YAML::Node node = source.node["meters"];
  Finding finding{Verdict::kept, file, node.IsDefined() ? line_of(node) : line_of(source.node),
                  "source " + source.name + ": meters " + joined(source.meters),
                  "everything is stored unless turned off"};
  const bool includes = std::ranges::any_of(
      source.meters, [](const std::string& entry) { return entry != "*" && !entry.starts_with("!"); });
  std::vector<std::string> excluded;
  for (const std::string& entry : source.meters) {
    if (entry.starts_with("!")) excluded.push_back(entry.substr(1));
  }
  if (includes) {
    finding.verdict = Verdict::differs;
    finding.text = "there is no list of what to store: what is not wanted is turned off by disable.meters";
  } else if (!excluded.empty() && !alone) {
    finding.verdict = Verdict::differs;
    finding.text = "other sources may want these, so they are stored; turn them off by disable.meters";
  } else if (!excluded.empty() && !std::ranges::all_of(excluded, is_plain)) {
    finding.verdict = Verdict::differs;
    finding.text = "disable.meters knows `*` alone, neither `?` nor `[…]`: write these out";
  } else if (!excluded.empty()) {
    finding.text = "disable.meters";
    auto& meters = migration.plan.disabled_meters;
    meters.insert(meters.end(), excluded.begin(), excluded.end());
  }
  migration.findings.push_back(std::move(finding));
}

void judge_sink(const YAML::Node& sink, const std::string& file, Migration& migration) {
  const std::string name = sink["name"].IsDefined() ? text_of(sink["name"]) : "";
  for (const YAML::Node& publisher : sink["publishers"]) {
    const std::string url = text_of(publisher);
    Finding finding{Verdict::ignored, file, line_of(publisher), "sink " + name + ": " + redact_url(url),
                    "samples go to the one store, nowhere else"};
    if (url.starts_with("gnocchi")) {
      finding.verdict = Verdict::differs;
      finding.text =
          "samples are kept as they are in the one store (`storage`), and summed when asked: `tally query statistics`";
    }
    migration.findings.push_back(std::move(finding));
  }
  for (const YAML::Node& transformer : sink["transformers"]) {
    const std::string what = transformer.IsMap() && transformer["name"].IsDefined() ? text_of(transformer["name"]) : "";
    migration.findings.push_back({Verdict::ignored, file, line_of(transformer),
                                  "sink " + name + ": transformer " + what,
                                  "what is stored is what was measured; queries calculate"});
  }
}

}  // namespace

bool supports_meter(std::span<const std::string> entries, const std::string& name) {
  const auto matches = [&](std::string_view glob) {
    return ::fnmatch(std::string(glob).c_str(), name.c_str(), 0) == 0;
  };
  bool only_exclusions = true;
  bool included = false;
  for (const std::string& entry : entries) {
    if (entry.starts_with("!")) {
      if (matches(std::string_view(entry).substr(1))) return false;
      continue;
    }
    only_exclusions = false;
    included = included || matches(entry);
  }
  return included || (only_exclusions && !entries.empty());
}

void read_pipeline(const std::filesystem::path& file, Migration& migration) {
  const YAML::Node root = load(file, migration);
  if (!root.IsDefined() || root.IsNull()) return;
  const std::vector<Source> sources = sources_of(root, file.string(), migration);
  for (const Source& source : sources) judge_pipeline_meters(source, sources.size() == 1, file.string(), migration);
  const YAML::Node sinks = root.IsMap() ? root["sinks"] : YAML::Node();
  if (!sinks.IsDefined() || !sinks.IsSequence()) return;
  for (const YAML::Node& sink : sinks) {
    if (sink.IsMap()) judge_sink(sink, file.string(), migration);
  }
}

namespace {

void judge_intervals(const std::vector<Source>& sources, const std::string& file, Migration& migration) {
  std::set<int> intervals;
  for (const Source& source : sources) {
    const YAML::Node node = source.node["interval"];
    int seconds = 0;
    if (!node.IsDefined() || !YAML::convert<int>::decode(node, seconds) || seconds <= 0) {
      migration.findings.push_back({Verdict::fault, file, line_of(source.node), "source " + source.name,
                                    "no interval of whole seconds above 0"});
      continue;
    }
    intervals.insert(seconds);
  }
  if (intervals.empty()) return;
  migration.plan.interval_s = *intervals.begin();
  for (const Source& source : sources) {
    const YAML::Node node = source.node["interval"];
    if (!node.IsDefined()) continue;
    const bool same = text_of(node) == std::to_string(*intervals.begin());
    migration.findings.push_back(
        {same ? Verdict::kept : Verdict::differs, file, line_of(node),
         "source " + source.name + ": interval " + text_of(node),
         same ? "polling.interval"
              : "one interval for all that is polled: the shortest, " + std::to_string(*intervals.begin()) + "s"});
  }
}

void judge_polled_meters(const Source& source, std::span<const PolledMeter> polled, const std::string& file,
                         Migration& migration) {
  for (const YAML::Node& node : source.node["meters"]) {
    const std::string entry = text_of(node);
    const std::string glob = entry.starts_with("!") ? entry.substr(1) : entry;
    const bool known = std::ranges::any_of(polled, [&](const PolledMeter& meter) {
      return meter.poll_namespace != "host" && ::fnmatch(glob.c_str(), meter.name.c_str(), 0) == 0;
    });
    migration.findings.push_back({known ? Verdict::kept : Verdict::ignored, file, line_of(node),
                                  "source " + source.name + ": " + entry,
                                  known ? "polled, unless turned off" : "no installed pollster measures it"});
  }
}

}  // namespace

void read_polling(const std::filesystem::path& file, std::span<const PolledMeter> polled, Migration& migration) {
  const YAML::Node root = load(file, migration);
  if (!root.IsDefined() || root.IsNull()) return;
  const std::vector<Source> sources = sources_of(root, file.string(), migration);
  judge_intervals(sources, file.string(), migration);
  for (const Source& source : sources) {
    judge_polled_meters(source, polled, file.string(), migration);
    for (const char* key : {"resources", "discovery", "group_id_coordination_expression"}) {
      const YAML::Node node = source.node[key];
      if (!node.IsDefined()) continue;
      migration.findings.push_back({Verdict::ignored, file.string(), line_of(node),
                                    "source " + source.name + ": " + key,
                                    "each pollster finds what it measures by its own discovery"});
    }
  }
  for (const PolledMeter& meter : polled) {
    const bool wanted = meter.poll_namespace == "host" || std::ranges::any_of(sources, [&](const Source& source) {
                          return supports_meter(source.meters, meter.name);
                        });
    auto& disabled = migration.plan.disabled_meters;
    if (!wanted && std::ranges::find(disabled, meter.name) == disabled.end()) disabled.push_back(meter.name);
  }
}

void read_definitions(const std::filesystem::path& file, const TryDefinitions& attempt, Migration& migration) {
  const YAML::Node root = load(file, migration);
  if (!root.IsDefined()) return;
  const std::vector<std::string> complaints = attempt(file);
  for (const std::string& complaint : complaints) {
    migration.findings.push_back({Verdict::fault, file.string(), 0, "definitions", complaint});
  }
  const YAML::Node metric = root.IsMap() ? root["metric"] : YAML::Node();
  if (!metric.IsDefined() || !metric.IsSequence()) return;
  for (const YAML::Node& definition : metric) {
    if (!definition.IsMap() || !definition["name"].IsDefined()) continue;
    const std::string what = "meter " + text_of(definition["name"]);
    const int line = line_of(definition);
    const std::string place = file.string() + ":" + std::to_string(line) + ":";
    if (std::ranges::any_of(complaints, [&](const std::string& text) { return text.find(place) != std::string::npos; }))
      continue;
    migration.findings.push_back({Verdict::kept, file.string(), line, what, "read unchanged"});
    if (definition["multi"].IsDefined()) {
      migration.findings.push_back({Verdict::ignored, file.string(), line_of(definition["multi"]), what + ": multi",
                                    "Ceilometer ignores it too; `lookup` took its place"});
    }
  }
}

}  // namespace tally::cli
