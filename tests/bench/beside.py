"""Ceilometer's own notification agent on the queue that a collector drains, and how long one message takes to the store.
Not for judging the figures: run.py does.
"""
import signal
import subprocess
import time

import cloud
import processes

SAMPLES = 4  # of a message
AGENT = "from ceilometer.cmd.agent_notification import main; main()"


def watch(process, samples, count):
    """From the first samples in the file to the last."""
    def processor_s():
        children = subprocess.run(["ps", "--ppid", str(process.pid), "-o", "pid="], capture_output=True, text=True)
        return sum(processes.cpu_s(pid) for pid in [process.pid, *map(int, children.stdout.split())])
    written, seen = open(processes.wait_until("it writes", lambda: samples.exists() and samples, process), "rb"), 0

    def lines():
        nonlocal seen
        seen += sum(part.count(b"\n") for part in iter(lambda: written.read(1 << 20), b""))
        return seen
    with written:
        processes.wait_until("the first samples", lambda: lines() > 0, process)
        begun, before_s, first = time.monotonic(), processor_s(), lines()
        processes.wait_until("all samples", lambda: lines() >= SAMPLES * count, process)
        wall, after_s = time.monotonic() - begun, processor_s()
    taken = count - first / SAMPLES
    return cloud.Drained(taken / wall, (after_s - before_s) * count / taken)


def ceilometer(broker, count):
    """By Ceilometer's own notification agent, which writes the samples to a file."""
    folder = broker.bench.folder / "ceilometer"
    folder.mkdir()
    cloud.write_messages(folder / "messages.jsonl", count)
    broker.fill(folder / "messages.jsonl", count)
    samples = folder / "samples"
    (folder / "pipeline.yaml").write_text(
        "sources: [{name: all, meters: ['*'], sinks: [file]}]\n"
        f"sinks: [{{name: file, publishers: ['file://{samples}']}}]\n")
    (folder / "ceilometer.conf").write_text(
        f"[DEFAULT]\ntransport_url = rabbit://guest:guest@127.0.0.1:{broker.server.port}//\n"
        f"pipeline_cfg_file = {folder}/pipeline.yaml\n[oslo_messaging_rabbit]\namqp_durable_queues = true\n"
        "[notification]\npipelines = meter\n"
        f"[meter]\nmeter_definitions_dirs = {broker.bench.environment['TALLY_DEFINITIONS']}\n")
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(["/usr/bin/python3", "-c", AGENT, "--config-file", folder / "ceilometer.conf"],
                                   stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        process.log = log.name
        try:
            return watch(process, samples, count)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(processes.LIMIT_S)


def latencies_ms(broker, storage, count=40, pause_ms=250):
    """From just before a message is published until a collector that has little to do counts it as stored."""
    path = broker.bench.folder / "trickle.jsonl"
    cloud.write_messages(path, count, broker.count)
    initialised = cloud.initialised(broker.bench, storage)
    with processes.collector(broker.bench, storage, broker.server.url, initialised) as (process, port, *_):
        processes.wait_until("it is connected", lambda: processes.page(port, "/readyz"), process)
        sender = subprocess.Popen([broker.bench.build / "tests/bench/bench-broker", "trickle",
                                   str(broker.server.port), cloud.QUEUE, path, str(pause_ms)],
                                  stdout=subprocess.PIPE, text=True)
        stored = []
        while len(stored) < count:
            found = cloud.messages(port)["stored"]
            stored += [time.monotonic()] * (found - len(stored))
            if sender.poll() not in (None, 0):
                raise RuntimeError("bench-broker failed")
            time.sleep(0.002)
        sent = [int(line) / 1e9 for line in sender.communicate()[0].split()]
    return [(after - before) * 1e3 for before, after in zip(sent, stored)]
