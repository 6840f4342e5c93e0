// `tally query`: asks the store of the configuration, without a daemon.
// Not for writing: nothing here changes the store.
#include <charconv>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "base/strings.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "plugin/managers/driver.h"

namespace tally::cli {
namespace {

struct QueryArguments {
  std::string meter, resource, project, user, source, start, end, period;
  std::string as_of, limit;
  std::vector<std::string> filters, group_by;
  bool newest_first = false;
};

// An answer without rows still has its header.
std::vector<std::string> columns_of(QueryKind kind) {
  switch (kind) {
    case QueryKind::meters:
      return {"name", "type", "unit", "resources", "samples", "first", "last"};
    case QueryKind::resources:
      return {"resource_id", "project_id", "user_id", "source", "meters", "samples", "first", "last"};
    case QueryKind::samples:
      return {"timestamp", "name", "type", "volume", "unit", "resource_id", "project_id", "user_id"};
    default:
      return {};
  }
}

absl::Status wrong(const std::string& text) { return absl::InvalidArgumentError(text); }

absl::Status read_whole_number(const char* option, const std::string& text, std::optional<std::int64_t>& value) {
  if (text.empty()) return absl::OkStatus();
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) {
    return wrong(std::string(option) + " must be a non-negative integer, and \"" + text + "\" is not");
  }
  value = number;
  return absl::OkStatus();
}

absl::Status read_times(const QueryArguments& arguments, Query& query) {
  const auto read = [](const char* option, const std::string& text, std::optional<Time>& time) {
    if (!text.empty()) time = Time::parse(text);
    return text.empty() || time ? absl::OkStatus()
                                : wrong(std::string(option) + " \"" + text + "\" is not a time; write 2026-01-02 or " +
                                        "2026-01-02T03:04:05 (UTC)");
  };
  if (absl::Status status = read("--start", arguments.start, query.start); !status.ok()) return status;
  if (absl::Status status = read("--end", arguments.end, query.end); !status.ok()) return status;
  if (query.start && query.end && query.end->us <= query.start->us) {
    return wrong("--start " + arguments.start + " is not before --end " + arguments.end);
  }
  if (arguments.period.empty()) return absl::OkStatus();
  const std::optional<std::int64_t> period = duration_us(arguments.period);
  if (!period || *period <= 0) return wrong("--period \"" + arguments.period + "\": write seconds, or 60s, 5m, 1h, 1d");
  query.period_us = *period;
  return absl::OkStatus();
}

// The fields that every storage driver knows: tally/abi/storage.h.
absl::Status check_field(const std::string& what, const std::string& field, std::vector<std::string_view> known) {
  constexpr std::string_view kMetadata = "metadata.";
  if (field.rfind(kMetadata, 0) == 0 && field.size() > kMetadata.size()) return absl::OkStatus();
  std::string list;
  for (const std::string_view name : known) {
    if (name == field) return absl::OkStatus();
    list.append(name).append(", ");
  }
  return wrong(what + ": there is no field \"" + field + "\"; use " + list + "or metadata.KEY");
}

absl::Status read_filters(const QueryArguments& arguments, Query& query) {
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) query.filters.push_back({name, value});
  };
  add("resource_id", arguments.resource);
  add("project_id", arguments.project);
  add("user_id", arguments.user);
  add("source", arguments.source);
  for (const std::string& filter : arguments.filters) {
    const std::size_t equals = filter.find('=');
    const std::string what = "--filter " + filter;
    if (equals == std::string::npos || equals == 0)
      return wrong(what + ": write KEY=VALUE, as in metadata.state=active");
    query.filters.push_back({filter.substr(0, equals), filter.substr(equals + 1)});
    absl::Status status = check_field(what, query.filters.back().field,
                                      {"resource_id", "project_id", "user_id", "source", "unit", "type"});
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<Query> to_query(QueryKind kind, const QueryArguments& arguments) {
  Query query;
  query.kind = kind;
  query.meter = arguments.meter;
  query.descending = arguments.newest_first;
  query.group_by = arguments.group_by;
  for (const std::string& field : query.group_by) {
    absl::Status status =
        check_field("--group-by", field, {"resource_id", "project_id", "user_id", "source", "meter", "type"});
    if (!status.ok()) return status;
  }
  absl::Status status = read_times(arguments, query);
  if (status.ok()) status = read_filters(arguments, query);
  if (status.ok()) status = read_whole_number("--as-of", arguments.as_of, query.as_of);
  if (status.ok()) status = read_whole_number("--limit", arguments.limit, query.limit);
  if (!status.ok()) return status;
  return query;
}

void run(Context& context, QueryKind kind, const QueryArguments& arguments) {
  const absl::StatusOr<Query> query = to_query(kind, arguments);
  if (!query.ok()) {
    context.exit_status = fail(kUsage, to_std(query.status().message()));
    return;
  }
  std::optional<Setup> setup = load_setup(context, config::Program::run, needs_role<plugin::Role::storage>);
  if (!setup) return;
  if (const auto missing = missing_store(setup->loaded.config)) {
    context.exit_status = fail(kAway, *missing);
    return;
  }
  const config::Config& config = setup->loaded.config;
  absl::StatusOr<plugin::Driver<plugin::StorageDriver>> store =
      plugin::open_storage(setup->catalog, config.storage, config);
  if (!store.ok()) {
    context.exit_status = fail(store.status());
    return;
  }
  const Format format = context.format_or(Format::table);
  // For eyes the columns that matter; programs get every key.
  const auto output =
      Output::open(format, std::cout, format == Format::table ? columns_of(kind) : std::vector<std::string>());
  bool any = false;
  const absl::Status status = (*store)->query(*query, [&](std::span<const Cell> row) {
    output->row(row);
    any = true;
    return static_cast<bool>(std::cout);
  });
  if (status.ok() || any) output->finish();  // a header alone would look like an answer
  if (!status.ok()) context.exit_status = fail(status);
}

void add_kind(CLI::App& query, Context& context, QueryKind kind, const char* name, const char* help) {
  CLI::App* command = query.add_subcommand(name, help);
  add_common_options(*command, context);
  const auto arguments = std::make_shared<QueryArguments>();
  command->add_option("METER", arguments->meter, "The meter's name; * is any run of characters");
  command->add_option("--resource", arguments->resource, "Only this resource");
  command->add_option("--project", arguments->project, "Only this project");
  command->add_option("--user", arguments->user, "Only this user");
  command->add_option("--source", arguments->source, "Only this source");
  command->add_option("--filter", arguments->filters, "KEY=VALUE: unit, type, metadata.<key> …; may be repeated")
      ->allow_extra_args(false);
  command->add_option("--start", arguments->start, "From this time on, UTC")->type_name("TIME");
  command->add_option("--end,--stop", arguments->end, "Up to, not including, this time")->type_name("TIME");
  command->add_option("--as-of", arguments->as_of, "As the store was after this batch")->type_name("BATCH");
  command->add_option("--limit", arguments->limit, "At most so many rows")->type_name("COUNT");
  if (kind == QueryKind::samples) command->add_flag("--newest-first", arguments->newest_first, "Newest first");
  if (kind == QueryKind::statistics) {
    command->add_option("--period", arguments->period, "A row for each window of this width: 60s, 1h, 1d");
    command->add_option("--group-by", arguments->group_by, "A row for each value of these: resource_id, project_id …")
        ->delimiter(',')
        ->allow_extra_args(false);
  }
  command->callback([&context, kind, arguments] { run(context, kind, *arguments); });
}

}  // namespace

void add_query_command(CLI::App& app, Context& context) {
  CLI::App* query = app.add_subcommand("query", "Ask what is stored");
  query->require_subcommand(1);
  add_kind(*query, context, QueryKind::meters, "meters", "What is measured");
  add_kind(*query, context, QueryKind::resources, "resources", "What it is measured of");
  add_kind(*query, context, QueryKind::samples, "samples", "The measurements");
  add_kind(*query, context, QueryKind::statistics, "statistics", "count, sum, min, max, avg, exact in decimals");
}

}  // namespace tally::cli
