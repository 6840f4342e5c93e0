"""Fail-over to a PostgreSQL that lags behind the primary: each batch that is missing is named, and none that is there.

TALLY_KILLS_SEED repeats a run's choices; `./dev chaos --transport failover` goes on.
"""
import json
import os
import re

from amqp_bus import AmqpBus
from chaos import PATIENCE
from fail_over import FailOver

LONG = bool(os.environ.get("TALLY_TEST_ALL"))


class AsynchronousFailOver(FailOver):
    """What is missing is asked of both servers, the dead one too, and compared with what Tally says by itself."""

    synchronous = False
    LOST = "SELECT value FROM tally.record WHERE kind = 'loss'"
    WRITERS = "SELECT id, sequence FROM tally.writer"
    ROWS = "SELECT encode(id, 'hex'), extract(epoch FROM timestamp), batch FROM tally.sample"

    def writers(self, server):
        return {id: int(sequence) for id, sequence in (line.split("|") for line in server.sql(self.WRITERS).splitlines())}

    def named(self):
        return {loss["writer"]: loss for loss in map(json.loads, self.database.sql(self.LOST).splitlines())}

    def lose(self, kill_collector):
        """The primary dies with batches that only it has. What the standby had of each writer, before it takes over."""
        self.lag_for(200)
        self.pair.lose_primary()
        had = self.writers(self.pair.standby)
        if kill_collector:
            self.kill_one()
        self.pair.promote()
        return had

    def judge(self, had, killed):
        """`killed`: what a collector had committed and not yet acknowledged on the bus has come again, and is not missing."""
        dead = self.pair.autopsy()
        committed = self.writers(dead)
        lost = {writer for writer, last in committed.items() if last > had.get(writer, 0)}
        named = self.named()
        self.assertTrue(lost, "the standby did not lag")
        self.assertLessEqual(set(named), lost, "a loss is named of a writer that lost nothing")
        for writer in lost:
            # The last one may have been committed and not answered: its messages came again, it is not lost.
            last = named[writer]["last"] if writer in named else had[writer]
            self.assertIn(committed[writer] - last, (0, 1), (writer, named.get(writer)))
            if writer not in named:
                continue
            self.assertEqual(named[writer]["after"], had.get(writer, 0))
            sequences = [batch["sequence"] for batch in named[writer]["batches"]]
            self.assertEqual(sequences, sorted(set(sequences)))
            self.assertGreater(sequences[0], named[writer]["after"])
            self.assertEqual(sequences[-1], named[writer]["last"])
        there = {line.rpartition("|")[0] for line in self.database.sql(self.ROWS).splitlines()}
        rows = (line.rpartition("|") for line in dead.sql(self.ROWS).splitlines())
        missing = {row: batch for row, _, batch in rows if row not in there}
        promised = [batch["samples"] for loss in named.values() for batch in loss["batches"] if batch["samples"]]
        compare = self.assertLessEqual if killed else self.assertEqual
        compare(len(missing), sum(promised), "rows that are missing, beside those of the batches that are named")
        compare(len(set(missing.values())), len(promised), "batches that are missing, beside those that are named")
        return named, missing

    def prove(self, make_bus, rounds):
        self.prepare(make_bus, 1 << 30)
        self.tally("--config", self.config, "storage", "init")
        self.start_sender()
        for at in range(2):
            self.start_collector_at(at)
        self.flow()
        self.wait("the first are settled", lambda: self.settled() > 500)
        for number in range(rounds):
            killed = number % 2 == 1
            had = self.lose(killed)
            self.wait("Tally says that something is lost", lambda: any(
                "has lost" in self.page("/readyz", port) for port in self.ports_now()))
            self.hush()
            named, missing = self.judge(had, killed)
            for writer, loss in named.items():
                logged = "".join(self.log_of(process) for process in self.started if process.args[0] == "tally-collector")
                for batch in (loss["batches"][0], loss["batches"][-1]):
                    self.assertRegex(logged, f"has lost the .*{re.escape(batch['time'])}", writer)
            out, _ = self.tally("--config", self.config, "storage", "check", status=1)
            self.assertEqual(out.count("lost: "), len(named), out)
            self.assertEqual(self.lost_batches(), sum(len(loss["batches"]) for loss in named.values()))
            self.tally("--config", self.config, "storage", "acknowledge-loss", "--note", f"round {number}")
            self.tally("--config", self.config, "storage", "check")
            self.wait("both are ready", lambda: all(self.page("/readyz", port) == "ready\n" for port in self.ports_now()))
            print(f"          round {number}: {sum(len(loss['batches']) for loss in named.values())} batches of {len(named)} "
                  f"writers named, {len(missing)} rows missing", flush=True)
            self.database.sql("DELETE FROM tally.record WHERE kind = 'loss'")  # so that each round has its own
            self.pair.rejoin()
            self.flow()
        for process in self.collectors:
            self.end(process, seconds=PATIENCE)
        self.end_sender()

    def lost_batches(self):
        """By the metric, each collector its own."""
        lines = [line for port in self.ports_now() for line in self.page("/metrics", port).splitlines()
                 if line.startswith("tally_store_lost_batches")]
        return sum(int(float(line.split()[-1])) for line in lines)

    def test_every_lost_batch_is_named_and_none_that_is_there(self):
        self.prove(AmqpBus, 8 if LONG else 2)
