// The pollster "cgroup" on made-up hierarchies.
// Not on this host's own groups.
#include <algorithm>

#include "support/pollster_fixture.h"

namespace {

using tally::test::poll_once;
using tally::test::Tree;

constexpr const char* kTop = "sys/fs/cgroup/";
constexpr const char* kSlices = R"(["*.slice"])";

// One container below a slice, with all controllers on.
void container(const Tree& tree, const std::string& name) {
  const std::string folder = kTop + name + "/";
  tree.write(folder + "cpu.stat",
             "usage_usec 5000007\nuser_usec 3000000\nsystem_usec 2000007\nnr_periods 0\nthrottled_usec 9\n");
  tree.write(folder + "memory.current", "1048576\n");
  tree.write(folder + "memory.swap.current", "4096\n");
  tree.write(folder + "memory.max", "2097152\n");
  tree.write(folder + "memory.stat", "anon 100\nfile 200\nkernel 1\ninactive_file 3\n");
  tree.write(folder + "memory.events", "low 0\noom 1\noom_kill 2\noom_group_kill 0\n");
  tree.write(folder + "pids.current", "17\n");
  tree.write(folder + "io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n253:1 rbytes=7\n7:0 \n");
  tree.write(folder + "cpu.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=11\n");
  tree.write(folder + "memory.pressure",
             "some avg10=0.00 avg60=0.00 avg300=0.00 total=12\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=13\n");
}

Tree& with_top(Tree& tree) {
  tree.write(kTop + std::string("cgroup.controllers"), "cpu io memory pids\n");
  tree.write(kTop + std::string("memory.stat"), "anon 1\n");
  return tree;
}

TEST(Cgroup, EveryMeterOfAContainer) {
  Tree tree;
  const std::string name = "system.slice/docker-0123.scope";
  container(with_top(tree), name);
  std::filesystem::create_directories(tree.path() + "/sys/dev/block");
  std::filesystem::create_symlink("../../devices/pci/sda", tree.path() + "/sys/dev/block/8:0");
  const auto polled = poll_once("cgroup", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  const std::string id = "node1." + name;
  EXPECT_EQ(polled.volume("cgroup.cpu.time", id), "5000007000");
  EXPECT_EQ(polled.volume("cgroup.cpu.user", id), "3000000000");
  EXPECT_EQ(polled.volume("cgroup.cpu.system", id), "2000007000");
  EXPECT_EQ(polled.volume("cgroup.cpu.throttled", id), "9000");
  EXPECT_EQ(polled.volume("cgroup.memory.usage", id), "1048576");
  EXPECT_EQ(polled.volume("cgroup.memory.swap.usage", id), "4096");
  EXPECT_EQ(polled.volume("cgroup.memory.limit", id), "2097152");
  EXPECT_EQ(polled.volume("cgroup.memory.anonymous", id), "100");
  EXPECT_EQ(polled.volume("cgroup.memory.file", id), "200");
  EXPECT_EQ(polled.volume("cgroup.memory.oom_kills", id), "2");
  EXPECT_EQ(polled.volume("cgroup.tasks", id), "17");
  EXPECT_EQ(polled.volume("cgroup.io.read.bytes", id + ".sda"), "1");
  EXPECT_EQ(polled.volume("cgroup.io.write.bytes", id + ".sda"), "2");
  EXPECT_EQ(polled.volume("cgroup.io.read.requests", id + ".sda"), "3");
  EXPECT_EQ(polled.volume("cgroup.io.write.requests", id + ".sda"), "4");
  EXPECT_EQ(polled.volume("cgroup.io.read.bytes", id + ".253:1"), "7");
  EXPECT_EQ(polled.volume("cgroup.cpu.pressure.some", id), "11000");
  EXPECT_EQ(polled.volume("cgroup.memory.pressure.some", id), "12000");
  EXPECT_EQ(polled.volume("cgroup.memory.pressure.full", id), "13000");
  const tally::Sample sample = polled.of("cgroup.cpu.time", id);
  EXPECT_EQ(sample.type, tally::SampleType::cumulative);
  EXPECT_EQ(sample.unit, "ns");
  EXPECT_TRUE(sample.monotonic_time);
  EXPECT_NE(sample.resource_metadata.find("\"cgroup\":\"" + name + "\""), std::string::npos);
  EXPECT_NE(sample.resource_metadata.find("\"cgroup_id\":"), std::string::npos);
  EXPECT_EQ(polled.result.samples.size(), 19U) << "system.slice itself has no files here";
}

TEST(Cgroup, OnlyWhatThePatternsNameAndNotTheRoot) {
  Tree tree;
  for (const char* name : {"user.slice", "user.slice/user-1.slice", "init.scope", "machine.slice/vm.scope"}) {
    with_top(tree).write(kTop + std::string(name) + "/pids.current", "1\n");
  }
  const auto groups = [&](const std::string& patterns) {
    std::string found;
    const auto polled = poll_once("cgroup", {{"root", tree.path()}, {"groups", patterns}});
    EXPECT_TRUE(polled.status.ok()) << polled.status;
    std::vector<std::string> ids;
    for (const auto& sample : polled.result.samples) ids.push_back(sample.resource_id);
    std::sort(ids.begin(), ids.end());
    for (const std::string& id : ids) found += id + " ";
    return found;
  };
  EXPECT_EQ(groups(R"(["*.slice"])"), "node1.user.slice node1.user.slice/user-1.slice ");
  EXPECT_EQ(groups(R"(["machine.slice/*"])"), "node1.machine.slice/vm.scope ");
  EXPECT_EQ(groups(R"(["user.slice", "init.scope"])"), "node1.init.scope node1.user.slice ");
  EXPECT_EQ(groups(R"([])"), "");
}

TEST(Cgroup, NoLimitAndStrangeFilesAreNoSamples) {
  Tree tree;
  with_top(tree).write(kTop + std::string("a.slice/memory.max"), "max\n");
  tree.write(kTop + std::string("a.slice/memory.current"), "many\n");
  tree.write(kTop + std::string("a.slice/cpu.stat"), "usage_usec\nuser_usec -1\n");
  tree.write(kTop + std::string("a.slice/io.stat"), "\n8:0\n8:0 rbytes= wbytes=x rios\n");
  tree.write(kTop + std::string("a.slice/cpu.pressure"), "some\nnone total=1\n");
  tree.write(kTop + std::string("a.slice/pids.current"), "");
  const auto polled = poll_once("cgroup", {{"root", tree.path()}, {"groups", kSlices}});
  EXPECT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_TRUE(polled.result.samples.empty());
  EXPECT_EQ(polled.result.faults.size(), 5U) << polled.faults();
  EXPECT_NE(polled.faults().find("node1.a.slice: cgroup.memory.usage: " + tree.path() +
                                 "/sys/fs/cgroup/a.slice/memory.current: not a count\n"),
            std::string::npos)
      << polled.faults();
}

TEST(Cgroup, ANumberThatIsMissingBehindItsNameIsAFault) {
  Tree tree;
  with_top(tree).write(kTop + std::string("a.slice/cpu.stat"), "usage_usec 7\nuser_usec 3\nsystem_usec\n");
  const auto polled = poll_once("cgroup", {{"root", tree.path()}, {"groups", kSlices}});
  EXPECT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 2U);
  EXPECT_EQ(polled.faults(),
            "node1.a.slice: cgroup.cpu.system: " + tree.path() + "/sys/fs/cgroup/a.slice/cpu.stat: not a count\n");
}

TEST(Cgroup, TooLongAPathIsLeftOut) {
  Tree tree;
  std::string name = "a.slice";
  with_top(tree).write(kTop + name + "/pids.current", "1\n");
  while (name.size() < 1'100) name += "/" + std::string(200, 'x') + ".slice";
  tree.write(kTop + name + "/pids.current", "1\n");
  const auto polled = poll_once("cgroup", {{"root", tree.path()}, {"groups", kSlices}});
  EXPECT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 1U);
}

TEST(Cgroup, AbsentWithoutVersionTwo) {
  Tree tree;
  tree.write(kTop + std::string("memory/a.slice/memory.usage_in_bytes"), "1\n");
  const auto polled = poll_once("cgroup", {{"root", tree.path()}});
  EXPECT_EQ(polled.status.code(), tally::kAbsent);
  EXPECT_NE(polled.status.ToString().find("cgroup.controllers"), std::string::npos);
}

// The resources that have a sample of cgroup.io.read.bytes, with its volume.
std::string reads(const std::string& io_stat) {
  Tree tree;
  with_top(tree).write(kTop + std::string("a.slice/io.stat"), io_stat);
  const auto polled = poll_once("cgroup", {{"root", tree.path()}, {"groups", kSlices}});
  EXPECT_TRUE(polled.status.ok()) << polled.status;
  std::string text;
  for (const tally::Sample& sample : polled.result.samples) {
    if (sample.name == "cgroup.io.read.bytes") text += sample.resource_id + "=" + sample.volume.to_string() + " ";
  }
  return text;
}

TEST(Cgroup, NumbersOfAnIoLineAreThoseOfTheLastDeviceBeforeThem) {
  EXPECT_EQ(reads("7:7 7:6 7:5 7:4 rbytes=28672 wbytes=0 rios=22 wios=0 dbytes=0 dios=0\n"),
            "node1.a.slice.7:4=28672 ");
  EXPECT_EQ(reads("7:1 7:0 8:0 rbytes=1 wbytes=2\n253:0 rbytes=3\n7:9\n"),
            "node1.a.slice.8:0=1 node1.a.slice.253:0=3 ");
  EXPECT_EQ(reads("8:0 rbytes=1 8:16 rbytes=2\n"), "node1.a.slice.8:0=1 node1.a.slice.8:16=2 ");
  EXPECT_EQ(reads("8:0 (unknown) rbytes=1\nrbytes=2\n../..:1 rbytes=3\n"), "") << "numbers of no device";
  EXPECT_EQ(reads("8:0 rbytes=99999999999999999999\n"), "node1.a.slice.8:0=99999999999999999999 ");
}

TEST(Cgroup, NothingWrapsAt64Bits) {
  Tree tree;
  with_top(tree).write(kTop + std::string("a.slice/cpu.stat"), "usage_usec 18446744073709551615\nuser_usec x\n");
  tree.write(kTop + std::string("a.slice/cpu.pressure"), "some avg10=0.00 total=18446744073709551616\n");
  const auto polled = poll_once("cgroup", {{"root", tree.path()}, {"groups", kSlices}});
  EXPECT_EQ(polled.volume("cgroup.cpu.time", "node1.a.slice"), "18446744073709551615000");
  EXPECT_EQ(polled.volume("cgroup.cpu.pressure.some", "node1.a.slice"), "18446744073709551616000");
  EXPECT_EQ(polled.result.faults.size(), 1U) << polled.faults();
}

TEST(Cgroup, BytesThatAreNotUtf8CostNothing) {
  Tree tree;
  for (const char* name : {"Gr\xf6.slice", "Gr%F6.slice", "z.slice"}) {
    with_top(tree).write(kTop + std::string(name) + "/pids.current", "1\n");
  }
  const auto polled = poll_once("cgroup", {{"root", tree.path()}, {"groups", kSlices}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 3U) << polled.faults();
  EXPECT_NE(polled.of("cgroup.tasks", "node1.Gr%F6.slice").resource_metadata.find("\"Gr\xef\xbf\xbd.slice\""),
            std::string::npos);
  EXPECT_EQ(polled.volume("cgroup.tasks", "node1.Gr%25F6.slice"), "1");
  EXPECT_EQ(polled.volume("cgroup.tasks", "node1.z.slice"), "1");
}

// Whole ids, of 64 digits.
const std::string kId = std::string(60, 'a') + "0b1c";

TEST(Cgroup, ContainersAndNothingElseEachOnce) {
  const std::vector<std::string> containers = {
      "system.slice/docker-0a1b.scope",
      "custom.slice/docker-" + kId + ".scope",
      "user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kId + ".scope",
      "machine.slice/libpod-55.scope",
      "machine.slice/machine-libpod_pod_77.slice/libpod-78.scope",
      "system.slice/web.service/libpod-payload-79",
      "system.slice/nerdctl-" + kId + ".scope",
      "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod11.slice/cri-containerd-0c.scope",
      "kubepods.slice/kubepods-pod12.slice/crio-0d.scope",
      "system.slice/containerd.service/kubepods-burstable-pod13.slice:cri-containerd:0e",
      "kubepods/burstable/pod11/0a1b",
      "kubepods/pod14/" + kId,
      "kubepods/besteffort/pod15/crio-0f",
      "libpod_parent/libpod-55",
      "docker/" + kId,
      "docker/0a1c",
      "my-parent/" + kId,
      "k8s.io/" + kId,
      "lxc.payload.web",
      "lxc/101",
  };
  Tree tree;
  with_top(tree);
  for (const std::string& name : containers) {
    tree.write(kTop + name + "/pids.current", "1\n");
    for (const char* inside :
         {"/init.scope", "/container", "/system.slice/ssh.service", "/docker/0b", "/ns/init.scope"}) {
      tree.write(kTop + name + inside + "/pids.current", "1\n");
    }
  }
  for (const char* other : {"init.scope",
                            "system.slice",
                            "system.slice/docker.service",
                            "system.slice/docker.socket",
                            "system.slice/containerd.service",
                            "system.slice/crio.service",
                            "machine.slice/libpod-conmon-55.scope",
                            "kubepods.slice/kubepods-pod12.slice/crio-conmon-0d.scope",
                            "kubepods/burstable",
                            "kubepods/burstable/pod11",
                            "kubepods/burstable/pod11/init.scope",
                            "libpod_parent",
                            "libpod_parent/conmon",
                            "docker",
                            "docker/buildkit",
                            "lxc.monitor.web",
                            "lxc",
                            "lxc.payload.",
                            "machine.slice/machine-qemu\\x2d1\\x2dvm.scope",
                            "cafe",
                            "pod11/0a1b"}) {
    tree.write(kTop + std::string(other) + "/pids.current", "1\n");
  }
  const auto polled = poll_once("cgroup", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  std::vector<std::string> found, expected;
  for (const auto& sample : polled.result.samples) found.push_back(sample.resource_id);
  for (const std::string& name : containers) expected.push_back("node1." + name);
  std::sort(found.begin(), found.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(found, expected);
}

TEST(Cgroup, AGroupThatIsAContainerAndMatchesAPatternTooIsMeteredOnce) {
  Tree tree;
  with_top(tree).write(kTop + std::string("system.slice/docker-0a1b.scope/pids.current"), "1\n");
  tree.write(kTop + std::string("system.slice/pids.current"), "2\n");
  const auto polled =
      poll_once("cgroup", {{"root", tree.path()}, {"groups", R"(["containers", "*.slice", "*docker*"])"}});
  EXPECT_EQ(polled.result.samples.size(), 2U);
  EXPECT_EQ(polled.volume("cgroup.tasks", "node1.system.slice/docker-0a1b.scope"), "1");
}

}  // namespace
