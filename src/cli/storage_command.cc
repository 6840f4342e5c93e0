// `tally storage`: makes, upgrades, checks the store, says what its meters cost in bytes, and shows its books.
// Not for what is in it: `tally query`.
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include "cli/cli.h"
#include "cli/values.h"
#include "plugin/driver.h"

namespace tally::cli {
namespace {

using Act = absl::Status (*)(host::Storage&, const host::RowSink&);

template <host::Prepare how>
absl::Status prepare(host::Storage& store, const host::RowSink& rows) {
  return store.prepare(how, rows);
}

template <host::QueryKind kind>
absl::Status ask(host::Storage& store, const host::RowSink& rows) {
  host::Query query;
  query.kind = kind;
  return store.query(query, rows);
}

void run(Context& context, Act act, bool makes_it) {
  std::optional<Setup> setup = load_setup(context, host::Program::run);
  if (!setup) return;
  const host::Config& config = setup->loaded.config;
  if (makes_it) {
    std::error_code ignored;  // the driver says what it cannot open
    std::filesystem::create_directories(config.data, ignored);
  } else if (const auto missing = missing_store(config)) {
    context.exit_status = fail(kAway, *missing);
    return;
  }
  absl::StatusOr<host::Driver<host::Storage>> store = host::open_storage(setup->catalog, config.storage, config);
  if (!store.ok()) {
    context.exit_status = fail(store.status());
    return;
  }
  const auto output = Output::open(context.format_or(Format::table), std::cout);
  const absl::Status status = act(**store, [&](std::span<const host::Cell> row) {
    output->row(row);
    return true;
  });
  output->finish();
  if (!status.ok()) context.exit_status = fail(status);
}

void add(CLI::App& group, Context& context, const char* name, const char* help, Act act, bool makes_it) {
  CLI::App* command = group.add_subcommand(name, help);
  add_common_options(*command, context);
  command->callback([&context, act, makes_it] { run(context, act, makes_it); });
}

}  // namespace

void add_storage_command(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("storage", "The store: init, upgrade, check, usage, books");
  group->require_subcommand(1);
  add(*group, context, "init", "Make it", prepare<host::Prepare::init>, true);
  add(*group, context, "upgrade", "Bring it to this version", prepare<host::Prepare::upgrade>, false);
  add(*group, context, "check", "Reachable, of this version, intact?", prepare<host::Prepare::check>, false);
  add(*group, context, "usage", "Bytes by meter", ask<host::QueryKind::usage>, false);
  add(*group, context, "books", "What became of messages and samples, by bus and day", ask<host::QueryKind::books>,
      false);
}

}  // namespace tally::cli
