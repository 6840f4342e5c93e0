"""Publishes messages of CloudTraffic to Kafka, each confirmed by the broker, as many at once as it is asked for, for as
long as its standard input is open: a number a line in; `ok NUMBER PARTITION`, `lost NUMBER` (nobody knows), `depth COUNT`
(what the group has not committed) out. Not for deciding what to publish: cloud.py does.

It runs under /usr/bin/python3, where Debian's python3-confluent-kafka is. usage: kafka_sender.py PORT SEED PADDING WHAT
"""
import json
import os
import select
import sys
import threading

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from cloud_traffic import CloudTraffic


class Depth(threading.Thread):
    """What waits beyond the group's committed offsets, asked for beside the sending; a group that never committed has
    all of it before it."""

    def __init__(self, servers, topics, group, say):
        super().__init__(daemon=True)
        # It asks and never subscribes, so it is not a member of the group.
        self.client = Consumer({"bootstrap.servers": servers, "group.id": group, "enable.auto.commit": False, "log_level": 0})
        self.topics, self.say = topics, say
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(0.4):
            try:
                self.say(f"depth {self.measure()}\n")
            except KafkaException:
                pass  # the broker is away

    def measure(self):
        found = self.client.list_topics(timeout=5).topics
        partitions = [TopicPartition(name, number) for name in self.topics for number in found[name].partitions]
        total = 0
        for one in self.client.committed(partitions, timeout=5):
            low, high = self.client.get_watermark_offsets(one, timeout=5)
            total += high - max(low, one.offset)
        return total


class Sender:
    def __init__(self, servers, traffic, packing):
        # As a service's: what is sent again after a lost answer may be there twice.
        self.producer = Producer({"bootstrap.servers": servers, "acks": "all", "linger.ms": 5, "compression.type": packing,
                                  "message.max.bytes": 15 << 20, "queue.buffering.max.kbytes": 1 << 18,
                                  "sticky.partitioning.linger.ms": 10, "message.timeout.ms": 60_000, "log_level": 0,
                                  "reconnect.backoff.max.ms": 1000})
        self.traffic = traffic
        self.heard = b""
        self.news = []  # to be said
        self.lock = threading.Lock()

    def say(self, text):
        with self.lock:
            sys.stdout.write(text)
            sys.stdout.flush()

    def run(self):
        """Until standard input ends."""
        os.set_blocking(0, False)
        while True:
            ready, _, _ = select.select([0], [], [], 0 if len(self.producer) else 0.2)
            if ready:
                data = os.read(0, 1 << 16)
                if not data:
                    return
                *lines, self.heard = (self.heard + data).split(b"\n")
                for number in map(int, lines):
                    self.publish(number)
            if len(self.producer):
                self.producer.poll(0.01)
            if self.news:
                self.say("".join(self.news))
                self.news.clear()

    def publish(self, number):
        self.producer.produce(f"notifications.{self.traffic.bus_queue(number)}", self.traffic.line(number),
                              on_delivery=lambda error, message: self.told(number, error, message))

    def told(self, number, error, message):
        if error is None:
            self.news.append(f"ok {number} {message.topic()}/{message.partition()}\n")
        else:
            print(f"kafka_sender: message {number}: {error}", file=sys.stderr, flush=True)
            self.news.append(f"lost {number}\n")


def main():
    port, seed, padding, what = sys.argv[1:]
    what = json.loads(what)
    servers = f"127.0.0.1:{port}"
    sender = Sender(servers, CloudTraffic(int(seed), int(padding)), what["packing"])
    depth = Depth(servers, what["topics"], what["group"], sender.say)
    depth.start()
    sender.run()
    depth.over.set()
    depth.join(20)


if __name__ == "__main__":
    main()
