"""RabbitMQ and PostgreSQL on this machine, and what a collector between them costs, beside clients that do nothing.
Not for judging the figures: run.py does.
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

from postgresql import Postgresql  # noqa: E402,F401
from rabbitmq import Rabbitmq  # noqa: E402

QUEUE = "notifications.info"
PREFETCH = 1000


@dataclasses.dataclass
class Drained:
    rate: float  # messages a second
    cpu_s: float  # of the one who drained alone
    peak_kib: int = 0


class Broker:
    """A broker whose queue is filled anew for each who drains it."""

    def __init__(self, bench, count):
        self.bench, self.count = bench, count
        self.server = Rabbitmq()
        self.messages = bench.folder / "cloud.jsonl"

    def __enter__(self):
        with open(self.messages, "w") as out:
            for number in range(self.count):
                out.write(processes.notification(number) + "\n")
        self.server.__enter__()
        return self

    def __exit__(self, *error):
        self.server.__exit__(*error)

    def fill(self):
        self.bench.run("bench-broker", "fill", self.server.port, QUEUE, self.messages)
        if self.server.queues() != {QUEUE: self.count}:
            raise RuntimeError(f"not filled: {self.server.queues()}")

    def drain(self):
        """By a client that does nothing but acknowledge."""
        self.fill()
        found = json.loads(self.bench.run("bench-broker", "drain", self.server.port, QUEUE, self.count, PREFETCH))
        return Drained(self.count / found["wall_s"], found["cpu_s"])

    def collect(self, storage):
        """By a collector, until it has settled all of them."""
        self.fill()

        def init(config):
            if storage != "null":
                subprocess.run([self.bench.build / "src/cli/tally", "--config", config, "storage", "init"],
                               env=self.bench.environment, check=True, capture_output=True)

        def messages():
            return json.loads(processes.page(port, "/status"))["messages"]
        with processes.collector(self.bench, storage, self.server.url, init) as (process, port, *_):
            first = processes.wait_until("it receives", lambda: (one := messages())["received"] > 0 and one, process)
            begun, settled = time.monotonic(), first["received"] - first["in_flight"]
            last = processes.wait_until("all are settled", lambda: (one := messages())["stored"] + one["dead"] +
                                        one["filtered"] == self.count and one, process)
            wall = time.monotonic() - begun
            if last["stored"] != self.count:
                raise RuntimeError(f"not all are stored: {last}")
            peak = re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text())[1]
            return Drained((self.count - settled) / wall, processes.cpu_s(process.pid), int(peak))
