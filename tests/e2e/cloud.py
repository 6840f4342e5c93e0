"""A small cloud for the proof: a bus, PostgreSQL on a small disk, two collectors, a sender that knows what was confirmed,
and every fault that can befall them. Not for judging what the store holds (cloud_verdict.py), nor for one kind of bus:
those are classes like amqp_bus.py's.
"""
import collections
import itertools
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "services"))

from chaos import PATIENCE, Ledger, fill  # noqa: E402
from cloud_traffic import CloudTraffic  # noqa: E402
from postgresql import Postgresql  # noqa: E402
from proxy import Proxy  # noqa: E402
from support import Sandbox, free_port, wait_until  # noqa: E402

WINDOW = 1500  # messages published and not yet confirmed, at most
BACKLOG = 20_000  # messages that wait on the bus: with more, nothing is published
TABLES = """SELECT string_agg(oid::regclass::text, ', ') FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition
            AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"""


class Cloud(Sandbox):
    """prepare(), storm(), drain(); what befell is in `kills` by name and in `history` by time."""

    def prepare(self, make_bus, count, collectors=2):
        self.seed = int(os.environ.get("TALLY_KILLS_SEED") or random.SystemRandom().randrange(1, 1 << 31))
        print(f"          seed {self.seed}: TALLY_KILLS_SEED={self.seed} repeats {self.id()}", flush=True)
        self.begun = time.monotonic()
        self.choose = random.Random(self.seed)
        self.traffic = CloudTraffic(self.seed)
        self.count = int(os.environ.get("TALLY_KILLS_MESSAGES") or count)
        self.ledger = Ledger(self.traffic, 0)
        self.placed = {}  # by number: where in the bus the sender was told it is, if it was told
        self.next_number = 0  # to be issued
        self.seconds = []  # of pairs whose first one is issued
        self.kills = collections.Counter()
        self.history = []
        self.depth = None
        self.allowed = 0  # confirmations
        self.backlog_most = BACKLOG
        self.peak_kib = 0
        self.sender = None
        self.bus = make_bus(self.choose)
        self.addCleanup(self.bus.close)
        self.bus.start()
        self.storage = self.start_database()
        self.ports = [free_port() for _ in range(collectors + 1)]  # the last one joins and leaves
        self.collectors = [None] * collectors
        self.configs = [self.write_config(at) for at in range(collectors + 1)]
        self.config = self.configs[0]
        self.faults = {**self.bus.faults, **self.database_faults(), **{
            "collector killed": self.kill_one, "both collectors killed": self.kill_both,
            "collector restarted": self.restart_one, "collectors away, a backlog": self.backlog,
            "a collector joins and leaves": self.join_and_leave}}

    def start_database(self):
        """The URL that collectors are given: by way of a proxy."""
        self.database = Postgresql(data=self.small_disk("database", "1500m") / "data",
                                   settings="-c max_wal_size=96MB -c min_wal_size=32MB -c max_prepared_transactions=0 "
                                            "-c checkpoint_timeout=30s")
        self.addCleanup(self.database.close)
        self.database.start()
        self.database_proxy = Proxy(self.database.port)
        self.addCleanup(self.database_proxy.close)
        return f"postgresql://tally@127.0.0.1:{self.database_proxy.port}/postgres"

    def database_faults(self):
        return {
            "database stopped": self.database_stopped, "database killed": self.database_killed,
            "database frozen": self.database_frozen, "database stalled": self.database_stalled,
            "cut in the middle of COPY": self.cut_in_copy, "cut in the middle of INSERT": self.cut_in_insert,
            "answers lost": self.answers_lost, "back ends ended": self.database.cut_connections,
            "database disk full": self.disk_full,
            "tables locked, a collector killed": self.tables_locked}

    def write_config(self, at):
        age = self.choose.choice([50, 200, 1000])
        (self.folder / f"data{at}").mkdir()
        path = self.write(f"collector{at}.yaml", (
            f"listen: ['{self.bus.listen()}']\nhttp: 127.0.0.1:{self.ports[at]}\nbatch: {{age: {age}ms}}\n"
            f"storage: '{self.storage}'\ndata: '{self.folder}/data{at}'\n"
            f"plugins:\n{self.bus.settings()}"))
        path.chmod(0o600)  # it holds the password of the bus
        return path

    def small_disk(self, name, size):
        folder = self.folder / name
        folder.mkdir()
        self.folder.chmod(0o755)  # the database's user passes here
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"cannot mount a small tmpfs, which needs root and the right to mount: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=False)
        shutil.chown(folder, "postgres")
        return folder

    def fail(self, message=None):
        history = "\n".join(f"  {at:6.1f} s {what}" for at, what in self.history)
        logs = "".join(f"\nthe log of collector {at}:\n{self.log_of(process)[-2500:]}"
                       for at, process in enumerate(self.collectors) if process)
        super().fail(f"{message}\nseed {self.seed}; what befell:\n{history}{logs}")

    # --- programs -------------------------------------------------------------------------------------------------

    def start_collector_at(self, at):
        self.collectors[at] = self.start("tally-collector", "--config", self.configs[at])

    def start_sender(self):
        self.allowed, self.stormy, self.repeating = 0, True, False
        log = open(self.folder / "sender.log", "w")
        self.addCleanup(log.close)
        self.sender = subprocess.Popen(list(map(str, self.bus.sender(self.seed, self.traffic.padding))), stderr=log,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=self.folder, text=True, bufsize=1)
        self.started.append(self.sender)
        self.outstanding = collections.Counter()
        self.feeder = threading.Thread(target=self.feed, args=(random.Random(self.seed),), daemon=True)
        self.feeder.start()

    def feed(self, choose):
        """Keeps a window of unconfirmed messages with the sender, and hears what became of them. On its own thread."""
        for line in itertools.chain(["start"], self.sender.stdout):
            word, *rest = line.split()
            number = int(rest[0]) if rest else None
            if word == "depth":
                self.depth = number
            elif word in ("ok", "no", "lost"):
                self.outstanding[number] -= 1
                self.in_hand -= 1
                self.ledger.settle([number], [number] if word == "ok" else [])
                if len(rest) > 1:
                    self.placed[number] = rest[1]
                if word == "no":
                    self.ledger.refusals["returned by the broker"] += 1
            else:
                self.in_hand = 0
            if self.in_hand <= WINDOW // 2:
                self.top_up(choose)

    def issue(self, most):
        for number in range(self.next_number, self.next_number + most):
            self.ledger.waiting.append(number)
            if self.traffic.kind(number) == "pair":
                self.seconds.append(-number - 1)
        self.next_number += most

    def top_up(self, choose):
        """On the feeder's thread, which alone issues: as many as there are to be, and as long as faults befall."""
        if self.repeating:  # a database's fast way is for times without: what repeats comes in waves
            self.ledger.waiting.extendleft(self.seconds[:100])
            del self.seconds[:100]
        room = max(0, min(WINDOW - self.in_hand, self.allowed - self.ledger.acknowledged - self.in_hand))
        if self.depth is not None and self.depth > self.backlog_most:
            room = 0
        if len(self.ledger.waiting) < room:
            self.issue(room if self.stormy else max(0, min(room, self.count - self.next_number)))
        numbers = self.ledger.take(room)
        for number in choose.sample(numbers, len(numbers) // 50 if self.repeating else 0):  # at once again, as a service that repeats itself
            self.ledger.take_this(number)
            numbers.append(number)
        self.outstanding.update(numbers)
        self.in_hand += len(numbers)
        if numbers:
            self.sender.stdin.write("".join(f"{number}\n" for number in numbers))
            self.sender.stdin.flush()

    def end_sender(self):
        self.sender.stdin.close()
        self.sender.wait(PATIENCE)
        self.feeder.join()

    def check_alive(self):
        for process in [self.sender, *self.collectors]:
            if process and process.poll() is not None:
                log = self.log_of(process) if hasattr(process, "log") else (self.folder / "sender.log").read_text()
                self.fail(f"{process.args} ended by itself with {process.returncode}:\n{log[-3000:]}")
        if not self.feeder.is_alive():
            self.fail("the thread that feeds the sender ended")
        return False

    def wait(self, what, condition, seconds=PATIENCE):
        try:
            return wait_until(what, lambda: self.check_alive() or condition(), seconds)
        except AssertionError as error:
            if what not in str(error):
                raise
            return self.fail(f"{error}; depth {self.depth}, confirmed {self.ledger.acknowledged}, "
                             f"with the sender {self.in_hand}\n{self.books_now()}")

    def ports_now(self):
        """Of the collectors that are to run."""
        return [port for process, port in zip(self.collectors, self.ports) if process]

    def books_now(self):
        return "\n".join(str(self.status(port)) for port in self.ports_now())

    # --- the storm ------------------------------------------------------------------------------------------------

    def plan(self, most):
        """Every fault at least once, those that others do not survive more often, at random."""
        names = [*self.faults, *["collector killed"] * 4, "cut in the middle of COPY", "answers lost",
                 "answers lost", "database stalled", "both collectors killed"]
        names += self.choose.choices(list(self.faults), k=max(0, most - len(names)))
        self.choose.shuffle(names)
        return names

    def storm(self, names):
        """One fault after the other while messages flow, at moments that the seed and what is confirmed choose."""
        for at, name in enumerate(names):
            self.allowed = self.count * (at + 1) // len(names) + WINDOW
            # With the first of them the queues are there.
            target = max(500, self.count * (at + self.choose.random()) / len(names))
            self.wait(f"{target:.0f} messages are confirmed", lambda: self.ledger.acknowledged >= target)
            if self.choose.random() < 0.7:  # else: while it is not yet over the one before
                self.wait("the queues are nearly empty", lambda: self.depth is not None and self.depth < 3000)
            self.watch()
            self.repeating = self.choose.random() < 0.5
            if self.repeating:
                self.ledger.again(self.choose, 40)
            self.befall(name)
        self.stormy = False

    def flow(self):
        """For a fault that comes to pass only where messages flow: as many as there are, until the next one."""
        self.allowed = 1 << 60

    def befall(self, name):
        self.history.append((time.monotonic() - self.begun, name))
        self.kills[name] += 1
        time.sleep(self.choose.random() * 0.06)  # so that the moment depends on nothing that the programs do
        self.faults[name]()

    def watch(self):
        """The equations hold at any moment, and memory has a bound."""
        for process, port in zip(self.collectors, self.ports):
            status = self.status(port)
            if status:
                self.assert_books_balance(status)
            try:
                text = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                continue
            self.peak_kib = max(self.peak_kib, *(int(line.split()[1]) for line in text.splitlines() if "VmHWM" in line), 0)

    def kill_one(self, at=None):
        at = self.choose.randrange(len(self.collectors)) if at is None else at
        self.collectors[at].kill()
        self.collectors[at].wait()
        self.start_collector_at(at)

    def kill_both(self):
        for process in self.collectors:
            process.kill()
        for at, process in enumerate(self.collectors):
            process.wait()
            self.start_collector_at(at)

    def restart_one(self):
        at = self.choose.randrange(len(self.collectors))
        self.end(self.collectors[at])
        self.start_collector_at(at)

    def backlog(self):
        """Nobody consumes for a while; what is published twice waits in one queue."""
        collectors, self.collectors = self.collectors, [None] * len(self.collectors)
        for process in collectors:
            self.end(process)
        self.flow()
        target = self.ledger.acknowledged + 4_000
        self.ledger.again(self.choose, 1_000)
        self.wait("a backlog grows", lambda: self.ledger.acknowledged >= target)
        for at in range(len(self.collectors)):
            self.start_collector_at(at)

    def join_and_leave(self):
        """One more collector, until it has received something; at times it is killed."""
        self.flow()
        at = len(self.collectors)
        self.collectors.append(None)
        self.start_collector_at(at)
        self.wait("the one that joined receives", lambda: self.received(at) > 0)
        process = self.collectors.pop()
        if self.choose.random() < 0.5:
            process.kill()
            process.wait()
        else:
            self.end(process, seconds=PATIENCE)

    def received(self, at):
        status = self.status(self.ports[at])
        return status["messages"]["received"] if status else 0

    def database_stopped(self):
        self.database.stop("immediate")
        self.database.start()

    def database_killed(self):
        self.database.signal(signal.SIGKILL)
        self.database.stop("immediate")  # so that nothing of it is left
        self.database.start()

    def database_frozen(self):
        self.database.freeze()
        time.sleep(4)
        self.database.thaw()

    def database_stalled(self):
        self.database_proxy.stall()
        time.sleep(4)
        if self.choose.random() < 0.5:
            self.database_proxy.cut()
        self.database_proxy.resume()

    def cut_in_insert(self):
        """Where a batch has what is there already, it goes in by INSERT."""
        self.repeating = True
        self.cut_in(b"INSERT INTO sample")

    def cut_in_copy(self):
        """Three times by the database's own log, since that needs a while in which nothing is repeated."""
        self.repeating = False
        wanted = self.copies_cut() + 3
        for _ in range(12):  # a cut may come when the server has it all
            self.cut_in(b"COPY sample")
            if self.copies_cut() >= wanted:
                return

    def cut_in(self, statement):
        self.flow()
        before = self.database_proxy.cuts
        self.database_proxy.cut_after(self.choose.choice([1, 1000, 30_000, 200_000]), statement)
        self.wait(f"a connection is cut in the middle of {statement.decode()}",
                  lambda: self.database_proxy.cuts > before)

    def answers_lost(self):
        """What collectors send arrives, a commit as well; that it was done they are not told."""
        self.database_proxy.deafen()
        time.sleep(self.choose.uniform(0.1, 1.5))
        self.database_proxy.cut()
        self.database_proxy.resume()

    def not_ready(self):
        """Whether a collector says that it cannot store."""
        return any("store" in self.page("/readyz", port) for port in self.ports_now())

    def disk_full(self):
        ballast = []

        def full():
            ballast.append(fill(self.folder / "database", f"ballast{len(ballast)}"))
            return self.not_ready()
        self.flow()
        self.wait("a collector says that the store fails", full)
        if self.choose.random() < 0.5:
            self.kill_one()
        for path in ballast:
            path.unlink()
        if not self.database.running():
            self.database.stop("immediate")
            self.database.start()

    def tables_locked(self):
        tables = self.database.sql(TABLES)
        locker = self.database.begin_sql(f"BEGIN; LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3)")
        time.sleep(self.choose.uniform(0.5, 2.5))
        self.kill_one()
        locker.wait()

    # --- the end --------------------------------------------------------------------------------------------------

    def drain(self):
        """Faults are off: until everything that was issued is confirmed, and all that the bus had is settled."""
        self.flow()
        self.repeating = True
        self.wait("every message is confirmed", lambda: self.next_number >= self.count and not self.seconds
                  and self.ledger.done() and self.in_hand == 0, 2 * PATIENCE)
        self.wait("the queues are empty", lambda: self.depth == 0, 2 * PATIENCE)
        self.wait("nothing is in flight", self.nothing_in_flight)
        self.wait("the broker has nothing", lambda: self.bus.unsettled() == 0)

    def nothing_in_flight(self):
        found = [self.status(port) for port in self.ports_now()]
        for status in found:
            if status is None:
                return False
            self.assert_books_balance(status)
        return all(status["messages"]["in_flight"] == 0 for status in found)

    def pass_fresh(self):
        """A message of now, which must be stored within 5 seconds of its confirmation; the seconds it took."""
        number = self.next_number
        while self.traffic.kind(number) != "server":
            number += 1
        resource = next(iter(self.traffic.rows(number).values()))["resource_id"]
        time_ = next(iter(self.traffic.rows(number).values()))["timestamp"]
        begun = time.monotonic()
        with self.ledger.lock:
            self.ledger.waiting.append(number)
        self.wait("it is stored", lambda: json.loads(self.tally(
            "--config", self.config, "query", "samples", "--resource", resource, "--start", time_, "-f", "json")[0]), 10)
        return time.monotonic() - begun

    # --- for the verdict --------------------------------------------------------------------------------------------

    def run_to(self, out, program, *words):
        """Runs a program with its answer in a file, which may be long."""
        done = subprocess.run([program, *map(str, words)], cwd=self.folder, env=self.env, stdout=out,
                              stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
        if done.returncode != 0:
            self.fail(f"{program} {' '.join(map(str, words))}: exit status {done.returncode}\n{done.stderr[-2000:]}")

    def redelivered_at_most(self):
        """A fault may have what collectors had in hand delivered once more."""
        return sum(self.kills.values()) * 2 * len(self.configs) * 10_000

    def copies_cut(self):
        """How often the database's log says that a COPY ended because its client was gone."""
        lines = (self.database.folder / "log").read_text(errors="replace").splitlines()
        return sum(1 for at, line in enumerate(lines) if "unexpected EOF on client connection" in line
                   and any("STATEMENT:  COPY sample" in after for after in lines[at + 1:at + 3]))
