"""Requests of every kind, over real nginx."""

import json
import re
import time
import unittest

from harness import client, issuer, place
from harness.server import until
from harness.world import HTTP, PROTECTED, World


class Answers(unittest.TestCase):
    def test_bearer(self):
        with World() as world:
            accepted = world.get("/orders?a=1", [world.bearer()])
            self.assertEqual(accepted.status, 200, accepted)
            self.assertEqual(accepted.body, b"user=alice binding=none uri=/orders?a=1 method=GET")
            self.assertIsNone(accepted.one("www-authenticate"))
            refused = world.get("/orders")
            self.assertEqual(refused.status, 401)
            bearer, dpop = refused.all("www-authenticate")
            self.assertEqual(bearer, 'Bearer realm="default"')
            self.assertTrue(dpop.startswith('DPoP realm="default", algs="'), dpop)
            self.assertIn(b"401 Authorization Required", refused.body)
            self.assertEqual(world.get("/", [world.bearer(aud="https://other")]).status, 401)
            self.assertEqual(world.get("/", [world.bearer()], method="HEAD").status, 200)
            self.assertEqual(world.get("/", method="HEAD").status, 401)
            lines = until("the log", lambda: len(world.lines()) >= 5 and world.lines())
            self.assertEqual([line["reason"] for line in lines],
                             ["accepted", "credential_missing", "audience_mismatch", "accepted", "credential_missing"])
            self.assertEqual(json.loads(lines[2]["audit"])["reason"], "audience_mismatch")
            self.assertEqual(lines[0]["subject"], "alice")
            self.assertEqual(lines[2]["subject"], "")
            log = world.nginx.log()
            self.assertIn('countersign: refused by policy "default": audience_mismatch', log)
            self.assertNotIn("eyJ", log)
            self.assertNotIn("eyJ", json.dumps(lines))

    def test_statuses(self):
        strict = {"accept": [{"kind": "at+jwt", "scope": ["admin"]}], "audience": [issuer.AUDIENCE]}
        with World(PROTECTED + "location /admin { countersign_policy admin; proxy_pass http://shown; }",
                   policies={"admin": strict}) as world:
            self.assertEqual(world.get("/admin", [world.bearer()]).status, 403)
            self.assertEqual(world.get("/", [("Authorization", "Bearer " + "a" * 20000)]).status, 400)

    def test_two_credentials(self):
        with World() as world:
            token, other = world.key.token(bound=world.client), world.key.token()
            proof = world.proof(token)
            for headers in [
                [issuer.bearer(other), issuer.bearer(other)],
                [issuer.bearer(other), ("authorization", "Basic YTpi")],
            ]:
                self.assertEqual(world.get("/", headers).status, 400, headers)
            for headers in [
                [*issuer.dpop(token, proof), ("DPoP", world.proof(token))],
                [*issuer.dpop(token, proof), ("dpop", proof)],
            ]:
                refused = world.get("/", headers)
                self.assertEqual((refused.status, "proof_repeated" in str(refused.all("www-authenticate"))), (401, True), headers)
            self.assertEqual(world.get("/", issuer.dpop(token, proof)).status, 200)

    def test_dpop(self):
        with World() as world:
            token = world.key.token(bound=world.client)
            target = "/orders/%2e/../a//b?x=1&y=%20"
            ask = lambda proof, **options: world.get(target, issuer.dpop(token, proof), **options)  # noqa: E731
            proof = world.proof(token, uri="https://api.example/orders/%2e/../a//b")
            self.assertEqual(ask(proof).status, 200)
            replayed = ask(proof)
            self.assertEqual(replayed.status, 401)
            self.assertIn('error="invalid_dpop_proof", error_description="proof_replayed"', str(replayed.headers))
            self.assertEqual(ask(world.proof(token, uri="https://api.example/other")).status, 401)
            self.assertEqual(ask(world.proof(token, method="POST", uri="https://api.example/orders/%2e/../a//b")).status, 401)
            self.assertEqual(ask(world.proof(token, issuer.Key("thief"), uri="https://api.example/orders/%2e/../a//b")).status, 401)
            self.assertEqual(world.get("/", [issuer.bearer(token)]).status, 401)
            # A forwarding header field moves nothing.
            spoofed = world.proof(token, uri="https://evil.example/orders")
            for name in ("X-Forwarded-Host", "Forwarded", "X-Original-URL", "X-Forwarded-Proto"):
                headers = [*issuer.dpop(token, spoofed), (name, "evil.example")]
                self.assertEqual(world.get("/orders", headers).status, 401)

    def test_the_uri_is_the_client_s(self):
        """Without an origin: scheme, Host and target as sent; with countersign_origin: that."""
        server = """
            countersign on;
            location / { proxy_pass http://shown; }
            location /v1/ { countersign_origin https://public.example/base/; proxy_pass http://shown; }
        """
        policy = {"trust": [{"issuer": issuer.ISSUER, "jwks_file": "as.json"}],
                  "policies": {"default": {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE]}}}
        with World(server, policy=policy) as world:
            token = world.key.token(bound=world.client)

            def ask(target, uri, **options):
                return world.get(target, issuer.dpop(token, world.proof(token, uri=uri)), **options).status

            self.assertEqual(ask("/a?q", "http://api.example/a"), 200)
            self.assertEqual(ask("/a", "https://api.example/a"), 401)
            self.assertEqual(ask("/a", "http://other.example/a"), 401)
            self.assertEqual(ask("/a", "http://API.example:80/a"), 200)
            self.assertEqual(ask("/a", "http://api.example:8080/a", host="api.example:8080"), 200)
            self.assertEqual(ask("/v1/a", "https://public.example/base/v1/a"), 200)
            self.assertEqual(ask("/v1/a", "http://api.example/v1/a"), 401)
            self.assertEqual(ask("http://api.example/a?q", "http://api.example/a"), 200)
            self.assertEqual(ask("http://named.example/a", "http://named.example/a"), 200)
            self.assertEqual(ask("http://named.example/a", "http://api.example/a"), 401)
            with client.Client(world.nginx.address) as connection:
                headers = issuer.dpop(token, world.proof(token, uri="http://api.example/a"))
                refused = connection.ask("GET", "/a", headers, version="1.0")
                self.assertEqual((refused.status, "proof_uri_mismatch" in str(refused.all("www-authenticate"))), (401, True))

    def test_nonces(self):
        policies = {"default": {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE], "origin": "https://api.example",
                                "dpop": {"nonce": "required"}}}
        with World(policies=policies, workers=4) as world:
            world.store_in_use()
            token = world.key.token(bound=world.client)
            refused = world.get("/", issuer.dpop(token, world.proof(token)))
            self.assertEqual(refused.status, 401)
            self.assertIn('error="use_dpop_nonce"', str(refused.headers))
            self.assertEqual(refused.one("cache-control"), "no-store")
            nonce = refused.one("dpop-nonce")
            for _ in range(40):  # by whichever worker
                accepted = world.get("/", issuer.dpop(token, world.proof(token, nonce=nonce)))
                self.assertEqual(accepted.status, 200)

    def test_nonce_keys_of_a_file(self):
        """Machines that share the file know each other's nonces; a key goes in two steps."""
        policies = {"default": {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE], "origin": "https://api.example",
                                "dpop": {"nonce": "required"}}}
        first, second, third = (issuer.encode(bytes([number]) * 32) + "\n" for number in (1, 2, 3))
        worlds = [World("countersign_nonce_keys {folder}/nonces;" + PROTECTED, policies=policies) for _ in range(2)]
        for world in worlds:
            world.nginx.write("nonces", first)
        with worlds[0] as one, worlds[1] as other:
            token = one.key.token(bound=one.client)
            other.trust(one.key)
            until("the other knows the issuer", lambda: other.get("/", [one.bearer()]).status == 200)
            other.store_in_use()
            nonce = one.get("/", issuer.dpop(token, one.proof(token))).one("dpop-nonce")

            def ask():
                return other.get("/", issuer.dpop(token, other.proof(token, one.client, nonce=nonce))).status

            self.assertEqual(ask(), 200)
            other.nginx.write("nonces", second + first)
            time.sleep(0.1)
            self.assertEqual(ask(), 200)
            other.nginx.write("nonces", "nonsense")
            time.sleep(0.1)
            self.assertEqual(ask(), 200)
            self.assertEqual(other.zone()["trust"]["refused"], 1)
            other.nginx.write("nonces", third + second)
            time.sleep(0.1)
            self.assertEqual(ask(), 401)


class Identity(unittest.TestCase):
    def test_spoofed(self):
        """What a client says about itself under our names never arrives."""
        with World("underscores_in_headers on; ignore_invalid_headers off;" + PROTECTED
                   + "location /open { countersign off; proxy_pass http://shown/all; }"
                   + "location /shadow { countersign shadow; proxy_pass http://shown; }") as world:
            names = ["X-User", "x-user", "X_User", "x_USER", "X-user", "X.User"]
            for name in names:
                for target in ("/", "/open", "/shadow"):
                    body = world.get(target, [world.bearer(), (name, "root"), (name, "root")]).body
                    self.assertNotIn(b"root", body)
                    self.assertIn(b"user=alice" if target != "/open" else b"user= ", body)
            self.assertIn(b"user= ", world.get("/shadow", [("X-User", "root"), ("X_User", "root")]).body)
            # Not a field of this module, and not changed.
            self.assertIn(b"user=alice", world.get("/", [world.bearer(), ("X-Users", "root")]).body)

    def test_control_characters(self):
        with World() as world:
            body = world.get("/", [world.bearer(sub="a\r\nX-Binding: root")]).body
            self.assertIn(b"user= ", body)
            self.assertNotIn(b"root", body)

    def test_many_headers(self):
        with World() as world:
            fill = [(f"X-Fill-{number}", "x") for number in range(60)]
            answer = world.get("/", [*fill[:30], ("X-User", "root"), *fill[30:], world.bearer(), ("x-user", "root")])
            self.assertIn(b"user=alice", answer.body)


class Flow(unittest.TestCase):
    """satisfy, redirects, subrequests, rate limits, shadow."""

    def test_satisfy(self):
        server = """
            countersign on;
            location /any { satisfy any; allow 127.0.0.1; deny all; proxy_pass http://shown; }
            location /any401 { satisfy any; allow 127.0.0.1; deny all; proxy_pass http://shown/refuses; }
            location /nobody { satisfy any; deny all; proxy_pass http://shown; }
            location /all { satisfy all; deny all; proxy_pass http://shown; }
            location /both { satisfy all; allow 127.0.0.1; deny all; proxy_pass http://shown; }
            location /shadow { countersign shadow; satisfy any; deny all; proxy_pass http://shown; }
        """
        with World(server) as world:
            good = [world.bearer()]
            for target, with_token, without in [("/any", 200, 200), ("/any401", 401, 401), ("/nobody", 200, 401),
                                                ("/all", 403, 401), ("/both", 200, 401)]:
                for headers, status in ((good, with_token), ([], without)):
                    answer = world.get(target, headers)
                    self.assertEqual(answer.status, status, (target, answer))
                    challenged = bool(answer.all("www-authenticate"))
                    self.assertEqual(challenged, status == 401 and not target.startswith("/any"), (target, answer))
            # Shadow mode refuses no request, and gives none an identity.
            self.assertEqual(world.get("/shadow").status, 403)

    def test_shadow(self):
        server = """
            location / { countersign shadow; proxy_pass http://shown; countersign_set_header X-User subject; }
            location /policy { countersign on; countersign_policy quiet; proxy_pass http://shown; }
        """
        quiet = {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE], "mode": "shadow"}
        with World(server, policies={"quiet": quiet}) as world:
            for target in ("/", "/policy"):
                answer = world.get(target, [("Authorization", "Bearer x.y.z")])
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.all("www-authenticate"), [])
            self.assertIn(b"user=alice", world.get("/", [world.bearer()]).body)
            counts = world.zone()["shadow"]
            self.assertEqual((counts["accepted"], sum(counts["refused"].values())), (1, 2))
            self.assertEqual(sum(world.zone()["enforce"]["refused"].values()), 0)

    def test_redirects(self):
        """One proof, one client request, however often it is redirected inside."""
        server = """
            countersign on;
            countersign_set_header X-User subject;
            location / { proxy_pass http://shown; }
            location /rewritten { rewrite ^ /inner last; }
            location /tried { try_files /absent @named; }
            location /index { error_page 404 = /inner; return 404; }
            location @named { proxy_pass http://shown; }
            location = /inner { internal; proxy_pass http://shown; }
            location /admin { try_files /absent @admin; }
            location @admin { countersign_policy admin; proxy_pass http://shown; }
            location /apart { error_page 404 = /inner/apart; return 404; }
            location = /inner/apart { internal; countersign_policy admin; proxy_pass http://shown; }
            location /hidden { error_page 401 /why.html; proxy_pass http://shown; }
            location = /why.html { countersign off; return 200 "why"; }
            location /login { error_page 401 =200 /why.html; proxy_pass http://shown; }
            location @open { countersign off; proxy_pass http://shown; }
            location /opened { try_files /absent @open; }
        """
        strict = {"accept": [{"kind": "at+jwt", "scope": ["admin"]}], "audience": [issuer.AUDIENCE],
                  "origin": "https://api.example"}
        with World(server, policies={"admin": strict}) as world:
            token = world.key.token(bound=world.client)
            for target in ("/rewritten", "/tried", "/index", "/opened"):
                proof = world.proof(token, uri=f"https://api.example{target}")
                accepted = world.get(target, issuer.dpop(token, proof))
                self.assertEqual(accepted.status, 200, (target, accepted))
                self.assertEqual(world.get(target, issuer.dpop(token, proof)).status, 401, target)
                self.assertEqual(world.get(target).status, 401, target)
            # The inner location's policy holds as well.
            self.assertEqual(world.get("/admin", [world.bearer()]).status, 403)
            self.assertEqual(world.get("/admin", [world.bearer(scope="admin")]).status, 200)
            # A proof is used once by a client request, however many policies judge it: not by the next one.
            both = world.key.token(bound=world.client, scope="admin")
            for target in ("/admin", "/apart"):
                proof = world.proof(both, uri=f"https://api.example{target}")
                accepted = world.get(target, issuer.dpop(both, proof))
                self.assertEqual(accepted.status, 200, (target, accepted))
                again = world.get(target, issuer.dpop(both, proof))
                self.assertEqual((again.status, "proof_replayed" in str(again.all("www-authenticate"))), (401, True), target)
            refused = world.get("/hidden")
            self.assertEqual((refused.status, refused.body), (401, b"why"))
            self.assertEqual(len(refused.all("www-authenticate")), 2)
            answered = world.get("/login")
            self.assertEqual((answered.status, answered.all("www-authenticate")), (200, []))

    def test_subrequests(self):
        server = """
            location / { ssi on; root {folder}/pages; }
            location /part { countersign on; proxy_pass http://shown; countersign_set_header X-User subject; }
            location = /check { internal; countersign on; proxy_pass http://shown; }
            location /asked { auth_request /check; proxy_pass http://shown; }
            location /mirrored { countersign on; mirror /copy; proxy_pass http://shown; }
            location = /copy { internal; countersign on; proxy_pass http://shown; }
        """
        with World(server) as world:
            world.nginx.write("pages/index.html", '<!--# include virtual="/part" --> <!--# include virtual="/part2" -->')
            page = world.get("/", [world.bearer()])
            self.assertEqual(page.body.count(b"user=alice"), 2, page)
            self.assertNotIn(b"user=", world.get("/").body)
            self.assertEqual(world.get("/asked", [world.bearer()]).status, 200)
            self.assertEqual(world.get("/asked").status, 401)
            # A proof serves the request with all that comes of it, and once.
            token = world.key.token(bound=world.client)
            for target in ("/", "/asked", "/mirrored"):
                proof = world.proof(token, uri=f"https://api.example{target}")
                first, second = (world.get(target, issuer.dpop(token, proof)) for _ in range(2))
                self.assertEqual(first.status, 200, target)
                if target == "/":
                    self.assertEqual((first.body.count(b"user=alice"), second.body.count(b"user=alice")), (2, 0))
                else:
                    self.assertEqual(second.status, 401, target)

    def test_variables_that_only_a_page_names(self):
        """Nothing is kept that the configuration does not name, and the log names the missing part."""
        for named, shown in ((" set $which $countersign_client_id;", b"client-1"), ("", b"none")):
            server = f"location / {{ ssi on; countersign on;{named} root {{folder}}/pages; }}"
            with World(server) as world:
                world.nginx.write("pages/index.html", '<!--# echo var="countersign_client_id" default="none" -->')
                token = world.key.token(client_id="client-1")
                self.assertEqual(world.get("/", [issuer.bearer(token)]).body.strip(), shown)
                self.assertEqual("does not name, and is empty" in world.nginx.log(), not named)

    def test_limits_and_maps(self):
        server = """
            countersign on;
            location / { proxy_pass http://shown; }
            location /limited { limit_req zone=subjects; proxy_pass http://shown; }
            location /mapped { add_header X-Tier $tier always; proxy_pass http://shown; }
            location /returned { return 200 "[$countersign_subject]"; }
        """
        extra = """
            limit_req_zone $countersign_subject zone=subjects:1m rate=1r/m;
            map $countersign_subject $tier { alice gold; default none; }
        """
        with World(server, http=extra + HTTP) as world:
            token = world.key.token(bound=world.client)
            proof = world.proof(token, uri="https://api.example/limited")
            self.assertEqual(world.get("/limited", issuer.dpop(token, proof)).status, 200)
            self.assertEqual(world.get("/limited", [world.bearer()]).status, 503)
            self.assertEqual(world.get("/limited", [world.bearer(subject="bob")]).status, 200)
            # A request without identity is not limited, and a refusal stays a refusal.
            self.assertEqual(world.get("/limited").status, 401)
            self.assertEqual(world.get("/limited").status, 401)
            self.assertEqual(world.get("/mapped", [world.bearer()]).one("x-tier"), "gold")
            self.assertEqual(world.get("/mapped").one("x-tier"), "none")
            # Answered in the rewrite phase, before any decision.
            self.assertEqual(world.get("/returned", [world.bearer()]).body, b"[]")

    def test_methods_of_limit_except(self):
        server = "location / { limit_except GET { countersign on; } proxy_pass http://shown; }"
        with World(server) as world:
            self.assertEqual(world.get("/").status, 200)
            self.assertEqual(world.get("/", method="DELETE").status, 401)
            self.assertEqual(world.get("/", [world.bearer()], method="DELETE").status, 200)

    def test_body_and_keep_alive(self):
        with World() as world, client.Client(world.nginx.address) as connection:
            for headers, status in [([world.bearer()], 200), ([], 401), ([world.bearer()], 200)]:
                answer = connection.ask("POST", "/", [("Host", "api.example"), *headers], body=b"x" * 5000)
                self.assertEqual(answer.status, status)


class Status(unittest.TestCase):
    def test_json_and_prometheus(self):
        with World() as world:
            world.get("/", [world.bearer()])
            world.get("/")
            world.get("/")
            zone = world.zone()
            self.assertEqual(zone["enforce"]["accepted"], 1)
            self.assertEqual(zone["enforce"]["refused"]["credential_missing"], 2)
            self.assertEqual(len(zone["enforce"]["refused"]), len(reasons()))
            worker = world.status()["worker"]
            self.assertEqual(worker["policy_files"][0]["policies"], ["default"])
            self.assertEqual(worker["policy_files"][0]["cached_tokens"], 1)
            answer = world.get("/metrics")
            self.assertEqual(answer.one("content-type"), "text/plain; version=0.0.4; charset=utf-8")
            samples = parse_prometheus(answer.body.decode())
            self.assertEqual(samples['countersign_decisions_total{zone="main",mode="enforce",decision="accept",reason="accepted"}'], 1)
            self.assertEqual(samples['countersign_decisions_total{zone="main",mode="enforce",decision="refuse",reason="credential_missing"}'], 2)
            for name, value in (("live_proofs", 0), ("slots", zone["replay"]["slots"]), ("refusing_permille", 1000)):
                self.assertEqual(samples[f'countersign_replay_{name}{{zone="main"}}'], value)
            self.assertAlmostEqual(samples['countersign_replay_refusing_until_seconds{zone="main"}'], time.time() + 6, delta=4)
            self.assertEqual(world.get("/status", method="POST").status, 405)
            self.assertEqual(world.get("/status", method="HEAD").body, b"")


class Http2(unittest.TestCase):
    def test_curl(self):
        with World(listen=" http2") as world:
            url = f"http://127.0.0.1:{world.nginx.port}/orders"
            token = world.key.token(bound=world.client)

            def curl(*headers):
                flags = [part for header in headers for part in ("-H", header)]
                return place.run("curl", "-sS", "-i", "--http2-prior-knowledge", "-H", "Host: api.example", *flags, url)

            self.assertIn("HTTP/2 200", curl("Authorization: Bearer " + world.key.token()))
            proof = world.proof(token, uri="https://api.example/orders")
            self.assertIn("user=alice binding=dpop", curl(f"Authorization: DPoP {token}", f"DPoP: {proof}"))
            refused = curl(f"Authorization: DPoP {token}", f"DPoP: {proof}")
            self.assertIn("HTTP/2 401", refused)
            self.assertIn("\nwww-authenticate: DPoP", refused)
            self.assertIn("HTTP/2 400", curl("Authorization: Bearer a", "Authorization: Bearer b"))
            self.assertIn("HTTP/2 401", curl())

    def test_identity_and_method(self):
        server = "underscores_in_headers on; ignore_invalid_headers off;" + PROTECTED + """
            location /off { countersign off; proxy_pass http://shown; }
            location /if { if ($http_x_user) { return 204; } proxy_pass http://shown; }
            location /page { error_page 404 = /inner; return 404; }
            location = /inner { proxy_pass http://shown; }
        """
        with World(server, listen=" http2") as world:
            def curl(target, *arguments):
                return place.run("curl", "-sS", "-i", "--http2-prior-knowledge", "-H", "Host: api.example", "-H", "X-User: root",
                                 "-H", "X_User: root", "-H", "x.user: root", *arguments, f"http://127.0.0.1:{world.nginx.port}{target}")

            bearer = ("-H", "Authorization: Bearer " + world.key.token())
            self.assertIn("user=alice ", curl("/", *bearer))
            self.assertIn("user=alice ", curl("/if", *bearer))
            self.assertIn("user= ", curl("/off"))
            token = world.key.token(bound=world.client)
            for method, status in (("POST", 200), ("GET", 401)):
                proof = world.proof(token, method=method, uri="https://api.example/page")
                answer = curl("/page", "-H", f"Authorization: DPoP {token}", "-H", f"DPoP: {proof}", "-X", "POST")
                self.assertIn(f"HTTP/2 {status}", answer)


def reasons():
    return (place.ROOT / "tests/reasons.tsv").read_text().strip().splitlines()[1:]


def parse_prometheus(text):
    samples = {}
    for line in text.splitlines():
        if line.startswith("#"):
            assert re.fullmatch(r"# (HELP|TYPE) [a-z_]+ .+", line), line
            continue
        match = re.fullmatch(r'([a-z_]+\{([a-z_]+="[^"]*",?)+\}) (\d+)', line)
        assert match, line
        assert match[1] not in samples, line
        samples[match[1]] = int(match[3])
    return samples


if __name__ == "__main__":
    unittest.main()
