// Reads pipeline.yaml, polling.yaml and definitions, and says what Tally makes of each part.
// Not for ceilometer.conf: migration_options.cc.
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <string_view>

#include "base/url.h"
#include "cli/migration.h"
#include "config/polling_file.h"

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
      migration.findings.push_back({Verdict::fault, file, line_of(node), "sources", "an entry is not a map"});
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

// What it asks for by name and Tally does not make.
void tell_unmade(const Source& source, const PollingInventory& installed, const std::string& file,
                 Migration& migration) {
  const YAML::Node meters = source.node["meters"];
  for (const std::string& entry : source.meters) {
    const std::vector<UnmadeMeter> unmade = unmade_meters(entry, installed.meters);
    if (unmade.empty()) continue;
    const auto at = static_cast<std::size_t>(&entry - source.meters.data());
    const YAML::Node place = meters.IsSequence() ? meters[at] : meters;
    migration.findings.push_back({Verdict::ignored, file, line_of(place), "source " + source.name + ": meters " + entry,
                                  "not measured: " + unmade_text(unmade)});
  }
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

void read_pipeline(const std::filesystem::path& file, const PollingInventory& installed, Migration& migration) {
  const YAML::Node root = load(file, migration);
  if (!root.IsDefined() || root.IsNull()) return;
  const std::vector<Source> sources = sources_of(root, file.string(), migration);
  for (const Source& source : sources) {
    judge_pipeline_meters(source, sources.size() == 1, file.string(), migration);
    tell_unmade(source, installed, file.string(), migration);
  }
  const YAML::Node sinks = root.IsMap() ? root["sinks"] : YAML::Node();
  if (!sinks.IsDefined() || !sinks.IsSequence()) return;
  for (const YAML::Node& sink : sinks) {
    if (sink.IsMap()) judge_sink(sink, file.string(), migration);
  }
}

namespace {

void judge_polled(const Source& source, const PollingInventory& installed, const std::string& file,
                  Migration& migration) {
  const std::string who = "source " + source.name + ": ";
  const auto find = [&](Verdict verdict, const YAML::Node& node, const std::string& setting, const std::string& text) {
    migration.findings.push_back({verdict, file, line_of(node), who + setting, text});
  };
  find(Verdict::kept, source.node["interval"], "interval " + text_of(source.node["interval"]), "polling.file");
  const YAML::Node meters = source.node["meters"];
  for (const std::string& entry : source.meters) {
    const std::string_view glob = std::string_view(entry).substr(entry.starts_with("!") ? 1 : 0);
    const bool known = std::ranges::any_of(
        installed.meters, [&](const std::string& meter) { return config::entry_matches(glob, meter); });
    const auto at = static_cast<std::size_t>(&entry - source.meters.data());
    const std::vector<UnmadeMeter> unmade = unmade_meters(entry, installed.meters);
    const std::string left_out = unmade.empty() ? "" : "not measured: " + unmade_text(unmade);
    std::string text = known ? "polling.file" : "no installed pollster is known to measure it";
    if (!left_out.empty()) text = known ? text + "; " + left_out : left_out;
    const Verdict otherwise = known ? Verdict::differs : Verdict::ignored;
    find(known && left_out.empty() ? Verdict::kept : otherwise, meters.IsSequence() ? meters[at] : meters, entry, text);
  }
  if (const YAML::Node list = source.node["resources"]; list.IsDefined()) {
    find(Verdict::kept, list, "resources", "polling.file");
  }
  if (const YAML::Node list = source.node["discovery"]; list.IsDefined()) {
    for (const YAML::Node& node : list) {
      const std::string name = text_of(node);
      const bool known = std::ranges::find(installed.discoveries, name) != installed.discoveries.end();
      find(known ? Verdict::kept : Verdict::differs, node, "discovery " + name,
           known ? "polling.file" : "not installed: each pollster finds what it measures by its own");
    }
  }
}

}  // namespace

// The file itself goes on being read: what is judged here is what it comes to with the pollsters that are installed.
void read_polling(const std::filesystem::path& file, const PollingInventory& installed, Migration& migration) {
  config::Faults faults;
  config::read_polling(file, {file.string(), 0, 0}, faults);
  bool sound = true;
  for (const config::ConfigFault& fault : faults.take({file})) {
    const Verdict verdict = fault.warning ? Verdict::ignored : Verdict::fault;
    migration.findings.push_back({verdict, fault.file, fault.line, "sources", fault.text});
    sound = sound && fault.warning;
  }
  if (!sound) return;
  migration.plan.polling_file = std::filesystem::absolute(file).lexically_normal().string();
  const YAML::Node root = load(file, migration);
  for (const Source& source : sources_of(root, file.string(), migration)) {
    judge_polled(source, installed, file.string(), migration);
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
