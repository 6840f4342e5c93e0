"""Publishes messages of CloudTraffic to RabbitMQ with confirms, as many at once as it is asked for, for as long as its
standard input is open: a number a line in; `ok NUMBER`, `no NUMBER`, `lost NUMBER` (the connection went: nobody knows),
`depth COUNT` (what waits in the queues) out. Not for deciding what to publish: cloud.py does.

It runs under /usr/bin/python3, where Debian's python3-pika is. usage: amqp_sender.py PORT SEED PADDING QUEUES
"""
import json
import os
import sys

import pika
from pika.adapters.select_connection import SelectConnection

from cloud_traffic import CloudTraffic

EXCHANGE = "nova"


class Sender:
    def __init__(self, port, traffic, queues):
        """`queues`: {name: arguments}."""
        self.parameters = pika.ConnectionParameters("127.0.0.1", port, heartbeat=10, blocked_connection_timeout=None,
                                                    socket_timeout=5, stack_timeout=10)
        self.traffic = traffic
        self.queues = queues
        self.waiting = []
        self.unconfirmed = {}  # delivery tag: number
        self.returned = set()
        self.heard = b""
        self.channel = None
        self.published = 0
        self.depths = {}

    def say(self, *words):
        sys.stdout.write(" ".join(map(str, words)) + "\n")

    # --- the connection -------------------------------------------------------------------------------------------

    def run(self):
        self.connection = SelectConnection(self.parameters, on_open_callback=self.opened,
                                           on_open_error_callback=self.gone, on_close_callback=self.gone)
        self.loop = self.connection.ioloop
        os.set_blocking(0, False)
        self.loop.add_handler(0, self.asked, self.loop.READ)
        self.loop.start()

    def gone(self, _connection, _error):
        self.channel = None
        for number in [*self.unconfirmed.values(), *self.waiting]:
            self.say("lost", number)
        self.unconfirmed, self.waiting, self.returned = {}, [], set()
        sys.stdout.flush()
        self.loop.call_later(0.2, self.connect)

    def connect(self):
        self.connection = SelectConnection(self.parameters, on_open_callback=self.opened, custom_ioloop=self.loop,
                                           on_open_error_callback=self.gone, on_close_callback=self.gone)

    def opened(self, connection):
        connection.channel(on_open_callback=self.prepare)

    def prepare(self, channel):
        """The exchange and the queues of a service whose queues are durable."""
        channel.add_on_close_callback(self.channel_closed)
        channel.add_on_return_callback(lambda _c, _m, properties, _b: self.returned.add(int(properties.message_id)))
        channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
        for name, arguments in self.queues.items():
            channel.queue_declare(name, durable=True, arguments=arguments)
            channel.queue_bind(name, EXCHANGE, routing_key=name)
        channel.confirm_delivery(self.confirmed, callback=lambda _frame: self.ready(channel))

    def channel_closed(self, channel, error):
        self.channel = None
        if self.connection.is_open:
            print(f"amqp_sender: the channel is closed: {error}", file=sys.stderr, flush=True)
            self.connection.close()

    def ready(self, channel):
        self.channel = channel
        self.published = 0
        self.measure(channel)
        self.publish()

    def measure(self, channel):
        """Asks every half second how much waits in the queues."""
        if channel is not self.channel or not channel.is_open:
            return
        for name in self.queues:
            channel.queue_declare(name, passive=True, callback=self.measured)
        self.loop.call_later(0.5, lambda: self.measure(channel))

    def measured(self, frame):
        self.depths[frame.method.queue] = frame.method.message_count
        self.say("depth", sum(self.depths.values()))
        sys.stdout.flush()

    # --- messages -------------------------------------------------------------------------------------------------

    def asked(self, _fd, _events):
        data = os.read(0, 1 << 16)
        if not data:
            self.loop.stop()
            return
        *lines, self.heard = (self.heard + data).split(b"\n")
        self.waiting += map(int, lines)
        self.publish()

    def publish(self):
        if self.channel is None:
            return
        numbers, self.waiting = self.waiting, []
        for number in numbers:
            self.published += 1
            self.unconfirmed[self.published] = number
            self.channel.basic_publish(EXCHANGE, f"notifications.{self.traffic.bus_queue(number)}",
                                       self.traffic.line(number), mandatory=True,
                                       properties=pika.BasicProperties(delivery_mode=2, message_id=str(number)))

    def confirmed(self, frame):
        tag, many = frame.method.delivery_tag, frame.method.multiple
        good = isinstance(frame.method, pika.spec.Basic.Ack)
        for each in [key for key in self.unconfirmed if key <= tag] if many else [tag]:
            number = self.unconfirmed.pop(each)
            kept = good and number not in self.returned
            self.returned.discard(number)
            self.say("ok" if kept else "no", number)
        sys.stdout.flush()


def main():
    port, seed, padding, queues = sys.argv[1:]
    Sender(int(port), CloudTraffic(int(seed), int(padding)), json.loads(queues)).run()


if __name__ == "__main__":
    main()
