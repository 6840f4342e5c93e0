"""RabbitMQ as the bus of the proof: the server, a proxy between it and the collectors, its sender, and its own faults.
Not for what is sent nor for other servers. A bus of another kind offers the same members, and cloud.py asks no more.
"""
import json
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "services"))

from proxy import Proxy  # noqa: E402
from rabbitmq import Rabbitmq  # noqa: E402
from service import wait_until  # noqa: E402


class AmqpBus:
    name = "amqp"

    def __init__(self, choose):
        self.choose = choose
        self.server = Rabbitmq()
        self.proxy = None
        kinds = choose.choice([("classic", "classic"), ("classic", "quorum"), ("quorum", "classic")])
        self.queues = {f"notifications.{priority}": {"x-queue-type": kind}
                       for priority, kind in zip(("info", "error"), kinds)}
        self.faults = {"broker killed": self.kill, "broker stopped": self.stop, "broker ends its connections": self.end,
                       "bus connections cut": self.cut, "bus stalled": self.stall, "publishers blocked": self.block}

    def start(self):
        self.server.start()
        self.proxy = Proxy(self.server.port)

    def close(self):
        if self.proxy:
            self.proxy.close()
        self.server.close()

    # --- for collectors and senders ---------------------------------------------------------------------------------

    def listen(self):
        """A collector's URL for it, by way of the proxy."""
        return f"amqp://guest:guest@127.0.0.1:{self.proxy.port}/"

    def settings(self):
        """What the collector's file says of it, beside its URL."""
        return '  "transport:amqp": {priorities: [info, error], retry_last: 2s, look_again: 2s}\n'

    def sender(self, seed, padding):
        """The command that publishes; never by way of the proxy."""
        return ["/usr/bin/python3", HERE / "amqp_sender.py", self.server.port, seed, padding, json.dumps(self.queues)]

    def unsettled(self):
        """Messages that the broker has, those that collectors have not settled included."""
        return sum(self.server.queues().values())

    # --- faults -------------------------------------------------------------------------------------------------------

    def kill(self):
        """Not before the broker has written down which quorum queues it has: one that is made a moment before a kill has
        lost what was confirmed, or never gets a leader, and that is not our affair."""
        wait_until("the quorum queues are written down", self.written_down)
        self.server.kill()
        self.server.start()

    def written_down(self):
        files = [path.read_bytes() for path in self.server.folder.glob("data/*/quorum/*/names.dets")]
        return all(any(name.encode() in written for written in files)
                   for name, arguments in self.queues.items() if arguments["x-queue-type"] == "quorum")

    def stop(self):
        self.server.stop()
        self.server.start()

    def end(self):
        self.server.cut_connections()

    def cut(self):
        self.proxy.cut()

    def stall(self):
        self.proxy.stall()
        time.sleep(self.choose.uniform(1, 5))
        if self.choose.random() < 0.5:
            self.proxy.cut()
        self.proxy.resume()

    def block(self):
        self.server.block_publishers()
        time.sleep(self.choose.uniform(0, 2))
        self.server.block_publishers(False)
