"""An upstream of nginx that records the requests it receives, byte for byte."""

import socketserver
import threading
from pathlib import Path


class Upstream:
    """Listens on a Unix socket. Each request is kept as its path and its header fields, names in lower case.

    A path that begins with `/accel` is answered with `X-Accel-Redirect` to what follows, a request with `X-Answer: 101` as if
    it switched to h2c: the bytes that follow are kept.
    """

    def __init__(self, path):
        self.path = str(path)
        self.arrived, self.tunnelled = [], []
        upstream = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                method, target, _ = self.rfile.readline().decode("latin-1").split(" ", 2)
                fields = []
                while (line := self.rfile.readline().rstrip(b"\r\n")):
                    name, value = line.split(b":", 1)
                    value = value[1:] if value.startswith(b" ") else value
                    fields.append([name.decode("latin-1").lower(), value.decode("utf-8", "surrogateescape")])
                upstream.arrived.append((target, fields, method))
                more = f"X-Accel-Redirect: {target.removeprefix('/accel')}\r\n" if target.startswith("/accel") else ""
                if ["x-answer", "101"] in fields:
                    self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
                    self.connection.settimeout(1)
                    try:
                        upstream.tunnelled.append(self.connection.recv(100))
                    except TimeoutError:
                        upstream.tunnelled.append(b"")
                    return
                self.wfile.write(f"HTTP/1.0 200 OK\r\n{more}Content-Length: 2\r\n\r\nok".encode())

        self.server = socketserver.ThreadingUnixStreamServer(self.path, Handler)
        self.server.daemon_threads = True
        # nginx's workers have another user.
        Path(self.path).chmod(0o777)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def take(self):
        """What arrived since it was asked last."""
        arrived, self.arrived = self.arrived, []
        return arrived
