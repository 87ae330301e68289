"""The servers that a host asks: an upstream that shows the request it got, a store of used proofs, and an issuer that introspects."""

import contextlib
import hashlib
import json
import ssl
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Used:
    """Proofs that were used, until their seconds are over."""

    def __init__(self):
        self.proofs, self.lock = {}, threading.Lock()

    def status(self, proof, seconds):
        """Looks and remembers in one step."""
        with self.lock:
            if self.proofs.get(proof, 0) > time.monotonic():
                return 409
            self.proofs[proof] = time.monotonic() + int(seconds)
        return 201


class Server:
    """Listens on 127.0.0.1, with TLS if it has certificate and key. `handle` takes path, method, header fields and body, and gives status, body and header fields, if any."""

    def __init__(self, handle, tls=None):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def read_body(self):
                if self.headers["transfer-encoding"] != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size + 2)[:-2]
                while self.rfile.readline().rstrip(b"\r\n"):
                    pass
                return body

            def answer(self):
                status, answer, *fields = handle(self.path, self.command, self.headers, self.read_body())
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(answer)))
                    for field in fields:
                        self.send_header(*field)
                    self.end_headers()
                    self.wfile.write(answer)

            do_GET = do_POST = do_PUT = answer  # noqa: N815

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Scripted(Server):
    """Gives the `answers` of one request of a vector after another: those of a store and of an issuer. A question that it has none for gets 503."""

    def __init__(self):
        self.left = []
        super().__init__(self.handle)

    def handle(self, path, *_):
        answer = self.left.pop(0) if self.left else {}
        if path == "/store":
            return {"first": 201, "used": 409}.get(answer.get("use_once"), 503), b""
        if "introspected" not in answer:
            return 503, b""
        said = answer["introspected"]
        return 200, (said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)).encode()


class Answers(Server):
    """Shows a request that is no question of a host, and answers those that are. `tokens` are those that the issuer knows, with its answer about them: JSON, or bytes that are sent as they are."""

    def __init__(self, store=None, tls=None):
        self.used = store or Used()
        self.tokens = {}
        self.pause = 0  # seconds before an answer of store and issuer
        self.status = None  # instead of theirs
        self.redirect = None  # where their answers lead nginx
        self.asked = []  # path, header fields, body
        super().__init__(self.handle, tls)

    def handle(self, target, method, headers, body):
        self.asked.append((target, {name.lower(): value for name, value in headers.items()}, body))
        path = urllib.parse.urlsplit(target).path
        question = {"/store": self.store, "/used": self.store, "/introspect": self.introspect}.get(path)
        if question is None:
            return 200, json.dumps(
                {"method": method, "uri": target, "length": len(body), "sha256": hashlib.sha256(body).hexdigest(),
                 "headers": [[name.lower(), value] for name, value in headers.items()]}).encode()
        status, answer = question(headers, body)
        time.sleep(self.pause)
        return self.status or status, answer, *([("X-Accel-Redirect", self.redirect)] if self.redirect else [])

    def store(self, headers, _):
        return self.used.status(headers["Countersign-Proof"], headers["Countersign-Seconds"]), b""

    def introspect(self, _, body):
        (token,) = urllib.parse.parse_qs(body.decode(), strict_parsing=True)["token"]
        said = self.tokens.get(token, {"active": False})
        return 200, said if isinstance(said, bytes) else json.dumps(said).encode()

    def of(self, path):
        """The requests for this path."""
        return [(headers, body) for at, headers, body in self.asked if at == path]
