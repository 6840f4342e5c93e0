// `tally query`: asks the store of the configuration, without a daemon.
// Not for writing: nothing here changes the store.
#include <charconv>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "cli/cli.h"
#include "cli/values.h"
#include "core/strings.h"
#include "plugin/driver.h"

namespace tally::cli {
namespace {

struct Arguments {
  std::string meter, resource, project, user, source, start, end, period;
  std::vector<std::string> filters, group_by;
  std::optional<std::int64_t> as_of, limit;
  bool newest_first = false;
};

// An answer without rows still has its header.
std::vector<std::string> columns_of(host::QueryKind kind) {
  switch (kind) {
    case host::QueryKind::meters:
      return {"name", "type", "unit", "resources", "samples", "first", "last"};
    case host::QueryKind::resources:
      return {"resource_id", "project_id", "user_id", "source", "meters", "samples", "first", "last"};
    case host::QueryKind::samples:
      return {"timestamp", "name", "type", "volume", "unit", "resource_id", "project_id", "user_id"};
    default:
      return {};
  }
}

absl::StatusOr<host::Query> to_query(host::QueryKind kind, const Arguments& arguments) {
  host::Query query;
  query.kind = kind;
  query.meter = arguments.meter;
  query.descending = arguments.newest_first;
  query.as_of = arguments.as_of;
  query.limit = arguments.limit;
  query.group_by = arguments.group_by;
  for (auto [text, field] : {std::pair{&arguments.start, &query.start}, std::pair{&arguments.end, &query.end}}) {
    if (text->empty()) continue;
    *field = Time::parse(*text);
    if (!*field) return absl::InvalidArgumentError("\"" + *text + "\" is no time; write 2026-01-02T03:04:05 (UTC)");
  }
  if (!arguments.period.empty()) {
    const std::optional<std::int64_t> period = duration_us(arguments.period);
    if (!period || *period <= 0) {
      return absl::InvalidArgumentError("--period " + arguments.period + ": write seconds, or 60s, 5m, 1h, 1d");
    }
    query.period_us = *period;
  }
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) query.filters.push_back({name, value});
  };
  add("resource_id", arguments.resource);
  add("project_id", arguments.project);
  add("user_id", arguments.user);
  add("source", arguments.source);
  for (const std::string& filter : arguments.filters) {
    const std::size_t equals = filter.find('=');
    if (equals == std::string::npos || equals == 0) {
      return absl::InvalidArgumentError("--filter " + filter + ": write KEY=VALUE, such as metadata.state=active");
    }
    query.filters.push_back({filter.substr(0, equals), filter.substr(equals + 1)});
  }
  return query;
}

void run(Context& context, host::QueryKind kind, const Arguments& arguments) {
  const absl::StatusOr<host::Query> query = to_query(kind, arguments);
  if (!query.ok()) {
    context.exit_status = fail(kUsage, to_std(query.status().message()));
    return;
  }
  std::optional<Setup> setup = load_setup(context, host::Program::run);
  if (!setup) return;
  if (const auto missing = missing_store(setup->loaded.config)) {
    context.exit_status = fail(kAway, *missing);
    return;
  }
  const host::Config& config = setup->loaded.config;
  absl::StatusOr<host::Driver<host::Storage>> store = host::open_storage(setup->catalog, config.storage, config);
  if (!store.ok()) {
    context.exit_status = fail(store.status());
    return;
  }
  const Format format = context.format_or(Format::table);
  // For eyes the columns that matter; programs get every key.
  const auto output =
      Output::open(format, std::cout, format == Format::table ? columns_of(kind) : std::vector<std::string>());
  const absl::Status status = (*store)->query(*query, [&](std::span<const host::Cell> row) {
    output->row(row);
    return static_cast<bool>(std::cout);
  });
  output->finish();
  if (!status.ok()) context.exit_status = fail(status);
}

void add_kind(CLI::App& query, Context& context, host::QueryKind kind, const char* name, const char* help) {
  CLI::App* command = query.add_subcommand(name, help);
  add_common_options(*command, context);
  const auto arguments = std::make_shared<Arguments>();
  command->add_option("METER", arguments->meter, "The meter's name; * is any run of characters");
  command->add_option("--resource", arguments->resource, "Only this resource");
  command->add_option("--project", arguments->project, "Only this project");
  command->add_option("--user", arguments->user, "Only this user");
  command->add_option("--source", arguments->source, "Only this source");
  command->add_option("--filter", arguments->filters, "KEY=VALUE: unit, type, metadata.<key> …; may be repeated")
      ->allow_extra_args(false);
  command->add_option("--start", arguments->start, "From this time on, UTC");
  command->add_option("--end,--stop", arguments->end, "Up to, not including, this time");
  command->add_option("--as-of", arguments->as_of, "As the store was after this batch")->check(CLI::NonNegativeNumber);
  command->add_option("--limit", arguments->limit, "At most so many rows")->check(CLI::NonNegativeNumber);
  if (kind == host::QueryKind::samples) command->add_flag("--newest-first", arguments->newest_first, "Newest first");
  if (kind == host::QueryKind::statistics) {
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
  add_kind(*query, context, host::QueryKind::meters, "meters", "What is measured");
  add_kind(*query, context, host::QueryKind::resources, "resources", "What it is measured of");
  add_kind(*query, context, host::QueryKind::samples, "samples", "The measurements");
  add_kind(*query, context, host::QueryKind::statistics, "statistics", "count, sum, min, max, avg, exact in decimals");
}

}  // namespace tally::cli
