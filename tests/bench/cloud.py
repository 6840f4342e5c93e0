"""RabbitMQ, Kafka and PostgreSQL on this machine, and what a collector between them costs, beside clients that do
nothing. Not for judging the figures: run.py does.
"""
import dataclasses
import json
import pathlib
import re
import subprocess
import sys
import time

import processes

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "services"))

from kafka import Kafka  # noqa: E402
from postgresql import Postgresql  # noqa: E402,F401
from rabbitmq import Rabbitmq  # noqa: E402

QUEUE = "notifications.info"  # and topic
PREFETCH = 1000
PARTITIONS = 4
EARLY = 100_000  # messages after which memory is to grow no more


@dataclasses.dataclass
class Drained:
    rate: float  # messages a second
    cpu_s: float  # of the one who drained alone
    peak_kib: int = 0
    early_kib: int = 0  # resident after the first EARLY messages
    late_kib: int = 0  # and after the last


def memory_kib(pid, name):
    return int(re.search(rf"{name}:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


def initialised(bench, storage):
    """For processes.collector: makes the store's tables before."""
    def init(config):
        if storage != "null":
            subprocess.run([bench.build / "src/cli/tally", "--config", config, "storage", "init"], env=bench.environment,
                           check=True, capture_output=True)
    return init


def messages(port):
    return json.loads(processes.page(port, "/status"))["messages"]


def collect(bench, bus, storage, count):
    """By a collector, until it has settled `count` messages that are there."""
    early_kib = 0

    def settled_all():
        nonlocal early_kib
        one = messages(port)
        if early_kib == 0 and one["stored"] >= EARLY:
            early_kib = memory_kib(process.pid, "VmRSS")
        return one["stored"] + one["dead"] + one["filtered"] == count and one
    with processes.collector(bench, storage, bus, initialised(bench, storage)) as (process, port, *_):
        first = processes.wait_until("it receives", lambda: (one := messages(port))["received"] > 0 and one, process)
        begun, settled = time.monotonic(), first["received"] - first["in_flight"]
        last = processes.wait_until("all are settled", settled_all, process)
        wall = time.monotonic() - begun
        if last["stored"] != count:
            raise RuntimeError(f"not all are stored: {last}")
        return Drained((count - settled) / wall, processes.cpu_s(process.pid), memory_kib(process.pid, "VmHWM"),
                       early_kib, memory_kib(process.pid, "VmRSS"))


def write_messages(path, count, first=0):
    with open(path, "w") as out:
        for number in range(first, first + count):
            out.write(processes.notification(number) + "\n")


class Broker:
    """A broker whose queue is filled again for each who drains it."""

    def __init__(self, bench, count):
        self.bench, self.count = bench, count
        self.server = Rabbitmq()
        self.messages = bench.folder / "cloud.jsonl"

    def __enter__(self):
        write_messages(self.messages, self.count)
        self.server.__enter__()
        return self

    def __exit__(self, *error):
        self.server.__exit__(*error)

    def fill(self, path=None, count=None):
        self.bench.run("bench-broker", "fill", self.server.port, QUEUE, path or self.messages)
        waiting = {queue: waits for queue, waits in self.server.queues().items() if waits}
        if waiting != {QUEUE: count or self.count}:
            raise RuntimeError(f"not filled: {waiting}")

    def drain(self):
        """By a client that does nothing but acknowledge."""
        self.fill()
        found = json.loads(self.bench.run("bench-broker", "drain", self.server.port, QUEUE, self.count, PREFETCH))
        return Drained(self.count / found["wall_s"], found["cpu_s"])

    def collect(self, storage):
        self.fill()
        return collect(self.bench, self.server.url, storage, self.count)


class Topic:
    """A topic that is filled once; each who drains it begins at its begin."""

    def __init__(self, bench, count):
        self.bench, self.count, self.groups = bench, count, 0
        self.server = Kafka(settings="log.retention.check.interval.ms=3600000")

    def __enter__(self):
        path = self.bench.folder / "cloud.jsonl"
        write_messages(path, self.count)
        self.server.__enter__()
        self.server.create_topic(QUEUE, PARTITIONS)
        self.bench.run("bench-kafka", "fill", self.server.server, QUEUE, path)
        path.unlink()
        return self

    def __exit__(self, *error):
        self.server.__exit__(*error)

    def drain(self):
        """By a client that does nothing but count."""
        found = json.loads(self.bench.run("bench-kafka", "drain", self.server.server, QUEUE, PARTITIONS, self.count))
        return Drained(self.count / found["wall_s"], found["cpu_s"])

    def collect(self, storage):
        """By a collector of a group of its own."""
        self.groups += 1
        return collect(self.bench, f"{self.server.url}?topic_names={QUEUE}&group=bench{self.groups}", storage, self.count)
