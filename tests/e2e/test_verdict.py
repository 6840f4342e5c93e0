"""The verdict of the proof is itself put to the proof: a store that is right passes, and each single wrong is found."""
import collections
import copy
import json
import random
import types
import unittest

from chaos import Ledger
from cloud_traffic import CloudTraffic, digest
from cloud_verdict import CONTENT, CloudVerdict

COUNT = 2500


def letter(kind, body, reason, detail=""):
    return {"digest": digest(body), "kind": kind, "reason": reason, "detail": detail, "body": body.decode(errors="replace")}


class Store:
    """What a store holds that has made no mistake: each message was confirmed once and delivered once."""

    def __init__(self, ledger):
        self.rows, self.letters = [], {}
        self.books = collections.Counter()
        traffic = ledger.traffic
        kept = {}
        for number in ledger.sent:
            made, refused, outcome = traffic.samples(number), traffic.refused(number), "stored"
            for id_, row in made.items():
                if id_ in refused:
                    outcome = self.bury(id_, row, "bad sample")
                    continue
                if traffic.kind(number) == "no_time_yet":
                    outcome = self.bury(id_, row, "future")
                elif id_ not in kept:
                    kept[id_] = row
                    self.books["samples", "stored"] += 1
                    self.rows.append(dict(row, received_at="2026-01-01", batch="1"))
                elif any(row[key] != kept[id_][key] for key in CONTENT):
                    outcome = self.bury(id_, row, "conflict")
            if reason := traffic.reason(number):
                self.add(letter("message", traffic.line(number), reason))
                outcome = "dead"
            self.books["messages", "filtered" if traffic.kind(number) == "unknown" else outcome] += 1

    def add(self, entry):
        self.letters[entry["digest"]] = entry

    def bury(self, id_, row, reason):
        body = json.dumps(row).replace(f'"volume": "{row["volume"]}"', f'"volume": {row["volume"]}')
        self.add(letter("sample", body.encode(), reason, f"sample {id_} of meter {row['name']}: …"))
        self.books["samples", "conflict" if reason == "conflict" else "dead"] += 1
        return "dead"

    def answer(self, *words):
        if words[0] == "query":
            return copy.deepcopy(self.rows)
        if words[:2] == ("dead-letter", "show"):
            return [self.letters[words[2]]]
        if words[0] == "dead-letter":
            return list(self.letters.values())
        return [{"unit": unit, "outcome": outcome, "count": str(count)} for (unit, outcome), count in self.books.items()]


class Judged(CloudVerdict):
    def ask(self, *words):
        return iter(self.cloud.store.answer(*words))


class Verdict(unittest.TestCase):
    def setUp(self):
        traffic = CloudTraffic(11)
        ledger = Ledger(traffic, 0)
        for number in range(COUNT):
            for each in (number, -number - 1) if traffic.kind(number) == "pair" else (number,):
                ledger.sent[each] = ledger.told[each] = 1
        self.store = Store(ledger)
        self.cloud = types.SimpleNamespace(ledger=ledger, traffic=traffic, store=self.store, choose=random.Random(1),
                                           redelivered_at_most=lambda: 0)

    def assert_found(self, *words):
        faults = Judged(self.cloud).faults
        for word in words:
            self.assertTrue([fault for fault in faults if word in fault], f"{word!r} is not among {faults}")

    def test_a_store_without_a_mistake_passes(self):
        self.assertEqual(Judged(self.cloud).faults, [])

    def test_a_row_that_is_missing(self):
        self.store.rows.pop(7)
        self.assert_found("confirmed and not stored", "samples.stored")

    def test_a_row_that_is_there_twice(self):
        self.store.rows.append(dict(self.store.rows[7]))
        self.assert_found("stored twice")

    def test_a_row_that_nobody_sent(self):
        self.store.rows.append(dict(self.store.rows[7], id="0" * 32))
        self.assert_found("that nobody sent")

    def test_a_row_with_another_content(self):
        for key in self.store.rows[7]:
            if key in ("id", "received_at", "batch"):
                continue
            with self.subTest(key):
                kept, self.store.rows[7] = self.store.rows[7], dict(self.store.rows[7], **{key: "1.5"})
                self.assert_found("with another content")
                self.store.rows[7] = kept

    def test_a_dead_letter_that_is_missing(self):
        for reason in ("unreadable", "bad sample", "future", "conflict"):
            with self.subTest(reason):
                name = next(key for key, entry in self.store.letters.items() if entry["reason"] == reason)
                kept = self.store.letters.pop(name)
                self.assert_found("that should be dead letters and are not")
                self.store.add(kept)

    def test_a_dead_letter_of_what_is_not_dead(self):
        number = next(number for number in range(COUNT) if self.cloud.traffic.kind(number) == "volume")
        self.store.add(letter("message", self.cloud.traffic.line(number), "store refused"))
        self.assert_found("dead letters of what is not dead")

    def test_books_that_are_wrong_by_one(self):
        for unit, outcome, change in (("messages", "stored", 1), ("messages", "stored", -1), ("samples", "stored", 1),
                                      ("messages", "filtered", -1), ("messages", "dead", -1), ("samples", "conflict", -1),
                                      ("samples", "dead", -1), ("messages", "duplicate", 1), ("messages", "lost", 1)):
            with self.subTest(f"{unit}.{outcome}"):
                self.store.books[unit, outcome] += change
                self.assert_found("the store's books say")
                self.store.books[unit, outcome] -= change
