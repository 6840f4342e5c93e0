// `tally dead-letter`: looks at what could not be stored, tries it again, or throws it away. Talks to the store alone.
// Not for deciding what is dead: the collector does.
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "collector/replay.h"
#include "collector/wiring.h"

namespace tally::cli {
namespace {

struct Open {
  Setup setup;
  std::unique_ptr<plugin::StorageDriver> store;
};

// To read, or else to change: then all of the configuration is to be sound.
std::optional<Open> open(Context& context, bool reads) {
  std::optional<Setup> setup =
      load_setup(context, config::Program::run, reads ? needs_role<plugin::Role::storage> : needs_all);
  if (!setup) return std::nullopt;
  if (const auto missing = missing_store(setup->loaded.config)) {
    context.exit_status = fail(kAway, *missing);
    return std::nullopt;
  }
  absl::StatusOr<std::unique_ptr<plugin::StorageDriver>> store =
      collector::make_store(setup->catalog, setup->loaded.config);
  if (!store.ok()) {
    context.exit_status = fail(store.status());
    return std::nullopt;
  }
  return Open{std::move(*setup), std::move(*store)};
}

std::string no_such(const std::string& digest) {
  return "there is no dead letter " + digest + "; `tally dead-letter list` has all";
}

Query letters(const std::string& digest) {
  Query query;
  query.kind = QueryKind::dead_letters;
  query.digest = digest;
  return query;
}

absl::StatusOr<std::vector<std::string>> all_digests(plugin::StorageDriver& store) {
  std::vector<std::string> digests;
  const absl::Status status = store.query(letters(""), [&](std::span<const Cell> row) {
    for (const Cell& cell : row) {
      if (cell.name == "digest") digests.emplace_back(cell.value);
    }
    return true;
  });
  if (!status.ok()) return status;
  return digests;
}

absl::StatusOr<DeadLetter> read_letter(plugin::StorageDriver& store, const std::string& digest) {
  std::map<std::string, std::optional<std::string>, std::less<>> fields;
  const absl::Status status = store.query(letters(digest), [&](std::span<const Cell> row) {
    for (const Cell& cell : row) {
      fields[std::string(cell.name)] =
          cell.kind == CellKind::null ? std::nullopt : std::optional(std::string(cell.value));
    }
    return false;
  });
  if (!status.ok()) return status;
  if (fields.empty()) return permanent(no_such(digest));
  const auto text = [&](const char* name) { return fields[name].value_or(""); };
  DeadLetter letter{.digest = text("digest"),
                    .kind = text("kind"),
                    .reason = text("reason"),
                    .detail = text("detail"),
                    .bus = text("bus"),
                    .event_type = fields["event_type"],
                    .message_id = fields["message_id"],
                    .handler = fields["handler"],
                    .body = text("body"),
                    .received = {}};
  for (const char* name : {"received", "received_at"})
    letter.received = Time::parse(text(name)).value_or(letter.received);
  return letter;
}

void list_letters(Context& context) {
  std::optional<Open> opened = open(context, true);
  if (!opened) return;
  const Format format = context.format_or(Format::table);
  const auto output = Output::open(
      format, std::cout,
      format == Format::table ? std::vector<std::string>{"digest", "kind", "reason", "event_type", "handler", "detail"}
                              : std::vector<std::string>());
  const absl::Status status = opened->store->query(letters(""), [&](std::span<const Cell> row) {
    output->row(row);
    return true;
  });
  if (status.ok()) output->finish();
  if (!status.ok()) context.exit_status = fail(status);
}

void show_letter(Context& context, const std::string& digest) {
  std::optional<Open> opened = open(context, true);
  if (!opened) return;
  const auto output = Output::open(context.format_or(Format::json), std::cout);
  bool any = false;
  const absl::Status status = opened->store->query(letters(digest), [&](std::span<const Cell> row) {
    output->row(row);
    return any = true;
  });
  if (any) output->finish();
  if (!status.ok()) {
    context.exit_status = fail(status);
  } else if (!any) {
    context.exit_status = fail(kFailed, no_such(digest));
  }
}

// Whether there is something to show of it.
bool replay_one(Context& context, Open& opened, collector::Pipeline& pipeline, const std::string& digest,
                Output& output) {
  const absl::StatusOr<DeadLetter> letter = read_letter(*opened.store, digest);
  if (!letter.ok()) {
    context.exit_status = fail(letter.status());
    return false;
  }
  const absl::StatusOr<collector::Replayed> done = collector::replay(pipeline, *opened.store, *letter);
  if (!done.ok()) {
    context.exit_status = fail(done.status());
    return false;
  }
  RowBuilder row;
  row.text("digest", digest)
      .text("outcome", collector::to_string(done->outcome))
      .number("stored", done->stored)
      .number("duplicate", done->duplicate)
      .text("why", done->why);
  row.emit(output);
  if (done->outcome == collector::Outcome::dead) context.exit_status = kFailed;
  return true;
}

void replay(Context& context, std::vector<std::string> digests, bool all) {
  if (digests.empty() != all) {
    context.exit_status = fail(kUsage, "dead-letter replay: name the digests, or say --all, not both");
    return;
  }
  std::optional<Open> opened = open(context, false);
  if (!opened) return;
  absl::StatusOr<collector::Pipeline> pipeline =
      collector::make_pipeline(opened->setup.catalog, opened->setup.loaded.config);
  if (!pipeline.ok()) {
    context.exit_status = fail(pipeline.status());
    return;
  }
  if (all) {
    absl::StatusOr<std::vector<std::string>> found = all_digests(*opened->store);
    if (!found.ok()) {
      context.exit_status = fail(found.status());
      return;
    }
    digests = std::move(*found);
  }
  const auto output =
      Output::open(context.format_or(Format::table), std::cout, {"digest", "outcome", "stored", "duplicate", "why"});
  bool any = digests.empty();
  for (const std::string& digest : digests) any = replay_one(context, *opened, *pipeline, digest, *output) || any;
  if (any) output->finish();
}

void purge(Context& context, const std::vector<std::string>& digests, bool all) {
  if (digests.empty() != all) {
    context.exit_status = fail(kUsage, "dead-letter purge: name the digests, or say --all, not both");
    return;
  }
  std::optional<Open> opened = open(context, false);
  if (!opened) return;
  const absl::StatusOr<std::uint64_t> removed = opened->store->purge_dead_letters(digests);
  if (!removed.ok()) {
    context.exit_status = fail(removed.status());
    return;
  }
  RowBuilder row;
  const auto output = Output::open(context.format_or(Format::table), std::cout);
  row.number("purged", *removed).emit(*output);
  output->finish();
  if (!all && *removed < digests.size()) {
    context.exit_status = fail(kFailed, std::to_string(digests.size() - *removed) + " of them were not there");
  }
}

}  // namespace

void add_dead_letter_command(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("dead-letter", "What could not be stored: list, show, replay, purge");
  group->require_subcommand(1);
  CLI::App* list_command = group->add_subcommand("list", "All of them, without their bodies");
  CLI::App* show_command = group->add_subcommand("show", "One, with its body");
  CLI::App* replay_command = group->add_subcommand("replay", "Try again: through the pipeline into the store");
  CLI::App* purge_command = group->add_subcommand("purge", "Throw away");
  for (CLI::App* command : {list_command, show_command, replay_command, purge_command}) {
    add_common_options(*command, context);
  }
  struct DeadLetterArguments {
    std::vector<std::string> digests;
    std::string digest;
    bool all = false;
  };
  const auto arguments = std::make_shared<DeadLetterArguments>();
  show_command->add_option("DIGEST", arguments->digest)->required();
  for (CLI::App* command : {replay_command, purge_command}) {
    command->add_option("DIGEST", arguments->digests);
    command->add_flag("--all", arguments->all, "All there are");
  }
  list_command->callback([&context] { list_letters(context); });
  show_command->callback([&context, arguments] { show_letter(context, arguments->digest); });
  replay_command->callback([&context, arguments] { replay(context, arguments->digests, arguments->all); });
  purge_command->callback([&context, arguments] { purge(context, arguments->digests, arguments->all); });
}

}  // namespace tally::cli
