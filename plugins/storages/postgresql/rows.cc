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
std::string convert(Kept& kept, Dictionary& dictionary) {
  const Row& row = kept.row;
  if (row.id.empty()) return "it has no id";
  if (row.id.size() > kLongestId) return "its id is longer than " + std::to_string(kLongestId) + " bytes";
  if (!fits_text(row.id)) return "its id has a NUL character or is no UTF-8, which PostgreSQL cannot keep";
  if (row.type != SampleType::gauge && row.type != SampleType::delta && row.type != SampleType::cumulative) {
    return "its type is none of gauge, delta, cumulative";
  }
  if (row.timestamp.us == TALLY_NO_TIME) return "it has no timestamp";
  if (!fits_server(row.timestamp)) return "its timestamp is out of range";
  if (!fits_server(row.received)) return "the time it was received is out of range";
  if (plain_integer(row.volume) && row.volume != "-0") {
    kept.volume = row.volume;
  } else {
    std::string why;
    const auto volume = Decimal::parse(row.volume, &why);
    if (!volume) return "its volume \"" + made_fit(row.volume) + "\" is no exact decimal: " + why;
    kept.volume = volume->to_string();
  }
  kept.id = id_bytes(row.id);
  return dictionary.look_at(kept);
}

int order(std::string_view one_id, Time one, std::string_view other_id, Time other) {
  if (const int by_id = one_id.compare(other_id); by_id != 0) return by_id;
  return one < other ? -1 : one > other ? 1 : 0;
}

}  // namespace

Content content_of(const Kept& kept) {
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
  std::vector<Kept> all;
  all.reserve(batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    Kept& kept = all.emplace_back();
    kept.row = batch[i];
    kept.index = i;
    if (std::string why = convert(kept, dictionary); !why.empty()) {
      incoming.results[i] = {RowStatus::rejected, std::move(why)};
      all.pop_back();
    }
  }
  // Equal ones come to lie together, in the batch's order.
  std::vector<std::size_t> by_id(all.size());
  for (std::size_t i = 0; i < by_id.size(); ++i) by_id[i] = i;
  std::ranges::sort(by_id, [&all](std::size_t a, std::size_t b) {
    const int way = order(all[a].id, all[a].row.timestamp, all[b].id, all[b].row.timestamp);
    return way != 0 ? way < 0 : a < b;
  });
  std::vector<std::size_t> first(all.size());
  bool any = false;
  for (std::size_t i = 0; i < by_id.size(); ++i) {
    const std::size_t here = by_id[i];
    const std::size_t before = i == 0 ? here : by_id[i - 1];
    const bool equal = i > 0 && all[here].id == all[before].id && all[here].row.timestamp == all[before].row.timestamp;
    first[here] = equal ? first[before] : here;
    any = any || equal;
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

ById::ById(const std::vector<Kept>& kept) : kept_(kept), order_(kept.size()) {
  for (std::size_t i = 0; i < order_.size(); ++i) order_[i] = i;
  std::ranges::sort(order_, [&kept](std::size_t a, std::size_t b) {
    return order(kept[a].id, kept[a].row.timestamp, kept[b].id, kept[b].row.timestamp) < 0;
  });
}

std::optional<std::size_t> ById::find(std::string_view id, Time timestamp) const {
  const auto found = std::ranges::lower_bound(
      order_, 0, {}, [&](std::size_t i) { return order(kept_[i].id, kept_[i].row.timestamp, id, timestamp); });
  if (found == order_.end()) return std::nullopt;
  const Kept& kept = kept_[*found];
  if (kept.id != id || kept.row.timestamp != timestamp) return std::nullopt;
  return *found;
}

}  // namespace tally::postgresql
