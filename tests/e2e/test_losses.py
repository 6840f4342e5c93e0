"""What must not be taken for a loss of the store's, and what must be told again: state folders that are old, copied, damaged or
gone, writers that the store has forgotten, acknowledgements. Not for noticing a loss: test_lost_primary.py.
"""
import json
import os
import shutil
import sqlite3
import subprocess

from support import Sandbox, free_port, notification, wait_until


class Losses(Sandbox):
    def setUp(self):
        super().setUp()
        self.database = self.folder / "tally.db"
        self.ports = {}
        self.numbers = iter(range(1 << 30))

    def config_of(self, name, database=None):
        """A collector's with a bus and a state folder of its own."""
        self.ports[name] = free_port()
        (self.folder / name).mkdir(exist_ok=True)
        return self.write(f"{name}.yaml", f"listen: ['local://{self.folder}/{name}.sock']\n"
                          f"storage: 'sqlite://{database or self.database}'\ndata: '{self.folder}/{name}'\n"
                          f"http: 127.0.0.1:{self.ports[name]}\n")

    def state(self, name):
        return self.folder / name / "collector"

    def send(self, config, count=3):
        """In batches of one: each is settled before the next is sent."""
        for _ in range(count):
            before = self.books(config)["messages"]["received"]
            line = json.dumps(notification(next(self.numbers)))
            self.tally("--config", config, "send", "notification", "-", stdin=line + "\n")
            wait_until("it is settled", lambda: (now := self.books(config)["messages"])["received"] == before + 1
                       and now["in_flight"] == 0)

    def run_once(self, config, count=3):
        collector = self.start_collector(config)
        self.send(config, count)
        self.end(collector)
        return self.log_of(collector)

    def copy_store(self, name):
        with sqlite3.connect(self.database) as source, sqlite3.connect(self.folder / name) as copy:
            source.backup(copy)
        copy.close()
        return self.folder / name

    def put_back(self, copy):
        for end in ("-wal", "-shm"):
            (self.folder / f"tally.db{end}").unlink(missing_ok=True)
        shutil.copy(copy, self.database)

    def lose(self, name="one"):
        """A store that lacks what came after a copy of it; the collector's configuration."""
        config = self.config_of(name)
        self.run_once(config)
        copy = self.copy_store("backup.db")
        self.run_once(config)
        self.put_back(copy)
        return config

    def assert_ready(self, name):
        wait_until(f"{name} is ready", lambda: self.page("/readyz", self.ports[name]) == "ready\n")

    def assert_lost(self, name):
        wait_until(f"{name} tells of a loss", lambda: "has lost" in self.page("/readyz", self.ports[name]))

    def acknowledge(self, config, status=0):
        return self.tally("--config", config, "storage", "acknowledge-loss", status=status)

    # --- what is not a loss --------------------------------------------------------------------------------------------

    def test_a_copied_state_folder_is_no_loss(self):
        """A host made from another's image has its state folder too."""
        one, two = self.config_of("one"), self.config_of("two")
        self.run_once(one)
        shutil.copytree(self.folder / "one", self.folder / "two", dirs_exist_ok=True)
        collectors = [self.start_collector(config) for config in (one, two)]
        for _ in range(3):
            for config in (one, two):
                self.send(config, 1)
        for name, config, collector in zip(("one", "two"), (one, two), collectors):
            self.assertNotIn("has lost", self.page("/readyz", self.ports[name]))
            self.tally("--config", config, "storage", "check")
            self.end(collector)
            self.assertNotIn("has lost", self.log_of(collector))

    def test_an_old_state_folder_is_no_loss(self):
        """As after a kill between a commit and what is written down of it, only more of it."""
        config = self.config_of("one")
        self.run_once(config)
        shutil.copytree(self.state("one"), self.folder / "old")
        self.run_once(config)
        shutil.rmtree(self.state("one"))
        shutil.move(self.folder / "old", self.state("one"))
        self.tally("--config", config, "storage", "check")
        self.assertNotIn("has lost", self.run_once(config))

    def test_a_state_folder_that_is_gone_or_damaged_keeps_nobody_from_starting(self):
        config = self.config_of("one")
        self.run_once(config)
        shutil.rmtree(self.folder / "one")
        self.run_once(config)
        self.assertTrue(self.state("one").is_dir(), "made again, with what is above it")
        shutil.rmtree(self.state("one"))
        self.run_once(config)
        for path in self.state("one").iterdir():
            if path.is_file():
                for damage in (b"", b"\0" * 100, os.urandom(70_000), b"{}", b'{"version":1,"writer":5,"losses":7}'):
                    path.write_bytes(damage)
                    collector = self.start_collector(config)
                    self.send(config, 1)
                    self.assert_ready("one")
                    self.tally("--config", config, "storage", "check")
                    self.end(collector)

    def test_a_forgotten_writer_is_a_warning(self):
        config = self.config_of("one")
        self.run_once(config)
        with sqlite3.connect(self.database) as database:
            database.execute("DELETE FROM writer")
            database.executemany("INSERT INTO writer (id, sequence, used, rows, statuses) VALUES (?, 1, unixepoch() + 60, 0, x'')",
                                 [(f"{number:032x}",) for number in range(101)])
        database.close()
        collector = self.start_collector(config)
        self.assert_ready("one")
        self.assertIn("has forgotten the writer", self.log_of(collector))
        self.assertNotIn("has lost", self.log_of(collector))
        self.tally("--config", config, "storage", "check")
        self.end(collector)

    def test_two_collectors_with_one_folder_both_work(self):
        one, two = self.config_of("one"), self.config_of("two")
        two.write_text(two.read_text().replace(f"{self.folder}/two'", f"{self.folder}/one'"))
        collectors = [self.start_collector(config) for config in (one, two)]
        for _ in range(2):
            for config in (one, two):
                self.send(config, 1)
        for name in ("one", "two"):
            self.assert_ready(name)
        self.assertIn("going on without it", self.log_of(collectors[1]))
        for collector in collectors:
            self.end(collector)

    # --- acknowledging ------------------------------------------------------------------------------------------------

    def test_acknowledged_twice_is_acknowledged_once(self):
        config = self.lose()
        self.tally("--config", config, "storage", "check", status=1)
        out, _ = self.acknowledge(config)
        self.assertIn("acknowledged: the 3 batches", out)
        self.assertIn("nothing to acknowledge", self.acknowledge(config)[0])
        self.tally("--config", config, "storage", "check")
        for _ in range(2):  # what lies in the state folder says the same as before
            collector = self.start_collector(config)
            self.assert_ready("one")
            self.end(collector)
            self.assertNotIn("has lost", self.log_of(collector))
            self.tally("--config", config, "storage", "check")

    def test_a_store_that_is_put_back_again_is_told_again(self):
        config = self.lose()
        collector = self.start_collector(config)
        self.assert_lost("one")
        self.acknowledge(config)
        self.assert_ready("one")
        self.end(collector)
        for _ in range(2):  # with nothing new in between, and with something
            self.put_back(self.folder / "backup.db")
            collector = self.start_collector(config)
            self.assert_lost("one")
            self.acknowledge(config)
            self.assert_ready("one")
            self.send(config)
            self.end(collector)

    def test_another_database_is_not_asked_to_acknowledge(self):
        config = self.lose()
        other = self.config_of("other", self.folder / "other.db")
        other.write_text(other.read_text().replace(f"{self.folder}/other'", f"{self.folder}/one'"))
        self.tally("--config", other, "storage", "init")
        self.assertIn("nothing to acknowledge", self.acknowledge(other)[0])
        self.tally("--config", config, "storage", "check", status=1)

    def test_a_file_that_may_not_be_written_acknowledges_nothing_and_says_why(self):
        config = self.lose()
        for path in (self.folder, *self.folder.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        # Modes count for root too without this capability.
        weak = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
        done = subprocess.run([*weak, "tally", "--config", str(config), "storage", "acknowledge-loss"], env=self.env,
                              capture_output=True, text=True)
        for path in (self.folder, *self.folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("may not be written", done.stderr)
        self.tally("--config", config, "storage", "check", status=1)
