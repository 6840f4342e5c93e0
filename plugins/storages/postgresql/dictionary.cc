// The texts that repeat from sample to sample, kept once and named by small numbers.
// Not for samples: see write.cc.
#include "dictionary.h"

#include <sodium.h>

#include <algorithm>
#include <map>
#include <utility>

#include "binary.h"

namespace tally::postgresql {

namespace {

constexpr std::size_t kMostSeries = 250'000;
constexpr std::size_t kMostMetadata = 250'000;
constexpr int kMostRounds = 5;

// Length first, so that no two rows give the same bytes.
void append(std::string& to, const std::optional<std::string_view>& text) {
  const std::uint32_t size = text ? static_cast<std::uint32_t>(text->size()) : 0xFFFFFFFFu;
  to.append(reinterpret_cast<const char*>(&size), sizeof size);
  if (text) to.append(*text);
}

// What one batch needs of one table.
struct Entry {
  TextHash hash{};
  const Row* row = nullptr;
  Time last{0};  // what the database is to say at least
  std::int64_t meter = 0;
  std::int64_t resource = 0;
  std::int64_t key = 0;
  Time there{0};  // what it says
};
using Entries = std::map<std::string, Entry>;  // by digest, whose order all writers share

struct Table {
  const char* name;
  // $1: the digests. Gives digest, key, last.
  const char* select;
  const char* insert;
  void (*bind_select)(Parameters&, const std::vector<const Entries::value_type*>&);
  void (*bind_insert)(Parameters&, const std::vector<const Entries::value_type*>&);
};

Array digests(const std::vector<const Entries::value_type*>& entries) {
  Array array(Type::uuid);
  for (const auto* entry : entries) array.add(entry->first);
  return array;
}

void bind_digests(Parameters& parameters, const std::vector<const Entries::value_type*>& entries) {
  parameters.add(digests(entries));
}

template <class Member>
Array texts(const std::vector<const Entries::value_type*>& entries, Member member) {
  Array array(Type::text);
  for (const auto* entry : entries) array.add(entry->second.row->*member);
  return array;
}

Array lasts(const std::vector<const Entries::value_type*>& entries) {
  Array array(Type::time);
  for (const auto* entry : entries) array.add(to_server(entry->second.last));
  return array;
}

constexpr Table kMeters = {
    "meter", "SELECT digest, key, timestamptz '-infinity' FROM meter WHERE digest = ANY($1)",
    "INSERT INTO meter (digest, name, type, unit) SELECT * FROM unnest($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    bind_digests, [](Parameters& parameters, const std::vector<const Entries::value_type*>& entries) {
      Array types(Type::smallint);
      for (const auto* entry : entries) types.add(static_cast<std::int16_t>(entry->second.row->type));
      parameters.add(digests(entries)).add(texts(entries, &Row::name)).add(types).add(texts(entries, &Row::unit));
    }};

constexpr Table kResources = {
    "resource", "SELECT digest, key, timestamptz '-infinity' FROM resource WHERE digest = ANY($1)",
    "INSERT INTO resource (digest, resource_id, project_id, project_name, user_id, user_name, source) "
    "SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    bind_digests, [](Parameters& parameters, const std::vector<const Entries::value_type*>& entries) {
      parameters.add(digests(entries)).add(texts(entries, &Row::resource_id)).add(texts(entries, &Row::project_id));
      parameters.add(texts(entries, &Row::project_name)).add(texts(entries, &Row::user_id));
      parameters.add(texts(entries, &Row::user_name)).add(texts(entries, &Row::source));
    }};

constexpr Table kMetadata = {
    "metadata", "SELECT digest, key, last FROM metadata WHERE digest = ANY($1)",
    "INSERT INTO metadata (digest, last, text) SELECT * FROM unnest($1, $2, $3) ON CONFLICT DO NOTHING", bind_digests,
    [](Parameters& parameters, const std::vector<const Entries::value_type*>& entries) {
      parameters.add(digests(entries)).add(lasts(entries)).add(texts(entries, &Row::resource_metadata));
    }};

void add_pairs(Parameters& parameters, const std::vector<const Entries::value_type*>& entries) {
  Array meters(Type::bigint), resources(Type::bigint);
  for (const auto* entry : entries) {
    meters.add(entry->second.meter);
    resources.add(entry->second.resource);
  }
  parameters.add(meters).add(resources);
}

// Its digest is the two numbers' bytes.
constexpr Table kSeries = {
    "series",
    "SELECT int8send(s.meter) || int8send(s.resource), s.key, s.last FROM unnest($1, $2) w(meter, resource) "
    "JOIN series s ON s.meter = w.meter AND s.resource = w.resource",
    "INSERT INTO series (meter, resource, last) SELECT * FROM unnest($1, $2, $3) ON CONFLICT DO NOTHING", add_pairs,
    [](Parameters& parameters, const std::vector<const Entries::value_type*>& entries) {
      add_pairs(parameters, entries);
      parameters.add(lasts(entries));
    }};

// Gives every entry its key; inserts what is not there.
void settle(Connection& connection, const Table& table, Entries& entries) {
  for (int tries = 0;; ++tries) {
    std::vector<const Entries::value_type*> missing;
    for (const auto& entry : entries) {
      if (entry.second.key == 0) missing.push_back(&entry);
    }
    if (missing.empty()) return;
    if (tries == kMostRounds) {
      throw Error::transient("postgresql: " + connection.place() + ": table " + table.name +
                             ": a row was neither new nor there");
    }
    if (tries > 0) {
      Parameters parameters;
      table.bind_insert(parameters, missing);
      connection.ask(table.insert, parameters);
    }
    Parameters parameters;
    table.bind_select(parameters, missing);
    const Result found = connection.ask(table.select, parameters);
    for (int i = 0; i < found.rows(); ++i) {
      const auto entry = entries.find(std::string(found.bytes(i, 0)));
      if (entry == entries.end()) continue;
      entry->second.key = found.integer(i, 1);
      entry->second.there = found.time(i, 2);
    }
  }
}

// Tells the database which partition names an entry by now, once in a partition's time.
void renew(Connection& connection, const char* table, const Entries& entries) {
  std::map<std::int64_t, Time> stale;
  for (const auto& [digest, entry] : entries) {
    if (entry.there < entry.last) stale.emplace(entry.key, entry.last);
  }
  if (stale.empty()) return;
  Array keys(Type::bigint), ends(Type::time);
  for (const auto& [key, last] : stale) {
    keys.add(key);
    ends.add(to_server(last));
  }
  const std::string name(table);
  connection.ask("SELECT FROM " + name + " WHERE key = ANY($1) ORDER BY key FOR NO KEY UPDATE", Parameters().add(keys));
  connection.ask("UPDATE " + name +
                     " t SET last = greatest(t.last, u.last) FROM unnest($1, $2) u(key, last) "
                     "WHERE t.key = u.key",
                 Parameters().add(keys).add(ends));
}

Entry& wanted(Entries& entries, std::string digest, const Row& row, Time last) {
  Entry& entry = entries[std::move(digest)];
  entry.row = &row;
  entry.last = std::max(entry.last, last);
  return entry;
}

void append_meter(std::string& to, const Row& row) {
  to.push_back(static_cast<char>(row.type));
  append(to, row.name);
  append(to, row.unit);
}

void append_resource(std::string& to, const Row& row) {
  append(to, row.resource_id);
  append(to, row.project_id);
  append(to, row.project_name);
  append(to, row.user_id);
  append(to, row.user_name);
  append(to, row.source);
}

bool same_resource(const Row& one, const Row& other) {
  return one.resource_id == other.resource_id && one.project_id == other.project_id &&
         one.project_name == other.project_name && one.user_id == other.user_id && one.user_name == other.user_name &&
         one.source == other.source;
}

std::string meter_digest(const Row& row) {
  std::string text;
  append_meter(text, row);
  return text_digest(text);
}

std::string resource_digest(const Row& row) {
  std::string text;
  append_resource(text, row);
  return text_digest(text);
}

bool fits(const std::optional<std::string_view>& text) { return !text || fits_text(*text); }

std::string refusal(const char* what) {
  return std::string("its ") + what + " has a NUL character or is not UTF-8, which PostgreSQL cannot keep";
}

std::string refusal_of(const Row& row) {
  if (!fits(row.name)) return refusal("name");
  if (!fits(row.unit)) return refusal("unit");
  if (!fits(row.resource_id)) return refusal("resource_id");
  if (!fits(row.project_id)) return refusal("project_id");
  if (!fits(row.project_name)) return refusal("project_name");
  if (!fits(row.user_id)) return refusal("user_id");
  if (!fits(row.user_name)) return refusal("user_name");
  if (!fits(row.source)) return refusal("source");
  return {};
}

bool no_metadata(const Row& row) { return row.resource_metadata.empty() || row.resource_metadata == "{}"; }

}  // namespace

Dictionary::Dictionary() : series_(kMostSeries), metadata_(kMostMetadata) {}

// The resource's texts first, whose hash the next rows often share.
TextHash Dictionary::series_hash(const Row& row) {
  if (!last_row_ || !same_resource(*last_row_, row)) {
    scratch_.clear();
    append_resource(scratch_, row);
    last_resource_ = hash_(scratch_);
  }
  scratch_.assign(reinterpret_cast<const char*>(last_resource_.data()), sizeof last_resource_);
  append_meter(scratch_, row);
  return hash_(scratch_);
}

std::string Dictionary::look_at(StorableRow& kept) {
  const Row& row = kept.row;
  kept.series_hash = series_hash(row);
  if (!no_metadata(row)) {
    const bool same = last_row_ && last_row_->resource_metadata == row.resource_metadata;
    kept.metadata_hash = same ? last_metadata_ : hash_(row.resource_metadata);
    last_metadata_ = kept.metadata_hash;
  }
  last_row_ = row;
  if (series_.find(kept.series_hash) == nullptr) {
    if (std::string why = refusal_of(row); !why.empty()) return why;
  }
  if (!no_metadata(row) && metadata_.find(kept.metadata_hash) == nullptr && !fits_text(row.resource_metadata)) {
    return refusal("resource_metadata");
  }
  return {};
}

void Dictionary::number(Connection& connection, std::span<StorableRow> rows) {
  number_series(connection, rows);
  number_metadata(connection, rows);
}

void Dictionary::number_series(Connection& connection, std::span<StorableRow> rows) {
  std::vector<StorableRow*> open;
  Entries meters, resources, series;
  for (StorableRow& kept : rows) {
    const Numbered* known = series_.find(kept.series_hash);
    if (known != nullptr) kept.series = known->key;
    if (known == nullptr || known->last < kept.partition_end) open.push_back(&kept);
  }
  if (open.empty()) return;
  std::vector<std::pair<std::string, std::string>> named;  // by row: the digests of its meter and its resource
  for (const StorableRow* kept : open) {
    named.emplace_back(meter_digest(kept->row), resource_digest(kept->row));
    wanted(meters, named.back().first, kept->row, Time{0});
    wanted(resources, named.back().second, kept->row, Time{0});
  }
  settle(connection, kMeters, meters);
  settle(connection, kResources, resources);
  std::vector<std::string> pairs;
  for (std::size_t i = 0; i < open.size(); ++i) {
    std::string& pair = pairs.emplace_back();
    const std::int64_t meter = meters[named[i].first].key, resource = resources[named[i].second].key;
    put(pair, meter);
    put(pair, resource);
    Entry& entry = wanted(series, pair, open[i]->row, open[i]->partition_end);
    entry.hash = open[i]->series_hash;
    entry.meter = meter;
    entry.resource = resource;
  }
  settle(connection, kSeries, series);
  renew(connection, "series", series);
  for (std::size_t i = 0; i < open.size(); ++i) open[i]->series = series[pairs[i]].key;
  for (const auto& [pair, entry] : series) {
    new_series_.push_back({entry.hash, {entry.key, std::max(entry.last, entry.there)}});
  }
}

void Dictionary::number_metadata(Connection& connection, std::span<StorableRow> rows) {
  std::vector<std::pair<StorableRow*, std::string>> open;
  Entries metadata;
  for (StorableRow& kept : rows) {
    if (no_metadata(kept.row)) continue;
    const Numbered* known = metadata_.find(kept.metadata_hash);
    if (known != nullptr) kept.metadata = known->key;
    if (known != nullptr && known->last >= kept.partition_end) continue;
    open.emplace_back(&kept, text_digest(kept.row.resource_metadata));
    wanted(metadata, open.back().second, kept.row, kept.partition_end).hash = kept.metadata_hash;
  }
  if (open.empty()) return;
  settle(connection, kMetadata, metadata);
  renew(connection, "metadata", metadata);
  for (auto& [kept, digest] : open) kept->metadata = metadata[digest].key;
  for (const auto& [digest, entry] : metadata) {
    new_metadata_.push_back({entry.hash, {entry.key, std::max(entry.last, entry.there)}});
  }
}

void Dictionary::committed() {
  for (const Pending& made : new_series_) series_.insert(made.hash, made.numbered);
  for (const Pending& made : new_metadata_) metadata_.insert(made.hash, made.numbered);
  undone();
}

void Dictionary::undone() {
  new_series_.clear();
  new_metadata_.clear();
}

void Dictionary::forget() {
  series_.clear();
  metadata_.clear();
  undone();
}

}  // namespace tally::postgresql
