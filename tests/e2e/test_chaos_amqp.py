"""The proof: RabbitMQ to PostgreSQL, whatever is killed, cut, stalled or full on the way; what the broker confirmed is
stored once with its content, or is a dead letter with its reason, nothing else is there, and the books say so.

TALLY_KILLS_SEED repeats a run's choices, TALLY_KILLS_MESSAGES changes its size; `./dev chaos --transport amqp` goes on.
"""
import decimal

from amqp_bus import AmqpBus
from chaos import PATIENCE
from cloud import Cloud
from cloud_verdict import CloudVerdict

FAULTS = 34
MEMORY_MIB = 512  # no collector needs more, whatever waits


class ChaosOverAmqp(Cloud):
    def test_thirty_faults_lose_nothing_and_count_nothing_twice(self):
        self.prepare(AmqpBus, 100_000)
        self.tally("--config", self.config, "storage", "init")
        self.start_sender()
        for at in range(2):
            self.start_collector_at(at)
        names = self.plan(FAULTS)
        self.storm(names)
        self.drain()
        passed_s = self.pass_fresh()
        self.assertLess(passed_s, 5)
        self.drain()
        self.watch()
        for process in self.collectors:
            self.end(process, seconds=PATIENCE)
        self.end_sender()
        self.tally("--config", self.config, "storage", "check")
        self.judge()
        self.assertGreaterEqual(sum(self.kills.values()), 30)
        self.assertGreaterEqual(self.copies_cut(), 5, "the database saw COPY end in the middle")
        self.assertLess(self.peak_kib, MEMORY_MIB * 1024)
        print(f"          a fresh one in {passed_s:.2f} s; at most {self.peak_kib / 1024:.0f} MiB resident; "
              f"{sum(self.kills.values())} faults: {dict(sorted(self.kills.items()))}", flush=True)

    def judge(self):
        verdict = CloudVerdict(self)
        if verdict.faults:
            self.fail("\n".join(verdict.faults) + "\n" + verdict.figures())
        for row in self.rows("--config", self.config, "query", "statistics", "volume.size", "--group-by", "meter"):
            self.assertEqual(decimal.Decimal(row["sum"]), verdict.sums["volume.size"])
        print(f"          {verdict.figures()}", flush=True)
