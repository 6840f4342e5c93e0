"""Kafka as the bus of the proof: the broker, a proxy between it and the collectors, its sender, and its own faults.
Not for what is sent nor for other servers: amqp_bus.py has the same members.
"""
import json
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "services"))

from kafka import Kafka  # noqa: E402
from proxy import Proxy  # noqa: E402
from service import free_ports  # noqa: E402

# A listener of its own for collectors, which tells them to come by way of the proxy.
SETTINGS = """listeners=PLAINTEXT://127.0.0.1:{0},CONTROLLER://127.0.0.1:{1},PROXIED://127.0.0.1:{2}
advertised.listeners=PLAINTEXT://127.0.0.1:{0},PROXIED://127.0.0.1:{3}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT
auto.create.topics.enable=false
message.max.bytes=16777216
log.segment.bytes=67108864
"""
GROUP = "tally"
MORE_PARTITIONS = 3  # times that partitions are added, at most: each stays


class KafkaBus:
    name = "kafka"

    def __init__(self, choose, topics=None):
        """`topics`: {name: partitions}; none: as `choose` says."""
        self.choose = choose
        self.server = Kafka()
        self.proxy = None
        self.topics = topics or {"notifications.info": choose.choice([3, 4, 6]), "notifications.error": choose.choice([1, 3])}
        self.packing = choose.choice(["none", "gzip", "snappy", "lz4", "zstd"])
        self.added = 0
        self.faults = {"broker killed": self.kill, "broker stopped": self.stop, "broker frozen": self.freeze,
                       "bus connections cut": self.cut, "bus stalled": self.stall, "partitions added": self.add_partitions}

    def start(self):
        (proxied,) = free_ports(1)
        self.proxy = Proxy(proxied)
        self.server.settings = SETTINGS.format(self.server.port, self.server.controller_port, proxied, self.proxy.port)
        self.server.start()
        for name, partitions in self.topics.items():
            self.server.create_topic(name, partitions)

    def close(self):
        if self.proxy:
            self.proxy.close()
        self.server.close()

    # --- for collectors and senders ---------------------------------------------------------------------------------

    def listen(self):
        """A collector's URL for it, by way of the proxy."""
        return f"kafka://127.0.0.1:{self.proxy.port}/"

    def settings(self):
        """What the collector's file says of it, beside its URL. A member that is killed is missed after 6 s."""
        return ('  "transport:kafka": {priorities: [info, error], look_again: 2s, revoke_wait: 2s,\n'
                "                      settings: [session.timeout.ms=6000, reconnect.backoff.max.ms=1000]}\n")

    def sender(self, seed, padding):
        """The command that publishes; never by way of the proxy."""
        return ["/usr/bin/python3", HERE / "kafka_sender.py", self.server.port, seed, padding,
                json.dumps({"topics": [*self.topics], "group": GROUP, "packing": self.packing})]

    def unsettled(self):
        """Messages that the group has not committed, by Kafka's own tool; a partition without a word counts as one."""
        told = self.server.tool("consumer.group.ConsumerGroupCommand", "--describe", "--group", GROUP)
        head, *lines = [line.split() for line in told.splitlines() if line.strip()]
        lags = [words[head.index("LAG")] for words in lines if words[0] == GROUP]
        return sum(int(lag) if lag.isdigit() else 1 for lag in lags) if len(lags) == sum(self.topics.values()) else 1

    # --- faults -------------------------------------------------------------------------------------------------------

    def kill(self):
        self.server.kill()
        self.server.start()

    def stop(self):
        self.server.stop()
        self.server.start()

    def freeze(self):
        """For longer than its own controller waits for it, at times."""
        self.server.freeze()
        time.sleep(self.choose.uniform(1, 5))
        self.server.thaw()

    def cut(self):
        self.proxy.cut()

    def stall(self):
        """At times for longer than the group waits for its members: their partitions are lost to them."""
        self.proxy.stall()
        time.sleep(self.choose.choice([2, 4, 9]))
        if self.choose.random() < 0.5:
            self.proxy.cut()
        self.proxy.resume()

    def add_partitions(self):
        """The group finds them, shares them out again, and reads each from its first message."""
        if self.added >= MORE_PARTITIONS:
            return
        self.added += 1
        name = self.choose.choice(sorted(self.topics))
        self.topics[name] += 2
        self.server.tool("TopicCommand", "--alter", "--topic", name, "--partitions", str(self.topics[name]))
