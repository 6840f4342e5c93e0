"""Runs the end-to-end tests against an installed Tally, and counts them. Not a framework: unittest does the work."""
import argparse
import os
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "services"))


class Timed(unittest.TextTestResult):
    """One line a test, with its seconds."""

    def startTest(self, test):
        self.started = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self.stream.writeln(f"   ok     {time.monotonic() - self.started:6.1f} s  {test.id()}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prefix", required=True, help="where `meson install` put Tally")
    parser.add_argument("--counts", help='writes "PASSED FAILED" there')
    parser.add_argument("pattern", nargs="?", default="test_*.py")
    options = parser.parse_args()
    os.environ["TALLY_PREFIX"] = str(pathlib.Path(options.prefix).resolve())
    suite = unittest.defaultTestLoader.discover(str(HERE), pattern=options.pattern)
    result = unittest.TextTestRunner(resultclass=Timed, verbosity=0).run(suite)
    failed = len(result.failures) + len(result.errors)
    if options.counts:
        pathlib.Path(options.counts).write_text(f"{result.testsRun - failed - len(result.skipped)} {failed}\n")
    return failed != 0 or result.testsRun == 0


if __name__ == "__main__":
    sys.exit(main())
