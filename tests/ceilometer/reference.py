"""Converts notifications with Debian's own Ceilometer: the truth that Tally's conversion is compared with.

Not part of Tally: it runs under /usr/bin/python3 where `python3-ceilometer` is installed.
usage: reference.py < lines > answers

A line in is {"definitions": FOLDER}, which loads them and answers {"loaded": COUNT}, or a bare notification (version 1 of
the envelope), which answers the list of its samples with Tally's keys but without the id, or {"error": text} where
Ceilometer fails. Samples that its pipeline would not pass on are left out as it does.
"""
import contextlib
import json
import logging
import sys


def make_configuration():
    from ceilometer import service
    conf = service.prepare_service([], [])
    logging.disable(logging.CRITICAL)
    return conf


def make_converter(conf, folder):
    from ceilometer.meter import notifications
    conf.set_override("meter_definitions_dirs", [folder], group="meter")
    return notifications.ProcessMeterNotifications(conf, None)


def endpoint_message(line):
    """What oslo.messaging hands to an endpoint: the context apart, time and id under `metadata`."""
    context = {key[len("_context_"):]: value for key, value in line.items() if key.startswith("_context_")}
    return {"ctxt": context, "publisher_id": line.get("publisher_id"), "event_type": line.get("event_type"),
            "payload": line.get("payload"),
            "metadata": {"message_id": line.get("message_id"), "timestamp": line.get("timestamp")}}


def as_tally(sample):
    return {"name": sample.name, "type": sample.type, "unit": sample.unit, "volume": sample.volume,
            "resource_id": sample.resource_id, "project_id": sample.project_id, "user_id": sample.user_id,
            "timestamp": sample.timestamp, "resource_metadata": sample.resource_metadata, "source": sample.source}


def passes(sample):
    """What the pipeline asks of a volume before it publishes: a number, or a text that is one."""
    if sample.volume is None:
        return False
    if isinstance(sample.volume, (int, float)):
        return True
    try:
        float(sample.volume)
    except ValueError:
        return False
    return True


def convert(converter, line):
    try:
        return [as_tally(sample) for sample in converter.build_sample(endpoint_message(line)) if passes(sample)]
    except Exception as problem:  # whatever it raises is an answer too
        return {"error": f"{type(problem).__name__}: {problem}"}


def main():
    conf, converter = make_configuration(), None
    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # the `sub` function of the path library prints
        for line in sys.stdin:
            request = json.loads(line)
            if "definitions" in request:
                converter = make_converter(conf, request["definitions"])
                answer = {"loaded": len(converter.definitions)}
            else:
                answer = convert(converter, request)
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
