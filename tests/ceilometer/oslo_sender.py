"""Prints what oslo.messaging's notifier puts on a bus, a line a message: version 1 of the envelope, then version 2.

Not part of Tally: it runs under /usr/bin/python3 where `python3-oslo.messaging` is installed. The driver at the bus's end
is replaced by one that prints; all before it is the library's own.
"""
import json

import oslo_messaging
from oslo_config import cfg
from oslo_messaging._drivers import common

PAYLOAD = {"id": "i-1", "size": 42, "owner": "p-1", "name": "Debian 12 “bookworm”", "tags": [], "deleted_at": None}


def main():
    conf = cfg.ConfigOpts()
    conf([])
    transport = oslo_messaging.get_notification_transport(conf, url="fake://")

    def print_message(target, ctxt, message, version, retry=None):
        message = dict(message)
        for key, value in ctxt.items():  # as the drivers of real brokers pack it
            message[f"_context_{key}"] = value
        print(json.dumps(common.serialize_msg(message) if version >= 2.0 else message))

    transport._driver.send_notification = print_message
    for driver in ("messaging", "messagingv2"):
        notifier = oslo_messaging.Notifier(transport, publisher_id="image.host1", driver=driver, topics=["notifications"])
        notifier.info({"user_id": "u-1", "project_id": "p-1", "request_id": "req-1"}, "image.upload", PAYLOAD)


if __name__ == "__main__":
    main()
