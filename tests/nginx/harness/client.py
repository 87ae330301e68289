"""HTTP/1.1 over a socket, byte for byte, as the test wrote it."""

import socket
import ssl

PATIENCE = 20  # seconds


class Response:
    """Status, header fields as they came, body."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{len(values)} {name}"
        return values[0] if values else None

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:300]!r}"


class Client:
    """One connection, kept alive while the server does."""

    def __init__(self, address, tls=None):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        try:
            self.socket.connect(address)
            if family == socket.AF_INET:
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                self.socket = tls.wrap_socket(self.socket, server_hostname="api.example")
        except OSError:
            self.socket.close()
            raise
        self.left = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, method, target, headers=(), body=b"", version="1.1"):
        lines = [f"{method} {target} HTTP/{version}"] + [f"{name}: {value}" for name, value in headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)

    def receive(self, method="GET"):
        while b"\r\n\r\n" not in self.left:
            self._more()
        head, self.left = self.left.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = [tuple(line.split(": ", 1)) if ": " in line else (line.rstrip(":"), "") for line in lines]
        response = Response(int(first.split()[1]), headers, b"")
        if method == "HEAD" or response.status in (204, 304):
            return response
        if response.one("transfer-encoding") == "chunked":
            response.body = self._chunks()
        else:
            response.body = self._exactly(int(response.one("content-length") or 0))
        return response

    def ask(self, method, target, headers=(), body=b"", version="1.1"):
        self.send(method, target, headers, body, version)
        return self.receive(method)

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError(f"closed after {self.left!r}")
        self.left += data

    def _exactly(self, length):
        while len(self.left) < length:
            self._more()
        body, self.left = self.left[:length], self.left[length:]
        return body

    def _chunks(self):
        body = b""
        while True:
            while b"\r\n" not in self.left:
                self._more()
            size, self.left = self.left.split(b"\r\n", 1)
            chunk = self._exactly(int(size, 16) + 2)[:-2]
            if not chunk:
                return body
            body += chunk


def tls(certificate=None, key=None):
    """TLS that trusts any server, with a client certificate if one is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


def get(address, target="/", headers=(), method="GET", tls=None, host="api.example"):
    """One request on a connection of its own."""
    with Client(address, tls) as client:
        return client.ask(method, target, [("Host", host), ("Connection", "close"), *headers])
