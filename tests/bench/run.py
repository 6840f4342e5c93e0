"""Measures a release build and prints the figures of doc/benchmarks.md, each beside its target.

What others do on the machine must not decide: instructions, the processor's seconds, and ratios to a floor of the same
run; only the queries' targets are times by the clock. Not a test: a figure that misses its target is printed as such.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import beside
import cloud
import node
import processes
import scale

TOP = pathlib.Path(__file__).resolve().parents[2]
MONTH = (165, 8660)  # servers, cycles: 10,002,300 samples
CEILOMETER = 5_000  # notifications for its agent, which takes its time


class Bench:
    def __init__(self, build, everything):
        self.build = build
        self.everything = everything
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tally-bench-"))
        self.environment = dict(os.environ, TALLY_PLUGIN_PATH=str(build / "plugins"),
                                TALLY_DEFINITIONS=str(TOP / "config/meters.d"), LC_ALL="C.UTF-8")
        self.missed = 0

    def say(self, name, figure, target="", good=None):
        self.missed += good is False
        verdict = "" if good is None else "ok" if good else "MISSED"
        print(f"{name:<58} {figure:>26}  {target:<28} {verdict}".rstrip(), flush=True)

    def run(self, program, *words):
        done = subprocess.run([str(self.build / "tests/bench" / program), *map(str, words)], env=self.environment,
                              check=True, capture_output=True, text=True)
        return done.stdout

    def instructions(self, what, times):
        command = ["valgrind", "--tool=callgrind", "--collect-atstart=no",
                   f"--callgrind-out-file={self.build / ('callgrind.' + what)}",
                   str(self.build / "tests/bench/bench-count"), what, str(times)]
        done = subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True)
        return int(re.search(r"Collected : (\d+)", done.stderr)[1]) // times

    def dispatch(self):
        counts = {n: self.instructions(f"dispatch-{n}", 1000) for n in (1, 100, 1000)}
        for n, count in counts.items():
            self.say(f"dispatch, {n:,} handlers that do not match", f"{count:,} instructions")
        worst = max(counts.values()) / min(counts.values())
        self.say("  the most beside the least", f"{worst:.3f}", "at most 1.10", worst <= 1.10)

    def decode(self):
        count = self.instructions("decode", 5000)
        self.say("decode to four samples, ids included", f"{count:,} instructions", "at most 40,000", count <= 40_000)

    def definitions(self):
        rows = json.loads(self.run("bench-speed", "--benchmark_format=json", "--benchmark_min_time=0.5",
                                   "--benchmark_filter=^(decode|load)/"))["benchmarks"]
        cpu_ns = {row["name"].split("/")[0]: row["cpu_time"] for row in rows}
        self.say("definitions: loading the default ones", f"{cpu_ns['load'] / 1e6:.2f} ms CPU", "at most 10 ms",
                 cpu_ns["load"] <= 10e6)
        shipped = self.environment["TALLY_DEFINITIONS"]
        few = {what: self.instructions(what, 1000) for what in ("decode", "decode-new")}
        more = self.folder / "more.yaml"
        more.write_text("metric:\n" + "".join(
            f"  - {{name: meter.{n}, event_type: 'service{n % 100}\\.thing{n}\\.(create|delete)\\.end', type: delta, "
            f"unit: thing, volume: 1, resource_id: $.payload.id, project_id: $.payload.tenant_{n % 50}}}\n"
            for n in range(10_000)))
        self.environment["TALLY_DEFINITIONS"] = f"{shipped}:{more}"
        many = {what: self.instructions(what, 1000) for what in few}
        self.environment["TALLY_DEFINITIONS"] = shipped
        for what, name in (("decode", "a message"), ("decode-new", "each of an event type never seen")):
            self.say(f"10,000 definitions more: {name}", f"{many[what]:,} and {few[what]:,}",
                     "at most twice", many[what] <= 2 * few[what])
        if subprocess.run(["/usr/bin/python3", "-c", "import ceilometer"], capture_output=True).returncode != 0:
            return self.say("definitions: Ceilometer", "not installed")
        message = self.run("bench-count", "message", 1)
        done = subprocess.run(["/usr/bin/python3", str(TOP / "tests/ceilometer/speed.py"), shipped], input=message,
                              env=self.environment, check=True, capture_output=True, text=True)
        theirs = json.loads(done.stdout)
        self.say("Ceilometer: loading the same definitions", f"{theirs['load_s'] * 1e3:,.0f} ms CPU",
                 f"{theirs['load_s'] * 1e9 / cpu_ns['load']:,.0f} times Tally's")
        self.say("Ceilometer: the same message to four samples", f"{theirs['message_s'] * 1e6:,.0f} us CPU",
                 f"{theirs['message_s'] * 1e9 / cpu_ns['decode']:,.0f} times Tally's {cpu_ns['decode'] / 1e3:.1f} us")

    def convert(self):
        count = 100_000
        found = processes.convert(self, TOP / "tests/definitions", count)
        self.say(f"tally convert, {count:,} of the fixtures' notifications", f"{found * 1e6 / count:.1f} us CPU each",
                 "at most 24 us", found * 1e6 / count <= 24)

    def clock(self):
        found = json.loads(self.run("bench-speed", "--benchmark_format=json", "--benchmark_min_time=0.5"))
        for row in found["benchmarks"]:
            self.say(f"  {row['name'].split('/process_time')[0]}, processor time", f"{row['cpu_time']:,.0f} ns")

    def store(self):
        found = json.loads(self.run("bench-store", "write", self.folder, 300, 100))
        self.say(f"sqlite, {found['rows']:,} rows: driver", f"{found['driver_us']:.2f} us CPU a row")
        self.say("sqlite: bare prepared-statement loop", f"{found['floor_us']:.2f} us CPU a row")
        ratio = found["floor_us"] / found["driver_us"]
        self.say("  rows a CPU second beside the bare loop", f"{ratio:.2f}", "at least 0.70", ratio >= 0.70)
        for name in ("driver", "wide"):
            self.say(f"sqlite, {name}: bytes a sample with indexes", f"{found[name + '_bytes'] / found['rows']:.1f}")
        ratio = found["driver_bytes"] / found["wide_bytes"]
        self.say("  beside one wide table", f"{ratio:.3f}", "at most 0.35", ratio <= 0.35)

    def month(self):
        database = TOP / "build/bench/month.db"
        if not database.exists():
            if not self.everything:
                return self.say("queries of a month: ./dev bench --all", "left out")
            database.parent.mkdir(parents=True, exist_ok=True)
            part = database.with_suffix(".db.part")
            for end in ("", "-wal", "-shm"):
                pathlib.Path(f"{part}{end}").unlink(missing_ok=True)
            self.run("bench-store", "fill", part, *MONTH)
            part.rename(database)
        found = json.loads(self.run("bench-store", "month", database, *MONTH))
        for name, what, limit in (("resource", "a resource's month by meter", 50),
                                  ("listing", "a resource's month, sample by sample", None),
                                  ("project", "a project's month by meter", 1000)):
            wall, cpu = found[name + "_wall_ms"], found[name + "_cpu_ms"]
            self.say(f"{what}, of 10 million: {found[name + '_rows']:,} rows", f"{wall:.1f} ms ({cpu:.1f} ms CPU)",
                     f"at most {limit} ms" if limit else "", wall <= limit if limit else None)

    def end_to_end(self):
        for storage in ("null", "sqlite"):
            count = 20_000
            found = processes.end_to_end(self, storage, count)
            self.say(f"end to end, {count:,} notifications to {storage}",
                     f"{count / found.wall_s:,.0f} a second")
            self.say("  CPU seconds a million: sender, collector",
                     f"{found.sender_s * 1e6 / count:.1f}, {found.collector_s * 1e6 / count:.1f}")

    def amqp(self):
        """RabbitMQ to nowhere and to PostgreSQL, beside a client that does nothing but acknowledge."""
        count = 1_000_000 if self.everything else 300_000
        with cloud.Broker(self, count) as broker:
            floors, nulls = [], []
            for _ in range(2):  # in turn, so that a busy moment meets both
                floors.append(broker.drain())
                nulls.append(broker.collect("null"))
            floor, null = max(floors, key=lambda one: one.rate), max(nulls, key=lambda one: one.rate)
            with cloud.Postgresql() as database:
                stored = broker.collect(database.url)
            with cloud.Postgresql() as database:
                latencies = beside.latencies_ms(broker, database.url)
            theirs = None
            if subprocess.run(["/usr/bin/python3", "-c", "import ceilometer"], capture_output=True).returncode == 0:
                theirs = beside.ceilometer(broker, CEILOMETER)
        self.say(f"RabbitMQ, {count:,} of 1.3 KB: a client that only acknowledges", f"{floor.rate:,.0f} a second",
                 f"{floor.cpu_s * 1e6 / count:.1f} CPU s a million")
        self.say("RabbitMQ to discarded samples", f"{null.rate:,.0f} a second")
        self.say("  beside that client", f"{null.rate / floor.rate:.2f}", "at least 0.85", null.rate / floor.rate >= 0.85)
        for name, one in (("discarded samples", null), ("PostgreSQL", stored)):
            spent = one.cpu_s * 1e6 / count
            self.say(f"RabbitMQ to {name}: collector's CPU s a million", f"{spent:.1f}",
                     "at most 20" if one is stored else "", spent <= 20 if one is stored else None)
            self.say("  resident at the most", f"{one.peak_kib / 1024:.0f} MiB")
        self.say("RabbitMQ to PostgreSQL", f"{stored.rate:,.0f} a second", "at least 15,300", stored.rate >= 15_300)
        self.say("  samples", f"{stored.rate * 4:,.0f} a second")
        grown = stored.late_kib / stored.early_kib
        self.say(f"  resident after all beside after {cloud.EARLY:,}", f"{grown:.3f}", "at most 1.10", grown <= 1.1)
        middle = statistics.median(latencies)
        self.say("published to stored, four a second: median, longest", f"{middle:.0f}, {max(latencies):.0f} ms",
                 "at most 1,000 ms", middle <= 1000)
        if theirs is None:
            return self.say("Ceilometer's notification agent", "not installed")
        self.say(f"Ceilometer's agent, {CEILOMETER:,} of the same, to a file", f"{theirs.rate:,.0f} a second",
                 f"{theirs.cpu_s * 1e6 / CEILOMETER:,.0f} CPU s a million")
        faster, cheaper = stored.rate / theirs.rate, theirs.cpu_s / CEILOMETER / (stored.cpu_s / count)
        self.say("  RabbitMQ to PostgreSQL beside it: rate", f"{faster:.0f} times", "at least 20", faster >= 20)
        self.say("  CPU", f"{cheaper:.0f} times less", "at least 100", cheaper >= 100)

    def kafka(self):
        """Kafka to nowhere and to PostgreSQL, from a topic that is filled beforehand, beside a client that only counts
        and beside COPY of the rows that were stored."""
        count = 1_000_000 if self.everything else 200_000
        with cloud.Topic(self, count) as topic:
            floors, nulls = [], []
            for _ in range(3):
                floors.append(topic.drain())
                nulls.append(topic.collect("null"))
            floor, null = max(floors, key=lambda one: one.rate), max(nulls, key=lambda one: one.rate)
            with cloud.Postgresql(settings="-c max_wal_size=8GB -c shared_buffers=1GB") as database:
                runs, copies = [], []
                for _ in range(2):
                    runs.append(topic.collect(database.url))
                    copies.append(json.loads(self.run("bench-postgresql", "copy", database.url)))
                    database.sql("DROP SCHEMA tally CASCADE")
            stored, copied = max(runs, key=lambda one: one.rate), max(copies, key=lambda one: one["rows_s"])
        self.say(f"Kafka, {count:,} of 1.3 KB: a client that only counts", f"{floor.rate:,.0f} a second",
                 f"{floor.cpu_s * 1e6 / count:.1f} CPU s a million")
        a_core = count / null.cpu_s
        self.say("Kafka to discarded samples", f"{null.rate:,.0f} a second", f"{a_core:,.0f} a CPU second")
        self.say("  beside that client", f"{null.rate / floor.rate:.2f}", "0.60, or 150,000 a CPU second",
                 null.rate >= 0.6 * floor.rate or a_core >= 150_000)
        for name, one in (("discarded samples", null), ("PostgreSQL", stored)):
            self.say(f"Kafka to {name}: collector's CPU s a million", f"{one.cpu_s * 1e6 / count:.1f}")
            self.say("  resident at the most", f"{one.peak_kib / 1024:.0f} MiB")
        self.say("Kafka to PostgreSQL", f"{stored.rate:,.0f} a second")
        rows_s = stored.rate * copied["rows"] / count
        self.say(f"  {rows_s:,.0f} rows a second beside COPY of them alone", f"{copied['rows_s']:,.0f} a second")
        self.say("  the first beside the second", f"{rows_s / copied['rows_s']:.2f}", "at least 0.70",
                 rows_s >= 0.7 * copied["rows_s"])

    def scale(self):
        """An hour of 10,000 instances, replayed at speed."""
        scale.replay(self, 10_000, 1, 60 if self.everything else 300)

    def postgresql(self):
        """The driver beside a client that only copies, and queries of a month where there is time for ten million."""
        with cloud.Postgresql(settings="-c max_wal_size=8GB -c shared_buffers=1GB") as server:
            found = json.loads(self.run("bench-postgresql", "write", server.url, 300, 200))
            for name in ("driver", "floor"):
                self.say(f"postgresql, {found['rows']:,} rows in batches of 10,000: {name}",
                         f"{found[name + '_rows_s']:,.0f} rows a second")
            ratio = found["driver_rows_s"] / found["floor_rows_s"]
            self.say("  beside COPY alone", f"{ratio:.2f}", "at least 0.70", ratio >= 0.70)
            for name in ("driver", "wide"):
                self.say(f"postgresql, {name}: bytes a sample with indexes",
                         f"{found[name + '_bytes'] / found['rows']:.1f}")
            ratio = found["driver_bytes"] / found["wide_bytes"]
            self.say("  beside one wide table", f"{ratio:.3f}", "at most 0.35", ratio <= 0.35)
            plain = None
            for every, which in ((0, "no batch"), (10, "each tenth batch"), (1, "each batch")):
                rate = json.loads(self.run("bench-postgresql", "again", server.url, 300, 200, every))["rows_s"]
                plain = plain or rate
                self.say(f"postgresql, {which} with rows that are there", f"{rate:,.0f} rows a second",
                         "" if every == 0 else f"{rate / plain:.2f} of none")
            if not self.everything:
                return self.say("postgresql: queries of a month: ./dev bench --all postgresql", "left out")
            self.run("bench-postgresql", "fill", server.url, *MONTH)
            found = json.loads(self.run("bench-postgresql", "month", server.url, *MONTH))
            for name, what, limit in (("resource", "a resource's month by meter", 50),
                                      ("listing", "a resource's month, sample by sample", None),
                                      ("project", "a project's month by meter", 1000)):
                wall = found[name + "_wall_ms"]
                self.say(f"{what}, of 10 million: {found[name + '_rows']:,} rows", f"{wall:.1f} ms",
                         f"at most {limit} ms" if limit else "", wall <= limit if limit else None)

    def agent(self):
        """The agent of a node beside collectd and Ceilometer's, and what each bus adds to it."""
        node.agent(self)

    def instances(self):
        """The agent of a hypervisor beside the least that makes libvirt's bulk call."""
        node.instances(self)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("what", nargs="*",
                        help="dispatch decode definitions convert clock store month postgresql end_to_end amqp kafka scale "
                             "agent instances")
    arguments = parser.parse_args()
    bench = Bench(arguments.build.resolve(), arguments.all)
    try:
        for name in arguments.what or ("dispatch", "decode", "definitions", "convert", "clock", "store", "month",
                                       "postgresql", "end_to_end", "amqp", "kafka", "scale", "agent", "instances"):
            getattr(bench, name)()
    finally:
        shutil.rmtree(bench.folder, ignore_errors=True)
    print(f"{bench.missed} missed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
