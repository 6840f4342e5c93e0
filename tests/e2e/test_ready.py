"""What a program says while it cannot work: not ready, with the reason, in /readyz, `tally status` and its log; and that it is
ready afterwards, with nothing to do. Not for what becomes of messages meanwhile: test_faults.py and cloud.py have that."""
import json
import re
import shlex
import socket
import time

from postgresql import Postgresql
from rabbitmq import Rabbitmq
from support import Sandbox, free_port, wait_until

FAST = "look_again: 0.2s, retry_first: 0.05s, retry_last: 0.2s, connect_timeout: 1s"


class Ready(Sandbox):
    def config(self, program, text):
        """Of a collector or an agent that stores and spools in the test's folder, unless `text` says something else."""
        self.port = free_port()
        storage = "" if program == "agent" or "storage:" in text else f"storage: 'sqlite://{self.folder}/tally.db'\n"
        path = self.write(f"{program}.yaml",
                          f"{text}{storage}http: 127.0.0.1:{self.port}\ndata: '{self.folder}/{program}-data'\n")
        path.chmod(0o600)
        return path

    def begin(self, program, text):
        self.path = self.config(program, text)
        self.process = self.start(f"tally-{program}", "--config", self.path)
        wait_until("its pages answer", lambda: self.page("/readyz"))
        return self.process

    def shown(self):
        return self.tally("--config", self.path, "status")[0]

    def assert_not_ready(self, *words):
        """Says all of these, in one reason, everywhere; and never `ready` until then."""
        def told():
            page = self.page("/readyz")
            self.assertNotEqual(page, "ready\n")
            return [line for line in page.splitlines() if all(word in line for word in words)]
        reason, = wait_until(f"not ready because of {words}", told)[:1]
        wait_until("the log has it", lambda: any(all(word in line for word in words)
                                                 for line in self.log_of(self.process).splitlines()))
        shown = self.shown()
        self.assertIn("ready: no\n", shown)
        status = self.status()
        self.assertFalse(status["ready"])
        self.assertTrue(any(all(word in line for word in words) for line in status["not_ready"]), status)
        self.assertNotIn("secret", self.log_of(self.process) + shown + reason)
        return reason

    def assert_ready(self):
        wait_until("ready", lambda: self.page("/readyz") == "ready\n")
        self.assertIn("ready: yes\n", self.shown())

    def assert_logged_once(self, words):
        self.assertEqual(self.log_of(self.process).count(words), 1, self.log_of(self.process)[-3000:])


class WithRabbitmq(Ready):
    @classmethod
    def setUpClass(cls):
        cls.broker = Rabbitmq()
        cls.addClassCleanup(cls.broker.close)
        cls.broker.start()
        cls.broker.ctl("add_user", "tally", "secret")
        cls.broker.ctl("add_vhost", "metering")

    def setUp(self):
        super().setUp()
        self.broker.ctl("set_permissions", "-p", "metering", "tally", "", "", ".*")

    def listen(self, user="tally:secret", port=None, vhost="metering", keys=""):
        return (f"listen: ['amqp://{user}@127.0.0.1:{port or self.broker.port}/{vhost}']\n"
                f"plugins: {{'transport:amqp': {{{FAST}{keys}}}}}\n")

    def test_a_broker_that_refuses_from_the_start_is_logged_at_once_with_its_reason(self):
        for name, text, words in (
                ("password", self.listen(user="tally:wrong-secret"), ("is away", 'cannot log in as "tally"', "ACCESS_REFUSED")),
                ("virtual host", self.listen(vhost="nowhere"), ("is away", '"nowhere"', "NOT_ALLOWED")),
                ("port", self.listen(port=free_port()), ("is away", "cannot connect", "127.0.0.1")),
                ("name", self.listen().replace("127.0.0.1", "no-such-host.invalid"), ("is away", "no-such-host.invalid"))):
            with self.subTest(name):
                self.begin("collector", text)
                self.assert_not_ready(*words)
                self.assertIn(": away, waiting -, last message -\n", self.shown())
                self.assert_logged_once("is away")
                self.end(self.process)

    def test_a_broker_that_takes_connections_and_never_answers_is_not_ready_from_the_first_moment(self):
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            self.begin("collector", self.listen(port=deaf.getsockname()[1]))
            self.assertRegex(self.page("/readyz"), "not connected yet|connecting|is away")
            self.assert_not_ready("is away", "cannot log in")
            self.end(self.process)

    def test_queues_that_are_not_there_are_waited_for_and_a_quiet_one_is_ready(self):
        self.begin("collector", self.listen())
        wait_until("says what it waits for", lambda: "waiting for queues that are not there yet" in self.page("/readyz"))
        self.assertIn("notifications.info", self.page("/readyz"))
        self.assertIn(": waiting, waiting -", self.shown())
        self.broker.declare("metering", "notifications.info")
        self.assert_ready()
        self.broker.undeclare("metering", "notifications.info")
        wait_until("not ready any more", lambda: "waiting for queues" in self.page("/readyz"))
        self.end(self.process)

    def test_a_queue_that_may_not_be_made_or_read_comes_with_the_way_out(self):
        self.begin("collector", self.listen(keys=", queues: own"))
        self.write("ceilometer/ceilometer.conf", "[DEFAULT]\ntransport_url = rabbit://c:c@127.0.0.1/metering\n")
        printed = re.search(r"(?m)^#   rabbitmqctl (set_permissions .*)$", self.tally("migrate", "check", self.folder / "ceilometer")[0])[1]
        reason = self.assert_not_ready("queue tally.notifications cannot be made", "ACCESS_REFUSED", "this replaces the user's rights",
                                       "rabbitmqctl set_permissions -p 'metering' 'tally' ")
        self.assertEqual(shlex.split(reason.partition("rabbitmqctl ")[2].partition("\n")[0]), shlex.split(printed), "one grant for both")
        self.assert_logged_once("queue tally.notifications cannot be made")
        self.broker.ctl("set_permissions", "-p", *(word.strip("'") for word in reason.partition("-p ")[2].split(" ")))
        self.assert_ready()
        self.end(self.process)
        self.broker.declare("metering", "notifications.error")
        self.broker.ctl("set_permissions", "-p", "metering", "tally", "", "", "^other")
        self.begin("collector", self.listen())
        self.assert_not_ready("notifications.error may not be consumed", "ACCESS_REFUSED",
                              "rabbitmqctl set_permissions -p 'metering' 'tally' '' '' '^notifications\\.'")
        self.end(self.process)
        self.broker.undeclare("metering", "notifications.error")

    def test_an_agent_is_not_ready_before_the_bus_has_answered(self):
        polls = "polling: {interval: 1h}\ndisable: {plugins: ['pollster:*']}\n"
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            self.begin("agent", self.listen(port=deaf.getsockname()[1]).replace("listen: [", "publish: ").replace("]", "", 1) + polls)
            self.assertRegex(self.page("/readyz"), "has not answered yet|is away")
            self.assert_not_ready("is away")
            self.assertIn("the bus is away, spooling to disk", self.log_of(self.process))
            self.end(self.process)
        self.broker.ctl("set_permissions", "-p", "metering", "tally", ".*", ".*", ".*")
        self.begin("agent", self.listen().replace("listen: [", "publish: ").replace("]", "", 1) + polls)
        self.assert_ready()  # though nothing is sent
        self.assertIn("publishes to: amqp://", self.shown())
        self.end(self.process)


class Store(Ready):
    def test_a_store_that_refuses_from_the_start_is_logged_at_once_with_its_reason(self):
        with Postgresql() as server:
            (server.data / "pg_hba.conf").write_text("host all tally 127.0.0.1/32 trust\n"
                                                     "host all all 127.0.0.1/32 scram-sha-256\n")
            server.run([*server.as_user, f"{server.bin}/pg_ctl", "-D", server.data, "reload"])
            bus = f"listen: ['local://{self.folder}/bus.sock']\n"
            there = f"127.0.0.1:{server.port}"
            for name, url, words in (
                    ("password", f"postgresql://other:wrong-secret@{there}/postgres", ("password authentication failed",)),
                    ("port", f"postgresql://tally@127.0.0.1:{free_port()}/postgres", ("refused",)),
                    ("database", f"postgresql://tally@{there}/nowhere", ('"nowhere" does not exist',)),
                    ("folder", "sqlite:///proc/nowhere/tally.db", ("/proc/nowhere",))):
                with self.subTest(name):
                    self.begin("collector", f"{bus}storage: '{url}'\n")
                    self.assert_not_ready("store", *words)
                    self.assert_logged_once(" failed, tried again: ")
                    self.assertIn(": away\n", self.shown().partition("store: ")[2].partition("\n")[0] + "\n")
                    self.end(self.process)

    def test_run_says_what_both_halves_lack(self):
        self.port = free_port()
        (self.folder / "db").mkdir()
        self.path = self.write("tally.yaml", f"http: 127.0.0.1:{self.port}\nstorage: 'sqlite://{self.folder}/db'\n"
                                             f"data: '{self.folder}/run-data'\n")
        self.process = self.start("tally", "run", "--config", self.path)
        wait_until("its pages answer", lambda: self.page("/readyz"))
        self.assert_not_ready("store", f"{self.folder}/db")
        self.end(self.process)
        self.path.write_text(self.path.read_text().replace("/db'", "/tally.db'"))
        self.process = self.start("tally", "run", "--config", self.path)
        self.assert_ready()
        status = self.status()
        self.assertEqual([bus["use"] for bus in sorted(status["buses"], key=lambda bus: bus["use"])], ["listen", "publish"])
        self.end(self.process)


class Status(Ready):
    def test_it_says_who_answers_and_how_it_stands(self):
        bus = f"local://{self.folder}/bus.sock"
        self.begin("collector", f"listen: ['{bus}']\n")
        self.assert_ready()
        self.tally("--config", self.path, "send", "notification", "-", stdin="this is not JSON\n")
        wait_until("it is dead", lambda: self.status()["messages"]["dead"] == 1)
        begun = time.time()
        status = self.status()
        self.assertEqual((status["program"], status["pid"]), ("tally-collector", self.process.pid))
        self.assertEqual(status["configuration"], [str(self.path)])
        self.assertEqual(status["dead_letters"], {"unreadable": 1})
        self.assertEqual(status["store"], {"name": f"sqlite://{self.folder}/tally.db", "state": "connected", "reason": ""})
        heard, = status["buses"]
        self.assertEqual((heard["name"], heard["state"], heard["warnings"]), (bus, "connected", []))
        self.assertLess(abs(begun - time.mktime(time.strptime(heard["last_message"][:19], "%Y-%m-%dT%H:%M:%S"))
                            + time.timezone), 60, heard)
        shown = self.shown()
        for words in (f"program: tally-collector {status['version']}, process {self.process.pid}, up ",
                      f"configuration: {self.path}\n", "state: running\n", "ready: yes\n",
                      f"listens to: {bus}: connected, waiting -, last message 20",
                      f"store: sqlite://{self.folder}/tally.db: connected\n",
                      "dead letters since the start: unreadable 1\n"):
            self.assertIn(words, shown)
        self.assertEqual(json.loads(self.tally("--config", self.path, "status", "-f", "json")[0]).keys(), status.keys())

    def test_a_driver_that_no_url_uses_is_idle(self):
        path = self.config("collector", f"listen: ['local://{self.folder}/bus.sock']\n")

        def states():
            return {f"{row['role']}:{row['name']}": row for row in self.rows("--config", path, "plugin", "list")}
        for running in (False, True):
            with self.subTest(running=running):
                if running:
                    self.begin("collector", f"listen: ['local://{self.folder}/bus.sock']\n")
                    path = self.path
                    self.assert_ready()
                found = states()
                self.assertEqual({found[name]["state"] for name in ("storage:sqlite", "transport:local")}, {"on"})
                for name in ("storage:postgresql", "storage:null", "transport:amqp", "transport:kafka"):
                    self.assertEqual((found[name]["state"], found[name]["reason"]),
                                     ("idle", "no URL of the configuration uses it"), name)
        plugins = {f"{one['role']}:{one['name']}": one["state"] for one in self.status()["plugins"]}
        self.assertEqual((plugins["storage:sqlite"], plugins["transport:kafka"]), ("on", "idle"))
        self.end(self.process)
