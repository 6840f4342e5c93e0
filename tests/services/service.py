"""What every server of a test shares: a folder and ports of its own, an end by pid alone. Not for one server's ways."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time


def free_ports(count):
    """Ports that nobody listens on now, on 127.0.0.1, all different."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def wait_until(what, condition, seconds=60):
    """Asks until the answer is true; fails with `what` after the limit."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise RuntimeError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class Service:
    """One server. `with Rabbitmq() as server: …`; `start`, `stop`, `kill`, `freeze`, `thaw` as often as one likes."""

    name = "service"
    user = None  # whom it runs as; none: whoever runs the test

    def __init__(self, folder=None):
        """`folder`: where it keeps everything, removed at the end if it is made here."""
        self.own = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix=f"tally-{self.name}-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.kill()
        if self.own:
            shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, words, **options):
        """Runs a command of the server's to its end; its output, or an error with it."""
        done = subprocess.run(list(map(str, words)), cwd=self.folder, text=True, capture_output=True, **options)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, words))}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    def spawn(self, words, env=None):
        """Starts the server's process as the leader of a group, its output in `folder/out`."""
        with open(self.folder / "out", "ab") as out:
            self.process = subprocess.Popen(list(map(str, words)), cwd=self.folder, env=env, stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=out, start_new_session=True)

    def signal(self, number):
        """To all processes of the server."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def stop(self, seconds=60):
        self.signal(signal.SIGTERM)
        if self.process is not None:
            self.process.wait(seconds)
            self.process = None

    def kill(self):
        """As a crash."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            self.process = None

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)
