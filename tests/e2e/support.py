"""What every end-to-end test needs: a folder of its own, the installed programs, and ways to wait that are not sleeps."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

TOP = pathlib.Path(__file__).resolve().parents[2]
PREFIX = pathlib.Path(os.environ.get("TALLY_PREFIX", TOP / "build/prefix"))
SHIPPED = next(iter(PREFIX.glob("lib*/**/tally/plugins")), PREFIX / "lib/tally/plugins")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(what, condition, seconds=30):
    """Asks `condition` until it answers something true; fails with `what` after the limit."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class Sandbox(unittest.TestCase):
    """A folder, an environment and processes of the test's own; all ended and removed after it."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tally-e2e-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.env = dict(os.environ, PATH=f"{PREFIX}/bin:{os.environ['PATH']}", HOME=str(self.folder), LC_ALL="C.UTF-8")
        self.env.pop("TALLY_PLUGIN_PATH", None)
        self.env.pop("TALLY_DEFINITIONS", None)
        self.started = []
        self.addCleanup(self.end_all)

    def end_all(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def tally(self, *words, status=0, stdin=None, program="tally", timeout=60):
        """Runs a program to its end; returns (stdout, stderr)."""
        done = subprocess.run([program, *map(str, words)], cwd=self.folder, env=self.env, input=stdin, text=True,
                              capture_output=True, timeout=timeout)
        if status is not None and done.returncode != status:
            self.fail(f"{program} {' '.join(map(str, words))}: exit status {done.returncode}, expected {status}\n"
                      f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        return done.stdout, done.stderr

    def rows(self, *words):
        return json.loads(self.tally(*words, "-f", "json")[0])

    def start(self, program, *words):
        log = open(self.folder / f"{program}.{len(self.started)}.log", "w+")
        self.addCleanup(log.close)
        process = subprocess.Popen([program, *map(str, words)], cwd=self.folder, env=self.env, stdout=log, stderr=log,
                                   stdin=subprocess.DEVNULL)
        process.log = log
        self.started.append(process)
        return process

    def log_of(self, process):
        return pathlib.Path(process.log.name).read_text()

    def end(self, process, how=signal.SIGTERM, status=0, seconds=30):
        process.send_signal(how)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.fail(f"did not end within {seconds} s of signal {how}:\n{self.log_of(process)[-3000:]}")
        if status is not None:
            self.assertEqual(code, status, self.log_of(process)[-3000:])

    # --- a collector of the test's own ------------------------------------------------------------------------------

    def collector_config(self, extra=""):
        self.port = free_port()
        self.bus = f"local://{self.folder}/bus.sock"
        self.database = self.folder / "tally.db"
        return self.write("collector.yaml", f"listen: ['{self.bus}']\nstorage: 'sqlite://{self.database}'\n"
                                            f"data: '{self.folder}'\nhttp: 127.0.0.1:{self.port}\n{extra}")

    def start_collector(self, config):
        process = self.start("tally-collector", "--config", config)
        self.wait_ready(process, config)
        return process

    def wait_ready(self, process, config):
        def ready():
            if process.poll() is not None:
                self.fail(f"ended at once:\n{self.log_of(process)}")
            return subprocess.run(["tally", "--config", str(config), "status"], cwd=self.folder, env=self.env,
                                  capture_output=True).returncode == 0
        wait_until("status answers", ready)

    def books(self, config):
        return json.loads(self.tally("--config", config, "status", "-f", "json")[0])

    def page(self, path, port=None):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port or self.port}{path}", timeout=5) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()
        except OSError:
            return ""

    def status(self, port=None):
        text = self.page("/status", port)
        return json.loads(text) if text else None

    def assert_books_balance(self, books):
        m, s = books["messages"], books["samples"]
        self.assertEqual(m["received"], m["stored"] + m["duplicate"] + m["dead"] + m["filtered"] + m["returned"]
                         + m["in_flight"], m)
        self.assertEqual(s["made"], s["stored"] + s["duplicate"] + s["conflict"] + s["dead"] + s["filtered"]
                         + s["returned"] + s["in_flight"], s)


def notification(number, event_type="compute.instance.create.end", **payload):
    """One notification as a service sends it, with an id of its own."""
    return {"message_id": f"m-{number}", "event_type": event_type, "publisher_id": "compute.host1", "priority": "INFO",
            "timestamp": "2026-01-02 03:04:05.678901", "_context_project_id": "p1",
            "payload": {"instance_id": f"i-{number}", "tenant_id": "p1", "user_id": "u1", "memory_mb": 512, "vcpus": 1,
                        "root_gb": 10, "ephemeral_gb": 0, "disk_gb": 10, "display_name": "vm",
                        "created_at": "2026-01-02 03:04:00", "launched_at": "2026-01-02 03:04:05", **payload}}
