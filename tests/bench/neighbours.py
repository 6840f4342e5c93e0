"""The other agents of a node, as Debian has them: collectd with the plugins that measure what Tally's host pollsters do,
and Ceilometer's polling agent with nothing to poll. Not for what Tally itself takes: node.py."""
import contextlib
import pathlib
import shutil
import signal
import subprocess

import processes

PLUGINS = ("cpu", "memory", "disk", "df", "interface", "load", "uptime", "swap", "thermal")
# Debian's ceilometer-polling is these two lines; python3-ceilometer has the rest.
POLLING = "from ceilometer.cmd.polling import main; main()"
IDLE = "sources: [{name: idle, interval: 600, meters: [memory.swap.in]}]\n"


@contextlib.contextmanager
def daemon(folder, words):
    """Runs a neighbour until the block ends, as the leader of a group."""
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        process.log = log.name
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(processes.LIMIT_S)


def family(pid):
    """A process and its children."""
    children = subprocess.run(["ps", "--ppid", str(pid), "-o", "pid="], capture_output=True, text=True)
    return [pid, *map(int, children.stdout.split())]


def memory_kib(process):
    """Of all its processes together; what they share is counted once in Pss, and as often as they have it in Rss."""
    total = {}
    for pid in family(process.pid):
        for key, value in processes.memory_kib(pid).items():
            total[key] = total.get(key, 0) + value
    return total


def collectd(bench, interval_s, cycles):
    """Its memory after some cycles, or None where it is not installed. It writes text files, its simplest way out."""
    if not shutil.which("collectd"):
        return None
    folder = bench.folder / "collectd"
    folder.mkdir()
    (folder / "collectd.conf").write_text(
        f'BaseDir "{folder}"\nPIDFile "{folder}/pid"\nInterval {interval_s}\n'
        + "".join(f"LoadPlugin {name}\n" for name in (*PLUGINS, "csv")) + f'<Plugin csv>\nDataDir "{folder}/csv"\n</Plugin>\n')
    with daemon(folder, ["collectd", "-f", "-C", folder / "collectd.conf"]) as process:
        def written():
            files = list((folder / "csv").glob("*/uptime/uptime-*"))
            return files and files[0].read_text().count("\n") > cycles
        processes.wait_until(f"{cycles} cycles of collectd", written, process)
        return memory_kib(process)


def ceilometer(bench):
    """Its memory when it has nothing to do, or None where it is not installed."""
    if subprocess.run(["/usr/bin/python3", "-c", "import ceilometer"], capture_output=True).returncode != 0:
        return None
    folder = bench.folder / "ceilometer-polling"
    folder.mkdir()
    (folder / "polling.yaml").write_text(IDLE)
    (folder / "ceilometer.conf").write_text(
        "[DEFAULT]\ntransport_url = fake://\ndebug = true\n[oslo_messaging_notifications]\ndriver = log\n"
        f"[polling]\ncfg_file = {folder}/polling.yaml\n")
    words = ["/usr/bin/python3", "-c", POLLING, "--config-file", str(folder / "ceilometer.conf"),
             "--polling-namespaces", "central"]
    with daemon(folder, words) as process:
        def settled():
            return len(family(process.pid)) > 1 and "Config file: {" in pathlib.Path(process.log).read_text()
        processes.wait_until("Ceilometer's agent runs", settled, process)
        return memory_kib(process)
