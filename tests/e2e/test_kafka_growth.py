"""Collectors come and go while notifications flow: six partitions of Kafka, one collector, then three, then two, into one
PostgreSQL. Every id is stored once, and for how long partitions stood still at each change is measured and printed.

TALLY_KILLS_MESSAGES changes its size, `./dev test --all` makes it 200,000. Pauses are printed, never asserted.
"""
import collections
import datetime
import os
import time

from chaos import PATIENCE
from cloud_proof import Proof
from cloud_verdict import CloudVerdict
from kafka_bus import KafkaBus

PARTITIONS = 6
MESSAGES = 200_000 if os.environ.get("TALLY_TEST_ALL") else 40_000
SLOTS = 3


class GrowthVerdict(CloudVerdict):
    """Beside the verdict: when each message was taken from the bus, by what the store says."""

    def ask(self, *words):
        self.received = getattr(self, "received", {})  # id: seconds
        for row in super().ask(*words):
            if words[:2] == ("query", "samples"):
                self.received[row["id"]] = datetime.datetime.fromisoformat(row["received_at"]).timestamp()
            yield row

    def moments(self):
        """{partition: when its messages were taken, in order}"""
        by_number = {number: self.received[id_] for id_, number in self.stored.items() if number is not None}
        found = collections.defaultdict(list)
        for number, at in by_number.items():
            if number in self.cloud.placed:
                found[self.cloud.placed[number]].append(at)
        return {place: sorted(times) for place, times in found.items()}


class Growth(Proof):
    def test_collectors_come_and_go_and_every_id_is_stored_once(self):
        self.prepare(lambda choose: KafkaBus(choose, {"notifications.info": PARTITIONS, "notifications.error": PARTITIONS}),
                     MESSAGES, SLOTS)
        self.backlog_most = self.count  # a partition that stands still stops no other
        self.tally("--config", self.config, "storage", "init")
        self.start_sender()
        self.changes = []  # (begin, end, what)
        steps = [("the first one", lambda: self.joins(0)), ("a second joins", lambda: self.joins(1)),
                 ("a third joins", lambda: self.joins(2)), ("one of three is killed", lambda: self.is_killed(1)),
                 ("it joins again", lambda: self.joins(1)), ("one of three leaves", lambda: self.leaves(0)),
                 ("one of two is killed and comes back", lambda: self.is_replaced(2))]
        for at, (what, change) in enumerate(steps):
            self.step((at + 1) * self.count // len(steps), what, change)
        self.stormy = False
        self.drain()
        for process in filter(None, self.collectors):
            self.end(process, seconds=PATIENCE)
        self.end_sender()
        self.tally("--config", self.config, "storage", "check")
        self.tell_pauses(self.judge(GrowthVerdict).moments())

    def step(self, upto, what, change):
        """The change comes in the middle of what flows: when a third of the step is confirmed."""
        begun = self.ledger.acknowledged
        self.allowed = upto = max(upto, begun + self.count // 14)
        self.wait(f"messages flow before: {what}", lambda: self.ledger.acknowledged >= begun + (upto - begun) // 3)
        self.kills[what] += 1
        begin = time.time()
        change()
        self.wait(f"messages flow after: {what}", lambda: self.ledger.acknowledged >= upto, 2 * PATIENCE)
        self.wait(f"what waits is stored after: {what}", lambda: self.depth == 0, 2 * PATIENCE)
        self.changes.append((begin, time.time(), what))

    # --- changes ------------------------------------------------------------------------------------------------------

    def joins(self, at):
        self.start_collector_at(at)
        self.wait(f"collector {at} receives", lambda: self.more() or self.received(at) > 0)

    def more(self):
        """A quick sender is done before the group has given a newcomer its partitions."""
        self.allowed = max(self.allowed, self.ledger.acknowledged + 200)
        return False

    def is_killed(self, at):
        process, self.collectors[at] = self.collectors[at], None
        process.kill()
        process.wait()

    def leaves(self, at):
        process, self.collectors[at] = self.collectors[at], None
        self.end(process, seconds=PATIENCE)

    def is_replaced(self, at):
        self.is_killed(at)
        self.joins(at)

    # --- pauses -------------------------------------------------------------------------------------------------------

    def tell_pauses(self, moments):
        """The longest time between two messages of a partition, from a change until what was sent then is stored."""
        self.assertEqual(len(moments), 2 * PARTITIONS)
        for begin, end, what in self.changes:
            pauses = sorted(self.longest([begin, *(at for at in times if begin < at < end)]) for times in moments.values())
            print(f"          {what + ':':<42} partitions stood still for {pauses[0]:.2f} to {pauses[-1]:.2f} s, half of "
                  f"them for {pauses[len(pauses) // 2 - 1]:.2f} s at most", flush=True)

    @staticmethod
    def longest(times):
        return max((later - earlier for earlier, later in zip(times, times[1:])), default=0)
