"""Differential test: generated definitions and notifications through Ceilometer and through Tally, field by field.

Every difference is a defect of Tally, or one that doc/ceilometer.md names and `expected` below knows. A failing case is
printed whole, so that it can be kept as a test.
usage: differential.py --tally PROGRAM [--seed S] [--rounds N | --minutes M]
"""
import argparse
import datetime
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time
from decimal import Decimal, InvalidOperation

HERE = pathlib.Path(__file__).resolve().parent
SENTINEL = "differential.end"
KEYS = ["a", "b", "size", "name", "value", "unit", "id", "x.y", "tenant_id", "ünï", "metrics", "items"]
TEXTS = ["", "a", "cpu", "cpu.user", "é", "host@back#pool", "a.b.c", "12", "0.5", "1e3", "text with space", "2026-03-14T09:26:53",
         "2026-03-14 09:26:53.5", "2026-03-14T09:26:53+02:00", "nonsense", "x" * 300, "true", "日本"]
NUMBERS = [0, 1, 2, 3, -1, 7, 100, 0.5, 0.1, 2.5, -3.25, 1e-7, 1e16, 12345678901234567890, 1.0, 0.0]


# ---- what services might send ----------------------------------------------------------------------------------------
def some_value(pick, depth=0):
    kind = pick.random()
    if depth < 4 and kind < 0.22:
        return {pick.choice(KEYS): some_value(pick, depth + 1) for _ in range(pick.randint(0, 5))}
    if depth < 4 and kind < 0.42:
        if pick.random() < 0.6:
            return [{"name": pick.choice(TEXTS), "value": some_value(pick, 4), "unit": pick.choice(["B", "%", None])}
                    for _ in range(pick.randint(0, 4))]
        return [some_value(pick, depth + 1) for _ in range(pick.randint(0, 4))]
    return pick.choice([None, True, False, pick.choice(NUMBERS), pick.choice(NUMBERS), pick.choice(TEXTS), pick.choice(TEXTS)])


def notification(pick, number):
    payload = {key: some_value(pick) for key in KEYS if pick.random() < 0.85}
    if pick.random() < 0.7:
        payload["size"] = pick.choice(NUMBERS)
    if pick.random() < 0.7:
        payload["id"] = pick.choice(["r-1", "r-2", "ré"])
    if pick.random() < 0.5:
        payload["metadata"] = {pick.choice(["metering.a", "metering.b.c", "c", "metering."]): some_value(pick, 3)
                               for _ in range(pick.randint(0, 3))}
    made = {"message_id": f"m-{number}", "publisher_id": pick.choice(["compute.h1", "volume.h@b#p"]),
            "event_type": pick.choice(["a.create.start", "a.create.end", "a.exists", "b.update", "ab", "c.x.y"]),
            "priority": "INFO", "timestamp": pick.choice(["2026-03-14 09:26:53.589793", "2026-03-14T09:26:53+02:00"]),
            "payload": payload}
    return made


# ---- what operators might write --------------------------------------------------------------------------------------
def step(pick):
    key = pick.choice(KEYS)
    plain = key if key.isascii() and "." not in key else f"'{key}'"
    if pick.random() < 0.03:  # Ceilometer fails over most of what it is asked the length of
        return ".`len`"
    return pick.choice([f".{plain}", f".{plain}", f".{plain}", f"['{key}']", ".*", ".[*]", "[*]", "[0]", "[-1]", "[1]", "[0:1]", "[1:]", "[:2]",
                        f"..{plain}", "[?(@.name='cpu')]", "[?(@.value>1)]", "[?(@.name~'c.*')]", "[?(@.value<=2 & @.name!='a')]",
                        "[?name=cpu]", "[/name]", "[\\value]", ".`sorted`", ".`parent`", ".`this`",
                        ".`sub(/c(.)u/, <\\1>)`", ".`split(., 0, -1)`", ".`split(#, 1, 1)`"])


def path(pick, steps=3):
    text = pick.choice(["$.payload", "$.payload", "payload"])
    if pick.random() < 0.75:
        key = pick.choice([k for k in KEYS if k.isascii() and "." not in k])
        text += f".{key}"
    for _ in range(pick.choice([0, 0, 0, 1, 1, 2, steps])):
        text += step(pick)
    return text


def expression(pick):
    kind = pick.random()
    if kind < 0.70:
        return path(pick)
    if kind < 0.80:
        return f"{path(pick)} {pick.choice('+-*')} {pick.choice(['2', '10', '100', path(pick, 1)])}"
    if kind < 0.87:
        return f"{path(pick, 1)} + '-' + {path(pick, 1)}"
    if kind < 0.95:
        return f"({path(pick)})|({path(pick)})"
    return "'prefix-' + " + path(pick, 1)


def field(pick):
    kind = pick.random()
    if kind < 0.85:
        return expression(pick)
    if kind < 0.90:
        return [path(pick), path(pick)]
    if kind < 0.94:
        return {"fields": [path(pick, 1), path(pick, 1)], "plugin": "timedelta"}
    return {"fields": f"$.payload.{pick.choice(['name', 'id', 'a'])}", "plugin": {"name": "split", "parameters": {"segment": pick.randint(0, 2), "separator": "."}}}


def definition(pick, number):
    made = {"name": f"meter.m{number}", "event_type": pick.choice(["a.*", "a.create.(?!start).*", ["b", "c\\..*"], ".*exists", "a", "[ab].*"]),
            "type": pick.choice(["gauge", "delta", "cumulative"]), "unit": pick.choice(["B", "GiB"]),
            "volume": pick.choice([1, "$.payload.size", field(pick), field(pick), field(pick)]),
            "resource_id": pick.choice(["$.payload.id", "$.payload.id", expression(pick)])}
    for name, chance in (("project_id", 0.6), ("user_id", 0.5)):
        if pick.random() < chance:
            made[name] = pick.choice(["$.payload.tenant_id", path(pick)])
    if pick.random() < 0.15:
        made["timestamp"] = pick.choice(["$.payload.at", "$.timestamp", "$.metadata.timestamp"])
    if pick.random() < 0.5:
        made["metadata"] = {name: field(pick) for name in ["one", "two", "three"][:pick.randint(1, 3)]}
    if pick.random() < 0.3:
        made["user_metadata"] = "$.payload.metadata"
    if pick.random() < 0.2:
        made.update(name=f"$.payload.{pick.choice(['metrics', 'items'])}.[*].name",
                    volume=f"$.payload.{pick.choice(['metrics', 'items'])}.[*].value",
                    lookup=pick.choice([["name", "volume"], "name"]))
    return made


# ---- both sides ------------------------------------------------------------------------------------------------------
class Reference:
    def __init__(self):
        self.process = subprocess.Popen(["/usr/bin/python3", HERE / "reference.py"], stdin=subprocess.PIPE, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def ask(self, line):
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def convert(tally, folder, notifications):
    """The samples of each notification; a marker after each one tells where its samples end."""
    lines = []
    for number, line in enumerate(notifications):
        lines += [line, {"message_id": f"end-{number}", "publisher_id": "p", "event_type": SENTINEL, "priority": "INFO",
                         "timestamp": "2026-01-01 00:00:00", "payload": {"id": "end"}}]
    done = subprocess.run([tally, "convert", "--meters", folder, "-"], input="".join(json.dumps(line) + "\n" for line in lines),
                          text=True, capture_output=True, timeout=300)
    answers, current = [], []
    for line in done.stdout.splitlines():
        sample = json.loads(line, parse_float=Decimal, parse_int=Decimal)
        if sample["name"] == SENTINEL:
            answers.append(current)
            current = []
        else:
            current.append((sample, json.loads(line)))
    if len(answers) != len(notifications):
        raise SystemExit(f"{tally} convert: {len(answers)} answers for {len(notifications)} notifications\n{done.stderr[-3000:]}")
    return answers


# ---- the comparison --------------------------------------------------------------------------------------------------
def same_volume(theirs, ours):
    """Theirs went by way of a double, a text stays one; ours is exact."""
    try:
        wanted = Decimal(str(theirs)) if not isinstance(theirs, bool) else Decimal(int(theirs))
    except InvalidOperation:
        return False
    return wanted == ours or abs(wanted - ours) <= abs(wanted) * Decimal("1e-12")


# Differences that doc/ceilometer.md names, each by the title of its row there.
def same_time(theirs, ours):
    """Times: in UTC here, with the sender's offset there."""
    try:
        return datetime.datetime.fromisoformat(theirs) == datetime.datetime.fromisoformat(ours)
    except (TypeError, ValueError):
        return False


CALCULATED = re.compile(r" [-+*/] ")


def same_text(theirs, ours, field):
    """Texts: an id or a unit that is not a text there is its JSON here; numbers in arithmetic are doubles there."""
    if theirs is None or isinstance(theirs, str) or ours is None:
        return theirs == ours
    try:
        read = json.loads(ours)
    except ValueError:
        return False
    return same(theirs, read) or (isinstance(field, str) and bool(CALCULATED.search(field)) and same(rounded(theirs), rounded(read)))


def without_empty(metadata):
    """Metadata: what is 0, false or empty is left out there, and kept here."""
    return {key: value for key, value in metadata.items() if value}


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items() if item}
    return float(f"{value:.12g}") if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def same_metadata(theirs, ours, definition):
    if same(theirs, ours) or same(theirs, without_empty(ours)):
        return True
    named = definition.get("metadata", {})
    if any(isinstance(field, str) and CALCULATED.search(field) for field in named.values()) and same(rounded(theirs), rounded(ours)):
        return True  # what is calculated there is a double, and exact here
    if any(isinstance(field, dict) and field["plugin"] != "timedelta" for field in named.values()):
        return True  # what is not a text is split there as Python prints it, and here as JSON
    # Where all that is named is empty, Ceilometer falls back to the whole payload.
    return bool(named) and not without_empty({key: ours.get(key) for key in named}) and "event_type" in theirs


def differences(theirs, ours_exact, ours, definition):
    found = []
    for key, value in theirs.items():
        fine = (same_volume(value, ours_exact["volume"]) if key == "volume" else
                same_time(value, ours[key]) if key == "timestamp" else
                same_metadata(value, ours[key], definition) if key == "resource_metadata" else
                same_text(value, ours[key], definition.get(key)))
        if not fine:
            found.append(f"{key} {value!r} there, {ours[key]!r} here")
    return found


def same(theirs, ours):
    """Equal as JSON, types included: 1 is neither 1.0 nor true."""
    return json.dumps(theirs, sort_keys=True) == json.dumps(ours, sort_keys=True)


def too_long(sample):
    """What is a dead letter here: a name or unit of more than 255 bytes, an id of more than 1,024."""
    def size(value):
        return len((value if isinstance(value, str) else json.dumps(value)).encode())
    most = {"name": 255, "unit": 255, "resource_id": 1024, "project_id": 1024, "user_id": 1024}
    return any(sample[key] is not None and size(sample[key]) > limit for key, limit in most.items())


def compare(theirs, ours, definition):
    if isinstance(theirs, dict):
        return []  # it failed over this message: nothing to compare with
    theirs = [sample for sample in theirs if sample["resource_id"] not in (None, "")]  # without one: no sample here
    theirs = [sample for sample in theirs if not too_long(sample)]
    if not ours and any(len(json.dumps(sample[key])) > 1000 for sample in theirs for key in ("resource_id", "project_id", "user_id")):
        return []  # an id of more than 1,024 bytes
    if len(theirs) != len(ours):
        return [f"{[s['name'] for s in theirs]} there, {[s['name'] for _, s in ours]} here"]
    found = []
    for there, (exact, here) in zip(theirs, ours):
        found += [f"{there['name']}: {text}" for text in differences(there, exact, here, definition)]
    return found


SENTINEL_DEFINITION = {"name": SENTINEL, "event_type": SENTINEL, "type": "gauge", "unit": "x", "volume": 1, "resource_id": "$.payload.id"}


def round_of(reference, tally, pick):
    """One definition, some notifications; returns (notifications, those that Ceilometer failed over, samples, complaints)."""
    one = definition(pick, 0)
    messages = [notification(pick, number) for number in range(40)]
    complaints, samples, failed = [], 0, 0
    with tempfile.TemporaryDirectory(prefix="tally-differential-") as name:
        (pathlib.Path(name) / "meters.yaml").write_text(json.dumps({"metric": [SENTINEL_DEFINITION, one]}, ensure_ascii=False))
        reference.ask({"definitions": name})
        theirs = [reference.ask(message) for message in messages]
        for message, there, here in zip(messages, theirs, convert(tally, name, messages)):
            samples += len(here)
            failed += isinstance(there, dict)
            texts = compare(there, here, one)
            if texts and len(complaints) < 2:
                complaints.append((one, message, texts))
    return len(messages), failed, samples, complaints


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tally", required=True)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--minutes", type=float)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    reference, end = Reference(), time.monotonic() + 60 * (options.minutes or 0)
    notifications = unanswered = samples = failed = rounds = 0
    while rounds < options.rounds if options.minutes is None else time.monotonic() < end:
        count, none, made, complaints = round_of(reference, options.tally, random.Random(f"{seed}/{rounds}"))
        notifications, unanswered, samples, rounds = notifications + count, unanswered + none, samples + made, rounds + 1
        for one, message, texts in complaints:
            failed += 1
            print(f"--- round {rounds - 1} of seed {seed}\n{json.dumps(one, ensure_ascii=False)}\n"
                  f"{json.dumps(message, ensure_ascii=False)}\n" + "\n".join(texts))
        if failed >= 20:
            break
    print(f"seed {seed}: {rounds} definitions, {notifications} notifications (Ceilometer failed over {unanswered}), "
          f"{samples} samples, {failed} differ")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
