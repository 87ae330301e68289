"""JWT-SVIDs of a real SPIRE agent, judged by bundles of every form, through a rotation, in every host."""

import base64
import contextlib
import json
import time
import unittest

import gates
import spire

DOMAIN, OTHER = "example.org", "partner.example"
AUDIENCE = "https://api.example"
FOLLOWS = 15  # seconds that a gate may take until it has a new document: the filter that fetches asks each second
SUBJECT = f"spiffe://{DOMAIN}/ns/prod/sa/web"

HOME, PARTNER = spire.Spire(DOMAIN), spire.Spire(OTHER)


def setUpModule():
    for server in (HOME, PARTNER):
        unittest.enterModuleContext(server)
    HOME.call("bundle", "set", "-format", "spiffe", "-id", f"spiffe://{OTHER}", input=PARTNER.bundle())
    node = HOME.start_agent()
    HOME.register(node, "/ns/prod/sa/web", "-federatesWith", f"spiffe://{OTHER}")
    # The agent learns of the entry when it asks its server the next time.
    gates.until("the agent has the entry", lambda: try_fetch() == {DOMAIN, OTHER}, 60)


def try_fetch():
    try:
        return set(HOME.fetch(AUDIENCE)[1])
    except AssertionError:
        return set()


def documents():
    """The keys of the trust domains in every form, as SPIRE has them now; spiffe-helper writes what the Workload API hands out."""
    _, sets = HOME.fetch(AUDIENCE)
    maps = {DOMAIN: json.loads(HOME.bundle()), OTHER: json.loads(PARTNER.bundle())}
    return {
        "bundle.json": HOME.served_bundle(),
        "jwks.json": base64.b64decode(sets[DOMAIN]).decode(),
        "helper.json": json.dumps(sets, separators=(",", ":")),
        "map.json": json.dumps({"trust_domains": maps}),
    }


def policy(*entries):
    accept = [{"kind": "jwt-svid", "subjects": [f"spiffe://{DOMAIN}/ns/*/sa/web", f"spiffe://{OTHER}/**"]}]
    return {"trust": list(entries), "policies": {"default": {"accept": accept, "audience": [AUDIENCE]}}}


BUNDLE = {"trust_domain": DOMAIN, "bundle_file": "bundle.json"}
JWK_SET = {"trust_domain": DOMAIN, "jwks_file": "jwks.json"}
HELPER = {"trust_domains": [DOMAIN, OTHER], "bundle_map_file": "helper.json", "format": "spiffe-helper"}
MAP = {"trust_domains": [DOMAIN, OTHER], "bundle_map_file": "map.json", "format": "spiffe"}


def ask(gate, token):
    return gate.ask([("Authorization", f"Bearer {token}")])


def change(token, **claims):
    """The token with other claims under the same signature."""
    head, said, signature = token.split(".")
    said = {**spire.parts(token)[1], **claims}
    return f"{head}.{base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b'=').decode()}.{signature}"


class Forms(unittest.TestCase):
    """Each form under its own setting, and under another one."""

    @classmethod
    def setUpClass(cls):
        cls.documents = documents()
        cls.svid, _ = HOME.fetch(AUDIENCE)
        cls.elsewhere, _ = HOME.fetch("https://elsewhere.example")
        cls.foreign = PARTNER.mint("/ns/prod/sa/api", AUDIENCE)

    def test_what_spire_hands_out(self):
        header, claims = spire.parts(self.svid)
        self.assertEqual((set(header), header["typ"], claims["sub"], claims["aud"]), ({"alg", "kid", "typ"}, "JWT", SUBJECT, [AUDIENCE]))
        uses = lambda name: [key.get("use") for key in json.loads(self.documents[name])["keys"]]
        # The two documents that are both called a JWT bundle: one has `use`, the other has not.
        self.assertEqual(sorted(uses("bundle.json")), ["jwt-svid", "x509-svid"])
        self.assertEqual(uses("jwks.json"), [None])
        self.assertEqual(json.loads(self.documents["bundle.json"])["keys"], json.loads(HOME.bundle())["keys"])
        self.assertEqual(set(json.loads(self.documents["helper.json"])), {DOMAIN, OTHER})

    def check(self, gate, has_partner):
        gates.until("the keys are there", lambda: ask(gate, self.svid).status == 200)
        accepted = ask(gate, self.svid)
        self.assertEqual([accepted.facts[name] for name in ("subject", "issuer", "kind")], [SUBJECT, DOMAIN, "jwt-svid"])
        foreign = ask(gate, self.foreign)
        expected = (200, None) if has_partner else (401, "trust_domain_unknown")
        self.assertEqual((foreign.status, foreign.reason), expected)
        for token, reason in (
            (self.elsewhere, "audience_mismatch"),
            (change(self.svid, sub=f"spiffe://{DOMAIN}/ns/admin/sa/web"), "signature_invalid"),
            # A key of one trust domain signs nothing for another.
            (change(self.svid, sub=f"spiffe://{OTHER}/ns/prod/sa/web"), "key_unknown" if has_partner else "trust_domain_unknown"),
        ):
            refused = ask(gate, token)
            self.assertEqual((refused.status, refused.reason), (401, reason))

    def check_all(self, entry):
        has_partner = "trust_domains" in entry
        for gate in gates.every(policy(entry), self.documents):
            with self.subTest(gate.name):
                self.check(gate, has_partner)

    def test_a_spiffe_bundle_of_the_endpoint(self):
        self.check_all(BUNDLE)

    def test_a_jwk_set_of_the_workload_api(self):
        self.check_all(JWK_SET)

    def test_the_file_of_spiffe_helper(self):
        self.check_all(HELPER)

    def test_a_spiffe_bundle_map(self):
        self.check_all(MAP)

    def test_a_document_under_the_setting_of_another_form(self):
        jwks = {**JWK_SET, "jwks_file": "bundle.json"}
        for entry, reason, told in (
            ({**BUNDLE, "bundle_file": "jwks.json"}, "key_unknown", "it looks like a JWK set"),
            ({**BUNDLE, "bundle_file": "helper.json"}, "keys_stale", "a bundle map of spiffe-helper where the policy says a SPIFFE bundle"),
            ({**BUNDLE, "bundle_file": "map.json"}, "keys_stale", "a SPIFFE bundle map where the policy says a SPIFFE bundle"),
            ({**MAP, "bundle_map_file": "helper.json"}, "keys_stale", "a bundle map of spiffe-helper where the policy says a SPIFFE bundle map"),
            ({**HELPER, "bundle_map_file": "map.json"}, "keys_stale", "a SPIFFE bundle map where the policy says a bundle map of spiffe-helper"),
            ({**HELPER, "bundle_map_file": "jwks.json"}, "keys_stale", "a JWK set where the policy says a bundle map of spiffe-helper"),
            (jwks, None, "it looks like a SPIFFE bundle"),
        ):
            for kind in (gates.Command, gates.Nginx, gates.EnvoyModule):
                with self.subTest(entry=entry, gate=kind.name), kind(policy(entry), self.documents) as gate:
                    answer = ask(gate, self.svid)
                    self.assertEqual((answer.status == 200, answer.reason), (reason is None, reason))
                    gates.until(f"the log says: {told}", lambda gate=gate, told=told: told in gate.log())


class Rotation(unittest.TestCase):
    """`localauthority jwt` prepare, activate, taint, revoke: no gate is restarted, and no token is refused before its key is revoked."""

    def test_a_new_authority(self):
        started = documents()
        kinds = [
            *((kind, BUNDLE) for kind in gates.ALL), (gates.Command, JWK_SET), (gates.Nginx, JWK_SET), (gates.EnvoyWasm, JWK_SET),
            (gates.EnvoyModule, HELPER), (gates.Nginx, HELPER), (gates.Command, MAP)]
        with contextlib.ExitStack() as stack:
            self.rotate([stack.enter_context(kind(policy(entry), started)) for kind, entry in kinds])

    def rotate(self, all_gates):
        old, _ = HOME.fetch(AUDIENCE, "before")
        old_kid = spire.parts(old)[0]["kid"]
        self.assertEqual(HOME.authorities()["active"], old_kid)
        self.all_say(all_gates, old, 200)

        HOME.change_authority("prepare")
        new_kid = HOME.authorities()["prepared"]
        self.hand_out(all_gates, {old_kid, new_kid})
        HOME.change_authority("activate", new_kid)
        new, _ = HOME.fetch(AUDIENCE, "activated")
        self.assertEqual(spire.parts(new)[0]["kid"], new_kid)
        # The prepared key was handed out before it signed: its first token passes, and those of the old key still do.
        self.all_say(all_gates, new, 200)
        self.all_say(all_gates, old, 200)

        HOME.change_authority("taint", old_kid)
        HOME.change_authority("revoke", old_kid)
        self.hand_out(all_gates, {new_kid})
        self.all_say(all_gates, old, 401, "key_unknown")
        self.all_say(all_gates, new, 200)

    def all_say(self, all_gates, token, status, reason=None):
        for gate in all_gates:
            with self.subTest(gate.name, trust=gate.policy["trust"]):
                answer = ask(gate, token)
                end = time.monotonic() + FOLLOWS
                while answer.status != status and time.monotonic() < end:
                    answer = ask(gate, token)
                self.assertEqual((answer.status, answer.reason), (status, reason))

    def hand_out(self, all_gates, kids):
        """Replaces every document, as soon as server and agent have just these authorities."""
        def is_current():
            _, sets = HOME.fetch(AUDIENCE, "bundles")
            of_agent = {key["kid"] for key in json.loads(base64.b64decode(sets[DOMAIN]))["keys"]}
            of_endpoint = {key["kid"] for key in json.loads(HOME.served_bundle())["keys"] if key["use"] == "jwt-svid"}
            return of_agent == of_endpoint == kids

        gates.until("server and agent have the authorities", is_current, 60)
        current = documents()
        for gate in all_gates:
            for name, text in current.items():
                gate.write(name, text)


if __name__ == "__main__":
    unittest.main()
