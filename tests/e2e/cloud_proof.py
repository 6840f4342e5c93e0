"""The proof over one bus or another: a storm of faults, calm, and the verdict. Whatever is killed, cut, stalled or full on
the way, what the broker confirmed is stored once with its content, or is a dead letter with its reason, nothing else is
there, and the books say so. Not for the faults (cloud.py and each bus) nor for judging (cloud_verdict.py).
"""
import decimal

from chaos import PATIENCE
from cloud import Cloud
from cloud_verdict import CloudVerdict

FAULTS = 34
MEMORY_MIB = 512  # no collector needs more, whatever waits


class Proof(Cloud):
    def prove(self, make_bus, count):
        """The messages are `count`, or TALLY_KILLS_MESSAGES."""
        self.prepare(make_bus, count)
        self.tally("--config", self.config, "storage", "init")
        self.start_sender()
        for at in range(2):
            self.start_collector_at(at)
        self.storm(self.plan(FAULTS))
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

    def judge(self, verdict=CloudVerdict):
        found = verdict(self)
        if found.faults:
            self.fail("\n".join(found.faults) + "\n" + found.figures())
        for row in self.rows("--config", self.config, "query", "statistics", "volume.size", "--group-by", "meter"):
            self.assertEqual(decimal.Decimal(row["sum"]), found.sums["volume.size"])
        print(f"          {found.figures()}", flush=True)
        return found
