// Samples as a cloud's agents make them, by number: servers of projects, seven meters each, a cycle after the other.
// Not for storing them: store.cc and month.cc do.
#ifndef TALLY_TESTS_BENCH_ROWS_H
#define TALLY_TESTS_BENCH_ROWS_H

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "plugin/roles.h"
#include "support/owned_rows.h"
#include "wire/ids.h"

namespace tally::bench {

struct MeterKind {
  const char* name;
  SampleType type;
  const char* unit;
};
inline constexpr std::array<MeterKind, 7> kMeters = {{{"cpu", SampleType::cumulative, "ns"},
                                                      {"memory.usage", SampleType::gauge, "MiB"},
                                                      {"disk.device.read.bytes", SampleType::cumulative, "B"},
                                                      {"disk.device.write.bytes", SampleType::cumulative, "B"},
                                                      {"network.incoming.bytes", SampleType::cumulative, "B"},
                                                      {"network.outgoing.bytes", SampleType::cumulative, "B"},
                                                      {"memory", SampleType::gauge, "MiB"}}};
inline constexpr std::int64_t kFirstCycle_us = 1'767'225'600'000'000;  // 2026-01-01
inline constexpr std::int64_t kCycle_us = 600'000'000;                 // ten minutes: 4,320 in a month of 30 days
inline constexpr int kServersOfProject = 10;

// 32 digits that say what they number, as random ones would be kept.
inline std::string made_up_uuid(const char* what, std::int64_t number) {
  return wire::digest(what + std::to_string(number));
}

// Numbers samples from 0 on: meter by meter, server by server, cycle by cycle.
class Rows {
 public:
  explicit Rows(int servers) : servers_(servers) {
    for (int server = 0; server < servers; ++server) {
      ids_.push_back(made_up_uuid("server", server));
      projects_.push_back(made_up_uuid("project", server / kServersOfProject));
      users_.push_back(made_up_uuid("user", server / kServersOfProject));
      metadata_.push_back(R"({"host":"node-)" + std::to_string(server % 40) + R"(","flavor_name":"m1.medium",)" +
                          R"("flavor_id":"3","display_name":"web-)" + std::to_string(server) +
                          R"(","image_ref":"0c7e9c1a-5b0d-4c11-8a39-3a9d0f4b5c6d","status":"active",)" +
                          R"("launched_at":"2026-01-02T03:04:05.000000"})");
    }
  }

  std::int64_t series_count() const { return servers_ * static_cast<std::int64_t>(kMeters.size()); }
  std::int64_t series(std::int64_t number) const { return number % series_count(); }
  std::int64_t cycle(std::int64_t number) const { return number / series_count(); }
  std::int64_t server(std::int64_t number) const { return series(number) / static_cast<std::int64_t>(kMeters.size()); }
  const MeterKind& meter(std::int64_t number) const {
    return kMeters[static_cast<std::size_t>(number) % kMeters.size()];
  }
  std::int64_t volume(std::int64_t number) const {
    if (meter(number).type == SampleType::gauge) return 512 + (number * 7919) % 3584;
    return cycle(number) * 11'287'340'123 + series(number) * 104'729;
  }
  Time time(std::int64_t number) const { return {kFirstCycle_us + cycle(number) * kCycle_us}; }
  Time received(std::int64_t number) const { return {time(number).us + 1'250'000 + number % 700'000}; }
  const std::string& server_id(std::int64_t server) const { return ids_[static_cast<std::size_t>(server)]; }
  const std::string& project_id(std::int64_t server) const { return projects_[static_cast<std::size_t>(server)]; }
  const std::string& user_id(std::int64_t server) const { return users_[static_cast<std::size_t>(server)]; }
  const std::string& metadata(std::int64_t server) const { return metadata_[static_cast<std::size_t>(server)]; }

  Sample sample(std::int64_t number) const {
    const std::int64_t from = server(number);
    Sample sample;
    sample.name = meter(number).name;
    sample.type = meter(number).type;
    sample.unit = meter(number).unit;
    sample.volume = Decimal(volume(number));
    sample.resource_id = server_id(from);
    sample.project_id = project_id(from);
    sample.user_id = user_id(from);
    sample.timestamp = time(number);
    sample.resource_metadata = metadata(from);
    sample.source = "openstack";
    sample.id = wire::poll_sample_id(sample, sample.source);
    return sample;
  }

  void add(test::OwnedRows& rows, std::int64_t from, std::int64_t count) const {
    for (std::int64_t number = from; number < from + count; ++number) rows.add(sample(number), received(number));
  }
  test::OwnedRows rows(std::int64_t from, std::int64_t count) const {
    test::OwnedRows rows;
    add(rows, from, count);
    return rows;
  }

 private:
  std::int64_t servers_;
  std::vector<std::string> ids_, projects_, users_, metadata_;
};

}  // namespace tally::bench

#endif
