"""Identity headers: the client's are removed in every spelling, before the route is chosen, and a request reaches no route by whose policy
it was not judged. The table of cases is one for all hosts: `tests/identity_headers.json`."""

import contextlib
import json
import re
import socket
import threading
import unittest

from harness import build, client, issuer, place, server
from harness.server import per_route, route, until
from harness.upstream import upstream
from harness.world import World

TABLE = json.loads((place.ROOT / "tests/identity_headers.json").read_text())
HOST = f"envoy-{build.THIS.name}"


def spelled(name):
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower())


def wire(pairs):
    return [(name, value.encode().decode("latin-1")) for name, value in pairs]


def by(**fields):
    """A match of a route by header fields."""
    return {"prefix": "/", "headers": [
        {"name": name.replace("_", "-"), "string_match": {"exact": value}} for name, value in fields.items()]}


class Upgrades(unittest.TestCase):
    """RFC 9110 §7.6.1: the next hop removes the fields that `Connection` names, and Envoy passes that on for an upgrade."""

    def test_connection_names_no_identity_header(self):
        heads = []

        def serve(listening):
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        head = b""
                        while b"\r\n\r\n" not in head and (more := connection.recv(4096)):
                            head += more
                        heads.append(head.lower().split(b"\r\n"))
                        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")

        with socket.create_server(("127.0.0.1", 0)) as listening:
            threading.Thread(target=serve, args=(listening,), daemon=True).start()
            world = World({"identity_headers": {"x-user": "subject"}}, start=False,
                          routes=[route(route={"cluster": "chat"})], upgrade_configs=[{"upgrade_type": "websocket"}])
            world.envoy.clusters.append(server.cluster("chat", listening.getsockname()[1]))
            world.starts = True
            with world:
                for sent, passed_on in [("Upgrade, X-User", b"upgrade"), ("x_user,upgrade", b"upgrade"),
                                        ("keep-alive, Upgrade", b"keep-alive, upgrade"), ("Upgrade", b"upgrade")]:
                    with client.Client(("127.0.0.1", world.port)) as browser:
                        browser.send("GET", "/", [("Host", "api.example"), ("Connection", sent), ("Upgrade", "websocket"), world.bearer()])
                        while b"\r\n\r\n" not in browser.left:
                            browser._more()
                        self.assertTrue(browser.left.startswith(b"HTTP/1.1 101 "), browser.left)
                    self.assertIn(b"x-user: alice", heads[-1], sent)
                    options = [line for line in heads[-1] if line.startswith(b"connection:")]
                    self.assertEqual(options, [b"connection: " + passed_on], sent)


class Table(unittest.TestCase):
    """The table, row by row, through real Envoy to an upstream that returns the request it received."""

    # Of a place, the header fields by which its route has no policy: a field that selects one is there twice.
    MORE = {"off": [("X-Tenant", "blue"), ("X-Tenant", "blue")]}

    @classmethod
    def setUpClass(cls):
        cls.upstream = upstream()
        port = cls.upstream.__enter__()
        to = lambda match, said=None, **action: route(
            match, per_route(said) if said else None, route={"cluster": "echo", **action})
        cls.world = World(
            settings={**build.THIS.routed, "identity_headers": TABLE["identity_headers"],
                      "policy_rules": [{"header": "x-tenant", "exact": "blue", "policy": "default"}]},
            routes=[to({"prefix": "/shadow"}, {"mode": "shadow"}), to({"prefix": "/off"}, {"mode": "shadow"}),
                    # A VM cannot distinguish routes that match on identity headers, see `routes_match_identity`.
                    *([to({**by(x_user="admin"), "prefix": "/by_header"}, prefix_rewrite="/by_header/admin"),
                       to({"prefix": "/by_header"}, prefix_rewrite="/by_header/other")] if build.THIS is build.MODULE else []),
                    to({"prefix": "/"})])
        cls.world.envoy.clusters.append(server.cluster("echo", port))
        cls.world.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.world.__exit__(None, None, None)
        cls.upstream.__exit__(None, None, None)

    def test_every_row(self):
        names = {spelled(name) for name in TABLE["identity_headers"]}
        rows = [row for row in TABLE["rows"] if HOST in row.get("hosts", [HOST])]
        self.assertGreater(len(rows), 60)
        for row in rows:
            with self.subTest(row["name"]):
                token = row.get("token")
                if isinstance(token, dict):
                    token = self.world.key.token(**{"subject" if name == "sub" else name: value for name, value in token.items()})
                headers = [*([issuer.bearer(token)] if token is not None else []), *self.MORE.get(row["place"], [])]
                got = self.world.get(f"/{row['place']}", headers=[*headers, *wire(row["request"])])
                self.assertEqual(got.status, row["status"], got)
                if got.status != 200:
                    self.assertEqual(row["upstream"], [])
                    continue
                seen = json.loads(got.body)
                fields = [[name.lower(), value] for name, value in seen["fields"]]
                self.assertEqual(sorted(field for field in fields if spelled(field[0]) in names), row["upstream"])
                for other in row.get("others", []):
                    self.assertIn(other, fields)
                if "reached" in row:
                    self.assertEqual(seen["target"], row["reached"])

    def test_trailer_fields_too(self):
        """RFC 9110 §6.5.1: a recipient may merge trailer fields into header fields."""
        with upstream() as port:
            world = World(routes=[route(route={"cluster": "echo"})], http_protocol_options={"enable_trailers": True})
            world.envoy.clusters.append(server.cluster("echo", port, typed_extension_protocol_options={
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "explicit_http_config": {"http_protocol_options": {"enable_trailers": True}}}}))
            with world, client.Client(("127.0.0.1", world.port)) as connection:
                connection.send("POST", "/", [("Host", "api.example"), world.bearer(), ("Transfer-Encoding", "chunked"),
                                              ("Trailer", "X-User, X-Sum")])
                connection.socket.sendall(b"1\r\na\r\n0\r\nX-User: root\r\nX-Sum: 1\r\nX_User: root\r\nX-User: admin\r\n\r\n")
                got = connection.receive("POST")
                self.assertEqual(got.status, 200, got)
                self.assertEqual(json.loads(got.body)["trailers"], [["x-sum", "1"]])


def policy(**more):
    return {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE], "origin": "https://api.example", **more}


def direct(name, match=None, said=None):
    """A route whose response says its name."""
    return route(match, per_route(said) if said else None, direct_response={"status": 200, "body": {"inline_string": name}})


class Clients(unittest.TestCase):
    def test_the_client_chooses_no_route(self):
        # For the module, with rules of their own too.
        said = {"mode": "shadow"} if build.THIS is build.MODULE else None
        routes = [direct("admin", by(x_user="admin")), direct("guest", by(x_user="guest"), said),
                  direct("alice", by(x_user="alice")), direct("others")]
        with World(routes=routes) as world:
            for name in ("X-User", "x-user", "X_User"):
                for value in ("admin", "guest", "alice"):
                    got = world.get(headers=[(name, value)])
                    self.assertEqual((got.status, got.one("x-details")), (401, "credential_missing"), (name, value))
                    got = world.get(headers=[(name, value), (name, "guest"), world.bearer()])
                    # Envoy chooses the route anew whenever a VM sets a field.
                    reached = {"module": b"others", "wasm": b"alice"}[build.THIS.name]
                    self.assertEqual((got.status, got.body, got.one("x-seen-user")), (200, reached, "alice"), (name, value))


@build.only(build.MODULE, "a VM is not notified of a new choice of route: settings of routes that match on identity headers do not apply there")
class Routes(unittest.TestCase):
    """Routes that match on identity headers, and have rules of their own."""

    def world(self, routes, policies=None, **settings):
        return World(policies=policies or {}, settings={"default_policy": "default", **settings}, routes=routes)

    def follows(self, routes, policies=None, **settings):
        """A world whose routes are chosen by the fields that were written."""
        return self.world(routes, policies, **settings, clear_route_cache=True)

    def test_a_route_is_reached_only_by_its_own_policy(self):
        routes = [direct("bound", by(x_user="alice"), {"policy": "bound"}), direct("unknown", by(x_user="bob"), {"policy": "none"}),
                  direct("others")]
        with self.follows(routes, {"bound": policy(binding={"require": "dpop"})}) as world:
            got = world.get(headers=[world.bearer()])
            self.assertEqual((got.status, got.one("x-details"), got.one("x-decision")), (401, "binding_required", "refuse"))
            until("it is counted", lambda: world.count("binding_required", policy="bound") == 1)
            self.assertEqual(world.count("accepted", "accepted"), 0)
            got = world.get(headers=[world.bearer(sub="bob")])
            self.assertEqual((got.status, got.one("x-details")), (500, "internal_error"))
            got = world.get(headers=[world.bearer(sub="carol")])
            self.assertEqual((got.status, got.body, got.one("x-seen-user")), (200, b"others", "carol"))

    def test_a_proof_is_the_same_requests_when_it_is_judged_again(self):
        routes = [direct("bound", by(x_user="alice"), {"policy": "bound"}), direct("others")]
        with self.follows(routes, {"bound": policy(binding={"require": "dpop"})}) as world:
            proven = world.proven()
            got = world.get(headers=proven)
            self.assertEqual((got.status, got.body, got.one("x-seen-user")), (200, b"bound", "alice"))
            got = world.get(headers=proven)
            self.assertEqual((got.status, got.one("x-details")), (401, "proof_replayed"))

    def test_a_circle_of_routes_ends(self):
        policies = {"a": policy(), "b": policy()}
        routes = [direct("a", by(x_policy="b"), {"policy": "a"}), direct("b", None, {"policy": "b"})]
        headers = {"x-policy": "policy", "x-user": "subject"}
        with self.follows(routes, policies, identity_headers=headers) as world:
            got = world.get(headers=[world.bearer()])
            self.assertEqual((got.status, got.one("x-details")), (400, "policy_ambiguous"))
            until("it is counted", lambda: world.count("policy_ambiguous") == 1)

    def test_nothing_is_left_of_a_policy_that_was_not_the_last(self):
        narrow = {"narrow": policy(accept=[{"kind": "at+jwt", "scope": ["write"]}])}
        said = {"policy": "narrow", "mode": "shadow"}
        routes = [direct("shadow", by(x_user="alice"), said), direct("others")]
        with self.follows(routes, narrow) as world:
            got = world.get(headers=[world.bearer()])
            # Judged by `default`, it is alice's and leads to `shadow`; refused there, it is no one's and leads to `others`: a circle.
            self.assertEqual((got.status, got.one("x-details")), (400, "policy_ambiguous"))
        routes = [direct("shadow", by(x_mode="shadow"), said), direct("others", None, {"mode": "shadow"})]
        headers = {"x-binding": "binding", "x-user": "subject", "x-mode": "mode"}
        with self.follows(routes, narrow, identity_headers=headers) as world:
            got = world.get(headers=[world.bearer()])
            self.assertEqual((got.status, got.body, got.one("x-seen-user"), got.one("x-reason")),
                             (200, b"shadow", None, "scope_insufficient"))
            self.assertEqual(got.one("x-subject"), None)

    def test_by_default_the_written_fields_choose_no_route(self):
        routes = [direct("bound", by(x_user="alice"), {"policy": "bound"}), direct("others")]
        with self.world(routes, {"bound": policy(binding={"require": "dpop"})}) as world:
            got = world.get(headers=[world.bearer(), ("X-User", "alice")])
            self.assertEqual((got.status, got.body, got.one("x-seen-user")), (200, b"others", "alice"))


class Forwarded(unittest.TestCase):
    def test_a_forwarded_certificate_has_one_spelling(self):
        with upstream() as port:
            world = World(settings={"certificate": "x-forwarded-client-cert"}, routes=[route(route={"cluster": "echo"})],
                          forward_client_cert_details="ALWAYS_FORWARD_ONLY")
            world.envoy.clusters.append(server.cluster("echo", port))
            with world:
                certificate = ("x-forwarded-client-cert", "Hash=" + "a" * 64)
                got = world.get(headers=[world.bearer(), certificate, ("X_Forwarded_Client_Cert", certificate[1])])
                seen = [field for field in json.loads(got.body)["fields"] if "client" in field[0]]
                self.assertEqual(seen, [list(certificate)])


class Faults(unittest.TestCase):
    def refused(self, expected, **settings):
        with World(settings=settings, start=False) as world:
            passes, said = world.envoy.validate()
            self.assertFalse(passes)
            self.assertRegex(said, f"countersign: .*{re.escape(expected)}")

    def test_names_that_cannot_be(self):
        # The members of a message are in no order.
        self.refused(": found another spelling of x", identity_headers={"X-User": "subject", "X_User": "issuer"})
        self.refused('/policy_rules/0/header: found "x_user", an identity header, which no client can send, expected another header field',
                     identity_headers={"X-User": "subject"}, policy_rules=[{"header": "X_User", "exact": "a", "policy": "default"}])
        self.refused("/identity_headers/x-forwarded-client-cert: found this name, expected",
                     identity_headers={"x-forwarded-client-cert": "subject"}, certificate="x-forwarded-client-cert")
        if build.THIS is build.WASM:
            self.refused("/routes_match_identity: found nothing beside route metadata and identity headers", route_metadata=True)
            self.refused("/routes_match_identity: found true, expected false", route_metadata=True, routes_match_identity=True)
            self.refused("/clear_route_cache: found a setting of the dynamic module only", clear_route_cache=True)
        else:
            self.refused("/clear_route_cache: found 1, expected true or false", clear_route_cache=1)


if __name__ == "__main__":
    unittest.main()
