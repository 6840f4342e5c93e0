"""What the tests of kills stand on: programs that are killed and started again, senders that know what was acknowledged.
Not for judging what the store holds (verdict.py) nor for what is sent (traffic.py).
"""
import collections
import json
import os
import pathlib
import random
import sqlite3
import subprocess
import sys
import threading
import time

from support import Sandbox, free_port, wait_until
from traffic import Traffic
from verdict import told_by_agent

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = 120  # seconds for one step


def fill(folder, name="ballast"):
    """Leaves not one block free in the file system of `folder`, until the file that is returned is deleted."""
    path = folder / name
    ballast = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for size in (1 << 24, 1 << 16, 1 << 12, 1):
        try:
            while True:
                os.write(ballast, b"x" * size)
        except OSError:
            pass
    os.close(ballast)
    return path


class Ledger:
    """What was issued, and what senders were told of it. Any thread."""

    def __init__(self, traffic, count):
        self.traffic = traffic
        self.lock = threading.Lock()
        self.waiting = collections.deque(range(count))
        self.sent = collections.Counter()  # by number: how often it left
        self.told = collections.Counter()  # by number: how often it was acknowledged
        self.refusals = collections.Counter()
        self.acknowledged = 0

    def take(self, most):
        with self.lock:
            taken = [self.waiting.popleft() for _ in range(min(most, len(self.waiting)))]
            self.sent.update(taken)
            return taken

    def settle(self, taken, kept):
        """`kept` of what take() gave were acknowledged; of the others nobody knows: they wait to be sent again."""
        with self.lock:
            self.told.update(kept)
            self.acknowledged += len(kept)
            self.waiting.extend(set(taken).difference(kept))

    def take_this(self, number):
        with self.lock:
            self.sent[number] += 1

    def again(self, choose, most):
        """Some that were acknowledged long ago are sent once more, as a service does that did not hear the answer."""
        with self.lock:
            self.waiting.extend(choose.sample(sorted(self.told), min(most, len(self.told))))

    def done(self):
        with self.lock:
            return not self.waiting


class Chaos(Sandbox):
    """A collector on two buses (senders', agent's), an agent, and senders: any of them may be killed at any time."""

    def prepare(self, count, padding=600, spool=None, database=None, extra=False):
        self.seed = int(os.environ.get("TALLY_KILLS_SEED") or random.SystemRandom().randrange(1, 1 << 31))
        print(f"          seed {self.seed}: TALLY_KILLS_SEED={self.seed} repeats {self.id()}", flush=True)
        self.choose = random.Random(self.seed)
        self.traffic = Traffic(self.seed, padding, extra)
        self.count = int(os.environ.get("TALLY_KILLS_MESSAGES") or count)
        self.ledger = Ledger(self.traffic, self.count)
        self.ahead = max(1000, self.count // 20)  # acknowledged and not yet settled: senders wait when there are more
        self.next_number = self.count
        self.kills = collections.Counter()
        self.live_senders = {}
        self.broken = []  # senders' threads that failed
        self.senders_lock = threading.Lock()
        self.stop_senders = threading.Event()
        self.known_settled = 0
        self.agent = None
        self.agent_logs = []
        self.age = self.choose.choice([20, 100, 300])
        self.port, self.agent_port = free_port(), free_port()
        self.socket = (spool or self.folder) / "bus.sock"
        self.database = (database or self.folder) / "tally.db"
        self.bus, self.agent_bus = f"local://{self.socket}", f"local://{self.folder}/agent.sock"
        self.config = self.write_config()
        self.agent_config = self.write("agent.yaml", f"publish: '{self.agent_bus}'\nhttp: 127.0.0.1:{self.agent_port}\n"
                                                     f"data: '{self.folder}/agent-data'\npolling: {{interval: 1s}}\n"
                                                     "disable: {plugins: ['pollster:exec']}\n")

    def write_config(self, extra=""):
        return self.write("collector.yaml", f"listen: ['{self.bus}', '{self.agent_bus}']\n"
                                            f"storage: 'sqlite://{self.database}'\nhttp: 127.0.0.1:{self.port}\n"
                                            f"limits: {{messages: {self.window}}}\nbatch: {{age: {self.age}ms}}\n{extra}")

    def fail(self, message=None):
        super().fail(f"{message}\nseed {self.seed}, kills {dict(self.kills)}; the collector's log:\n"
                     + self.log_of(self.collector)[-3000:])

    # --- programs -------------------------------------------------------------------------------------------------

    def start_collector_now(self):
        self.collector = self.start("tally-collector", "--config", self.config)

    def start_agent_now(self):
        self.agent = self.start("tally-agent", "-v", "--config", self.agent_config)
        self.agent_logs.append(self.agent)

    def check_alive(self):
        if self.broken:
            raise self.broken[0]
        for process in (self.collector, self.agent):
            if process and process.poll() is not None:
                self.fail(f"{process.args[0]} ended by itself with {process.returncode}:\n{self.log_of(process)[-3000:]}")

    def kill(self, victim):
        self.check_alive()
        if victim == "sender":
            with self.senders_lock:
                if not self.live_senders:
                    return False
                self.choose.choice(sorted(self.live_senders.values(), key=lambda process: process.pid)).kill()
        else:
            process = self.collector if victim == "collector" else self.agent
            process.kill()
            process.wait()
            self.start_collector_now() if victim == "collector" else self.start_agent_now()
        self.kills[victim] += 1
        return True

    def storm(self, kills, victims, goal=None, between=lambda number: None):
        """Kills at moments that the seed and the work done choose, until `goal` messages are settled."""
        begun = self.settled()
        for number in range(kills):
            between(number)
            target = begun + ((goal or self.count) - begun) * (number + self.choose.random()) / (kills + 1)
            wait_until(f"{target:.0f} messages are settled", lambda: self.check_alive() or self.settled() >= target
                       or (self.ledger.done() and not self.live_senders), PATIENCE)
            time.sleep(self.choose.random() * 0.06)  # so that the moment depends on nothing that the programs do
            victim = self.choose.choice(victims)
            wait_until("there is a sender to kill", lambda: self.kill(victim) or (
                self.ledger.done() and not self.live_senders and self.kill("collector")), PATIENCE)

    # --- senders --------------------------------------------------------------------------------------------------

    def start_senders(self, kinds=("tally", "tally", "framing")):
        self.stop_senders.clear()
        self.threads = [threading.Thread(target=self.send_on, args=(at, kind, self.choose.randrange(1 << 30)))
                        for at, kind in enumerate(kinds)]
        for thread in self.threads:
            thread.start()
        self.addCleanup(self.end_senders)

    def end_senders(self):
        self.stop_senders.set()
        for thread in self.threads:
            thread.join()

    def wait_sent(self):
        wait_until("every message is acknowledged", lambda: self.check_alive() or (
            self.ledger.done() and not self.live_senders), PATIENCE)

    def send_on(self, at, kind, seed):
        try:
            self.send_until_stopped(at, kind, seed)
        except Exception as error:  # told by check_alive, on the test's thread
            self.broken.append(error)

    def send_until_stopped(self, at, kind, seed):
        choose = random.Random(seed)
        path = self.folder / f"sender.{at}"
        while not self.stop_senders.is_set():
            with self.senders_lock:  # together, so that no one sees neither a message waiting nor a sender
                ahead = self.ledger.acknowledged - self.settled() > self.ahead
                taken = [] if ahead else self.ledger.take(choose.randrange(50, 500))
                if taken:
                    self.live_senders[at] = self.begin_sender(kind, path, taken)
            if not taken:
                self.stop_senders.wait(0.05)
                continue
            kept = self.answers(kind, self.live_senders[at], taken)
            with self.senders_lock:
                self.ledger.settle(taken, kept)
                del self.live_senders[at]
            if len(kept) < len(taken):
                self.stop_senders.wait(0.05)  # the bus may be away

    def begin_sender(self, kind, path, taken):
        path.write_text("".join(self.traffic.line(number) + "\n" for number in taken))
        words = ["tally", "--config", self.config, "send", "notification", path, "-f", "json"] if kind == "tally" else \
            [sys.executable, HERE / "local_sender.py", self.socket, path]
        return subprocess.Popen(list(map(str, words)), cwd=self.folder, env=self.env, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def answers(self, kind, process, taken):
        """Those of `taken` that the sender was told to be durable: all or none of `tally send`'s, each one of framing's."""
        out, err = process.communicate()
        if kind == "tally":
            if process.returncode != 0:
                self.ledger.refusals[err.strip().splitlines()[0] if err.strip() else "killed"] += 1
                return []
            if json.loads(out)[0]["confirmed"] != len(taken):
                raise AssertionError(f"exit status 0, but not all are confirmed: {out}")
            return taken
        kept = []
        for line in out.splitlines(keepends=True):
            if line.startswith("ok ") and line.endswith("\n"):
                first, last = map(int, line.split()[1:])
                kept += taken[first:last + 1]
            elif line.startswith("no "):
                self.ledger.refusals[line.strip()] += 1
        return kept

    # --- looking --------------------------------------------------------------------------------------------------

    def settled(self):
        """Messages of the senders' bus that the store's books hold. Opened again each time, so that recovery is tested."""
        try:
            reader = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=1)
            try:
                total, = reader.execute("SELECT coalesce(sum(count), 0) FROM book WHERE unit = 'messages' AND bus = ?",
                                        (self.bus,)).fetchone()
            finally:
                reader.close()
            self.known_settled = total
        except sqlite3.Error:
            pass  # not made yet, or just being recovered
        return self.known_settled

    def drain(self):
        """Ends the agent, and waits until the store has everything that any bus has taken so far."""
        wait_until("the collector is ready", lambda: self.check_alive() or self.page("/readyz") == "ready\n", PATIENCE)
        if self.agent:
            wait_until("the agent has sent everything", lambda: self.check_alive() or self.agent_is_empty(), PATIENCE)
            agent, self.agent = self.agent, None
            self.end(agent)
            held, reported = told_by_agent(self)
            wait_until("what the agent reported is stored", lambda: self.check_alive() or self.has_ids(
                id for message in reported for id in held[message][1:]), PATIENCE)
        while self.traffic.kind(self.next_number) != "server":
            self.next_number += 1
        last = self.next_number
        self.next_number += 1
        wait_until("a last message is acknowledged", lambda: self.send_one(last), PATIENCE)
        wait_until("the last message is stored", lambda: self.has(last) and self.nothing_in_flight(), PATIENCE)

    def agent_is_empty(self):
        status = self.status(self.agent_port)
        return status and status["samples"]["in_flight"] == 0 and status["samples"]["spooled"] == 0

    def send_one(self, number):
        self.ledger.take_this(number)
        kept = self.answers("tally", self.begin_sender("tally", self.folder / "sender.last", [number]), [number])
        self.ledger.settle(kept, kept)
        return kept

    def has(self, number):
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=5) as reader:
            return all(reader.execute("SELECT 1 FROM sample WHERE timestamp = ?", (key[2],)).fetchone()
                       for key in self.traffic.rows(number))

    def has_ids(self, ids):
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=5) as reader:
            return all(reader.execute("SELECT 1 FROM sample WHERE id = ?", (bytes.fromhex(id),)).fetchone() for id in ids)

    def nothing_in_flight(self):
        status = self.status()
        if status is None:
            return False
        self.assert_books_balance(status)
        return status["messages"]["in_flight"] == 0
