"""The small cloud of the proof over two PostgreSQL servers, of which the primary is lost again and again. Not for judging what
the store holds then: cloud_verdict.py.
"""
import time

from cloud import PATIENCE, Cloud
from postgresql_pair import PostgresqlPair

LOSSES = ("primary lost", "primary lost, a collector killed")
FREQUENT = ("collector killed", "both collectors killed", "collector restarted", "database stopped")


class FailOver(Cloud):
    """`synchronous`: whether a commit waits for the standby."""

    synchronous = True

    def start_database(self):
        """Collectors are given both servers, and find the one that can be written."""
        disks = [self.small_disk(f"database{at}", "700m") for at in range(2)]
        self.pair = PostgresqlPair([disk / "data" for disk in disks], "-c max_wal_size=96MB -c min_wal_size=32MB")
        self.addCleanup(self.pair.close)
        self.pair.start(self.synchronous)
        return self.pair.url

    database = property(lambda self: self.pair.primary)

    def database_faults(self):
        return {LOSSES[0]: self.lose_primary, LOSSES[1]: self.lose_both,
                "database stopped": self.database_stopped, "database killed": self.database_killed}

    def plan(self, most):
        """Fail-over first and last, and between them what else befalls."""
        between = [self.choose.choice(FREQUENT if at % 2 else LOSSES) for at in range(most - 2)]
        return [LOSSES[0], *between, LOSSES[1]]

    def lose_primary(self):
        """As a host that dies under load; the other one takes over, and a while later a new standby is there."""
        self.flow()
        self.pair.fail_over()
        self.taken_over()

    def lose_both(self):
        """The collector that had the lost primary's answers is gone as well."""
        self.flow()
        self.pair.lose_primary()
        self.kill_one()
        self.pair.promote()
        self.taken_over()

    def taken_over(self):
        """Until something is settled by the new primary, which is followed from then on."""
        before = self.settled()
        self.wait("the new primary has a batch", lambda: self.settled() > before)
        self.allowed = self.ledger.acknowledged  # enough of them
        self.pair.rejoin(self.synchronous)

    def settled(self):
        return int(self.database.sql("SELECT coalesce(sum(count), 0) FROM tally.book WHERE unit = 'messages'"))

    def hush(self):
        """Nothing more is published; until all that was is settled."""
        self.allowed = 0
        self.wait("what was published is confirmed", lambda: self.in_hand == 0)
        self.wait("the queues are empty", lambda: self.depth == 0 and self.bus.unsettled() == 0)
        self.wait("nothing is in flight", self.nothing_in_flight)

    def lag_for(self, messages):
        """The standby falls behind by so many messages that are settled, at least."""
        self.flow()
        self.pair.lag()
        target = self.settled() + messages
        self.wait(f"{messages} messages are settled that the standby has not", lambda: self.settled() >= target, PATIENCE)
        time.sleep(self.choose.random() * 0.3)  # so that the moment depends on nothing that the programs do
