"""The agent while its bus is away: what it reported as taken is stored, once, whatever is killed and however full the disk.

A cycle counts as taken when each of its messages was said `is spooled` (durable on disk) or `is sent` (confirmed): lines
that the agent writes after the fact, so that a kill can only leave one out. TALLY_KILLS_SEED repeats a run's choices.
"""
import collections
import datetime
import os
import random
import re
import signal
import sqlite3
import subprocess

from chaos import fill
from rabbitmq import Rabbitmq
from support import Sandbox, free_port, wait_until
from verdict import ROWS

HOLDS = re.compile(r"message (\w+) holds (\d+) samples of pollster:(\w+), cycle (\S+), part (\d+) of (\d+), (\w+) to (\w+)$")
TAKEN = re.compile(r"message (\w+) is (?:sent|spooled)$")
METERS = {"load": "hardware.cpu.load.", "memory": "hardware.memory.", "network": "hardware.network.",
          "filesystem": "hardware.disk.size.", "uptime": "hardware.system_stats."}  # that one pollster alone makes
KILLS = 20


class Taken:
    """What all agents, killed ones too, reported."""

    def __init__(self, logs):
        self.held, self.reported = {}, set()
        for line in (line for log in logs for line in log.splitlines()):
            if match := HOLDS.search(line):
                message, count, pollster, cycle, part, parts, first, last = match.groups()
                self.held[message] = (pollster, cycle, int(part), int(parts), int(count), first, last)
            elif match := TAKEN.search(line):
                self.reported.add(match[1])

    def cycles(self):
        """{(pollster, cycle): samples} of those that are taken whole."""
        parts, counts = collections.defaultdict(set), collections.Counter()
        for message in self.reported:
            pollster, cycle, part, of, count, _, _ = self.held[message]
            parts[pollster, cycle, of].add(part)
            counts[pollster, cycle] += count
        return {key[:2]: counts[key[:2]] for key, seen in parts.items() if len(seen) == key[2]}


class AgentSpool(Sandbox):
    def agent_config(self, extra=""):
        self.agent_port = free_port()
        return self.write("agent.yaml", f"publish: '{self.bus}'\nhttp: 127.0.0.1:{self.agent_port}\n"
                                        f"polling: {{namespaces: [host], interval: 100ms}}\n"
                                        "disable: {plugins: ['pollster:exec', 'pollster:cgroup']}\n" + extra)

    def samples(self):
        status = self.status(self.agent_port)
        return status["samples"] if status else collections.Counter()

    def wait_sent(self, agent):
        def done():
            self.assertIsNone(agent.poll(), self.log_of(agent)[-3000:])
            samples = self.samples()
            return samples["sent"] > 0 and samples["spooled"] == 0
        wait_until("all that was spooled is sent", done, 60)

    def stored(self):
        """{id: (meter, time, resource)}, and dead letters' number."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30) as reader:
            rows = reader.execute(ROWS).fetchall()
            dead = reader.execute("SELECT count(*) FROM dead_letter").fetchone()[0]
        return {row[0].hex() if isinstance(row[0], bytes) else row[0]: (row[2], row[3], row[1]) for row in rows}, len(rows), dead

    def judge(self, agents, at_least):
        """Every cycle that was reported as taken is in the store, once. Their number, the messages' and the samples'."""
        rows, count, dead = self.stored()
        self.assertEqual((len(rows), dead), (count, 0), "no id twice, no dead letter")
        self.assertEqual(len(set(rows.values())), len(rows), "no measurement twice")
        taken = Taken([self.log_of(agent) for agent in agents])
        for message in taken.reported:
            *_, first, last = taken.held[message]
            self.assertTrue(first in rows and last in rows, f"message {message} was reported: {taken.held[message]}")
        by_time = collections.Counter((microseconds, next((name for name, begin in METERS.items() if meter.startswith(begin)),
                                                          None)) for meter, microseconds, _ in rows.values())
        judged = 0
        for (pollster, cycle), samples in taken.cycles().items():
            if pollster in METERS:
                self.assertEqual(by_time[self.microseconds(cycle), pollster], samples, (pollster, cycle))
                judged += 1
        self.assertGreaterEqual(judged, at_least)
        return judged, len(taken.reported), len(rows)

    @staticmethod
    def microseconds(text):
        return round(datetime.datetime.fromisoformat(text).timestamp() * 1e6)

    def test_twenty_kills_while_rabbitmq_is_away_lose_no_cycle_that_was_taken(self):
        seed = int(os.environ.get("TALLY_KILLS_SEED", random.randrange(1 << 30)))
        print(f"          seed {seed}", flush=True)
        choose = random.Random(seed)
        broker = Rabbitmq()
        self.addCleanup(broker.close)
        collector_config = self.collector_config("plugins:\n  'transport:amqp': {look_again: 0.2s, retry_last: 0.5s}\n")
        self.bus, local = broker.url, self.bus
        collector_config.write_text(collector_config.read_text().replace(local, self.bus))
        collector = self.start_collector(collector_config)  # for which the bus is away too
        config = self.agent_config(f"data: '{self.folder}/agent'\n")
        agents = []

        def run_agent():
            agents.append(self.start("tally-agent", "-v", "--config", config))
            return agents[-1]

        def said(agent, what):
            self.assertIsNone(agent.poll(), self.log_of(agent)[-3000:])
            return len(re.findall(rf"message \w+ is {what}\n", self.log_of(agent)))

        def kill_some(times):
            for _ in range(times):
                agent = run_agent()
                enough = choose.randrange(1, 20)
                wait_until("messages are spooled", lambda: said(agent, "spooled") >= enough)
                self.end(agent, signal.SIGKILL, status=-signal.SIGKILL)

        kill_some(KILLS // 2)  # before it ever was there
        broker.start()
        agent = run_agent()
        self.wait_sent(agent)
        broker.kill()
        wait_until("it notices", lambda: said(agent, "spooled") > 0)
        self.end(agent, signal.SIGKILL, status=-signal.SIGKILL)
        kill_some(KILLS // 2)
        broker.start()
        agent = run_agent()
        self.wait_sent(agent)
        self.end(agent)
        samples = self.samples_at_end(agent)
        self.assertEqual(samples["made"], samples["sent"], self.log_of(agent)[-1000:])
        wait_until("the queue is empty", lambda: broker.queues().get("notifications.sample") == 0)
        wait_until("all is settled", lambda: self.books(collector_config)["messages"]["in_flight"] == 0)
        books = self.books(collector_config)
        self.assert_books_balance(books)
        self.assertEqual((books["samples"]["conflict"], books["samples"]["dead"]), (0, 0), books)
        self.end(collector)
        cycles, messages, rows = self.judge(agents, KILLS)
        print(f"          {len(agents)} agents, {messages} messages taken, {cycles} cycles of {len(METERS)} pollsters "
              f"judged, {rows} samples stored, {books['samples']['duplicate']} came twice", flush=True)

    def samples_at_end(self, agent):
        match = re.search(r"ended: (\d+) samples made, (\d+) sent, (\d+) kept", self.log_of(agent))
        return {"made": int(match[1]), "sent": int(match[2])}

    def test_a_full_disk_is_survived_and_said_and_counted(self):
        disk = self.folder / "disk"
        disk.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"cannot mount a small tmpfs, which needs root and the right to mount: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=False)
        collector_config = self.collector_config()
        config = self.agent_config(f"data: '{disk}'\n")
        agent = self.start("tally-agent", "-v", "--config", config)
        wait_until("samples are spooled", lambda: self.samples()["spooled"] > 0)
        ballast = fill(disk)
        wait_until("samples are lost, and counted", lambda: self.samples()["lost"] > 0)
        self.assertIn("samples are lost: the bus is away and the spool takes no more", self.log_of(agent))
        self.end(agent, signal.SIGKILL, status=-signal.SIGKILL)
        again = self.start("tally-agent", "-v", "--config", config)  # a full disk is no reason not to start
        wait_until("it polls", lambda: self.samples()["made"] > 0)
        ballast.unlink()
        before = self.samples()["spooled"]
        wait_until("there is room again", lambda: self.samples()["spooled"] > before)
        collector = self.start_collector(collector_config)
        self.wait_sent(again)
        self.end(again)
        self.end(collector)
        self.judge([agent, again], len(METERS))
