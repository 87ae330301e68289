"""The configurations of docs/hosts/nginx.md, as they are there."""

import json
import re
import socketserver
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from harness import client, issuer, place
from harness.answers import Answers, Redis
from harness.server import until
from harness.upstream import Upstream
from harness.world import HTTP, World

PAGE = (place.ROOT / "docs/hosts/nginx.md").read_text()
FIRST, *RECIPES = re.findall(r"```nginx\n(.*?)```", PAGE, re.DOTALL)
RPC = str(place.ROOT / "tests/envoy/harness/rpc.py")

SERVER = """
    countersign_set_header X-User subject;
    location / { countersign on; proxy_pass http://shown; }
"""


def recipe(location):
    """The one block of the page with this location."""
    (found,) = [block for block in RECIPES if f"location {location} " in block]
    return found


def world(*locations, server="", policies=None, listen="", upstreams="", replaced=(), **options):
    """The recipes in one server. The upstreams of the page show the requests they receive."""
    upstreams = upstreams or "upstream orders { server unix:{folder}/shown.sock; }"
    blocks = "\n".join(recipe(location) for location in locations)
    for written, here in replaced:
        assert blocks.count(written) == 1, written
        blocks = blocks.replace(written, here)
    # They belong into `http`.
    maps = "".join(f"{line}\n" for line in re.findall(r"^map .*$", blocks, re.MULTILINE))
    blocks = re.sub(r"^map .*$", "", blocks, flags=re.MULTILINE)
    return World(SERVER + server + blocks, http=upstreams + maps + HTTP, policies=policies, listen=listen, **options)


def upstream(**addresses):
    return "".join(f"upstream {name} {{ server {address}; }}\n" for name, address in addresses.items())


class Recipes(unittest.TestCase):
    def test_all_are_tested(self):
        """Each block is one that a test below names."""
        named = set(re.findall(r'world\("([^"]+)"', Path(__file__).read_text()))
        first = {re.search(r"location (\S+) ", block)[1] for block in RECIPES}
        self.assertEqual(first, named)

    def test_the_first_example(self):
        http = FIRST.split("http {", 1)[1].rsplit("}", 1)[0]
        for written, here in [("listen 443 ssl http2;", "listen 127.0.0.1:{port};"),
                              ("/var/lib/nginx/countersign.zone", "{folder}/countersign.zone"),
                              ("/etc/nginx/countersign/policy.json", "{folder}/policy.json")]:
            self.assertEqual(http.count(written), 1, written)
            http = http.replace(written, here)
        http += """
            access_log {folder}/access.log decisions;
            upstream orders { server unix:{folder}/shown.sock; }
            upstream admin { server unix:{folder}/shown.sock; }
        """
        admin = {"accept": [{"kind": "at+jwt", "scope": ["admin"]}], "audience": [issuer.AUDIENCE]}
        default = {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE]}
        with World("", http=http, policies={"default": default, "admin": admin}) as made:
            passes, told = made.nginx.test()
            self.assertTrue(passes)
            self.assertNotIn("[warn]", told)
            self.assertEqual(made.get("/orders", [made.bearer()]).status, 200)
            token = made.key.token(bound=made.client)
            self.assertEqual(made.get("/orders", issuer.dpop(token, made.proof(token, uri="https://api.example/orders"))).status, 200)
            self.assertEqual(made.get("/orders").status, 401)
            self.assertEqual(made.get("/admin", [made.bearer()]).status, 403)
            self.assertEqual(made.get("/admin", [made.bearer(scope="admin")]).status, 200)
            self.assertEqual(made.get("/health").status, 200)
            self.assertIn(b"countersign_decisions_total", made.get("/metrics").body)
            log = made.nginx.folder / "access.log"
            until("the log", lambda: '"GET /orders HTTP/1.1" 200 accept accepted alice' in log.read_text())

    def test_cors(self):
        nonce = {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE], "origin": "https://api.example", "dpop": {"nonce": "required"}}
        with world("/orders", policies={"default": nonce}) as made:
            asks = [("Origin", "https://app.example"), ("Access-Control-Request-Method", "POST"),
                    ("Access-Control-Request-Headers", "authorization, dpop")]
            preflight = made.get("/orders", asks, method="OPTIONS")
            self.assertEqual((preflight.status, preflight.all("www-authenticate")), (204, []))
            token = made.key.token(bound=made.client)
            uri = "https://api.example/orders"
            refused = made.get("/orders", issuer.dpop(token, made.proof(token, uri=uri)))
            answers = [refused]

            def retried():
                """As a client does, with the nonce of the last answer. A store that has just started accepts none of its first seconds."""
                proof = made.proof(token, uri=uri, nonce=answers[-1].one("dpop-nonce"), jti=f"retry {len(answers)}")
                answers.append(made.get("/orders", issuer.dpop(token, proof)))
                return answers[-1].status == 200

            until("a proof with a nonce is accepted", retried)
            accepted = answers[-1]
            self.assertEqual(refused.status, 401)
            for answer in (preflight, refused, accepted):
                self.assertEqual(answer.one("access-control-allow-origin"), "https://app.example")
                self.assertEqual(answer.one("access-control-expose-headers"), "DPoP-Nonce, WWW-Authenticate")
                self.assertEqual(answer.one("access-control-allow-headers"), "Authorization, DPoP, Content-Type")
            # Only a preflight is let past: no other method, and no OPTIONS that asks for nothing.
            for method, headers in (("OPTIONS", []), ("GET", asks), ("POST", asks), ("DELETE", asks)):
                self.assertEqual(made.get("/orders", headers, method=method).status, 401, method)

    def test_optional_tokens(self):
        with world("/articles") as made:
            for method in ("GET", "POST"):
                anonymous = made.get("/articles/1", [("X-User", "root")], method=method)
                self.assertEqual(anonymous.status, 200)
                self.assertIn(f"user= binding= uri=/articles/1 method={method}".encode(), anonymous.body)
            self.assertIn(b"user=alice ", made.get("/articles/1", [made.bearer()]).body)
            for header in (made.bearer(exp=1), ("Authorization", "Basic YTpi"), ("Authorization", "Bearer x")):
                refused = made.get("/articles/1", [header])
                self.assertEqual((refused.status, len(refused.all("www-authenticate"))), (401, 2), header)
            with client.Client(made.nginx.address) as connection:
                body = connection.ask("POST", "/articles", [("Host", "api.example")], body=b"x" * 5000)
                self.assertEqual((body.status, b"method=POST" in body.body), (200, True))

    def test_a_rule_of_ones_own(self):
        with world("/reports") as made:
            self.assertEqual(made.get("/reports", [made.bearer()]).status, 200)
            self.assertEqual(made.get("/reports", [made.bearer(client_id="retired")]).status, 403)
            self.assertEqual(made.get("/reports").status, 401)
            self.assertEqual(made.get("/reports", [made.bearer(client_id="retired", exp=1)]).status, 401)

    def test_proofs_of_several_machines(self):
        once = {"accept": ["at+jwt"], "audience": issuer.AUDIENCE, "origin": "https://api.example", "dpop": {"shared_store": "required"}}
        with Redis() as redis, Answers(redis) as answers:
            upstreams = upstream(orders=answers.address, store=answers.address)
            with world("/payments", policies={"once": once}, upstreams=upstreams) as made:
                token = made.key.token(bound=made.client)
                proof = made.proof(token, uri="https://api.example/payments")
                self.assertEqual([made.get("/payments", issuer.dpop(token, proof)).status for _ in range(2)], [200, 401])
                self.assertEqual(len(answers.of("/used")), 1)
                answers.pause = 1
                proof = made.proof(token, uri="https://api.example/payments")
                self.assertEqual(made.get("/payments", issuer.dpop(token, proof)).status, 503)

    def test_opaque_tokens(self):
        opaque = {"accept": [{"kind": "introspected", "issuer": issuer.ISSUER}], "audience": issuer.AUDIENCE}
        policy = {"trust": [{"issuer": issuer.ISSUER, "jwks_file": "as.json", "introspection": {"uri": "https://as.example/introspect"}}],
                  "policies": {"default": {"accept": ["at+jwt"], "audience": issuer.AUDIENCE}, "opaque": opaque}}
        with tempfile.TemporaryDirectory() as folder:
            key, certificate = f"{folder}/key.pem", f"{folder}/certificate.pem"
            place.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                      "-subj", "/CN=as.example", "-addext", "subjectAltName=DNS:as.example", "-keyout", key, "-out", certificate)
            with Answers() as orders, Answers(tls=(certificate, key)) as server:
                upstreams = upstream(orders=orders.address, **{"as.example": server.address})
                with world("/partners", policy=policy, upstreams=upstreams,
                           replaced=[("/etc/ssl/certs/ca-certificates.crt", certificate)]) as made:
                    server.tokens["known"] = {"active": True, "sub": "alice", "aud": issuer.AUDIENCE, "exp": 4000000000,
                                              "client_id": "shop"}
                    self.assertEqual(made.get("/partners", [("Authorization", "Bearer known")]).status, 200)
                    self.assertEqual(made.get("/partners", [("Authorization", "Bearer other")]).status, 401)
                    (asked, body), _ = server.of("/introspect")
                    self.assertEqual((asked["authorization"], body), ("Basic Z2F0ZXdheTpzZWNyZXQ=", b"token=known"))

    def test_tools(self):
        tools = {"accept": ["at+jwt"], "audience": issuer.AUDIENCE, "tools": [{"name": "read"}]}
        with Answers() as answers, world("/mcp", policies={"tools": tools}, upstreams=upstream(orders=answers.address)) as made:
            for tool, status in (("read", 200), ("write", 403)):
                body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool}}).encode()
                with client.Client(made.nginx.address) as connection:
                    answer = connection.ask("POST", "/mcp", [("Host", "api.example"), made.bearer(), ("X-Tool", "write")], body)
                self.assertEqual(answer.status, status, answer)
            ((fields, _),) = answers.of("/mcp")
            self.assertEqual(fields["x-tool"], "read")

    def test_transaction_tokens(self):
        tts = issuer.Key("tts")
        policy = {"trust": [{"issuer": issuer.ISSUER, "jwks_file": "as.json"}, {"issuer": "https://tts.example", "jwks_file": "tts.json"}],
                  "policies": {"default": {"accept": ["at+jwt"], "audience": issuer.AUDIENCE}}}
        txn = {"credentials": [{"name": "client", "from": "authorization", "accept": ["at+jwt"], "audience": issuer.AUDIENCE},
                               {"name": "txn", "from": {"header": "txn-token"}, "remove": True, "audience": "example.org",
                                "accept": [{"kind": "txntoken+jwt", "issuer": "https://tts.example"}]}],
               "attributes": {"tenant": "/tenant"}}
        with Answers() as answers:
            made = world("/ledger", policy=policy, policies={"txn": txn}, upstreams=upstream(orders=answers.address))
            made.nginx.write("tts.json", issuer.key_set(tts))
            with made:
                now = int(time.time())
                token = tts.sign({"alg": "ES256", "kid": "tts", "typ": "txntoken+jwt"}, {
                    "iss": "https://tts.example", "aud": "example.org", "sub": "alice", "iat": now, "exp": now + 60, "txn": "t-1",
                    "scope": "x", "req_wl": "gateway"})
                self.assertEqual(made.get("/ledger", [made.bearer(tenant="red"), ("Txn-Token", token)]).status, 200)
                self.assertEqual(made.get("/ledger", [made.bearer(tenant="red")]).status, 401)
            ((fields, _),) = answers.of("/ledger")
            self.assertEqual((fields["x-transaction"], fields["x-tenant"], "txn-token" in fields), ("t-1", "red", False))

    def test_auth_request(self):
        with world("/archive") as made:
            self.assertEqual(made.get("/archive", [made.bearer()]).status, 200)
            refused = made.get("/archive")
            self.assertEqual((refused.status, len(refused.all("www-authenticate"))), (401, 2))
            token = made.key.token(bound=made.client)
            proof = made.proof(token, uri="https://api.example/archive")
            first, second = (made.get("/archive", issuer.dpop(token, proof)) for _ in range(2))
            self.assertEqual((first.status, second.status), (200, 401))
            self.assertEqual(made.get("/token", [made.bearer()]).status, 404)

    def test_who_auth_request_let_pass(self):
        made = world("/archive", upstreams="upstream orders { server unix:{folder}/raw.sock; }")
        with Upstream(made.nginx.folder / "raw.sock") as upstream, made:
            self.assertEqual(made.get("/archive", [made.bearer(), ("X-Who", "root")]).status, 200)
            ((_, fields, _),) = upstream.take()
            self.assertEqual([value for name, value in fields if name == "x-who"], ["alice"])

    def test_websocket(self):
        made = world("/live", upstreams="upstream orders { server unix:{folder}/echo.sock; }")
        handshake = [("Host", "api.example"), ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"),
                     ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]
        with Echo(made.nginx.folder / "echo.sock") as echo, made:
            token = made.key.token(bound=made.client)
            proof = issuer.dpop(token, made.proof(token, uri="https://api.example/live"))
            for headers in ([made.bearer()], proof):
                with client.Client(made.nginx.address) as connection:
                    connection.send("GET", "/live", [*handshake, *headers])
                    answer = connection.receive()
                    self.assertEqual((answer.status, answer.one("upgrade")), (101, "websocket"))
                    # One masked text frame, and the same text back.
                    connection.socket.sendall(b"\x81\x85abcd" + bytes(a ^ b for a, b in zip(b"hello", b"abcda")))
                    while len(connection.left) < 7:
                        connection.left += connection.socket.recv(100)
                    self.assertEqual(connection.left, b"\x81\x05hello")
            self.assertEqual(echo.shaken, 2)
            for headers in ([], proof):
                refused = made.get("/live", [*handshake[1:2], *handshake[3:], *headers])
                self.assertEqual((refused.status, len(refused.all("www-authenticate"))), (401, 2))
            self.assertEqual(echo.shaken, 2)

    def test_websocket_opens_no_other_tunnel(self):
        made = world("/live", upstreams="upstream orders { server unix:{folder}/raw.sock; }")
        with Upstream(made.nginx.folder / "raw.sock") as upstream, made:
            for protocol in ("h2c", "SPDY/3.1", "websocket, h2c", "tcp"):
                asks = [made.bearer(), ("Upgrade", protocol), ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA")]
                self.assertEqual(made.get("/live", asks).status, 200)
                ((_, fields, _),) = upstream.take()
                self.assertEqual([field for field in fields if field[0] in ("upgrade", "connection")], [], protocol)

    def test_grpc(self):
        upstream = subprocess.Popen([place.rpc(), RPC, "serve"], stdout=subprocess.PIPE, text=True)
        try:
            port = int(upstream.stdout.readline())
            made = world("/orders.v1.Orders/", listen=" http2",
                         upstreams=f"upstream calls {{ server 127.0.0.1:{port}; }}")
            # The harness calls the methods of another service.
            made.nginx.http = made.nginx.http.replace("/orders.v1.Orders/", "/test.Echo/")
            made.nginx.http = made.nginx.http.replace("proxy_pass http://shown;", "return 204;")
            with made:
                self.check_calls(made)
        finally:
            upstream.terminate()
            upstream.wait()
            upstream.stdout.close()

    def check_calls(self, made):
        def call(kind, *metadata):
            calls = [{"kind": kind, "metadata": [[name.lower(), value] for name, value in metadata]}]
            (answer,) = json.loads(place.run(place.rpc(), RPC, "call", made.nginx.port, json.dumps(calls), timeout=60))
            return answer["code"], [message.rsplit(" ", 1)[1] for message in answer["messages"]]

        token = made.key.token(bound=made.client)
        for kind, path, messages in (("unary", "Unary", ["first"]), ("stream", "Stream", ["first", "second", "third"])):
            proof = issuer.dpop(token, made.proof(token, method="POST", uri=f"https://api.example/test.Echo/{path}"))
            self.assertEqual(call(kind, made.bearer()), ("OK", messages))
            self.assertEqual(call(kind, *proof), ("OK", messages))
            self.assertEqual(call(kind, *proof), ("UNAUTHENTICATED", []))
            self.assertEqual(call(kind), ("UNAUTHENTICATED", []))

    def test_many_names(self):
        policy = {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE]}
        with world("/shops", server="countersign_origin https://api.example;", policies={"default": policy}) as made:
            token = made.key.token(bound=made.client)

            def ask(host, uri):
                return made.get("/shops", issuer.dpop(token, made.proof(token, uri=uri)), host=host).status

            self.assertEqual(ask("api.example", "https://api.example/shops"), 200)
            self.assertEqual(ask("shoes.shops.example", "https://shoes.shops.example/shops"), 200)
            self.assertEqual(ask("admin.example", "https://admin.example/console/shops"), 200)
            self.assertEqual(ask("evil.example", "https://evil.example/shops"), 401)


class Echo:
    """A WebSocket server that sends back the payload of one frame, on a Unix socket."""

    def __init__(self, path):
        self.shaken = 0
        echo = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                lines = iter(self.rfile.readline, b"\r\n")
                fields = {name.lower(): value.strip() for name, value in (line.split(b":", 1) for line in lines if b": " in line)}
                assert (fields[b"upgrade"], fields[b"connection"]) == (b"websocket", b"upgrade"), fields
                echo.shaken += 1
                # The key and its answer are those of RFC 6455 §1.3.
                self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                 b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
                length = self.rfile.read(2)[1] & 0x7F
                mask, masked = self.rfile.read(4), self.rfile.read(length)
                self.wfile.write(bytes([0x81, length]) + bytes(byte ^ mask[at % 4] for at, byte in enumerate(masked)))

        self.server = socketserver.ThreadingUnixStreamServer(str(path), Handler)
        self.server.daemon_threads = True
        Path(path).chmod(0o777)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


if __name__ == "__main__":
    unittest.main()
