"""Decisions before nginx's access phase: variables in `if`, `set` and `map`, and subrequests, which have no such phase."""

import unittest

from harness import issuer
from harness.server import until
from harness.world import HTTP, World

STRICT = {"accept": [{"kind": "at+jwt", "scope": ["admin"]}], "audience": [issuer.AUDIENCE], "origin": "https://api.example"}
MAPS = """
    map $countersign_subject $tier { alice gold; default none; }
    map $countersign_client_id $upper { shop SHOP; default none; }
"""


class Variables(unittest.TestCase):
    """A variable that is asked for early has the decision made then, and it is the one that counts later."""

    def test_in_a_location(self):
        server = """
            countersign on;
            location /deny { if ($countersign_subject = mallory) { return 403; } proxy_pass http://shown; }
            location /allow { if ($countersign_subject != alice) { return 403; } proxy_pass http://shown; }
            location /set { set $who $countersign_subject; proxy_set_header X-User $who; proxy_pass http://shown; }
            location /mapped { if ($tier != gold) { return 403; } proxy_pass http://shown; }
            location /route { if ($countersign_scope ~ admin) { rewrite ^ /admin last; } proxy_pass http://shown/plain; }
            location /admin { countersign_policy admin; proxy_pass http://shown/admin; }
            location /nested { if ($arg_deep) { set $deep 1; } location /nested/in { if ($countersign_subject = mallory) { return 403; }
                               proxy_pass http://shown; } }
            location /off { countersign off; proxy_pass http://shown; }
        """
        with World(server, http=MAPS + HTTP, policies={"admin": STRICT}) as world:
            alice, mallory = [world.bearer()], [world.bearer(subject="mallory")]
            for target in ("/deny", "/allow", "/mapped", "/nested/in?deep=1"):
                self.assertEqual(world.get(target, alice).status, 200, target)
                self.assertEqual(world.get(target, mallory).status, 403, target)
            # Without a decision that accepts, a rule that denies one subject lets pass, and the access phase refuses.
            self.assertEqual(world.get("/deny").status, 401)
            self.assertEqual(world.get("/allow").status, 403)
            self.assertIn(b"user=alice ", world.get("/set", alice).body)
            self.assertIn(b"uri=/plain ", world.get("/route", alice).body)
            self.assertIn(b"uri=/admin ", world.get("/route", [world.bearer(scope="admin")]).body)
            # One decision a request, one use of a proof.
            before = world.zone()["enforce"]
            token = world.key.token(bound=world.client)
            proof = world.proof(token, uri="https://api.example/deny")
            self.assertEqual(world.get("/deny", issuer.dpop(token, proof)).status, 200)
            after = world.zone()["enforce"]
            self.assertEqual(after["accepted"] - before["accepted"], 1)
            again = world.get("/deny", issuer.dpop(token, proof))
            self.assertEqual((again.status, "proof_replayed" in str(again.all("www-authenticate"))), (401, True))
            # Two policies, one proof.
            admin = world.key.token(bound=world.client, scope="admin")
            proof = world.proof(admin, uri="https://api.example/route")
            self.assertIn(b"uri=/admin ", world.get("/route", issuer.dpop(admin, proof)).body)
            self.assertEqual(world.get("/route", issuer.dpop(admin, proof)).status, 401)

    def test_in_a_server(self):
        """Before the location is known, the server's own settings judge; the location then decides by its own."""
        server = """
            countersign on;
            if ($countersign_subject = mallory) { return 403; }
            set $who "[$countersign_subject]";
            location / { proxy_set_header X-User $who; proxy_pass http://shown; }
            location /off { countersign off; proxy_set_header X-User $who; proxy_pass http://shown; }
            location /admin { countersign_policy admin; proxy_set_header X-User $who; proxy_pass http://shown; }
            location /page { error_page 404 = /inner; return 404; }
            location = /inner { proxy_pass http://shown; }
        """
        with World(server, policies={"admin": STRICT}) as world:
            for target in ("/", "/admin", "/off"):
                self.assertEqual(world.get(target, [world.bearer(subject="mallory", scope="admin")]).status, 403, target)
            self.assertIn(b"user=[alice] ", world.get("/", [world.bearer()]).body)
            self.assertIn(b"user=[] ", world.get("/off").body)
            self.assertEqual(world.get("/").status, 401)
            self.assertEqual(world.get("/admin", [world.bearer()]).status, 403)
            self.assertIn(b"user=[alice] ", world.get("/admin", [world.bearer(scope="admin")]).body)
            token = world.key.token(bound=world.client, scope="admin")
            for target in ("/", "/admin", "/page"):
                proof = world.proof(token, uri=f"https://api.example{target}")
                first, second = (world.get(target, issuer.dpop(token, proof)) for _ in range(2))
                self.assertEqual((first.status, second.status), (200, 401), target)
            # A request that nginx gives up before it is read whole asks for nothing.
            self.assertEqual(world.get("/", [("Content-Length", "x")]).status, 400)

    def test_a_refusal_by_a_rule_has_its_challenge(self):
        """RFC 9110 §15.5.2: "The server generating a 401 response MUST send a WWW-Authenticate header field"."""
        server = """
            location / { countersign on; if ($countersign_decision = refuse) { return 401; } proxy_pass http://shown; }
            location /page { countersign on; error_page 401 /why; if ($countersign_decision = refuse) { return 401; } proxy_pass http://shown; }
            location = /why { return 200 "why"; }
            location /other { countersign on; if ($countersign_decision = refuse) { return 403; } proxy_pass http://shown; }
            location /left { countersign on; if ($countersign_decision = refuse) { rewrite ^ /open last; } proxy_pass http://shown; }
            location /open { proxy_pass http://shown/refuses; }
            location /shadow { countersign shadow; if ($countersign_decision = refuse) { return 401; } proxy_pass http://shown; }
            location /any { countersign on; satisfy any; allow 127.0.0.1; deny all; set $who $countersign_subject;
                            proxy_pass http://shown/refuses; }
        """
        with World(server) as world:
            for target, status, challenges in (("/", 401, 2), ("/page", 401, 2), ("/other", 403, 0), ("/left", 401, 0), ("/shadow", 401, 0),
                                               ("/any", 401, 0)):
                refused = world.get(target)
                self.assertEqual((refused.status, len(refused.all("www-authenticate"))), (status, challenges), (target, refused))
            self.assertEqual(world.get("/", [world.bearer()]).status, 200)

    def test_in_a_server_that_refuses(self):
        server = """
            countersign on;
            if ($countersign_decision = refuse) { set $refused 1; }
            location / { proxy_pass http://shown; }
            location /open { countersign off; proxy_pass http://shown/refuses; }
        """
        with World(server) as world:
            for target, challenges in (("/", 2), ("/open", 0)):
                refused = world.get(target)
                self.assertEqual((refused.status, len(refused.all("www-authenticate"))), (401, challenges), target)

    def test_in_shadow(self):
        server = """
            location / { countersign shadow; if ($countersign_decision != accept) { return 403; } proxy_pass http://shown; }
            location /reason { countersign shadow; if ($countersign_reason = credential_missing) { return 204; } proxy_pass http://shown; }
        """
        with World(server) as world:
            self.assertEqual(world.get("/", [world.bearer()]).status, 200)
            self.assertEqual(world.get("/").status, 403)
            self.assertEqual(world.get("/reason").status, 204)
            self.assertEqual(world.get("/reason", [world.bearer(aud="https://other")]).status, 200)

    def test_where_countersign_is_off(self):
        """No policy is known there: the variable is empty, and the log says so once for each place and worker."""
        server = """
            if ($countersign_subject = mallory) { return 403; }
            location / { countersign on; proxy_pass http://shown; }
            location /off { if ($countersign_client_id = shop) { return 403; } proxy_pass http://shown; }
            location /later { proxy_set_header X-User $countersign_subject; proxy_pass http://shown; }
        """
        with World(server) as world:
            told = "is asked for before the access phase where \"countersign\" is off, and is empty"
            for _ in range(3):
                self.assertEqual(world.get("/", [world.bearer(subject="mallory")]).status, 200)
                self.assertEqual(world.get("/later").status, 200)
            self.assertEqual(world.nginx.log().count(told), 1, world.nginx.log())
            for _ in range(3):
                self.assertEqual(world.get("/off", [world.bearer()]).status, 200)
            log = world.nginx.log()
            self.assertEqual(log.count(told), 2)
            self.assertIn("$countersign_subject " + told, log)
            self.assertIn("$countersign_client_id " + told, log)


class Subrequests(unittest.TestCase):
    """One that reaches a protected place is judged before anything of that place answers it."""

    def test_auth_request(self):
        server = """
            location = /check { internal; countersign on; return 204; }
            location = /body { internal; countersign on; return 200 "ok"; }
            location = /break { internal; countersign on; if ($arg_a) { return 204; } set $a 1; return 204; }
            location = /shadow { internal; countersign shadow; return 204; }
            location = /off { internal; return 204; }
            location = /strict { internal; countersign on; countersign_policy admin; return 204; }
            location = /nonce { internal; countersign on; countersign_policy nonce; return 204; }
            location = /moved { internal; countersign on; rewrite ^ /strict last; }
            location /checked { auth_request /check; proxy_pass http://shown; }
            location /with_body { auth_request /body; proxy_pass http://shown; }
            location /with_break { auth_request /break; proxy_pass http://shown; }
            location /shadowed { auth_request /shadow; proxy_pass http://shown; }
            location /open { auth_request /off; proxy_pass http://shown; }
            location /admin { auth_request /strict; proxy_pass http://shown; }
            location /with_nonce { auth_request /nonce; proxy_pass http://shown; }
            location /further { auth_request /moved; proxy_pass http://shown; }
            location /whose { auth_request /check; auth_request_set $who $countersign_subject; proxy_set_header X-User $who;
                              proxy_pass http://shown; }
            location /asks { auth_request /asked; proxy_pass http://shown; }
            location = /asked { internal; countersign on; if ($countersign_subject != alice) { return 403; } return 204; }
        """
        nonce = {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE], "origin": "https://api.example", "dpop": {"nonce": "required"}}
        with World(server, policies={"admin": STRICT, "nonce": nonce}) as world:
            for target in ("/checked", "/with_body", "/with_break", "/whose"):
                self.assertEqual(world.get(target, [world.bearer()]).status, 200, target)
                refused = world.get(target)
                self.assertEqual((refused.status, len(refused.all("www-authenticate"))), (401, 2), target)
                self.assertEqual(world.get(target, [world.bearer(aud="https://other")]).status, 401, target)
                token = world.key.token(bound=world.client)
                proof = world.proof(token, uri=f"https://api.example{target}")
                first, second = (world.get(target, issuer.dpop(token, proof)) for _ in range(2))
                self.assertEqual((first.status, second.status), (200, 401), target)
                self.assertIn("proof_replayed", str(second.all("www-authenticate")))
            self.assertIn(b"user=alice ", world.get("/whose", [world.bearer(), ("X-User", "root")]).body)
            for target in ("/shadowed", "/open"):
                self.assertEqual(world.get(target).status, 200, target)
            for target in ("/admin", "/further"):
                self.assertEqual(world.get(target, [world.bearer()]).status, 403, target)
                self.assertEqual(world.get(target, [world.bearer(scope="admin")]).status, 200, target)
                self.assertEqual(world.get(target).status, 401, target)
            self.assertEqual(world.get("/asks", [world.bearer()]).status, 200)
            self.assertEqual(world.get("/asks", [world.bearer(subject="bob")]).status, 403)
            self.assertEqual(world.get("/asks").status, 401)
            # The nonce gets to the client.
            world.store_in_use()
            token = world.key.token(bound=world.client)
            uri = "https://api.example/with_nonce"
            refused = world.get("/with_nonce", issuer.dpop(token, world.proof(token, uri=uri)))
            self.assertEqual(refused.status, 401)
            proof = world.proof(token, uri=uri, nonce=refused.one("dpop-nonce"))
            self.assertEqual(world.get("/with_nonce", issuer.dpop(token, proof)).status, 200)

    def test_a_client_causes_no_5xx(self):
        """auth_request makes 500 of a subrequest's 400."""
        server = """
            location = /check { internal; countersign on; return 204; }
            location /checked { auth_request /check; proxy_pass http://shown; }
            location = /proxied { internal; countersign on; proxy_pass http://shown; }
            location /by_proxy { auth_request /proxied; proxy_pass http://shown; }
        """
        with World(server) as world:
            for target in ("/checked", "/by_proxy"):
                refused = world.get(target, [("Authorization", "Bearer " + "a" * 20000)])
                self.assertEqual((refused.status, "invalid_request" in str(refused.all("www-authenticate"))), (401, True), (target, refused))

    def test_what_a_page_includes(self):
        server = """
            location / { ssi on; root {folder}/pages; }
            location /secret { countersign on; return 200 "secret"; }
            location /told { countersign on; if ($countersign_subject = alice) { return 200 "for alice"; } return 200 "for others"; }
        """
        with World(server) as world:
            world.nginx.write("pages/index.html", '<!--# include virtual="/secret" --> <!--# include virtual="/told" -->')
            page = world.get("/", [world.bearer()]).body
            self.assertIn(b"secret", page)
            self.assertIn(b"for alice", page)
            self.assertIn(b"for others", world.get("/", [world.bearer(subject="bob")]).body)
            page = world.get("/").body
            self.assertNotIn(b"secret", page)
            self.assertNotIn(b"for ", page.replace(b"for it", b""))

    def test_identity_of_a_subrequest(self):
        """Its header fields have the decision for it, for its own `if` and its upstream."""
        server = """
            countersign_set_header X-User subject;
            location = /check { internal; countersign on; if ($http_x_user != alice) { return 403; } return 204; }
            location /checked { auth_request /check; proxy_pass http://shown; }
        """
        with World(server) as world:
            self.assertEqual(world.get("/checked", [world.bearer()]).status, 200)
            self.assertEqual(world.get("/checked", [world.bearer(subject="bob"), ("X-User", "alice")]).status, 403)
            until("the upstream got no identity", lambda: b"user= " in world.get("/checked", [world.bearer(), ("X-User", "root")]).body)


if __name__ == "__main__":
    unittest.main()
