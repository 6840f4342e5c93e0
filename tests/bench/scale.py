"""A cloud's hour, replayed at speed: what its agents and services publish goes through Kafka and collectors into
PostgreSQL as fast as this machine can, all of it on this machine. Backs doc/scale.md. Not for single figures: run.py.
"""
import contextlib
import json
import pathlib
import re
import subprocess
import time

import cloud
import processes

COLLECTORS = 2
PARTITIONS = 6
TOPIC = "notifications.sample"
BYTES = """SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'tally'::regnamespace"""


def replay(bench, instances, hours, interval_s):
    """Generator, sender, broker, collectors and database at once; `bench.say`s what it took."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(cloud.Kafka())
        database = stack.enter_context(cloud.Postgresql(settings="-c max_wal_size=8GB -c shared_buffers=1GB"))
        server.create_topic(TOPIC, PARTITIONS)
        collectors = []
        for at in range(COLLECTORS):
            before = cloud.initialised(bench, database.url) if at == 0 else lambda config: None
            bus = f"{server.url}?topic_names={TOPIC}&group=scale"
            process, port, *_ = stack.enter_context(processes.collector(bench, database.url, bus, before))
            collectors.append((process, port))
        begun = time.monotonic()
        count = publish(bench, server, instances, hours, interval_s)
        published_s = time.monotonic() - begun

        def settled():
            books = [cloud.messages(port) for _, port in collectors]
            return sum(one["stored"] + one["duplicate"] + one["dead"] + one["filtered"] for one in books) >= count and books
        books = processes.wait_until("all are settled", settled, collectors[0][0])
        took_s = time.monotonic() - begun
        if sum(one["stored"] for one in books) != count:
            raise RuntimeError(f"not all are stored: {books}")
        cpu_s = [processes.cpu_s(process.pid) for process, _ in collectors]
        peaks = [int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text())[1])
                 for process, _ in collectors]
        rows = int(database.sql("SELECT count(*) FROM tally.sample"))
        stored_bytes = int(database.sql(BYTES))
    bench.say(f"{instances:,} instances, {hours} h at {interval_s} s: messages, rows", f"{count:,}, {rows:,}")
    bench.say("  replayed in", f"{took_s:.1f} s", f"published in {published_s:.1f} s")
    bench.say("  faster than the clock", f"{hours * 3600 / took_s:,.0f} times", "at least 10", hours * 3600 / took_s >= 10)
    bench.say("  rows a second", f"{rows / took_s:,.0f}")
    bench.say("  collectors' CPU s of the hour", ", ".join(f"{one:.1f}" for one in cpu_s),
              f"{sum(cpu_s) * 1e6 / rows:.2f} us a row")
    bench.say("  resident at the most", ", ".join(f"{one / 1024:.0f} MiB" for one in peaks))
    bench.say("  bytes a row in PostgreSQL", f"{stored_bytes / rows:.0f}")


def publish(bench, server, instances, hours, interval_s):
    """The number of messages."""
    programs = bench.build / "tests/bench"
    generator = subprocess.Popen([programs / "bench-agents", str(instances), str(hours), str(interval_s)],
                                 env=bench.environment, stdout=subprocess.PIPE)
    sender = subprocess.run([programs / "bench-kafka", "fill", server.server, TOPIC, "/dev/stdin"],
                            stdin=generator.stdout, env=bench.environment, check=True, capture_output=True, text=True)
    generator.stdout.close()
    if generator.wait() != 0:
        raise RuntimeError(f"bench-agents ended with {generator.returncode}")
    return json.loads(sender.stdout)["messages"]
