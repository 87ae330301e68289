"""The configuration in examples/nginx, as it is and after each of its diffs."""

import base64
import json
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import client, issuer, place
from harness.world import World

EXAMPLE = place.ROOT / "examples/nginx"
# Paths and addresses of the example, and those of a test.
HERE = [
    ("listen              443 ssl;", "listen 127.0.0.1:{port} ssl;"),
    ("/var/lib/nginx/countersign.zone", "{folder}/countersign.zone"),
    ("/etc/nginx/countersign/policy.json", "{folder}/policy.json"),
    ("/etc/nginx/tls/", "{folder}/"),
    ("server 127.0.0.1:8080;", "server unix:{folder}/shown.sock;"),
]


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.TemporaryDirectory(prefix="countersign-examples-")
        cls.folder = Path(cls.made.name)
        cls.files = {name: tuple(str(cls.folder / f"{name}.{kind}") for kind in ("pem", "key")) for name in ("server", "client")}
        for name, (certificate, key) in cls.files.items():
            place.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-days", "30", "-subj", f"/CN={name}", "-keyout", key, "-out", certificate)
        lines = Path(cls.files["client"][0]).read_text().split("-----")[2]
        cls.certificate = base64.b64decode(lines)

    @classmethod
    def tearDownClass(cls):
        cls.made.cleanup()

    def after(self, *diffs):
        """A running nginx with the example after these diffs."""
        folder = self.folder / "-".join(["example", *diffs])
        shutil.copytree(EXAMPLE, folder)
        for name in diffs:
            with open(folder / f"{name}.diff") as diff:
                done = subprocess.run(["patch", "-p1", "--fuzz=0"], cwd=folder, stdin=diff, capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, "offset" in done.stdout), (0, False), done.stdout + done.stderr)
        text = (folder / "nginx.conf").read_text()
        for written, here in HERE:
            self.assertIn(written, text)
            text = text.replace(written, here)
        world = World("", http=text.split("http {", 1)[1].rsplit("}", 1)[0], policy=json.loads((folder / "policy.json").read_text()))
        for kind, path in zip(("pem", "key"), self.files["server"]):
            world.nginx.write(f"server.{kind}", Path(path).read_text())
        passes, said = world.nginx.test()
        self.assertTrue(passes, said)
        self.assertNotIn("[warn]", said)
        return world

    def ask(self, world, headers=(), name=None):
        tls = client.tls(*(self.files[name] if name else ()))
        return world.get("/orders", list(headers), tls=tls).status

    def proven(self, world):
        token = world.key.token(bound=world.client)
        return issuer.dpop(token, world.proof(token, uri="https://api.example/orders"))

    def test_bearer(self):
        with self.after() as world:
            self.assertEqual(self.ask(world, [world.bearer()]), 200)
            self.assertEqual(self.ask(world), 401)
            self.assertEqual(self.ask(world, self.proven(world)), 200)

    def test_dpop(self):
        with self.after("dpop") as world:
            self.assertEqual(self.ask(world, [world.bearer()]), 401)
            proven = self.proven(world)
            self.assertEqual([self.ask(world, proven) for _ in range(2)], [200, 401])
            answer = world.get("/orders", proven, tls=client.tls())
            self.assertEqual(answer.one("access-control-expose-headers"), "DPoP-Nonce, WWW-Authenticate")

    def test_mtls(self):
        with self.after("dpop", "mtls") as world:
            bound = issuer.bearer(world.key.token(certificate=self.certificate))
            self.assertEqual(self.ask(world, [bound], "client"), 200)
            self.assertEqual(self.ask(world, [bound]), 401)
            self.assertEqual(self.ask(world, [world.bearer()]), 401)
            self.assertEqual(self.ask(world, self.proven(world)), 200)
