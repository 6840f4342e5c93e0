"""Judges what a store holds against what was issued and confirmed, in the store's own words: `tally query`,
`tally dead-letter`, `tally storage books`. So it knows no schema, and serves every storage driver. Not for trouble: cloud.py.
"""
import collections
import decimal
import json
import re

from cloud_traffic import REFUSED, digest
from verdict import Findings

EXTRA_KEYS = ("received_at", "batch")
CONTENT = ("type", "unit", "volume", "project_id", "user_id")  # a repeated id with others of these is a conflict
LOOKED_INTO = 40  # dead letters whose body is read too; that needs a program's start each


def numbers_as_text(line):
    return json.loads(line, parse_int=str, parse_float=str)


class CloudVerdict(Findings):
    def __init__(self, cloud):
        super().__init__()
        self.cloud, self.ledger, self.traffic = cloud, cloud.ledger, cloud.traffic
        self.sums = collections.Counter()
        with decimal.localcontext(decimal.Context(prec=100)):
            self.judge_rows()
        self.judge_letters()
        self.judge_books()

    def ask(self, *words):
        """The answer's rows, one by one."""
        with open(self.cloud.folder / "answer.jsonl", "w+") as out:
            self.cloud.run_to(out, "tally", "--config", self.cloud.config, *words, "-f", "jsonl")
            out.seek(0)
            for line in out:
                yield numbers_as_text(line)

    # --- samples ----------------------------------------------------------------------------------------------------

    def judge_rows(self):
        expected = collections.defaultdict(list)  # id: [(number, row)], more than one where an id has two contents
        for number in self.ledger.sent:
            for id_, row in self.traffic.rows(number).items():
                expected[id_].append((number, row))
        self.stored = {}  # id: number
        wrong, unsent, twice = [], [], []
        for row in self.ask("query", "samples"):
            for key in EXTRA_KEYS:
                row.pop(key)
            if row["id"] in self.stored:
                twice.append(row)
            self.stored[row["id"]] = None
            candidates = expected.get(row["id"])
            if candidates is None:
                unsent.append(row)
                continue
            for number, wanted in candidates:
                if row == wanted:
                    self.stored[row["id"]] = number
                    self.sums[row["name"]] += decimal.Decimal(row["volume"])
                    break
            else:
                wrong.append((row, candidates))
        self.fault("rows stored twice", twice)
        self.fault("rows stored that nobody sent", unsent)
        self.fault("rows stored with another content", wrong)
        self.fault("rows confirmed and not stored", (
            row for id_, candidates in expected.items() if id_ not in self.stored
            for number, row in candidates if self.ledger.told[number]))
        self.judge_pairs(expected)

    def judge_pairs(self, expected):
        """Of two messages with one id, one is stored whole; what the other has of its own is in conflict."""
        self.conflicts = {}  # id: (number, row) that was not kept
        winners = collections.defaultdict(set)
        for id_, candidates in expected.items():
            if len(candidates) < 2 or id_ not in self.stored:
                continue
            (one, row), (other, other_row) = candidates
            if row == other_row:
                continue
            winner = self.stored[id_]
            winners[min(one, other)].add(winner)
            if any(row[key] != other_row[key] for key in CONTENT):
                self.conflicts[id_] = (other, other_row) if winner == one else (one, row)
        self.fault("messages stored in part", (pair for pair in winners.items() if len(pair[1]) > 1))

    # --- dead letters -----------------------------------------------------------------------------------------------

    def judge_letters(self):
        messages = {}  # digest: reason, number
        for number in self.ledger.sent:
            if reason := self.traffic.reason(number):
                messages[digest(self.traffic.line(number))] = reason, number
        future = {id_: (number, row) for number in self.ledger.sent if self.traffic.kind(number) == "no_time_yet"
                  for id_, row in self.traffic.samples(number).items()}
        refused = {id_: (number, row) for number in self.ledger.sent for id_, row in self.traffic.refused(number).items()}
        seen, seen_samples, unexpected, samples = set(), collections.Counter(), [], []
        self.letters = 0
        for letter in self.ask("dead-letter", "list"):
            self.letters += 1
            if letter["kind"] == "message":
                wanted = messages.get(letter["digest"])
                if wanted is None or wanted[0] != letter["reason"] or letter["digest"] in seen:
                    unexpected.append(letter)
                seen.add(letter["digest"])
                continue
            id_ = (re.search(r"sample ([0-9a-f]{32}) of meter", letter["detail"]) or ["", ""])[1]
            wanted = ("future" if id_ in future else "bad sample" if id_ in refused else
                      "conflict" if id_ in self.conflicts else None)
            if wanted != letter["reason"]:
                unexpected.append(letter)
            seen_samples[id_] += 1
            samples.append((letter["digest"], id_, letter["reason"]))
        self.fault("dead letters of what is not dead", unexpected)
        self.fault("dead letters twice", (id_ for id_, count in seen_samples.items() if count > 1))
        self.fault("confirmed messages that should be dead letters and are not", (
            (number, reason) for id_, (reason, number) in messages.items() if self.ledger.told[number] and id_ not in seen))
        self.fault("confirmed samples that should be dead letters and are not", (
            id_ for id_, (number, _) in [*future.items(), *refused.items(), *self.conflicts.items()]
            if self.ledger.told[number] and id_ not in seen_samples))
        self.judge_bodies({id_: messages[id_] for id_ in seen if id_ in messages}, samples, {**future, **refused})

    def judge_bodies(self, messages, samples, dead):
        """Of some the body as well: a message's to the last byte that a text can show, a sample's every column."""
        choose = self.cloud.choose
        for id_ in choose.sample(sorted(messages), min(LOOKED_INTO, len(messages))):
            _, number = messages[id_]
            line = self.traffic.line(number)
            if self.ledger.told[number] and len(line) < 1 << 20:
                letter, = self.ask("dead-letter", "show", id_)
                if letter["body"].encode(errors="replace") != line:
                    self.faults.append(f"the dead letter {id_} of message {number} has another body: {letter['body'][:300]}")
        for id_, sample, reason in choose.sample(samples, min(LOOKED_INTO, len(samples))):
            letter, = self.ask("dead-letter", "show", id_)
            body = letter["body"]
            if digest(body.encode()) != id_:
                self.faults.append(f"the dead letter {id_} has another body than its name says: {body[:300]}")
            wanted = self.conflicts[sample][1] if reason == "conflict" else dead[sample][1]
            found = numbers_as_text(body)
            if reason == "bad sample":  # that it has no such volume is what is wrong with it
                found = {key: found[key] if key != "volume" else wanted[key] for key in found if key in wanted}
                wanted = {key: wanted[key] if key != "type" else found["type"] for key in found}
            if found != wanted:
                self.faults.append(f"the dead letter {id_} has the body {body[:300]} instead of {wanted}")

    # --- the books --------------------------------------------------------------------------------------------------

    def judge_books(self):
        book = collections.Counter()
        for entry in self.ask("storage", "books"):
            book[entry["unit"], entry["outcome"]] += int(entry["count"])
        told, sent = collections.Counter(), collections.Counter()
        for number, count in self.ledger.told.items():
            told[self.fate(number)] += count
        for number, count in self.ledger.sent.items():
            sent[self.fate(number)] += count
        dead = {number for number in self.ledger.sent if self.fate(number) == "dead"}
        distinct = len({number for number in self.stored.values() if number is not None and number not in dead})
        losers = {number for number, _ in self.conflicts.values()}
        self.expect("samples.stored", book["samples", "stored"], len(self.stored), len(self.stored))
        self.expect("messages.stored", book["messages", "stored"], distinct, distinct)
        messages = {outcome: book["messages", outcome] for outcome in ("stored", "duplicate", "dead", "filtered")}
        total = sum(count for (unit, _), count in book.items() if unit == "messages")
        self.expect("all messages", total, sum(told.values()), sum(sent.values()) + self.cloud.redelivered_at_most())
        self.expect("messages without an outcome of these", total - sum(messages.values()), 0, 0)
        self.expect("messages.filtered", messages["filtered"], told["filtered"], messages["filtered"])
        self.expect("messages.dead", messages["dead"], told["dead"] + sum(self.ledger.told[number] for number in losers),
                    messages["dead"])
        conflicts = sum(1 for number, _ in self.conflicts.values() if self.ledger.told[number])
        self.expect("samples.conflict", book["samples", "conflict"], conflicts, book["samples", "conflict"])
        future = sum(len(self.traffic.samples(number)) for number in dead if self.ledger.told[number]
                     and self.traffic.kind(number) == "no_time_yet")
        refused = sum(len(self.traffic.refused(number)) for number in dead if self.ledger.told[number])
        self.expect("samples.dead", book["samples", "dead"], future + refused, book["samples", "dead"])
        self.messages = messages

    def fate(self, number):
        kind = self.traffic.kind(number)
        if kind == "unknown":
            return "filtered"
        return "dead" if self.traffic.reason(number) or kind == "no_time_yet" or kind in REFUSED else "stored"

    def figures(self):
        ledger = self.ledger
        return (f"{len(ledger.sent)} messages published {sum(ledger.sent.values())} times, confirmed "
                f"{sum(ledger.told.values())} times; {len(self.stored)} rows, {self.letters} dead letters, "
                f"{len(self.conflicts)} conflicts; the store's books {self.messages}")
