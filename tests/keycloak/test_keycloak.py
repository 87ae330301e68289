"""Tokens of a real Keycloak through the command, nginx and both builds of the filter for Envoy."""

import json
import os
import subprocess
import time
import unittest

import gates
import server
from server import AUDIENCE


def policy(issuer):
    """What an operator writes for this realm: each kind of token is one route."""
    jwt = {"kind": "jwt", "issuer": issuer, "algorithms": ["RS256", "ES256"]}
    common = {"audience": [AUDIENCE], "origin": AUDIENCE, "attributes": {"roles": "/realm_access/roles", "client": "/azp"}}
    return {
        "trust": [{"issuer": issuer, "jwks_file": "realm.json"}],
        "policies": {"default": {**common, "accept": [jwt, {"kind": "at+jwt", "issuer": issuer}]}},
    }


KEYCLOAK = server.Keycloak()


def setUpModule():
    unittest.enterModuleContext(KEYCLOAK)


class Tokens(unittest.TestCase):
    """Every test asks all gates: they run side by side."""

    keycloak = KEYCLOAK

    @classmethod
    def setUpClass(cls):
        # Keycloak makes a key of another type when a client first needs it, so this comes before the JWK set is handed out.
        cls.es256 = cls.keycloak.token("es256")
        documents = {"realm.json": cls.keycloak.keys()}
        cls.gates = [cls.enterClassContext(kind(policy(cls.keycloak.issuer), documents)) for kind in gates.ALL]
        # A store of proofs begins with its host, and what may be from before it is refused.
        time.sleep(1.1)
        for gate in cls.gates:
            # A filter that fetches its keys has none for a moment.
            gates.until(f"{gate.name} has its keys", lambda gate=gate: cls.accepts(gate))

    @classmethod
    def accepts(cls, gate):
        return gate.ask([("Authorization", f"Bearer {cls.keycloak.token('bearer')}")]).status == 200

    def ask_all(self, expected, headers, **options):
        """Asks every gate; `headers` may be made for each, since a proof is good once."""
        for gate in self.gates:
            with self.subTest(gate.name):
                fields = headers() if callable(headers) else headers
                answer = gate.ask(fields, **options)
                found = (answer.status, *(answer.facts.get(name) for name in list(expected)[1:]))
                self.assertEqual(found, tuple(expected.values()), answer)

    def bearer(self, token):
        return [("Authorization", f"Bearer {token}")]

    def test_bearer(self):
        token = self.keycloak.token("bearer")
        header, claims = server.claims(token)
        self.assertEqual((header["typ"], header["alg"], claims["typ"]), ("JWT", "RS256", "Bearer"))
        self.ask_all({"status": 200, "subject": claims["sub"], "issuer": self.keycloak.issuer, "kind": "jwt", "binding": "none",
                      "key_id": header["kid"], "scope": claims["scope"]}, self.bearer(token))

    def test_another_algorithm(self):
        self.assertEqual(server.claims(self.es256)[0]["alg"], "ES256")
        self.ask_all({"status": 200, "kind": "jwt", "subject": server.claims(self.es256)[1]["sub"]}, self.bearer(self.es256))

    def test_roles_and_client_are_attributes(self):
        token = self.keycloak.token("bearer")
        self.ask_all({"status": 200, "client": "bearer"}, self.bearer(token))
        self.assertEqual(server.claims(token)[1]["realm_access"]["roles"], ["orders-reader"])
        for gate in self.gates:
            with self.subTest(gate.name):
                roles = gate.ask(self.bearer(token)).facts["roles"]
                self.assertEqual(json.loads(roles) if isinstance(roles, str) else roles, ["orders-reader"])

    def test_the_switch_for_rfc_9068(self):
        token = self.keycloak.token("at-jwt")
        header, claims = server.claims(token)
        self.assertEqual(header["typ"], "at+jwt")
        self.ask_all({"status": 200, "kind": "at+jwt", "subject": claims["sub"]}, self.bearer(token))

    def test_without_our_audience(self):
        token = self.keycloak.token("elsewhere")
        self.assertEqual(server.claims(token)[1]["aud"], "account")
        self.ask_all({"status": 401, "reason": "audience_mismatch"}, self.bearer(token))

    def test_a_changed_token(self):
        head, claims, signature = self.keycloak.token("bearer").split(".")
        changed = {**server.claims(f"{head}.{claims}.")[1], "azp": "admin"}
        forged = f"{head}.{server.encode(json.dumps(changed).encode())}.{signature}"
        self.ask_all({"status": 401, "reason": "signature_invalid"}, self.bearer(forged))

    def test_a_token_of_another_realm(self):
        token = self.keycloak.token("bearer", realm=server.OTHER_REALM)
        self.ask_all({"status": 401, "reason": "issuer_unknown"}, self.bearer(token))

    def test_dpop(self):
        key, thief = server.ProofKey(), server.ProofKey()
        token = self.keycloak.token("dpop", key=key)
        claims = server.claims(token)[1]
        # Keycloak says in `cnf` what sort of key it is; members that are not understood are ignored (RFC 7800 §3.1).
        self.assertEqual(claims["cnf"], {"jkt": key.thumbprint, "kc-jkt-type": "DPoP"})

        def proven(by=key, uri=f"{AUDIENCE}/orders", **options):
            return [("Authorization", f"DPoP {token}"), ("DPoP", by.proof("GET", uri, token, ahead=5, **options))]

        self.ask_all({"status": 200, "binding": "dpop", "subject": claims["sub"]}, proven, path="/orders")
        self.ask_all({"status": 401, "reason": "proof_missing"}, self.bearer(token), path="/orders")
        self.ask_all({"status": 401, "reason": "proof_key_mismatch"}, lambda: proven(thief), path="/orders")
        self.ask_all({"status": 401, "reason": "proof_uri_mismatch"}, lambda: proven(uri=f"{AUDIENCE}/other"), path="/orders")
        for gate in self.gates:
            with self.subTest(gate.name):
                once = proven()
                self.assertEqual(gate.ask(once, path="/orders").status, 200)
                second = gate.ask(once, path="/orders")
                self.assertEqual((second.status, second.reason), (401, "proof_replayed"))

    def test_bound_to_a_certificate(self):
        own, thief = self.keycloak.certificate("client"), self.keycloak.certificate("thief")
        token = self.keycloak.token("certificate", certificate=own)
        claims = server.claims(token)[1]
        self.assertEqual(list(claims["cnf"]), ["x5t#S256"])
        bound = self.bearer(token)
        self.ask_all({"status": 200, "binding": "mtls", "subject": claims["sub"]}, bound, certificate=own)
        self.ask_all({"status": 401, "reason": "certificate_mismatch"}, bound, certificate=thief)
        self.ask_all({"status": 401, "reason": "certificate_missing"}, bound)


class Roles(unittest.TestCase):
    """The preset, with realm roles as the scope of a route."""

    def setUp(self):
        roles = {"preset": "keycloak", "audience": [AUDIENCE], "origin": AUDIENCE, "scope_from": "/realm_access/roles",
                 "scope": ["orders-reader"]}
        written = {**policy(KEYCLOAK.issuer), "policies": {"default": roles}}
        # The proxy-wasm filter has no presets, so every gate gets what the command writes; the first, which has them, the word as well.
        expanded = json.loads(subprocess.run([os.environ["COUNTERSIGN_COMMAND"], "policy", "expand"], input=json.dumps(written),
                                             capture_output=True, text=True, check=True).stdout)
        self.assertNotIn("preset", expanded["policies"]["default"])
        documents = {"realm.json": KEYCLOAK.keys()}
        self.gates = [self.enterContext(kind(expanded, documents)) for kind in gates.ALL]
        self.gates.append(self.enterContext(gates.ALL[0](written, documents)))
        for gate in self.gates:
            gates.until(f"{gate.name} has its keys", lambda gate=gate: self.ask(gate, "bearer").reason != "keys_stale")

    def ask(self, gate, client):
        return gate.ask([("Authorization", f"Bearer {KEYCLOAK.token(client)}")])

    def test_realm_roles_are_the_scope(self):
        self.assertEqual(server.claims(KEYCLOAK.token("bearer"))[1]["realm_access"]["roles"], ["orders-reader"])
        for client, status, reason in (("bearer", 200, None), ("reader-9068", 200, None), ("at-jwt", 403, "scope_insufficient")):
            for gate in self.gates:
                with self.subTest(gate.name, client=client):
                    answer = self.ask(gate, client)
                    self.assertEqual(answer.status, status, answer)
                    if reason:
                        self.assertEqual(answer.reason, reason)

    def test_an_id_token_is_none(self):
        token = KEYCLOAK.id_token()
        header, claims = server.claims(token)
        self.assertEqual((header["typ"], claims["typ"], AUDIENCE in claims["aud"]), ("JWT", "ID", True))
        for gate in self.gates:
            with self.subTest(gate.name):
                answer = gate.ask([("Authorization", f"Bearer {token}")])
                self.assertEqual((answer.status, answer.reason), (403, "claim_refused"))


class Rotation(unittest.TestCase):
    """A key of the realm is replaced; each gate takes over the new JWK set without a restart."""

    def test_a_new_key_and_the_end_of_the_old_one(self):
        for gate in gates.every(policy(KEYCLOAK.issuer), {"realm.json": KEYCLOAK.keys()}):
            with self.subTest(gate.name):
                self.rotate(KEYCLOAK, gate)

    def rotate(self, keycloak, gate):
        def ask(token):
            return gate.ask([("Authorization", f"Bearer {token}")])

        old = keycloak.token("bearer")
        gate.write("realm.json", keycloak.keys())
        gates.until("the first key", lambda: ask(old).status == 200)
        kid = keycloak.add_key(int(time.time()))
        new = keycloak.token("bearer")
        self.assertEqual(server.claims(new)[0]["kid"], kid)
        self.assertEqual(ask(new).reason, "key_unknown")
        gate.write("realm.json", keycloak.keys())
        gates.until("the new key is taken over", lambda: ask(new).status == 200)
        self.assertEqual(ask(old).status, 200)
        keycloak.remove_keys(kid)
        gate.write("realm.json", keycloak.keys())
        gates.until("the old key is gone", lambda: ask(old).reason == "key_unknown")
        self.assertEqual(ask(new).status, 200)


if __name__ == "__main__":
    unittest.main()
