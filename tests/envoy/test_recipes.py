"""The recipes of the READMEs: paths, CORS, optional tokens, disabled routes, filters behind this one, WebSocket. gRPC is in test_rpc."""

import contextlib
import json
import socket
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from harness import build, client, issuer, server
from harness.build import TYPES
from harness.server import per_route, route
from harness.upstream import upstream
from harness.world import POLICY, World


@contextlib.contextmanager
def serving(handler):
    """A server of HTTP on a port of its own."""
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    upstream.daemon_threads = True
    thread = Thread(target=upstream.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield upstream
    finally:
        upstream.shutdown()
        upstream.server_close()
        thread.join()


class Paths(unittest.TestCase):
    def ask(self, world, target, uri):
        got = world.get(target, headers=world.proven(uri=f"https://api.example{uri}"))
        return got.status, got.one("x-details") or got.one("location")

    def test_what_envoy_merges_the_client_did_not_sign(self):
        with World(normalize_path=True, merge_slashes=True) as world:
            self.assertEqual(self.ask(world, "/a//b", "/a//b"), (401, "proof_uri_mismatch"))
            self.assertEqual(self.ask(world, "/a//b", "/a/b"), (200, None))

    def test_slashes_that_are_sent_away_instead(self):
        """`merge_slashes` off, and a redirect for paths that it would merge: the client signs the path that it is sent to."""
        rewrite = {"pattern": {"regex": "/{2,}"}, "substitution": "/"}
        routes = [{"match": {"safe_regex": {"regex": ".*//.*"}}, "redirect": {"regex_rewrite": rewrite}}, route()]
        with World(routes=routes, normalize_path=True, path_with_escaped_slashes_action="UNESCAPE_AND_REDIRECT") as world:
            status, to = self.ask(world, "/a//b///c", "/a//b///c")
            self.assertEqual((status, to), (301, "http://api.example/a/b/c"))
            self.assertEqual(self.ask(world, "/a/b/c", "/a/b/c"), (200, None))
            self.assertEqual(self.ask(world, "/a%2fb", "/a%2fb")[0], 307)
            # Dot segments and encoded letters are one URI on both sides.
            for sent in ("/a/./b", "/a/x/../b", "/a/x/%2e%2e/b", "/%61/b"):
                for signed in (sent, "/a/b"):
                    self.assertEqual(self.ask(world, sent, signed), (200, None), (sent, signed))


class Cors(unittest.TestCase):
    def test_a_browser_may_read_challenges_and_nonces(self):
        """The filter `cors` is before this one: it answers preflights, and writes its fields on refusals too."""
        cors = {"name": "envoy.filters.http.cors", "typed_config": {"@type": f"{TYPES}.filters.http.cors.v3.Cors"}}
        policy = {"@type": f"{TYPES}.filters.http.cors.v3.CorsPolicy",
                  "allow_origin_string_match": [{"exact": "https://app.example"}], "allow_methods": "GET, POST",
                  "allow_headers": "authorization, dpop, content-type", "expose_headers": "DPoP-Nonce, WWW-Authenticate", "max_age": "600"}
        nonce = {**POLICY["policies"]["default"], "dpop": {"nonce": "required"}}
        # A `direct_response` has no CORS in Envoy.
        port = self.enterContext(upstream())
        world = World(start=False, policies={"default": nonce}, routes=[route(None, None, route={"cluster": "echo"})])
        world.envoy.clusters.append(server.cluster("echo", port))
        manager = world.envoy.listeners[0]["filter_chains"][0]["filters"][0]["typed_config"]
        manager["http_filters"].insert(0, cors)
        manager["route_config"]["virtual_hosts"][0]["typed_per_filter_config"] = {"envoy.filters.http.cors": policy}
        world.starts = True
        origin = ("Origin", "https://app.example")
        with world, client.Client(("127.0.0.1", world.port)) as browser:
            got = browser.ask("OPTIONS", "/", [("Host", "api.example"), origin, ("Access-Control-Request-Method", "GET"),
                                               ("Access-Control-Request-Headers", "authorization, dpop")])
            self.assertEqual((got.status, got.one("access-control-allow-origin")), (200, origin[1]))
            self.assertIn("dpop", got.one("access-control-allow-headers"))
            self.assertIsNone(got.one("x-details"))
            # A preflight of another page, and OPTIONS that are none, are requests as all others.
            for headers in ([("Origin", "https://evil.example"), ("Access-Control-Request-Method", "GET")], []):
                got = browser.ask("OPTIONS", "/", [("Host", "api.example"), *headers])
                self.assertIsNone(got.one("access-control-allow-origin"))
            got = browser.ask("GET", "/", [("Host", "api.example"), origin, *world.proven()])
            self.assertEqual((got.status, got.one("x-details")), (401, "nonce_required"))
            self.assertEqual(got.one("access-control-expose-headers"), "DPoP-Nonce, WWW-Authenticate")
            self.assertTrue(got.one("dpop-nonce") and got.all("www-authenticate"))
            got = browser.ask("GET", "/", [("Host", "api.example"), origin, *world.proven(nonce=got.one("dpop-nonce"))])
            self.assertEqual((got.status, got.one("access-control-allow-origin")), (200, origin[1]))


class Optional(unittest.TestCase):
    def test_requests_without_a_token_pass_and_those_with_one_need_a_good_one(self):
        sends = {"prefix": "/", "headers": [{"name": "authorization", "present_match": True}]}
        routes = [route(sends), route(None, per_route({"mode": "shadow"}))]
        with World(routes=routes, settings=build.THIS.routed) as world:
            got = world.get(headers=[("X-User", "root")])
            self.assertEqual((got.status, got.one("x-seen-user")), (200, None))
            got = world.get(headers=[world.bearer(), ("X-User", "root")])
            self.assertEqual((got.status, got.one("x-seen-user")), (200, "alice"))
            for bad in (issuer.bearer("no token"), world.bearer(exp=1)):
                self.assertEqual(world.get(headers=[bad]).status, 401)
            # In a query it is refused only by a policy that is enforced: here the request passes without identity.
            got = world.get("/?access_token=a", headers=[("X-User", "root")])
            self.assertEqual((got.status, got.one("x-seen-user")), (200, None))


class Disabled(unittest.TestCase):
    DISABLED = {"typed_per_filter_config": {"countersign": {
        "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}}}

    def seen(self, filters, per_filter):
        """What the upstream sees of identity fields that a client made up, on a route with this configuration."""
        with upstream() as port:
            world = World(start=False, routes=[route(None, per_filter, route={"cluster": "echo"})], settings=build.THIS.routed)
            world.envoy.clusters.append(server.cluster("echo", port))
            manager = world.envoy.listeners[0]["filter_chains"][0]["filters"][0]["typed_config"]
            manager["http_filters"][:0] = filters
            world.starts = True
            with world:
                got = world.get(headers=[("X-User", "root"), ("x_user", "root"), ("X.User", "root"), ("X-Users", "many")])
                self.assertEqual(got.status, 200, got)
                names = [name.lower() for name, _ in json.loads(got.body)["fields"]]
                return sorted(name for name in names if name.startswith("x") and "user" in name)

    def test_a_disabled_route_passes_what_the_client_sends_and_a_shadow_route_does_not(self):
        self.assertEqual(self.seen([], self.DISABLED), ["x-user", "x-users", "x.user", "x_user"])
        self.assertEqual(self.seen([], per_route({"mode": "shadow"})), ["x-users"])

    def test_another_filter_removes_them_where_this_one_is_disabled(self):
        remove = {"name": "strip", "typed_config": {
            "@type": f"{TYPES}.filters.http.header_mutation.v3.HeaderMutation", "mutations": {"request_mutations": [
                {"remove_on_match": {"key_matcher": {"safe_regex": {"regex": "x[^a-z0-9]user"}}}}]}}}
        self.assertEqual(self.seen([remove], self.DISABLED), ["x-users"])


class Behind(unittest.TestCase):
    def test_an_authorization_service_sees_the_identity_that_was_checked(self):
        asked = []

        class Service(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                asked.append(self.headers.get_all("x-user"))
                self.send_response(200 if asked[-1] == ["alice"] else 403)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        with serving(Service) as service:
            authorize = {"name": "authorize", "typed_config": {
                "@type": f"{TYPES}.filters.http.ext_authz.v3.ExtAuthz",
                "http_service": {"server_uri": {"uri": "http://authorize.example", "cluster": "authorize", "timeout": "5s"}},
                "allowed_headers": {"patterns": [{"exact": "x-user"}]}}}
            world = World(start=False, filters=[authorize])
            world.envoy.clusters.append(server.cluster("authorize", service.server_port))
            world.starts = True
            with world:
                self.assertEqual(world.get(headers=[world.bearer(), ("X-User", "root")]).status, 200)
                self.assertEqual(world.get(headers=[world.bearer(sub="bob"), ("X-User", "alice"), ("x_user", "alice")]).status, 403)
                # A request that this filter refuses does not reach the filters behind it.
                self.assertEqual(world.get(headers=[("X-User", "alice")]).status, 401)
            self.assertEqual(asked, [["alice"], ["bob"]])


class WebSocket(unittest.TestCase):
    def test_the_handshake_is_judged_and_the_connection_is_not_touched(self):
        def serve(listening):
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        head = b""
                        while b"\r\n\r\n" not in head:
                            head += connection.recv(4096)
                        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
                        connection.sendall(connection.recv(100))

        with socket.create_server(("127.0.0.1", 0)) as listening:
            thread = Thread(target=serve, args=(listening,), daemon=True)
            thread.start()
            world = World(start=False, routes=[route(None, None, route={"cluster": "chat", "timeout": "0s"})],
                          upgrade_configs=[{"upgrade_type": "websocket"}])
            world.envoy.clusters.append(server.cluster("chat", listening.getsockname()[1]))
            world.starts = True
            upgrade = [("Host", "api.example"), ("Connection", "Upgrade"), ("Upgrade", "websocket"),
                       ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")]
            with world:
                with client.Client(("127.0.0.1", world.port)) as browser:
                    got = browser.ask("GET", "/", upgrade)
                    self.assertEqual((got.status, got.one("x-details")), (401, "credential_missing"))
                # A proof is for GET and the URI with https, not for a scheme of its own.
                for uri, status in [("wss://api.example/", 401), ("https://api.example/", 101)]:
                    with client.Client(("127.0.0.1", world.port)) as browser:
                        browser.send("GET", "/", [*upgrade, *world.proven(uri=uri)])
                        while b"\r\n\r\n" not in browser.left:
                            browser._more()
                        head, browser.left = browser.left.split(b"\r\n\r\n", 1)
                        self.assertEqual(int(head.split()[1]), status, head)
                        if status == 101:
                            browser.socket.sendall(b"\x81\x02hi")
                            self.assertEqual(browser._exactly(4), b"\x81\x02hi")


if __name__ == "__main__":
    unittest.main()
