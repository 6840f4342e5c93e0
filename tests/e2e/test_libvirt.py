"""Instances of a real hypervisor: QEMU guests started, loaded, paused, stopped and killed while they are polled."""
import json
import os
import pathlib
import signal
import unittest

import libvirt as libvirt_service
from support import Sandbox, free_port, wait_until

# Counters and sizes of the samples beside the keys of `virsh domstats`; {d} is the device's index.
DOMAIN = {"cpu": "cpu.time", "vcpus": "vcpu.current", "power.state": "state.state"}
MEMORY = {"memory": "balloon.current", "memory.resident": "balloon.rss"}
DISK = {"disk.device.read.requests": "rd.reqs", "disk.device.read.bytes": "rd.bytes",
        "disk.device.read.latency": "rd.times", "disk.device.write.requests": "wr.reqs",
        "disk.device.write.bytes": "wr.bytes", "disk.device.write.latency": "wr.times",
        "disk.device.capacity": "capacity", "disk.device.allocation": "allocation", "disk.device.usage": "physical"}
NETWORK = {f"network.{way}.{meter}": f"{short}.{key}"
           for way, short in (("incoming", "rx"), ("outgoing", "tx"))
           for meter, key in (("bytes", "bytes"), ("packets", "pkts"), ("packets.drop", "drop"), ("packets.error", "errs"))}


class Agents(Sandbox):
    def start_agent(self, extra=""):
        self.agent_port = free_port()
        config = self.write("agent.yaml", f"publish: 'local://{self.folder}/bus.sock'\ndata: '{self.folder}/data'\n"
                                          f"http: 127.0.0.1:{self.agent_port}\n"
                                          f"polling: {{namespaces: [compute], interval: 1s}}\n{extra}")
        return self.start("tally-agent", "-v", "--config", config)

    def cycles(self):
        status = self.status(self.agent_port)
        return status["cycles"]["polled"] if status else 0


class WithoutLibvirt(Agents):
    def mapped(self, process):
        """The names of the files in the process."""
        return {line.split()[-1].split("/")[-1] for line in pathlib.Path(f"/proc/{process.pid}/maps").open()}

    @unittest.skipIf(os.path.exists("/run/libvirt/libvirt-sock-ro"), "this host has a libvirt")
    def test_off_with_its_reason_and_never_loaded(self):
        rows = {f'{row["role"]}:{row["name"]}': row for row in self.rows("plugin", "list")}
        for key in ("discovery:libvirt", "pollster:libvirt"):
            self.assertEqual(rows[key]["state"], "absent")
            self.assertIn("/run/libvirt/libvirt-sock-ro", rows[key]["reason"])
        process = self.start_agent()
        wait_until("it has looked", lambda: self.cycles() > 1)
        states = {plugin["name"]: plugin for plugin in self.status(self.agent_port)["plugins"]}
        self.assertEqual(states["libvirt"]["state"], "absent")
        self.assertIn("/run/libvirt/libvirt-sock-ro", states["libvirt"]["reason"])
        self.assertEqual([name for name in self.mapped(process) if "libvirt" in name], [])
        self.end(process)

    def test_loaded_where_there_is_one(self):
        process = self.start_agent("plugins: {'discovery:libvirt': {uri: 'test:///default'}}\n")
        wait_until("libvirt is mapped", lambda: any(name.startswith("libvirt.so") for name in self.mapped(process)))
        self.end(process)

    def test_a_thousand_domains_of_the_test_driver(self):
        domains = "".join(f"<domain type='test'><name>i{n}</name><memory>1024</memory><os><type>hvm</type></os></domain>"
                          for n in range(1000))
        node = self.write("node.xml", f"<node>{domains}</node>")
        config = self.write("t.yaml", f"plugins: {{'discovery:libvirt': {{uri: 'test://{node}'}}}}\n")
        rows = self.rows("--config", config, "poll", "libvirt")
        self.assertEqual(len(rows), 1000)
        self.assertEqual({(row["name"], str(row["volume"])) for row in rows}, {("power.state", "1")})


@unittest.skipIf(libvirt_service.missing(), libvirt_service.missing())
class Instances(Agents):
    def setUp(self):
        super().setUp()
        self.hypervisor = libvirt_service.Libvirt()
        self.addCleanup(self.hypervisor.close)
        self.hypervisor.start()
        self.names = [self.hypervisor.define(1), self.hypervisor.define(2), self.hypervisor.define(3, nova=False)]
        self.plugin = (f"plugins: {{'discovery:libvirt': {{uri: '{self.hypervisor.url}', timeout: 6s, "
                       f"run_folder: '{self.hypervisor.run_folder}'}}}}\n")

    def poll(self):
        """Samples by (meter, resource)."""
        rows = self.rows("--config", self.write("t.yaml", self.plugin), "poll", "libvirt")
        return {(row["name"], row["resource_id"]): row for row in rows}

    def compare(self, number):
        """Each number of guest `number` lies between what domstats says before and after. QEMU's resident set alone also
        falls, so that it may have been higher between two equal readings: read again then."""
        for _ in range(20):
            samples, outside = self.outside(number)
            if set(outside) != {"balloon.rss"}:
                break
        self.assertEqual(outside, {})
        return samples

    def outside(self, number):
        """The samples, and what of them domstats contradicts, by domstats' name."""
        name, uuid = self.names[number - 1], self.hypervisor.uuid(number)
        before, samples, after = self.hypervisor.stats(name), self.poll(), self.hypervisor.stats(name)
        wanted = {(meter, uuid): (key, 1) for meter, key in DOMAIN.items()}
        wanted |= {(meter, uuid): (key, 1024) for meter, key in MEMORY.items()}
        wanted |= {(meter, f"{uuid}-vda"): (f"block.0.{key}", 1) for meter, key in DISK.items()}
        vnic = f"{name}-{uuid}-{self.hypervisor.tap(number)}"
        wanted |= {(meter, vnic): (f"net.0.{key}", 1) for meter, key in NETWORK.items()}
        found = {}
        for key, (stat, unit) in wanted.items():
            low, high = sorted((int(before[stat]), int(after[stat])))
            volume = float(samples[key]["volume"]) * unit
            if not low <= volume <= high:
                found[stat] = f"{key}: {volume} does not lie between {low} and {high}"
        return samples, found

    def test_numbers_are_those_of_domstats(self):
        for name in self.names:
            self.hypervisor.virsh("start", name)
        self.hypervisor.write(self.names[0], "3M")
        first = self.compare(1)
        self.hypervisor.write(self.names[0], "5M")
        second = self.compare(1)
        disk = ("disk.device.write.bytes", f"{self.hypervisor.uuid(1)}-vda")
        self.assertEqual(int(second[disk]["volume"]) - int(first[disk]["volume"]), 5 << 20)
        self.owners(second)
        self.hypervisor.virsh("suspend", self.names[1])
        paused = self.compare(2)
        self.assertEqual(int(paused["power.state", self.hypervisor.uuid(2)]["volume"]), 3)
        again = self.compare(2)
        cpu = ("cpu", self.hypervisor.uuid(2))
        self.assertEqual(again[cpu]["resource_metadata"]["started_at"], paused[cpu]["resource_metadata"]["started_at"])
        self.stopped_and_started_anew()

    def test_interfaces_with_one_filter_are_as_many_resources(self):
        shared = self.hypervisor.folder / "shared.xml"
        shared.write_text("<filter name='shared' chain='root'/>")
        self.hypervisor.virsh("nwfilter-define", shared)
        guests = {number: self.hypervisor.define(number, nwfilter="shared", drive=True) for number in (4, 5)}
        for name in guests.values():
            self.hypervisor.virsh("start", name)
        samples = self.poll()
        for number, name in guests.items():
            uuid = self.hypervisor.uuid(number)
            row = samples["network.outgoing.bytes", f"{name}-{uuid}-fa163e0000{number:02x}"]
            self.assertEqual(row["resource_metadata"]["fref"], "shared")
            self.assertEqual(row["resource_metadata"]["vnic_name"], self.hypervisor.tap(number))
            self.assertEqual({key[1] for key in samples if key[0].startswith("disk.device") and key[1].startswith(uuid)},
                             {f"{uuid}-vda", f"{uuid}-sdb"}, "an empty drive is none")
            self.assertGreaterEqual(samples["disk.device.capacity", f"{uuid}-sdb"]["volume"],
                                    samples["disk.device.usage", f"{uuid}-sdb"]["volume"])
        self.assertEqual(len([key for key in samples if key[0] == "network.outgoing.bytes"]), 2)

    def owners(self, samples):
        for number in (1, 2):
            row = samples["disk.root.size", self.hypervisor.uuid(number)]
            self.assertEqual((row["project_id"], row["project_name"], row["user_id"], row["user_name"]),
                             (f"p-web{number}", "shop", f"u-web{number}", "alice"))
            self.assertEqual(int(row["volume"]), 1)
            metadata = row["resource_metadata"]
            self.assertEqual(metadata["display_name"], f"web{number}")
            self.assertEqual(metadata["instance_type"], "m1.tiny")
            self.assertEqual(metadata["image_ref"], "image-1")
        bare = samples["cpu", self.hypervisor.uuid(3)]
        self.assertIsNone(bare["project_id"])
        self.assertEqual(bare["resource_metadata"]["display_name"], self.names[2])
        self.assertNotIn(("disk.root.size", self.hypervisor.uuid(3)), samples)

    def stopped_and_started_anew(self):
        name, uuid = self.names[0], self.hypervisor.uuid(1)
        before = self.poll()["cpu", uuid]["resource_metadata"]
        self.hypervisor.virsh("destroy", name)
        samples = self.poll()
        self.assertEqual(int(samples["power.state", uuid]["volume"]), 5)
        self.assertEqual({key[0] for key in samples if key[1].startswith(uuid)},
                         {"power.state", "disk.root.size", "disk.ephemeral.size", "disk.device.capacity",
                          "disk.device.allocation", "disk.device.usage"})
        self.hypervisor.virsh("start", name)
        after = self.compare(1)["cpu", uuid]["resource_metadata"]
        self.assertNotEqual(before["domain_id"], after["domain_id"])
        self.assertLess(before["started_at"], after["started_at"])

    def agent_and_collector(self):
        config = self.collector_config()
        self.start_collector(config)
        return config, self.start_agent(self.plugin)

    def stored(self, config, meter):
        out = self.tally("--config", config, "query", "samples", meter, "-f", "jsonl", status=None)[0]
        return [json.loads(line) for line in out.splitlines()]

    def wait_for_more(self, config, meter="power.state"):
        count = len(self.stored(config, meter))
        wait_until(f"more of {meter}", lambda: len(self.stored(config, meter)) > count + 3, 60)

    def test_guests_come_and_go_while_they_are_polled(self):
        config, agent = self.agent_and_collector()
        for turn in range(3):
            for name in self.names:
                self.hypervisor.virsh("start", name)
            self.hypervisor.write(self.names[turn % 2])
            self.wait_for_more(config, "cpu")
            self.hypervisor.virsh("suspend", self.names[0])
            self.wait_for_more(config)
            for name in self.names:
                self.hypervisor.virsh("destroy", name)
        passing = self.folder / "passing.xml"  # a domain without a definition, which vanishes when it ends
        passing.write_text((self.hypervisor.folder / "guest-1.xml").read_text().replace("00000001", "0000000f"))
        self.hypervisor.virsh("undefine", self.names[0])
        for _ in range(5):
            self.hypervisor.virsh("create", passing)
            self.wait_for_more(config)
            self.hypervisor.virsh("destroy", "instance-0000000f")
        self.wait_for_more(config)
        self.end(agent)
        self.assertNotIn("warn", self.log_of(agent).lower())
        self.assertNotIn("error", self.log_of(agent).lower())
        self.assert_counters_grow(config)
        self.assert_books_balance(self.books(config))

    def assert_counters_grow(self, config):
        """Within one run of a domain no counter falls."""
        for meter in ("cpu", "disk.device.write.bytes", "network.outgoing.packets"):
            rows = sorted(self.stored(config, meter), key=lambda row: row["timestamp"])
            self.assertTrue(rows, meter)
            last = {}
            for row in rows:
                series = (row["resource_id"], row["resource_metadata"]["started_at"])
                self.assertGreaterEqual(int(row["volume"]), last.get(series, 0), f"{meter} {series}")
                last[series] = int(row["volume"])
            self.assertGreater(len(last), 3, f"{meter}: runs are told apart")

    def test_libvirt_restarts_and_goes_away(self):
        self.hypervisor.virsh("start", self.names[0])
        config, agent = self.agent_and_collector()
        self.wait_for_more(config, "cpu")
        agent.send_signal(signal.SIGSTOP)  # between two cycles, for what it sees of it
        self.hypervisor.kill()
        self.hypervisor.start()
        agent.send_signal(signal.SIGCONT)
        self.wait_for_more(config, "cpu")
        self.assertNotIn("absent", self.log_of(agent))
        self.hypervisor.kill()
        wait_until("it says so", lambda: "is absent" in self.log_of(agent))
        cycles = self.cycles()
        wait_until("it looks again", lambda: self.cycles() > cycles + 1)
        self.assertEqual(self.log_of(agent).count("absent"), 1, self.log_of(agent))
        self.hypervisor.start()
        self.wait_for_more(config, "cpu")
        self.assertIn("is on again", self.log_of(agent))
        self.assertEqual(self.log_of(agent).count("libvirt at "), 1, self.log_of(agent))
        self.end(agent)

    def test_a_libvirt_that_is_stuck_holds_nobody_for_ever(self):
        self.hypervisor.virsh("start", self.names[0])
        config, agent = self.agent_and_collector()
        self.wait_for_more(config, "cpu")
        self.hypervisor.freeze()
        self.addCleanup(self.hypervisor.thaw)
        wait_until("it says so", lambda: "is absent" in self.log_of(agent), 60)
        self.hypervisor.thaw()
        self.wait_for_more(config, "cpu")
        self.end(agent)


if __name__ == "__main__":
    unittest.main()
