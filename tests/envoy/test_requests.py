"""What a request meets: answers, identity, metadata, counters, routes, shadow mode, bytes that are no text, memory."""

import json
import os
import subprocess
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import build, client, issuer, server
from harness.server import per_route, route, until
from harness.world import World


class Requests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        other = {"accept": [{"kind": "at+jwt", "scope": ["orders:write"]}], "audience": [issuer.AUDIENCE], "challenge": {"realm": "o"}}
        rbac = {"name": "rbac", "typed_config": {
            "@type": f"{server.TYPES}.filters.http.rbac.v3.RBAC",
            "rules": {"action": "DENY", "policies": {"mallory": {
                "permissions": [{"any": True}],
                "principals": [build.THIS.principal("subject", "mallory")]}}}}}
        cls.world = World(
            policies={"orders": other, "nonce": {
                "accept": ["at+jwt"], "audience": [issuer.AUDIENCE], "origin": "https://api.example", "dpop": {"nonce": "required"}}},
            settings={"default_policy": "default", "audit_log": "all"},
            filters=[rbac],
            routes=[
                route({"prefix": "/orders"}, per_route({"policy": "orders"})),
                route({"prefix": "/shadow"}, per_route({"policy": "orders", "mode": "shadow"})),
                route({"prefix": "/nonce"}, per_route({"policy": "nonce"})),
                route({"prefix": "/elsewhere"}, per_route({"policy": "none of them"})),
                *(route({"prefix": target}, per_route(said)) for target, said in build.THIS.bad_routes.items()),
                route(),
            ],
            access_log={"details": "%RESPONSE_CODE_DETAILS%", "subject": build.THIS.fact("subject"),
                        "reason": build.THIS.fact("reason"), "path": "%REQ(:PATH)%"})
        cls.log = cls.world.envoy.folder / "access.log"
        cls.world.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.world.__exit__(None, None, None)

    def get(self, *arguments, **options):
        return self.world.get(*arguments, **options)

    def test_the_identity_is_ours_and_nobody_elses(self):
        token = self.world.key.token("alice")
        got = self.get(headers=[issuer.bearer(token), ("X-User", "root"), ("X-Binding", "mtls"), ("x-user", "root")])
        self.assertEqual((got.status, got.one("x-seen-user"), got.one("x-seen-binding")), (200, "alice", "none"))
        self.assertEqual((got.one("x-decision"), got.one("x-reason"), got.one("x-subject")), ("accept", "accepted", "alice"))
        self.assertEqual((got.one("x-issuer"), got.one("x-scope")), (issuer.ISSUER, "orders:read"))
        got = self.get("/shadow", headers=[("X-User", "root")])
        self.assertEqual((got.status, got.one("x-seen-user")), (200, None))
        token = self.world.key.token("a\r\nx-admin: yes")
        got = self.get(headers=[issuer.bearer(token), ("X-User", "root")])
        self.assertEqual((got.status, got.one("x-seen-user")), (200, None))

    def test_a_refusal_is_one_word_everywhere(self):
        before = self.world.count("token_expired")
        got = self.get("/?here", headers=[self.world.bearer(exp=1)])
        self.assertEqual((got.status, got.one("x-details"), got.body), (401, "token_expired", b""))
        challenges = got.all("www-authenticate")
        self.assertEqual([challenge.split()[0] for challenge in challenges], ["Bearer", "DPoP"])
        self.assertIn('error_description="token_expired"', challenges[0])
        until("the counter", lambda: self.world.count("token_expired") == before + 1)
        line = until("the access log", lambda: [entry for line in self.log.read_text().splitlines()
                                                if (entry := json.loads(line))["path"] == "/?here"])[0]
        self.assertEqual((line["details"], line["reason"]), ("token_expired", "token_expired"))
        audit = [line for line in self.world.envoy.log().splitlines() if '"reason":"token_expired"' in line]
        self.assertTrue(json.loads(audit[-1][audit[-1].index("{"):])["subject"] == "alice")

    def test_rbac_reads_the_subject(self):
        self.assertEqual(self.get(headers=[self.world.bearer()]).status, 200)
        got = self.get(headers=[self.world.bearer(sub="mallory")])
        self.assertEqual((got.status, got.one("x-details")[:4]), (403, "rbac"))

    def test_a_route_has_its_own_policy(self):
        read, write = self.world.bearer(), self.world.bearer(scope="orders:write")
        self.assertEqual(self.get(headers=[read]).status, 200)
        got = self.get("/orders", headers=[read])
        self.assertEqual((got.status, got.one("x-details")), (403, "scope_insufficient"))
        self.assertEqual(self.get("/orders", headers=[write]).status, 200)
        for target in ("/elsewhere", *build.THIS.bad_routes):
            got = self.get(target, headers=[write])
            self.assertEqual((got.status, got.one("x-details")), (500, "internal_error"))

    def test_shadow_lets_pass_and_counts(self):
        before = self.world.count("scope_insufficient", "shadowed", "orders")
        got = self.get("/shadow", headers=[self.world.bearer()])
        self.assertEqual((got.status, got.one("x-decision"), got.one("x-reason")), (200, "refuse", "scope_insufficient"))
        self.assertEqual((got.one("x-mode"), got.one("x-seen-user"), got.all("www-authenticate")), ("shadow", None, []))
        until("the counter", lambda: self.world.count("scope_insufficient", "shadowed", "orders") == before + 1)

    def test_two_credentials_are_one_too_many(self):
        token = self.world.bearer()
        got = self.get(headers=[token, token])
        self.assertEqual((got.status, got.one("x-details")), (400, "credential_repeated"))
        proof = self.world.proven()
        got = self.get(headers=[*proof, proof[1]])
        self.assertEqual((got.status, got.one("x-details")), (401, "proof_repeated"))

    def test_a_proof_is_for_one_request(self):
        proven = self.world.proven(uri="https://api.example/a")
        self.assertEqual(self.get("/a?b=c", headers=proven).status, 200)
        got = self.get("/a", headers=proven)
        self.assertEqual((got.status, got.one("x-details")), (401, "proof_replayed"))
        got = self.get("/b", headers=self.world.proven(uri="https://api.example/a"))
        self.assertEqual(got.one("x-details"), "proof_uri_mismatch")
        stolen = issuer.bearer(self.world.key.token(bound=self.world.client))
        self.assertEqual(self.get(headers=[stolen]).one("x-details"), "proof_missing")

    def test_nonces_are_handed_out(self):
        uri = "https://api.example/nonce"
        got = self.get("/nonce", headers=self.world.proven(uri=uri))
        self.assertEqual((got.status, got.one("x-details")), (401, "nonce_required"))
        nonce = got.one("dpop-nonce")
        got = self.get("/nonce", headers=self.world.proven(uri=uri, nonce=nonce))
        self.assertEqual((got.status, got.all("dpop-nonce")), (200, []))

    def test_bytes_that_are_no_text(self):
        for value in ("Bearer \xff\xfe", "\xff", "DPoP \xff"):
            got = self.get(headers=[("Authorization", value)])
            self.assertIn(got.status, (400, 401), got)
        got = self.get(headers=[self.world.bearer(), ("DPoP", "\xff"), ("X-User", "\xff"), ("X-Odd", "\xff")])
        self.assertEqual(got.status, 200)
        self.assertEqual(self.get(headers=[self.world.bearer()]).status, 200)

    def test_many_and_large_headers(self):
        many = [(f"X-{number}", "v") for number in range(90)]
        self.assertEqual(self.get(headers=[self.world.bearer(), *many]).status, 200)
        got = self.get(headers=[self.world.bearer(), *[(f"X-{number}", "v") for number in range(200)]])
        self.assertEqual(got.status, 431)  # Envoy's own limit of 100, before any filter
        for value in ("a" * 58_000, "a.b.c" * 11_000):
            got = self.get(headers=[("Authorization", f"Bearer {value}")])
            self.assertEqual((got.status, got.one("x-details")), (400, "credential_too_large"))
        got = self.get(headers=[self.world.bearer(), ("X-Large", "a" * 58_000)])
        self.assertEqual(got.status, 200)
        self.assertEqual(self.get(headers=[("X-Large", "a" * 70_000)]).status, 431)  # Envoy's own limit of 60 KiB


class Selections(unittest.TestCase):
    """Policies that header fields select."""

    @classmethod
    def setUpClass(cls):
        policy = lambda scope: {"accept": [{"kind": "at+jwt", "scope": [scope]}], "audience": [issuer.AUDIENCE]}
        settings = {"default_policy": "default", "policy_rules": [
            {"header": ":path", "prefix": "/orders/", "policy": "orders"}, {"header": ":path", "exact": "/orders", "policy": "orders"},
            {"header": ":method", "exact": "PUT", "policy": "orders"}, {"header": "X-Tenant", "exact": "blue", "policy": "blue"}]}
        cls.world = World(
            policies={"orders": policy("orders"), "blue": policy("blue")}, settings=settings,
            routes=[route({"prefix": "/routed"}, per_route({"policy": "default"})),
                    route({"prefix": "/shadow"}, per_route({"mode": "shadow"})), route()],
            normalize_path=True, merge_slashes=True, path_with_escaped_slashes_action="UNESCAPE_AND_FORWARD")
        cls.world.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.world.__exit__(None, None, None)

    def scopes_that_pass(self, target, *headers, **options):
        """Which one of these scopes a token needs."""
        found = []
        for scope in ("none", "orders", "blue"):
            got = self.world.get(target, headers=[self.world.bearer(scope=scope), *headers], **options)
            self.assertIn((got.status, got.one("x-details")), [(200, None), (403, "scope_insufficient")], (target, headers))
            found += [scope] if got.status == 200 else []
        return found

    def test_the_first_that_matches(self):
        blue, green, any_of_them = ("X-Tenant", "blue"), ("x-tenant", "green"), ["none", "orders", "blue"]
        for target in ("/orders", "/orders?a=b", "/orders/1", "/orders/", "//orders/1", "/a/../orders", "/%6frders", "/orders%2f1"):
            for headers in ((), (blue,), (green, green)):
                self.assertEqual(self.scopes_that_pass(target, *headers), ["orders"], (target, headers))
        self.assertEqual(self.scopes_that_pass("/", method="PUT"), ["orders"])
        for target in ("/", "/ordersx", "/Orders", "/?/orders", "/a/orders"):
            self.assertEqual(self.scopes_that_pass(target), any_of_them, target)
            self.assertEqual(self.scopes_that_pass(target, blue), ["blue"], target)
            self.assertEqual(self.scopes_that_pass(target, green), any_of_them, target)

    def test_a_route_goes_before_headers(self):
        self.assertEqual(self.scopes_that_pass("/routed", ("x-tenant", "blue")), ["none", "orders", "blue"])
        # One that only says its mode leaves the choice to them.
        token = self.world.bearer()
        got = self.world.get("/shadow", headers=[token, ("x-tenant", "blue")])
        self.assertEqual((got.status, got.one("x-reason"), got.one("x-mode")), (200, "scope_insufficient", "shadow"))

    def test_a_repeated_field_is_refused_and_never_a_way_around(self):
        blue, green = ("x-tenant", "blue"), ("X-Tenant", "green")
        for headers in ((blue, green), (green, blue), (blue, blue), (green, green), (blue, ("x-tenant", ""))):
            before = self.world.count("policy_ambiguous")
            got = self.world.get(headers=[self.world.bearer(scope="blue"), *headers])
            self.assertEqual((got.status, got.one("x-details"), got.one("x-seen-user")), (400, "policy_ambiguous", None))
            until("it is counted", lambda: self.world.count("policy_ambiguous") == before + 1)
        got = self.world.get("/shadow", headers=[self.world.bearer(), blue, green, ("X-User", "root")])
        self.assertEqual((got.status, got.one("x-seen-user")), (200, None))
        until("it is counted", lambda: self.world.count("policy_ambiguous", "shadowed") == 1)


class LargeHeaders(unittest.TestCase):
    def test_two_hundred_fields(self):
        with World(common_http_protocol_options={"max_headers_count": 1000}, max_request_headers_kb=200) as world:
            many = [(f"X-{number}", "v" * 300) for number in range(200)]
            self.assertEqual(world.get(headers=[world.bearer(), *many]).status, 200)
            self.assertEqual(world.get(headers=[*many, ("Authorization", "Bearer x")]).one("x-details"), "token_malformed")


class Origins(unittest.TestCase):
    def test_the_uri_of_the_request_or_an_origin(self):
        policy = {"trust": [{"issuer": issuer.ISSUER, "jwks_file": "as.json"}],
                  "policies": {"default": {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE]}}}
        routes = [route({"prefix": "/base"}, per_route({"origin": "https://outside.example/api/"})), route()]
        with World(policy=policy, routes=routes, settings=build.THIS.routed) as world:
            for target, uri, status in [
                ("/a", "http://api.example/a", 200), ("/a", "https://api.example/a", 401), ("/a", "http://other.example/a", 401),
                ("/base/x?y", "https://outside.example/api/base/x", 200), ("/base/x", "http://api.example/base/x", 401),
            ]:
                got = world.get(target, headers=world.proven(uri=uri))
                self.assertEqual(got.status, status, (target, uri, got))
            # An authority that ends early must not make a query of the path.
            for end in "?#/":
                got = world.get("/a", headers=world.proven(uri="http://api.example/"), host=f"api.example{end}")
                self.assertIn(got.status, (400, 401), (end, got))


class Workers(unittest.TestCase):
    def test_of_the_same_proof_at_once_exactly_one_passes(self):
        with World(workers=4) as world:
            rounds, senders = 40, 12
            for _ in range(rounds):
                headers = world.proven()
                ready = threading.Barrier(senders)

                def send():
                    with client.Client(("127.0.0.1", world.port)) as connection:
                        ready.wait()
                        return connection.ask("GET", "/", [("Host", "api.example"), *headers])

                with ThreadPoolExecutor(senders) as pool:
                    answers = [future.result() for future in [pool.submit(send) for _ in range(senders)]]
                self.assertEqual(sorted(answer.status for answer in answers), [200] + [401] * (senders - 1))
                self.assertEqual({answer.one("x-details") for answer in answers}, {None, "proof_replayed"})
            until("all are counted", lambda: world.count("proof_replayed") == rounds * (senders - 1))
            self.assertEqual(world.count("accepted", "accepted"), rounds)

    def test_two_listeners_share_what_was_used(self):
        world = World(start=False)
        port = server.free_port()
        world.envoy.listeners.append(server.listener("second", port, [server.countersign(world.settings)]))
        third = server.free_port()
        apart = {**world.settings, "replay_store": "apart"}
        world.envoy.listeners.append(server.listener("third", third, [server.countersign(apart)]))
        world.starts = True
        with world:
            proven = world.proven()
            self.assertEqual(world.get(headers=proven).status, 200)
            self.assertEqual(world.get(headers=proven, port=port).one("x-details"), "proof_replayed")
            self.assertEqual(world.get(headers=proven, port=third).status, 200)

    def test_proofs_from_before_the_start_are_refused(self):
        with World(settings={"proofs_before_start": "refuse"}) as world:
            got = world.get(headers=world.proven())
            self.assertEqual((got.status, got.one("x-details")), (401, "proof_history_unknown"))
            gauge = lambda name: world.envoy.counter(f"countersign_replay_{name}", store="default")
            until("the gauge says so", lambda: gauge("refusing_permille") == 1000)
            self.assertAlmostEqual(gauge("refusing_until_seconds"), time.time() + 6, delta=4)
            began = time.time()
            until("proofs pass", lambda: world.get(headers=world.proven()).status == 200, 10)
            self.assertLess(time.time() - began, 8)
            until("the gauge says so", lambda: gauge("refusing_permille") == 0)
            self.assertEqual(gauge("refusing_until_seconds"), 0)
            said = world.envoy.log().count("requests are refused with proof_history_unknown: ")
            self.assertEqual(said, 1, "however many requests were refused")

    def test_one_client_does_not_fill_the_store_for_another(self):
        policy = {"trust": [{"issuer": issuer.ISSUER, "jwks_file": "as.json"}], "memory": {"replay_proofs": 64},
                  "policies": {"default": {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE], "origin": "https://api.example"}}}
        with World(policy=policy) as world, client.Client(("127.0.0.1", world.port)) as connection:
            other = issuer.Key("other")

            def ask(key):
                token = world.key.token(bound=key)
                return connection.ask("GET", "/", [("Host", "api.example"), *issuer.dpop(token, key.proof(token))])

            answers = [ask(world.client) for _ in range(400)]
            refused = [answer for answer in answers if answer.status != 200]
            self.assertGreater(len(refused), 100)
            self.assertEqual({(answer.status, answer.one("x-details")) for answer in refused}, {(429, "proof_share_exceeded")})
            self.assertEqual([ask(other).status for _ in range(6)], [200] * 6)
            gauge = lambda name: world.envoy.counter(f"countersign_replay_{name}", store="default")
            until("the gauges say so", lambda: gauge("live_proofs") == 400 - len(refused) + 6)
            self.assertEqual(gauge("slots"), 252)
            self.assertEqual(world.envoy.log().count("requests are refused with proof_share_exceeded: "), 1)


class Memory(unittest.TestCase):
    def test_a_million_requests(self):
        """A token that is cached, tokens that are refused, and proofs without end: memory stays where it was."""
        wanted = int(os.environ.get("COUNTERSIGN_ENVOY_REQUESTS", "1000000"))
        with World(workers=2) as world:
            script = Path(world.envoy.folder) / "mix.lua"
            tokens = [world.key.token(f"user-{number}") for number in range(2000)]
            broken = [token[:-8] + "AAAAAAAA" for token in tokens[:200]]
            lines = ",".join(f'"Bearer {token}"' for token in tokens + broken)
            script.write_text(f"""
                local all, at = {{ {lines} }}, 0
                request = function()
                  at = at % #all + 1
                  return wrk.format("GET", "/", {{ ["Host"] = "api.example", ["Authorization"] = all[at], ["X-User"] = "root" }})
                end
            """)

            def load(seconds):
                done = subprocess.run(["wrk", "-t1", "-c16", f"-d{seconds}s", "-s", str(script), f"http://127.0.0.1:{world.port}/"],
                                      capture_output=True, text=True, check=True)
                return int(done.stdout.split(" requests in")[0].split()[-1])

            load(3)
            total, settled = 0, world.envoy.memory()
            marks = []
            while total < wanted:
                total += load(5)
                marks.append(world.envoy.memory())
            grown = (max(marks) - settled) / 2**20
            print(f"\n{total} requests; memory {settled / 2**20:.1f} MiB, then {[round(mark / 2**20, 1) for mark in marks]}")
            # The token caches of 8 MiB a worker may still fill up.
            self.assertLess(grown, 24)
            # A leak in each request shows between the middle and the end.
            self.assertLess(abs(marks[-1] - marks[len(marks) // 2]), 4 * 2**20)
            accepted, invalid = (lambda: world.count("accepted", "accepted")), (lambda: world.count("signature_invalid"))
            until("all are counted", lambda: accepted() + invalid() >= total)
            self.assertGreater(accepted(), 8 * invalid())


if __name__ == "__main__":
    unittest.main()
