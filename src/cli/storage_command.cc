// `tally storage`: makes, upgrades, checks the store, says what its meters cost in bytes, shows its books, and
// acknowledges what it has lost.
// Not for what is in it: `tally query`.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <string>

#include "base/status.h"
#include "base/strings.h"
#include "base/url.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "collector/loss_detector.h"
#include "collector/losses.h"
#include "plugin/managers/driver.h"

namespace tally::cli {
namespace {

using StorageAction =
    std::function<absl::Status(plugin::StorageDriver&, const config::Config&, const plugin::TakeRow&)>;

template <Prepare how>
absl::Status prepare(plugin::StorageDriver& store, const config::Config& /*config*/, const plugin::TakeRow& rows) {
  return store.prepare(how, rows);
}

template <QueryKind kind>
absl::Status ask(plugin::StorageDriver& store, const config::Config& /*config*/, const plugin::TakeRow& rows) {
  Query query;
  query.kind = kind;
  return store.query(query, rows);
}

void say(const plugin::TakeRow& rows, const std::string& line) {
  const Cell cell{"report", CellKind::text, line};
  rows({&cell, 1});
}

// What a collector of this host remembers and the store does not have, noticed by the collector or not yet.
absl::StatusOr<std::vector<collector::Loss>> unseen_losses(plugin::StorageDriver& store, const config::Config& config) {
  const absl::StatusOr<std::string> id = collector::store_id(store);
  if (!id.ok()) return id.status();
  for (const std::filesystem::path& data : {config.data, std::filesystem::path("/var/lib/tally")}) {
    const std::optional<collector::Remembered> remembered = collector::StateFolder::read(data / "collector");
    if (!remembered) continue;
    const collector::WriterRecord& writer = remembered->writer;
    if (writer.store != redact_url(config.storage) && writer.store_id != *id) continue;  // another store's
    return collector::compare(store, *remembered, config.host);
  }
  return std::vector<collector::Loss>();
}

// All that nobody has acknowledged, those too that only the state folder tells; these are kept in the store then.
absl::StatusOr<std::vector<collector::Loss>> all_losses(plugin::StorageDriver& store, const config::Config& config,
                                                        bool keep) {
  absl::StatusOr<std::vector<collector::Loss>> unseen = unseen_losses(store, config);
  if (!unseen.ok()) return unseen.status();
  if (keep) {
    if (absl::Status status = collector::keep_losses(store, *unseen); !status.ok()) return status;
    return collector::open_losses(store);
  }
  absl::StatusOr<std::vector<collector::Loss>> losses = collector::open_losses(store);
  if (!losses.ok()) return losses.status();
  const absl::StatusOr<std::vector<Record>> done = plugin::records_of(store, collector::kAcknowledgedKind);
  if (!done.ok() && done.status().code() != kAbsent) return done.status();
  for (collector::Loss& loss : *unseen) {
    const auto same = [&](const auto& other) { return other.key() == loss.key(); };
    const bool acknowledged =
        done.ok() && std::ranges::any_of(*done, [&](const Record& record) { return record.key == loss.key(); });
    if (!acknowledged && std::ranges::none_of(*losses, same)) losses->push_back(std::move(loss));
  }
  return losses;
}

absl::Status check(plugin::StorageDriver& store, const config::Config& config, const plugin::TakeRow& rows) {
  if (absl::Status status = store.prepare(Prepare::check, rows); !status.ok()) return status;
  const absl::StatusOr<std::vector<collector::Loss>> losses = all_losses(store, config, false);
  if (!losses.ok()) return losses.status();
  for (const collector::Loss& loss : *losses) say(rows, "lost: " + loss.text());
  if (losses->empty()) return absl::OkStatus();
  return permanent(
      "the store does not have all that it had answered for; bring it back or have it read again, then `tally storage "
      "acknowledge-loss`");
}

absl::Status acknowledge(plugin::StorageDriver& store, const config::Config& config, const plugin::TakeRow& rows,
                         const std::string& note) {
  if (absl::Status status = all_losses(store, config, true).status(); !status.ok()) return status;
  const absl::StatusOr<std::vector<collector::Loss>> losses = collector::acknowledge_losses(store, note);
  if (!losses.ok()) return losses.status();
  for (const collector::Loss& loss : *losses) say(rows, "acknowledged: " + loss.text());
  if (losses->empty()) {
    say(rows, "nothing to acknowledge");
    return absl::OkStatus();
  }
  const absl::StatusOr<std::string> id = collector::store_id(store);
  if (!id.ok()) return id.status();
  say(rows, "the store's id is " + *id + " from now on");
  return absl::OkStatus();
}

void run(Context& context, const StorageAction& act, bool makes_it) {
  std::optional<Setup> setup =
      load_setup(context, config::Program::run, makes_it ? needs_all : needs_role<plugin::Role::storage>);
  if (!setup) return;
  const config::Config& config = setup->loaded.config;
  if (makes_it) {
    std::error_code ignored;  // the driver says what it cannot open
    std::filesystem::create_directories(config.data, ignored);
  } else if (const auto missing = missing_store(config)) {
    context.exit_status = fail(kAway, *missing);
    return;
  }
  absl::StatusOr<plugin::Driver<plugin::StorageDriver>> store =
      plugin::open_storage(setup->catalog, config.storage, config);
  if (!store.ok()) {
    context.exit_status = fail(store.status());
    return;
  }
  const auto output = Output::open(context.format_or(Format::table), std::cout);
  const absl::Status status = act(**store, config, [&](std::span<const Cell> row) {
    output->row(row);
    return true;
  });
  output->finish();
  if (!status.ok()) context.exit_status = fail(status);
}

void add(CLI::App& group, Context& context, const char* name, const char* help, const StorageAction& act,
         bool makes_it) {
  CLI::App* command = group.add_subcommand(name, help);
  add_common_options(*command, context);
  command->callback([&context, act, makes_it] { run(context, act, makes_it); });
}

void add_acknowledge(CLI::App& group, Context& context) {
  CLI::App* command = group.add_subcommand("acknowledge-loss", "Say that what the store has lost is known");
  add_common_options(*command, context);
  const auto note = std::make_shared<std::string>();
  command->add_option("--note", *note, "Kept with it: who says so, and what was done")->type_name("TEXT");
  command->callback([&context, note] {
    run(
        context,
        [&note = *note](plugin::StorageDriver& store, const config::Config& config, const plugin::TakeRow& rows) {
          return acknowledge(store, config, rows, note);
        },
        false);
  });
}

}  // namespace

void add_storage_command(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("storage", "The store: init, upgrade, check, usage, books, acknowledge-loss");
  group->require_subcommand(1);
  add(*group, context, "init", "Make it", prepare<Prepare::init>, true);
  add(*group, context, "upgrade", "Bring it to this version", prepare<Prepare::upgrade>, false);
  add(*group, context, "check", "Reachable, of this version, intact, with all it has answered for?", check, false);
  add(*group, context, "size", "Bytes by meter", ask<QueryKind::size>, false);
  add(*group, context, "books", "What became of messages and samples, by bus and day", ask<QueryKind::books>, false);
  add_acknowledge(*group, context);
}

}  // namespace tally::cli
