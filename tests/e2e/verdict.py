"""Judges what a store holds against what was issued and what senders were told, by SQL and arithmetic of its own.
Not for making trouble: see chaos.py.
"""
import collections
import re
import sqlite3

METERS = {"memory", "vcpus", "disk.root.size", "disk.ephemeral.size", "volume.size", "image.size", "image.download",
          "image.serve", "extra.cores"}
ROWS = """SELECT x.id, r.resource_id, m.name, x.timestamp, m.type, m.unit, x.volume, r.project_id, r.user_id
          FROM sample x JOIN series s ON s.key = x.series JOIN meter m ON m.key = s.meter
          JOIN resource r ON r.key = s.resource"""


def told_by_agent(chaos):
    """From the logs of all agents, killed ones too: {message: (samples, first id, last id)}, and those sent or spooled."""
    held, reported = {}, set()
    for process in chaos.agent_logs:
        for line in chaos.log_of(process).splitlines():
            if match := re.search(r"message (\w+) holds (\d+) samples of .*, (\w+) to (\w+)$", line):
                held[match[1]] = int(match[2]), match[3], match[4]
            elif match := re.search(r"message (\w+) is (sent|spooled)$", line):
                reported.add(match[1])
    return held, reported


class Findings:
    """Each judge_… of a verdict adds to `faults`; none: all is as promised."""

    def __init__(self):
        self.faults = []

    def fault(self, what, examples):
        examples = list(examples)
        if examples:
            self.faults.append(f"{len(examples)} {what}, as {examples[:3]}")

    def expect(self, what, value, least, most):
        if not least <= value <= most:
            self.faults.append(f"the store's books say {what} {value}, which should be {least} to {most}")


class Verdict(Findings):
    """On a collector with SQLite, an agent and senders: chaos.py."""

    def __init__(self, chaos, optional=()):
        super().__init__()
        self.chaos = chaos
        self.ledger = chaos.ledger
        self.optional = set(optional)  # meters that were off for a while: their rows may be missing
        with sqlite3.connect(f"file:{chaos.database}?mode=ro", uri=True, timeout=30) as reader:
            reader.execute("BEGIN")  # one state of the file for all that follows
            self.integrity = reader.execute("PRAGMA integrity_check").fetchone()[0]
            rows = reader.execute(ROWS).fetchall()
            self.letters = reader.execute("SELECT body, reason, bus FROM dead_letter").fetchall()
            self.books = collections.Counter()
            for bus, unit, outcome, count in reader.execute("SELECT bus, unit, outcome, count FROM book"):
                self.books[bus, unit, outcome] += count
        self.rows = [row for row in rows if row[2] in METERS]
        self.polled = [row for row in rows if row[2] not in METERS]
        self.stored_messages = set()
        self.judge_rows()
        self.judge_letters()
        self.judge_books()
        self.judge_agent()
        if self.integrity != "ok":
            self.faults.append(f"the database is damaged: {self.integrity}")

    def judge_rows(self):
        expected = {key: (number, facts) for number in self.ledger.sent
                    for key, facts in self.ledger.traffic.rows(number).items()}
        seen = collections.Counter((resource, meter, time) for _, resource, meter, time, *_ in self.rows)
        self.fault("stored twice", (key for key, count in seen.items() if count > 1))
        self.fault("stored that nobody sent", (key for key in seen if key not in expected))
        self.fault("stored with another content", (
            (row, expected[row[1:4]]) for row in self.rows
            if row[1:4] in expected and expected[row[1:4]][1] != (row[4], row[5], str(row[6]), row[7], row[8])))
        self.fault("acknowledged and not stored", (
            key for key, (number, _) in expected.items()
            if self.ledger.told[number] and key not in seen and key[1] not in self.optional))
        self.stored_messages = {expected[key][0] for key in seen if key in expected}

    def judge_letters(self):
        issued = {self.ledger.traffic.line(number): number for number in self.ledger.sent
                  if self.ledger.traffic.kind(number) == "rubbish"}
        bodies = collections.Counter(body.decode() if isinstance(body, bytes) else body for body, _, _ in self.letters)
        self.fault("dead letters twice", (body for body, count in bodies.items() if count > 1))
        self.fault("dead letters of what is not rubbish", (
            (body[:200], reason) for body, reason, _ in self.letters if (
                body.decode() if isinstance(body, bytes) else body) not in issued))
        self.fault("acknowledged rubbish without a dead letter", (
            body for body, number in issued.items() if self.ledger.told[number] and body not in bodies))
        self.dead = len(bodies)

    def judge_books(self):
        """The store's books against the rows (exactly) and against what senders were told (nobody counts a kill twice)."""
        bus, told = self.chaos.bus, collections.Counter()
        for number, count in self.ledger.told.items():
            told[self.ledger.traffic.kind(number)] += count
        book = {outcome: self.books[bus, "messages", outcome] for outcome in ("stored", "duplicate", "dead", "filtered")}
        sample = {outcome: self.books[bus, "samples", outcome] for outcome in ("stored", "conflict", "dead")}
        self.expect("samples.stored", sample["stored"], len(self.rows), len(self.rows))
        self.expect("samples.conflict", sample["conflict"], 0, 0)
        self.expect("samples.dead", sample["dead"], 0, 0)
        distinct = len(self.stored_messages)
        # A message whose meters were off for a while may bring new rows again.
        self.expect("messages.stored", book["stored"], distinct, book["stored"] if self.optional else distinct)
        # Each acknowledgement is one message on the disk, settled at least once; a kill of the collector may have a
        # window of them settled once more.
        again = self.chaos.kills["collector"] * self.chaos.window
        self.expect("all messages", sum(book.values()), sum(told.values()), sum(self.ledger.sent.values()) + again)
        self.expect("messages.dead", book["dead"], max(told["rubbish"], self.dead), book["dead"])
        if not self.optional:
            self.expect("messages.filtered", book["filtered"], told["unknown"], book["filtered"])
        polled = self.books[self.chaos.agent_bus, "samples", "stored"]
        self.expect("samples.stored of the agent", polled, len(self.polled), len(self.polled))
        self.book = book

    def judge_agent(self):
        held, reported = told_by_agent(self.chaos)
        ids = {row[0].hex() if isinstance(row[0], bytes) else row[0] for row in self.polled}
        times = collections.Counter((resource, meter, time) for _, resource, meter, time, *_ in self.polled)
        self.fault("measurements stored twice", (key for key, count in times.items() if count > 1))
        self.fault("messages of the agent reported and not stored", (
            message for message in reported if not ids.issuperset(held[message][1:])))
        least = sum(held[message][0] for message in reported)
        most = sum(count for count, _, _ in held.values())
        if not least <= len(ids) <= most:
            self.faults.append(f"{len(ids)} samples of the agent are stored; it reported {least}, and made {most}")
        self.reported = len(reported)

    def figures(self):
        ledger = self.ledger
        return (f"{len(ledger.sent)} messages sent {sum(ledger.sent.values())} times, acknowledged "
                f"{sum(ledger.told.values())} times; {len(self.rows)} rows and {self.dead} dead letters; books {self.book}; "
                f"{self.reported} messages of the agent, {len(self.polled)} rows; "
                f"kills {dict(self.chaos.kills)}")
