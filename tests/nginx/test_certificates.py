"""Client certificates: of the TLS connection, and from a header field of a trusted hop only."""

import base64
import tempfile
import unittest
import urllib.parse
from pathlib import Path

from harness import client, issuer, place
from harness.world import World

SERVER = """
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;
    ssl_verify_client optional_no_ca;
    countersign on;
    countersign_set_header X-User subject;
    countersign_set_header X-Binding binding;
    location / { proxy_pass http://shown; }
"""

HOPS = """
    countersign on;
    countersign_set_header X-User subject;
    countersign_set_header X-Binding binding;
    location / { countersign_certificate_header Client-Cert from=127.0.0.1; proxy_pass http://shown; }
    location /far { countersign_certificate_header Client-Cert from=192.0.2.0/24; proxy_pass http://shown/sees; }
    location /real { set_real_ip_from 127.0.0.1; real_ip_header X-Real-Address; proxy_pass http://shown;
        countersign_certificate_header Client-Cert from=192.0.2.0/24; }
    location /near { set_real_ip_from 127.0.0.1; real_ip_header X-Real-Address; proxy_pass http://shown;
        countersign_certificate_header Client-Cert from=127.0.0.1; }
    location /none { proxy_pass http://shown; }
"""


class Certificates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="countersign-certificates-")
        cls.files, cls.der = {}, {}
        for name in ("server", "client", "thief"):
            key, certificate = (f"{cls.folder.name}/{name}.{kind}" for kind in ("key", "pem"))
            place.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-days", "30", "-subj", f"/CN={name}", "-keyout", key, "-out", certificate)
            lines = Path(certificate).read_text().split("-----")[2]
            cls.files[name], cls.der[name] = (certificate, key), base64.b64decode(lines)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_of_the_connection(self):
        for listen in (" ssl", " ssl http2"):
            with self.subTest(listen), self.world(listen) as world:
                bound = world.key.token(certificate=self.der["client"])
                if "http2" in listen:
                    self.check_curl(world, bound)
                    continue
                own, other = client.tls(*self.files["client"]), client.tls(*self.files["thief"])
                for tls, status in ((own, 200), (other, 401), (client.tls(), 401)):
                    answer = world.get("/", [issuer.bearer(bound)], tls=tls)
                    self.assertEqual(answer.status, status, answer)
                    self.assertEqual(b"binding=mtls" in answer.body, status == 200)
                    self.assertEqual(world.get("/", [world.bearer()], tls=tls).status, 200)
                # Many requests on one connection, one certificate.
                for tls, status in ((own, 200), (other, 401)):
                    with client.Client(world.nginx.address, tls) as connection:
                        for _ in range(20):
                            headers = [("Host", "api.example"), issuer.bearer(bound)]
                            self.assertEqual(connection.ask("GET", "/", headers).status, status)
                # A resumed session has the certificate of the first one, or none: never another's.
                with client.Client(world.nginx.address, own) as first:
                    headers = [("Host", "api.example"), issuer.bearer(bound)]
                    self.assertEqual(first.ask("GET", "/", headers).status, 200)
                # Both at once.
                both = world.key.token(certificate=self.der["client"], bound=world.client)
                proof = world.proof(both)
                self.assertEqual(world.get("/", issuer.dpop(both, proof), tls=other).status, 401)
                self.assertEqual(world.get("/", issuer.dpop(both, proof), tls=own).body.split()[1], b"binding=dpop+mtls")
                # A header field that names the certificate is nothing.
                header = ("Client-Cert", ":" + base64.b64encode(self.der["client"]).decode() + ":")
                self.assertEqual(world.get("/", [issuer.bearer(bound), header], tls=other).status, 401)

    def check_curl(self, world, bound):
        url = f"https://127.0.0.1:{world.nginx.port}/"
        for name, status in (("client", "200"), ("thief", "401")):
            certificate, key = self.files[name]
            told = place.run("curl", "-sSki", "--http2", "--cert", certificate, "--key", key, "-H", "Host: api.example",
                             "-H", f"Authorization: Bearer {bound}", url, url)
            self.assertEqual(told.count(f"HTTP/2 {status}"), 2, told)

    def world(self, listen):
        world = World(SERVER, listen=listen)
        certificate, key = self.files["server"]
        world.nginx.write("server.pem", Path(certificate).read_text())
        world.nginx.write("server.key", Path(key).read_text())
        return world

    def test_of_a_hop(self):
        base64_text = base64.b64encode(self.der["client"]).decode()
        pem = Path(self.files["client"][0]).read_text()
        forms = [f":{base64_text}:", urllib.parse.quote(pem, safe=""), urllib.parse.quote(pem.rstrip("\n"))]
        broken = [base64_text, f":{base64_text}", "::", ":****:", urllib.parse.quote(pem[:-20]), urllib.parse.quote(pem + pem),
                  urllib.parse.quote("x" + pem), ":" + base64.b64encode(self.der["thief"]).decode() + ":", "%", ":" * 3, "-" * 60]
        with World(HOPS) as world:
            bound = issuer.bearer(world.key.token(certificate=self.der["client"]))
            for form in forms:
                answer = world.get("/", [bound, ("Client-Cert", form)])
                self.assertEqual((answer.status, b"binding=mtls" in answer.body), (200, True), form)
                self.assertEqual(world.get("/far", [bound, ("Client-Cert", form)]).status, 401)
                self.assertEqual(world.get("/none", [bound, ("Client-Cert", form)]).status, 401)
                # Judged by who is connected, not by whom he says he speaks for.
                real = ("X-Real-Address", "192.0.2.7")
                self.assertEqual(world.get("/real", [bound, ("Client-Cert", form), real]).status, 401)
                self.assertEqual(world.get("/near", [bound, ("Client-Cert", form), real]).status, 200)
            for form in broken:
                self.assertEqual(world.get("/", [bound, ("Client-Cert", form)]).status, 401, form)
            twice = [("Client-Cert", forms[0]), ("client-cert", forms[0])]
            self.assertEqual(world.get("/", [bound, *twice]).status, 401)
            self.assertEqual(world.get("/", [bound]).status, 401)

    def test_of_several_hops(self):
        """Hops are joined to those inherited; which header counts is never a matter of order."""
        server = """
            countersign on;
            underscores_in_headers on;
            countersign_set_header X-Binding binding;
            countersign_certificate_header Client-Cert from=127.0.0.1;
            location / { proxy_pass http://shown; }
            location /both { countersign_certificate_header Hop-Cert from=127.0.0.1; proxy_pass http://shown; }
            location /other { countersign_certificate_header Hop-Cert from=192.0.2.1; proxy_pass http://shown; }
            location /none { countersign_certificate_header Client-Cert from=192.0.2.1; proxy_pass http://shown; }
            location /moved { countersign off; countersign_certificate_header Client-Cert from=192.0.2.1; try_files /absent /; }
            location /shut { try_files /absent /none; }
            location /page { error_page 404 /; return 404; }
        """
        form = f":{base64.b64encode(self.der['client']).decode()}:"
        client_cert, hop_cert, thief = ("Client-Cert", form), ("Hop-Cert", form), ("Client-Cert", ":MTIz:")
        with World(server) as world:
            bound = issuer.bearer(world.key.token(certificate=self.der["client"]))
            for target, sent, status in [
                ("/", [client_cert], 200),
                ("/", [hop_cert], 401),
                ("/", [thief], 401),
                ("/", [client_cert, ("client_cert", "x")], 200),
                ("/", [("Client_Cert", form)], 401),
                ("/both", [client_cert], 200),
                ("/both", [hop_cert], 200),
                ("/both", [client_cert, hop_cert], 401),
                ("/both", [thief, hop_cert], 401),
                ("/other", [client_cert], 200),
                ("/other", [hop_cert], 401),
                ("/other", [client_cert, hop_cert], 200),
                ("/none", [client_cert], 401),
                ("/moved", [client_cert], 200),
                ("/moved", [thief], 401),
                # One policy, two places: what one of them takes for the certificate is not what the other one does.
                ("/shut", [client_cert], 401),
                ("/page", [client_cert], 404),
            ]:
                with self.subTest((target, sent)):
                    answer = world.get(target, [bound, *sent])
                    self.assertEqual(answer.status, status, answer)
                    self.assertEqual(b"binding=mtls" in answer.body, status != 401)


if __name__ == "__main__":
    unittest.main()
