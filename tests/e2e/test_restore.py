"""doc/restore.md, step by step, over a real Kafka and PostgreSQL: dump, go on, lose the store, restore, rewind. In the end the
store has, row by row, what one has that lost nothing. Not for fail-over under load: test_chaos_failover.py.
"""
import datetime
import json

from kafka import Kafka
from postgresql import Postgresql
from support import Sandbox, free_port, notification, wait_until

OF_THE_READING = ("received_at", "batch")  # what a second reading has of its own
BEFORE, AFTER, MEANWHILE = range(0, 300), range(300, 700), range(700, 760)
RUBBISH = "this is not JSON, number {}"


class Restore(Sandbox):
    @classmethod
    def setUpClass(cls):
        cls.kafka, cls.database = Kafka(), Postgresql()
        for server in (cls.kafka, cls.database):
            cls.addClassCleanup(server.close)
            server.start()

    def config(self, name, database, group):
        """A collector's; each has a state folder of its own."""
        self.database.sql(f"CREATE DATABASE {database} TEMPLATE template0 ENCODING 'UTF8'")
        self.http = free_port()
        (self.folder / database).mkdir()
        path = self.write(name, (
            f"listen: ['{self.kafka.url}{self._testMethodName}']\nhttp: 127.0.0.1:{self.http}\n"
            f"storage: 'postgresql://tally@127.0.0.1:{self.database.port}/{database}'\ndata: '{self.folder}/{database}'\n"
            f'plugins: {{"transport:kafka": {{group: {group}, look_again: 500ms, commit_every: 200ms}}}}\n'))
        self.tally("--config", path, "storage", "init")
        return path

    def send(self, config, numbers):
        lines = []
        for n in numbers:
            event = "compute.instance.create.end" if n % 3 else "compute.instance.delete.end"
            message = notification(n, event, instance_id=f"i-{n // 5}", memory_mb=256 * (n % 7 + 1))
            message["timestamp"] = f"2026-01-02 {n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}.000000"
            lines.append(json.dumps(message) if n % 50 else RUBBISH.format(n))
        self.tally("--config", config, "send", "notification", "-", stdin="\n".join(lines) + "\n")

    def settled(self, config, count):
        def done():
            messages = self.books(config)["messages"]
            return messages["received"] >= count and messages["in_flight"] == 0
        wait_until(f"{count} messages are settled", done, 60)
        return self.books(config)["messages"]

    def run_over(self, config, counts, numbers=()):
        """A collector from its start to its end; what it settled."""
        collector = self.start("tally-collector", "--config", config)
        wait_until("it answers", lambda: self.status(self.http))
        self.send(config, numbers)
        messages = self.settled(config, counts)
        self.end(collector)
        return messages, self.log_of(collector)

    def all_rows(self, config):
        rows = sorted(self.rows("--config", config, "query", "samples"), key=lambda row: row["id"])
        return [{key: value for key, value in row.items() if key not in OF_THE_READING} for row in rows]

    def letters(self, config):
        return sorted((row["digest"], row["reason"], row["kind"]) for row in self.rows("--config", config, "dead-letter", "list"))

    def sums(self, config):
        sums = {}
        for row in self.rows("--config", config, "storage", "books"):
            sums[row["unit"], row["outcome"]] = sums.get((row["unit"], row["outcome"]), 0) + row["count"]
        return sums

    def dump(self, database):
        return self.database.run([f"{self.database.bin}/pg_dump", "-h", "127.0.0.1", "-p", self.database.port, "-U", "tally",
                                  "-d", database, "-Fc", "-f", self.folder / "dump"])

    def lose_and_restore(self, database):
        self.database.sql(f"DROP DATABASE {database} WITH (FORCE)")
        self.database.sql(f"CREATE DATABASE {database} TEMPLATE template0 ENCODING 'UTF8'")
        self.database.run([f"{self.database.bin}/pg_restore", "-h", "127.0.0.1", "-p", self.database.port, "-U", "tally", "-d",
                           database, "--exit-on-error", self.folder / "dump"])

    def test_a_restored_dump_ends_as_a_store_that_lost_nothing(self):
        config = self.config("collector.yaml", "lost", "lost")
        self.run_over(config, len(BEFORE), BEFORE)
        self.dump("lost")
        self.run_over(config, len(AFTER), AFTER)
        after_all = len(self.all_rows(config))
        self.lose_and_restore("lost")

        # What Tally says, before anything runs, and while it does.
        out, err = self.tally("--config", config, "storage", "check", status=1)
        self.assertIn("acknowledge-loss", err)
        named = [line for line in out.splitlines() if "lost:" in line]
        self.assertEqual(len(named), 1, out)
        self.assertIn(f"of {len(AFTER)} messages", named[0])
        self.assertLess(len(self.all_rows(config)), after_all)
        collector = self.start("tally-collector", "--config", config)
        wait_until("it answers", lambda: self.status(self.http))
        wait_until("the page says so", lambda: "has lost" in self.page("/readyz", self.http))
        self.send(config, MEANWHILE)  # what comes meanwhile is stored
        self.settled(config, len(MEANWHILE))
        self.end(collector)
        self.assertEqual(self.log_of(collector).count("has lost"), 1, self.log_of(collector))

        # Back to before the first batch that is named, and over it all again.
        first = named[0].split(" from " if " from " in named[0] else " at ")[1].split()[0]
        begin = datetime.datetime.fromisoformat(first) - datetime.timedelta(seconds=20)
        time = begin.astimezone(datetime.timezone.utc).replace(tzinfo=None).isoformat()
        rows = json.loads(self.tally("--config", config, "bus", "rewind", "--to", time, "-f", "json")[0])
        again = sum(row["messages"] or 0 for row in rows)
        self.assertGreaterEqual(again, len(AFTER) + len(MEANWHILE))
        messages, _ = self.run_over(config, again)
        self.assertEqual(messages["stored"] + messages["dead"] + messages["filtered"] + messages["duplicate"], again)
        self.assertGreaterEqual(messages["duplicate"], len(MEANWHILE) - 1)
        self.tally("--config", config, "storage", "check", status=1)
        out, _ = self.tally("--config", config, "storage", "acknowledge-loss", "--note", "restored the dump")
        self.assertIn("acknowledged", out)
        self.tally("--config", config, "storage", "check")
        collector = self.start_collector(config)
        wait_until("it is ready", lambda: self.page("/readyz", self.http) == "ready\n")
        self.end(collector)

        # The same messages once more, by a group and into a store that nothing befell.
        whole = self.config("whole.yaml", "whole", "whole")
        self.run_over(whole, len(BEFORE) + len(AFTER) + len(MEANWHILE))
        self.assertEqual(self.all_rows(config), self.all_rows(whole))
        self.assertEqual(self.letters(config), self.letters(whole))
        restored, wanted = self.sums(config), self.sums(whole)
        for key in (("messages", "stored"), ("samples", "stored")):
            self.assertEqual(restored[key], wanted[key], key)
