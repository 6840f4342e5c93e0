"""Reload under load: SIGHUP with valid and invalid files while messages flow; nothing lost, nothing counted twice."""
import json
import signal
import sqlite3
import subprocess
import threading

from support import free_port, notification, wait_until
from workshop import Workshop

ROUNDS = 12
EACH = 250


class UnderLoad(Workshop):
    def collector_files(self, base):
        """Name, text, and whether it is to be applied; `door` and `vcpus` go off and on."""
        return [("door off", base + "disable: {plugins: ['notification:door']}\n", True),
                ("a typing error", base + "dissable: {plugins: ['notification:*']}\n", False),
                ("all on", base, True),
                ("vcpus off", base + "disable: {meters: [vcpus]}\n", True),
                ("no YAML", base + "disable: {plugins: [\n", False),
                ("more at once", base + "limits: {messages: 50}\nbatch: {samples: 10}\n", True)]

    def reload(self, process, config, number, text, valid):
        config.write_text(text)
        process.send_signal(signal.SIGHUP)
        outcome = "the configuration is applied" if valid else "the configuration is invalid, going on with the running"
        wait_until(f"reload {number} is said", lambda: f"reload {number}: {outcome}" in self.log_of(process))

    def test_a_collector_loses_nothing(self):
        self.put("door")
        config = self.collector_config()
        base = config.read_text()
        collector = self.start_collector(config)
        sending = self.write("sending.yaml", base)  # of its own: the collector's is broken at times
        sender = subprocess.Popen(["tally", "--config", str(sending), "send", "notification", "-"], cwd=self.folder,
                                  env=self.env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True)
        turns = threading.Semaphore(0)

        def feed():
            number = 0
            for _ in range(ROUNDS + 1):
                turns.acquire()
                for _ in range(EACH):
                    kind = "door.opened" if number % 5 == 0 else "compute.instance.create.end"
                    sender.stdin.write(json.dumps(notification(number, kind)) + "\n")
                    number += 1
                sender.stdin.flush()
            sender.stdin.close()
        feeder = threading.Thread(target=feed)
        feeder.start()
        files = self.collector_files(base)
        for number in range(1, ROUNDS + 1):
            received = self.books(sending)["messages"]["received"]
            turns.release()
            wait_until("messages flow", lambda: self.books(sending)["messages"]["received"] > received)
            _, text, valid = files[(number - 1) % len(files)]
            self.reload(collector, config, number, text, valid)
        turns.release()
        feeder.join()
        self.assertEqual(sender.wait(60), 0, sender.stderr.read()[-2000:])
        sender.stderr.close()

        sent = EACH * (ROUNDS + 1)
        doors = (sent + 4) // 5
        messages = self.settled(sending, sent)
        samples = self.books(sending)["samples"]
        self.assertEqual((messages["received"], messages["dead"], messages["returned"]), (sent, 0, 0), messages)
        self.assertEqual(messages["stored"] + messages["filtered"], sent, messages)
        self.assertGreater(messages["filtered"], 0, "doors while their handler was off")
        count = {row["name"]: row["samples"] for row in self.rows("--config", sending, "query", "meters")}
        self.assertEqual(count["memory"], sent - doors, "never off: all are there, once")
        self.assertEqual(count["door.seen"], doors - messages["filtered"])
        self.assertEqual(count["vcpus"], sent - doors - samples["filtered"])
        self.assertGreater(samples["filtered"], 0, "vcpus while they were off")
        books = self.stored_books()
        for unit, ours in (("messages", messages), ("samples", samples)):
            for outcome in ("stored", "duplicate", "dead", "filtered"):
                self.assertEqual(books.get((unit, outcome), 0), ours[outcome], (unit, outcome))
        self.end(collector)
        with sqlite3.connect(self.database) as database:
            self.assertEqual(database.execute("pragma integrity_check").fetchone()[0], "ok")

    def test_an_agent_keeps_what_it_spooled(self):
        collector_config = self.collector_config()  # names the bus
        port = free_port()
        base = (f"publish: '{self.bus}'\nhttp: 127.0.0.1:{port}\ndata: '{self.folder}/agent'\n"
                "polling: {interval: 1s}\n")
        config = self.write("agent.yaml", base)
        asking = self.write("asking.yaml", base)
        agent = self.start("tally-agent", "--config", config)

        def samples():
            done = subprocess.run(["tally", "--config", str(asking), "status", "-f", "json"], cwd=self.folder,
                                  env=self.env, capture_output=True, text=True)
            return json.loads(done.stdout)["samples"] if done.returncode == 0 else {}
        wait_until("something is spooled", lambda: samples().get("spooled", 0) > 0)
        off = base + "disable: {plugins: ['pollster:load']}\n"
        for number, (text, valid) in enumerate([(off, True), (base + "pollling: 1\n", False), (base, True)], 1):
            before = samples()
            self.reload(agent, config, number, text, valid)
            after = samples()
            self.assertGreaterEqual(after["made"], before["made"], "its counts go on")
            self.assertGreaterEqual(after["spooled"], before["spooled"], "and its spool")
            wait_until("it polls on", lambda: samples()["made"] > after["made"])
        collector = self.start_collector(collector_config)

        def all_there():
            ours, theirs = samples(), self.books(collector_config)["samples"]
            self.assertEqual((ours["lost"], ours["refused"]), (0, 0), ours)
            return ours["spooled"] == 0 and ours["in_flight"] == 0 and ours["made"] == ours["sent"] == theirs["stored"]
        wait_until("all that was made is stored", all_there)
        self.end(agent)
        self.end(collector)
