"""Sends the lines of a file over the local transport, as doc/local-framing.md tells, and says at once which are kept.
A second implementation on purpose: `ok FIRST LAST` on its output names lines, from 0, that the consumer has on disk.

usage: local_sender.py SOCKET FILE; exit status 0: every line was answered OK.
"""
import socket
import struct
import sys

HELLO, MESSAGE, OK, NO = 1, 2, 3, 4
TOPIC = b"notifications.info"


def frame(kind, payload):
    return struct.pack(">IB", len(payload) + 1, kind) + payload


class Sender:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.heard = b""

    def hear(self):
        """The next frame from the consumer; None: the connection has ended."""
        while len(self.heard) < 4 or len(self.heard) < 4 + struct.unpack(">I", self.heard[:4])[0]:
            got = self.socket.recv(65536)
            if not got:
                return None
            self.heard += got
        size = struct.unpack(">I", self.heard[:4])[0]
        got, self.heard = self.heard[4:4 + size], self.heard[4 + size:]
        return got[0], got[1:]

    def send(self, lines, window=64):
        """Keeps a window of lines without an answer; returns how many were refused, or None where the end came first."""
        self.socket.sendall(frame(HELLO, b"TALLY" + struct.pack(">HI", 1, 0)))
        greeting = self.hear()
        if greeting is None or greeting[0] != HELLO:
            return None
        sent = answered = refused = 0
        while answered < len(lines):
            while sent < len(lines) and sent - answered < window:
                self.socket.sendall(frame(MESSAGE, struct.pack(">QH", sent + 1, len(TOPIC)) + TOPIC + lines[sent]))
                sent += 1
            answer = self.hear()
            if answer is None:
                return None
            kind, payload = answer
            if kind == OK:
                for at in range(0, len(payload), 16):
                    first, last = struct.unpack(">QQ", payload[at:at + 16])
                    print("ok", first - 1, last - 1, flush=True)
                    answered += last - first + 1
            elif kind == NO:
                print("no", payload[9:].decode(errors="replace"), flush=True)
                answered += 1
                refused += 1
        return refused


def main():
    try:
        lines = open(sys.argv[2], "rb").read().splitlines()
        return 0 if Sender(sys.argv[1]).send(lines) == 0 else 1
    except OSError as error:
        print("no", error, flush=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())
