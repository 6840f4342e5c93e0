"""RabbitMQ before a collector: what oslo.messaging and the agent send is stored once, and `tally bus` tells. Not for faults
of every kind: the transport's own tests and cloud.py make those."""
import json
import pathlib
import re
import shlex
import subprocess

from rabbitmq import Rabbitmq
from support import Sandbox, free_port, notification, wait_until

SENDER = pathlib.Path(__file__).resolve().parent / "oslo_notify.py"
KEYS = "plugins:\n  'transport:amqp': {look_again: 0.2s, retry_last: 0.5s, depth_every: 0.2s}\n"
# What waits in a queue first, as JSON. Under /usr/bin/python3, where Debian's python3-pika is.
TAKE = """
import json, pika, sys
channel = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", int(sys.argv[1]), sys.argv[2])).channel()
_, properties, body = channel.basic_get(sys.argv[3], auto_ack=True)
print(json.dumps({"headers": properties.headers, "body": body.decode()}))
"""

# Consumes a queue until it is killed, as another program would.
CONSUME = """
import pika, sys
channel = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", int(sys.argv[1]), sys.argv[2])).channel()
channel.basic_consume(sys.argv[3], lambda *given: None)
channel.start_consuming()
"""


class Amqp(Sandbox):
    @classmethod
    def setUpClass(cls):
        cls.broker = Rabbitmq()
        cls.addClassCleanup(cls.broker.close)
        cls.broker.start()

    def setUp(self):
        super().setUp()
        self.vhost = self.id().rpartition(".")[2]
        self.broker.ctl("add_vhost", self.vhost)
        self.broker.ctl("set_permissions", "-p", self.vhost, "guest", ".*", ".*", ".*")
        self.addCleanup(self.broker.ctl, "delete_vhost", self.vhost)
        self.rabbit = f"rabbit://guest:guest@127.0.0.1:{self.broker.port}/{self.vhost}"

    def amqp_config(self, extra=KEYS):
        config = self.collector_config(extra)
        text = config.read_text().replace(self.bus, self.rabbit)
        return self.write("collector.yaml", text)

    def oslo(self, driver, first, count):
        subprocess.run(["/usr/bin/python3", SENDER, self.rabbit, driver, str(first), str(count)], check=True,
                       capture_output=True, timeout=120)

    def settled(self, config, received):
        wait_until("all are settled", lambda: self.books(config)["messages"]["received"] >= received
                   and self.books(config)["messages"]["in_flight"] == 0)
        books = self.books(config)
        self.assert_books_balance(books)
        return books

    def waiting(self):
        """{queue: (messages, unsettled ones too; consumers)}"""
        lines = self.broker.ctl("list_queues", "-p", self.vhost, "--no-table-headers", "name", "messages", "consumers")
        return {name: (int(messages), int(consumers))
                for name, messages, consumers in (line.split("\t") for line in lines.splitlines() if "\t" in line)}

    def test_both_envelopes_of_oslo_messaging_are_stored_once_and_settled(self):
        config = self.amqp_config()
        self.oslo("messaging", 0, 40)  # before there is a collector: the sender makes the queue
        collector = self.start_collector(config)
        self.settled(config, 40)
        self.oslo("messagingv2", 40, 60)
        books = self.settled(config, 100)
        self.assertEqual((books["messages"]["stored"], books["messages"]["dead"]), (100, 0), books)
        self.assertEqual(self.rows("--config", config, "query", "statistics", "memory")[0]["count"], 100)
        self.assertEqual(self.rows("--config", config, "query", "statistics", "memory")[0]["sum"], 51200)
        for metric, value in (("messages", 0), ("consumers", 1)):
            told = re.compile(rf'tally_queue_{metric}{{bus="[^"]+",queue="notifications\.info"}} {value}\b')
            wait_until(f"the queue's {metric} are told", lambda: told.search(self.page("/metrics")))
        self.end(collector)
        self.assertEqual(self.waiting()["notifications.info"], (0, 0))

    def test_a_dead_letter_is_copied_to_a_queue_with_its_reason_in_headers(self):
        config = self.amqp_config(f"{KEYS}dead_letters: {{copy_to: '{self.rabbit}'}}\n")
        collector = self.start_collector(config)
        self.tally("--config", config, "send", "notification", "-", stdin="this is not JSON\n")
        wait_until("the copy is confirmed", lambda: 'copies_total{outcome="sent"} 1' in self.page("/metrics"))
        taken = subprocess.run(["/usr/bin/python3", "-c", TAKE, str(self.broker.port), self.vhost, "tally.dead-letters"],
                               check=True, capture_output=True, text=True, timeout=60).stdout
        copy = json.loads(taken)
        self.assertEqual(copy["body"], "this is not JSON")
        self.assertEqual(copy["headers"]["tally.reason"], "unreadable")
        self.assertIn("tally.digest", copy["headers"])
        self.end(collector)

    def test_the_agent_publishes_and_nothing_is_lost_while_no_collector_is_there(self):
        agent_port = free_port()
        agent_config = self.write("agent.yaml", f"publish: '{self.rabbit}'\nhttp: 127.0.0.1:{agent_port}\n"
                                                f"data: '{self.folder}/agent'\npolling: {{interval: 1s}}\n{KEYS}")
        agent = self.start("tally-agent", "--config", agent_config)
        wait_until("samples wait", lambda: self.waiting().get("notifications.sample", (0, 0))[0] >= 2)
        config = self.amqp_config()
        collector = self.start_collector(config)
        self.settled(config, 3)
        self.end(agent)
        wait_until("the queue is empty", lambda: self.waiting()["notifications.sample"][0] == 0)
        books = self.settled(config, 3)
        self.assertEqual((books["messages"]["dead"], books["samples"]["conflict"]), (0, 0), books)
        self.assertEqual(books["samples"]["stored"], sum(
            row["count"] for row in self.rows("--config", config, "query", "statistics")))
        self.end(collector)

    def test_a_broker_that_restarts_is_waited_for(self):
        config = self.amqp_config()
        collector = self.start_collector(config)
        self.oslo("messagingv2", 0, 20)
        self.settled(config, 20)
        self.broker.kill()
        wait_until("not ready, and why", lambda: f"127.0.0.1:{self.broker.port}" in self.page("/readyz"))
        self.broker.start()
        self.oslo("messagingv2", 20, 20)  # the queue, not durable, went with the broker
        books = self.settled(config, 40)
        self.assertEqual(books["messages"]["stored"], 40, books)
        wait_until("ready", lambda: self.page("/readyz").startswith("ready"))
        self.assertIn('event="connections_lost"} 1', self.page("/metrics"))
        self.end(collector)

    def test_another_programs_consumer_is_warned_of_and_tallys_own_are_not(self):
        config = self.amqp_config()
        self.oslo("messagingv2", 0, 1)  # makes the queue
        collector = self.start_collector(config)
        second_config = self.write("second.yaml", config.read_text().replace(f":{self.port}", f":{free_port()}"))
        second = self.start("tally-collector", "--config", second_config)
        mark = "tally.collectors.notifications.info"
        wait_until("they know each other", lambda: self.waiting().get(mark, (0, 0))[1] == 2)
        self.assertNotIn("not Tally's", self.log_of(collector) + self.log_of(second))
        other = subprocess.Popen(["/usr/bin/python3", "-c", CONSUME, str(self.broker.port), self.vhost, "notifications.info"])
        self.addCleanup(lambda: (other.kill(), other.wait()))
        told = "queue notifications.info: 1 of its 3 consumers is not Tally's"
        for process in (collector, second):
            wait_until("it is warned of", lambda: told in self.log_of(process))
        rows = {row["queue"]: row for row in self.rows("--config", config, "bus", "status")}
        self.assertIn("1 of its 3 consumers is not Tally's", rows["notifications.info"]["warning"])
        other.kill()
        other.wait()
        wait_until("it is over", lambda: "what was warned of is over" in self.log_of(collector))
        self.assertEqual(self.log_of(collector).count(told), 1)
        self.end(second)
        self.end(collector)

    def test_the_permissions_that_the_migration_prints_are_enough(self):
        self.port = free_port()
        folder = self.write("ceilometer/ceilometer.conf", f"[DEFAULT]\ntransport_url = {self.rabbit}\n").parent
        out = self.tally("migrate", "check", folder)[0]
        line = re.search(r"(?m)^#   rabbitmqctl (set_permissions .*)$", out)[1]
        user = self.vhost[-20:]
        self.broker.ctl("add_user", user, "secret")
        self.addCleanup(self.broker.ctl, "delete_user", user)
        self.broker.ctl(*[user if word == "tally" else word for word in shlex.split(line)])
        self.assertEqual(shlex.split(line)[2], self.vhost)
        collector_yaml, agent_yaml = out.split("# /etc/tally/collector.yaml\n")[1].split("---\n")
        (self.folder / "listen.url").write_text(self.rabbit.replace("guest:guest", f"{user}:secret"))
        (self.folder / "publish.url").write_text(self.rabbit.replace("guest:guest", f"{user}:secret"))
        (self.folder / "listen.url").chmod(0o600)
        (self.folder / "publish.url").chmod(0o600)
        self.oslo("messagingv2", 0, 1)  # the services' queue and exchange are there
        more = f"data: '{self.folder}/%s'\nhttp: 127.0.0.1:%d\n"
        config = self.write("collector.yaml", collector_yaml.replace("/etc/tally", str(self.folder)) +
                            more % ("collector", self.port) + f"storage: 'sqlite://{self.folder}/x.db'\n")
        collector = self.start_collector(config)
        wait_until("its queue is there", lambda: self.waiting().get("tally.notifications", (0, 0))[1] == 1)
        agent_config = self.write("agent.yaml", agent_yaml.replace("/etc/tally", str(self.folder)) + more % ("agent", free_port()))
        sample = {"name": "x", "type": "gauge", "unit": "x", "volume": 1, "resource_id": "r", "timestamp": "2026-01-02T03:04:05+00:00"}
        self.tally("--config", agent_config, "send", "sample", "-", stdin=json.dumps(sample) + "\n")
        self.assertEqual(self.settled(config, 1)["samples"]["stored"], 1)
        before = self.waiting()["notifications.info"]
        self.assertEqual(before, (1, 0), "nothing is taken from the services' queue")
        self.end(collector)

    def test_own_queues_are_told_and_taken_away(self):
        config = self.amqp_config("plugins:\n  'transport:amqp': {queues: own, look_again: 0.2s}\n")
        self.oslo("messagingv2", 0, 5)
        collector = self.start_collector(config)

        def bound():
            lines = self.broker.ctl("list_bindings", "-p", self.vhost, "--no-table-headers", "source_name",
                                    "routing_key")
            return "nova\tnotifications.info" in lines
        wait_until("our queue is bound", bound)
        self.oslo("messagingv2", 5, 10)
        self.settled(config, 10)
        self.assertEqual(self.waiting()["notifications.info"][0], 15, "Ceilometer's queue has them all")
        rows = {row["queue"]: row for row in self.rows("--config", config, "bus", "status")}
        self.assertEqual((rows["tally.notifications"]["consumers"], rows["tally.notifications"]["warning"]), (1, None))
        self.assertNotIn("guest:guest", str(rows))
        self.assertIn("nobody consumes it", rows["notifications.info"]["warning"])
        self.assertEqual(self.rows("--config", config, "bus", "unsubscribe")[0]["state"], "in use")
        self.end(collector)
        self.oslo("messagingv2", 20, 1)
        rows = {row["queue"]: row for row in self.rows("--config", config, "bus", "status")}
        self.assertIn("tally bus unsubscribe", rows["tally.notifications"]["warning"])
        removed = self.rows("--config", config, "bus", "unsubscribe")
        self.assertEqual([(row["queue"], row["state"], row["messages"]) for row in removed],
                         [("tally.notifications", "removed", 1)])
        self.assertNotIn("tally.notifications", self.waiting())
        self.assertEqual(self.rows("--config", config, "bus", "unsubscribe"), [])

    def test_send_reaches_the_queue_and_poison_becomes_a_dead_letter(self):
        config = self.amqp_config()
        collector = self.start_collector(config)
        self.tally("--config", config, "send", "notification", "-", stdin=json.dumps(notification(1)) + "\n")
        self.tally("--config", config, "send", "notification", "-", stdin="this is not json\n", status=None)
        books = self.settled(config, 1)
        self.assertEqual(books["messages"]["stored"], 1, books)
        self.end(collector)

    def test_a_bus_that_is_away_is_said_with_its_exit_status(self):
        config = self.write("away.yaml", f"listen: ['amqp://u:hidden@127.0.0.1:{free_port()}/']\n"
                                         f"storage: 'sqlite://{self.folder}/t.db'\n")
        _, errors = self.tally("--config", config, "bus", "status", status=69)
        self.assertIn("cannot connect", errors)
        self.assertNotIn("hidden", errors)
