"""`tally bus rewind` over a real Kafka: what was read since a time comes again, and falls out as duplicates; and where it is
refused. Not for partitions one by one: the transport's own test has those.
"""
import datetime
import json

from kafka import Kafka
from support import Sandbox, free_port, notification, wait_until


class Rewinding(Sandbox):
    @classmethod
    def setUpClass(cls):
        cls.kafka = Kafka()
        cls.addClassCleanup(cls.kafka.close)
        cls.kafka.start()

    def kafka_config(self):
        self.http = free_port()
        return self.write("collector.yaml", (
            f"listen: ['{self.kafka.url}{self._testMethodName}']\nstorage: 'sqlite://{self.folder}/tally.db'\n"
            f"http: 127.0.0.1:{self.http}\n"
            'plugins: {"transport:kafka": {look_again: 500ms, commit_every: 200ms}}\n'))

    def send(self, config, numbers):
        lines = "".join(json.dumps(notification(n)) + "\n" for n in numbers)
        self.tally("--config", config, "send", "notification", "-", stdin=lines)

    def settled(self, config, count):
        """All of this process's messages."""
        wait_until(f"{count} messages are settled", lambda: self.outcome(config, "received") == count and
                   self.outcome(config, "in_flight") == 0, 60)

    def outcome(self, config, name):
        return self.books(config)["messages"][name]

    def rewind(self, config, time, *more, status=0):
        out, err = self.tally("--config", config, "bus", "rewind", "--to", time, *more, "-f", "json", status=status)
        return json.loads(out) if status == 0 else out, err

    def book(self, config, unit, outcome):
        return sum(row["count"] for row in self.rows("--config", config, "storage", "books")
                   if (row["unit"], row["outcome"]) == (unit, outcome))

    def test_what_was_read_since_a_time_comes_again_as_duplicates(self):
        config = self.kafka_config()
        collector = self.start_collector(config)
        self.send(config, range(40))
        self.settled(config, 40)
        time = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None).isoformat()
        self.send(config, range(40, 65))
        self.settled(config, 65)
        _, err = self.rewind(config, time, status=1)
        self.assertIn("in use by tally-", err)
        self.assertIn("127.0.0.1", err)
        self.assertIn("systemctl stop tally-collector", err)
        # Offsets are committed a moment after their messages are settled.
        wait_until("the group has committed all", lambda: sum(
            row["messages"] or 0 for row in self.rewind(config, time, "--dry-run")[0]) == 25)
        planned, err = self.rewind(config, time, "--dry-run")
        self.assertIn("stop them first", err)
        self.assertEqual({row["state"] for row in planned} - {"unchanged"}, {"would rewind", "absent"})
        self.end(collector)
        stored = self.book(config, "samples", "stored")
        done, _ = self.rewind(config, time)
        self.assertEqual([row["to"] for row in done], [row["to"] for row in planned])
        self.assertEqual(sum(row["messages"] for row in done if row["messages"]), 25)
        self.assertEqual(sum(row["from"] - row["to"] for row in done if row["state"] == "rewound"), 25)
        again, _ = self.rewind(config, time)
        self.assertNotIn("rewound", {row["state"] for row in again}, "a second time there is nothing to do")
        collector = self.start_collector(config)
        self.settled(config, 25)
        self.assertEqual(self.outcome(config, "duplicate"), 25)
        self.assertEqual(self.outcome(config, "stored"), 0)
        self.assertEqual(self.book(config, "messages", "duplicate"), 25)
        self.assertEqual(self.book(config, "samples", "stored"), stored)
        self.assertEqual(self.rows("--config", config, "query", "statistics", "memory")[0]["count"], 65)
        self.end(collector)

    def test_a_bus_that_keeps_nothing_refuses_and_says_what_can_be_done(self):
        config = self.write("other.yaml", "listen: ['amqp://127.0.0.1:1/', 'local:///nowhere/bus.sock']\n")
        out, err = self.tally("--config", config, "bus", "rewind", "--to", "2026-01-02", status=1)
        self.assertIn("amqp://127.0.0.1:1/: RabbitMQ keeps nothing that was acknowledged", err)
        self.assertIn("doc/restore.md", err)
        self.assertIn("local:///nowhere/bus.sock: the spool keeps nothing", err)

    def test_one_bus_that_refuses_keeps_no_other_from_going_back(self):
        config = self.kafka_config()
        collector = self.start_collector(config)
        self.send(config, range(5))
        self.settled(config, 5)
        self.end(collector)
        both = self.write("both.yaml", config.read_text().replace("listen: [", "listen: ['amqp://127.0.0.1:1/', "))
        out, err = self.tally("--config", both, "bus", "rewind", "--to", "2026-01-02", "-f", "json", status=1)
        self.assertIn("RabbitMQ keeps nothing", err)
        self.assertEqual(sum(row["messages"] or 0 for row in json.loads(out)), 5)

    def test_a_time_that_cannot_be_meant_is_refused(self):
        config = self.write("other.yaml", "listen: ['kafka://127.0.0.1:1/']\n")
        for words, text in ((["--to", "yesterday"], 'not a time; write 2026-01-02'), (["--to", "2999-01-01"], "later than now"),
                            ([], "--to is required")):
            _, err = self.tally("--config", config, "bus", "rewind", *words, status=64)
            self.assertIn(text, err)
        _, err = self.tally("--config", config, "bus", "rewind", "--to", "2026-01-02", status=69)
        self.assertIn("refused", err)
