"""Sends notifications through oslo.messaging as a service does: URL DRIVER FIRST COUNT; DRIVER messaging (version 1 of the
envelope) or messagingv2 (version 2). Not part of Tally: it runs under /usr/bin/python3, where Debian's library is.
"""
import sys

import oslo_messaging
from oslo_config import cfg


def main():
    url, driver, first, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    conf = cfg.ConfigOpts()
    conf([])
    oslo_messaging.set_transport_defaults(control_exchange="nova")
    transport = oslo_messaging.get_notification_transport(conf, url=url)
    notifier = oslo_messaging.Notifier(transport, publisher_id="compute.host1", driver=driver, topics=["notifications"])
    for number in range(first, first + count):
        payload = {"instance_id": f"i-{number}", "tenant_id": "p1", "user_id": "u1", "memory_mb": 512, "vcpus": 1,
                   "root_gb": 10, "ephemeral_gb": 0, "disk_gb": 10, "display_name": "vm",
                   "created_at": "2026-01-02 03:04:00", "launched_at": "2026-01-02 03:04:05"}
        notifier.info({"user_id": "u1", "project_id": "p1"}, "compute.instance.create.end", payload)
    transport.cleanup()


if __name__ == "__main__":
    main()
