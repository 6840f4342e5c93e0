"""The Debian packages: built, installed on a clean system, run there as the service's user, removed and purged.
Only with TALLY_TEST_ALL (`./dev test --all`): building them again takes minutes. Not for what the programs do."""
import json
import os
import re
import subprocess
import unittest

import clean_root
from rabbitmq import Rabbitmq
from support import TOP, Sandbox, free_port, wait_until

REASON = clean_root.missing() if os.environ.get("TALLY_TEST_ALL") else "takes minutes: ./dev test --all"
DATABASES_AND_BROKERS = {"libpq5", "libsqlite3-0", "librdkafka1", "librabbitmq4", "libvirt0"}
NEEDS = {"tally-transport-amqp": "librabbitmq4", "tally-transport-kafka": "librdkafka1", "tally-compute-libvirt": "libvirt0",
         "tally-central-openstack": "libcurl4", "tally-collector": "libpq5"}


def build():
    """{package: file}, made of what is committed, once for each commit."""
    commit = subprocess.run(["git", "-C", TOP, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    folder = TOP / "build/packages" / commit
    if not list(folder.glob("*.changes")):
        clean_root.check([TOP / "packaging/build.sh", "--plain", folder])
    return {file.name.split("_")[0]: file for file in folder.glob("*.deb")}


@unittest.skipIf(REASON, REASON)
class Packages(Sandbox):
    @classmethod
    def setUpClass(cls):
        cls.files = build()

    def setUp(self):
        super().setUp()
        self.root = clean_root.CleanRoot()
        self.addCleanup(self.root.close)
        self.addCleanup(self.end_all)  # before the root goes
        self.root.update()

    def install(self, *names):
        return self.root.install(*(self.files[name] for name in names))

    def serve(self, program):
        """Starts a program in the root as its unit does: as the user tally, without any capability."""
        self.env = self.root.env
        return self.start(*self.root.words(program, user="tally"))

    def configure(self, program, text):
        port = free_port()
        self.root.write(f"/etc/tally/{program}.yaml", f"http: 127.0.0.1:{port}\n{text}")
        return port

    def libraries(self, path):
        said = self.root.check("ldd", path)
        self.assertNotIn("not found", said, path)
        return said

    def programs(self):
        """Tally's programs and plugins that are in the root."""
        found = self.root.check("find", "/usr/bin", "/usr/lib", "-name", "tally*", "-type", "f", "-executable", "-o", "-name",
                                "tally-*.so").split()
        self.assertIn("/usr/bin/tally-agent", found)
        return found

    def ours(self):
        """Files of Tally's that are in the root, links of units to be started among them."""
        found = self.root.check("find", "/usr", "/lib", "/etc", "/var", "/run", "-xdev", "-iname", "*tally*").split()
        return [path for path in found if not path.startswith(("/var/cache/apt", "/var/lib/apt"))]

    def test_an_agent_is_alone_and_what_it_measured_waits_for_a_collector(self):
        before = self.root.installed()
        self.install("tally-common", "tally-agent")
        brought = self.root.installed() - before
        self.assertEqual(brought & DATABASES_AND_BROKERS, set())
        for path in self.programs():
            self.assertNotRegex(self.libraries(path), "libpq|sqlite|rdkafka|rabbitmq|libvirt", path)
        self.assertRegex(self.root.check("tally-agent", "--version"), r"\d+\.\d+\.\d+")
        bus = "transport: 'local:///var/lib/tally/bus.sock'\n"
        port = self.configure("agent", f"{bus}polling: {{interval: 1s}}\n")
        agent = self.serve("tally-agent")
        wait_until("samples wait on disk", lambda: 'outcome="' in self.page("/metrics", port)
                   and int(re.search(r"^tally_agent_samples_spooled (\d+)", self.page("/metrics", port), re.M)[1]) > 20)
        self.install("tally", "tally-collector", "tally-transport-amqp")
        for path in self.programs():
            self.libraries(path)
        self.configure("collector", bus)
        collector = self.serve("tally-collector")
        wait_until("nothing waits any more", lambda: re.search(r"^tally_agent_samples_spooled 0$",
                                                               self.page("/metrics", port), re.M))
        self.end(agent)
        self.end(collector)
        meters = self.root.check("tally", "--config", "/etc/tally/collector.yaml", "query", "meters", user="tally")
        for meter in ("hardware.cpu.user", "hardware.memory.used"):
            self.assertIn(meter, meters)
        polled = self.root.check("tally", "poll", "-f", "jsonl", user="tally")
        self.assertGreater(polled.count('"volume"'), 20, polled)

    def test_what_each_package_brings(self):
        depends = {name: subprocess.run(["dpkg-deb", "-f", file, "Depends"], check=True, capture_output=True,
                                        text=True).stdout for name, file in self.files.items()}
        for name, library in NEEDS.items():
            self.assertIn(library, depends[name])
        for name in ("tally-common", "tally-agent", "tally"):
            self.assertFalse([library for library in DATABASES_AND_BROKERS if library in depends[name]], name)

    def test_a_linter_finds_no_error(self):
        changes = next(self.files["tally"].parent.glob("*.changes"))
        status, said = clean_root.run(["lintian", "--allow-root", "--tag-display-limit", "0", "--fail-on", "error", changes])
        self.assertEqual(status, 0, said)

    def test_the_units_are_valid_and_hardened(self):
        self.install("tally-common", "tally-agent", "tally", "tally-collector", "tally-transport-amqp")
        self.root.install_known("systemd")
        for unit in ("tally-agent.service", "tally-collector.service"):
            status, said = clean_root.run(["systemd-analyze", f"--root={self.root.folder}", "--man=no", "verify", unit])
            self.assertEqual((status, [line for line in said.splitlines() if "tally" in line]), (0, []), said)
            clean_root.check(["systemd-analyze", f"--root={self.root.folder}", "security", "--offline=true",
                              "--threshold=25", unit])

    @unittest.skipUnless(clean_root.hierarchy(), "needs cgroup v2")
    def test_under_a_real_systemd(self):
        self.root.install_known("systemd", "dbus")
        self.install("tally-common", "tally-agent", "tally", "tally-collector", "tally-transport-amqp")
        for path in ("/etc/tally/agent.d/test.yaml", "/etc/tally/tally.yaml"):
            self.root.write(path, 'polling: {interval: 1s}\nplugins: {"pollster:exec": {commands: [echo test.answer 42]}}\n')
        self.root.write("/etc/tally/collector.yaml", "# the defaults\n")
        machine = clean_root.BootedRoot(self.root)
        self.addCleanup(machine.close)
        wait_until("systemd answers", lambda: machine.pid() and machine.run("systemctl", "is-system-running")[1].strip()
                   in ("running", "degraded"), 60)
        for unit, text in (("tally-agent", "polling"), ("tally-collector", "")):
            wait_until(f"{unit} says that it is ready", lambda unit=unit: machine.show(unit, "ActiveState") == "active")
            self.assertEqual(machine.show(unit, "Type"), "notify")
            self.assertIn(text, machine.show(unit, "StatusText"))
            self.assertEqual(machine.show(unit, "NRestarts"), "0", self.journal(machine, unit))
        self.measures_all_without_any_right(machine)
        for unit in ("tally-agent", "tally-collector"):
            pid = machine.show(unit, "MainPID")
            machine.check("systemctl", "reload", unit)
            wait_until("it says so", lambda unit=unit: "reload 1: the configuration is applied" in self.journal(machine, unit))
            self.assertEqual(machine.show(unit, "MainPID"), pid)
        self.bitten_by_the_watchdog(machine)
        machine.check("systemctl", "stop", "tally-agent", "tally-collector")
        for unit in ("tally-agent", "tally-collector"):
            self.assertEqual(machine.show(unit, "Result"), "success", self.journal(machine, unit))

    def journal(self, machine, unit):
        return machine.check("journalctl", "--no-pager", "-u", unit)

    def measures_all_without_any_right(self, machine):
        """The agent's unit has every meter that root sees outside it, and what there is goes to the collector's store."""
        def meters(*words):
            return {json.loads(line)["name"] for line in machine.run(*words, "-f", "jsonl")[1].splitlines() if line[:1] == "{"}
        wanted = meters("tally", "poll")
        for meter in ("hardware.cpu.user", "hardware.disk.size.used", "cgroup.cpu.time", "test.answer"):
            self.assertIn(meter, wanted)
        wait_until("what root measures is stored", lambda: meters("tally", "--config", "/etc/tally/collector.yaml", "query",
                                                                 "meters") >= wanted, 60)

    def bitten_by_the_watchdog(self, machine):
        """A process that is there and does nothing is started again; one that works is left alone for as long."""
        for unit in ("tally-agent", "tally-collector"):
            self.root.write(f"/etc/systemd/system/{unit}.service.d/test.conf", "[Service]\nWatchdogSec=2s\nRestartSec=100ms\n")
        machine.check("systemctl", "daemon-reload")
        machine.check("systemctl", "restart", "tally-agent", "tally-collector")
        machine.check("systemctl", "kill", "--signal=STOP", "--kill-whom=main", "tally-agent")
        wait_until("it is started again", lambda: machine.show("tally-agent", "NRestarts") == "1"
                   and machine.show("tally-agent", "ActiveState") == "active")
        self.assertIn("watchdog", self.journal(machine, "tally-agent").lower())
        self.assertEqual(machine.show("tally-collector", "NRestarts"), "0", self.journal(machine, "tally-collector"))

    def test_removing_the_collector_takes_its_queues_away_and_no_others(self):
        broker = Rabbitmq()
        self.addCleanup(broker.close)
        broker.start()
        for queue in ("notifications.info", "tally.of-somebody-else", "billing"):
            broker.ctl("eval", f'rabbit_amqqueue:declare(rabbit_misc:r(<<"/">>, queue, <<"{queue}">>), true, false, [], none, '
                               '<<"guest">>).')
        self.install("tally-common", "tally", "tally-collector", "tally-transport-amqp")
        self.root.write("/etc/tally/bus.url", broker.url)
        self.configure("collector", "listen: [{file: bus.url}]\nstorage: 'null://'\n"
                                    "plugins: {'transport:amqp': {queues: own}}\n")
        theirs = set(broker.queues())
        collector = self.serve("tally-collector")
        own = wait_until("it has its own queues", lambda: set(broker.queues()) - theirs)
        said = self.root.remove("tally-collector")  # this one has no service manager: it goes on, as another host's would
        self.assertIn("in use", said)
        self.assertEqual(set(broker.queues()), theirs | own)
        self.install("tally-collector")
        self.end(collector)
        self.assertIn("removed", self.root.remove("tally-collector"))
        self.assertEqual(set(broker.queues()), theirs)
        self.install("tally-collector")
        broker.stop()
        self.assertIn("queues of Tally may be left", self.root.remove("tally-collector"))
        self.assertNotIn("tally-collector", self.root.installed())

    def test_purge_leaves_nothing(self):
        names = sorted(self.files)
        self.install(*names)
        self.assertTrue((self.root.folder / "var/lib/tally").is_dir())
        self.assertIn("tally", self.root.check("getent", "passwd", "tally"))
        self.root.write("/var/lib/tally/tally.db", "what was stored")
        self.root.write("/etc/tally/agent.yaml", "http: none\n")
        self.root.remove(*names)
        self.assertTrue((self.root.folder / "var/lib/tally/tally.db").exists(), "what was measured outlives removal")
        self.root.check("dpkg", "--purge", *names)
        self.assertNotEqual(self.root.run("getent", "passwd", "tally")[0], 0)
        self.assertEqual(sorted(self.ours()), ["/etc/tally"])
        self.assertEqual(os.listdir(self.root.folder / "etc/tally"), ["agent.yaml"], "what an operator wrote is his")


if __name__ == "__main__":
    unittest.main()
