"""The verbs that talk to the store: dead letters, the store itself, queries with every option."""
import csv
import io
import json

from support import Sandbox, notification, wait_until


def sample(number, **fields):
    return {"name": "m", "type": "gauge", "unit": "B", "volume": number, "resource_id": f"r{number % 2}", "project_id": "p1",
            "timestamp": f"2026-01-02T03:0{number}:00+00:00", "resource_metadata": {"state": ["off", "on"][number % 2]},
            **fields}


class Store(Sandbox):
    def send(self, config, kind, *things):
        self.tally("--config", config, "send", kind, "-", stdin="".join(json.dumps(thing) + "\n" for thing in things))

    def settled(self, config, messages):
        wait_until(f"{messages} messages are settled", lambda: (lambda m: m["received"] >= messages and m["in_flight"] == 0)
                   (self.books(config)["messages"]))

    def letters(self, config):
        return self.rows("--config", config, "dead-letter", "list")

    def test_dead_letters_are_shown_replayed_and_purged(self):
        definitions = self.write("meters/one.yaml", "metric:\n- name: size\n  event_type: volume.sized\n  type: gauge\n"
                                 "  unit: GB\n  volume: $.payload.size\n  resource_id: $.payload.id\n  project_id: $.payload.p\n")
        config = self.collector_config(f"plugins: {{'notification:meters': {{definitions: ['{definitions}']}}}}\n")
        collector = self.start_collector(config)
        self.send(config, "sample", sample(1))
        self.send(config, "sample", sample(1, volume=7))
        bad = notification(1, "volume.sized", id="v1", p="p1", size="four", gigabytes=4)
        self.send(config, "notification", bad)
        self.settled(config, 3)
        letters = {letter["reason"]: letter for letter in self.letters(config)}
        self.assertEqual(set(letters), {"conflict", "bad sample"}, letters)
        shown = self.rows("--config", config, "dead-letter", "show", letters["bad sample"]["digest"])[0]
        self.assertEqual((shown["message_id"], json.loads(shown["body"])["volume"]), ("m-1", "four"))
        self.assertIn("one.yaml", shown["detail"])

        # A conflict stays one; the sample lives once its definition is mended.
        conflict = letters["conflict"]["digest"]
        out, _ = self.tally("--config", config, "dead-letter", "replay", conflict, status=1)
        self.assertIn("dead", out)
        self.assertIn("volume 1 there, 7 here", out)
        definitions.write_text(definitions.read_text().replace("$.payload.size", "$.payload.gigabytes"))
        replayed = self.rows("--config", config, "dead-letter", "replay", letters["bad sample"]["digest"])
        self.assertEqual([(row["outcome"], row["stored"]) for row in replayed], [("stored", 1)])
        self.assertEqual(self.rows("--config", config, "query", "statistics", "size")[0]["sum"], 4)
        self.assertEqual([letter["digest"] for letter in self.letters(config)], [conflict])
        self.tally("--config", config, "dead-letter", "replay", letters["bad sample"]["digest"], status=1)

        # By digest, of which one is not there; then all.
        out, err = self.tally("--config", config, "dead-letter", "purge", conflict, "0" * 32, "-f", "json", status=1)
        self.assertEqual(json.loads(out), [{"purged": 1}])
        self.assertIn("1 of them", err)
        self.send(config, "sample", sample(1, volume=8))
        self.settled(config, 4)
        self.assertEqual(self.rows("--config", config, "dead-letter", "purge", "--all"), [{"purged": 1}])
        self.assertEqual(self.letters(config), [])
        for verb in ("show", "replay"):
            out, err = self.tally("--config", config, "dead-letter", verb, conflict, status=1)
            self.assertEqual(out, "")
            self.assertIn(conflict, err)
        self.tally("--config", config, "dead-letter", "purge", status=64)
        self.tally("--config", config, "dead-letter", "replay", conflict, "--all", status=64)
        self.assert_books_balance(self.books(config))
        self.end(collector)

    def test_the_store_is_made_checked_and_measured(self):
        config = self.collector_config()
        self.assertIn("made", self.tally("--config", config, "storage", "init")[0])
        self.assertIn("nothing to do", self.tally("--config", config, "storage", "init")[0])
        self.assertIn("nothing to do", self.tally("--config", config, "storage", "upgrade")[0])
        self.assertIn("intact", self.tally("--config", config, "storage", "check")[0])
        self.assertEqual(self.rows("--config", config, "storage", "size"), [])
        collector = self.start_collector(config)
        self.send(config, "sample", *(sample(number) for number in range(5)))
        self.settled(config, 1)
        size = self.rows("--config", config, "storage", "size")
        self.assertEqual([(row["meter"], row["samples"]) for row in size], [("m", 5)])
        self.assertGreater(size[0]["bytes"], 0)
        books = self.rows("--config", config, "storage", "books")
        self.assertEqual({(row["bus"], row["unit"], row["outcome"], row["count"]) for row in books},
                         {(self.bus, "messages", "stored", 1), (self.bus, "samples", "stored", 5)})
        self.assertIn("intact", self.tally("--config", config, "storage", "check")[0])
        self.end(collector)

    def test_every_option_of_query(self):
        config = self.collector_config()
        collector = self.start_collector(config)
        self.send(config, "sample", *(sample(number) for number in range(6)))
        self.settled(config, 1)
        first_batch = max(row["batch"] for row in self.rows("--config", config, "query", "samples"))
        self.send(config, "sample", sample(6), sample(7, name="other", project_id="p2", user_id="u"))
        self.settled(config, 2)

        def volumes(*words):
            return [row["volume"] for row in self.rows("--config", config, "query", "samples", *words)]
        self.assertEqual(volumes(), [0, 1, 2, 3, 4, 5, 6, 7])
        self.assertEqual(volumes("m"), [0, 1, 2, 3, 4, 5, 6])
        self.assertEqual(volumes("--start", "2026-01-02T03:02:00", "--end", "2026-01-02T03:05:00"), [2, 3, 4])
        self.assertEqual(volumes("--stop", "2026-01-02T03:01:00Z"), [0])
        self.assertEqual(volumes("--as-of", first_batch), [0, 1, 2, 3, 4, 5])
        self.assertEqual(volumes("--limit", "2", "--newest-first"), [7, 6])
        self.assertEqual(volumes("--resource", "r1", "m"), [1, 3, 5])
        self.assertEqual(volumes("--project", "p2"), [7])
        self.assertEqual(volumes("--user", "u"), [7])
        self.assertEqual(volumes("--filter", "metadata.state=on", "--filter", "project_id=p1"), [1, 3, 5])
        self.assertEqual(volumes("--filter", "type=delta"), [])

        def statistics(*words):
            return self.rows("--config", config, "query", "statistics", *words)
        groups = {(row["resource_id"], row["metadata.state"]): row["sum"]
                  for row in statistics("m", "--group-by", "resource_id,metadata.state")}
        self.assertEqual(groups, {("r0", "off"): 12, ("r1", "on"): 9})
        windows = [(row["period_start"], row["count"]) for row in statistics("m", "--period", "5m")]
        self.assertEqual(windows, [("2026-01-02T03:00:00+00:00", 5), ("2026-01-02T03:05:00+00:00", 2)])
        self.assertEqual(statistics("m", "--as-of", first_batch)[0]["count"], 6)
        self.assertEqual({row["name"] for row in self.rows("--config", config, "query", "meters")}, {"m", "other"})
        self.assertEqual({row["resource_id"] for row in self.rows("--config", config, "query", "resources")}, {"r0", "r1"})

        def printed(form):
            return self.tally("--config", config, "query", "samples", "other", "-f", form)[0]
        self.assertEqual(json.loads(printed("json")), [json.loads(printed("jsonl"))])
        self.assertEqual(next(csv.DictReader(io.StringIO(printed("csv"))))["volume"], "7")
        table = printed("table").splitlines()
        self.assertEqual(len(table), 2)
        self.assertEqual(table[0].split()[:4], ["timestamp", "name", "type", "volume"])
        for form, empty in (("json", []), ("table", None), ("jsonl", None), ("csv", None)):
            out = self.tally("--config", config, "query", "samples", "no-such", "-f", form)[0]
            self.assertEqual(json.loads(out) if form == "json" else empty, empty)
            self.assertLessEqual(len(out.splitlines()), 1)
        self.end(collector)
