"""What the person's tool says when something is wrong: the thing, the place, the way out; and with which exit status."""
import os
import subprocess

from support import Sandbox


class Messages(Sandbox):
    def wrong(self, *words, says, status=64):
        out, err = self.tally(*words, status=status)
        self.assertEqual(out, "", words)
        self.assertEqual(len(err.splitlines()), 1, err)
        for text in says if isinstance(says, tuple) else (says,):
            self.assertIn(text, err, words)

    def test_command_lines(self):
        self.wrong(says=("name a command: run, poll", "--help"))
        self.wrong("qurey", says=('there is no "qurey"', 'did you mean "query"'))
        self.wrong("query", "smaples", says=('there is no "smaples"', 'did you mean "samples"', "tally query --help"))
        self.wrong("storage", says=("storage", "init, upgrade, check, size, books, acknowledge-loss"))
        self.wrong("dead-letter", "show", says=("dead-letter show", "DIGEST"))
        self.wrong("query", "samples", "a", "b", says="b")
        self.wrong("query", "meters", "--period", "5s", says="--period")
        self.wrong("status", "-f", "xml", says=("xml", "table,json,jsonl,csv"))
        self.wrong("run", "--for", "soon", says=("--for soon", "30s"))
        self.wrong("run", "--for", "-3s", says="--for -3s")

    def test_query_options(self):
        for option, value, says in (("--start", "nonsense", "2026-01-02T03:04:05"), ("--end", "2026-13-01", "not a time"),
                                    ("--stop", "x", "not a time"), ("--limit", "-1", "non-negative integer"),
                                    ("--limit", "1.5", "non-negative integer"), ("--as-of", "x", "non-negative integer"),
                                    ("--filter", "nonsense", "KEY=VALUE"), ("--filter", "colour=red", "resource_id"),
                                    ("--filter", "=red", "KEY=VALUE")):
            self.wrong("query", "samples", option, value, says=(value, says))
        self.wrong("query", "samples", "--start", "2026-02-01", "--end", "2026-01-01", says="is not before")
        self.wrong("query", "statistics", "--period", "0", says="60s")
        self.wrong("query", "statistics", "--period", "fast", says=("fast", "60s"))
        self.wrong("query", "statistics", "--group-by", "project_id,colour", says=("colour", "project_id", "metadata.KEY"))

    def test_what_is_away_or_absent(self):
        config = self.collector_config()
        self.wrong("--config", config, "query", "meters", says=(str(self.database), "tally run"), status=69)
        self.wrong("--config", config, "storage", "check", says=("tally storage init",), status=69)
        self.wrong("--config", config, "dead-letter", "list", says=str(self.database), status=69)
        self.wrong("--config", config, "status", says=(f"127.0.0.1:{self.port}", "--config"), status=69)
        self.wrong("--config", self.folder / "no.yaml", "query", "meters", says="no.yaml: no such file", status=78)
        self.wrong("plugin", "show", "laod", says=("laod", "pollster:load", "tally plugin list"), status=1)
        self.wrong("convert", self.folder / "no.json", says=("no.json", "No such file"), status=1)
        self.wrong("convert", self.folder, says=(str(self.folder), "folder"), status=1)

    def test_unreadable_files(self):
        secret = self.write("secret.json", "{}\n")
        secret.chmod(0)
        if os.access(secret, os.R_OK):
            self.skipTest("root reads everything")
        self.wrong("convert", secret, says=("secret.json", "Permission denied"), status=1)

    def test_a_file_that_cannot_be_sent(self):
        config = self.collector_config()
        collector = self.start_collector(config)
        self.wrong("--config", config, "send", "sample", self.folder / "no.json", says=("no.json", "No such file"), status=1)
        self.end(collector)

    def test_a_store_that_is_none(self):
        garbage = self.write("garbage.db", "this is not a database\n")
        config = self.write("garbage.yaml", f"storage: 'sqlite://{garbage}'\n")
        for words in (("query", "meters"), ("storage", "check"), ("storage", "upgrade"), ("storage", "size"),
                      ("dead-letter", "list")):
            self.wrong("--config", config, *words, says=("garbage.db", "not an SQLite database"), status=1)
        config = self.write("nowhere.yaml", f"storage: 'sqlite://{self.folder}/no/where.db'\n")
        self.wrong("--config", config, "storage", "init", says=(f"{self.folder}/no", "make it"), status=1)

    def test_poll_where_nothing_matches(self):
        self.wrong("poll", "no-such*", says=('"no-such*"', "tally plugin list"), status=1)
        self.wrong("poll", "load", "--namespace", "central", says=('"load"', '"central"'), status=1)
        out, _ = self.tally("poll", "lo*", "pollster:mem*", "-f", "csv")
        self.assertIn("hardware.cpu.load.1min", out)
        self.assertIn("hardware.memory", out)

    def test_a_reader_that_goes_away_is_no_error_and_a_full_disk_is(self):
        script = "tally poll -f jsonl | head -c 1 > /dev/null; echo ${PIPESTATUS[0]}"
        done = subprocess.run(["bash", "-c", script], cwd=self.folder, env=self.env, text=True, capture_output=True)
        self.assertEqual((done.stdout, done.stderr), ("0\n", ""))
        done = subprocess.run(["bash", "-c", "tally poll load > /dev/full"], cwd=self.folder, env=self.env, text=True,
                              capture_output=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("output could not be written", done.stderr)
