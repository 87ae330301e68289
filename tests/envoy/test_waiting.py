"""Decisions that wait: for a shared store, for an issuer, for the body; credentials beside Authorization; attributes."""

import hashlib
import json
import subprocess
import threading
import time
import unittest

from harness import build, client, issuer, place, server
from harness.answers import Answers
from harness.build import only
from harness.server import cluster, per_route, route, until
from harness.world import World
from hosts.places import check_places

AUDIENCE = issuer.AUDIENCE
TTS = "https://tts.example"
PREFIX = "base64url.bearer.authorization.k8s.io."
OPAQUE = {"kind": "introspected", "issuer": issuer.ISSUER}
LIMIT = 300000
ORIGIN = {"origin": "https://api.example"}
TOOLS = {"accept": ["at+jwt"], "audience": [AUDIENCE], "tools": [{"name": "read"}], **ORIGIN}
POLICY = {
    "trust": [
        {"issuer": issuer.ISSUER, "jwks_file": "as.json", "introspection": {"uri": "https://as.example/introspect"}},
        {"issuer": TTS, "jwks_file": "tts.json"},
    ],
    "policies": {
        "default": {"accept": ["at+jwt"], "audience": [AUDIENCE], **ORIGIN},
        "once": {"accept": ["at+jwt"], "audience": [AUDIENCE], "dpop": {"shared_store": "required"}, **ORIGIN},
        "opaque": {"accept": [OPAQUE, "at+jwt"], "audience": [AUDIENCE], "attributes": {"tenant": "/tenant", "roles": "/roles"}, **ORIGIN},
        "tools": {**TOOLS, "body_bytes": LIMIT},
        "small": {**TOOLS, "body_bytes": 1000},
        "shadow": {**TOOLS, "body_bytes": 1000, "mode": "shadow"},
        "all": {"accept": [OPAQUE], "audience": [AUDIENCE], "dpop": {"shared_store": "required"}, "tools": [{"name": "read"}], **ORIGIN},
        "txn": {"credentials": [{"name": "client", "from": "authorization", "accept": ["at+jwt"], "audience": [AUDIENCE]},
                                {"name": "txn", "from": {"header": "txn-token"}, "remove": True, "audience": ["example.org"],
                                 "accept": [{"kind": "txntoken+jwt", "issuer": TTS}]}],
                "tie": [{"left": "client:/sub", "is": "equal", "right": "txn:/sub"}], **ORIGIN},
        "site": {"audience": [AUDIENCE], "credentials": [{"name": "client", "from": {"cookie": "token"}, "remove": True, "required": False,
                                                          "accept": ["at+jwt"]}], **ORIGIN},
        "socket": {"audience": [AUDIENCE], "credentials": [{"name": "client", "from": {"websocket_protocol": PREFIX}, "remove": True,
                                                            "accept": ["at+jwt"]}], **ORIGIN},
    },
}
IDENTITY = {"x-user": "subject", "x-binding": "binding", "x-tenant": "attributes.tenant", "x-roles": "attributes.roles", "x-txn": "txn",
            "x-tool": "tool", "x-method": "rpc_method"}


def call(tool="read", more=0):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {"x": "a" * more}}}).encode()


def settings(**more):
    return {
        "default_policy": "default", "identity_headers": IDENTITY, "metadata": {"attributes": ["decision", "reason", "subject", "attributes.tenant", "tool"]},
        "audit_log": "refusals",
        "shared_store": {"cluster": "answers", "path": "/store?a=b", "timeout_milliseconds": 400, "headers": {"X-Key": "of the store"}},
        "introspection": {"cluster": "answers", "timeout_milliseconds": 400, "headers": {"Authorization": "Basic YTpi"}}, **more}


def make(answers, **options):
    routes = [route({"prefix": f"/{name}"}, per_route({"policy": name}), route={"cluster": "answers"}) for name in POLICY["policies"]]
    routes += [route({"prefix": "/shaded"}, per_route({"policy": "txn", "mode": "shadow"}), route={"cluster": "answers"}),
               route({"prefix": "/direct"}, per_route({"policy": "all"})), route(route={"cluster": "answers"})]
    said = settings(**options.pop("settings", {}))
    said = {name: value for name, value in said.items() if value is not None}
    tts = issuer.Key("tts")
    made = World(said, POLICY, routes=options.pop("routes", routes), documents={"tts.json": issuer.key_set(tts)}, **options)
    made.tts = tts
    made.envoy.clusters.append(cluster("answers", answers.port))
    return made


class Waiting(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.answers = Answers().__enter__()
        cls.world = make(cls.answers).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.world.__exit__(None, None, None)
        cls.answers.__exit__()

    def setUp(self):
        self.answers.pause, self.answers.status = 0, None
        self.answers.tokens.clear()
        self.answers.asked.clear()

    def ask(self, target, headers, body=b"", method=None, world=None):
        with client.Client(("127.0.0.1", (world or self.world).port)) as connection:
            return connection.ask(method or ("POST" if body else "GET"), target, [("Host", "api.example"), *headers], body)

    def shown(self, *arguments, **options):
        answer = self.ask(*arguments, **options)
        self.assertEqual(answer.status, 200, answer)
        return json.loads(answer.body)

    def refused(self, reason, *arguments, **options):
        answer = self.ask(*arguments, **options)
        self.assertEqual(answer.one("x-details"), reason, answer)
        return answer

    def count(self, reason, policy, outcome="refused"):
        return self.world.count(reason, outcome, policy)

    def proven(self, target, world=None, **claims):
        token = self.world.key.token(bound=self.world.client)
        return issuer.dpop(token, self.world.client.proof(token, uri=f"https://api.example{target}", **claims))

    # A shared store.

    def test_use_once(self):
        proof = self.proven("/once")
        self.assertEqual(dict(self.shown("/once", proof)["headers"])["x-user"], "alice")
        ((asked, body),) = self.answers.of("/store?a=b")
        self.assertEqual((len(asked["countersign-proof"]), body, asked["content-length"], asked["x-key"]), (43, b"", "0", "of the store"))
        self.assertGreaterEqual(int(asked["countersign-seconds"]), 1)
        # Nothing of the client goes to the store.
        self.assertNotIn("authorization", asked)
        self.assertNotIn("dpop", asked)
        before = self.count("proof_replayed", "once")
        self.assertEqual(self.refused("proof_replayed", "/once", proof).status, 401)
        until("it is counted", lambda: self.count("proof_replayed", "once") == before + 1)
        self.assertEqual(len(self.answers.of("/store?a=b")), 1, "the store of this Envoy knows it already")
        # A request without a proof is not asked about.
        self.assertEqual(self.ask("/once", [self.world.bearer()]).status, 200)
        self.assertEqual(len(self.answers.of("/store?a=b")), 1)

    def test_a_proof_that_another_proxy_saw(self):
        proof = self.proven("/once")
        with make(self.answers, key=self.world.key) as other:
            self.assertEqual(self.ask("/once", proof).status, 200)
            self.assertEqual(self.refused("proof_replayed", "/once", proof, world=other).status, 401)

    def test_a_store_that_does_not_answer(self):
        self.answers.pause = 1
        begun = time.monotonic()
        answer = self.refused("replay_store_unavailable", "/once", self.proven("/once"))
        self.assertEqual(answer.status, 503)
        self.assertLess(time.monotonic() - begun, 0.95)
        self.answers.pause = 0
        for status in (200, 204, 404, 500, 503):
            self.answers.status = status
            self.assertEqual(self.refused("replay_store_unavailable", "/once", self.proven("/once")).status, 503, status)

    def test_two_at_once(self):
        self.answers.pause = 0.2
        proof, statuses = self.proven("/once"), []
        asks = [threading.Thread(target=lambda: statuses.append(self.ask("/once", proof).status)) for _ in range(4)]
        for ask in asks:
            ask.start()
        for ask in asks:
            ask.join()
        self.assertEqual(sorted(statuses), [200, 401, 401, 401])

    def test_a_body_that_comes_while_the_store_is_asked(self):
        """More than Envoy buffers: it is read no further, and goes on whole."""
        self.answers.pause = 0.2
        body = b"a" * 3_000_000
        shown = self.shown("/once", self.proven("/once", htm="POST"), body)
        self.assertEqual((shown["length"], shown["sha256"]), (len(body), hashlib.sha256(body).hexdigest()))

    def test_a_client_that_goes(self):
        for target, headers in (("/once", self.proven("/once")), ("/opaque", [("Authorization", "Bearer opaque-token")])):
            with self.subTest(target):
                self.answers.pause, name = 0.3, target[1:]
                before = self.count("decision_abandoned", name)
                with client.Client(("127.0.0.1", self.world.port)) as connection:
                    connection.send("GET", target, [("Host", "api.example"), *headers])
                    until("the question", lambda: self.answers.asked)
                until("it is counted", lambda: self.count("decision_abandoned", name) == before + 1)
                self.answers.asked.clear()
        with self.subTest("body"):
            before = self.count("decision_abandoned", "tools")
            with client.Client(("127.0.0.1", self.world.port)) as connection:
                connection.send("POST", "/tools", [("Host", "api.example"), ("Content-Length", "5000"), self.world.bearer()])
                connection.socket.sendall(b"{")
                time.sleep(0.1)
            until("it is counted", lambda: self.count("decision_abandoned", "tools") == before + 1)
        until("the audit", lambda: '"reason":"decision_abandoned"' in self.world.envoy.log())
        self.assertEqual(self.ask("/", [self.world.bearer()]).status, 200)

    # An issuer.

    @staticmethod
    def said(**more):
        return {"active": True, "iss": issuer.ISSUER, "sub": "alice", "aud": AUDIENCE, "client_id": "shop", "scope": "orders:read",
                "exp": int(time.time()) + 300, "iat": int(time.time()), **more}

    def test_introspection(self):
        token = "a+b/c~d-e.f="
        self.answers.tokens[token] = self.said(tenant="red", roles=["x", "y"])
        shown = self.shown("/opaque", [("Authorization", f"Bearer {token}"), ("X-Tenant", "spoofed"), ("x_roles", "spoofed")])
        fields = dict(shown["headers"])
        self.assertEqual((fields["x-user"], fields["x-tenant"], json.loads(fields["x-roles"])), ("alice", "red", ["x", "y"]))
        self.assertNotIn("x_roles", fields)
        ((asked, body),) = self.answers.of("/introspect")
        self.assertEqual(body, b"token=a%2Bb%2Fc~d-e.f%3D")
        self.assertEqual((asked["content-type"], asked["accept"]), ("application/x-www-form-urlencoded", "application/json"))
        self.assertEqual((asked["host"], asked["authorization"]), ("as.example", "Basic YTpi"))
        self.assertEqual(self.refused("token_inactive", "/opaque", [("Authorization", "Bearer unknown")]).status, 401)
        self.assertEqual(self.ask("/opaque", [self.world.bearer()]).status, 200)
        self.assertEqual(len(self.answers.of("/introspect")), 2)

    def test_an_issuer_that_does_not_answer(self):
        ask = ("introspection_unavailable", "/opaque", [("Authorization", "Bearer new-token")])
        self.answers.tokens["new-token"] = self.said()
        self.answers.pause = 1
        self.assertEqual(self.refused(*ask).status, 503)
        self.answers.pause = 0
        for status in (201, 204, 400, 401, 500):
            self.answers.status = status
            self.assertEqual(self.refused(*ask).status, 503, status)
        self.answers.status = None
        for said in (b"", b"{", b"<html>", b"[]", json.dumps(self.said(x="a" * 70000)).encode()):
            self.answers.tokens["new-token"] = said
            self.assertEqual(self.refused(*ask).status, 503, said[:20])
        self.answers.tokens["new-token"] = self.said(x="a" * 20000)
        self.assertEqual(self.ask(*ask[1:]).status, 200)

    # The body.

    def test_bodies(self):
        for more in (0, 5000, 20000, LIMIT - 200):
            with self.subTest(more):
                body = call(more=more)
                shown = self.shown("/tools", [self.world.bearer(), ("X-Tool", "spoofed")], body)
                fields = dict(shown["headers"])
                self.assertEqual((fields["x-user"], fields["x-tool"], fields["x-method"]), ("alice", "read", "tools/call"))
                self.assertEqual((shown["length"], shown["sha256"]), (len(body), hashlib.sha256(body).hexdigest()))
                self.assertEqual(self.refused("tool_refused", "/tools", [self.world.bearer()], call("write", more)).status, 403)
        self.assertEqual(self.refused("body_malformed", "/tools", [self.world.bearer()], b"x" * 9000).status, 400)
        # No body calls nothing.
        self.assertEqual(self.shown("/tools", [self.world.bearer()])["length"], 0)
        self.assertEqual(self.refused("credential_missing", "/tools", [], call()).status, 401)

    def send_in_pieces(self, connection, target, body, trailer=b""):
        connection.send("POST", target, [("Host", "api.example"), ("Transfer-Encoding", "chunked"), self.world.bearer()])
        for at in range(0, len(body), 3001):
            piece = body[at:at + 3001]
            connection.socket.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            time.sleep(0.002)
        connection.socket.sendall(b"0\r\n" + trailer + b"\r\n")
        return connection.receive("POST")

    def test_a_body_in_pieces(self):
        body = call(more=40000)
        with client.Client(("127.0.0.1", self.world.port)) as connection:
            for trailer in (b"", b"X-User: root\r\ntxn_token: x\r\n", b""):  # and the connection is kept
                answer = self.send_in_pieces(connection, "/tools", body, trailer)
                self.assertEqual((answer.status, json.loads(answer.body)["sha256"]), (200, hashlib.sha256(body).hexdigest()))

    def test_a_body_that_is_too_long(self):
        self.assertEqual(self.refused("body_too_large", "/small", [self.world.bearer()], b"a" * 1001).status, 413)
        with client.Client(("127.0.0.1", self.world.port)) as connection:  # answered before its end
            connection.send("POST", "/small", [("Host", "api.example"), ("Content-Length", "5000"), self.world.bearer()])
            connection.socket.sendall(b"a" * 1500)
            self.assertEqual(connection.receive("POST").status, 413)
        self.assertEqual(self.answers.of("/small"), [])
        shown = self.shown("/shadow", [self.world.bearer(), ("X-User", "root")], b"a" * 50000)
        self.assertEqual((shown["length"], dict(shown["headers"]).get("x-user")), (50000, None))
        with client.Client(("127.0.0.1", self.world.port)) as connection:
            answer = self.send_in_pieces(connection, "/shadow", b"a" * 40000)
            self.assertEqual((answer.status, json.loads(answer.body)["length"]), (200, 40000))

    def test_three_questions(self):
        """An opaque token that is bound, with a proof of one use, and a body with a tool; with an upstream and with Envoy's own answer."""
        token = "opaque-bound-token"
        self.answers.tokens[token] = self.said(cnf={"jkt": self.world.client.thumbprint}, token_type="DPoP")
        for place in ("/all", "/direct"):
            for tool, status in (("read", 200), ("write", 403)):
                proof = self.world.client.proof(token, method="POST", uri=f"https://api.example{place}")
                answer = self.ask(place, issuer.dpop(token, proof), call(tool))
                self.assertEqual(answer.status, status, answer)
        # What the issuer said is kept for a while, and a proof is used only by a request that passes all else.
        self.assertEqual((len(self.answers.of("/introspect")), len(self.answers.of("/store?a=b"))), (1, 2))

    def test_http2(self):
        def ask(target, *flags):
            done = subprocess.run(["curl", "-sS", "-w", "%{http_code}", "--http2-prior-knowledge", "-H", "Host: api.example", *flags,
                                   f"http://127.0.0.1:{self.world.port}{target}"], capture_output=True, text=True, check=False)
            return done.stdout[:-3], int(done.stdout[-3:])

        bearer = ": ".join(self.world.bearer())
        for more in (0, 20000, LIMIT - 200):
            body = call(more=more)
            path = self.world.envoy.write("body.json", body.decode())
            for flags in (["--data-binary", f"@{path}"], ["-T", str(path), "-X", "POST", "-H", "Content-Length:"]):
                shown, status = ask("/tools", "-H", bearer, *flags)
                self.assertEqual(status, 200, shown)
                self.assertEqual(json.loads(shown)["sha256"], hashlib.sha256(body).hexdigest())
        path = self.world.envoy.write("long", "a" * (LIMIT + 50000))
        before = self.count("body_too_large", "tools")
        # Envoy resets a stream whose request it answers before its end, which may reach curl before the answer.
        self.assertIn(ask("/tools", "-H", bearer, "--data-binary", f"@{path}")[1], (413, 0))
        until("it is counted", lambda: self.count("body_too_large", "tools") == before + 1)
        flags = [part for name, value in self.proven("/once") for part in ("-H", f"{name}: {value}")]
        self.assertEqual([ask("/once", *flags)[1], ask("/once", *flags)[1]], [200, 401])

    def test_grpc(self):
        """A refusal after waiting has a status of gRPC; the body of a call that is let in goes on."""
        grpc = [("content-type", "application/grpc"), ("te", "trailers")]
        self.answers.status = 500
        answer = self.ask("/once", [*self.proven("/once", htm="POST"), *grpc], b"\0\0\0\0\0")
        self.assertEqual((answer.status, answer.one("grpc-status")), (200, "14"))
        answer = self.ask("/small", [self.world.bearer(), *grpc], b"a" * 1001)
        self.assertEqual((answer.status, answer.one("grpc-status")), (200, "8"))
        self.answers.status = None
        shown = self.shown("/once", [*self.proven("/once", htm="POST"), *grpc], b"\0\0\0\0\0")
        self.assertEqual(shown["length"], 5)

    # Credentials.

    def txn_token(self, sub="alice", **claims):
        now = int(time.time())
        said = {"iss": TTS, "aud": "example.org", "sub": sub, "iat": now, "exp": now + 60, "txn": "t-1", "scope": "orders:read",
                "req_wl": "spiffe://example.org/gateway", **claims}
        return self.world.tts.sign({"alg": "ES256", "kid": "tts", "typ": "txntoken+jwt"}, said)

    def test_transaction_tokens(self):
        bearer = self.world.bearer()
        fields = dict(self.shown("/txn", [bearer, ("Txn-Token", self.txn_token()), ("X-Txn", "spoofed")])["headers"])
        self.assertEqual(fields["x-txn"], "t-1")
        self.assertNotIn("txn-token", fields)
        self.assertIn("authorization", fields)
        for reason, headers in [
            ("credential_missing", [bearer]),
            ("credentials_untied", [bearer, ("Txn-Token", self.txn_token("mallory"))]),
            ("token_expired", [bearer, ("Txn-Token", self.txn_token(exp=1))]),
            ("audience_mismatch", [bearer, ("Txn-Token", self.txn_token(aud="other.example"))]),
            ("credential_repeated", [bearer, ("Txn-Token", self.txn_token()), ("txn-token", self.txn_token())]),
            # An upstream may read another spelling as the same field.
            ("credential_repeated", [bearer, ("Txn-Token", self.txn_token()), ("txn_token", "x")]),
            ("credential_repeated", [bearer, ("txn_token", self.txn_token())]),
        ]:
            with self.subTest(reason):
                self.assertEqual(self.refused(reason, "/txn", headers).status // 100, 4)
        # It is removed in shadow mode too.
        fields = dict(self.shown("/shaded", [bearer, ("Txn-Token", "x"), ("TXN_Token", "x")])["headers"])
        self.assertEqual([name for name in fields if name.startswith("txn")], [])

    def test_cookies_and_subprotocols(self):
        token = self.world.bearer()[1].split()[1]
        check_places(self, token, PREFIX)


class Buffered(unittest.TestCase):
    """A filter before this one that has the whole body already, and one whose route is chosen anew by the fields that are written."""

    def test_a_body_is_read_once(self):
        with Answers() as answers:
            made = make(answers)
            buffer = {"name": "envoy.filters.http.buffer", "typed_config": {
                "@type": f"{server.TYPES}.filters.http.buffer.v3.Buffer", "max_request_bytes": 1_000_000}}
            chain = made.envoy.listeners[0]["filter_chains"][0]["filters"][0]["typed_config"]
            chain["http_filters"].insert(0, buffer)
            with made as world:
                for target, size, status in (("/small", 700, 200), ("/small", 1001, 413), ("/once", 700, 200)):
                    body = call(more=size - len(call()))
                    with client.Client(("127.0.0.1", world.port)) as connection:
                        got = connection.ask("POST", target, [("Host", "api.example"), world.bearer()], body)
                    self.assertEqual(got.status, status, got)
                    if status == 200:
                        self.assertEqual(json.loads(got.body)["sha256"], hashlib.sha256(body).hexdigest())

    @only(build.MODULE, "a VM is not notified of a new choice of route")
    def test_a_route_that_asks_after_another(self):
        """Two policies with a body each, of which both or the second ask the store: every round has the whole body, the store is asked once."""
        both = {**POLICY["policies"]["tools"], "dpop": {"shared_store": "required"}}
        for first in (both, POLICY["policies"]["tools"]):
            with self.subTest(first.get("dpop")), Answers() as answers:
                alice = {"prefix": "/", "headers": [{"name": "x-user", "string_match": {"exact": "alice"}}]}
                routes = [route(alice, per_route({"policy": "second"}), route={"cluster": "answers"}),
                          route(None, per_route({"policy": "first"}), route={"cluster": "answers"})]
                made = make(answers, settings={"clear_route_cache": True}, routes=routes, policies={
                    "first": first, "second": {**both, "tools": [{"name": "read"}, {"name": "write"}]}})
                with made as world:
                    for status, tool, of_store in ((200, "read", None), (403, "write", None), (401, "read", 409), (503, "read", 500)):
                        answers.status = of_store
                        token = world.key.token(bound=world.client)
                        proof = world.client.proof(token, method="POST", uri="https://api.example/x")
                        body = call(tool, 50000)
                        with client.Client(("127.0.0.1", world.port)) as connection:
                            got = connection.ask("POST", "/x", [("Host", "api.example"), *issuer.dpop(token, proof)], body)
                        self.assertEqual(got.status, status, got)
                        if status == 200:
                            self.assertEqual(json.loads(got.body)["sha256"], hashlib.sha256(body).hexdigest())
                    self.assertEqual(len(answers.of("/store?a=b")), 3)

    @only(build.MODULE, "a VM is not told of the route that is chosen anew")
    def test_a_route_that_another_filter_clears_meanwhile(self):
        """A Lua filter before this one clears the route when it has the body, for which the request waits here: the route of `x-user` is judged too."""
        lua = {"name": "lua", "typed_config": {"@type": f"{server.TYPES}.filters.http.lua.v3.Lua", "default_source_code": {"inline_string": """
function envoy_on_request(handle)
  for chunk in handle:bodyChunks() do end
  handle:clearRouteCache()
end"""}}}
        alice = {"prefix": "/", "headers": [{"name": "x-user", "string_match": {"exact": "alice"}}]}
        for second, status in (({"binding": {"require": "dpop"}}, 401), ({}, 200)):
            with self.subTest(second), Answers() as answers:
                routes = [route(alice, per_route({"policy": "second"}), route={"cluster": "answers"}),
                          route(None, per_route({"policy": "first"}), route={"cluster": "answers"})]
                made = make(answers, routes=routes, policies={
                    "first": POLICY["policies"]["tools"], "second": {**POLICY["policies"]["default"], **second}})
                made.envoy.listeners[0]["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"].insert(0, lua)
                with made as world, client.Client(("127.0.0.1", world.port)) as connection:
                    got = connection.ask("POST", "/x", [("Host", "api.example"), world.bearer()], call())
                    self.assertEqual(got.status, status, got)
                    self.assertEqual(len(answers.asked), int(status == 200))
                    refused = int(status == 401)
                    until("it is counted", lambda world=world, refused=refused: world.count("binding_required", policy="second") == refused)


class Recipe(unittest.TestCase):
    """The settings of docs/hosts/envoy.md, word for word, in an Envoy that takes proofs from its first second on."""

    def test_readme(self):
        text = (place.ROOT / "docs/hosts/envoy.md").read_text()
        text = text[text.index("## Decisions that wait"):]
        text = text[text.index("```json\n") + 8:]
        said = json.loads(text[:text.index("```")])
        if build.THIS is build.WASM:
            said["allow_on_headers_stop_iteration"] = True
        with Answers() as answers:
            made = World(start=False, routes=[route(route={"cluster": "proofs"})])
            said["proofs_before_start"] = "danger_accept"
            chain = made.envoy.listeners[0]["filter_chains"][0]["filters"][0]["typed_config"]
            chain["http_filters"][0] = server.countersign(said)
            made.envoy.clusters += [cluster(name, answers.port) for name in ("proofs", "as")]
            made.starts = True
            with made as world:
                token = "opaque-token"
                answers.tokens[token] = Waiting.said(cnf={"jkt": world.client.thumbprint}, tenant="red")
                proof = issuer.dpop(token, world.client.proof(token, method="POST", uri="https://api.example/"))
                with client.Client(("127.0.0.1", world.port)) as connection:
                    got = connection.ask("POST", "/", [("Host", "api.example"), *proof], call("search"))
                self.assertEqual(got.status, 200, got)
                fields = dict(json.loads(got.body)["headers"])
                self.assertEqual((fields["x-user"], fields["x-tenant"], fields["x-tool"]), ("alice", "red", "search"))
                ((asked, _),) = answers.of("/introspect")
                self.assertEqual(asked["authorization"], "Basic Y291bnRlcnNpZ246c2VjcmV0")


class Faults(unittest.TestCase):
    def refuses(self, what, policy=None, **more):
        with Answers() as answers:
            made = make(answers, start=False, settings=more)
            if policy:
                made.policy["policies"].update(policy)
            with made as world:
                passes, told = world.envoy.validate()
        self.assertFalse(passes, told)
        self.assertIn(what, told)

    def test_faults(self):
        self.refuses('/shared_store: found nothing, expected the cluster to ask, since the policy "all" asks a store', shared_store=None)
        self.refuses('/introspection: found nothing, expected the cluster to ask, since the policy "opaque" asks an issuer', introspection=None)
        self.refuses("/shared_store/cluster: found nothing", shared_store={})
        self.refuses('/shared_store/path: found "x", expected a path', shared_store={"cluster": "answers", "path": "x"})
        self.refuses("/introspection/headers/Host: found", introspection={"cluster": "answers", "headers": {"Host": "x"}})
        self.refuses("/introspection/headers/X: found a value that", introspection={"cluster": "answers", "headers": {"X": "a\nb"}})
        self.refuses('/identity_headers: found "attributes.tenants"', identity_headers={"x-tenant": "attributes.tenants"})
        self.refuses("/identity_headers: found txn-token, which a policy", identity_headers={"Txn_Token": "subject"})

    @only(build.WASM, "a module reads bodies whatever Envoy's configuration")
    def test_a_body_that_envoy_would_not_give(self):
        name = "allow_on_headers_stop_iteration"
        self.refuses(f"/{name}: found false, expected true, here and beside `configuration`, since the policy \"all\" asks for the body",
                     **{name: False})


@only(build.WASM, "a module reads bodies whatever Envoy's configuration")
class Unread(unittest.TestCase):
    """The settings differ from Envoy's configuration: no body comes, and Envoy ends the stream."""

    def test_a_body_that_does_not_come(self):
        with Answers() as answers:
            made = make(answers, stream_idle_timeout="0.5s")
            chain = made.envoy.listeners[0]["filter_chains"][0]["filters"][0]["typed_config"]
            chain["http_filters"][0]["typed_config"]["config"]["allow_on_headers_stop_iteration"] = False
            with made as world, client.Client(("127.0.0.1", world.port)) as connection:
                got = connection.ask("POST", "/tools", [("Host", "api.example"), world.bearer()], call())
                self.assertEqual((got.status, answers.of("/tools")), (504, []))
                until("it is counted", lambda: world.count("decision_abandoned", policy="tools") == 1)
