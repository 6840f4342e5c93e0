"""Runs the tests of kills and faults again and again with new seeds, until the time is over or one of them finds something.
Not for one known seed: TALLY_KILLS_SEED=… tests/e2e/run.py --prefix … NAME does that.
"""
import argparse
import os
import pathlib
import random
import sys
import time
import unittest

TESTS = {"local": "test_kills.py", "amqp": "test_chaos_amqp.py", "kafka": "test_chaos_kafka.py",
         "failover": "test_chaos_failover*.py"}
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prefix", required=True, help="where `meson install` put Tally")
    parser.add_argument("--minutes", type=float, default=10, help="begins no round after this time")
    parser.add_argument("--seed", type=int, help="of the first round; the next ones count on from it")
    parser.add_argument("--messages", type=int, help="in each test, instead of its own number")
    parser.add_argument("--transport", choices=TESTS, default="local",
                        help="local: kills and full disks, to SQLite; amqp, kafka: from RabbitMQ or Kafka to PostgreSQL; failover: to two of "
                             "them, of which one is lost")
    options = parser.parse_args()
    os.environ["TALLY_PREFIX"] = str(pathlib.Path(options.prefix).resolve())
    os.environ["TALLY_TEST_ALL"] = "1"  # the long versions
    if options.messages:
        os.environ["TALLY_KILLS_MESSAGES"] = str(options.messages)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1, 1 << 31)
    end = time.monotonic() + options.minutes * 60
    rounds = 0
    while rounds == 0 or time.monotonic() < end:
        rounds += 1
        os.environ["TALLY_KILLS_SEED"] = str(seed)
        print(f"round {rounds}: seed {seed}", flush=True)
        suite = unittest.defaultTestLoader.discover(str(HERE), pattern=TESTS[options.transport])
        result = unittest.TextTestRunner(verbosity=0).run(suite)
        if not result.wasSuccessful() or result.testsRun == 0:
            messages = f" --messages {options.messages}" if options.messages else ""
            print(f"a promise is broken; again: ./dev chaos --minutes 0 --transport {options.transport} --seed {seed}"
                  f"{messages}", flush=True)
            return 1
        seed += 1
    print(f"{rounds} rounds without a violation", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
