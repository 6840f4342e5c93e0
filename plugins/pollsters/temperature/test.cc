// The pollster "temperature" on made-up files.
// Not on this host's own sensors.
#include "support/pollster_fixture.h"

namespace {

using tally::test::poll_once;
using tally::test::Tree;

TEST(Temperature, ChipsWithLabels) {
  const Tree tree;
  tree.write("sys/class/hwmon/hwmon0/name", "coretemp\n");
  tree.write("sys/class/hwmon/hwmon0/temp1_input", "45500\n");
  tree.write("sys/class/hwmon/hwmon0/temp1_label", "Core 0\n");
  tree.write("sys/class/hwmon/hwmon0/temp2_input", "-3000\n");
  tree.write("sys/class/hwmon/hwmon0/temp3_input", "");
  tree.write("sys/class/thermal/thermal_zone0/temp", "1000\n");
  const auto polled = poll_once("temperature", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 2U);
  EXPECT_EQ(polled.volume("hardware.temperature", "node1.hwmon0.temp1"), "45.5");
  EXPECT_EQ(polled.volume("hardware.temperature", "node1.hwmon0.temp2"), "-3");
  EXPECT_NE(polled.of("hardware.temperature", "node1.hwmon0.temp1").resource_metadata.find("coretemp Core 0"),
            std::string::npos);
}

TEST(Temperature, ZonesWhereThereAreNoChips) {
  const Tree tree;
  tree.write("sys/class/thermal/thermal_zone0/type", "x86_pkg_temp\n");
  tree.write("sys/class/thermal/thermal_zone0/temp", "51000\n");
  EXPECT_EQ(poll_once("temperature", {{"root", tree.path()}}).volume("hardware.temperature", "node1.thermal_zone0"),
            "51");
}

TEST(Temperature, TurnsItselfOffWithoutSensors) {
  const Tree tree;
  const auto polled = poll_once("temperature", {{"root", tree.path()}});
  EXPECT_EQ(polled.status.code(), tally::kAbsent);
  EXPECT_NE(polled.status.ToString().find("no temperature sensor"), std::string::npos) << polled.status;
}

TEST(Temperature, WhatIsBelowAbsoluteZeroIsAFaultAndCostsNoOther) {
  const Tree tree;
  tree.write("sys/class/hwmon/hwmon0/temp1_input", "-273150\n");
  tree.write("sys/class/hwmon/hwmon0/temp2_input", "-273151\n");
  tree.write("sys/class/hwmon/hwmon0/temp3_input", "45500\n");
  const auto polled = poll_once("temperature", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 2U);
  EXPECT_EQ(polled.volume("hardware.temperature", "node1.hwmon0.temp1"), "-273.15");
  EXPECT_EQ(polled.volume("hardware.temperature", "node1.hwmon0.temp3"), "45.5");
  EXPECT_EQ(polled.faults(), "node1.hwmon0.temp2: hardware.temperature: " + tree.path() +
                                 "/sys/class/hwmon/hwmon0/temp2_input: -273.151 C is below absolute zero\n");
}

TEST(Temperature, NeitherStrangeBytesNorStrangeNumbersCostAnother) {
  const Tree tree;
  tree.write("sys/class/hwmon/hwmon0/temp1_input", "45500\n");
  tree.write("sys/class/hwmon/hwmon0/temp1_label", "Caf\xe9\n");
  tree.write("sys/class/hwmon/hwmon0/temp2_input", "18446744073709551616000\n");
  tree.write("sys/class/hwmon/hwmon0/temp3_input", "-\n");
  tree.write("sys/class/hwmon/hwmon\xff/temp1_input", "1\n");
  const auto polled = poll_once("temperature", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 3U);
  EXPECT_NE(polled.of("hardware.temperature", "node1.hwmon0.temp1").resource_metadata.find("Caf\xef\xbf\xbd"),
            std::string::npos);
  EXPECT_EQ(polled.volume("hardware.temperature", "node1.hwmon0.temp2"), "18446744073709551616");
  EXPECT_EQ(polled.volume("hardware.temperature", "node1.hwmon%FF.temp1"), "0.001");
}

}  // namespace
