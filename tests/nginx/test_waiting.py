"""Decisions that wait: for a shared store, for an issuer, for the body; credentials beside Authorization; attributes."""

import hashlib
import json
import subprocess
import threading
import time
import unittest

from harness import client, issuer, place
from harness.answers import Answers, Redis
from harness.server import until
from harness.world import HTTP, World
from hosts.answers import Server
from hosts.places import check_places

AUDIENCE = issuer.AUDIENCE
TTS = "https://tts.example"
PREFIX = "base64url.bearer.authorization.k8s.io."
OPAQUE = {"kind": "introspected", "issuer": issuer.ISSUER}
LIMIT = 300000

POLICY = {
    "trust": [
        {"issuer": issuer.ISSUER, "jwks_file": "as.json", "introspection": {"uri": "https://as.example/introspect"}},
        {"issuer": TTS, "jwks_file": "tts.json"},
    ],
    "policies": {
        "default": {"accept": ["at+jwt"], "audience": AUDIENCE, "origin": "https://api.example"},
        "once": {"accept": ["at+jwt"], "audience": AUDIENCE, "origin": "https://api.example", "dpop": {"shared_store": "required"}},
        "more": {"accept": ["at+jwt"], "audience": AUDIENCE, "origin": "https://api.example", "dpop": {"shared_store": "required"},
                 "tools": []},
        "opaque": {"accept": [OPAQUE, "at+jwt"], "audience": AUDIENCE, "attributes": {"tenant": "/tenant", "roles": "/roles"}},
        "tools": {"accept": ["at+jwt"], "audience": AUDIENCE, "tools": [{"name": "read"}], "body_bytes": LIMIT},
        "small": {"accept": ["at+jwt"], "audience": AUDIENCE, "tools": [{"name": "read"}], "body_bytes": 1000},
        "shadow": {"accept": ["at+jwt"], "audience": AUDIENCE, "tools": [{"name": "read"}], "body_bytes": 1000, "mode": "shadow"},
        "all": {"accept": [OPAQUE], "audience": AUDIENCE, "origin": "https://api.example", "dpop": {"shared_store": "required"},
                "tools": [{"name": "read"}]},
        "txn": {"credentials": [{"name": "client", "from": "authorization", "accept": ["at+jwt"], "audience": AUDIENCE},
                                {"name": "txn", "from": {"header": "txn-token"}, "remove": True, "audience": "example.org",
                                 "accept": [{"kind": "txntoken+jwt", "issuer": TTS}]}],
                "tie": [{"left": "client:/sub", "is": "equal", "right": "txn:/sub"}]},
        "site": {"audience": AUDIENCE, "credentials": [{"name": "client", "from": {"cookie": "token"}, "remove": True, "required": False,
                                                        "accept": ["at+jwt"]}]},
        "socket": {"audience": AUDIENCE, "credentials": [{"name": "client", "from": {"websocket_protocol": PREFIX}, "remove": True,
                                                          "accept": ["at+jwt"]}]},
    },
}

SERVER = """
        countersign on;
        countersign_use_once /_store;
        countersign_introspect /_issuer;
        client_body_buffer_size 8k;
        location = /_store { internal; proxy_connect_timeout 400ms; proxy_read_timeout 400ms; proxy_pass http://answers/store; }
        location = /_issuer { internal; proxy_read_timeout 400ms; proxy_pass http://answers/introspect; }
        location / { proxy_pass http://answers; }
        location @named { proxy_pass http://answers; }
        location /once { countersign_policy once; proxy_pass http://answers; }
        location /opaque {
            countersign_policy opaque;
            countersign_set_header X-Tenant attribute_tenant;
            proxy_set_header X-Roles $countersign_attribute_roles;
            proxy_pass http://answers;
        }
        location /tools {
            countersign_policy tools; countersign_set_header X-Tool tool; countersign_set_header X-Method rpc_method;
            proxy_pass http://answers;
        }
        location /streamed { countersign_policy tools; proxy_request_buffering off; proxy_http_version 1.1; proxy_pass http://answers; }
        location /chosen { countersign $arg_mode; countersign_off_by_variable on; proxy_pass http://answers; }
        location /small { countersign_policy small; error_page 413 /too_long; proxy_pass http://answers; }
        location = /too_long { internal; countersign off; return 200 "too long"; }
        location /shadow { countersign_policy shadow; proxy_pass http://answers; }
        location /all { countersign_policy all; proxy_pass http://answers; }
        location /txn { countersign_policy txn; countersign_set_header X-Txn txn; proxy_pass http://answers; }
        location /shadow_txn { countersign shadow; countersign_policy txn; proxy_pass http://answers; }
        location /site { countersign_policy site; countersign_set_header X-User subject; proxy_set_header X-Cookie $cookie_token;
            proxy_pass http://answers; }
        location /site_to_site { if ($cookie_token = "") { return 418; } countersign_policy site; try_files /absent /site/redirected; }
        location /socket { countersign_policy socket; proxy_pass http://answers; }
        location /txn_to_all { countersign_policy txn; try_files /absent /txn/redirected; }
        location /early { countersign_policy once; if ($countersign_subject = mallory) { return 403; } proxy_pass http://answers; }
        location /archive { countersign off; auth_request /token; proxy_pass http://answers; }
        location = /token { internal; countersign_policy once; return 204; }
        location /judged_body { countersign off; auth_request /body_token; proxy_pass http://answers; }
        location = /body_token { internal; countersign_policy tools; return 204; }
        location /open { countersign_policy once; countersign_use_once /not_internal; proxy_pass http://answers; }
        location = /not_internal { countersign off; return 201; }
        location /nowhere { countersign_policy once; countersign_use_once /absent; proxy_pass http://answers; }
        location = /absent { internal; return 404; }
        location /static { countersign_policy once; countersign_use_once /_first; proxy_pass http://answers; }
        location = /_first { internal; return 201; }
        location /page { countersign off; ssi on; ssi_types *; root {folder}/pages; }
        location /part { countersign_policy once; proxy_pass http://answers; }
        location /two { countersign_policy once; try_files /absent /another; }
        location /another { countersign_policy more; proxy_pass http://answers; }
        location /refused { countersign_policy once; error_page 401 503 = /another; proxy_pass http://answers; }
        location /unshared { countersign_policy default; try_files /absent /another; }
        location /mirrored { mirror /copy; countersign_policy tools; proxy_pass http://answers; }
        location = /copy { internal; countersign_policy tools; proxy_pass http://answers/copied; }
        location /closes { countersign_policy once; countersign_use_once /_close; proxy_pass http://answers; }
        location = /_close { internal; return 444; }
"""


def call(tool="read", more=0):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {"x": "a" * more}}}).encode()


class Waiting(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.redis = Redis().__enter__()
        cls.answers = Answers(cls.redis).__enter__()
        cls.world = cls.make(listen=" http2")
        cls.plain = cls.make()

    @classmethod
    def tearDownClass(cls):
        cls.plain.__exit__(None, None, None)
        cls.world.__exit__(None, None, None)
        cls.answers.__exit__()
        cls.redis.__exit__()

    @classmethod
    def make(cls, **options):
        world = World(SERVER, policy=POLICY, http="upstream answers { server " + cls.answers.address + "; }\n" + HTTP, **options)
        world.tts = issuer.Key("tts")
        world.nginx.write("tts.json", issuer.key_set(world.tts))
        world.nginx.write("pages/page", '<!--#include virtual="/part/1" --> <!--#include virtual="/part/2" -->')
        return world.__enter__()

    def setUp(self):
        self.answers.pause, self.answers.status, self.answers.redirect = 0, None, None
        self.answers.tokens.clear()
        self.answers.asked.clear()

    def ask(self, target, headers, body=b"", method=None, world=None):
        with client.Client((world or self.plain).nginx.address) as connection:
            return connection.ask(method or ("POST" if body else "GET"), target, [("Host", "api.example"), *headers], body)

    def shown(self, *arguments, **options):
        answer = self.ask(*arguments, **options)
        self.assertEqual(answer.status, 200, answer)
        return json.loads(answer.body)

    def refused(self, reason, *arguments, **options):
        before = self.count(reason)
        answer = self.ask(*arguments, **options)
        self.assertEqual(self.count(reason), before + 1, f"{reason}: {answer} {self.plain.nginx.log()[-2000:]}")
        return answer

    def count(self, reason, world=None):
        return (world or self.plain).zone()["enforce"]["refused"].get(reason, 0)

    def proven(self, target, **claims):
        token = self.plain.key.token(bound=self.plain.client)
        return issuer.dpop(token, self.plain.proof(token, uri=f"https://api.example{target}", **claims))

    # A shared store.

    def test_use_once(self):
        proof = self.proven("/once")
        self.assertEqual(self.shown("/once", proof)["method"], "GET")
        ((asked, body),) = self.answers.of("/store")
        self.assertEqual((len(asked["countersign-proof"]), body, asked["content-length"]), (43, b"", "0"))
        self.assertGreaterEqual(int(asked["countersign-seconds"]), 1)
        # Nothing of the client goes to the store.
        self.assertNotIn("authorization", asked)
        self.assertNotIn("dpop", asked)
        self.refused("proof_replayed", "/once", proof)
        self.assertEqual(len(self.answers.of("/store")), 1, "the store of this nginx knows it already")
        # A request without a proof is not asked about.
        self.assertEqual(self.ask("/once", [self.plain.bearer()]).status, 200)
        self.assertEqual(len(self.answers.of("/store")), 1)

    def test_use_once_of_two_machines(self):
        token = self.plain.key.token(bound=self.plain.client)
        other = self.make()
        try:
            proof = other.proof(token, self.plain.client, uri="https://api.example/once")
            other.trust(self.plain.key)
            until("the key", lambda: self.ask("/", [issuer.bearer(self.plain.key.token())], world=other).status == 200)
            self.assertEqual(self.ask("/once", issuer.dpop(token, proof)).status, 200)
            self.assertEqual(self.ask("/once", issuer.dpop(token, proof), world=other).status, 401)
            self.assertEqual(self.count("proof_replayed", other), 1)
        finally:
            other.__exit__(None, None, None)

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

    def test_locations(self):
        self.assertEqual(self.ask("/static", self.proven("/static")).status, 200)
        self.assertEqual(self.refused("replay_store_unavailable", "/nowhere", self.proven("/nowhere")).status, 503)
        self.assertEqual(self.refused("replay_store_unavailable", "/closes", self.proven("/closes")).status, 503)
        self.assertEqual(self.refused("replay_store_unavailable", "/open", self.proven("/open")).status, 503)
        self.assertIn('the location of "/not_internal" is not asked, it must be "internal"', self.plain.nginx.log())
        for target in ("/_store", "/_issuer"):
            self.assertEqual(self.ask(target, [self.plain.bearer()]).status, 404)
        # The connection is kept after a question, whatever came of it.
        with client.Client(self.plain.nginx.address) as connection:
            for target, status in (("/once", 200), ("/closes", 503), ("/once", 200), ("/nowhere", 503), ("/static", 200)):
                self.assertEqual(connection.ask("GET", target, [("Host", "api.example"), *self.proven(target)]).status, status, target)

    def test_two_at_once(self):
        """Of equal requests one is let in, whichever the store answers first."""
        self.answers.pause = 0.2
        proof = self.proven("/once")
        statuses = []
        asks = [threading.Thread(target=lambda: statuses.append(self.ask("/once", proof).status)) for _ in range(4)]
        for ask in asks:
            ask.start()
        for ask in asks:
            ask.join()
        self.assertEqual(sorted(statuses), [200, 401, 401, 401])

    def test_a_client_that_goes(self):
        for target, headers, body in [
            ("/once", self.proven("/once"), b""),
            ("/opaque", [("Authorization", "Bearer opaque-token")], b""),
        ]:
            with self.subTest(target):
                self.answers.pause = 0.3
                before = self.count("decision_abandoned")
                with client.Client(self.plain.nginx.address) as connection:
                    connection.send("GET", target, [("Host", "api.example"), *headers], body)
                    until("the question", lambda: self.answers.asked)
                until("it is counted", lambda: self.count("decision_abandoned") == before + 1)
                line = until("it is logged", lambda: [line for line in self.plain.lines() if line["uri"] == target])[-1]
                self.assertEqual((line["reason"], json.loads(line["audit"])["reason"]), ("decision_abandoned", "decision_abandoned"))
                self.answers.asked.clear()
        with self.subTest("body"):
            before = self.count("decision_abandoned")
            with client.Client(self.plain.nginx.address) as connection:
                connection.send("POST", "/tools", [("Host", "api.example"), ("Content-Length", "5000"), self.plain.bearer()])
                connection.socket.sendall(b"{")
                time.sleep(0.1)
            until("it is counted", lambda: self.count("decision_abandoned") == before + 1)
        self.assertEqual(self.ask("/", [self.plain.bearer()]).status, 200)

    def test_a_reload_meanwhile(self):
        self.answers.pause = 0.35
        answers = []
        token = self.plain.key.token(bound=self.plain.client)
        ask = threading.Thread(target=lambda: answers.append(self.ask("/once", self.proven("/once"))))
        ask.start()
        until("the question", lambda: self.answers.of("/store"))
        self.plain.nginx.reload()
        ask.join()
        self.assertEqual([answer.status for answer in answers], [200])
        self.assertEqual(self.ask("/once", issuer.dpop(token, self.plain.proof(token, uri="https://api.example/once"))).status, 200)

    def test_subrequests(self):
        proof = self.proven("/archive")
        self.assertEqual(self.ask("/archive", proof).status, 200)
        self.assertEqual(len(self.answers.of("/store")), 1)
        self.assertEqual(self.ask("/archive", proof).status, 401)
        self.answers.status = 500
        self.assertIn(self.ask("/archive", self.proven("/archive")).status, (500, 503))
        self.answers.status = None
        # No body is read before its request is judged.
        self.assertEqual(self.refused("internal_error", "/judged_body", [self.plain.bearer()], call()).status, 500)

    def test_parts_of_a_page_share_a_decision(self):
        """Both parts wait for one answer to one question, and come in their order."""
        self.answers.pause = 0.1
        page = self.ask("/page", self.proven("/page"))
        one, two = page.body.split(b"} {")
        self.assertEqual((json.loads(one + b"}")["uri"], json.loads(b"{" + two)["uri"]), ("/part/1", "/part/2"))
        self.assertEqual(len(self.answers.of("/store")), 1)
        before = self.count("decision_abandoned")
        with client.Client(self.plain.nginx.address) as connection:
            connection.send("GET", "/page", [("Host", "api.example"), *self.proven("/page")])
            until("the question", lambda: len(self.answers.of("/store")) == 2)
        until("it is counted once", lambda: self.count("decision_abandoned") == before + 1)

    def test_another_policy_after_a_redirect(self):
        """The proof of this request is no replay there, and its body is still whole."""
        token = self.plain.key.token(bound=self.plain.client)
        proof = self.plain.proof(token, method="POST", uri="https://api.example/two")
        body = b'{"jsonrpc":"2.0","id":1,"method":"initialize"}' + b" " * 20000
        shown = self.shown("/two", issuer.dpop(token, proof), body)
        self.assertEqual((shown["uri"], shown["sha256"]), ("/another", hashlib.sha256(body).hexdigest()))
        self.assertEqual(len(self.answers.of("/store")), 1)
        # What the shared store did not confirm is not taken for confirmed: it is asked again.
        for status, refused in ((500, 503), (409, 401)):
            self.answers.status = status
            before = len(self.answers.of("/store"))
            proof = self.plain.proof(token, method="POST", uri="https://api.example/refused")
            self.assertEqual(self.ask("/refused", issuer.dpop(token, proof), body).status, refused)
            self.assertEqual(len(self.answers.of("/store")), before + 2)
        self.assertEqual(len(self.answers.of("/another")), 1)
        self.answers.status = None

    def test_a_policy_that_asks_after_one_that_does_not(self):
        """The proof is no replay of itself, and the shared store is asked about it: by the second policy, once."""
        token = self.plain.key.token(bound=self.plain.client)
        proof = self.plain.proof(token, method="POST", uri="https://api.example/unshared")
        body = b'{"jsonrpc":"2.0","id":1,"method":"initialize"}'
        self.assertEqual(self.shown("/unshared", issuer.dpop(token, proof), body)["uri"], "/another")
        self.assertEqual(len(self.answers.of("/store")), 1)
        self.refused("proof_replayed", "/unshared", issuer.dpop(token, proof), body)
        # One that another machine knows is refused.
        self.answers.status = 409
        proof = self.plain.proof(token, method="POST", uri="https://api.example/unshared")
        self.assertEqual(self.refused("proof_replayed", "/unshared", issuer.dpop(token, proof), body).status, 401)
        self.answers.status = 500
        proof = self.plain.proof(token, method="POST", uri="https://api.example/unshared")
        self.assertEqual(self.refused("replay_store_unavailable", "/unshared", issuer.dpop(token, proof), body).status, 503)
        self.assertEqual(len(self.answers.of("/another")), 1)

    def test_mirror(self):
        body = call(more=20000)
        self.assertEqual(self.ask("/mirrored", [self.plain.bearer()], body).status, 200)
        ((_, copy),) = until("the copy", lambda: self.answers.of("/copied"))
        self.assertEqual(copy, body)

    def test_early_variables(self):
        """A variable cannot wait, so it is empty, and the log says so; the access phase decides."""
        self.assertEqual(self.ask("/early", self.proven("/early")).status, 200)
        self.assertIn("$countersign_subject is asked for before the access phase, where the decision has to wait", self.plain.nginx.log())
        self.answers.status = 409
        self.assertEqual(self.ask("/early", self.proven("/early")).status, 401)

    # An issuer.

    def said(self, **more):
        return {"active": True, "iss": issuer.ISSUER, "sub": "alice", "aud": AUDIENCE, "client_id": "shop", "scope": "orders:read",
                "exp": int(time.time()) + 300, "iat": int(time.time()), **more}

    def test_introspection(self):
        token = "a+b/c~d-e.f="
        self.answers.tokens[token] = self.said(tenant="red", roles=["x", "y"])
        shown = self.shown("/opaque", [("Authorization", f"Bearer {token}"), ("X-Tenant", "spoofed")])
        fields = dict(shown["headers"])
        self.assertEqual((fields["x-tenant"], fields["x-roles"]), ("red", '["x","y"]'))
        ((asked, body),) = self.answers.of("/introspect")
        self.assertEqual(body, b"token=a%2Bb%2Fc~d-e.f%3D")
        self.assertEqual((asked["content-type"], asked["accept"]), ("application/x-www-form-urlencoded", "application/json"))
        self.assertEqual(asked["countersign-introspection"], "https://as.example/introspect")
        self.assertNotIn("authorization", asked)
        self.assertEqual(self.refused("token_inactive", "/opaque", [("Authorization", "Bearer unknown")]).status, 401)
        # A token that is no question.
        before = len(self.answers.asked)
        self.assertEqual(self.ask("/opaque", [self.plain.bearer()]).status, 200)
        self.assertEqual(len(self.answers.of("/introspect")), 2, before)

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
        for said in (b"", b"{", b"<html>", json.dumps(self.said(x="a" * 70000)).encode()):
            self.answers.tokens["new-token"] = said
            self.assertEqual(self.refused(*ask).status, 503, said[:20])
        self.answers.tokens["new-token"] = self.said(x="a" * 20000)
        self.assertEqual(self.ask(*ask[1:]).status, 200)

    def test_an_answer_that_redirects(self):
        """A question has no token: it reaches no protected location, whatever its answer says."""
        self.answers.tokens["redirected"] = self.said()
        asks = {"introspection_unavailable": ("/opaque", [("Authorization", "Bearer redirected")]), "replay_store_unavailable": ("/once", None)}
        for reason, (target, fields) in asks.items():
            for redirect in ("/orders?x=1", "@named", "/once/2", "/chosen?mode=off"):
                self.answers.redirect = redirect
                before = len(self.answers.asked)
                self.assertEqual(self.refused(reason, target, fields or self.proven(target)).status, 503, redirect)
                self.assertEqual(len(self.answers.asked), before + 1, f"{redirect}: only the question")
        said = 'a question to a store or issuer is redirected to "/orders": it is not followed'
        self.assertIn(said, self.plain.nginx.log())
        # A location that is open to every client.
        self.answers.redirect = "/too_long"
        self.assertEqual(self.refused("introspection_unavailable", *asks["introspection_unavailable"]).status, 503)
        self.answers.redirect = None
        self.assertEqual(self.ask(*asks["introspection_unavailable"]).status, 200)

    def test_an_inactive_token_is_not_asked_about_again(self):
        ask = ("token_inactive", "/opaque", [("Authorization", "Bearer odd")])
        self.answers.tokens["odd"] = {"active": 1}
        self.assertEqual(self.refused(*ask).status, 401)
        self.answers.tokens["odd"] = self.said()
        self.assertEqual(self.refused(*ask).status, 401)
        self.assertEqual(len(self.answers.of("/introspect")), 1)
        self.refused("token_malformed", "/opaque", [("Authorization", "Bearer a:b")])
        self.assertEqual(len(self.answers.of("/introspect")), 1, "no token")

    # The body.

    def test_bodies(self):
        for more in (0, 5000, 20000, LIMIT - 200):
            with self.subTest(more):
                body = call(more=more)
                shown = self.shown("/tools", [self.plain.bearer(), ("X-Tool", "spoofed")], body)
                fields = dict(shown["headers"])
                self.assertEqual((fields["x-tool"], fields["x-method"]), ("read", "tools/call"))
                self.assertEqual((shown["length"], shown["sha256"]), (len(body), hashlib.sha256(body).hexdigest()))
                shown = self.shown("/streamed", [self.plain.bearer()], body)
                self.assertEqual(shown["sha256"], hashlib.sha256(body).hexdigest())
                self.assertEqual(self.refused("tool_refused", "/tools", [self.plain.bearer()], call("write", more)).status, 403)
        self.assertEqual(self.refused("body_malformed", "/tools", [self.plain.bearer()], b"x" * 9000).status, 400)
        # No body calls nothing, and is asked about at no location.
        self.assertEqual(self.shown("/tools", [self.plain.bearer()])["length"], 0)
        self.assertEqual(self.refused("credential_missing", "/tools", [], call()).status, 401)

    def test_a_body_in_pieces(self):
        body = call(more=40000)
        with client.Client(self.plain.nginx.address) as connection:
            for _ in range(2):  # and the connection is kept
                connection.send("POST", "/tools", [("Host", "api.example"), ("Transfer-Encoding", "chunked"), self.plain.bearer()])
                for at in range(0, len(body), 3001):
                    piece = body[at:at + 3001]
                    connection.socket.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
                    time.sleep(0.002)
                connection.socket.sendall(b"0\r\n\r\n")
                answer = connection.receive("POST")
                self.assertEqual((answer.status, json.loads(answer.body)["sha256"]), (200, hashlib.sha256(body).hexdigest()))

    def test_a_body_that_is_too_long(self):
        """With Content-Length nothing of it is read; without, no more than the limit and a buffer."""
        before = self.count("body_too_large")
        with client.Client(self.plain.nginx.address) as connection:
            connection.send("POST", "/tools", [("Host", "api.example"), ("Content-Length", str(LIMIT + 1)), ("Expect", "100-continue"),
                                               self.plain.bearer()])
            self.assertEqual(connection.receive("POST").status, 413)
        with client.Client(self.plain.nginx.address) as connection:
            connection.send("POST", "/tools", [("Host", "api.example"), ("Transfer-Encoding", "chunked"), self.plain.bearer()])
            connection.socket.sendall((b"1000\r\n" + b"a" * 4096 + b"\r\n") * (LIMIT // 4096 + 1))
            # The end is not there yet.
            self.assertEqual(connection.receive("POST").status, 413)
        until("both are counted", lambda: self.count("body_too_large") == before + 2)
        self.assertEqual(self.answers.of("/tools"), [])
        # With a page of its own; in shadow mode the body goes on.
        self.assertEqual(self.refused("body_too_large", "/small", [self.plain.bearer()], b"a" * 1001).body, b"too long")
        self.assertEqual(self.shown("/shadow", [self.plain.bearer()], b"a" * 50000)["length"], 50000)
        with client.Client(self.plain.nginx.address) as connection:
            connection.send("POST", "/shadow", [("Host", "api.example"), ("Transfer-Encoding", "chunked"), self.plain.bearer()])
            connection.socket.sendall(b"".join(b"1000\r\n" + b"a" * 4096 + b"\r\n" for _ in range(10)) + b"0\r\n\r\n")
            answer = connection.receive("POST")
            self.assertEqual((answer.status, json.loads(answer.body)["length"]), (200, 40960))

    def test_http2(self):
        def ask(target, *flags):
            told = place.run("curl", "-sS", "-w", "%{http_code}", "--http2-prior-knowledge", "-H", "Host: api.example", *flags,
                             f"http://127.0.0.1:{self.world.nginx.port}{target}")
            return told[:-3], int(told[-3:])

        bearer = ": ".join(self.world.bearer())
        for more in (0, 20000, LIMIT - 200):
            body = call(more=more)
            path = self.world.nginx.write("body.json", body.decode())
            for flags in (["--data-binary", f"@{path}"], ["-T", str(path), "-X", "POST", "-H", "Content-Length:"]):
                shown, status = ask("/tools", "-H", bearer, *flags)
                self.assertEqual(status, 200)
                self.assertEqual(json.loads(shown)["sha256"], hashlib.sha256(body).hexdigest())
        path = self.world.nginx.write("long", "a" * (LIMIT + 50000))

        def too_large():
            (zone,) = json.loads(ask("/status")[0])["zones"]
            return zone["enforce"]["refused"].get("body_too_large", 0)

        before = too_large()
        # nginx resets the stream of a body that it does not read, and curl may not get to the answer before.
        for flags in (["--data-binary", f"@{path}"], ["-T", str(path), "-X", "POST", "-H", "Content-Length:"]):
            subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "-H", "Host: api.example", "-H", bearer, *flags,
                            f"http://127.0.0.1:{self.world.nginx.port}/tools"], capture_output=True, check=False)
        until("both are counted", lambda: too_large() == before + 2)
        token = self.world.key.token(bound=self.world.client)
        proof = self.world.proof(token, uri="https://api.example/once")
        flags = [part for name, value in issuer.dpop(token, proof) for part in ("-H", f"{name}: {value}")]
        self.assertEqual([ask("/once", *flags)[1], ask("/once", *flags)[1]], [200, 401])
        self.answers.tokens["opaque-token"] = self.said(tenant="red")
        self.assertEqual(ask("/opaque", "-H", "Authorization: Bearer opaque-token")[1], 200)
        self.answers.pause = 1
        self.assertEqual(ask("/opaque", "-H", "Authorization: Bearer other")[1], 503)

    def test_three_questions(self):
        """An opaque token that is bound, with a proof of one use, and a body with a tool."""
        token = "opaque-bound-token"
        self.answers.tokens[token] = self.said(cnf={"jkt": self.plain.client.thumbprint}, token_type="DPoP")
        for tool, status in (("read", 200), ("write", 403)):
            proof = self.plain.proof(token, method="POST", uri="https://api.example/all")
            answer = self.ask("/all", issuer.dpop(token, proof), call(tool))
            self.assertEqual(answer.status, status, answer)
        # What the issuer said is kept for a while, and a proof is used only by a request that passes all else.
        self.assertEqual((len(self.answers.of("/introspect")), len(self.answers.of("/store"))), (1, 1))

    # Credentials.

    def txn_token(self, sub="alice", **claims):
        now = int(time.time())
        said = {"iss": TTS, "aud": "example.org", "sub": sub, "iat": now, "exp": now + 60, "txn": "t-1", "scope": "orders:read",
                "req_wl": "spiffe://example.org/gateway", **claims}
        return self.plain.tts.sign({"alg": "ES256", "kid": "tts", "typ": "txntoken+jwt"}, said)

    def test_transaction_tokens(self):
        bearer = self.plain.bearer()
        shown = self.shown("/txn", [bearer, ("Txn-Token", self.txn_token())])
        fields = dict(shown["headers"])
        self.assertEqual(fields["x-txn"], "t-1")
        self.assertNotIn("txn-token", fields)
        self.assertIn("authorization", fields)
        for reason, headers in [
            ("credential_missing", [bearer]),
            ("credentials_untied", [bearer, ("Txn-Token", self.txn_token("mallory"))]),
            ("token_expired", [bearer, ("Txn-Token", self.txn_token(exp=1))]),
            ("audience_mismatch", [bearer, ("Txn-Token", self.txn_token(aud="other.example"))]),
            ("credential_repeated", [bearer, ("Txn-Token", self.txn_token()), ("txn-token", self.txn_token())]),
        ]:
            with self.subTest(reason):
                self.assertEqual(self.refused(reason, "/txn", headers).status // 100, 4)
        # It is removed in every spelling, in shadow mode too, and judged again after a redirect.
        spelled = [bearer, ("Txn-Token", self.txn_token()), ("TXN-Token", "x")]
        self.assertNotIn("txn-token", dict(self.shown("/shadow_txn", spelled)["headers"]))
        self.assertEqual(self.ask("/txn_to_all", [bearer, ("Txn-Token", self.txn_token())]).status, 200)

    def test_cookies_and_subprotocols(self):
        token = self.plain.bearer()[1].split()[1]
        check_places(self, token, PREFIX)
        # Neither the variable nor a redirect knows more or less than the field.
        fields = dict(self.shown("/site", [("Cookie", f"token={token}; a=1")])["headers"])
        self.assertEqual((fields.get("x-cookie"), fields["cookie"]), (None, "a=1"))
        fields = dict(self.shown("/site_to_site", [("Cookie", f"token={token}; a=1")])["headers"])
        self.assertEqual((fields.get("x-cookie"), fields["cookie"], fields["x-user"]), (None, "a=1", "alice"))


# The usual lines of a reverse proxy, which the location of a question inherits.
USUAL = """
    map $http_x_tenant $backend { default shared; blue blue-servers; }
    map $countersign_subject $who { default nobody; alice the-alice; }
    map $uri $path { default other; /read/uri the-uri; /uri the-uri; }
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Asked-Tenant $http_x_tenant;
    proxy_set_header X-Backend $backend;
    proxy_set_header X-Session $cookie_session;
    proxy_set_header X-Inner $countersign_subject;
    proxy_set_header X-Who $who;
    proxy_set_header X-Path $path;
"""

# Each server also has a rule of its own for what the client sent, which must not answer a question.
VARIABLES = """
        if ($http_x_forwarded_proto != https) { return 301 https://$host$request_uri; }
        if ($http_x_tenant = banned) { return 403; }
        countersign on;
        countersign_use_once /_store;
        countersign_introspect /_issuer;
        location = /_store { internal; proxy_pass http://answers/store; }
        location = /_issuer { internal; proxy_pass http://answers/introspect; }
        location / { countersign_policy opaque; proxy_pass http://answers; }
        location /once { countersign_policy once; proxy_pass http://answers; }
        location /read {
            countersign_policy opaque;
            set $seen "$proxy_add_x_forwarded_for $http_x_tenant $backend $cookie_session $path";
            if ($seen = "") { return 403; }
            proxy_pass http://answers;
        }
"""


class Variables(unittest.TestCase):
    """A question has variables of its own: neither it nor the client's request reads a value of the other."""

    CLIENT = [("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "203.0.113.7"), ("X-Tenant", "blue"), ("Cookie", "session=secret")]
    SHOWN = {"x-forwarded-for": "203.0.113.7, 127.0.0.1", "x-asked-tenant": "blue", "x-backend": "blue-servers", "x-session": "secret",
             "x-inner": "alice", "x-who": "the-alice"}

    @classmethod
    def setUpClass(cls):
        cls.answers = Answers().__enter__()
        cls.world = World(VARIABLES, policy=POLICY, http="upstream answers { server " + cls.answers.address + "; }\n" + USUAL + HTTP)
        cls.world.nginx.write("tts.json", issuer.key_set(issuer.Key("tts")))
        cls.world.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.world.__exit__(None, None, None)
        cls.answers.__exit__()

    def setUp(self):
        self.answers.asked.clear()

    def shown(self, target, *headers):
        answer = self.world.get(target, [*headers, *self.CLIENT])
        self.assertEqual(answer.status, 200, answer)
        return dict(json.loads(answer.body)["headers"])

    def check(self, fields, path):
        self.assertEqual({name: fields.get(name) for name in self.SHOWN}, self.SHOWN)
        self.assertEqual(fields["x-path"], path)

    def check_question(self, path):
        """The usual lines say of a question what they say of a request without a field."""
        ((asked, _),) = self.answers.of(path)
        told = {name: asked.get(name) for name in (*self.SHOWN, "x-path", "x-tenant", "cookie", "x-forwarded-proto")}
        self.assertEqual(told, {**dict.fromkeys(told), "x-forwarded-for": "127.0.0.1", "x-backend": "shared", "x-who": "nobody", "x-path": "other"})

    def test_of_an_introspected_token(self):
        """Asked about and then cached; with variables that the question reads first, and with those that the request does."""
        for target in ("/uri", "/read/uri"):
            with self.subTest(target):
                self.answers.asked.clear()
                token = f"opaque-{target[1:].replace('/', '-')}"
                self.answers.tokens[token] = {"active": True, "sub": "alice", "aud": AUDIENCE, "exp": int(time.time()) + 300}
                for _ in range(2):
                    self.check(self.shown(target, ("Authorization", f"Bearer {token}")), "the-uri")
                self.check_question("/introspect")
                self.assertEqual(dict(self.answers.of("/introspect")[0][0])["content-type"], "application/x-www-form-urlencoded")

    def test_of_a_proof(self):
        token = self.world.key.token(bound=self.world.client)
        proof = self.world.proof(token, uri="https://api.example/once")
        self.check(self.shown("/once", *issuer.dpop(token, proof)), "other")
        self.check_question("/store")

    def test_rules_of_the_server(self):
        """They hold for the client's request, not for the question."""
        self.assertEqual(self.world.get("/uri", [("Authorization", "Bearer opaque")]).status, 301)
        banned = [("X-Forwarded-Proto", "https"), ("X-Tenant", "banned")]
        self.assertEqual(self.world.get("/uri", [("Authorization", "Bearer opaque"), *banned]).status, 403)
        self.assertEqual(self.answers.asked, [])


# Where a question may be led by its own location, by the server around it, or by the answer; `backup` says yes to every question.
LED = {
    "an error page of the server": "proxy_pass http://down;",
    "an answer of nginx": "return 502;",
    "an error page of its own": "error_page 502 = @open; proxy_pass http://down;",
    "an error page with a path": "error_page 502 = /open; proxy_pass http://down;",
    "an error page with a status": "error_page 502 =201 /open; proxy_pass http://down;",
    "a chain of error pages": "recursive_error_pages on; error_page 502 = /chained; proxy_pass http://down;",
    "an answer that has an error page": "proxy_intercept_errors on; error_page 404 = @open; proxy_pass http://backup/absent;",
    "try_files": "try_files /absent @open;",
    "try_files with a path": "try_files /absent /open;",
    "a rewrite": "rewrite ^ /open last;",
    "a redirect of the answer": "proxy_pass http://backup/redirects/open;",
    "a redirect of the answer to a name": "proxy_pass http://backup/redirects@open;",
    "a redirect to a protected location": "proxy_pass http://backup/redirects/protected;",
}


class Led(unittest.TestCase):
    """A question has one location. The answer of another one is no answer to it, and no other one gets it."""

    @classmethod
    def setUpClass(cls):
        cls.backup = Server(cls.handle).__enter__()
        locations = "".join(
            f"location /once{at} {{ countersign_policy once; countersign_use_once /_led{at}; proxy_pass http://backup; }}"
            f"location /opaque{at} {{ countersign_policy opaque; countersign_introspect /_led{at}; proxy_pass http://backup; }}"
            f"location = /_led{at} {{ internal; {inside} }}" for at, inside in enumerate(LED.values()))
        server = """
            countersign on; countersign_use_once /_led0; countersign_introspect /_led0; error_page 502 504 = @backup;
            location @backup { proxy_pass http://backup; }
            location @open { countersign off; proxy_pass http://backup; }
            location /open { countersign off; proxy_pass http://backup; }
            location /protected { proxy_pass http://backup; }
            location /chained { error_page 502 = @open; proxy_pass http://down; }
        """
        upstreams = f"upstream backup {{ server {cls.backup.address}; }} upstream down {{ server 127.0.0.1:1; }}\n"
        cls.world = World(server + locations, policy=POLICY, http=upstreams + HTTP)
        cls.world.nginx.write("tts.json", issuer.key_set(issuer.Key("tts")))
        cls.world.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.world.__exit__(None, None, None)
        cls.backup.__exit__()

    asked = []

    @classmethod
    def handle(cls, path, method, headers, body):
        """As an application that takes every POST, and as a store and an issuer that know everything."""
        if path.startswith("/redirects"):
            return 200, b"", ("X-Accel-Redirect", path.removeprefix("/redirects"))
        if path == "/absent":
            return 404, b""
        cls.asked.append(path)
        if "Countersign-Proof" in headers:
            return 201, b""
        return 200, json.dumps({"active": True, "sub": "alice", "aud": AUDIENCE, "exp": int(time.time()) + 300}).encode()

    def check(self, reason, target, headers):
        self.asked.clear()

        def count():
            return self.world.zone()["enforce"]["refused"].get(reason, 0)

        before = count()
        self.assertEqual((self.world.get(target, headers).status, count(), self.asked), (503, before + 1, []))

    def test_of_a_store(self):
        token = self.world.key.token(bound=self.world.client)
        for at, title in enumerate(LED):
            with self.subTest(title):
                proof = self.world.proof(token, uri=f"https://api.example/once{at}")
                self.check("replay_store_unavailable", f"/once{at}", issuer.dpop(token, proof))

    def test_of_an_issuer(self):
        for at, title in enumerate(LED):
            with self.subTest(title):
                self.check("introspection_unavailable", f"/opaque{at}", [("Authorization", f"Bearer opaque-{at}")])


class Configuration(unittest.TestCase):
    def refuses(self, server, what, policy=POLICY):
        made = World(server, policy=policy)
        made.nginx.write("tts.json", issuer.key_set(issuer.Key("tts")))
        passes, told = made.nginx.test()
        self.assertFalse(passes, told)
        self.assertIn(what, told)

    def test_faults(self):
        self.refuses("location / { countersign on; countersign_policy once; }",
                     'asks a shared store ("shared_store"): "countersign" needs "countersign_use_once" in')
        self.refuses("location / { countersign on; countersign_policy opaque; }",
                     'asks issuers about their tokens ("introspected"): "countersign" needs "countersign_introspect" in')
        for directive in ("countersign_use_once", "countersign_introspect"):
            self.refuses(f"{directive} name;", '"name" is no path of a location')
            self.refuses(f"{directive} /name?x;", '"/name?x" is no path of a location')
            self.refuses(f"{directive} /a; {directive} /a;", "is duplicate")
        self.refuses("countersign_set_header Txn_Token subject;", "is no header name")
        self.refuses("countersign_set_header Txn-Token subject; location / { countersign on; countersign_policy txn; }",
                     '"txn-token" cannot be an identity header')


if __name__ == "__main__":
    unittest.main()
