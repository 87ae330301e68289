"""What DPoP's `htu` is compared with where clients see other names than nginx: one origin, many, the policy's."""

import unittest

from harness import client, issuer, place
from harness.world import POLICY, World

WITHOUT_ORIGIN = {"trust": POLICY["trust"], "policies": {"default": {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE]}}}


class Origins(unittest.TestCase):
    def ask(self, world, target, uri, **options):
        """Status and reason for a proof of this URI."""
        token = world.key.token(bound=world.client)
        answer = world.get(target, issuer.dpop(token, world.proof(token, uri=uri)), **options)
        reasons = [word for word in ("proof_uri_mismatch",) if word in str(answer.all("www-authenticate"))]
        return (answer.status, *reasons)

    def test_many_names_behind_a_load_balancer(self):
        """The load balancer ends TLS and passes Host on; only names of the list are taken, whatever a client invents."""
        server = """
            countersign on;
            countersign_origin https://api.example https://*.shops.example https://admin.shops.example/console/
                               https://*.example.net:8443/base http://plain.example https://[2001:db8::1];
            location / { proxy_pass http://shown; }
            location /one { countersign_origin https://api.example; proxy_pass http://shown; }
        """
        refused = (401, "proof_uri_mismatch")
        with World(server, policy=WITHOUT_ORIGIN) as world:
            for host, uri, expected in [
                ("api.example", "https://api.example/a", (200,)),
                ("API.Example:443", "https://api.example/a", (200,)),
                ("api.example", "http://api.example/a", refused),
                ("api.example:80", "https://api.example/a", refused),
                ("api.example:8443", "https://api.example:8443/a", refused),
                ("shoes.shops.example", "https://shoes.shops.example/a", (200,)),
                ("SHOES.shops.example", "https://shoes.shops.example/a", (200,)),
                ("shoes.shops.example:443", "https://shoes.shops.example/a", (200,)),
                ("a_b-c9.shops.example", "https://a_b-c9.shops.example/a", (200,)),
                # A proof for one name of the list is none for another.
                ("shoes.shops.example", "https://hats.shops.example/a", refused),
                ("shoes.shops.example", "https://api.example/a", refused),
                # An exact name goes before the wildcard, and has its own base path.
                ("admin.shops.example", "https://admin.shops.example/console/a", (200,)),
                ("admin.shops.example", "https://admin.shops.example/a", refused),
                ("x.example.net:8443", "https://x.example.net:8443/base/a", (200,)),
                ("x.example.net", "https://x.example.net/base/a", refused),
                ("plain.example", "http://plain.example/a", (200,)),
                ("plain.example:80", "http://plain.example/a", (200,)),
                ("[2001:db8::1]", "https://[2001:db8::1]/a", (200,)),
                # A wildcard is one label, whole.
                ("shops.example", "https://shops.example/a", refused),
                (".shops.example", "https://.shops.example/a", refused),
                ("a.b.shops.example", "https://a.b.shops.example/a", refused),
                ("shoesshops.example", "https://shoesshops.example/a", refused),
                ("*.shops.example", "https://*.shops.example/a", refused),
                ("a?b.shops.example", "https://a/a", refused),
                # RFC 3986 §6.2.3: an empty port is none.
                ("api.example:", "https://api.example/a", (200,)),
                ("api.example:0", "https://api.example/a", refused),
                ("api.example:99999999999999999999", "https://api.example/a", refused),
                ("evil.example", "https://evil.example/a", refused),
                ("api.example.", "https://api.example./a", refused),
                ("api.example.evil.example", "https://api.example/a", refused),
            ]:
                with self.subTest(f"{host} {uri}"):
                    self.assertEqual(self.ask(world, "/a?q", uri, host=host), expected)
            # The target of a request names its server before Host does (RFC 9112 §3.2.2).
            self.assertEqual(self.ask(world, "http://shoes.shops.example/a", "https://shoes.shops.example/a"), (200,))
            self.assertEqual(self.ask(world, "http://shoes.shops.example/a", "https://api.example/a"), refused)
            self.assertEqual(self.ask(world, "http://shoes.shops.example:443/a?q", "https://shoes.shops.example/a"), (200,))
            self.assertEqual(self.ask(world, "http://evil.example/a", "https://api.example/a"), refused)
            # One origin alone is meant whatever Host says.
            self.assertEqual(self.ask(world, "/one", "https://api.example/one", host="10.0.0.7"), (200,))
            # Only a proof says anything of a URI.
            self.assertEqual(world.get("/a", [world.bearer()], host="evil.example").status, 200)
            # Forwarding header fields move nothing.
            token = world.key.token(bound=world.client)
            for name in ("X-Forwarded-Host", "Forwarded", "X-Original-Host"):
                proof = world.proof(token, uri="https://shoes.shops.example/a")
                spoofed = [*issuer.dpop(token, proof), (name, "shoes.shops.example")]
                self.assertEqual(world.get("/a", spoofed, host="evil.example").status, 401, name)
            with client.Client(world.nginx.address) as connection:
                headers = issuer.dpop(token, world.proof(token, uri="https://api.example/a"))
                self.assertEqual(connection.ask("GET", "/a", headers, version="1.0").status, 401)

    def test_many_names_over_http2(self):
        server = """
            countersign on; countersign_origin https://api.example https://*.shops.example;
            location / { proxy_pass http://shown; }
        """
        with World(server, policy=WITHOUT_ORIGIN, listen=" http2") as world:
            token = world.key.token(bound=world.client)

            def ask(authority, uri):
                return place.run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--http2-prior-knowledge",
                                 "-H", f"Host: {authority}", "-H", f"Authorization: DPoP {token}",
                                 "-H", f"DPoP: {world.proof(token, uri=uri)}", f"http://127.0.0.1:{world.nginx.port}/a")

            self.assertEqual(ask("shoes.shops.example", "https://shoes.shops.example/a"), "200")
            self.assertEqual(ask("api.example:443", "https://api.example/a"), "200")
            self.assertEqual(ask("evil.example", "https://evil.example/a"), "401")
            self.assertEqual(ask("api.example", "https://shoes.shops.example/a"), "401")

    def test_one_wildcard_is_chosen_by_host_too(self):
        server = "countersign on; countersign_origin https://*.shops.example; location / { proxy_pass http://shown; }"
        with World(server, policy=WITHOUT_ORIGIN) as world:
            self.assertEqual(self.ask(world, "/a", "https://shoes.shops.example/a", host="shoes.shops.example"), (200,))
            self.assertEqual(self.ask(world, "/a", "https://shoes.shops.example/a", host="evil.example"),
                             (401, "proof_uri_mismatch"))

    def test_places_with_the_same_origins_share_a_decision(self):
        server = """
            countersign on;
            location / { countersign_origin https://api.example https://b.example; try_files /absent @same; }
            location @same { countersign_origin https://api.example https://b.example; proxy_pass http://shown; }
            location /other { countersign_origin https://api.example https://b.example; try_files /absent @other; }
            location @other { countersign_origin https://api.example/other https://b.example; proxy_pass http://shown; }
        """
        with World(server, policy=WITHOUT_ORIGIN) as world:
            self.assertEqual(self.ask(world, "/a", "https://api.example/a"), (200,))
            self.assertEqual(world.zone()["enforce"]["accepted"], 1)
            self.assertEqual(self.ask(world, "/other", "https://api.example/other"), (401, "proof_uri_mismatch"))

    def test_the_origin_of_the_policy_counts(self):
        """Where the policy has an origin, the host's is not put before the path: neither its name nor its base path."""
        server = """
            countersign on;
            location / { proxy_pass http://shown; }
            location /both { countersign_origin https://public.example/outer; proxy_pass http://shown; }
            location /many { countersign_origin https://public.example https://*.example; proxy_pass http://shown; }
        """
        policy = {"trust": POLICY["trust"], "policies": {"default": {**POLICY["policies"]["default"], "origin": "https://api.example/base"}}}
        with World(server, policy=policy) as world:
            for target in ("/a", "/both", "/many"):
                for host in ("api.example", "public.example", "evil.invalid"):
                    self.assertEqual(self.ask(world, target, f"https://api.example/base{target}", host=host), (200,), (target, host))
                for uri in (f"https://api.example/base/outer{target}", f"https://public.example/outer{target}",
                            f"https://api.example{target}", f"https://public.example{target}"):
                    self.assertEqual(self.ask(world, target, uri, host="public.example"), (401, "proof_uri_mismatch"), uri)
            self.assertEqual(self.ask(world, "http://named.example/both", "https://api.example/base/both"), (200,))


class Slashes(unittest.TestCase):
    """merge_slashes chooses the location; a proof is compared with the target as the client sent it."""

    def test_as_sent(self):
        for merge in ("on", "off"):
            server = f"""
                merge_slashes {merge};
                countersign on; countersign_origin https://api.example;
                location /a/b {{ proxy_pass http://shown; }}
                location / {{ proxy_pass http://shown; }}
            """
            with World(server, policy=WITHOUT_ORIGIN) as world:
                token = world.key.token(bound=world.client)
                for target in ("/a//b", "//a/b", "/a/b//", "//", "/a/%2e%2e//b"):
                    proof = world.proof(token, uri=f"https://api.example{target}")
                    answer = world.get(target, issuer.dpop(token, proof))
                    self.assertEqual((answer.status, f"uri={target} ".encode() in answer.body), (200, True), (merge, target, answer))
                    proof = world.proof(token, uri="https://api.example" + target.replace("//", "/"))
                    self.assertEqual(world.get(target, issuer.dpop(token, proof)).status, 401, (merge, target))

    def test_behind_another_proxy(self):
        """A proxy in front passes the target on as it came where its proxy_pass has no path; else it sends a path of its own."""
        http = """
            countersign_zone main:256k;
            countersign_policy_file {folder}/policy.json;
            access_log off;
            upstream shown { server unix:{folder}/shown.sock; }
            upstream inner { server unix:{folder}/inner.sock; }
            server {
                listen 127.0.0.1:{port};
                proxy_set_header Host $host;
                location / { proxy_pass http://inner; }
                location /path/ { proxy_pass http://inner/path/; }
            }
            server { listen unix:{folder}/inner.sock; {server} }
        """
        server = "countersign on; countersign_origin https://api.example; location / { proxy_pass http://shown; }"
        with World(server, policy=WITHOUT_ORIGIN, http=http) as world:
            token = world.key.token(bound=world.client)
            for target, status in (("/a//b", 200), ("/a%2fb", 200), ("/path/a//b", 401)):
                proof = world.proof(token, uri=f"https://api.example{target}")
                self.assertEqual(world.get(target, issuer.dpop(token, proof)).status, status, target)


if __name__ == "__main__":
    unittest.main()
