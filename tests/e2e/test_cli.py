"""The person's tool: conversion, output formats, exit statuses."""
import json
import os
import subprocess

from support import Sandbox, notification


class Convert(Sandbox):
    def test_both_envelopes_give_the_same_samples_in_order(self):
        plain = notification(1)
        wrapped = {"oslo.version": "2.0", "oslo.message": json.dumps(plain)}
        first = self.tally("convert", "-", stdin=json.dumps(plain) + "\n")[0]
        second = self.tally("convert", "-", stdin=json.dumps(wrapped) + "\n")[0]
        self.assertTrue(first)
        self.assertEqual(first, second)
        names = [json.loads(line)["name"] for line in first.splitlines()]
        self.assertIn("memory", names)

    def test_a_bad_line_is_named_and_the_rest_goes_on(self):
        lines = json.dumps(notification(1)) + "\n{broken\n" + json.dumps(notification(2)) + "\n"
        out, err = self.tally("convert", "-", stdin=lines, status=1)
        self.assertEqual(len({json.loads(line)["resource_id"] for line in out.splitlines()}), 2)
        self.assertIn("2", err)

    def test_a_line_is_answered_before_the_next_one_is_written(self):
        process = subprocess.Popen(["tally", "convert", "-"], cwd=self.folder, env=self.env, text=True, bufsize=1,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        for number in range(3):
            process.stdin.write(json.dumps(notification(number)) + "\n")
            self.assertIn(f'"resource_id": "i-{number}"', process.stdout.readline())
            rest = self.tally("convert", "-", stdin=json.dumps(notification(number)) + "\n")[0].splitlines()[1:]
            self.assertEqual([process.stdout.readline().rstrip("\n") for _ in rest], rest)
        process.stdin.close()
        self.assertEqual(process.wait(30), 0)

    def test_exit_statuses(self):
        self.tally("no-such-verb", status=64)
        self.tally("--version")
        self.tally("--help")
        self.tally("status", "--config", self.collector_config(), status=69)
        self.tally("query", "meters", "--config", self.write("bad.yaml", "nonsense: 1\n"), status=78)

    def test_poll_prints_what_the_pollsters_measure(self):
        out = self.tally("poll", "load", "-f", "jsonl")[0]
        self.assertTrue(all("load" in json.loads(line)["name"] for line in out.splitlines()))
        self.assertTrue(out)

    def test_a_ten_times_tenth_is_one(self):
        config = self.collector_config()
        collector = self.start_collector(config)
        samples = [{"name": "tenth", "type": "delta", "unit": "x", "volume": 0.1, "resource_id": f"r{n}", "project_id": "p",
                    "timestamp": "2026-01-02T03:04:05+00:00"} for n in range(10)]
        self.tally("--config", config, "send", "sample", "-", stdin="".join(json.dumps(s) + "\n" for s in samples))
        from support import wait_until
        wait_until("stored", lambda: self.books(config)["samples"]["stored"] == 10)
        out = self.tally("--config", config, "query", "statistics", "tenth", "-f", "jsonl")[0]
        self.assertIn('"sum":1,', out.replace(" ", ""))
        self.end(collector)


class Migrate(Sandbox):
    def test_what_becomes_of_a_running_ceilometer(self):
        folder = self.write("ceilometer/ceilometer.conf", "[DEFAULT]\ntransport_url = rabbit://u:hunter2@h/\nsample_source = cloud\n").parent
        self.write("ceilometer/pipeline.yaml", "sources: [{name: s, meters: ['!vcpus'], sinks: [k]}]\n"
                                               "sinks: [{name: k, publishers: ['gnocchi://']}]\n")
        self.write("ceilometer/meters.d/mine.yaml", "metric:\n  - {name: good, event_type: e, type: gauge, unit: u, volume: 1, "
                                                    "resource_id: $.payload.id}\n  - {name: bad, event_type: e, type: gauge, unit: u}\n")
        out, err = self.tally("migrate", "check", folder, status=1)
        self.assertNotIn("hunter2", out + err)
        self.assertRegex(out, r"(?m)^# kept +\S+ceilometer.conf:3: \[DEFAULT\] sample_source = cloud: source$")
        self.assertRegex(out, r"(?m)^# kept +\S+mine.yaml:2: meter good: read unchanged$")
        self.assertRegex(out, r"(?m)^# fault .*mine.yaml:3.*volume")
        self.assertNotIn("meter bad: read unchanged", out)
        collector = out.split("# /etc/tally/collector.yaml\n")[1].split("---\n")[0]
        self.assertIn('meters: ["vcpus"]', collector)
        (self.folder / "listen.url").write_text("local:///run/x.sock\n")
        os.chmod(self.folder / "listen.url", 0o600)
        config = self.write("collector.yaml", collector.replace("/etc/tally/", f"{self.folder}/"))
        self.tally("config", "check", "--config", config)
        rows = json.loads(self.tally("migrate", "check", folder, "-f", "json", status=1)[0])
        self.assertEqual({row["verdict"] for row in rows}, {"kept", "differs", "fault"})
        self.tally("migrate", "check", self.folder / "nowhere", status=1)
