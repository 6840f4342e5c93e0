// The texts that repeat from sample to sample, kept once and named by small numbers.
// Not for samples: see store.h.
#include "dictionary.h"

#include <optional>

namespace tally::sqlite {

namespace {

constexpr std::size_t kMostSeries = 50'000;
constexpr std::size_t kMostMetadataBytes = 8u << 20;

// Length first, so that no two rows give the same bytes.
void append(std::string& to, const std::optional<std::string_view>& text) {
  const std::uint32_t size = text ? static_cast<std::uint32_t>(text->size()) : 0xFFFFFFFFu;
  to.append(reinterpret_cast<const char*>(&size), sizeof size);
  if (text) to.append(*text);
}

std::int64_t last_key(Database& database) { return database.integer("SELECT last_insert_rowid()"); }

std::int64_t find_meter(Database& database, const Row& row) {
  const auto type = static_cast<std::int64_t>(row.type);
  Statement find = database.prepare("SELECT key FROM meter WHERE name=? AND type=? AND unit=?");
  if (find.add(row.name).add(type).add(row.unit).step()) return find.integer(0);
  Statement insert = database.prepare("INSERT INTO meter (name, type, unit) VALUES (?,?,?)");
  insert.add(row.name).add(type).add(row.unit).run();
  return last_key(database);
}

std::int64_t find_resource(Database& database, const Row& row) {
  Statement find = database.prepare(
      "SELECT key FROM resource WHERE resource_id=? AND project_id IS ? AND project_name IS ? AND user_id IS ? "
      "AND user_name IS ? AND source=?");
  find.add(row.resource_id).add(row.project_id).add(row.project_name).add(row.user_id).add(row.user_name);
  if (find.add(row.source).step()) return find.integer(0);
  Statement insert = database.prepare(
      "INSERT INTO resource (resource_id, project_id, project_name, user_id, user_name, source) VALUES (?,?,?,?,?,?)");
  insert.add(row.resource_id).add(row.project_id).add(row.project_name).add(row.user_id).add(row.user_name);
  insert.add(row.source).run();
  return last_key(database);
}

// FNV-1a: only narrows the search, the text decides.
std::int64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return static_cast<std::int64_t>(hash >> 16);  // 6 bytes in the file instead of 8
}

std::int64_t find_metadata(Database& database, std::string_view text) {
  const std::int64_t hash = hash_of(text);
  Statement find = database.prepare("SELECT key FROM metadata WHERE hash=? AND text=?");
  if (find.add(hash).add(text).step()) return find.integer(0);
  Statement insert = database.prepare("INSERT INTO metadata (hash, text) VALUES (?,?)");
  insert.add(hash).add(text).run();
  return last_key(database);
}

}  // namespace

std::int64_t Dictionary::series(Database& database, const Row& row) {
  scratch_.clear();
  scratch_.push_back(static_cast<char>(row.type));
  append(scratch_, row.name);
  append(scratch_, row.unit);
  append(scratch_, row.resource_id);
  append(scratch_, row.project_id);
  append(scratch_, row.project_name);
  append(scratch_, row.user_id);
  append(scratch_, row.user_name);
  append(scratch_, row.source);
  if (const auto known = series_.find(scratch_); known != series_.end()) return known->second;

  const std::int64_t meter = find_meter(database, row);
  const std::int64_t resource = find_resource(database, row);
  Statement find = database.prepare("SELECT key FROM series WHERE meter=? AND resource=?");
  std::int64_t key = 0;
  if (find.add(meter).add(resource).step()) {
    key = find.integer(0);
  } else {
    database.prepare("INSERT INTO series (meter, resource) VALUES (?,?)").add(meter).add(resource).run();
    key = last_key(database);
  }
  if (series_.size() >= kMostSeries) series_.clear();
  series_.emplace(scratch_, key);
  return key;
}

std::int64_t Dictionary::metadata(Database& database, std::string_view text) {
  if (text.empty() || text == "{}") return 0;
  if (const auto known = metadata_.find(text); known != metadata_.end()) return known->second;
  const std::int64_t key = find_metadata(database, text);
  if (metadata_bytes_ + text.size() > kMostMetadataBytes) {
    metadata_.clear();
    metadata_bytes_ = 0;
  }
  metadata_bytes_ += text.size();
  metadata_.emplace(text, key);
  return key;
}

void Dictionary::forget() {
  series_.clear();
  metadata_.clear();
  metadata_bytes_ = 0;
}

}  // namespace tally::sqlite
