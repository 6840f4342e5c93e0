"""Under a service manager (systemd's sd_notify protocol): ready, alive, stopping, and ended at once by a second signal."""
import contextlib
import json
import signal
import socket
import sqlite3
import subprocess

from support import Sandbox, free_port, notification, wait_until


class Service(Sandbox):
    def told(self, manager, word):
        """Hears until `word` comes; what came on the way."""
        heard = []
        while not heard or word not in heard[-1].split("\n"):
            heard.append(manager.recv(4096).decode())
        return heard

    def lives_and_ends(self, start):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(f"{self.folder}/manager")
            manager.settimeout(20)
            self.env.update(NOTIFY_SOCKET=f"{self.folder}/manager", WATCHDOG_USEC="2000000")
            process = start()
            self.assertEqual(len(self.told(manager, "READY=1")), 1)
            self.told(manager, "WATCHDOG=1")
            self.told(manager, "WATCHDOG=1")
            self.end(process)
            self.told(manager, "STOPPING=1")

    def test_the_collector_tells_when_it_is_ready_alive_and_stopping(self):
        config = self.collector_config()
        self.lives_and_ends(lambda: self.start("tally-collector", "--config", config))

    def test_the_agent_tells_it_too_while_no_bus_is_there(self):
        config = self.write("agent.yaml", f"publish: local://{self.folder}/absent.sock\ndata: {self.folder}/agent\nhttp: none\n")
        self.lives_and_ends(lambda: self.start("tally-agent", "--config", config))

    @contextlib.contextmanager
    def manager(self):
        """A service manager that programs started within it tell."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(f"{self.folder}/manager")
            manager.settimeout(30)
            self.env["NOTIFY_SOCKET"] = f"{self.folder}/manager"
            yield manager

    @contextlib.contextmanager
    def store_away(self, database):
        """Nothing can be written meanwhile, so that what is in flight stays there."""
        with contextlib.closing(sqlite3.connect(database, isolation_level=None, timeout=30)) as holder:
            holder.execute("begin immediate")
            yield

    def ends_at_a_second(self, process, manager, first, second):
        """While it waits for up to an hour for what is in flight."""
        process.send_signal(first)
        self.told(manager, "STOPPING=1")
        self.assertIsNone(process.poll(), self.log_of(process)[-3000:])
        self.end(process, second, status=1)

    def test_a_second_signal_ends_a_collector_at_once(self):
        config = self.collector_config("limits: {drain: 1h}\n")
        with self.manager() as manager:
            collector = self.start("tally-collector", "--config", config)
            self.wait_ready(collector, config)
            with self.store_away(self.database):
                sender = subprocess.Popen(["tally", "--config", str(config), "send", "notification", "-"],
                                          stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                          env=self.env, cwd=self.folder, text=True)
                self.started.append(sender)
                sender.stdin.write(json.dumps(notification(1)) + "\n")
                sender.stdin.close()
                wait_until("it is in flight", lambda: self.status()["messages"]["in_flight"] == 1)
                self.ends_at_a_second(collector, manager, signal.SIGTERM, signal.SIGTERM)

    def test_a_second_signal_ends_an_agent_at_once(self):
        config = self.collector_config()
        port = free_port()
        own = self.write("agent.yaml", f"publish: '{self.bus}'\ndata: {self.folder}/agent\nhttp: 127.0.0.1:{port}\n"
                                       "polling: {interval: 1s}\nlimits: {drain: 1h}\n")
        self.start_collector(config)
        with self.store_away(self.database), self.manager() as manager:
            agent = self.start("tally-agent", "--config", own)
            wait_until("it is in flight", lambda: (self.status(port) or {}).get("messages", {}).get("in_flight"))
            self.ends_at_a_second(agent, manager, signal.SIGINT, signal.SIGTERM)

    def test_a_second_signal_ends_tally_run_at_once(self):
        port = free_port()
        config = self.write("tally.yaml", f"http: 127.0.0.1:{port}\npolling: {{interval: 1s}}\nlimits: {{drain: 1h}}\n")
        with self.manager() as manager:
            process = self.start("tally", "run", "--config", config)
            self.told(manager, "READY=1")
            wait_until("something is stored", lambda: (self.status(port) or {}).get("messages", {}).get("stored"))
            with self.store_away(self.folder / "tally-data/tally.db"):
                wait_until("something is in flight", lambda: self.status(port)["messages"]["in_flight"])
                self.ends_at_a_second(process, manager, signal.SIGINT, signal.SIGINT)

    def test_the_metrics_of_all_three_have_the_same_names_where_they_mean_the_same(self):
        config = self.collector_config()
        agent_port, run_port = free_port(), free_port()
        agent = self.write("agent.yaml", f"publish: '{self.bus}'\ndata: {self.folder}/agent\nhttp: 127.0.0.1:{agent_port}\n")
        both = self.write("tally.yaml", f"http: 127.0.0.1:{run_port}\n")
        self.start_collector(config)
        self.start("tally-agent", "--config", agent)
        self.start("tally", "run", "--config", both)
        for port in (self.port, agent_port, run_port):
            page = wait_until("the page is there", lambda: self.page("/metrics", port))
            families = [line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")]
            self.assertEqual(len(families), len(set(families)), "each family once")
            for name in ("tally_build_info", "tally_ready", "tally_bus_connected", "tally_plugin_state",
                         "tally_plugin_hung_calls_total", "tally_plugin_descriptors_grown", "tally_log_lines_total",
                         "tally_http_requests_total", "process_open_fds"):
                self.assertIn(name, families)
        self.assertIn("tally_agent_samples_total", page, "of the agent within `tally run`")

    def test_a_pollster_s_program_does_not_inherit_the_manager(self):
        seen = self.folder / "seen"
        script = self.write("script", f"#!/bin/sh\nenv > {seen}.new && mv {seen}.new {seen}\necho one 1\n")
        script.chmod(0o755)
        config = self.write("agent.yaml", (
            f"publish: local://{self.folder}/absent.sock\ndata: {self.folder}/agent\nhttp: none\n"
            f"polling: {{interval: 1s}}\nplugins:\n  'pollster:exec': {{commands: ['{script}']}}\n"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(f"{self.folder}/manager")
            self.env["NOTIFY_SOCKET"] = f"{self.folder}/manager"
            process = self.start("tally-agent", "--config", config)
            wait_until("the script ran", seen.exists)
            self.end(process)
        self.assertNotIn("NOTIFY_SOCKET", seen.read_text())
