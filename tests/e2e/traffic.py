"""What the tests of kills send, and the rows that must come of it: both follow from a seed and a number alone.
Not for sending: see chaos.py. It computes the rows by itself and asks nothing of Tally, so that it can judge it.
"""
import json
import random

import support

SECOND = 1_000_000
START = 1_767_323_045  # 2026-01-02 03:04:05 UTC
KINDS = ("server", "volume", "image", "download", "unknown", "rubbish")
WEIGHTS = (60, 14, 10, 8, 5, 3)
EXTRA = """metric:
  - name: extra.cores
    event_type: 'compute\\.instance\\..*'
    type: gauge
    unit: core
    volume: $.payload.vcpus
    resource_id: $.payload.instance_id
    project_id: $.payload.tenant_id
    user_id: $.payload.user_id
"""


def stamp(number):
    """The message's time: several messages share a resource, no two a resource and a time."""
    return START * SECOND + number * 1009


def text_of(microseconds):
    from datetime import datetime, timezone
    return datetime.fromtimestamp(microseconds // SECOND, timezone.utc).strftime("%Y-%m-%d %H:%M:%S") + \
        f".{microseconds % SECOND:06d}"


class Traffic:
    """Messages 0, 1, 2, … of one seed."""

    def __init__(self, seed, padding=600, extra=False):
        self.seed = seed
        self.extra = extra  # whether the definitions of EXTRA are there, at least for a while
        self.padding = padding

    def facts(self, number):
        choose = random.Random(f"{self.seed}/{number}")
        kind = choose.choices(KINDS, WEIGHTS)[0]
        return kind, choose

    def kind(self, number):
        return self.facts(number)[0]

    def line(self, number):
        """The message as it is sent: one line without its end."""
        kind, choose = self.facts(number)
        message_id = f"{self.seed}-{number}"
        if kind == "rubbish":
            return '{"message_id": "' + message_id + '", broken'
        event_type, payload = getattr(self, kind)(number, choose)
        payload["note"] = "x" * choose.randrange(self.padding + 1)
        message = support.notification(number, event_type)
        message.update(message_id=message_id, timestamp=text_of(stamp(number)), payload=payload)
        return json.dumps(message)

    def rows(self, number):
        """{(resource, meter, microseconds): (type, unit, volume, project, user)} of the message."""
        kind, choose = self.facts(number)
        if kind in ("unknown", "rubbish"):
            return {}
        _, payload = getattr(self, kind)(number, choose)
        return {(resource, meter, stamp(number)): facts for resource, meter, facts in getattr(self, kind + "_rows")(payload)
                if self.extra or meter != "extra.cores"}

    @staticmethod
    def server(number, choose):
        return choose.choice(["compute.instance.exists", "compute.instance.create.end", "compute.instance.delete.end"]), {
            "instance_id": f"server-{number // 7}", "tenant_id": f"p{number % 50}", "user_id": f"u{number % 11}",
            "memory_mb": choose.choice([512, 2048, 8192, 0.5]), "vcpus": choose.randrange(1, 65),
            "root_gb": choose.randrange(500), "ephemeral_gb": choose.randrange(3), "host": f"h{number % 20}"}

    @staticmethod
    def server_rows(payload):
        who = payload["tenant_id"], payload["user_id"]
        for meter, unit, key in (("memory", "MiB", "memory_mb"), ("vcpus", "vcpu", "vcpus"),
                                 ("disk.root.size", "GiB", "root_gb"), ("disk.ephemeral.size", "GiB", "ephemeral_gb"),
                                 ("extra.cores", "core", "vcpus")):
            yield payload["instance_id"], meter, (1, unit, str(payload[key]), *who)

    @staticmethod
    def unknown(number, choose):
        return "nobody.knows.this", {"thing": number}

    @staticmethod
    def volume(number, choose):
        return "volume.resize.end", {"volume_id": f"volume-{number // 3}", "tenant_id": f"p{number % 50}",
                                     "user_id": f"u{number % 11}", "size": choose.randrange(1, 1 << 40),
                                     "status": choose.choice(["available", "in-use"])}

    @staticmethod
    def volume_rows(payload):
        yield payload["volume_id"], "volume.size", (1, "GiB", str(payload["size"]), payload["tenant_id"],
                                                    payload["user_id"])

    @staticmethod
    def image(number, choose):
        return "image.update", {"id": f"image-{number}", "owner": f"p{number % 50}",
                                "size": choose.randrange(1 << 62, 1 << 90)}  # more than 64 bits hold

    @staticmethod
    def image_rows(payload):
        yield payload["id"], "image.size", (1, "B", str(payload["size"]), payload["owner"], None)

    @staticmethod
    def download(number, choose):
        return "image.send", {"image_id": f"image-{number}", "receiver_tenant_id": f"p{number % 50}",
                              "receiver_user_id": f"u{number % 11}", "owner_id": f"p{number % 7}",
                              "bytes_sent": choose.randrange(1 << 50)}

    @staticmethod
    def download_rows(payload):
        volume = str(payload["bytes_sent"])
        yield payload["image_id"], "image.download", (2, "B", volume, payload["receiver_tenant_id"],
                                                      payload["receiver_user_id"])
        yield payload["image_id"], "image.serve", (2, "B", volume, payload["owner_id"], None)
