"""Measures how long Debian's own Ceilometer takes for one message: reading it, and making samples of it, in process.

Not a comparison of what it makes: differential.py. Run by `./dev bench definitions`, under /usr/bin/python3.
usage: speed.py DEFINITIONS < message > figures: one line, a notification in the version 2 envelope, as on the wire
"""
import json
import sys
import time

import reference


def seconds(work, times):
    """The processor's, for once; the best of five rounds."""
    best = float("inf")
    for _ in range(5):
        begin = time.process_time()
        for _ in range(times):
            work()
        best = min(best, (time.process_time() - begin) / times)
    return best


def main():
    answers, sys.stdout = sys.stdout, sys.stderr
    wire = sys.stdin.readline()
    conf = reference.make_configuration()
    load_s = seconds(lambda: reference.make_converter(conf, sys.argv[1]), 1)
    converter = reference.make_converter(conf, sys.argv[1])

    def once():
        message = json.loads(json.loads(wire)["oslo.message"])
        return list(converter.build_sample(reference.endpoint_message(message)))

    made = len(once())
    if made != 4:
        sys.exit(f"the message gives {made} samples, not 4")
    print(json.dumps({"load_s": load_s, "message_s": seconds(once, 50)}), file=answers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
