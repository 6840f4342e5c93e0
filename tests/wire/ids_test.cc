// Derived ids: golden vectors, which are part of the format (doc/ids.md), and what makes two ids differ.
// Not for duplicates and conflicts: a storage driver's test has them.
#include "wire/ids.h"

#include <gtest/gtest.h>

#include <set>

namespace tally::wire {
namespace {

Sample sample(const char* name, const char* resource, const char* time) {
  Sample made;
  made.name = name;
  made.resource_id = resource;
  made.timestamp = Time::parse(time);
  return made;
}

const Sample kMemory = sample("memory", "vm-1", "2026-01-02T03:04:05.678901");

// The id of the n-th sample of its kind in a message of nothing else.
std::string id_of(const MessageIds& ids, const Sample& sample, std::size_t n) {
  SampleList list;
  for (std::size_t i = 0; i <= n; ++i) list.push_back(sample);
  ids.assign(list);
  return std::string(list[n].id);
}

TEST(Ids, AreTheGoldenVectors) {
  EXPECT_EQ(digest(""), "cae66941d9efbd404e4d88758ea67670");
  const MessageIds ids("openstack", "6c1e7d8e-0000-11ee-8000-000000000001", "");
  EXPECT_EQ(id_of(ids, kMemory, 0), "00f92c73790ae6e75e7c6efede369f76");
  EXPECT_EQ(id_of(ids, kMemory, 1), "5d3c1c848ca8ac67cdfe78e0fa3a16f9");
  EXPECT_EQ(id_of(MessageIds("openstack", std::nullopt, "{}"), kMemory, 0), "b79d29924b5e1dcb83e79cd89846f0ad");
  EXPECT_EQ(poll_sample_id(kMemory, "openstack"), "49f47b397a436e71955c7d31733d66f8");
  Sample timeless = kMemory;
  timeless.timestamp.reset();
  EXPECT_EQ(id_of(ids, timeless, 0), "7511538f433db5ed58d0d75ac1713ac1");
}

TEST(Ids, CountEqualMeasurementsWithinAMessage) {
  const MessageIds ids("openstack", "m", "");
  for (const std::size_t others : {0U, 5U, 40U}) {  // few and many are counted in two ways
    std::vector<Sample> samples = {kMemory, kMemory, sample("vcpus", "vm-1", "2026-01-02")};
    for (std::size_t i = 0; i < others; ++i) samples.push_back(sample("memory", "other", "2026-01-02"));
    samples.push_back(kMemory);
    samples.push_back(sample("memory", "vm-1", "2026-01-02"));
    SampleList list;
    for (const Sample& one : samples) list.push_back(one);
    ids.assign(list);
    EXPECT_EQ(list[0].id, id_of(ids, kMemory, 0));
    EXPECT_EQ(list[1].id, id_of(ids, kMemory, 1));
    EXPECT_EQ(list[2].id, id_of(ids, samples[2], 0));
    for (std::size_t i = 0; i < others; ++i) EXPECT_EQ(list[3 + i].id, id_of(ids, samples[3 + i], i));
    EXPECT_EQ(list[others + 3].id, id_of(ids, kMemory, 2));
    EXPECT_EQ(list[others + 4].id, id_of(ids, samples[others + 4], 0));
  }
}

TEST(Ids, OfTextsOfAnyLengthDependOnAllOfThem) {
  const std::string longest(2000, 'r');
  const MessageIds ids("openstack", "m", "");
  Sample one = kMemory, other = kMemory;
  one.resource_id = longest + "1";
  other.resource_id = longest + "2";
  EXPECT_NE(id_of(ids, one, 0), id_of(ids, other, 0));
  std::string bytes("\1\1\x09\0\0\0openstack\1\0\0\0m\6\0\0\0memory", 30);
  bytes += std::string("\xd1\7\0\0", 4) + one.resource_id;
  const std::uint64_t time = 1767323045678901;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(time >> (8 * i) & 0xff);
  EXPECT_EQ(id_of(ids, one, 0), digest(bytes + std::string(8, '\0')));
}

TEST(Ids, KeepAForeignIdAndCountItAllTheSame) {
  const MessageIds ids("openstack", "m", "");
  std::vector<Sample> samples = {kMemory, kMemory};
  samples[0].id = "theirs";
  SampleList list;
  for (const Sample& one : samples) list.push_back(one);
  ids.assign(list);
  EXPECT_EQ(list[0].id, "theirs");
  EXPECT_EQ(list[1].id, id_of(ids, kMemory, 1));
}

TEST(Ids, DifferByEachPart) {
  Sample other_source = kMemory;
  other_source.source = "elsewhere";
  const MessageIds ids("openstack", "m", "");
  const std::set<std::string> all = {
      id_of(ids, kMemory, 0),
      id_of(ids, other_source, 0),
      id_of(MessageIds("openstack", "n", ""), kMemory, 0),
      id_of(MessageIds("openstack", "", "a"), kMemory, 0),
      id_of(MessageIds("openstack", "", "b"), kMemory, 0),
      poll_sample_id(kMemory, "openstack"),
      id_of(ids, sample("memoryv", "m-1", "2026-01-02T03:04:05.678901"), 0),
      id_of(ids, sample("memory", "vm-2", "2026-01-02T03:04:05.678901"), 0),
      id_of(ids, sample("memory", "vm-1", "2026-01-02T03:04:05.678902"), 0),
  };
  EXPECT_EQ(all.size(), 9u);
  EXPECT_EQ(id_of(MessageIds("elsewhere", "m", ""), kMemory, 0), id_of(ids, other_source, 0));
}

TEST(Ids, OfPolledSamplesDependOnTheMeasurementAlone) {
  Sample again = kMemory;
  again.volume = 7;
  again.unit = "MiB";
  EXPECT_EQ(poll_sample_id(again, "openstack"), poll_sample_id(kMemory, "openstack"));
}

}  // namespace
}  // namespace tally::wire
