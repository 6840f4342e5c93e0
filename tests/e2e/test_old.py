"""What an earlier version wrote stays readable: stores, spools and configurations of tests/fixtures/old.
Not for making them: make.py there tells how that was done, once."""
import json
import os
import shutil
import unittest

from postgresql import Postgresql
from support import TOP, Sandbox, free_port, wait_until

OLD = TOP / "tests/fixtures/old"
QUESTIONS = {"samples": ["query", "samples"], "statistics": ["query", "statistics", "--group-by", "meter"],
             "resources": ["query", "resources"], "meters": ["query", "meters"],
             "as-of-1": ["query", "samples", "--as-of", "1"], "dead-letters": ["dead-letter", "list"]}
KEYS = {"samples": ("id", "timestamp"), "statistics": ("meter", "unit"), "resources": ("resource_id", "project_id", "user_id", "source"),
        "meters": ("name", "type", "unit"), "as-of-1": ("id", "timestamp"), "dead-letters": ("digest",)}


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


class Old(Sandbox):
    def ask(self, config, *words):
        out = self.tally("--config", config, *words, "-f", "jsonl")[0]
        return [json.loads(line) for line in out.splitlines()]

    def assert_all_there(self, was, now, keys):
        """Every row of then is there, with each value of then; rows and columns may have been added."""
        found = {tuple(row[key] for key in keys): row for row in now}
        for row in was:
            self.assertIn(tuple(row[key] for key in keys), found)
            new = found[tuple(row[key] for key in keys)]
            self.assertEqual(row, {name: new.get(name) for name in row})

    def assert_answers(self, config, folder):
        for name, words in QUESTIONS.items():
            with self.subTest(question=name):
                was, now = read(folder / f"{name}.jsonl"), self.ask(config, *words)
                self.assertEqual(len(was), len(now))
                self.assert_all_there(was, now, KEYS[name])

    def assert_dead_letters_keep_their_bodies(self, config, folder):
        for file in (folder / "bodies").iterdir():
            shown = self.tally("--config", config, "dead-letter", "show", file.name)[0]
            (was,), (now,) = json.loads(file.read_text()), json.loads(shown)
            self.assertEqual(was, {name: now.get(name) for name in was})

    def book_lines(self, config):
        lines = {}
        for row in self.ask(config, "storage", "books"):
            lines[row["unit"], row["outcome"]] = lines.get((row["unit"], row["outcome"]), 0) + row["count"]
        return lines

    def upgraded(self, config, folder):
        """Upgrades the store of `config`, and holds that it answers as it did, knows what it has, and takes more."""
        self.tally("--config", config, "storage", "upgrade")
        self.tally("--config", config, "storage", "check")
        self.assert_answers(config, folder)
        self.assert_dead_letters_keep_their_bodies(config, folder)
        before = {(row["unit"], row["outcome"]): row["count"] for row in read(folder / "books.jsonl")}
        self.assertEqual(self.book_lines(config), before)

        collector = self.start_collector(config)
        again = (OLD / "messages.jsonl").read_text()
        new = json.dumps(dict(json.loads(again.splitlines()[0]), message_id="after the upgrade",
                              timestamp="2026-11-20 00:00:00")) + "\n"
        self.tally("--config", config, "send", "notification", "-", stdin=again + new)
        sent = len(again.splitlines()) + 1
        wait_until("all are settled", lambda: self.books(config)["messages"]["received"] >= sent
                   and self.books(config)["messages"]["in_flight"] == 0)
        books = self.books(config)
        self.assertEqual((books["messages"]["duplicate"], books["messages"]["stored"]), (sent - 1, 1), books)
        self.assertEqual(books["samples"]["conflict"], 0, books)
        self.end(collector)
        self.assert_all_there(read(folder / "samples.jsonl"), self.ask(config, "query", "samples"), KEYS["samples"])
        after = self.book_lines(config)
        self.assertEqual(after["messages", "duplicate"], before["messages", "duplicate"] + sent - 1)

    def test_a_sqlite_store_is_upgraded_and_goes_on(self):
        config = self.collector_config()
        shutil.copy(OLD / "sqlite/tally.db", self.database)
        self.upgraded(config, OLD / "sqlite")

    def test_run_upgrades_its_own_store_by_itself_and_no_other(self):
        (self.folder / "tally-data").mkdir()
        shutil.copy(OLD / "sqlite/tally.db", self.folder / "tally-data/tally.db")
        self.tally("run", "--for", "3s")
        self.assertIn("schema version 4", self.tally("storage", "check")[0])
        was = read(OLD / "sqlite/samples.jsonl")
        now = [json.loads(line) for line in self.tally("query", "samples", "-f", "jsonl")[0].splitlines()]
        self.assert_all_there(was, now, KEYS["samples"])
        self.assertGreater(len(now), len(was), "what was polled is stored")

        shutil.copy(OLD / "sqlite/tally.db", self.folder / "other.db")
        config = self.write("tally.yaml", f"storage: 'sqlite://{self.folder}/other.db'\n")
        process = self.start("tally", "run", "--config", config)
        wait_until("it waits for the upgrade", lambda: "tally storage upgrade" in self.log_of(process))
        self.end(process)

    def test_a_postgresql_store_is_upgraded_and_goes_on(self):
        with Postgresql() as server:
            server.run([f"{server.bin}/psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", server.port,
                        "-U", "tally", "-d", "postgres", "-f", OLD / "postgresql/dump.sql"])
            self.port = free_port()
            config = self.write("collector.yaml", f"listen: ['local://{self.folder}/bus.sock']\nstorage: '{server.url}'\n"
                                                  f"http: 127.0.0.1:{self.port}\n")
            self.upgraded(config, OLD / "postgresql")

    def test_an_agents_spool_is_sent(self):
        config = self.collector_config()
        collector = self.start_collector(config)
        agent_config = self.write("agent.yaml", f"data: {self.folder}/data\npublish: '{self.bus}'\n"
                                                f"http: 127.0.0.1:{free_port()}\n"
                                                "disable: {plugins: ['pollster:*', 'discovery:*']}\n")
        shutil.copytree(OLD / "agent-spool", self.folder / "data/agent-spool")
        agent = self.start("tally-agent", "--config", agent_config)
        was = read(OLD / "agent-spool.jsonl")
        wait_until("the spool is stored", lambda: self.books(config)["samples"]["stored"] >= len(was))
        self.end(agent)
        self.assertEqual(self.books(config)["samples"]["stored"], len(was))
        self.end(collector)
        self.assert_samples(was, config)

    def test_a_local_transports_spool_is_stored(self):
        config = self.collector_config()
        shutil.copytree(OLD / "local-spool", self.folder / "bus.sock.spool")
        collector = self.start_collector(config)
        was = read(OLD / "local-spool.jsonl")
        wait_until("all are stored", lambda: self.books(config)["messages"]["stored"] == 30)
        self.end(collector)
        self.assert_samples(was, config)

    def assert_samples(self, was, config):
        """The same samples, whenever they were received and in whichever batch they came."""
        for row in was:
            row.pop("received_at", None), row.pop("batch", None)
        now = self.ask(config, "query", "samples")
        self.assertEqual(len(was), len(now))
        self.assert_all_there(was, now, KEYS["samples"])

    def test_configurations_mean_what_they_meant(self):
        for name in ("collector", "agent", "tally"):
            with self.subTest(file=name):
                file = shutil.copy(OLD / f"configurations/{name}.yaml", self.folder)
                os.chmod(file, 0o600)
                self.tally("--config", file, "config", "check")
                shown = self.settings(self.tally("--config", file, "config", "show")[0].replace(
                    str(self.folder), "./configurations"))
                was = self.settings((OLD / f"configurations/{name}.shown").read_text())
                self.assertGreater(len(was), 3)
                self.assertEqual(was, {key: shown.get(key) for key in was})

    def settings(self, text):
        """What was set in the file, not the defaults."""
        lines = (line.rsplit("  #", 1) for line in text.splitlines() if "  #" in line)
        return {setting.split(": ")[0]: setting.strip() for setting, origin in lines if "default" not in origin}


if __name__ == "__main__":
    unittest.main()
