"""Ceilometer's polling.yaml as it is: only what it lists is polled, each source at its own interval, also after SIGHUP."""
import collections
import json
import signal

from support import Sandbox, free_port, wait_until

LISTS = """---
sources:
    - name: fast
      interval: 1
      meters:
        - hardware.cpu.load.1min
        - hardware.memory.used
        - volume.sze
    - name: slow
      interval: 3
      meters:
        - "hardware.cpu.load.*"
"""
BROKEN = """sources:
  - name: a
    meters: ["*", cpu]
  - name: b
    interval: often
    meters: [cpu, "!memory"]
    resources: here
"""
LOAD = {f"hardware.cpu.load.{minutes}min" for minutes in (1, 5, 15)}


class Polling(Sandbox):
    def agent_config(self):
        return self.write("agent.yaml", f"publish: '{self.bus}'\nhttp: 127.0.0.1:{free_port()}\n"
                                        f"data: '{self.folder}/agent'\npolling: {{file: polling.yaml}}\n")

    def counts(self, config):
        return {row["name"]: row["samples"] for row in self.known("--config", config, "query", "meters")}

    def known(self, *words):
        """Rows, none while the store is being made."""
        text = self.tally(*words, "-f", "json", status=None)[0]
        return json.loads(text) if text else []

    def test_its_lists_are_the_truth(self):
        collector_config = self.collector_config()
        collector = self.start_collector(collector_config)
        polling = self.write("polling.yaml", LISTS)
        config = self.agent_config()
        agent = self.start("tally-agent", "--config", config)
        wait_until("the slow source was polled three times",
                   lambda: self.counts(collector_config).get("hardware.cpu.load.5min", 0) >= 3)
        counts = self.counts(collector_config)
        self.assertEqual(set(counts), LOAD | {"hardware.memory.used"})
        self.assertGreater(counts["hardware.cpu.load.1min"], counts["hardware.cpu.load.5min"] + 1)
        samples = self.books(collector_config)["samples"]
        self.assertEqual((samples["conflict"], samples["duplicate"], samples["dead"]), (0, 0, 0),
                         "what two sources want at one time is measured once")
        self.assertIn("polling.yaml:6:9: warning: source \"fast\": no installed pollster is known to measure volume.sze",
                      self.log_of(agent))
        states = {row["name"]: row for row in self.rows("--config", config, "plugin", "list")
                  if row["role"] == "pollster"}
        self.assertEqual((states["load"]["state"], states["cpu"]["state"]), ("on", "disabled"))
        self.assertEqual(states["cpu"]["reason"], f"no source of {polling} lists a meter of it")
        self.assertEqual({json.loads(line)["name"] for line in
                          self.tally("--config", config, "poll", "-f", "jsonl")[0].splitlines()},
                         LOAD | {"hardware.memory.used"})

        polling.write_text(BROKEN)
        agent.send_signal(signal.SIGHUP)
        wait_until("the fault is said", lambda: "reload 1: the configuration is invalid" in self.log_of(agent))
        before = self.counts(collector_config)["hardware.memory.used"]
        wait_until("it goes on", lambda: self.counts(collector_config)["hardware.memory.used"] > before)
        polling.write_text("sources: [{name: up, interval: 1, meters: ['*uptime*']}]\n")
        agent.send_signal(signal.SIGHUP)
        wait_until("the other lists count", lambda: any("uptime" in meter for meter in self.counts(collector_config)))
        self.end(agent)
        self.end(collector)

    def test_all_its_faults_are_told_at_once(self):
        self.write("polling.yaml", BROKEN)
        config = self.write("agent.yaml", "polling: {file: polling.yaml, interval: {\"pollster:laod\": 5s}}\n")
        for words in (["config", "check"], ["validate"]):
            _, errors = self.tally("--config", config, *words, status=78)
            for line in ('agent.yaml:1:42: there is no "pollster:laod", did you mean "pollster:load"?',
                         'polling.yaml:2:5: source "a": "interval" is missing: write whole seconds, as in 300',
                         'polling.yaml:3:13: source "a": "meters" has both "*" and "cpu": "*" is all of them',
                         'polling.yaml:5:15: source "b": "interval" takes whole seconds above 0, as in 300, not "often"',
                         'polling.yaml:6:13: source "b": "meters" has both "cpu" and "!memory"',
                         'polling.yaml:7:16: source "b": "resources" takes a list, as in [here]'):
                self.assertIn(line, errors)
        self.assertEqual(len(errors.splitlines()), 6, errors)
        self.tally("--config", config, program="tally-agent", status=78)

    def test_each_host_polls_at_even_times_and_a_part_of_the_jitter_later_always_the_same(self):
        collector_config = self.collector_config()
        collector = self.start_collector(collector_config)

        def fraction(host):
            """Microseconds behind the second, of the cycles that are at one: not of the first, nor of a late one."""
            config = self.write(f"{host}.yaml", f"publish: '{self.bus}'\nhttp: none\nhost: {host}\n"
                                                f"data: '{self.folder}/{host}'\npolling: {{interval: 1s, jitter: 1s}}\n")
            query = ["--config", collector_config, "query", "samples", "hardware.cpu.load.1min", "--resource", host]
            begin = len(self.known(*query))
            agent = self.start("tally-agent", "--config", config)

            def often():
                times = [row["timestamp"].partition(".")[2].rstrip("Z").ljust(6, "0") for row in self.known(*query)]
                found, count = collections.Counter(times[begin:]).most_common(1)[0] if times[begin:] else ("", 0)
                return found if count >= 3 else None
            found = wait_until(f"{host} is polled at one part of the second", often)
            self.end(agent)
            return found

        one = fraction("one")
        self.assertNotEqual(fraction("two"), one)
        self.assertEqual(fraction("one"), one, "also after a restart")
        self.end(collector)

    def test_one_pollster_may_have_an_interval_of_its_own(self):
        collector_config = self.collector_config()
        collector = self.start_collector(collector_config)
        config = self.write("agent.yaml", f"publish: '{self.bus}'\nhttp: none\ndata: '{self.folder}/agent'\n"
                                          "polling: {interval: {host: 1h, 'pollster:load': 500ms}}\n")
        agent = self.start("tally-agent", "--config", config)
        wait_until("the load is measured", lambda: self.counts(collector_config).get("hardware.cpu.load.1min", 0) >= 4)
        self.assertEqual(self.counts(collector_config)["hardware.memory.used"], 1, "at the start alone")
        self.end(agent)
        self.end(collector)
