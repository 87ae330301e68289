"""What `htu` is compared with: an origin, one of a list that the client's host chooses, or what Envoy takes from the request."""

import json
import unittest

from harness import build, issuer, server
from harness.server import per_route, route
from harness.world import POLICY, World

PLAIN = json.loads(json.dumps(POLICY))
del PLAIN["policies"]["default"]["origin"]


class Lists(unittest.TestCase):
    def ask(self, world, host, uri, target="/a", **fields):
        got = world.get(target, headers=world.proven(uri=uri), host=host, **fields)
        return got.status, got.one("x-reason")

    def test_the_host_of_the_request_chooses_among_them(self):
        origins = ["https://api.example", "https://*.shop.example", "https://other.example:8443/base"]
        passed, refused = (200, "accepted"), (401, "proof_uri_mismatch")
        with World(policy=PLAIN, settings={"origin": origins}) as world:
            for host, uri, expected in [
                ("api.example", "https://api.example/a", passed),
                ("API.example:443", "https://api.example/a", passed),
                ("api.example", "http://api.example/a", refused),
                ("api.example", "https://blue.shop.example/a", refused),
                ("blue.shop.example", "https://blue.shop.example/a", passed),
                ("green.shop.example", "https://blue.shop.example/a", refused),
                ("a.b.shop.example", "https://a.b.shop.example/a", refused),
                ("shop.example", "https://shop.example/a", refused),
                ("other.example:8443", "https://other.example:8443/base/a", passed),
                ("other.example", "https://other.example/a", refused),
                # A proof that a client made for another server is refused, whatever it contains.
                ("evil.example", "https://evil.example/a", refused),
                ("evil.example", "https://api.example/a", refused),
            ]:
                self.assertEqual(self.ask(world, host, uri), expected, (host, uri))
            # A token without a proof is of no host.
            self.assertEqual(world.get(headers=[world.bearer()], host="evil.example").status, 200)

    def test_one_alone_is_meant_by_every_request(self):
        with World(policy=PLAIN, settings={"origin": ["https://api.example/"]}) as world:
            self.assertEqual(self.ask(world, "inside.internal", "https://api.example/a"), (200, "accepted"))

    def test_a_wildcard_of_a_route(self):
        routes = [route({"prefix": "/shop"}, per_route({"origin": "https://*.shop.example"})), route()]
        with World(policy=PLAIN, routes=routes, settings={"origin": "https://api.example", **build.THIS.routed}) as world:
            for target, host, uri, status in [
                ("/shop", "blue.shop.example", "https://blue.shop.example/shop", 200),
                ("/shop", "api.example", "https://api.example/shop", 401),
                ("/a", "blue.shop.example", "https://api.example/a", 200),
            ]:
                self.assertEqual(self.ask(world, host, uri, target)[0], status, (target, host, uri))

    def test_lists_that_cannot_be_used(self):
        for origin, expected in [
            (["https://api.example", "https://api.*.example"],
             "/origin/1: found \"https://api.*.example\", expected an origin such as https://api.example: * matches one whole label"),
            (["https://api.example", "http://api.example"], "/origin/1: found \"http://api.example\", expected an origin such as "
             "https://api.example: it is for the same host as origin 0"),
            ([], "/origin: found an empty array, expected at least one of: an origin"),
            ([1], "/origin/0: found 1, expected an origin"),
            ("https://*", "/origin: found \"https://*\", expected an origin such as https://api.example: * matches"),
        ]:
            with World(policy=PLAIN, settings={"origin": origin}, start=False) as world:
                passed, said = world.envoy.validate()
                self.assertFalse(passed, said)
                self.assertIn(f"countersign: {expected}", said)


class PolicyAndSettings(unittest.TestCase):
    def test_the_origin_of_the_policy_is_the_one_that_counts(self):
        """Its base path too: that of the settings is not put in front of the target."""
        policy = json.loads(json.dumps(PLAIN))
        policy["policies"]["default"]["origin"] = "https://api.example/v1"
        with World(policy=policy, settings={"origin": "https://outside.example/base"}) as world:
            self.assertEqual(world.get("/a", headers=world.proven(uri="https://api.example/v1/a")).status, 200)
            for uri in ("https://api.example/v1/base/a", "https://outside.example/base/a"):
                self.assertEqual(world.get("/a", headers=world.proven(uri=uri)).one("x-reason"), "proof_uri_mismatch", uri)
            self.assertIn("countersign: origin is not used for the policy default, which has its own", world.envoy.log())

    def test_proofs_without_an_origin_are_warned_of(self):
        warning = "countersign: the policy default takes DPoP proofs, and neither it nor the settings have an origin"
        for settings, policy, warned in [({}, PLAIN, True), ({"origin": "https://api.example"}, PLAIN, False), ({}, POLICY, False)]:
            with World(policy=policy, settings=settings) as world:
                self.assertEqual(warning in world.envoy.log(), warned, world.envoy.log())


class Schemes(unittest.TestCase):
    """Without an origin, the URI is what Envoy takes the request for, and Envoy may take it from the client."""

    def accepted(self, forwarded, uri, **manager):
        with World(policy=PLAIN, **manager) as world:
            headers = [("X-Forwarded-Proto", forwarded)] if forwarded else []
            return world.get("/a", headers=[*world.proven(uri=uri), *headers]).status == 200

    def test_the_scheme_is_the_clients_to_say_unless_envoy_is_told_otherwise(self):
        plain, secure = "http://api.example/a", "https://api.example/a"
        self.assertTrue(self.accepted(None, plain))
        # What the README warns of: the listener has no TLS, and the client says that it has.
        self.assertTrue(self.accepted("https", secure))
        self.assertFalse(self.accepted("https", plain))
        # An edge that trusts no hop in front of it.
        self.assertTrue(self.accepted("https", plain, use_remote_address=True))
        self.assertFalse(self.accepted("https", secure, use_remote_address=True))
        # Behind a load balancer that ends TLS.
        fixed = {"scheme_header_transformation": {"scheme_to_overwrite": "https"}}
        self.assertTrue(self.accepted(None, secure, **fixed))
        self.assertTrue(self.accepted("http", secure, **fixed))
        self.assertFalse(self.accepted("http", plain, **fixed))


if __name__ == "__main__":
    unittest.main()
