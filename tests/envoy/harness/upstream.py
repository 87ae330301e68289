"""An upstream that returns the request it received: target, header fields and trailer fields, names as they came."""

import contextlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


def text(value):
    """A value on the wire is UTF-8."""
    return value.encode("latin-1").decode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        trailers = []
        if self.headers["transfer-encoding"] == "chunked":
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            while line := self.rfile.readline().rstrip(b"\r\n"):
                name, _, value = line.partition(b":")
                trailers.append([name.decode("latin-1"), value.strip().decode()])
        elif length := int(self.headers["content-length"] or 0):
            self.rfile.read(length)
        fields = [[name, text(value)] for name, value in self.headers.items()]
        body = json.dumps({"target": self.path, "fields": fields, "trailers": trailers}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def upstream():
    """The port of one."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
