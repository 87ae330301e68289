"""What a module asks: an upstream that shows what it got, a store in Redis behind HTTP, and an issuer that introspects."""

import hashlib
import json
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .server import until


class Redis:
    """A server of its own, on a Unix socket."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="countersign-redis-")
        self.path = f"{self.folder.name}/redis.sock"
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.path, "--save", "", "--dir", self.folder.name], stdout=subprocess.DEVNULL)
        until("Redis answers", lambda: Path(self.path).exists() and self.ask("PING") == b"+PONG\r\n")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()

    def ask(self, *words):
        command = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words)
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(self.path)
            except OSError:
                return b""
            connection.sendall(command)
            return connection.recv(4096)


class Answers:
    """Listens on 127.0.0.1, with TLS if it has certificate and key. `tokens` are those that the issuer knows, with what it says of them: JSON, or bytes that are sent as they are."""

    def __init__(self, redis=None, tls=None):
        self.redis = redis
        self.tokens = {}
        self.pause = 0  # seconds before an answer of store and issuer
        self.status = None  # instead of theirs
        self.asked = []  # path, header fields, body
        answers = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_all(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answers.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                question = {"/store": answers.store, "/used": answers.store, "/introspect": answers.introspect}.get(self.path)
                if question is None:
                    status, answer = 200, json.dumps(
                        {"method": self.command, "uri": self.path, "length": len(body), "sha256": hashlib.sha256(body).hexdigest(),
                         "headers": [[name.lower(), value] for name, value in self.headers.items()]}).encode()
                else:
                    status, answer = question(self.headers, body)
                    time.sleep(answers.pause)
                    status = answers.status or status
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    pass

            do_GET = do_POST = do_PUT = handle_all  # noqa: N815

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def store(self, headers, _):
        proof, seconds = headers["Countersign-Proof"], headers["Countersign-Seconds"]
        answer = self.redis.ask("SET", proof, "1", "NX", "EX", seconds)
        return {b"+OK\r\n": 201, b"$-1\r\n": 409}.get(answer, 500), b""

    def introspect(self, _, body):
        (token,) = urllib.parse.parse_qs(body.decode(), strict_parsing=True)["token"]
        said = self.tokens.get(token, {"active": False})
        return 200, said if isinstance(said, bytes) else json.dumps(said).encode()

    def of(self, path):
        """What was asked at this path."""
        return [(headers, body) for at, headers, body in self.asked if at == path]
