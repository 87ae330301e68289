"""gRPC: how a real client sees a refused call, and that an accepted one is unchanged."""

import json
import subprocess
import unittest

from harness import issuer, place, server
from harness.server import per_route, route
from harness.world import World

HTTP2 = {"typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    "explicit_http_config": {"http2_protocol_options": {}}}}}
OTHER = "https://other.example"
SCRIPT = str(place.ROOT / "tests/envoy/harness/rpc.py")


class Calls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = subprocess.Popen([place.rpc(), SCRIPT, "serve"], stdout=subprocess.PIPE, text=True)
        port = int(cls.upstream.stdout.readline())
        policy = {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE], "origin": "https://api.example"}
        trust = [{"issuer": issuer.ISSUER, "jwks_file": "as.json"}, {"issuer": OTHER, "jwks_uri": f"{OTHER}/keys"}]
        cls.world = World(
            policy={"trust": trust, "policies": {"default": policy, "scope": {**policy, "accept": [{"kind": "at+jwt", "scope": ["write"]}]},
                                                 "nonce": {**policy, "dpop": {"nonce": "required"}}}},
            settings={"default_policy": "default", "fetch": [{"issuer": OTHER, "cluster": "nowhere"}]},
            routes=[cls.route(where, said) for where, said in {
                "scope": {"policy": "scope"}, "nonce": {"policy": "nonce"}, "unknown": {"policy": "none of them"}}.items()] + [cls.route()])
        cls.world.envoy.clusters.append(server.cluster("rpc", port, **HTTP2))
        cls.world.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.world.__exit__(None, None, None)
        cls.upstream.terminate()
        cls.upstream.wait()
        cls.upstream.stdout.close()

    @staticmethod
    def route(where=None, said=None):
        match = {"prefix": "/", **({"headers": [{"name": "x-where", "string_match": {"exact": where}}]} if where else {})}
        return route(match, per_route(said) if said else None, route={"cluster": "rpc", "timeout": "20s"})

    def call(self, *metadata):
        """The answers to one call of each kind."""
        calls = [{"kind": kind, "metadata": [[name.lower(), value] for name, value in metadata]} for kind in ("unary", "stream")]
        done = place.run(place.rpc(), SCRIPT, "call", str(self.world.port), json.dumps(calls), timeout=60)
        return dict(zip(("unary", "stream"), json.loads(done)))

    def test_a_call_that_passes_is_answered_by_its_server(self):
        found = self.call(self.world.bearer(), ("X-User", "root"), ("X_User", "root"))
        seen = '[["x-user", "alice"], ["x-binding", "none"]]'
        for kind, messages in {"unary": ["first"], "stream": ["first", "second", "third"]}.items():
            self.assertEqual(found[kind]["code"], "OK", found)
            self.assertEqual([message.rsplit(" ", 1)[1] for message in found[kind]["messages"]], messages)
            fields = json.loads(found[kind]["messages"][0].rsplit(" ", 1)[0])
            self.assertEqual(sorted(pair for pair in fields if pair[0].replace("_", "-") in ("x-user", "x-binding")),
                             sorted(json.loads(seen)), found)

    def refused(self, code, *metadata, word=None):
        for kind, answer in self.call(*metadata).items():
            self.assertEqual((answer["code"], answer["messages"]), (code, []), (kind, answer))
            challenges = [value for name, value in answer["metadata"] if name == "www-authenticate"]
            if word:
                self.assertIn(word, " ".join(challenges), (kind, answer))
            else:
                self.assertEqual(challenges, [], (kind, answer))

    def test_a_refusal_is_never_ok(self):
        where = lambda name: ("x-where", name)
        token = self.world.bearer()
        self.refused("UNAUTHENTICATED", word='DPoP realm="default"')
        self.refused("UNAUTHENTICATED", self.world.bearer(exp=1), word='error="invalid_token"')
        self.refused("PERMISSION_DENIED", token, where("scope"), word='error="insufficient_scope"')
        self.refused("UNAVAILABLE", self.world.bearer(iss=OTHER))
        self.refused("INTERNAL", token, where("unknown"))
        self.refused("INVALID_ARGUMENT", token, token, word='error="invalid_request"')

    def test_a_nonce_reaches_the_client(self):
        where, uri = ("x-where", "nonce"), "https://api.example/test.Echo/Unary"
        both = self.call(where, *self.world.proven(method="POST", uri=uri))
        self.assertEqual([answer["code"] for answer in both.values()], ["UNAUTHENTICATED", "UNAUTHENTICATED"])
        nonce = dict(map(tuple, both["unary"]["metadata"]))["dpop-nonce"]
        both = self.call(where, *self.world.proven(method="POST", uri=uri, nonce=nonce))
        self.assertEqual([answer["code"] for answer in both.values()], ["OK", "UNAUTHENTICATED"])

    def test_whatever_envoy_takes_for_grpc(self):
        for kind in ("application/grpc", "application/grpc+proto", "application/grpc;x=y", "Application/gRPC", "application/grpc+json; a=b",
                     "application/grpc-web", "application/grpc ", "application/json"):
            got = self.world.get(method="POST", headers=[("Content-Type", kind), ("TE", "trailers")])
            if got.status == 200:
                self.assertEqual((got.all("grpc-status"), got.body), (["16"], b""), kind)
            else:
                self.assertEqual(got.status, 401, kind)
            self.assertEqual(len(got.all("www-authenticate")), 2, kind)
        got = self.world.get(method="POST", headers=[("Content-Type", "application/grpc")])
        self.assertEqual((got.status, got.all("grpc-status")), (200, ["16"]))
        got = self.world.get(method="POST", headers=[("Content-Type", "application/json")])
        self.assertEqual((got.status, got.all("grpc-status")), (401, []))


if __name__ == "__main__":
    unittest.main()
