// The rows of one batch on their way into the table: what can be kept, and which are there twice.
// Not for the server: see write.cc.
#include "rows.h"

#include <tally/model/decimal.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "binary.h"
#include "dictionary.h"

namespace tally::postgresql {

namespace {

constexpr std::size_t kLongestId = 2'000;  // an index's entry must fit a third of a page

// Canonical where it is plain digits, as nearly all are.
bool plain_integer(std::string_view volume) {
  if (volume.starts_with('-')) volume.remove_prefix(1);
  if (volume.empty() || volume.size() > 18 || volume.front() == '0') return volume == "0";
  return std::all_of(volume.begin(), volume.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Empty when the row can be kept, else why it never can.
std::string convert(StorableRow& kept, Dictionary& dictionary) {
  const Row& row = kept.row;
  if (row.id.empty()) return "it has no id";
  if (row.id.size() > kLongestId) return "its id is longer than " + std::to_string(kLongestId) + " bytes";
  if (!fits_text(row.id)) return "its id has a NUL character or is not UTF-8, which PostgreSQL cannot keep";
  if (row.type != SampleType::gauge && row.type != SampleType::delta && row.type != SampleType::cumulative) {
    return "its type is none of gauge, delta, cumulative";
  }
  if (!row.timestamp) return "it has no timestamp";
  if (!fits_server(*row.timestamp)) return "its timestamp is out of range";
  if (!fits_server(row.received)) return "the time it was received is out of range";
  if (plain_integer(row.volume) && row.volume != "-0") {
    kept.volume = row.volume;
  } else {
    std::string why;
    const auto volume = Decimal::parse(row.volume, &why);
    if (!volume) return "its volume \"" + made_fit(row.volume) + "\" is not an exact decimal: " + why;
    kept.volume = volume->to_string();
  }
  kept.id = id_bytes(row.id);
  return dictionary.look_at(kept);
}

int order(std::string_view one_id, Time one, std::string_view other_id, Time other) {
  if (const int by_id = one_id.compare(other_id); by_id != 0) return by_id;
  return one < other ? -1 : one > other ? 1 : 0;
}

int order(const StorableRow& one, const StorableRow& other) {
  return order(one.id, *one.row.timestamp, other.id, *other.row.timestamp);
}

// In the order of id and timestamp; equal ones in the batch's. Ids differ early, nearly always in the first 8 bytes.
std::vector<Place> by_id(const std::vector<StorableRow>& kept) {
  std::vector<Place> places(kept.size());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    std::uint64_t first = 0;
    std::memcpy(&first, kept[i].id.data(), std::min(kept[i].id.size(), sizeof first));
    places[i] = {__builtin_bswap64(first), i};
  }
  std::ranges::sort(places, [&kept](const Place& a, const Place& b) {
    if (a.beginning != b.beginning) return a.beginning < b.beginning;
    const int way = order(kept[a.index], kept[b.index]);
    return way != 0 ? way < 0 : a.index < b.index;
  });
  return places;
}

}  // namespace

Content content_of(const StorableRow& kept) {
  return {kept.row.type, kept.row.unit, kept.volume, kept.row.project_id, kept.row.user_id};
}

RowResult compared(const Content& there, const Content& here, std::string_view id) {
  std::string differs;
  const auto compare = [&](const char* what, std::optional<std::string_view> one,
                           std::optional<std::string_view> other) {
    if (one == other) return;
    differs += std::string(differs.empty() ? "" : ", ") + what + " " + std::string(one.value_or("(none)")) +
               " there, " + std::string(other.value_or("(none)")) + " here";
  };
  compare("type", to_string(there.type), to_string(here.type));
  compare("unit", there.unit, here.unit);
  compare("volume", there.volume, here.volume);
  compare("project_id", there.project_id, here.project_id);
  compare("user_id", there.user_id, here.user_id);
  if (differs.empty()) return {RowStatus::duplicate, {}};
  return {RowStatus::conflict, "sample " + std::string(id) + " is stored with another content: " + differs};
}

Incoming part(const Batch& batch, Dictionary& dictionary) {
  Incoming incoming;
  incoming.results.resize(batch.size());
  dictionary.begin();
  std::vector<StorableRow> all;
  all.reserve(batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    StorableRow& kept = all.emplace_back();
    kept.row = batch[i];
    kept.index = i;
    if (std::string why = convert(kept, dictionary); !why.empty()) {
      incoming.results[i] = {RowStatus::rejected, std::move(why)};
      all.pop_back();
    }
  }
  std::vector<std::size_t> first(all.size());
  bool any = false;
  std::size_t before = 0;
  for (const Place& place : by_id(all)) {
    const std::size_t here = place.index;
    const bool equal = order(all[before], all[here]) == 0 && before != here;
    first[here] = equal ? first[before] : here;
    any = any || equal;
    before = here;
  }
  if (!any) {
    incoming.kept = std::move(all);
    return incoming;
  }
  std::vector<std::size_t> place(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (first[i] == i) {
      place[i] = incoming.kept.size();
      incoming.kept.push_back(std::move(all[i]));
    } else {
      incoming.again.push_back({std::move(all[i]), place[first[i]]});
    }
  }
  return incoming;
}

ById::ById(const std::vector<StorableRow>& kept) : kept_(kept), order_(by_id(kept)) {}

std::optional<std::size_t> ById::find(std::string_view id, Time timestamp) const {
  const auto found = std::ranges::lower_bound(order_, 0, {}, [&](const Place& place) {
    const StorableRow& kept = kept_[place.index];
    return order(kept.id, *kept.row.timestamp, id, timestamp);
  });
  if (found == order_.end()) return std::nullopt;
  const StorableRow& kept = kept_[found->index];
  if (kept.id != id || kept.row.timestamp != timestamp) return std::nullopt;
  return found->index;
}

}  // namespace tally::postgresql
