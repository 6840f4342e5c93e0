"""The whole road over a real Kafka: oslo.messaging or an agent, the broker, a collector, SQLite. Each id is stored once."""
import json
import os
import signal
import sqlite3
import subprocess

from kafka import Kafka
from support import TOP, Sandbox, free_port, notification, wait_until

PLUGIN = """plugins:
  "transport:kafka": {look_again: 500ms, commit_every: 200ms, settings: [session.timeout.ms=6000, reconnect.backoff.max.ms=1000]}
"""


class KafkaRoad(Sandbox):
    @classmethod
    def setUpClass(cls):
        cls.kafka = Kafka()
        cls.addClassCleanup(cls.kafka.close)
        cls.kafka.start()

    def kafka_config(self):
        """A collector's, with topics of this test alone: a virtual host ends their names."""
        self.bus = f"{self.kafka.url}{self._testMethodName}"
        self.http = free_port()
        self.database = self.folder / "tally.db"
        return self.write("collector.yaml", f"listen: ['{self.bus}']\nstorage: 'sqlite://{self.database}'\n"
                                            f"http: 127.0.0.1:{self.http}\n{PLUGIN}")

    def send(self, config, messages, status=0):
        lines = "".join(json.dumps(message) + "\n" for message in messages)
        return self.tally("--config", config, "send", "notification", "-", stdin=lines, status=status)

    def stored(self, config):
        return self.books(config)["messages"]["stored"]

    def count(self, config):
        rows = self.rows("--config", config, "query", "statistics", "memory")
        return rows[0]["count"] if rows else 0

    def partitions(self, config):
        """What waits in each partition, and how many have it."""
        return [(row["messages"], row["consumers"]) for row in self.rows("--config", config, "bus", "status")
                if row["state"] == "present"]

    def settled(self, config):
        wait_until("nothing is in flight", lambda: self.books(config)["messages"]["in_flight"] == 0)
        books = self.books(config)
        self.assert_books_balance(books)
        return books

    def assert_each_once(self, messages):
        with sqlite3.connect(self.database) as database:
            self.assertEqual(database.execute("pragma integrity_check").fetchone()[0], "ok")
        self.assertEqual(messages["dead"], 0, messages)

    def test_a_dead_letter_is_copied_to_a_topic_with_its_reason_in_headers(self):
        config = self.kafka_config()
        with open(config, "a") as more:
            more.write(f"dead_letters: {{copy_to: '{self.kafka.url}', topic: {self._testMethodName}.dead}}\n")
        collector = self.start_collector(config)
        self.tally("--config", config, "send", "notification", "-", stdin="this is not JSON\n")
        self.send(config, [notification(1)])
        wait_until("the copy is confirmed", lambda: 'copies_total{outcome="sent"} 1' in self.page("/metrics", self.http))
        out = subprocess.run(["kcat", "-b", self.kafka.server, "-C", "-t", f"{self._testMethodName}.dead", "-e", "-q",
                              "-o", "beginning", "-f", "%k|%s|%h\n"], check=True, capture_output=True, text=True,
                             timeout=60).stdout.splitlines()
        letter, = self.rows("--config", config, "dead-letter", "list")
        self.assertEqual(len(out), 1, out)
        key, body, headers = out[0].split("|")
        self.assertEqual((key, body), (letter["digest"], "this is not JSON"))
        self.assertIn("tally.reason=unreadable", headers)
        self.assertIn(f"tally.digest={key}", headers)
        self.end(collector)

    def test_what_oslo_messaging_sends_is_stored_once(self):
        config = self.kafka_config()
        collector = self.start_collector(config)
        subprocess.run(["/usr/bin/python3", TOP / "tests/e2e/oslo_notify.py", self.bus, "messagingv2", "0", "300"], check=True,
                       capture_output=True, timeout=120)
        wait_until("all are stored", lambda: self.stored(config) == 300, 60)
        books = self.settled(config)
        self.assertEqual(books["messages"]["received"], 300 + books["messages"]["duplicate"])
        self.assertEqual(self.count(config), 300)
        wait_until("all of it is committed", lambda: self.partitions(config) == [(0, 1)] * 3)
        self.end(collector)
        collector = self.start_collector(config)  # the group has committed all of it
        self.send(config, [notification(1)])
        wait_until("one more is stored", lambda: self.stored(config) == 1, 60)
        self.assertEqual(self.settled(config)["messages"]["received"], 1)
        self.end(collector)

    def test_an_agent_publishes_what_a_collector_stores(self):
        config = self.kafka_config()
        collector = self.start_collector(config)
        agent = self.start("tally-agent", "--config",
                           self.write("agent.yaml", f"publish: '{self.bus}'\nhttp: 127.0.0.1:{free_port()}\n"
                                                    f"data: '{self.folder}/agent-data'\npolling: {{interval: 1s}}\n"))
        wait_until("host samples are stored", lambda: self.books(config)["samples"]["stored"] > 20, 60)
        self.end(agent)
        self.settled(config)
        self.assertEqual(self.rows("--config", config, "dead-letter", "list"), [])
        self.end(collector)

    def test_a_collector_is_ready_once_its_topics_are_there(self):
        config = self.kafka_config()
        collector = self.start("tally-collector", "--config", config)

        def page():
            text = self.page("/readyz", self.http)
            self.assertNotEqual(text, "ready\n")
            return text
        wait_until("says what it waits for", lambda: "waiting for topics that are not there yet" in page())
        self.assertIn(f"notifications.info.{self._testMethodName}", page())
        self.kafka.create_topic(f"notifications.info.{self._testMethodName}", 1)
        wait_until("ready, though nothing comes", lambda: self.page("/readyz", self.http) == "ready\n", 60)
        self.end(collector)

    def test_a_broker_that_is_not_there_is_logged_at_once(self):
        http = free_port()
        config = self.write("collector.yaml", f"listen: ['kafka://127.0.0.1:{free_port()}/']\n"
                                              f"storage: 'sqlite://{self.folder}/tally.db'\nhttp: 127.0.0.1:{http}\n")
        collector = self.start("tally-collector", "--config", config)
        wait_until("not ready, and why", lambda: "refused" in self.page("/readyz", http))
        wait_until("the log has it", lambda: "is away" in self.log_of(collector))
        self.assertEqual(self.log_of(collector).count("is away"), 1, self.log_of(collector))
        self.end(collector)

    def test_a_broker_killed_in_the_middle_loses_nothing(self):
        config = self.kafka_config()
        collector = self.start_collector(config)
        messages = [notification(n) for n in range(3000)]
        lines = self.write("lines", "".join(json.dumps(message) + "\n" for message in messages))
        with open(lines) as given:
            sender = subprocess.Popen(["tally", "--config", str(config), "send", "notification", "-"], cwd=self.folder,
                                      env=self.env, stdin=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.started.append(sender)
        wait_until("some are stored", lambda: self.stored(config) > 200, 60)
        self.kafka.kill()
        try:
            wait_until("the collector says so", lambda: "refused" in self.page("/readyz", self.http))
        finally:
            self.kafka.start()
        sender.wait(120)
        self.send(config, messages)
        wait_until("all are stored", lambda: self.count(config) == 3000, 90)
        self.assert_each_once(self.settled(config)["messages"])
        self.end(collector)

    def test_a_collector_killed_again_and_again_loses_nothing(self):
        config = self.kafka_config()
        for kill in range(3):
            collector = self.start_collector(config)
            self.send(config, [notification(n) for n in range(kill * 500, kill * 500 + 500)])
            wait_until("some are stored", lambda: self.stored(config) > 50, 60)
            os.kill(collector.pid, signal.SIGKILL)
            collector.wait()
        collector = self.start_collector(config)
        wait_until("all are stored", lambda: self.count(config) == 1500, 60)
        self.assert_each_once(self.settled(config)["messages"])
        self.end(collector)


SECURED = """listeners=PLAINTEXT://127.0.0.1:{0},CONTROLLER://127.0.0.1:{1},SASL://127.0.0.1:{2},TLS://127.0.0.1:{3}
advertised.listeners=PLAINTEXT://127.0.0.1:{0},SASL://127.0.0.1:{2},TLS://127.0.0.1:{3}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL
sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="alice-pw";
listener.name.tls.ssl.keystore.type=PEM
listener.name.tls.ssl.keystore.location={4}/both.pem
"""


class KafkaSecured(Sandbox):
    @classmethod
    def setUpClass(cls):
        cls.kafka = Kafka()
        cls.addClassCleanup(cls.kafka.close)
        cls.sasl, cls.tls = free_port(), free_port()
        folder = cls.kafka.folder
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
                       check=True, capture_output=True)
        (folder / "both.pem").write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
        cls.kafka.settings = SECURED.format(cls.kafka.port, cls.kafka.controller_port, cls.sasl, cls.tls, folder)
        cls.kafka.start()

    def send(self, url, more="", status=0):
        config = self.write("send.yaml", f"listen: ['{url}']\nplugins: {{'transport:kafka': {{look_again: 500ms{more}}}}}\n")
        os.chmod(config, 0o600)
        return self.tally("--config", config, "send", "notification", "-", stdin=json.dumps(notification(1)) + "\n",
                          status=status)

    def test_a_password_opens_and_a_wrong_one_is_told_without_it(self):
        self.send(f"kafka://alice:alice-pw@127.0.0.1:{self.sasl}/")
        _, err = self.send(f"kafka://alice:not-hers@127.0.0.1:{self.sasl}/", status=69)
        self.assertIn("uthentication", err)
        self.assertNotIn("not-hers", err)

    def test_a_collector_that_may_not_log_in_says_so_from_the_start(self):
        http = free_port()
        config = self.write("collector.yaml", f"listen: ['kafka://alice:not-hers@127.0.0.1:{self.sasl}/']\n"
                                              f"storage: 'sqlite://{self.folder}/tally.db'\nhttp: 127.0.0.1:{http}\n")
        config.chmod(0o600)
        collector = self.start("tally-collector", "--config", config)
        wait_until("not ready, and why", lambda: "uthentication" in self.page("/readyz", http))
        wait_until("the log has it", lambda: "uthentication" in self.log_of(collector))
        self.assertIn("ready: no\n", self.tally("--config", config, "status")[0])
        self.assertNotIn("not-hers", self.log_of(collector) + self.page("/readyz", http) + self.page("/status", http))
        self.end(collector)

    def test_a_certificate_is_checked(self):
        self.send(f"kafkas://127.0.0.1:{self.tls}/", f", tls_ca: '{self.kafka.folder}/cert.pem'")
        _, err = self.send(f"kafkas://127.0.0.1:{self.tls}/", status=69)
        self.assertIn("certificate", err)
        self.send(f"kafkas://127.0.0.1:{self.tls}/", ", tls_verify: false")
