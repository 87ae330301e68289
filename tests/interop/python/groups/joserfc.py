"""Tokens and DPoP proofs of PyPI `joserfc`, and each of them with one thing changed."""

import functools
import json
import uuid
import warnings

from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

import base64url
from corpus import Corpus, bearer, dpop
from world import NOW, WORLD, policy_document

CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
SVID = {"sub": WORLD["subject"], "aud": WORLD["audience"], "iat": NOW - 10, "exp": NOW + 300}
ACCESS_TOKEN = {
    **SVID,
    "iss": WORLD["issuer"],
    "sub": "alice",
    "client_id": "shop",
    "jti": "at-1",
    "scope": "orders:read",
}
KINDS = {"jwt-svid": ("svid", "JWT", SVID), "at+jwt": ("access_token", "at+jwt", ACCESS_TOKEN)}


def generate(root):
    # The library warns that RFC 9864 deprecates EdDSA; both of its names are in the corpus on purpose.
    warnings.simplefilter("ignore", SecurityWarning)
    signers = {alg: Signer(alg) for alg in WORLD["algorithms"]}
    svid = [signers[alg].entry("jwt-svid") for alg in WORLD["svid_algorithms"]]
    trust = [
        {
            "trust_domain": WORLD["trust_domain"],
            "bundle": {"keys": svid, "spiffe_sequence": 1, "spiffe_refresh_hint": 300},
        },
        {"issuer": WORLD["issuer"], "jwks": {"keys": [signer.entry("sig") for signer in signers.values()]}},
    ]
    corpus = Corpus(root, "joserfc", policy_document(trust))
    for alg in WORLD["svid_algorithms"]:
        tokens(corpus, "jwt-svid", signers[alg])
    for alg in WORLD["algorithms"]:
        tokens(corpus, "at+jwt", signers[alg])
        proofs(corpus, signers["ES256"], Signer(alg))
    corpus.write()


class Signer:
    """A key with the one algorithm that it signs under."""

    def __init__(self, alg):
        self.alg = alg
        self.kid = alg.lower()
        if alg in CURVES:
            self.key = ECKey.generate_key(CURVES[alg])
        elif alg.startswith("Ed"):
            self.key = OKPKey.generate_key("Ed25519")
        else:
            self.key = RSAKey.generate_key(2048)
        self.jwk = self.key.as_dict(private=False)
        self.jwk.pop("kid", None)

    def entry(self, use):
        return {**self.jwk, "kid": self.kid, "alg": self.alg, "use": use}

    def sign(self, header, claims, key=None):
        """`None` leaves a header parameter or claim out."""
        header, claims = ({k: v for k, v in part.items() if v is not None} for part in (header, claims))
        registry = jws.JWSRegistry(algorithms=[header["alg"]], strict_check_header=False)
        return jws.serialize_compact(header, json.dumps(claims), key or self.key, registry=registry)


@functools.cache
def stranger(alg):
    """A key that no policy trusts; one for each algorithm, because RSA keys take their time."""
    return Signer(alg)


def tokens(corpus, kind, signer):
    policy, typ, claims = KINDS[kind]

    def token(header=None, key=None, **change):
        return signer.sign(
            {"alg": signer.alg, "kid": signer.kid, "typ": typ, **(header or {})}, {**claims, **change}, key
        )

    def accept(name, why, made):
        corpus.accept(
            f"{kind}/{signer.alg}/{name}", why, {"policy": policy, "headers": bearer(made)}, kind, claims["sub"]
        )

    def refuse(name, reason, why, made):
        corpus.refuse(f"{kind}/{signer.alg}/{name}", reason, why, {"policy": policy, "headers": bearer(made)}, kind)

    accept("valid", "as the issuer made it", token())
    accept("one-of-two-audiences", "a list", token(aud=[WORLD["other_audience"], WORLD["audience"]]))
    refuse("expired", "token_expired", "an hour ago", token(exp=NOW - 3600))
    refuse("not-yet-valid", "token_not_yet_valid", "in an hour", token(nbf=NOW + 3600))
    refuse("audience-other", "audience_mismatch", "another service", token(aud=WORLD["other_audience"]))
    refuse("kid-unknown", "key_unknown", "no such key", token({"kid": "nobody"}))
    refuse("signature-flipped", "signature_invalid", "one bit", base64url.flip_bit(token()))
    refuse("key-other", "signature_invalid", "another key under the same kid", token(key=stranger(signer.alg).key))
    refuse("typ-other", "typ_not_accepted", "the type of a proof", token({"typ": "dpop+jwt"}))
    refuse("missing-aud", "claim_missing", "required", token(aud=None))
    refuse("missing-exp", "claim_missing", "required", token(exp=None))
    refuse("exp-text", "claim_invalid", "wrong type is never absent", token(exp=str(NOW + 300)))
    # The JWK's text, because the library knows a PEM when it sees one, and refuses.
    secret = OctKey.import_key(json.dumps(signer.jwk))
    refuse("hs256-jwk", "algorithm_refused", "the public key as an HMAC secret", token({"alg": "HS256"}, secret))
    if kind == "jwt-svid":
        refuse("subject", "subject_malformed", "no SPIFFE ID", token(sub="web"))
        refuse("trust-domain", "trust_domain_unknown", "no bundle", token(sub="spiffe://unknown.example/web"))
    else:
        refuse("issuer", "issuer_unknown", "no key set", token(iss="https://evil.example"))
        refuse("missing-client_id", "claim_missing", "RFC 9068 §2.2", token(client_id=None))


def proofs(corpus, authority, signer):
    cnf = {"jkt": signer.key.thumbprint()}
    header = {"alg": authority.alg, "kid": authority.kid, "typ": "at+jwt"}
    token = authority.sign(header, {**ACCESS_TOKEN, "cnf": cnf})

    def proof(header=None, key=None, **change):
        claims = {
            "jti": str(uuid.uuid4()),
            "htm": WORLD["method"],
            "htu": WORLD["uri"].split("?")[0],
            "iat": NOW,
            "ath": base64url.sha256(token.encode()),
        }
        own = {"alg": signer.alg, "typ": "dpop+jwt", "jwk": signer.jwk}
        return signer.sign({**own, **(header or {})}, {**claims, **change}, key)

    def ask(made):
        return {"policy": "access_token", "headers": dpop(token, made)}

    def refuse(name, reason, why, made):
        corpus.refuse(f"dpop/{signer.alg}/{name}", reason, why, ask(made), "at+jwt")

    good = proof()
    corpus.accept(f"dpop/{signer.alg}/valid", "as it should be", ask(good), "at+jwt")
    corpus.refuse(f"dpop/{signer.alg}/replayed", "proof_replayed", "sent again", ask(good))
    refuse("method", "proof_method_mismatch", "another method", proof(htm="POST"))
    refuse("uri", "proof_uri_mismatch", "another URI", proof(htu="https://api.example/other"))
    refuse("token", "proof_token_mismatch", "another token", proof(ath=base64url.sha256(b"another")))
    refuse("old", "proof_too_old", "an hour", proof(iat=NOW - 3600))
    refuse("early", "proof_not_yet_valid", "an hour", proof(iat=NOW + 3600))
    refuse("missing-ath", "proof_malformed", "required", proof(ath=None))
    refuse("typ", "proof_malformed", "not a proof", proof({"typ": "JWT"}))
    refuse("signature-flipped", "proof_signature_invalid", "one bit", base64url.flip_bit(proof()))
    refuse(
        "private-key", "proof_key_refused", "with its private part", proof({"jwk": signer.key.as_dict(private=True)})
    )
    other = stranger(signer.alg)
    refuse("key-other", "proof_key_mismatch", "another key than the bound one", proof({"jwk": other.jwk}, other.key))
    refuse("key-borrowed", "proof_signature_invalid", "the bound key shown, another used", proof(key=other.key))
