"""What a cloud's services publish in the proof of the collector, and what must come of it: rows with all their columns,
or dead letters. Both follow from a seed and a number alone. Not for publishing (amqp_sender.py) nor judging
(cloud_verdict.py). It computes everything by itself, ids too (doc/ids.md), and asks nothing of Tally.
"""
import hashlib
import json
import random
import struct

from traffic import SECOND, Traffic, text_of

BEGIN = 1_704_164_645  # 2024-01-02 03:04:05 UTC
STEP = 607_000_009  # microseconds between two messages: partitions are made all the time
WRAP = 100_000  # messages, about two years
KINDS = {
    # taken
    "server": 600, "volume": 130, "image": 90, "download": 70, "numbers": 30, "nul": 5, "pair": 10,
    # nobody's
    "unknown": 30,
    # poison
    "not_json": 5, "cut_off": 5, "envelope": 5, "no_event": 5, "wrong_type": 8, "wrong_number": 5, "not_utf8": 5,
    "empty": 1, "no_time_yet": 3, "list": 3,
}
UNREADABLE = {"not_json", "cut_off", "envelope", "no_event", "empty", "list", "huge_rubbish"}
REFUSED = {"wrong_type": "memory", "wrong_number": "disk.root.size"}  # the meter of which no sample can be made
HUGE = 10 << 20  # bytes
TYPES = {1: "gauge", 2: "delta", 3: "cumulative"}
ODD = ["512.5", "18446744073709551615", "0.1", "0.30000000000000004", "99999999999999999999999999999999999999",
       "0.000000000000000001", "123456789.987654321", "9007199254740993"]  # what a binary float does not keep


def digest(data):
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def stamp(number):
    """Never later than 2026; what is beyond comes late, into the times of the first ones."""
    return BEGIN * SECOND + number % WRAP * STEP + number // WRAP


def sized(text):
    data = text.encode()
    return struct.pack("<I", len(data)) + data


def sample_id(message_id, meter, resource, time):
    return digest(b"\1\1" + sized("openstack") + sized(message_id) + sized(meter) + sized(resource) +
                  struct.pack("<qQ", time, 0))


class CloudTraffic(Traffic):
    """Messages 0, 1, 2, …; a negative number -n-1 is the second message with the id of number n, of other content.

    What is `numbers`, `nul` or `pair` is a server's message too, with volumes or names of its own."""

    def __init__(self, seed, padding=600, huge_every=17_003):
        super().__init__(seed, padding)
        self.huge_every = huge_every
        self.kinds = {}

    def kind(self, number):
        if number not in self.kinds:
            self.kinds[number] = self.facts(number)[0]
        return self.kinds[number]

    def facts(self, number):
        if number < 0:
            number = -number - 1
        choose = random.Random(f"{self.seed}/{number}")
        kind = choose.choices(list(KINDS), KINDS.values())[0]
        if number % self.huge_every == 5_000:
            kind = "huge_rubbish" if number // self.huge_every % 2 else "huge"
        return kind, choose

    def bus_queue(self, number):
        """Which of a service's priorities it is published with."""
        return "error" if abs(number) % 10 == 3 else "info"

    def message_id(self, number):
        return f"{self.seed}-{-number - 1 if number < 0 else number}"

    def content(self, number):
        """(event type, payload, publisher) of what the definitions take."""
        kind, choose = self.facts(number)
        maker = kind if kind in ("volume", "image", "download", "unknown") else "server"
        event_type, payload = getattr(self, maker)(abs(number), choose)
        payload["note"] = "x" * choose.randrange(self.padding + 1)
        if kind == "huge":
            payload["note"] = "y" * HUGE
        if kind == "nul":
            payload["display_name"] = f"a\0b-{number}"
        if kind == "numbers":
            for key in ("memory_mb", "vcpus", "root_gb", "ephemeral_gb"):
                payload[key] = Number(choose.choice(ODD))
        if kind == "pair":
            payload["instance_id"] = f"pair-{self.message_id(number)}"
            payload["tenant_id"] = payload["user_id"] = "pairs"
            payload["vcpus"] = 4 if number >= 0 else 5
        return event_type, payload, f"service.host{choose.randrange(40)}"

    def text(self, number):
        """The message without its envelope."""
        event_type, payload, publisher = self.content(number)
        kind = self.kind(number)
        if kind == "wrong_type":
            payload["memory_mb"] = ["much", {"a": 1}, [1, 2], "12 GiB"][abs(number) % 4]
            event_type = "compute.instance.exists"
        if kind == "wrong_number":
            payload["root_gb"] = Number("1e400")
        at = stamp(-number - 1 if number < 0 else number)
        message = {"message_id": self.message_id(number), "publisher_id": publisher, "event_type": event_type,
                   "priority": "INFO", "_context_project_id": "context-project",
                   "timestamp": "2999-01-01 00:00:00.000000" if kind == "no_time_yet" else text_of(at),
                   "payload": payload}
        if kind == "no_event":
            del message["event_type"]
        return to_json(message)

    def line(self, number):
        """The message as it is published, in bytes."""
        kind = self.kind(number)
        name = self.message_id(number).encode()
        if kind == "not_json":
            return b"this is not JSON, number " + name
        if kind == "huge_rubbish":
            return b"z" * HUGE + name
        if kind == "empty":
            return b""
        if kind == "list":
            return b'[1, 2, "' + name + b'"]'
        text = self.text(number)
        if kind == "cut_off":
            return text.encode()[:-10]
        if kind == "not_utf8":
            return text.replace("service.host", "service.h\udcffst").encode(errors="surrogateescape")
        if kind == "envelope":
            return json.dumps({"oslo.version": "3.0", "oslo.message": text}).encode()
        if number % 2 == 0:
            return text.encode()
        return json.dumps({"oslo.version": "2.0", "oslo.message": text}).encode()

    def samples(self, number):
        """The samples of the message, {id: every column}, whatever becomes of them. Numbers are texts, with all digits."""
        kind = self.kind(number)
        if kind in UNREADABLE | {"unknown"}:
            return {}
        event_type, payload, publisher = self.content(number)
        maker = kind if kind in ("volume", "image", "download") else "server"
        at = stamp(-number - 1 if number < 0 else number)
        time = "2999-01-01T00:00:00+00:00" if kind == "no_time_yet" else iso(at)
        us = 32_472_144_000 * SECOND if kind == "no_time_yet" else at
        if maker == "server":
            metadata = {key: payload[key] for key in ("host", "display_name") if key in payload}
        else:  # no definition's field is there: the whole payload
            metadata = {key: value if isinstance(value, str) else str(value) for key, value in payload.items()}
            metadata.update(event_type=event_type, host=publisher)
        found = {}
        for resource, meter, (type_, unit, volume, project, user) in getattr(self, maker + "_rows")(payload):
            if meter == "extra.cores":
                continue
            id_ = sample_id(self.message_id(number), meter, resource, us)
            # What finds no user takes the request's context, which has none.
            found[id_] = {"id": id_, "name": meter, "type": TYPES[type_], "unit": unit, "volume": volume,
                          "resource_id": resource, "project_id": project, "project_name": None, "user_id": user,
                          "user_name": None, "timestamp": time, "source": "openstack", "monotonic_time": None,
                          "resource_metadata": metadata}
        return found

    def rows(self, number):
        refused = self.refused(number)
        return {} if self.kind(number) == "no_time_yet" else {
            id_: row for id_, row in self.samples(number).items() if id_ not in refused}

    def refused(self, number):
        """The samples that cannot be made, as they would be; each is a dead letter of its own."""
        meter = REFUSED.get(self.kind(number))
        return {id_: row for id_, row in self.samples(number).items() if meter and row["name"] == meter}

    def reason(self, number):
        """Why the message as a whole is a dead letter; none: it is not."""
        return "unreadable" if self.kind(number) in UNREADABLE else None


class Number:
    """Digits that json.dumps is to write as they are."""

    def __init__(self, digits):
        self.digits = digits

    def __str__(self):
        return self.digits


def to_json(value):
    """json.dumps, with the digits of Number as they are."""
    numbers = []

    def keep(number):
        numbers.append(number.digits)
        return f"\1{len(numbers) - 1}\1"
    text = json.dumps(value, default=keep)
    for at, digits in enumerate(numbers):
        text = text.replace(f'"\\u0001{at}\\u0001"', digits)
    return text


def iso(microseconds):
    """As Tally writes a time."""
    text = text_of(microseconds).replace(" ", "T")
    return text.removesuffix(".000000") + "+00:00"
