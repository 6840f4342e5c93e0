"""A TCP proxy of the test's own in front of one server, which can stall, go deaf, or cut. Not for what it carries.

What it does is done to bytes on their way, so neither end can tell it from a network that does the same.
"""
import socket
import struct
import threading

CHUNK = 1 << 16
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset, not an end


def close_with_reset(*sockets):
    for end in sockets:
        try:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            end.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits on it
        except OSError:
            pass
        end.close()


def close(*sockets):
    for end in sockets:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        end.close()


class Proxy:
    """`with Proxy(port) as proxy:` listens on `proxy.port`. All calls from any thread."""

    def __init__(self, port, host="127.0.0.1"):
        self.target = host, port
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.pairs = set()
        self.forwards = {True: threading.Event(), False: threading.Event()}  # by "from the client"
        self.resume()
        self.marker, self.bytes_left = None, None
        self.cuts = 0  # those of cut_after that came to pass
        self.closed = False
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.closed = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.cut()
        self.resume()

    # --- faults -----------------------------------------------------------------------------------------------------

    def cut(self):
        """Resets every connection, on both sides."""
        with self.lock:
            pairs, self.pairs = self.pairs, set()
        for pair in pairs:
            close_with_reset(*pair)

    def stall(self):
        """Forwards nothing either way; connections stay, new ones are made and hear nothing."""
        for event in self.forwards.values():
            event.clear()

    def deafen(self):
        """What the server answers is held back; what clients send still arrives."""
        self.forwards[False].clear()

    def resume(self):
        for event in self.forwards.values():
            event.set()

    def cut_after(self, count, marker):
        """Resets the connection that next sends `marker`, `count` bytes behind it. `cuts` grows when it is done."""
        with self.lock:
            self.marker, self.bytes_left = marker, count

    # --- forwarding -------------------------------------------------------------------------------------------------

    def accept(self):
        while not self.closed:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.connect, args=(client,), daemon=True).start()

    def connect(self, client):
        try:
            server = socket.create_connection(self.target, timeout=10)
        except OSError:
            close_with_reset(client)  # as where nobody listens
            return
        server.settimeout(None)
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self.pairs.add((client, server))
        threading.Thread(target=self.forward, args=(client, server, False), daemon=True).start()
        self.forward(client, server, True)

    def forward(self, client, server, from_client):
        source, sink = (client, server) if from_client else (server, client)
        counted = False  # whether this is the connection that cut_after chose
        end = close_with_reset
        try:
            while True:
                data = source.recv(CHUNK)
                if not data:
                    end = close
                    break
                if from_client and self.marker is not None and not counted:
                    counted = self.choose(data)
                elif counted and self.count(len(data)):
                    sink.sendall(data[:len(data) // 2])
                    break
                self.forwards[from_client].wait()
                sink.sendall(data)
        except OSError:
            pass
        with self.lock:
            self.pairs.discard((client, server))
        end(client, server)

    def choose(self, data):
        with self.lock:
            if self.marker is None or self.marker not in data:
                return False
            self.marker = None
            return True

    def count(self, size):
        """Whether the bytes are used up."""
        with self.lock:
            self.bytes_left -= size
            if self.bytes_left > 0:
                return False
            self.cuts += 1
            return True
