"""The mode and the policy of a place by a variable: `countersign $mode`, `countersign_policy $policy`."""

import json
import unittest

from harness import client, issuer
from harness.server import until
from harness.upstream import Upstream
from harness.world import HTTP, World

AUDIENCE = [issuer.AUDIENCE]
POLICIES = {
    "admin": {"accept": [{"kind": "at+jwt", "scope": ["admin"]}], "audience": AUDIENCE, "origin": "https://api.example"},
    "header": {"credentials": [{"name": "token", "from": {"header": "x-user-token"}, "remove": True, "accept": ["at+jwt"],
                                "audience": AUDIENCE}], "origin": "https://api.example"},
    "tools": {"accept": ["at+jwt"], "audience": AUDIENCE, "origin": "https://api.example", "tools": [{"name": "read"}],
              "body_bytes": 1000},
}
PLACES = """
    countersign_set_header X-User subject;
    countersign on;
    countersign_policy $arg_policy;

    location / { proxy_pass http://shown; }
    location /fixed { countersign_policy admin; proxy_pass http://shown; }
    location /named { countersign_policy ${arg_first}in; proxy_pass http://shown; }
    location /mode { countersign $arg_mode; countersign_policy default; proxy_pass http://shown; }
    location /off { countersign $arg_mode; countersign_off_by_variable on; proxy_pass http://shown; }
    location /none { countersign off; proxy_pass http://shown; }
    location /shadow { countersign shadow; proxy_pass http://shown; }
    location /set { set $policy default; set $seen $countersign_policy-$countersign_reason; set $policy admin;
                    countersign_policy $policy; add_header X-Seen $seen always; proxy_pass http://shown; }
    location /first { rewrite ^ /second last; }
    location /second { countersign_policy $arg_second; proxy_pass http://shown; }
    location /try { try_files /absent @named; }
    location @named { countersign_policy $arg_second; proxy_pass http://shown; }
    location /asked { countersign off; auth_request /ask; proxy_pass http://shown; }
    location = /ask { internal; countersign on; return 204; }
    location /methods { countersign off; limit_except GET { countersign $arg_mode; } proxy_pass http://shown; }
    location /any { satisfy any; deny all; proxy_pass http://shown; }
    location /loop { set $loop $looped; countersign_policy $loop; proxy_pass http://shown; }
    location /looped { countersign_policy $looped; proxy_pass http://shown; }
    error_page 500 /sorry;
    location = /sorry { internal; countersign off; return 500 "user=$http_x_user"; }
"""
MAPS = "map $countersign_policy $looped { default $countersign_policy; }\n"


class Choice(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(PLACES, http=MAPS + HTTP, policies=POLICIES)
        cls.world.nginx.start()

    @classmethod
    def tearDownClass(cls):
        cls.world.nginx.__exit__()

    def ask(self, target, *headers, **options):
        return self.world.get(target, headers, **options)

    def logged(self, text, act):
        """What `act` returns, once the log has this line after it."""
        at = len(self.world.nginx.log())
        done = act()
        until(f"the log has {text!r}", lambda: text in self.world.nginx.log()[at:])
        return done

    def test_the_policy_of_the_value_decides(self):
        alice, admin = self.world.bearer(), self.world.bearer(scope="admin")
        for policy, header, status in (("default", alice, 200), ("admin", alice, 403), ("admin", admin, 200), ("default", admin, 200)):
            answer = self.ask(f"/?policy={policy}", header)
            self.assertEqual(answer.status, status, (policy, answer))
            self.assertEqual(b"user=alice " in answer.body, status == 200)
        self.assertEqual(self.ask("/?policy=default").status, 401)
        self.assertIn('error="insufficient_scope"', str(self.ask("/?policy=admin", alice).all("www-authenticate")))
        # A policy by its name goes before the inherited variable, and a variable before an inherited name.
        self.assertEqual(self.ask("/fixed?policy=default", alice).status, 403)
        self.assertEqual(self.ask("/named?first=adm", alice).status, 403)
        self.assertEqual(self.ask("/named?first=adm", admin).status, 200)

    def test_a_value_that_is_no_policy(self):
        before = self.world.zone()["faults"]
        alice = self.world.bearer()
        values = ["", "nobody", "Default", "default%20", "on", "off", "default,admin", "%22%0a", "x" * 300]
        for value in values:
            for target in ("/", "/shadow", "/any"):
                answer = self.logged("which is no policy", lambda: self.ask(f"{target}?policy={value}", alice, ("X-User", "root")))  # noqa: B023
                self.assertEqual((answer.status, answer.body), (500, b"user="), (target, value))
        self.assertEqual(self.ask("/").status, 500)
        self.assertEqual(self.world.zone()["faults"] - before, 3 * len(values) + 1)
        self.assertNotIn("x" * 65, self.world.nginx.log().replace("x" * 300, ""))
        self.logged('countersign: "$arg_policy" is "nobody", which is no policy of "countersign_policy_file": the request is refused, by '
                    f'{self.world.nginx.folder}/nginx.conf:', lambda: self.ask("/?policy=nobody", alice))

    def test_the_mode_of_the_value_holds(self):
        alice, root = self.world.bearer(), ("X-User", "root")
        for place in ("/mode?mode=", "/off?policy=default&mode="):
            self.assertEqual(self.ask(place + "on").status, 401)
            self.assertIn(b"user=alice ", self.ask(place + "on", alice, root).body)
            shadow = self.ask(place + "shadow", root)
            self.assertEqual((shadow.status, shadow.all("www-authenticate"), b"user= " in shadow.body), (200, [], True))
            self.assertIn(b"user=alice ", self.ask(place + "shadow", alice).body)
        for value in ("", "On", "ON", "off%20", "yes", "1", "shadow,on"):
            self.assertEqual(self.ask(f"/mode?mode={value}", alice).status, 500, value)
            self.assertEqual(self.ask(f"/off?policy=default&mode={value}", alice).status, 500, value)

    def test_off_only_where_it_is_allowed(self):
        alice, root = self.world.bearer(), ("X-User", "root")
        refused = self.logged('"off" needs "countersign_off_by_variable on"', lambda: self.ask("/mode?mode=off", alice))
        self.assertEqual(refused.status, 500)
        for header in ((), (alice,)):
            off = self.ask("/off?policy=default&mode=off", root, *header)
            self.assertEqual((off.status, b"user= " in off.body), (200, True), off)
        # Then no policy is asked for, so none is needed.
        self.assertEqual(self.ask("/off?mode=off").status, 200)
        self.assertEqual(self.ask("/off?mode=on", alice).status, 500)

    def test_shadow_has_the_policy_of_the_value(self):
        before = self.world.zone()["shadow"]
        self.assertEqual(self.ask("/shadow?policy=admin", self.world.bearer()).status, 200)
        after = self.world.zone()["shadow"]
        self.assertEqual(after["refused"].get("scope_insufficient", 0) - before["refused"].get("scope_insufficient", 0), 1)

    def test_a_variable_that_changes_before_the_access_phase(self):
        """What is read early has the decision of its moment; what holds is the value in the access phase."""
        alice, admin = self.world.bearer(), self.world.bearer(scope="admin")
        for header, status in ((alice, 403), (admin, 200)):
            answer = self.ask("/set", header)
            self.assertEqual((answer.status, answer.one("x-seen")), (status, "default-accepted"))
        token = self.world.key.token(bound=self.world.client, scope="admin")
        proof = self.world.proof(token, uri="https://api.example/set")
        self.assertEqual([self.ask("/set", *issuer.dpop(token, proof)).status for _ in range(2)], [200, 401])

    def test_redirects(self):
        alice, admin = self.world.bearer(), self.world.bearer(scope="admin")
        for place in ("/first", "/try"):
            self.assertEqual(self.ask(f"{place}?policy=default&second=admin", alice).status, 403)
            self.assertEqual(self.ask(f"{place}?policy=default&second=admin", admin).status, 200)
            self.assertEqual(self.ask(f"{place}?policy=default&second=none", admin).status, 500)
        # The first place is left before its access phase, and after it.
        self.assertEqual(self.ask("/first?policy=admin&second=default", alice).status, 200)
        self.assertEqual(self.ask("/try?policy=admin&second=default", alice).status, 403)
        token = self.world.key.token(bound=self.world.client, scope="admin")
        proof = self.world.proof(token, uri="https://api.example/try")
        target = "/try?policy=default&second=admin"
        self.assertEqual([self.ask(target, *issuer.dpop(token, proof)).status for _ in range(2)], [200, 401])

    def test_subrequests(self):
        alice, admin = self.world.bearer(), self.world.bearer(scope="admin")
        self.assertEqual(self.ask("/asked?policy=default", alice).status, 500)
        answers = World("""
            location / { set $policy $arg_policy; countersign off; auth_request /ask; proxy_pass http://shown; }
            location = /ask { internal; countersign on; countersign_policy $policy; return 204; }
        """, policies=POLICIES)
        with answers as world:
            alice, admin = world.bearer(), world.bearer(scope="admin")
            for policy, header, status in (("default", alice, 200), ("admin", alice, 403), ("admin", admin, 200), ("none", admin, 500)):
                self.assertEqual(world.get(f"/?policy={policy}", [header]).status, status, policy)

    def test_limit_except(self):
        alice = self.world.bearer()
        self.assertEqual(self.ask("/methods?policy=default").status, 200)
        self.assertEqual(self.ask("/methods?policy=default&mode=on", method="DELETE").status, 401)
        self.assertEqual(self.ask("/methods?policy=default&mode=on", alice, method="DELETE").status, 200)
        self.assertEqual(self.ask("/methods?policy=default&mode=x", alice, method="DELETE").status, 500)
        self.assertEqual(self.ask("/methods?mode=on", alice, method="DELETE").status, 500)

    def test_a_variable_that_comes_from_a_decision(self):
        """There is none to choose by."""
        for target in ("/loop", "/looped"):
            self.assertEqual(self.ask(target, self.world.bearer()).status, 500, target)

    def test_credentials_of_the_chosen_policy(self):
        """Its field is read, and removed before the upstream sees it; under another policy it is a field as any other."""
        token = ("X-User-Token", self.world.key.token())
        self.assertEqual(self.ask("/?policy=default", token).status, 401)
        self.assertEqual(self.ask("/?policy=header", self.world.bearer()).status, 401)
        made = World("countersign on; countersign_policy $arg_policy; location / { proxy_pass http://raw; }", policies=POLICIES,
                     http="upstream raw { server unix:{folder}/raw.sock; }" + HTTP)
        with Upstream(made.nginx.folder / "raw.sock") as upstream, made:
            token = ("X-User-Token", made.key.token())
            for policy, headers, passed_on in (("header", [token], 0), ("default", [token, made.bearer()], 1)):
                self.assertEqual(made.get(f"/?policy={policy}", headers).status, 200)
                ((_, fields, _),) = upstream.take()
                self.assertEqual(len([name for name, _ in fields if name == "x-user-token"]), passed_on, policy)

    def test_a_body_that_is_waited_for(self):
        def call(policy, tool, filler=0):
            body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                               "params": {"name": tool, "arguments": {"text": "x" * filler}}}).encode()
            with client.Client(self.world.nginx.address) as connection:
                return connection.ask("POST", f"/?policy={policy}", [("Host", "api.example"), self.world.bearer()], body).status

        self.assertEqual([call("tools", "read"), call("tools", "write"), call("default", "write"), call("tools", "read", 2000)],
                         [200, 403, 200, 413])

    def test_what_variables_report(self):
        alice = self.world.bearer()
        for target, expected in (("/?policy=admin&n=1", ("refuse", "scope_insufficient")), ("/?policy=default&n=2", ("accept", "accepted")),
                                 ("/?policy=none&n=3", ("", ""))):
            self.ask(target, alice)
            line = until("it is logged", lambda: [line for line in self.world.lines() if line["uri"] == target])[0]  # noqa: B023
            self.assertEqual((line["decision"], line["reason"]), expected)
        audit = [json.loads(line["audit"]) for line in self.world.lines() if line["uri"] == "/?policy=admin&n=1"]
        self.assertEqual([record["policy"] for record in audit], ["admin"])


if __name__ == "__main__":
    unittest.main()
