"""Under a service manager (systemd's sd_notify protocol): ready, alive, stopping, for both daemons."""
import socket

from support import Sandbox, wait_until


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
