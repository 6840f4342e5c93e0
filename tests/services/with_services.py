"""Starts servers, runs a command with their URLs in its environment, stops them: with_services.py rabbitmq,postgresql
-- COMMAND. The command finds TALLY_TEST_AMQP, TALLY_TEST_KAFKA, TALLY_TEST_POSTGRESQL. Ends with its status."""
import contextlib
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def make(name):
    if name == "rabbitmq":
        from rabbitmq import Rabbitmq
        return Rabbitmq()
    if name == "kafka":
        from kafka import Kafka
        return Kafka()
    if name == "postgresql":
        from postgresql import Postgresql
        return Postgresql()
    sys.exit(f"with_services: no service is called {name}")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers end too
    names, command = sys.argv[1].split(","), sys.argv[3:]
    env = dict(os.environ)
    with contextlib.ExitStack() as stack:
        for name in names:
            env.update(stack.enter_context(make(name)).environment)
        return subprocess.run(command, env=env).returncode


if __name__ == "__main__":
    sys.exit(main())
