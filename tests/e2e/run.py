"""Runs the end-to-end tests against an installed Tally, and counts them. Not a framework: unittest does the work.

Each file of tests is a process of its own, several at a time: the tests wait for servers and timers most of the time, and
what they start is theirs alone (folders, ports). What a file prints is shown when it has ended.
"""
import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
# Those that take longest begin first, so that none of them is left alone at the end.
LONGEST = ["test_chaos_amqp", "test_chaos_kafka", "test_kafka", "test_libvirt", "test_amqp", "test_chaos_failover",
           "test_chaos_failover_lag", "test_kafka_growth", "test_agent_spool", "test_lost_primary", "test_kills"]


class Timed(unittest.TextTestResult):
    """One line a test, with its seconds."""

    def startTest(self, test):
        self.started = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self.stream.writeln(f"   ok     {time.monotonic() - self.started:6.1f} s  {test.id()}")


def run_here(names):
    """Runs these files in this process; (passed, failed)."""
    sys.path[:0] = [str(HERE), str(HERE.parent / "services")]
    suite = unittest.TestSuite(unittest.defaultTestLoader.discover(str(HERE), pattern=name + ".py") for name in names)
    result = unittest.TextTestRunner(resultclass=Timed, verbosity=0).run(suite)
    failed = len(result.failures) + len(result.errors) + (result.testsRun == 0)
    return result.testsRun - failed - len(result.skipped), failed


def run_apart(name, prefix):
    """Runs one file in a process of its own; (passed, failed)."""
    with tempfile.NamedTemporaryFile("r", suffix=".counts") as counts:
        done = subprocess.run([sys.executable, __file__, "--prefix", prefix, "--counts", counts.name, name],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        print(done.stdout, end="", flush=True)
        passed, failed = map(int, counts.read().split() or (0, 1))
    return passed, failed or int(done.returncode != 0)


def names_of(given):
    """The files that are meant, longest first: test_NAME, test_NAME.py and NAME are the same."""
    there = {path.stem for path in HERE.glob("test_*.py")}
    wanted = {word.removesuffix(".py") for word in given}
    wanted = {word if word in there else "test_" + word for word in wanted} or there
    if unknown := wanted - there:
        sys.exit(f"no such end-to-end test: {', '.join(sorted(unknown))}; there are {', '.join(sorted(there))}")
    return sorted(wanted, key=lambda name: (LONGEST.index(name) if name in LONGEST else len(LONGEST), name))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prefix", required=True, help="where `meson install` put Tally")
    parser.add_argument("--counts", help='writes "PASSED FAILED" there')
    parser.add_argument("--jobs", type=int, default=2, help="files at a time (2)")
    parser.add_argument("names", nargs="*", metavar="NAME", help="files of tests (all)")
    options = parser.parse_args()
    prefix = str(pathlib.Path(options.prefix).resolve())
    os.environ["TALLY_PREFIX"] = prefix
    names = names_of(options.names)
    if len(names) == 1:
        passed, failed = run_here(names)
    else:
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            passed, failed = map(sum, zip(*pool.map(lambda name: run_apart(name, prefix), names)))
    if options.counts:
        pathlib.Path(options.counts).write_text(f"{passed} {failed}\n")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
