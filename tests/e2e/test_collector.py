"""Collector and agent apart, over the local transport into SQLite: what is acknowledged is stored, once."""
import json
import os
import random
import signal
import sqlite3
import subprocess
import urllib.request

from support import Sandbox, notification, wait_until


class Collector(Sandbox):
    def send(self, config, messages, status=0):
        lines = "".join(json.dumps(message) + "\n" for message in messages)
        return self.tally("--config", config, "send", "notification", "-", stdin=lines, status=status)

    def test_sent_is_stored_once_and_the_books_balance(self):
        config = self.collector_config()
        collector = self.start_collector(config)
        self.send(config, [notification(n) for n in range(100)])
        self.send(config, [notification(n) for n in range(50)])
        wait_until("all are settled", lambda: self.books(config)["messages"]["received"] == 150
                   and self.books(config)["messages"]["in_flight"] == 0)
        books = self.books(config)
        self.assertEqual((books["messages"]["stored"], books["messages"]["duplicate"]), (100, 50))
        self.assert_books_balance(books)
        rows = self.rows("--config", config, "query", "statistics", "memory")
        self.assertEqual(rows[0]["count"], 100)
        self.assertEqual(rows[0]["sum"], 51200)
        self.end(collector)

    def test_conflicts_and_rubbish_become_dead_letters_and_nothing_else_is_lost(self):
        config = self.collector_config()
        collector = self.start_collector(config)
        self.send(config, [notification(1), notification(2)])
        self.tally("--config", config, "send", "notification", "-", stdin="this is not json\n", status=None)
        self.send(config, [notification(1, memory_mb=1024), notification(3, event_type="nobody.knows.this")])
        wait_until("all are settled", lambda: self.books(config)["messages"]["received"] >= 4
                   and self.books(config)["messages"]["in_flight"] == 0)
        books = self.books(config)
        self.assertEqual(books["samples"]["conflict"], 1, books)
        self.assertEqual(books["messages"]["filtered"], 1, books)
        self.assert_books_balance(books)
        letters = self.rows("--config", config, "dead-letter", "list")
        conflict = next(row for row in letters if row["reason"] == "conflict")
        shown = self.tally("--config", config, "dead-letter", "show", conflict["digest"])[0]
        self.assertIn("1024", shown)
        self.end(collector)

    def test_status_pages(self):
        config = self.collector_config()
        collector = self.start_collector(config)
        self.send(config, [notification(1)])
        wait_until("stored", lambda: self.books(config)["messages"]["stored"] == 1)

        def get(path):
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.read().decode()
        self.assertIn("tally_", get("/metrics"))
        self.assertTrue(get("/healthz"))
        self.assertTrue(get("/readyz"))
        status = json.loads(get("/status"))
        self.assertLessEqual({"state", "messages", "samples", "plugins"}, status.keys())
        self.end(collector)
        self.tally("--config", config, "status", status=69)

    def test_killed_again_and_again_loses_nothing_and_counts_nothing_twice(self):
        config = self.collector_config()
        choose = random.Random(20261121)
        collector = self.start_collector(config)
        sent = 0
        for _ in range(8):
            sender = subprocess.Popen(["tally", "--config", str(config), "send", "notification", "-"], cwd=self.folder,
                                      env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)
            lines = "".join(json.dumps(notification(n)) + "\n" for n in range(sent, sent + 200))
            sender.stdin.write(lines[:choose.randrange(len(lines) // 4, len(lines))])
            sender.stdin.flush()
            os.kill(collector.pid, signal.SIGKILL)
            collector.wait()
            sender.kill()
            sender.communicate()
            collector = self.start_collector(config)
            self.send(config, [notification(n) for n in range(sent, sent + 200)])
            sent += 200
        wait_until("nothing is in flight", lambda: self.books(config)["messages"]["in_flight"] == 0)
        wait_until("all are there", lambda: self.rows("--config", config, "query", "statistics", "memory")[0]["count"] >= sent)
        self.end(collector)
        with sqlite3.connect(self.database) as database:
            self.assertEqual(database.execute("pragma integrity_check").fetchone()[0], "ok")
        samples = self.rows("--config", config, "query", "samples", "memory")
        self.assertEqual(len(samples), sent)
        self.assertEqual(len({sample["resource_id"] for sample in samples}), sent)


class Apart(Sandbox):
    def agent_config(self, extra=""):
        from support import free_port
        self.agent_port = free_port()
        return self.write("agent.yaml", f"publish: '{self.bus}'\nhttp: 127.0.0.1:{self.agent_port}\n"
                                        f"data: '{self.folder}/agent-data'\npolling: {{interval: 1s}}\n{extra}")

    def test_an_agent_publishes_what_a_collector_stores(self):
        config = self.collector_config()
        collector = self.start_collector(config)
        agent = self.start("tally-agent", "--config", self.agent_config())
        wait_until("host samples are stored", lambda: self.books(config)["samples"]["stored"] > 20)
        self.end(agent)
        wait_until("nothing is in flight", lambda: self.books(config)["messages"]["in_flight"] == 0)
        self.assert_books_balance(self.books(config))
        self.assertEqual(self.rows("--config", config, "dead-letter", "list"), [])
        self.end(collector)

    def test_while_the_collector_is_away_the_agent_spools_and_nothing_is_lost(self):
        config = self.collector_config()
        agent = self.start("tally-agent", "--config", self.agent_config("disable: {plugins: ['pollster:exec']}\n"))
        spool = self.folder / "agent-data"
        wait_until("something is spooled", lambda: any(path.stat().st_size > 1000 for path in spool.rglob("*")
                                                       if path.is_file()))
        collector = self.start_collector(config)
        wait_until("the backlog is stored", lambda: self.books(config)["samples"]["stored"] > 20)
        self.end(agent)
        self.end(collector)

    def test_the_agent_links_no_database(self):
        import pathlib
        from support import PREFIX
        linked = subprocess.run(["ldd", PREFIX / "bin/tally-agent"], capture_output=True, text=True, check=True).stdout
        self.assertNotIn("sqlite", linked)
        self.assertNotIn("libpq", linked)
