"""What is installed beside the programs, the plugins a person sees, and who has a folder."""
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import time

from support import PREFIX, SHIPPED, Sandbox, free_port, wait_until


class Documents(Sandbox):
    def test_man_pages_and_completions_say_what_the_programs_know(self):
        for program, words in (("tally", ("query samples", "\\-\\-group\\-by", "dead\\-letter replay")),
                               ("tally-collector", ("collector.yaml",)), ("tally-agent", ("\\-\\-namespace",))):
            page = (PREFIX / "share/man/man1" / f"{program}.1").read_text()
            for word in (".SH NAME", ".SH EXIT STATUS", *words):
                self.assertIn(word, page, program)
            self.assertEqual(page.count(".B \\-\\-log\\-format"), 1, "what all commands share is told once")
            done = subprocess.run(["bash", "-n", PREFIX / "share/bash-completion/completions" / program])
            self.assertEqual(done.returncode, 0)
            if shutil.which("groff"):
                done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", PREFIX / "share/man/man1" / f"{program}.1"],
                                      text=True, capture_output=True)
                self.assertEqual(done.stderr, "")

    def test_completion_completes(self):
        script = (f". {PREFIX}/share/bash-completion/completions/tally; COMP_WORDS=(tally query sa); COMP_CWORD=2; _tally; "
                  "echo \"${COMPREPLY[@]}\"; COMP_WORDS=(tally query statistics --gr); COMP_CWORD=3; _tally; "
                  "echo \"${COMPREPLY[@]}\"")
        done = subprocess.run(["bash", "-c", script], text=True, capture_output=True)
        self.assertEqual(done.stdout.split("\n")[:2], ["samples", "--group-by"], done.stderr)


class Plugins(Sandbox):
    def test_one_plugin_in_two_folders_the_first_wins_and_the_other_is_shown_with_its_reason(self):
        self.write("tally.yaml", "http: none\n")
        folders = [self.folder / "first", self.folder / "second"]
        for folder in folders:
            folder.mkdir()
            shutil.copy(SHIPPED / "tally-pollster-load.so", folder)
        self.env["TALLY_PLUGIN_PATH"] = ":".join(map(str, folders))
        rows = [row for row in self.rows("plugin", "list") if row["name"] == "load"]
        self.assertEqual([row["state"] for row in rows], ["on", "refused", "refused"])
        self.assertEqual(rows[0]["file"], str(folders[0] / "tally-pollster-load.so"))
        for row in rows[1:]:
            self.assertIn(f"shadowed by {folders[0]}", row["reason"])
        self.assertEqual([row["state"] for row in self.rows("plugin", "show", "pollster:load")], ["on", "refused", "refused"])
        out, _ = self.tally("plugin", "show", "load")
        self.assertIn("meter: hardware.cpu.load.1min (gauge, process)", out)
        self.assertIn("shadowed by", out)

    def test_poll_names_what_is_off(self):
        self.write("tally.yaml", "http: none\ndisable: {plugins: ['pollster:load']}\n")
        out, err = self.tally("poll", "load", "memory", "-f", "jsonl")
        self.assertNotIn("load", out)
        self.assertIn("memory", out)
        self.assertIn("pollster:load is disabled: tally.yaml:2", err)


class Folder(Sandbox):
    def test_a_second_run_in_one_folder_says_who_has_it(self):
        self.write("tally.yaml", f"http: 127.0.0.1:{free_port()}\n")
        first = self.start("tally", "run")
        wait_until("the first runs", lambda: "is connected" in self.log_of(first))
        out, err = self.tally("run", "--for", "1s", status=1)
        self.assertEqual(out, "")
        self.assertIn(f"another `tally run` (process {first.pid}) has {self.folder}/tally-data", err)
        self.end(first, signal.SIGINT)
        self.tally("run", "--for", "1s")


class Agent(Sandbox):
    def test_its_status_has_the_shape_of_a_collectors(self):
        port = free_port()
        config = self.write("agent.yaml", f"publish: 'local://{self.folder}/nobody.sock'\nhttp: 127.0.0.1:{port}\n"
                                          f"data: '{self.folder}/data'\npolling: {{interval: 1s}}\n"
                                          "disable: {meters: ['hardware.cpu.load.*']}\n")
        agent = self.start("tally-agent", "--config", config)

        def status():
            out, _ = self.tally("--config", config, "status", "-f", "json", status=None)
            return json.loads(out) if out else {}
        def waits():
            found = status()
            samples = found.get("samples", {})
            return found if samples.get("spooled", 0) > 0 and samples["filtered"] > 0 else None
        books = wait_until("samples wait, and some are filtered", waits)
        for unit in ("messages", "samples"):
            counts = dict(books[unit])
            self.assertEqual(counts.pop("made"), sum(counts.values()), books)
        self.assertEqual(books["state"], "bus away")
        self.assertIn({"name", "role", "version", "state", "reason"}, [set(plugin) for plugin in books["plugins"]])
        out, _ = self.tally("--config", config, "status")
        for text in ("state: bus away", "messages: made", "samples: made", "cycles: polled", "temperature"):
            self.assertIn(text, out)
        self.end(agent)


class Terminal(Sandbox):
    """`tally run` on a terminal of a given size."""

    def run_on(self, rows, columns, seconds=20):
        """What it wrote until something was stored and an interrupt ended it."""
        self.write("tally.yaml", f"http: 127.0.0.1:{free_port()}\npolling: {{interval: 1s}}\n")
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(self.folder)
            os.execvpe("tally", ["tally", "run"], self.env)
        import fcntl
        import struct
        import termios
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        seen, frames, end = b"", 0, time.monotonic() + seconds
        interrupted = False
        while time.monotonic() < end:
            if not select.select([terminal], [], [], 0.2)[0]:
                continue
            try:
                part = os.read(terminal, 65536)
            except OSError:  # the other side is closed
                break
            if not part:
                break
            seen += part
            frames = seen.count(b"\x1b[H")
            if frames >= 4 and not interrupted:
                os.write(terminal, b"\x03")
                interrupted = True
        _, status = os.waitpid(process, 0)
        os.close(terminal)
        self.assertTrue(interrupted, seen[-2000:])
        self.assertEqual(status, 0, seen[-2000:])
        return seen.decode()

    def check(self, rows, columns):
        seen = self.run_on(rows, columns)
        self.assertEqual(seen.count("\x1b[?1049h"), 1)
        table, summary = seen.split("\x1b[?1049l")
        last = table.split("\x1b[H")[-3]  # a whole one: then one with the interrupt's echo, then the clearing
        # The terminal itself makes a return and a line feed of each line feed.
        lines = [line.replace("\x1b[K", "").replace("\x1b[1m", "").replace("\x1b[0m", "") for line in last.replace("\r", "").split("\n")]
        self.assertLessEqual(len(lines), rows)
        for line in lines:
            plain = line.replace("\x1b[J", "").replace("\x1b[?25h", "")
            self.assertLessEqual(len(plain), columns, plain)
            self.assertNotIn("\x1b", plain)
        for word in ("METER", "RESOURCE", "LAST VALUE", "RATE", "SAMPLES", "stored", "off: pollster:exec absent", "Ctrl-C"):
            self.assertIn(word, last)
        self.assertIn("\x1b[?25h", table)
        self.assertIn("stored", summary)
        self.assertIn("off: pollster:exec absent", summary)

    def test_a_small_one(self):
        self.check(24, 80)

    def test_a_large_one(self):
        self.check(50, 200)
