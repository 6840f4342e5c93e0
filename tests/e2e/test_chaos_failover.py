"""Fail-over to a PostgreSQL that follows the primary: with a synchronous standby nothing that was acknowledged is missing.

TALLY_KILLS_SEED repeats a run's choices, TALLY_KILLS_MESSAGES changes its size; `./dev chaos --transport failover` goes on.
"""
import json
import os

from amqp_bus import AmqpBus
from chaos import PATIENCE
from cloud_verdict import CloudVerdict
from fail_over import FailOver
from postgresql_pair import PostgresqlPair
from support import Sandbox, notification, wait_until

LONG = bool(os.environ.get("TALLY_TEST_ALL"))


class SynchronousFailOver(FailOver):
    def prove(self, make_bus, count, faults):
        self.prepare(make_bus, count)
        self.tally("--config", self.config, "storage", "init")
        self.start_sender()
        for at in range(2):
            self.start_collector_at(at)
        self.storm(self.plan(faults))
        self.drain()
        for process in self.collectors:
            self.end(process, seconds=PATIENCE)
        self.end_sender()
        self.tally("--config", self.config, "storage", "check")
        found = CloudVerdict(self)
        if found.faults:
            self.fail("\n".join(found.faults) + "\n" + found.figures())
        print(f"          {found.figures()}; {dict(sorted(self.kills.items()))}", flush=True)

    def test_lost_primaries_lose_nothing(self):
        self.prove(AmqpBus, *(30_000, 12) if LONG else (4_000, 3))


class WaitingForTheStandby(Sandbox):
    def test_a_batch_that_waits_for_the_standby_is_not_answered_by_its_repetition(self):
        """The primary shows it as committed as soon as whoever waited is gone; lost with the primary it would be all the same."""
        with PostgresqlPair() as pair:
            config = self.collector_config('plugins: {"storage:postgresql": {write_timeout: 1s}}\n')
            config.write_text(config.read_text().replace(f"sqlite://{self.database}", pair.url))
            self.tally("--config", config, "storage", "init")
            pair.set_synchronous(True)
            collector = self.start_collector(config)
            self.send(config, 1)
            wait_until("it is stored", lambda: self.books(config)["messages"]["stored"] == 1)
            pair.lag()
            self.send(config, 2)
            # The first attempt's time is over and its session has ended; some more are, too.
            wait_until("the batch is repeated", lambda: self.failures() >= 4 or not self.in_flight(config), 60)
            self.assertEqual(self.in_flight(config), 1, "it was acknowledged, and only the primary has it")
            self.assertEqual(pair.primary.sql("SELECT count(DISTINCT timestamp) FROM tally.sample"), "2",
                             "the primary alone has the batch")
            pair.fail_over()
            wait_until("it is stored", lambda: self.books(config)["messages"]["stored"] == 2)
            self.assertEqual(self.rows("--config", config, "query", "statistics", "memory")[0]["count"], 2)
            self.end(collector)

    def send(self, config, number):
        line = notification(number, instance_id="vm")
        line["timestamp"] = f"2026-01-02 03:04:{number:02d}"
        self.tally("--config", config, "send", "notification", "-", stdin=json.dumps(line) + "\n")

    def in_flight(self, config):
        return self.books(config)["messages"]["in_flight"]

    def failures(self):
        found = [line for line in self.page("/metrics").splitlines() if line.startswith("tally_store_failures_total")]
        return int(float(found[0].split()[-1])) if found else 0
