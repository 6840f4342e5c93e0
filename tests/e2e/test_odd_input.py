"""Messages as Python's writer and careless services send them, definitions that find too little, and what is counted twice:
by the installed programs, from `convert` to the store. Not for bytes that are not messages at all: test_hostile.py.
"""
import json
import sqlite3

from workshop import Workshop

POLLED = {"source": "openstack", "counter_type": "gauge", "counter_unit": "u", "counter_volume": 1, "user_id": None,
          "project_id": None, "resource_id": "r1", "resource_metadata": {}, "monotonic_time": None,
          "message_signature": ""}
SCRATCH = """
metric:
  - {name: bytes.out, event_type: req, type: delta, unit: B, volume: $.payload.bytes, resource_id: $.payload.account}
  - {name: $.payload.nothing, event_type: req, type: delta, unit: request, volume: 1, resource_id: $.payload.account}
"""


def strictly(text):
    """As JSON has it, and no more than Python takes."""
    def no_number(word):
        raise ValueError(word)
    read = json.loads(text, parse_constant=no_number)
    json.dumps(read, ensure_ascii=False).encode()  # half a surrogate pair cannot be
    return read


class OddInput(Workshop):
    def setUp(self):
        super().setUp()
        del self.env["TALLY_PLUGIN_PATH"]

    def polled(self, *samples):
        stamp = "2026-11-30T10:00:00.123456"
        return json.dumps({"message_id": "m1", "publisher_id": "p", "event_type": "telemetry.polling", "priority": "SAMPLE",
                           "timestamp": "2026-11-30 10:00:01.000001", "payload": {"samples": [
                               dict(POLLED, timestamp=stamp, message_id=f"id-{at}", **one) for at, one in enumerate(samples)]}})

    def convert(self, *lines, status=0, meters=()):
        out, err = self.tally("convert", *meters, "-", stdin="".join(line + "\n" for line in lines), status=status)
        return [strictly(line) for line in out.splitlines()], err

    def test_a_polled_nan_costs_one_sample(self):
        rows, err = self.convert(self.polled(
            {"counter_name": "ok1", "resource_metadata": {"load": float("nan"), "most": [float("-inf")]}},
            {"counter_name": "bad", "counter_volume": float("nan")}, {"counter_name": "ok2"}), status=1)
        self.assertEqual([row["name"] for row in rows], ["ok1", "ok2"])
        self.assertEqual(rows[0]["resource_metadata"], {"load": "NaN", "most": ["-Infinity"]})
        self.assertEqual(len(err.splitlines()), 1, err)
        self.assertIn("bad sample: sample 2 of meter bad:", err)

    def test_numbers_are_ids(self):
        rows, _ = self.convert(self.polled({"counter_name": "m", "resource_id": 7, "project_id": 12, "user_id": 1.5}))
        self.assertEqual((rows[0]["resource_id"], rows[0]["project_id"], rows[0]["user_id"]), ("7", "12", "1.5"))

    def test_half_a_surrogate_pair_is_never_printed(self):
        volume = {"event_type": "volume.create.end", "publisher_id": "v\ud83d", "priority": "INFO", "message_id": "m1",
                  "timestamp": "2026-11-30 10:00:00.000000",
                  "payload": {"volume_id": "v1", "tenant_id": "p1", "user_id": "u1", "size": 5, "display_name": "half \ud83d"}}
        rows, _ = self.convert(json.dumps(volume), self.polled(
            {"counter_name": "m", "resource_metadata": {"a": "\udc00", "b": "\U0001f600"}, "user_id": "u\ud83d"}))
        self.assertEqual(rows[0]["resource_metadata"]["display_name"], "half \ufffd")
        self.assertEqual(rows[1]["resource_metadata"], {"a": "\ufffd", "b": "\U0001f600"})
        self.assertEqual(rows[1]["user_id"], "u\ufffd")

    def test_what_older_versions_stored_is_printed_as_json(self):
        config = self.collector_config()
        self.tally("--config", config, "storage", "init")
        collector = self.start_collector(config)
        self.send(config, {"event_type": "volume.create.end", "message_id": "m", "timestamp": "2026-01-02 03:04:05",
                           "payload": {"volume_id": "v1", "size": 5, "display_name": "half"}})
        self.settled(config, 1)
        self.end(collector)
        with sqlite3.connect(self.database) as database:
            for table, in database.execute("select name from sqlite_master where type = 'table'").fetchall():
                for _, column, *_ in database.execute(f"pragma table_info('{table}')").fetchall():
                    database.execute(f"update \"{table}\" set \"{column}\" = replace(\"{column}\", 'half', 'half \\ud83d') "
                                     f"where typeof(\"{column}\") = 'text' and \"{column}\" like '%half%'")
        out, _ = self.tally("--config", config, "query", "samples", "-f", "jsonl")
        self.assertEqual(strictly(out)["resource_metadata"]["display_name"], "half \ufffd")

    def test_the_form_of_endpoints(self):
        recorded = {"event_type": "volume.create.end", "publisher_id": "volume.h1", "ctxt": {"user_id": "u9", "project_id": "p9"},
                    "payload": {"volume_id": "v1", "size": 5},
                    "metadata": {"message_id": "m1", "timestamp": "2026-01-02 03:04:05.000000"}}
        usual = {"event_type": "volume.create.end", "publisher_id": "volume.h1", "_context_user_id": "u9",
                 "_context_project_id": "p9", "payload": {"volume_id": "v1", "size": 5},
                 "message_id": "m1", "timestamp": "2026-01-02 03:04:05.000000"}
        (one, other), _ = self.convert(json.dumps(recorded), json.dumps(usual))
        self.assertEqual(one, other)
        self.assertEqual((one["timestamp"], one["project_id"]), ("2026-01-02T03:04:05+00:00", "p9"))

    def test_what_finds_nothing_is_said_once_and_counted(self):
        message = {"event_type": "req", "publisher_id": "p", "priority": "INFO", "timestamp": "2026-11-30 10:00:00",
                   "payload": {"action": "put", "bytes": 1000, "account": "a1"}}
        definitions = self.folder / "scratch"
        definitions.mkdir()
        self.write("scratch/two.yaml", SCRATCH)
        lines = [json.dumps(dict(message, message_id=f"m{at}")) for at in range(3)]
        rows, err = self.convert(*lines, meters=("--meters", definitions))
        self.assertEqual([(row["name"], row["volume"]) for row in rows], [("bytes.out", 1000)] * 3)
        self.assertEqual(err.count("two.yaml:$.payload.nothing makes no sample of a message: its name finds nothing"), 1, err)
        bad = dict(message, message_id="m9", payload={"account": "a1", "bytes": "many"})
        rows, err = self.convert(json.dumps(bad), meters=("--meters", definitions), status=1)
        self.assertEqual(rows, [])
        self.assertIn("two.yaml:3: volume \"many\" of bytes.out: not a number", err)

        self.env["TALLY_DEFINITIONS"] = str(definitions)
        config = self.collector_config()
        collector = self.start_collector(config)
        self.send(config, *(json.loads(line) for line in lines), bad)
        self.settled(config, 4)
        self.assertIn('tally_plugin_skipped_total{plugin="notification:meters",definition="two.yaml:$.payload.nothing"} 4',
                      self.page("/metrics"))
        shown, _ = self.tally("--config", config, "plugin", "show", "notification:meters")
        self.assertIn("two.yaml:$.payload.nothing found not enough in 4 messages", shown)
        letter, = self.rows("--config", config, "dead-letter", "list")
        self.assertEqual((letter["kind"], letter["reason"], letter["handler"]), ("sample", "bad sample", "notification:meters"))
        replayed, _ = self.tally("--config", config, "dead-letter", "replay", letter["digest"], "-f", "jsonl", status=1)
        self.assertIn("volume \\\"many\\\" of bytes.out: not a number", replayed)
        self.end(collector)
        self.assertEqual(self.log_of(collector).count("makes no sample of a message"), 1)

    def test_bytes_that_are_not_utf8(self):
        config = self.collector_config()
        collector = self.start_collector(config)
        with open(self.folder / "odd.json", "wb") as file:
            for byte in (0xf6, 0xdf):
                file.write(b'{"event_type": "volume.create.end", "message_id": "m", "timestamp": "2026-01-02 03:04:05", '
                           b'"payload": {"volume_id": "Gr%c", "size": 5, "display_name": "%c"}}\n' % (byte, byte))
        out, _ = self.tally("convert", self.folder / "odd.json")
        rows = [strictly(line) for line in out.splitlines()]
        self.assertEqual([row["resource_id"] for row in rows], ["Gr%F6", "Gr%DF"])
        self.assertEqual({row["resource_metadata"]["display_name"] for row in rows}, {"\ufffd"})
        self.end(collector)


class CountedTwice(Workshop):
    """A private handler for one of the messages that the shipped definitions take."""

    def setUp(self):
        super().setUp()
        self.put("backup", "")
        source = (self.folder / "backup.cc").read_text()
        source = source.replace('"backup.*"', '"backup.create.end"').replace("backup.seen", "backup.size")
        (self.folder / "backup.cc").write_text(source)
        self.build("backup")

    def build(self, name):
        import subprocess  # pylint: disable=import-outside-toplevel
        from support import PREFIX  # pylint: disable=import-outside-toplevel
        include = PREFIX / "include"
        subprocess.run(["g++", "-std=c++20", "-shared", "-fPIC", f"-I{include}", "-fvisibility=hidden",
                        f"-Wl,--version-script={include}/tally/plugin.map", "-o", self.plugins / f"{name}.so",
                        self.folder / f"{name}.cc"], check=True)

    SAID = "notification:backup and notification:meters (volume.yaml:backup.size) both make backup.size of `backup.create.end`"
    MESSAGE = {"event_type": "backup.create.end", "message_id": "m1", "timestamp": "2026-01-02 03:04:05",
               "payload": {"backup_id": "b1", "project_id": "p1", "user_id": "u1", "size": 5}}

    def test_is_said_everywhere_and_a_definition_can_be_turned_off(self):
        config = self.collector_config()
        line = json.dumps(self.MESSAGE) + "\n"
        for words, stdin in ((("config", "check"), None), (("plugin", "list"), None), (("convert", "-"), line)):
            with self.subTest(words):
                out, err = self.tally("--config", config, *words, stdin=stdin)
                self.assertEqual((out + err).count(self.SAID), 1, out + err)
        collector = self.start_collector(config)
        self.end(collector)
        self.assertEqual(self.log_of(collector).count(self.SAID), 1)

        off = self.collector_config('disable: {definitions: ["volume.yaml:backup.*", "none.yaml:*"]}\n')
        out, err = self.tally("--config", off, "config", "check")
        self.assertNotIn("both make", out + err)
        self.assertIn("none.yaml:*\" matches no definition (FILE:METER)", err)
        out, err = self.tally("--config", off, "convert", "-", stdin=line)
        self.assertEqual([json.loads(row)["type"] for row in out.splitlines()], ["delta"], "the private one alone")
        shown, _ = self.tally("--config", off, "plugin", "show", "notification:meters")
        self.assertIn("meter: backup.size (gauge, GiB) volume.yaml:backup.size, disabled", shown)

    def test_a_disabled_definition_that_is_hidden_is_told_with_what_hides_it(self):
        text = "metric:\n- {name: own.size, event_type: x.y, type: gauge, unit: GB, volume: 1, resource_id: r}\n"
        first, second = self.write("first.yaml", text), self.write("second.yaml", text)
        config = self.collector_config(f"plugins: {{'notification:meters': {{definitions: ['{first}', '{second}']}}}}\n"
                                       "disable: {definitions: ['second.yaml:own.size']}\n")
        out, err = self.tally("--config", config, "config", "check")
        self.assertNotIn("matches no definition", out + err)
        self.assertIn(f'"second.yaml:own.size" is disabled, and is hidden anyway by the definition at {first}:2', err)

    def test_the_shipped_definitions_alone_raise_no_alarm(self):
        (self.plugins / "backup.so").unlink()
        config = self.collector_config()
        for words in (("config", "check"), ("plugin", "list")):
            out, err = self.tally("--config", config, *words)
            self.assertNotIn("both make", out + err)
        shown, _ = self.tally("--config", config, "plugin", "show", "notification:meters")
        self.assertIn("meter: volume.size (gauge, GiB) volume.yaml:volume.size", shown)
        self.assertNotIn("event type: *\n", shown)

    def test_a_handler_that_ends_its_process_costs_no_listing(self):
        source = (self.folder / "backup.cc").read_text()
        (self.folder / "backup.cc").write_text(source.replace("struct Handler", "struct Ends { Ends() { _exit(3); } } ends;\nstruct Handler"))
        self.build("backup")
        config = self.collector_config()
        out, err = self.tally("--config", config, "plugin", "list")
        self.assertIn("meters", out)
        self.assertIn("cannot be asked what they make", err)
