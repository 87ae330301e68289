"""Tokens that are bound to the certificate of a TLS connection, on real TLS."""

import hashlib
import ssl
import tempfile
import unittest
from pathlib import Path

from harness import client, issuer, place, server
from harness.world import World


class Certificates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="countersign-tls-")
        folder = Path(cls.folder.name)
        for name in ("authority", "server", "client", "other"):
            cls.make(folder, name)
        cls.path = lambda _, name: str(folder / name)
        tls = {"common_tls_context": {
            "tls_certificates": [{"certificate_chain": {"filename": str(folder / "server.crt")},
                                  "private_key": {"filename": str(folder / "server.key")}}],
            "validation_context": {"trusted_ca": {"filename": str(folder / "authority.crt")}}}}
        cls.world = World(tls=tls)
        forwarded = server.free_port()
        settings = {**cls.world.settings, "certificate": "x-forwarded-client-cert"}
        cls.world.envoy.listeners.append(server.listener(
            "hop", forwarded, [server.countersign(settings)], forward_client_cert_details="ALWAYS_FORWARD_ONLY"))
        never = server.free_port()
        cls.world.envoy.listeners.append(server.listener(
            "never", never, [server.countersign({**cls.world.settings, "certificate": False})], tls=tls))
        cls.forwarded, cls.never = forwarded, never
        cls.world.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.world.__exit__(None, None, None)
        cls.folder.cleanup()

    @staticmethod
    def make(folder, name):
        key, request, made = folder / f"{name}.key", folder / f"{name}.csr", folder / f"{name}.crt"
        new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", key)
        if name == "authority":
            place.run("openssl", "req", "-x509", *new, "-days", "2", "-out", made)
            return
        place.run("openssl", "req", *new, "-out", request)
        place.run("openssl", "x509", "-req", "-in", request, "-CA", folder / "authority.crt", "-CAkey", folder / "authority.key",
                  "-CAcreateserial", "-days", "2", "-out", made)

    def der(self, name):
        return ssl.PEM_cert_to_DER_cert(Path(self.path(f"{name}.crt")).read_text())

    def ask(self, name, headers, port=None):
        tls = client.tls(*([self.path(f"{name}.crt"), self.path(f"{name}.key")] if name else []))
        return self.world.get(headers=headers, tls=tls, port=port)

    def test_the_certificate_of_the_connection_is_the_bound_one(self):
        bound = issuer.bearer(self.world.key.token(certificate=self.der("client")))
        got = self.ask("client", [bound, ("X-Binding", "dpop")])
        self.assertEqual((got.status, got.one("x-seen-binding"), got.one("x-binding")), (200, "mtls", "mtls"))
        self.assertEqual(self.ask("other", [bound]).one("x-details"), "certificate_mismatch")
        self.assertEqual(self.ask(None, [bound]).one("x-details"), "certificate_missing")
        hash_of = hashlib.sha256(self.der("client")).hexdigest()
        got = self.ask(None, [bound, ("X-Forwarded-Client-Cert", f"Hash={hash_of}")])
        self.assertEqual(got.one("x-details"), "certificate_missing")

    def test_a_setting_turns_it_off(self):
        bound = issuer.bearer(self.world.key.token(certificate=self.der("client")))
        self.assertEqual(self.ask("client", [bound], self.never).one("x-details"), "certificate_missing")

    def test_both_bindings_at_once(self):
        token = self.world.key.token(certificate=self.der("client"), bound=self.world.client)
        got = self.ask("client", self.world.proven(token))
        self.assertEqual((got.status, got.one("x-binding")), (200, "dpop+mtls"))
        self.assertEqual(self.ask("other", self.world.proven(token)).one("x-details"), "certificate_mismatch")

    def test_a_hop_may_tell_the_certificate(self):
        bound = issuer.bearer(self.world.key.token(certificate=self.der("client")))
        digest = hashlib.sha256(self.der("client")).hexdigest()
        for value, details in [
            (f"Hash={digest}", None),
            (f'By=spiffe://a/b;Hash={digest};Subject="CN=a,O=b;Hash=c"', None),
            (f"Hash={digest},Hash={digest}", "certificate_missing"),
            (f"Hash={'0' * 64}", "certificate_mismatch"),
            (f'Subject="Hash={digest}"', "certificate_missing"),
        ]:
            got = self.world.get(headers=[bound, ("X-Forwarded-Client-Cert", value)], port=self.forwarded)
            self.assertEqual(got.one("x-details"), details, value)


if __name__ == "__main__":
    unittest.main()
