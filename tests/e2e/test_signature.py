"""Samples signed by one and checked by another: the agent, `tally send`, and a sender that is not part of Tally.

`sign` below is written after the algorithm's description (doc/signatures.md), on Python's own str and repr; where
Debian's python3-ceilometer is installed, its signatures are used as well."""
import hashlib
import hmac
import json
import random
import subprocess

from support import Sandbox, free_port, wait_until

SECRET = "s3cret-caf\u00e9"
OTHER_SECRET = "0ther-s3cret"


def as_bytes(value):
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict):
        return {key.encode(): as_bytes(value[key]) for key in sorted(value)}
    return [as_bytes(item) for item in value] if isinstance(value, list) else value


def sign(message, secret=SECRET):
    def pairs(members, prefix=""):
        for name in sorted(members):
            value = members[name]
            if isinstance(value, dict):
                yield from pairs(value, f"{prefix}{name}:")
            else:
                yield prefix + name, as_bytes(value) if isinstance(value, list) else value
    text = "".join(f"{name}{value}" for name, value in pairs(message) if name != "message_signature")
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def sign_as_ceilometer(samples, secret=SECRET):
    """The same by python3-ceilometer itself, or None where it is not installed."""
    program = ("import json, sys\nfrom ceilometer.publisher.utils import compute_signature\n"
               "print(json.dumps([compute_signature(s, sys.argv[1]) for s in json.load(sys.stdin)]))")
    done = subprocess.run(["/usr/bin/python3", "-c", program, secret], input=json.dumps(samples), text=True,
                          capture_output=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def sample(number, **members):
    return {"source": "openstack", "counter_name": "cpu", "counter_type": "cumulative", "counter_unit": "ns",
            "counter_volume": number + 0.1, "user_id": "u1", "project_id": "p1", "resource_id": f"r{number}",
            "timestamp": "2026-01-02T03:04:05.678901", "resource_metadata": {"display_name": "vm", "tags": ["a", "\u00e9"]},
            "message_id": f"id-{number}", "monotonic_time": None, **members}


def odd_value(choose, depth=0):
    """Whatever JSON can hold."""
    kind = choose.randrange(11 if depth < 3 else 8)
    if kind == 0:
        return choose.choice([None, True, False])
    if kind == 1:
        return choose.randrange(-10 ** choose.randrange(1, 40), 10 ** choose.randrange(1, 40))
    if kind in (2, 3):
        return choose.choice([choose.uniform(-1e3, 1e3), choose.randrange(1, 10 ** 17) * 10.0 ** choose.randrange(-330, 290),
                              float(choose.randrange(10 ** 17)), choose.randrange(10 ** 6) / 1000, -0.0, 5e-324])
    if kind < 8:
        letters = "ab'\"\\ \t\n\r\0\x1b\x7f:\u00e9\u0437\u20ac\U0001f600"
        return "".join(choose.choice(letters) for _ in range(choose.randrange(8)))
    if kind == 8:
        return [odd_value(choose, depth + 1) for _ in range(choose.randrange(4))]
    return {odd_value_key(choose): odd_value(choose, depth + 1) for _ in range(choose.randrange(4))}


def odd_value_key(choose):
    return "".join(choose.choice("ab'\":\u00e9\uffee\U0001f600") for _ in range(choose.randrange(1, 5)))


class Signature(Sandbox):
    def collector_with(self, secret):
        self.write("telemetry.secret", secret).chmod(0o600)
        config = self.collector_config("telemetry_secret: {file: telemetry.secret}\n")
        return config, self.start_collector(config)

    def send(self, config, event_type, payload, number=1):
        message = {"message_id": f"m-{number}", "event_type": event_type, "publisher_id": "ceilometer.polling",
                   "priority": "SAMPLE", "timestamp": "2026-01-02 03:04:05.678901", "payload": payload}
        line = json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(message)}) + "\n"
        self.tally("--config", config, "send", "notification", "-", stdin=line)

    def settled(self, config, messages):
        wait_until("all are settled", lambda: self.books(config)["messages"]["received"] >= messages
                   and self.books(config)["messages"]["in_flight"] == 0)
        books = self.books(config)
        self.assert_books_balance(books)
        return books

    def agent_with(self, secret):
        config = self.write("agent.yaml", f"publish: '{self.bus}'\nhttp: 127.0.0.1:{free_port()}\n"
                                          f"data: '{self.folder}/agent-data'\npolling: {{interval: 1s}}\n"
                                          f"telemetry_secret: {{env: TALLY_TEST_SECRET}}\n")
        self.env["TALLY_TEST_SECRET"] = secret
        return self.start("tally-agent", "--config", config)

    def test_an_agent_with_the_same_secret_is_believed(self):
        config, collector = self.collector_with(SECRET + "\n")
        agent = self.agent_with(SECRET)
        wait_until("host samples are stored", lambda: self.books(config)["samples"]["stored"] > 20)
        self.end(agent)
        self.settled(config, 1)
        self.assertEqual(self.rows("--config", config, "dead-letter", "list"), [])
        self.end(collector)
        self.assertNotIn(SECRET, self.log_of(agent) + self.log_of(collector))

    def test_an_agent_with_another_secret_is_not_and_nothing_is_lost(self):
        config, collector = self.collector_with(OTHER_SECRET)
        agent = self.agent_with(SECRET)
        wait_until("messages are refused", lambda: self.books(config)["messages"]["dead"] > 3)
        self.end(agent)
        books = self.settled(config, 1)
        self.assertEqual((books["samples"]["stored"], books["messages"]["stored"]), (0, 0))
        self.assertEqual(self.rows("--config", config, "query", "meters"), [])
        letters = self.rows("--config", config, "dead-letter", "list")
        self.assertEqual({letter["reason"] for letter in letters}, {"bad signature"})
        self.assertEqual({letter["kind"] for letter in letters}, {"sample"})
        self.assertEqual(len(letters), books["samples"]["dead"])
        shown, _ = self.tally("--config", config, "dead-letter", "show", letters[0]["digest"])
        self.assertIn("message_signature is wrong", shown)
        self.end(collector)
        everything = self.log_of(agent) + self.log_of(collector) + shown
        for secret in (SECRET, OTHER_SECRET):
            self.assertNotIn(secret, everything)
        self.write("telemetry.secret", SECRET)
        self.tally("--config", config, "dead-letter", "replay", "--all")
        self.assertEqual(self.rows("--config", config, "dead-letter", "list"), [])
        self.assertTrue(self.rows("--config", config, "query", "meters"))

    def test_samples_signed_elsewhere_are_stored_and_one_changed_is_named(self):
        config, collector = self.collector_with(SECRET)
        samples = [sample(number) for number in range(4)]
        for one in samples:
            one["message_signature"] = sign(one)
        by_ceilometer = sign_as_ceilometer(samples)
        if by_ceilometer is not None:
            self.assertEqual([one["message_signature"] for one in samples], by_ceilometer)
        self.send(config, "telemetry.polling", {"samples": samples[:2]}, 1)
        self.send(config, "metering", samples[2:3], 2)
        self.send(config, "metering", [samples[3], dict(samples[0], counter_volume=1e9), sample(9)], 3)
        books = self.settled(config, 3)
        self.assertEqual(books["messages"]["dead"], 1)
        self.assertEqual(books["samples"]["stored"], 4)
        rows = self.rows("--config", config, "query", "samples", "cpu")
        self.assertEqual({row["id"]: row["volume"] for row in rows}, {f"id-{n}": n + 0.1 for n in range(4)})
        letters = self.rows("--config", config, "dead-letter", "list")
        self.assertEqual([letter["reason"] for letter in letters], ["bad signature"] * 2)
        shown = "".join(self.tally("--config", config, "dead-letter", "show", letter["digest"])[0] for letter in letters)
        self.assertIn("sample 2 of meter cpu: its message_signature is wrong", shown)
        self.assertIn("sample 3 of meter cpu: it has no message_signature", shown)
        self.end(collector)

    def test_whatever_metadata_holds_the_signature_is_pythons(self):
        config, collector = self.collector_with(SECRET)
        choose = random.Random(20261121)
        samples = [sample(number, resource_metadata={f"k{at}": odd_value(choose) for at in range(6)})
                   for number in range(400)]
        by_ceilometer = sign_as_ceilometer(samples)
        for at, one in enumerate(samples):
            one["message_signature"] = sign(one)
            if by_ceilometer is not None:
                self.assertEqual(one["message_signature"], by_ceilometer[at], one)
        for at in range(0, 400, 50):
            self.send(config, "telemetry.polling", {"samples": samples[at:at + 50]}, at)
        books = self.settled(config, 8)
        letters = self.rows("--config", config, "dead-letter", "list")
        self.assertEqual(letters, [])
        self.assertEqual(books["samples"]["stored"], 400)
        self.end(collector)

    def test_send_sample_signs_and_without_a_secret_nothing_is_checked(self):
        line = json.dumps({"name": "m", "type": "gauge", "unit": "x", "volume": 1.50, "resource_id": "r1",
                           "timestamp": "2026-01-02T03:04:05+00:00", "resource_metadata": {"n": [1e5, 0.1]}}) + "\n"
        config, collector = self.collector_with(SECRET)
        self.tally("--config", config, "send", "sample", "-", stdin=line)
        unsigned = self.write("unsigned.yaml", f"publish: '{self.bus}'\ndata: '{self.folder}/none'\n")
        self.tally("--config", unsigned, "send", "sample", "-", stdin=line.replace("r1", "r2"))
        books = self.settled(config, 2)
        self.assertEqual((books["samples"]["stored"], books["messages"]["dead"]), (1, 1))
        self.end(collector)
        open_config = self.collector_config()
        collector = self.start_collector(open_config)
        self.tally("--config", open_config, "send", "sample", "-", stdin=line.replace("r1", "r3"))
        self.send(open_config, "metering", [sample(1, message_signature="nonsense")])
        wait_until("both are stored", lambda: self.books(open_config)["samples"]["stored"] == 2)
        self.end(collector)

    def test_the_secret_is_never_shown(self):
        config, collector = self.collector_with(SECRET)
        out, err = self.tally("--config", config, "config", "show")
        self.assertIn("telemetry_secret", out)
        self.assertNotIn(SECRET, out + err)
        out, err = self.tally("--config", config, "status", "-f", "json")
        self.assertNotIn(SECRET, out + err)
        self.end(collector)
