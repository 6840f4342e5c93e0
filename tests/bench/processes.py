"""The programs as they run: a sender, a collector and an agent over the local transport, and what they cost.

Not for judging the figures: run.py does."""
import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import time
import urllib.request

LIMIT_S = 600


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(what, condition, process, pause_s=0.05):
    """Asks `condition` until it answers something true, as long as `process` lives."""
    end = time.monotonic() + LIMIT_S
    while True:
        answer = condition()
        if answer:
            return answer
        if process.poll() is not None:
            raise RuntimeError(f"ended before: {what}: {pathlib.Path(process.log).read_text()[-2000:]}")
        if time.monotonic() > end:
            raise TimeoutError(f"not within {LIMIT_S} s: {what}")
        select.select([], [], [], pause_s)


def page(port, path):
    """A status page, or None while there is none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return None


def cpu_s(pid):
    """The processor's seconds of a running process, its ended threads included."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def program(bench, name, config):
    """Runs a daemon until the block ends."""
    path = next(iter((bench.build / "src").glob(f"*/{name}")))
    with open(bench.folder / f"{name}.log", "a+") as log:
        process = subprocess.Popen([path, "--config", config], env=bench.environment, stdout=log, stderr=log,
                                   stdin=subprocess.DEVNULL)
        process.log = log.name
        try:
            yield process
            if process.poll() is not None:
                raise RuntimeError(f"{name} ended: {pathlib.Path(log.name).read_text()[-2000:]}")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(LIMIT_S)


@contextlib.contextmanager
def collector(bench, storage, bus=None, before=lambda config: None):
    """A collector on this bus, or a socket of its own, to this store; gives (process, port, config, bus). `before` is
    called with its configuration before it starts."""
    folder = bench.folder / f"collector-{time.monotonic_ns()}"
    folder.mkdir()
    port, bus = free_port(), bus or f"local://{folder}/bus.sock"
    url = {"null": "null://", "sqlite": f"sqlite://{folder}/tally.db"}.get(storage, storage)
    config = folder / "collector.yaml"
    config.touch(mode=0o600)
    config.write_text(f"listen: ['{bus}']\nstorage: '{url}'\nhttp: 127.0.0.1:{port}\n")
    before(config)
    with program(bench, "tally-collector", config) as process:
        wait_until("the collector answers", lambda: page(port, "/status"), process)
        yield process, port, config, bus


def notification(number):
    """As work.cc's message: 1.6 KB in the version 2 envelope, four samples; every one with an id of its own."""
    uuid = f"6a2f5f3e-7c1b-4c55-9d0e-{number:012x}"
    payload = {
        "tenant_id": f"{number % 50:032x}", "user_id": "0123456789abcdef0123456789abcdef",
        "instance_id": f"b1946ac9-2c5d-4f4e-9f3a-{number % 1000:012x}", "display_name": f"web-{number % 1000}",
        "host": "node-17", "node": "node-17.cell1", "state": "active", "state_description": "", "memory_mb": 4096,
        "vcpus": 2, "root_gb": 40, "ephemeral_gb": 10, "disk_gb": 50, "instance_type": "m1.medium",
        "instance_type_id": 3, "instance_flavor_id": "3", "architecture": "x86_64", "os_type": "linux",
        "kernel_id": "", "ramdisk_id": "", "availability_zone": "az1", "created_at": "2026-01-02 03:03:31+00:00",
        "launched_at": "2026-01-02T03:04:05.000000", "deleted_at": "",
        "image_meta": {"base_image_ref": "0c7e9c1a-5b0d-4c11-8a39-3a9d0f4b5c6d"},
        "fixed_ips": [{"address": "10.0.0.17", "version": 4}]}
    inner = {"message_id": uuid, "publisher_id": "compute.node-17", "event_type": "compute.instance.exists",
             "priority": "INFO", "timestamp": f"2026-01-02 03:{number // 60 % 60:02}:{number % 60:02}.678901",
             "_context_request_id": "req-0d2a4f5c-1111-4222-8333-444455556666",
             "_context_project_id": "7f3b1c2d4e5f60718293a4b5c6d7e8f9",
             "_context_user_id": "0123456789abcdef0123456789abcdef", "payload": payload}
    return json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(inner)})


def convert(bench, fixtures, count):
    """The processor's seconds of `tally convert` for that many notifications of the fixtures, from standard input to a
    file."""
    lines = [json.dumps(json.loads(path.read_text())) + "\n" for path in sorted(fixtures.glob("*/*.json"))
             if not path.name.endswith(".samples.json")]
    messages = bench.folder / "fixtures.jsonl"
    with open(messages, "w") as out:
        out.writelines(itertools.islice(itertools.cycle(lines), count))
    with open(messages) as given, open(bench.folder / "samples.jsonl", "w") as made:
        process = subprocess.Popen([bench.build / "src/cli/tally", "convert", "-"], cwd=bench.folder,
                                   env=bench.environment, stdin=given, stdout=made)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = status
    if status != 0:
        raise RuntimeError(f"tally convert ended with {status}")
    return used.ru_utime + used.ru_stime


@dataclasses.dataclass
class EndToEnd:
    wall_s: float
    sender_s: float
    collector_s: float


def end_to_end(bench, storage, count):
    """From the sender's first message until the collector has stored the last."""
    messages = bench.folder / "messages.jsonl"
    if not messages.exists():
        with open(messages, "w") as out:
            for number in range(count):
                out.write(notification(number) + "\n")
    with collector(bench, storage) as (process, port, config, _):
        before, start = cpu_s(process.pid), time.monotonic()
        tally = bench.build / "src/cli/tally"
        sender = subprocess.Popen([tally, "--config", config, "send", "notification", messages],
                                  env=bench.environment, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(sender.pid, 0)
        sender.returncode = status
        if status != 0:
            raise RuntimeError(f"tally send ended with {status}")

        def settled():
            books = json.loads(page(port, "/status"))["messages"]
            if books["dead"] + books["filtered"] > 0:
                raise RuntimeError(f"not all are stored: {books}")
            return books["stored"] == count
        wait_until("all are stored", settled, process)
        return EndToEnd(time.monotonic() - start, used.ru_utime + used.ru_stime, cpu_s(process.pid) - before)


def threads_ns(pid):
    """The processor's nanoseconds of a process's running threads: finer than cpu_s."""
    return {task.name: int((task / "schedstat").read_text().split()[0])
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir()}


def first_sample_s(bench, times=5):
    """From an agent's start until the bus has confirmed its first message: the middle one of several."""
    taken = []
    path = next(iter((bench.build / "src").glob("*/tally-agent")))
    with collector(bench, "null") as (*_, bus):
        folder = pathlib.Path(bus.removeprefix("local://")).parent
        config = folder / "first.yaml"
        config.write_text(f"publish: '{bus}'\nhttp: none\ndata: '{folder}/first'\npolling: {{namespaces: [host]}}\n")
        for _ in range(times):
            start = time.monotonic()
            with subprocess.Popen([path, "-v", "--config", config], env=bench.environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
                if not any(line.endswith("is sent\n") for line in process.stderr):
                    raise RuntimeError("tally-agent ended before a message was sent")
                taken.append(time.monotonic() - start)
                process.kill()
    return sorted(taken)[times // 2]


def memory_kib(pid):
    """What a process has in memory, by smaps_rollup's names: Rss, Pss, Private_Dirty, Anonymous, …"""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {key: int(value) for key, value in re.findall(r"^(\w+): +(\d+) kB", text, re.MULTILINE)}


class Agent:
    """An agent with all pollsters of one namespace, to a collector that keeps nothing: over the local transport, or over
    the bus that is given. `extra`: further lines of its file."""

    def __init__(self, bench, interval, namespace="host", bus=None, extra=""):
        self.bench, self.interval, self.namespace, self.bus = bench, interval, namespace, bus
        self.extra, self.stack = extra, contextlib.ExitStack()
        self.pollsters = 1

    def __enter__(self):
        _, self.collector_port, _, bus = self.stack.enter_context(collector(self.bench, "null", self.bus))
        self.port = free_port()
        folder = self.bench.folder / f"agent-{time.monotonic_ns()}"
        folder.mkdir()
        config = folder / "agent.yaml"
        config.touch(mode=0o600)
        config.write_text(f"publish: '{bus}'\nhttp: 127.0.0.1:{self.port}\ndata: '{folder}/data'\n"
                          f"polling: {{namespaces: [{self.namespace}], interval: {self.interval}}}\n{self.extra}")
        self.begun = time.monotonic()
        self.process = self.stack.enter_context(program(self.bench, "tally-agent", config))
        return self

    def __exit__(self, *error):
        return self.stack.__exit__(*error)

    def seconds_until(self, samples):
        """From just before the program was started until the collector has that many samples of it."""
        def made():
            books = json.loads(page(self.collector_port, "/status"))["samples"]
            return books["made"] >= samples
        wait_until(f"{samples} samples", made, self.process, pause_s=0.001)
        return time.monotonic() - self.begun

    def wait_until_on(self):
        status = json.loads(wait_until("the agent answers", lambda: page(self.port, "/status"), self.process))
        self.pollsters = sum(plugin["role"] == "pollster" and plugin["state"] == "on" for plugin in status["plugins"])

    def polls(self):
        return int(re.search(r"^tally_agent_cycles_total (\d+)", page(self.port, "/metrics"), re.MULTILINE)[1])

    def wait_for_cycles(self, cycles):
        self.wait_until_on()
        wait_until(f"{cycles} cycles", lambda: self.polls() >= cycles * self.pollsters, self.process)

    def cpu_of_cycles(self, seconds):
        """CPU seconds of one poll by each pollster, over a while in which nobody asks the agent anything."""
        polls = self.polls()
        return self.cpu_of(seconds) * self.pollsters / (self.polls() - polls)

    def cpu_of(self, seconds):
        """CPU seconds in a while in which nobody asks the agent anything."""
        before = threads_ns(self.process.pid)
        select.select([], [], [], seconds)
        after = threads_ns(self.process.pid)
        return sum(ns - before.get(thread, 0) for thread, ns in after.items()) / 1e9

    def memory_kib(self):
        return memory_kib(self.process.pid)
