// Losses as text, as JSON, and as records of the store.
#include "collector/losses.h"

#include <tally/kit/json.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <random>
#include <set>

#include "base/json.h"
#include "base/status.h"
#include "base/strings.h"

namespace tally::collector {
namespace {

constexpr std::size_t kMostListed = 1'000;  // of one loss's batches, in its record
constexpr int kTries = 5;                   // where another process acknowledges at the same time

std::string plural(std::uint64_t count, const std::string& word) {
  return std::to_string(count) + " " + word + (count == 1 ? "" : "s");
}

std::optional<std::uint64_t> number_at(const Json& object, std::string_view key) {
  const Json* value = object.at(key);
  const std::optional<std::int64_t> number = value == nullptr ? std::nullopt : value->integer();
  if (!number || *number < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

std::string text_at(const Json& object, std::string_view key) {
  const Json* value = object.at(key);
  return value == nullptr ? std::string() : std::string(value->text().value_or(""));
}

std::optional<Commit> commit_of(const Json& object) {
  const auto sequence = number_at(object, "sequence"), messages = number_at(object, "messages"),
             samples = number_at(object, "samples");
  const std::optional<Time> time = Time::parse(text_at(object, "time"));
  if (!sequence || !messages || !samples || !time) return std::nullopt;
  return Commit{0, *sequence, *time, static_cast<std::uint32_t>(*messages), static_cast<std::uint32_t>(*samples)};
}

}  // namespace

std::string random_id() {
  std::random_device random;
  std::string text;
  for (int i = 0; i < 4; ++i) {
    std::array<char, 9> digits{};
    std::snprintf(digits.data(), digits.size(), "%08x", random());
    text += digits.data();
  }
  return text;
}

std::string Loss::key() const { return writer + "/" + std::to_string(after) + "-" + std::to_string(last); }

std::uint64_t Loss::samples() const {
  std::uint64_t sum = 0;
  for (const Commit& batch : batches) sum += batch.samples;
  return sum;
}

std::string Loss::text() const {
  if (batches.empty()) return "all batches that " + host + " wrote up to number " + std::to_string(last);
  std::uint64_t messages = 0;
  for (const Commit& batch : batches) messages += batch.messages;
  const bool one = batches.size() == 1;
  return (one ? "the batch" : "the " + std::to_string(batches.size()) + " batches") + " that " + host + " wrote " +
         (one ? "at " : "from " + batches.front().time.to_string() + " to ") + batches.back().time.to_string() + " (" +
         plural(samples(), "sample") + " of " + plural(messages, "message") + ")" + (more ? ", and earlier ones" : "");
}

std::string Loss::json() const {
  std::string list;
  const std::size_t skipped = batches.size() - std::min(batches.size(), kMostListed);
  for (std::size_t i = skipped; i < batches.size(); ++i) {
    const Commit& batch = batches[i];
    JsonWriter one;
    one.number("sequence", static_cast<std::int64_t>(batch.sequence)).text("time", batch.time.to_string());
    list += (list.empty() ? "" : ",") + one.number("messages", batch.messages).number("samples", batch.samples).str();
  }
  JsonWriter json;
  json.text("writer", writer).text("host", host).number("after", static_cast<std::int64_t>(after));
  json.number("last", static_cast<std::int64_t>(last)).boolean("more", more || skipped > 0);
  return json.raw("batches", "[" + list + "]").str();
}

std::optional<Loss> Loss::parse(std::string_view text) {
  const std::optional<Json> json = Json::parse(text);
  if (!json) return std::nullopt;
  const auto after = number_at(*json, "after"), last = number_at(*json, "last");
  const Json* more = json->at("more");
  const Json* batches = json->at("batches");
  Loss loss;
  loss.writer = text_at(*json, "writer");
  loss.host = text_at(*json, "host");
  if (!after || !last || loss.writer.empty() || batches == nullptr || !batches->is_array()) return std::nullopt;
  loss.after = *after;
  loss.last = *last;
  loss.more = more != nullptr && more->boolean().value_or(false);
  for (const Json& batch : batches->items()) {
    const std::optional<Commit> commit = commit_of(batch);
    if (!commit) return std::nullopt;
    loss.batches.push_back(*commit);
  }
  return loss;
}

absl::StatusOr<std::string> store_id(plugin::StorageDriver& storage) {
  const absl::StatusOr<std::vector<Record>> records = plugin::records_of(storage, "store", "id");
  if (records.status().code() == kAbsent) return std::string();
  if (!records.ok()) return records.status();
  return records->empty() ? std::string() : records->front().value;
}

absl::Status keep_losses(plugin::StorageDriver& storage, std::span<const Loss> losses) {
  for (const Loss& loss : losses) {
    const std::array<Record, 1> record = {Record{kLossKind, loss.key(), loss.json(), 0}};
    const absl::StatusOr<bool> put = storage.put_records(record);  // false: it is there
    if (!put.ok()) return put.status();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Loss>> open_losses(plugin::StorageDriver& storage) {
  const absl::StatusOr<std::vector<Record>> noticed = plugin::records_of(storage, kLossKind);
  if (noticed.status().code() == kAbsent) return std::vector<Loss>();
  if (!noticed.ok()) return noticed.status();
  const absl::StatusOr<std::vector<Record>> acknowledged = plugin::records_of(storage, kAcknowledgedKind);
  if (!acknowledged.ok()) return acknowledged.status();
  std::set<std::string> done;
  for (const Record& record : *acknowledged) done.insert(record.key);
  std::vector<Loss> losses;
  for (const Record& record : *noticed) {
    if (done.contains(record.key)) continue;
    std::optional<Loss> loss = Loss::parse(record.value);
    if (!loss) return permanent("the store's record of the loss " + record.key + " cannot be read");
    losses.push_back(*std::move(loss));
  }
  return losses;
}

absl::StatusOr<std::vector<Loss>> acknowledge_losses(plugin::StorageDriver& storage, const std::string& note) {
  for (int tries = 0; tries < kTries; ++tries) {
    absl::StatusOr<std::vector<Loss>> losses = open_losses(storage);
    if (!losses.ok() || losses->empty()) return losses;
    absl::StatusOr<std::vector<Record>> id = plugin::records_of(storage, "store", "id");
    if (!id.ok()) return id.status();
    const std::string before = id->empty() ? "" : id->front().value;
    const std::string after = random_id();
    // One transaction: where the id changes, all are acknowledged, and where one is, the id has changed.
    std::vector<Record> records = {{"store", "id", after, id->empty() ? 0 : id->front().version}};
    for (const Loss& loss : *losses) {
      JsonWriter json;
      json.text("time", Time::now().to_string()).text("note", note).text("store_before", before);
      records.push_back(
          {kAcknowledgedKind, loss.key(), json.text("store_after", after).raw("loss", loss.json()).str(), 0});
    }
    const absl::StatusOr<bool> put = storage.put_records(records);
    if (!put.ok()) return put.status();
    if (*put) return losses;
  }
  return transient("another process changes the store's records all the time; try again");
}

}  // namespace tally::collector
