# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy that keeps every byte of both directions, and can break connections."""
import selectors
import socket
import threading

PIECE = 65536


class RecordingProxy:
    """Listens on a free port and forwards to another. with RecordingProxy(port) as proxy: proxy.port, proxy.wire()."""

    def __init__(self, port):
        self.target, self.recorded, self.lock, self.connections = port, bytearray(), threading.Lock(), 0
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.port = self.listening.getsockname()[1]
        self.open = set()

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listening.close()
        self.cut()

    def wire(self):
        with self.lock:
            return bytes(self.recorded)

    def cut(self):
        """Every connection that stands is gone, on both sides."""
        with self.lock:
            standing, self.open = self.open, set()
        for one in standing:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def pass_on(self, target, data):
        target.sendall(data)

    def _accept(self):
        while True:
            try:
                client, _ = self.listening.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self.connections += 1
            with self.lock:
                self.open |= {client, server}
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()

    def _forward(self, client, server):
        with selectors.DefaultSelector() as ready, client, server:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in ready.select():
                    try:
                        data = key.fileobj.recv(PIECE)
                        if not data:
                            return
                        with self.lock:
                            self.recorded += data
                        self.pass_on(key.data, data)
                    except OSError:
                        return
