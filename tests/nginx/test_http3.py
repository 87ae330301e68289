"""HTTP/3: an nginx of its own, and requests that name their server in `:authority` alone."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import issuer, place
from harness.world import World

# Without an origin: the URI that `htu` is compared with is all of the request's.
POLICY = {"trust": [{"issuer": issuer.ISSUER, "jwks_file": "as.json"}],
          "policies": {"default": {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE]},
                       "tools": {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE], "tools": [{"name": "read"}]}}}

SERVER = """
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;
    underscores_in_headers on;
    ignore_invalid_headers off;
    countersign on;
    countersign_set_header X-User subject;
    countersign_set_header X-Binding binding;
    location / { proxy_pass http://shown; }
    location /off { countersign off; proxy_pass http://shown; }
    location /origin { countersign_origin https://public.example; proxy_pass http://shown; }
    location /many { countersign_origin https://api.example https://*.shops.example; proxy_pass http://shown; }
    location /tools { countersign_policy tools; client_body_buffer_size 8k; proxy_pass http://shown; }
    location /page { error_page 404 = /inner; return 404; }
    location = /inner { proxy_pass http://shown; }
    location /conditional { if ($http_x_user) { return 204; } proxy_pass http://shown; }
"""


class Http3(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(SERVER, policy=POLICY, listen=" ssl; listen 127.0.0.1:{port} quic reuseport",
                          binary=os.environ["COUNTERSIGN_NGINX_HTTP3"], module=os.environ["COUNTERSIGN_NGINX_HTTP3_MODULE"])
        folder = cls.world.nginx.folder
        place.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                  "-subj", "/CN=api.example", "-keyout", folder / "server.key", "-out", folder / "server.pem")
        cls.world.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.world.__exit__(None, None, None)

    def ask(self, *requests):
        """The answers to requests on one connection."""
        return self.converse([requests])[0]

    def converse(self, connections):
        done = subprocess.run(
            [os.environ["COUNTERSIGN_NGINX_HTTP3_PYTHON"], "-B", str(Path(__file__).parent / "harness/http3.py")],
            input=json.dumps({"port": self.world.nginx.port, "connections": connections}), capture_output=True, text=True, check=False,
            timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr + self.world.nginx.log())
        return json.loads(done.stdout)

    def request(self, target, headers=(), method="GET", authority="api.example", **options):
        named = [] if authority is None else [[":authority", authority]]
        fields = [[":method", method], [":scheme", "https"], *named, [":path", target],
                  *([name.lower(), value] for name, value in headers)]
        return {"fields": fields, **options}

    def proven(self, uri, method="GET"):
        token = self.world.key.token(bound=self.world.client)
        return issuer.dpop(token, self.world.proof(token, method=method, uri=uri))

    def test_bearer(self):
        accepted, refused = self.ask(self.request("/orders", [self.world.bearer()]), self.request("/orders"))
        self.assertEqual((accepted["status"], accepted["body"]), (200, "user=alice binding=none uri=/orders method=GET"))
        self.assertEqual(refused["status"], 401)
        self.assertIn("www-authenticate", dict(refused["headers"]))

    def test_dpop(self):
        proof = self.proven("https://api.example/orders")
        answers = self.ask(
            self.request("/orders?a=1", proof),
            self.request("/orders?a=1", proof),
            self.request("/orders", self.proven("https://api.example:8443/orders"), authority="api.example:8443"),
            self.request("/orders", self.proven("https://api.example/orders"), authority="api.example:443"),
            self.request("/orders", self.proven("https://api.example/orders"), authority="API.example"),
            self.request("/orders", [*self.proven("https://api.example/orders"), ("Host", "api.example")]),
            self.request("/orders", [*self.proven("https://api.example/orders"), ("Host", "api.example")], authority=None),
            self.request("/orders", self.proven("https://other.example/orders")),
            self.request("/orders", self.proven("http://api.example/orders")),
            self.request("/orders", self.proven("https://api.example/orders"), authority="api.example:8443"),
            self.request("/orders", self.proven("https://api.example/"), authority="api.example?"),
            self.request("/origin", self.proven("https://public.example/origin")),
            self.request("/origin", self.proven("https://api.example/origin")),
        )
        self.assertEqual([answer["status"] for answer in answers], [200, 401, 200, 200, 200, 200, 200, 401, 401, 401, 401, 200, 401])
        self.assertEqual(answers[0]["body"], "user=alice binding=dpop uri=/orders?a=1 method=GET")

    def test_many_origins(self):
        """`:authority` chooses, or Host where it is alone."""
        answers = self.ask(
            self.request("/many", self.proven("https://api.example/many")),
            self.request("/many", self.proven("https://api.example/many"), authority="api.example:443"),
            self.request("/many", self.proven("https://shoes.shops.example/many"), authority="shoes.shops.example"),
            self.request("/many", [*self.proven("https://shoes.shops.example/many"), ("Host", "shoes.shops.example")], authority=None),
            self.request("/many", self.proven("https://api.example/many"), authority="shoes.shops.example"),
            self.request("/many", self.proven("https://evil.example/many"), authority="evil.example"),
            self.request("/many", self.proven("https://api.example:8443/many"), authority="api.example:8443"),
        )
        self.assertEqual([answer["status"] for answer in answers], [200, 200, 200, 200, 401, 401, 401])

    def test_a_client_makes_no_5xx(self):
        authorities = ("a@api.example", "api.example:70000", "api.example:x", "[::1", "[::x]", "api..example", "", ":80", "%61pi.example",
                       "api.example/", "api example", None)
        answers = self.converse([[self.request("/", self.proven("https://other.example/"), authority=authority)]
                                 for authority in authorities])
        for authority, (answer,) in zip(authorities, answers, strict=True):
            with self.subTest(authority):
                self.assertEqual(answer["status"] // 100, 4, answer)

    def test_the_method_is_the_client_s(self):
        uri = "https://api.example/page"
        answers = self.ask(
            self.request("/page", self.proven(uri, "POST"), method="POST", body="x"),
            self.request("/page", self.proven(uri, "GET"), method="POST", body="x"),
        )
        self.assertEqual([answer["status"] for answer in answers], [200, 401])

    def test_bodies(self):
        """A body is judged before it goes on; of one that is too long the end is not waited for."""
        def call(tool, more=0):
            return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {"x": "a" * more}}})

        bearer = self.world.bearer()
        answers = self.ask(*(self.request("/tools", [bearer], method="POST", body=body)
                             for body in (call("read"), call("read", 30000), call("write"), call("write", 30000))))
        self.assertEqual([answer["status"] for answer in answers], [200, 200, 403, 403])
        self.ask(self.request("/tools", [bearer], method="POST", body="a" * 70000))
        self.assertIn("body_too_large", self.world.nginx.log())

    def test_identity(self):
        spoofed = [("x-user", "root"), ("x_user", "root"), ("x.user", "root")]
        answers = self.ask(
            self.request("/", [self.world.bearer(), *spoofed]),
            self.request("/off", spoofed),
            self.request("/conditional", [self.world.bearer(), *spoofed]),
        )
        self.assertEqual([answer["status"] for answer in answers], [200, 200, 200])
        self.assertIn("user=alice ", answers[0]["body"])
        self.assertIn("user= ", answers[1]["body"])


if __name__ == "__main__":
    unittest.main()
