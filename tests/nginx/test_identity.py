"""Identity headers: the table of cases that all hosts share, and what only nginx has."""

import contextlib
import json
import re
import unittest

from harness import client, issuer, place
from harness.server import until
from harness.upstream import Upstream
from harness.world import HTTP as SHOWN
from harness.world import POLICY, World

TABLE = json.loads((place.ROOT / "tests/identity_headers.json").read_text())

# What a place of the table is here. `raw` is an upstream that keeps the bytes it was sent.
HTTP = """
    countersign_zone main:256k;
    countersign_policy_file {folder}/policy.json;
    access_log off;
    underscores_in_headers on;
    ignore_invalid_headers off;
    upstream raw { server unix:{folder}/raw.sock; }
    map $http_x_user $mapped { default other; admin admin; }
    server {
        listen 127.0.0.1:{port};
        countersign_set_header X-User subject;
        countersign_set_header X-Binding binding;
        # Read before any location is known.
        set $switch "$http_x_server_switch$http_x_user";
        if ($switch = 1admin) { return 204; }
        error_page 400 @early;
        {server}
    }
"""

SERVER = """
        location /enforced { countersign on; proxy_pass http://raw; }
        location /shadow { countersign shadow; proxy_pass http://raw; }
        location /off { proxy_pass http://raw; }
        location @early { if ($http_x_user) { return 500; } proxy_pass http://raw; }

        location /joined {
            countersign on; countersign_set_header X-Client client_id; proxy_pass http://raw;
            location /joined/deep { countersign_set_header X-Kind kind; proxy_pass http://raw; }
        }
        location /off_joined { countersign_set_header X-Client client_id; proxy_pass http://raw; }
        location /replaced { countersign on; countersign_set_header X-User client_id; proxy_pass http://raw; }
        location /replaced_case { countersign on; countersign_set_header x-user client_id; proxy_pass http://raw; }

        location /page/off { proxy_pass http://raw; }
        location /page/enforced { countersign on; proxy_pass http://raw; }
        location /error_page { error_page 404 /page/off; return 404; }
        location /error_page_enforced { error_page 404 /page/enforced; return 404; }
        location /refused_page { countersign on; error_page 401 /page/off; proxy_pass http://raw; }

        location /to_off { countersign on; try_files /absent /page/off; }
        location /to_joined { countersign on; try_files /absent /joined; }
        location /off_to_enforced { try_files /absent /enforced; }
        location /accel_off { countersign on; proxy_pass http://raw/accel/page/off; }
        location /accel_joined { countersign on; proxy_pass http://raw/accel/joined; }
        location /named_off { countersign on; try_files /absent @off; }
        location /named_joined { countersign on; try_files /absent @joined; }
        location /off_named_enforced { try_files /absent @enforced; }
        location @off { proxy_pass http://raw; }
        location @joined { countersign on; countersign_set_header X-Client client_id; proxy_pass http://raw; }
        location @enforced { countersign on; proxy_pass http://raw; }

        location /asks/off { internal; proxy_pass http://raw; }
        location /asks/enforced { internal; countersign on; proxy_pass http://raw; }
        location /auth_request { auth_request /asks/off; proxy_pass http://raw; }
        location /auth_request_enforced { auth_request /asks/enforced; proxy_pass http://raw; }
        location /mirror/off { internal; proxy_pass http://raw; }
        location /mirror/joined { internal; countersign on; countersign_set_header X-Client client_id; proxy_pass http://raw; }
        location /mirrored { countersign on; mirror /mirror/off; proxy_pass http://raw; }
        location /mirrored_joined { countersign on; mirror /mirror/joined; proxy_pass http://raw; }
        location /includes/off { proxy_pass http://raw; }
        location /includes/enforced { countersign on; proxy_pass http://raw; }
        location /includes/joined { countersign on; countersign_set_header X-Client client_id; proxy_pass http://raw; }
        location /included { ssi on; ssi_types *; root {folder}/pages; }

        location = /mapped { rewrite ^ /mapped/$mapped last; }
        location = /mapped/other { countersign on; proxy_pass http://raw; }
        location = /mapped/admin { countersign shadow; proxy_pass http://raw; }
        location /conditional { countersign on; if ($http_x_user = admin) { return 204; } proxy_pass http://raw; }
        location /conditional_server { countersign on; proxy_pass http://raw; }
        location /set { countersign on; set $seen $http_x_user; proxy_set_header X-Set "[$seen]"; proxy_pass http://raw; }
        location /set_later {
            countersign on; set $seen $http_x_user; proxy_pass http://raw;
            proxy_set_header X-Set "[$seen]"; proxy_set_header X-Later $http_x_user;
        }
"""

PAGE = "".join(f'<!--# include virtual="/includes/{name}" -->' for name in ("off", "enforced", "joined"))


def spelling(name):
    return re.sub("[^a-z0-9]", "-", name.lower())


class Table(unittest.TestCase):
    """Each row with what arrived, and nothing else under any name of the configuration."""

    NAMES = {"x-user", "x-binding", "x-client", "x-kind"}

    def identity(self, fields):
        return sorted(field for field in fields if spelling(field[0]) in self.NAMES)

    def test_rows(self):
        self.assertLessEqual(set(TABLE["identity_headers"]), self.NAMES)
        world = World(SERVER, http=HTTP)
        with Upstream(world.nginx.folder / "raw.sock") as upstream, world:
            world.nginx.write("pages/included", PAGE)
            asked = 0
            for row in TABLE["rows"]:
                if "nginx" in row.get("hosts", ["nginx"]):
                    asked += 1
                    with self.subTest(row["name"]):
                        self.check(world, upstream, row)
            self.assertGreater(asked, 80)

    def check(self, world, upstream, row):
        upstream.take()
        headers = [(name, value.encode().decode("latin-1")) for name, value in row["request"]]
        token = row.get("token")
        if token is not None:
            headers.append(issuer.bearer(token if isinstance(token, str) else world.key.token(**token)))
        answer = world.get("/" + row["place"], headers)
        self.assertEqual(answer.status, row["status"], answer)

        also = dict(row.get("also", []))
        until("subrequests", lambda: set(also) <= {path for path, *_ in upstream.arrived})
        # Where X-Accel-Redirect came from is not where the request went.
        arrived = [(path, fields) for path, fields, _ in upstream.take() if not path.startswith("/accel")]
        for path, fields in arrived:
            if path in also:
                self.assertEqual(self.identity(fields), also[path], path)
        rest = [(path, fields) for path, fields in arrived if path not in also]
        if row["upstream"] is None or (row["status"] == 401 and not rest):
            self.assertEqual(rest, [])
            return
        ((path, fields),) = rest
        self.assertEqual(self.identity(fields), row["upstream"])
        self.assertEqual(path, row.get("reached", path))
        for field in row.get("others", []):
            self.assertIn(field, fields)


class Lists(unittest.TestCase):
    def told(self, server):
        with World(server, http=HTTP) as world:
            passes, told = world.nginx.test()
            self.assertTrue(passes, told)
            return told

    def test_what_is_inherited_is_reported(self):
        told = self.told("countersign_certificate_header Client-Cert from=127.0.0.1;"
                         "location / { countersign_set_header x-user issuer; countersign_set_header X-Client client_id;"
                         " countersign_certificate_header Hop-Cert from=127.0.0.2; }")
        self.assertRegex(told, r'\[warn\] .*"X-Binding" of /nginx\.conf:\d+ is set also where '
                               r'"countersign_set_header x-user" is, in /nginx\.conf:\d+')
        self.assertNotRegex(told, r'"X-User" of /nginx\.conf:\d+ is set also')
        self.assertRegex(told, r'\[warn\] .*"Client-Cert" of /nginx\.conf:\d+ is taken also where '
                               r'"countersign_certificate_header Hop-Cert" is, in /nginx\.conf:\d+')

    def test_nothing_is_reported_where_no_list_is_joined(self):
        told = self.told("location / { countersign on; } location /a { countersign off; }")
        self.assertNotIn("also where", told)


CERTIFICATES = """
    countersign_certificate_header Client-Cert from=127.0.0.1;
    location /trusted { proxy_pass http://raw; }
    location /joined { countersign_certificate_header Hop-Cert from=192.0.2.0/24; proxy_pass http://raw; }
    location /far { countersign_certificate_header Client-Cert from=192.0.2.0/24; proxy_pass http://raw; }
    location /moved { countersign_certificate_header Client-Cert from=192.0.2.0/24; try_files /absent /trusted; }
    location /back { try_files /absent /far; }
    location /early { if ($http_client_cert) { return 204; } proxy_pass http://raw; }
"""


class CertificateHeaders(unittest.TestCase):
    """The header of a certificate goes on only from a hop that the place trusts, in the hop's own spelling, once."""

    def test_who_may_send_one(self):
        one, other = ["client-cert", ":MTIz:"], ["hop-cert", ":NDU2:"]
        with World(CERTIFICATES, http=HTTP) as world, Upstream(world.nginx.folder / "raw.sock") as upstream:
            for target, sent, arrives in [
                ("/trusted", [one], [one]),
                ("/trusted", [["Client_Cert", "x"]], []),
                ("/trusted", [one, ["client_cert", "x"], ["CLIENT.CERT", "x"]], [one]),
                ("/trusted", [one, ["Client-Cert", ":NDU2:"]], []),
                ("/trusted", [other], []),
                ("/joined", [one], [one]),
                ("/joined", [one, other], [one]),
                ("/far", [one], []),
                ("/moved", [one], [one]),
                ("/back", [one], []),
                ("/early", [one], [one]),
            ]:
                with self.subTest((target, sent)):
                    upstream.take()
                    self.assertEqual(world.get(target, sent).status, 200)
                    ((_, fields, _),) = upstream.take()
                    self.assertEqual([field for field in fields if spelling(field[0]) in ("client-cert", "hop-cert")], arrives)


class Satisfied(unittest.TestCase):
    def test_what_another_rule_lets_pass_has_no_identity(self):
        """A field is written only from the decision that let the request pass."""
        server = """
            location / { countersign on; countersign_set_header X-Decision decision;
                satisfy any; allow 127.0.0.1; deny all; proxy_pass http://raw; }
        """
        with World(server, http=HTTP) as world, Upstream(world.nginx.folder / "raw.sock") as upstream:
            for token, arrives in (([], []), ([world.bearer()], ["accept"])):
                self.assertEqual(world.get("/", [*token, ("X-Decision", "accept")]).status, 200)
                ((_, fields, _),) = upstream.take()
                self.assertEqual([value for name, value in fields if spelling(name) == "x-decision"], arrives)


class Subrequests(unittest.TestCase):
    def test_what_a_subrequest_read_is_read_anew(self):
        """A subrequest shares the variables of its parent, which has other identity headers."""
        server = """
            location /asking { countersign on; auth_request /asked; proxy_set_header X-Later "[$http_x_user]"; proxy_pass http://raw; }
            location = /asked { internal; countersign_set_header X-User client_id; countersign on;
                proxy_set_header X-Later "[$http_x_user]"; proxy_pass http://raw; }
            location /open { auth_request /asked; proxy_set_header X-Later "[$http_x_user]"; proxy_pass http://raw; }
        """
        with World(server, http=HTTP) as world, Upstream(world.nginx.folder / "raw.sock") as upstream:
            for target, arrives in (("/asking", "[alice]"), ("/open", "[]")):
                upstream.take()
                self.assertEqual(world.get(target, [world.bearer(client_id="client-1")]).status, 200)
                later = {path: dict(fields)["x-later"] for path, fields, _ in upstream.take()}
                self.assertEqual(later, {"/asked": "[client-1]", target: arrives})


class Redirected(unittest.TestCase):
    """A decision is about the client's request: method, authority, and the policy of the location it reaches."""

    @contextlib.contextmanager
    def world(self, server):
        loose = json.loads(json.dumps(POLICY))
        loose["policies"]["other"] = {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE]}
        with World(server, http=HTTP, policy=loose) as world, Upstream(world.nginx.folder / "raw.sock") as upstream:
            yield world, upstream

    def ask(self, world, target, method, proven, uri):
        token = world.key.token(bound=world.client)
        return world.get(target, issuer.dpop(token, world.proof(token, method=proven, uri=uri)), method=method).status

    def test_the_method_is_the_client_s(self):
        server = """
            countersign on;
            countersign_origin https://api.example;
            location /accel { proxy_pass http://raw/accel/inner; }
            location = /inner { internal; countersign_policy other; proxy_pass http://raw; }
            location /page { error_page 404 = /inner; return 404; }
            location /named { error_page 404 = @inner; return 404; }
            location @inner { countersign_policy other; proxy_pass http://raw; }
            location /tried { try_files /absent /inner; }
            location /asking { auth_request /inner; proxy_pass http://raw; }
            location /mirrored { mirror /inner; proxy_pass http://raw; }
        """
        with self.world(server) as (world, _):
            for target in ("/accel", "/page", "/named", "/tried", "/asking", "/mirrored"):
                for method, other in (("POST", "GET"), ("GET", "POST"), ("PUT", "GET"), ("HEAD", "GET"), ("PATCH", "GET")):
                    with self.subTest((target, method)):
                        uri = f"https://api.example{target}"
                        self.assertEqual(self.ask(world, target, method, other, uri), 401)
                        self.assertEqual(self.ask(world, target, method, method, uri), 200)

    def test_a_refused_method_reaches_no_upstream(self):
        server = """
            location /page { error_page 404 = /inner; return 404; }
            location = /inner { internal; countersign on; proxy_pass http://raw; }
        """
        with self.world(server) as (world, upstream):
            self.assertEqual(self.ask(world, "/page", "POST", "GET", "https://api.example/page"), 401)
            self.assertEqual(upstream.take(), [])
            self.assertEqual(self.ask(world, "/page", "POST", "POST", "https://api.example/page"), 200)
            # nginx asks an error page with GET, whatever the client asked for.
            self.assertEqual([(path, method) for path, _, method in upstream.take()], [("/inner", "GET")])

    def test_each_store_takes_a_proof_once(self):
        """That one store took the proof of this request makes it no new one for another store, which knows it from a request before."""
        server = """
            countersign on;
            countersign_policy_file {folder}/policy.json zone=main;
            location = /x {
                if ($arg_mode = direct) { rewrite ^ /inner last; }
                if ($arg_mode = other) { rewrite ^ /other last; }
                set $then /accel/inner;
                proxy_pass http://raw$then;
            }
            location = /other { internal; countersign_policy other; set $then /accel/inner; proxy_pass http://raw$then; }
            location = /inner { internal; countersign_policy_file {folder}/inner.json zone=second; proxy_pass http://raw; }
        """
        policies = {"other": POLICY["policies"]["default"]}
        http = HTTP.replace("zone main:256k;", "zone main:256k; countersign_zone second:256k;")
        http = http.replace("    countersign_policy_file {folder}/policy.json;\n", "")
        world = World(server, http=http, policies=policies)
        world.nginx.write("inner.json", json.dumps(world.policy))
        with world, Upstream(world.nginx.folder / "raw.sock") as upstream:
            for modes in (("direct", "direct"), ("none", "none"), ("direct", "none"), ("direct", "other"), ("other", "none"),
                          ("none", "direct")):
                with self.subTest(modes):
                    token = world.key.token(bound=world.client)
                    request = issuer.dpop(token, world.proof(token, uri="https://api.example/x"))
                    upstream.take()
                    statuses = [world.get(f"/x?mode={mode}", request).status for mode in modes]
                    self.assertEqual(statuses, [200, 401])
                    self.assertEqual([path.partition("?")[0] for path, *_ in upstream.take()].count("/inner"), 1)

    def test_the_place_s_own_origin_and_hops_hold(self):
        """One policy in two places whose origin differs is two decisions."""
        server = """
            countersign on;
            countersign_policy other;
            countersign_origin https://outer.example;
            location /moved { try_files /absent /inner; }
            location = /inner { countersign_origin https://inner.example; proxy_pass http://raw; }
        """
        with self.world(server) as (world, upstream):
            self.assertEqual(self.ask(world, "/moved", "GET", "GET", "https://outer.example/moved"), 401)
            self.assertEqual(self.ask(world, "/moved", "GET", "GET", "https://inner.example/moved"), 401)
            self.assertEqual(upstream.take(), [])


class NoAuthority(unittest.TestCase):
    """No request that a client can make is answered with a 5xx."""

    def test_requests_that_name_no_server(self):
        policy = {"trust": [{"issuer": issuer.ISSUER, "jwks_file": "as.json"}],
                  "policies": {"default": {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE]}}}
        origin = "location / { countersign on; proxy_pass http://raw; }" \
                 "location /named { countersign on; countersign_origin https://api.example; proxy_pass http://raw; }"
        http = HTTP.replace("error_page 400 @early;", "")
        with World(origin, policy=policy, http=http) as world, Upstream(world.nginx.folder / "raw.sock") as upstream:
            token = world.key.token(bound=world.client)
            for method, target, host, version in [
                ("GET", "/", None, "1.0"),
                ("GET", "/named", None, "1.0"),
                ("GET", "/", None, "1.1"),
                ("GET", "/", "", "1.0"),
                ("GET", "/", "", "1.1"),
                ("GET", "/", "a@api.example", "1.1"),
                ("GET", "/", "api.example:70000", "1.1"),
                ("GET", "/", "api.example:x", "1.1"),
                ("GET", "/", "[::1", "1.1"),
                ("GET", "/", "[::x]", "1.1"),
                ("GET", "/", "api example", "1.1"),
                ("GET", "/", "api..example", "1.1"),
                ("GET", "/", "api\xff.example", "1.1"),
                ("GET", "/", ":80", "1.1"),
                ("GET", "/", "a" * 300, "1.1"),
                ("GET", "/", "api.example?", "1.1"),
                ("GET", "/", "api.example#", "1.1"),
                ("GET", "/", "%61pi.example", "1.1"),
                ("CONNECT", "api.example:443", "api.example", "1.1"),
                ("CONNECT", "/", "api.example", "1.1"),
                ("OPTIONS", "*", "api.example", "1.1"),
                ("GET", "*", "api.example", "1.1"),
                ("GET", "api.example", "api.example", "1.1"),
                ("GET", "http://a@api.example/", "api.example", "1.1"),
                ("GET", "http:///", "api.example", "1.1"),
                ("GET", "http://api.example:70000/", "api.example", "1.1"),
                ("GET", "ftp://api.example/", "api.example", "1.1"),
                ("GET", "/%", "api.example", "1.1"),
                ("GET", "/%00", "api.example", "1.1"),
                ("GET", "/\xff", "api.example", "1.1"),
                ("GET", "/a\\b|c{d}^`\"<>", "api.example", "1.1"),
                ("GET", "//", "api.example", "1.1"),
                ("GET", "/" + "a" * 9000, "api.example", "1.1"),
                ("GET", "/#a", "api.example", "1.1"),
                ("GET", "?", "api.example", "1.1"),
                ("G-T", "/", "api.example", "1.1"),
                ("GE_T", "/", "api.example", "1.1"),
            ]:
                headers = [] if host is None else [("Host", host)]
                proof = world.proof(token, method=method, uri="http://other.example/elsewhere")
                with self.subTest((method, target[:40], host and host[:40], version)), \
                        client.Client(world.nginx.address) as connection:
                    answer = connection.ask(method, target, [*headers, *issuer.dpop(token, proof)], version=version)
                    self.assertIn(answer.status // 100, (4,), answer)
            self.assertEqual(upstream.take(), [])

    def test_a_host_takes_nothing_from_the_path(self):
        """A Host that ends in `?` or `#` would make the path a query: a proof for `/` would be one for every path."""
        policy = {"trust": [{"issuer": issuer.ISSUER, "jwks_file": "as.json"}],
                  "policies": {"default": {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE]}}}
        server = "location / { countersign on; proxy_pass http://raw; }"
        with World(server, policy=policy, http=HTTP) as world, Upstream(world.nginx.folder / "raw.sock") as upstream:
            token = world.key.token(bound=world.client)
            for host in ("api.example?", "api.example#", "api.example?x", "api.example%3f", "api.example\\", "api.example;"):
                proof = world.proof(token, uri="http://api.example/")
                with self.subTest(host):
                    self.assertEqual(world.get("/orders", issuer.dpop(token, proof), host=host).status // 100, 4)
            self.assertEqual(upstream.take(), [])
            proof = world.proof(token, uri="http://api.example/orders")
            self.assertEqual(world.get("/orders", issuer.dpop(token, proof)).status, 200)


HOP = """
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $http_connection;
        countersign_set_header X-User subject;
        location / { countersign on; proxy_pass http://raw; }
        location /shadow { countersign shadow; proxy_pass http://raw; }
        location /off { countersign off; proxy_pass http://raw; }
        location /early { countersign on; set $protocol $http_upgrade; proxy_set_header Upgrade $protocol; proxy_pass http://raw; }
        location /fixed { countersign on; proxy_set_header Upgrade h2c; proxy_set_header Connection upgrade; proxy_pass http://raw; }
"""


class Hops(unittest.TestCase):
    """Fields for one hop: what `Upgrade` and `Connection` of a client cannot do to the upstream."""

    @classmethod
    def setUpClass(cls):
        cls.world = World(HOP, http="upstream raw { server unix:{folder}/raw.sock; }\n" + SHOWN)
        cls.upstream = Upstream(cls.world.nginx.folder / "raw.sock").__enter__()
        cls.world.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.world.__exit__(None, None, None)
        cls.upstream.__exit__()

    def sent(self, target, *headers):
        """The fields of the client's request that the upstream gets: all with these names."""
        with client.Client(self.world.nginx.address) as connection:
            answer = connection.ask("GET", target, [("Host", "api.example"), self.world.bearer(), *headers])
        self.assertEqual(answer.status, 200, answer)
        ((_, fields, _),) = self.upstream.take()
        return [field for field in fields if field[0] in ("upgrade", "http2-settings", "http2_settings", "connection", "x-user")]

    def test_no_tunnel_of_requests(self):
        """In the tunnel of such an upgrade a client would send any request, with identity headers of its own."""
        protocols = ["h2c", "H2C", "websocket, h2c", "h2c-14", "h2", "HTTP/2.0", "TLS/1.0", "websocket,\th2c", '"h2c"', "a;h2c"]
        settings = ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA")
        for target in ("/", "/shadow", "/off", "/early"):
            for protocol in protocols:
                with self.subTest(target, protocol=protocol):
                    got = self.sent(target, ("Upgrade", protocol), ("Connection", "Upgrade"), settings)
                    self.assertNotIn("upgrade", dict(got))
                    self.assertNotIn("http2-settings", dict(got))
        got = dict(self.sent("/", ("Upgrade", "h2c"), ("Connection", "Upgrade, HTTP2-Settings"), settings))
        self.assertEqual(got, {"connection": "Upgrade, HTTP2-Settings", "x-user": "alice"})

    def test_other_protocols(self):
        for target in ("/", "/shadow", "/off", "/early"):
            for protocol in ("websocket", "WebSocket", "SPDY/3.1", "websocket, tcp", "xh2c"):
                with self.subTest(target, protocol=protocol):
                    self.assertEqual(dict(self.sent(target, ("Upgrade", protocol), ("Connection", "Upgrade")))["upgrade"], protocol)

    def test_an_answer_that_upgrades(self):
        """Where the configuration names the protocol itself, nginx opens no tunnel: the client asked for none."""
        with client.Client(self.world.nginx.address) as connection:
            connection.send("GET", "/fixed", [("Host", "api.example"), self.world.bearer(), ("Upgrade", "h2c"), ("Connection", "Upgrade"),
                                              ("X-Answer", "101")])
            connection.socket.sendall(b"PRI * HTTP/2.0")
            (tunnelled,) = until("the upstream has waited", lambda: self.upstream.tunnelled)
        self.upstream.take()
        self.assertEqual(tunnelled, b"")

    def test_connection_names_no_identity_header(self):
        """RFC 9110 section 7.6.1: the next hop MUST remove the fields that Connection names."""
        for target in ("/", "/shadow", "/off"):
            for said, passed in [
                ("Upgrade, X-User", "Upgrade"), ("X-User, Upgrade", "Upgrade"), ("upgrade,x_user", "upgrade"), ("Upgrade , X.USER ,, Other", "Upgrade, Other"),
                ("X-User", None), ("X-User, X-User", None), ("Upgrade, Other", "Upgrade, Other"), ("keep-alive", "keep-alive"),
            ]:
                with self.subTest(target, said=said):
                    got = self.sent(target, ("Upgrade", "websocket"), ("Connection", said))
                    self.assertEqual(dict(got).get("connection"), passed)
                    self.assertEqual(dict(got).get("x-user"), None if target == "/off" else "alice")


if __name__ == "__main__":
    unittest.main()
