"""The newcomer's road: `tally run` meters this host, and the queries answer."""
import signal

from support import Sandbox, wait_until


class Run(Sandbox):
    def test_meters_this_host_for_a_while_and_ends_by_itself(self):
        out, _ = self.tally("run", "--for", "4s")
        self.assertIn("stored", out)
        self.assertTrue((self.folder / "tally-data").is_dir())
        names = {row["name"] for row in self.rows("query", "meters")}
        self.assertTrue(any("cpu" in name for name in names), names)
        self.assertTrue(any("memory" in name for name in names), names)
        self.assertTrue(self.rows("query", "resources"))
        sample = self.rows("query", "samples", sorted(names)[0])[0]
        for key in ("id", "name", "type", "unit", "volume", "resource_id", "project_id", "project_name", "user_id",
                    "user_name", "timestamp", "resource_metadata", "source", "monotonic_time"):
            self.assertIn(key, sample)

    def test_queries_answer_while_it_runs_and_an_interrupt_gives_a_summary(self):
        process = self.start("tally", "run")
        wait_until("meters are there", lambda: (self.folder / "tally-data/tally.db").exists()
                   and len(self.tally("query", "meters", "-f", "jsonl", status=None)[0].splitlines()) > 5)
        statistics = self.rows("query", "statistics", "*load*")
        self.assertTrue(statistics)
        self.end(process, signal.SIGINT)
        self.assertIn("stored", self.log_of(process))

    def test_two_runs_on_one_folder_count_nothing_twice(self):
        self.tally("run", "--for", "3s")
        first = sum(row["count"] for row in self.rows("query", "statistics"))
        self.tally("run", "--for", "3s")
        second = sum(row["count"] for row in self.rows("query", "statistics"))
        self.assertGreater(second, first)
        lines = self.tally("query", "samples", "-f", "jsonl")[0].splitlines()
        self.assertEqual(len(lines), len(set(lines)))

    def test_a_hangup_applies_a_changed_configuration_to_both_halves(self):
        config = self.write("tally.yaml", "polling: {interval: 1s}\n")
        process = self.start("tally", "run", "--config", config)
        wait_until("load is stored", lambda: len(self.tally("query", "samples", "*load*", "-f", "jsonl", "--config", config,
                                                            status=None)[0].splitlines()) > 2)
        self.assertNotIn("the bus is away", self.log_of(process))
        config.write_text("polling: {interval: 1s}\ndisable: {plugins: ['pollster:load']}\n")
        process.send_signal(signal.SIGHUP)
        wait_until("it is applied", lambda: "the configuration is applied" in self.log_of(process))
        count = lambda meter: self.rows("query", "statistics", meter, "--config", config)[0]["count"]
        load, memory = count("hardware.cpu.load.1min"), count("hardware.memory.used")
        wait_until("memory goes on", lambda: count("hardware.memory.used") > memory + 2)
        self.assertLessEqual(count("hardware.cpu.load.1min"), load + 1)
        config.write_text("polling: {intervall: 1s}\n")
        process.send_signal(signal.SIGHUP)
        wait_until("the fault is said", lambda: "intervall" in self.log_of(process))
        self.end(process, signal.SIGINT)
