"""The person's tool: conversion, output formats, exit statuses."""
import json

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
