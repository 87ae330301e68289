"""Tokens of PyJWT bound to real certificates made with `cryptography` (RFC 8705)."""

import base64
import datetime
import json
import uuid

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from jwt.algorithms import ECAlgorithm

import base64url
from corpus import Corpus, bearer, dpop
from world import NOW, ROOT, WORLD, policy_document

ASKED = "at+jwt"


def generate(root):
    authority = ec.generate_private_key(ec.SECP256R1())
    jwk = {**public_jwk(authority), "kid": "as", "alg": "ES256", "use": "sig"}
    corpus = Corpus(root, "mtls", policy_document([{"issuer": WORLD["issuer"], "jwks": {"keys": [jwk]}}]))
    mint = Mint(authority)
    certificates(corpus, mint)
    wrong_confirmations(corpus, mint)
    both(corpus, mint)
    policies(corpus, mint)
    corpus.write()


class Mint:
    """Makes access tokens with a given `cnf`."""

    def __init__(self, key):
        self._key = key

    def __call__(self, cnf=None):
        claims = {
            "iss": WORLD["issuer"],
            "sub": "alice",
            "aud": WORLD["audience"],
            "client_id": "shop",
            "jti": str(uuid.uuid4()),
            "iat": NOW - 10,
            "exp": NOW + 300,
        }
        if cnf is not None:
            claims["cnf"] = cnf
        return jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": "as", "typ": "at+jwt"})


class Proof:
    """A client's DPoP key."""

    def __init__(self):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._jwk = public_jwk(self._key)
        required = {name: self._jwk[name] for name in ("crv", "kty", "x", "y")}
        self.thumbprint = base64url.sha256(json.dumps(required, separators=(",", ":")).encode())

    def __call__(self, token):
        claims = {
            "jti": str(uuid.uuid4()),
            "htm": WORLD["method"],
            "htu": WORLD["uri"].split("?")[0],
            "iat": NOW,
            "ath": base64url.sha256(token.encode()),
        }
        return jwt.encode(claims, self._key, algorithm="ES256", headers={"typ": "dpop+jwt", "jwk": self._jwk})


def public_jwk(key):
    return ECAlgorithm.to_jwk(key.public_key(), as_dict=True)


def make_certificate(key, name="shop"):
    """A self-signed client certificate. RFC 8705 §6.2: the binding needs no chain."""
    names = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.datetime.fromtimestamp(NOW - 86400, datetime.timezone.utc)
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(names)
        .issuer_name(names)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=30))
        .sign(key, digest)
    )
    return certificate.public_bytes(Encoding.DER)


def request(headers, der=None, policy="access_token"):
    made = {"policy": policy, "headers": headers}
    return made if der is None else {**made, "client_cert": base64.b64encode(der).decode()}


def bound_to(der):
    return {"x5t#S256": base64url.sha256(der)}


def certificates(corpus, mint):
    keys = {
        "p256": ec.generate_private_key(ec.SECP256R1()),
        "p384": ec.generate_private_key(ec.SECP384R1()),
        "rsa": rsa.generate_private_key(65537, 2048),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
    }
    stranger = make_certificate(ec.generate_private_key(ec.SECP256R1()))
    for name, key in keys.items():
        der = make_certificate(key)
        token = bearer(mint(bound_to(der)))
        corpus.accept(f"{name}/valid", "over the bound certificate", request(token, der), ASKED)
        corpus.refuse(f"{name}/none", "certificate_missing", "RFC 8705 §3: 401", request(token), ASKED)
        corpus.refuse(f"{name}/other", "certificate_mismatch", "another client", request(token, stranger), ASKED)
        corpus.refuse(
            f"{name}/renewed",
            "certificate_mismatch",
            "same key and name, next certificate",
            request(token, make_certificate(key)),
            ASKED,
        )
        corpus.refuse(
            f"{name}/trailing-byte", "certificate_mismatch", "not the same bytes", request(token, der + b"\0"), ASKED
        )
    corpus.accept(
        "unbound/with-certificate", "an unbound token over mutual TLS", request(bearer(mint()), stranger), ASKED
    )
    corpus.accept("unbound/without", "an unbound token", request(bearer(mint())), ASKED)

    pem = (ROOT / "rfc8705_certificate.pem").read_text()
    der = x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
    published = mint({"x5t#S256": "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"})
    corpus.accept(
        "rfc8705/appendix-a",
        "the published pair; the certificate's dates do not count here",
        request(bearer(published), der),
        ASKED,
    )
    corpus.refuse(
        "rfc8705/other", "certificate_mismatch", "another certificate", request(bearer(published), stranger), ASKED
    )


def wrong_confirmations(corpus, mint):
    """The certificate is the right one; what the token says about it is not."""
    der = make_certificate(ec.generate_private_key(ec.SECP256R1()))
    good = base64url.sha256(der)
    unusable = ["claim_invalid", "binding_unsupported"]  # which word fits a thumbprint that is none is left open
    cases = {
        "hex": ({"x5t#S256": base64url.decode(good).hex()}, unusable, "RFC 8705 §3.1: base64url"),
        "padded": ({"x5t#S256": good + "="}, unusable, "RFC 8705 §3.1: no padding"),
        "short": ({"x5t#S256": good[:-1]}, unusable, "not 32 bytes"),
        "empty": ({"x5t#S256": ""}, unusable, "not 32 bytes"),
        "number": ({"x5t#S256": 5}, unusable, "wrong type is never absent"),
        "null": ({"x5t#S256": None}, unusable, "wrong type is never absent"),
        "sha-1": ({"x5t": good[:27]}, "binding_unsupported", "SHA-1 is not the confirmation method"),
        "name-case": ({"x5t#s256": good}, "binding_unsupported", "names are case-sensitive"),
        "unknown": ({"urn:x": good}, "binding_unsupported", "no method that we can check"),
        "kid": ({"kid": "client"}, "binding_unsupported", "RFC 7800 §3.4 is not enforced here"),
        "text": (good, "claim_invalid", "RFC 7800 §3.1: an object"),
        "list": ([bound_to(der)], "claim_invalid", "RFC 7800 §3.1: an object"),
    }
    for name, (cnf, reason, why) in cases.items():
        corpus.refuse(f"cnf/{name}", reason, why, request(bearer(mint(cnf)), der), ASKED)


def both(corpus, mint):
    """Bound to a certificate and to a DPoP key: both are demanded."""
    der, other = (make_certificate(ec.generate_private_key(ec.SECP256R1())) for _ in range(2))
    proof, stranger = Proof(), Proof()
    token = mint({**bound_to(der), "jkt": proof.thumbprint})

    def refuse(name, reason, why, headers, certificate):
        corpus.refuse(f"both/{name}", reason, why, request(headers, certificate), ASKED)

    corpus.accept("both/valid", "both shown", request(dpop(token, proof(token)), der), ASKED)
    refuse("other-certificate", "certificate_mismatch", "the proof alone is right", dpop(token, proof(token)), other)
    refuse("no-certificate", "certificate_missing", "the proof alone", dpop(token, proof(token)), None)
    refuse("other-key", "proof_key_mismatch", "the certificate alone is right", dpop(token, stranger(token)), der)
    refuse("no-proof", "proof_missing", "the certificate alone", dpop(token), der)
    refuse("bearer", "proof_missing", "the certificate alone, as a bearer token", bearer(token), der)


def policies(corpus, mint):
    der = make_certificate(ec.generate_private_key(ec.SECP256R1()))
    token = bearer(mint(bound_to(der)))
    corpus.accept("policy/bound", "any binding will do", request(token, der, "bound"))
    corpus.accept("policy/mtls", "this one is demanded", request(token, der, "mtls_only"))
    corpus.refuse("policy/dpop", "binding_required", "another one is demanded", request(token, der, "dpop_only"))
    corpus.refuse(
        "policy/unbound",
        "binding_required",
        "a certificate does not bind the token",
        request(bearer(mint()), der, "mtls_only"),
    )
