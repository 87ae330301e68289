"""The configuration that most tests start from: one issuer, a route that shows what the filter left behind."""

import contextlib
import json
import time

from . import build, client, issuer, server

POLICY = {
    "trust": [{"issuer": issuer.ISSUER, "jwks_file": "as.json"}],
    "policies": {"default": {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE], "origin": "https://api.example"}},
}

SETTINGS = {
    "poll_milliseconds": 50,
    "identity_headers": {"x-user": "subject", "x-binding": "binding"},
    "metadata": {"attributes": [name[2:] for name in server.SHOWN]},
    # Tests do not wait until a new store has seen all that it must have.
    "proofs_before_start": "danger_accept",
}


class World:
    """An Envoy with one listener, its issuer's key, and a client's key."""

    def __init__(self, settings=None, policy=None, policies=None, routes=None, workers=1, tls=None, filters=None, start=True,
                 environment=None, access_log=None, key=None, documents=None, **options):
        self.envoy = server.Envoy(workers, environment)
        self.port = server.free_port()
        self.key, self.client = key or issuer.Key("first"), issuer.Key("client")
        self.policy = json.loads(json.dumps(policy or POLICY))
        self.policy["policies"].update(policies or {})
        self.trust(self.key)
        for name, text in (documents or {}).items():
            self.envoy.write(name, text)
        settings = {**SETTINGS, "policy": self.policy, "trust_directory": str(self.envoy.folder), **(settings or {})}
        self.settings = build.THIS.settings(settings, self.envoy.folder)
        if access_log:
            options["access_log"] = {"path": str(self.envoy.folder / "access.log"), "format": access_log}
        self.envoy.listeners.append(server.listener(
            "main", self.port, [server.countersign(self.settings), *(filters or [])], routes, tls, **options))
        self.starts = start

    def __enter__(self):
        if self.starts:
            try:
                self.envoy.start()
            except BaseException:
                self.envoy.stop()
                raise
        return self

    def __exit__(self, *failure):
        self.envoy.__exit__(*failure)

    def trust(self, *keys):
        self.envoy.write("as.json", issuer.key_set(*keys))

    def get(self, target="/", headers=(), port=None, **options):
        return client.get(("127.0.0.1", port or self.port), target, headers, **options)

    def bearer(self, **claims):
        return issuer.bearer(self.key.token(**claims))

    def proven(self, token=None, **claims):
        """The header fields of a DPoP request."""
        token = token or self.key.token(bound=self.client)
        return issuer.dpop(token, self.client.proof(token, **claims))

    def count(self, reason, outcome="refused", policy="default"):
        return self.envoy.counter("countersign_decisions", policy=policy, outcome=outcome, reason=reason)


@contextlib.contextmanager
def key_server():
    """An issuer's server of keys whose behaviour is a function that tests exchange."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.server.asked += 1
            status, body = self.server.answer_path(self.path)
            body = body.encode() if isinstance(body, str) else body
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        asked = 0

    keys = Server(("127.0.0.1", 0), Handler)
    keys.answer = lambda: (500, "")
    keys.answer_path = lambda _path: keys.answer()
    thread = Thread(target=keys.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield keys
    finally:
        keys.shutdown()
        keys.server_close()
        thread.join()


def slow(seconds, answer):
    """An answer that takes its time."""
    def answered():
        time.sleep(seconds)
        return answer()
    return answered
