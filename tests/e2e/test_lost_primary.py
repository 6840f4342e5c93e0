"""A store that does not have any more what it had answered for: an asynchronous standby that lagged is promoted, an old
SQLite file is put back. The collector notices by its next write, or at its next start. Not for what brings it back."""
import json
import shutil
import signal
import sqlite3
import unittest

from postgresql import Postgresql, Standby
from support import Sandbox, notification, wait_until

MESSAGES = 800  # five rows each
ROWS = 5 * MESSAGES


class LostStore(Sandbox):
    """What both kinds of store are tried with; `rows` is the subclass's."""

    def send(self, config, first, count=MESSAGES):
        """Sends notifications, and waits until they are stored and acknowledged."""
        books = self.books(config)["messages"]
        text = "".join(json.dumps(notification(number)) + "\n" for number in range(first, first + count))
        self.tally("--config", config, "send", "notification", "-", stdin=text)
        wait_until("all are settled", lambda: (now := self.books(config)["messages"])["in_flight"] == 0
                   and now["received"] == books["received"] + count)
        self.assertEqual(self.books(config)["messages"]["stored"], books["stored"] + count)

    def ready(self):
        return self.page("/readyz").strip() == "ready"

    def lost(self):
        """The reasons why it is not ready that tell of a loss."""
        return [line for line in self.page("/readyz").splitlines() if " has lost " in line]

    def metric(self, name):
        return float(next(line.split()[-1] for line in self.page("/metrics").splitlines() if line.startswith(name + " ")))

    def samples(self, text):
        return sum(int(part.split(" sample")[0].split("(")[-1]) for part in text)

    def assert_told(self, config, collector, lost):
        """Not ready, one line a writer, a metric, and a check that fails: each names all rows that are gone."""
        wait_until("the loss is told", self.lost)
        reasons = self.lost()
        self.assertEqual(self.samples(reasons), lost, reasons)
        self.assertIn("tally storage acknowledge-loss", reasons[0])
        self.assertRegex(reasons[0], r"wrote (at|from) 20\d\d-\d\d-\d\dT")
        self.assertGreater(self.metric("tally_store_lost_batches"), 0)
        lines = [line for line in self.log_of(collector).splitlines() if " has lost " in line]
        self.assertEqual(len(lines), len(reasons), "told once")
        out, err = self.tally("--config", config, "storage", "check", status=1)
        self.assertEqual(self.samples([line for line in out.splitlines() if "lost: " in line]), lost, out)
        self.assertIn("acknowledge-loss", err)

    def assert_acknowledged(self, config):
        out = self.tally("--config", config, "storage", "acknowledge-loss", "--note", "the standby lagged")[0]
        self.assertIn("acknowledged: the ", out)
        self.assertIn("the store's id is ", out)
        wait_until("it is ready by itself", self.ready)
        self.assertEqual(self.metric("tally_store_lost_batches"), 0)
        self.tally("--config", config, "storage", "check")
        self.assertIn("nothing to acknowledge", self.tally("--config", config, "storage", "acknowledge-loss")[0])

    def noticed_by_the_next_write(self, config, fall_behind, lose):
        collector = self.start_collector(config)
        self.send(config, 0)
        fall_behind()
        self.send(config, MESSAGES)
        self.assertEqual(self.rows(), 2 * ROWS)
        wait_until("it is ready", self.ready)
        self.tally("--config", config, "storage", "check")
        lose()
        self.send(config, 2 * MESSAGES, 1)
        self.assertEqual(self.rows(), ROWS + 5, "what comes is stored all the same")
        self.assert_told(config, collector, ROWS)
        self.end(collector, signal.SIGKILL, status=-9)

        again = self.start_collector(config)
        self.assert_told(config, again, ROWS)
        self.assert_acknowledged(config)
        self.send(config, 3 * MESSAGES, 1)
        self.end(again)
        self.start_collector(config)
        self.send(config, 4 * MESSAGES, 1)
        wait_until("it is ready", self.ready)

    def noticed_at_the_next_start(self, config, fall_behind, lose):
        collector = self.start_collector(config)
        self.send(config, 0)
        fall_behind()
        self.send(config, MESSAGES)
        self.end(collector, signal.SIGKILL, status=-9)
        lose()
        self.assertIn("lost: the ", self.tally("--config", config, "storage", "check", status=1)[0])
        again = self.start_collector(config)
        self.assert_told(config, again, ROWS)
        self.assert_acknowledged(config)


class LostPrimary(LostStore):
    def setUp(self):
        super().setUp()
        self.primary = Postgresql()
        self.addCleanup(self.primary.close)
        self.primary.start()
        self.standby = Standby(self.primary)
        self.addCleanup(self.standby.close)
        self.standby.start()
        self.now = self.primary
        config = self.collector_config()
        config.write_text(config.read_text().replace(
            f"sqlite://{self.database}",
            f"postgresql://tally@127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}/postgres"))
        self.config = config

    def rows(self):
        return int(self.now.sql("SELECT count(*) FROM tally.sample"))

    def fall_behind(self):
        wait_until("the standby has all", self.standby.caught_up)
        self.standby.cut_off()
        wait_until("the standby is cut off", self.standby.is_cut_off)

    def lose(self):
        self.primary.kill()
        self.standby.promote()
        self.now = self.standby

    def test_a_standby_that_lagged_is_noticed_by_the_next_write(self):
        self.noticed_by_the_next_write(self.config, self.fall_behind, self.lose)

    def test_a_standby_that_lagged_is_noticed_at_the_next_start(self):
        self.noticed_at_the_next_start(self.config, self.fall_behind, self.lose)

    def test_that_it_could_come_to_this_is_said_before(self):
        collector = self.start_collector(self.config)
        self.send(self.config, 0, 1)
        said = "1 standby is connected and no standby is synchronous"
        self.assertIn(said, self.log_of(collector))
        self.assertIn(said, self.tally("--config", self.config, "storage", "check")[0])
        self.primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'")
        self.primary.sql("SELECT pg_reload_conf()")
        wait_until("the standby is synchronous", lambda: self.primary.sql(
            "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'") == "1")
        self.assertNotIn("synchronous", self.tally("--config", self.config, "storage", "check")[0])


class LostFile(LostStore):
    def setUp(self):
        super().setUp()
        self.config = self.collector_config()

    def rows(self):
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30) as reader:
            return reader.execute("SELECT count(*) FROM sample").fetchone()[0]

    def copy_away(self):
        with sqlite3.connect(self.database, timeout=30) as reader, sqlite3.connect(self.folder / "copy.db") as copy:
            reader.backup(copy)

    def put_back(self):
        for end in ("", "-wal", "-shm"):
            (self.folder / f"tally.db{end}").unlink(missing_ok=True)
        shutil.copy(self.folder / "copy.db", self.database)

    def test_an_old_file_put_back_is_noticed_by_the_next_write(self):
        self.noticed_by_the_next_write(self.config, self.copy_away, self.put_back)

    def test_an_old_file_put_back_is_noticed_at_the_next_start(self):
        self.noticed_at_the_next_start(self.config, self.copy_away, self.put_back)

    def test_two_collectors_of_one_folder_both_run(self):
        first = self.start_collector(self.config)
        port = self.port
        second = self.write("second.yaml", self.config.read_text().replace(str(port), str(port + 1)))
        other = self.start("tally-collector", "--config", second)
        wait_until("it says so", lambda: "is in use by another collector; going on without it" in self.log_of(other))
        self.assertNotIn("going on without it", self.log_of(first))
        self.end(other)


del LostStore  # not to be run by itself

if __name__ == "__main__":
    unittest.main()
