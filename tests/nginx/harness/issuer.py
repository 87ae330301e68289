"""Keys, tokens and proofs of the tests' own making."""

import base64
import hashlib
import itertools
import json
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ISSUER = "https://as.example"
AUDIENCE = "https://api.example"

_numbers = itertools.count()


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """A P-256 key."""

    def __init__(self, kid):
        self.kid = kid
        self.private = ec.generate_private_key(ec.SECP256R1())
        point = self.private.public_key().public_numbers()
        self.jwk = {
            "crv": "P-256",
            "kty": "EC",
            "x": encode(point.x.to_bytes(32, "big")),
            "y": encode(point.y.to_bytes(32, "big")),
        }
        self.thumbprint = encode(hashlib.sha256(json.dumps(self.jwk, separators=(",", ":")).encode()).digest())

    def sign(self, header, claims):
        parts = [encode(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims)]
        message = ".".join(parts)
        r, s = decode_dss_signature(self.private.sign(message.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{message}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def entry(self):
        """The key as a member of a key set."""
        return {**self.jwk, "kid": self.kid, "use": "sig", "alg": "ES256"}

    def token(self, subject="alice", bound=None, certificate=None, **claims):
        """An access token that lives five minutes."""
        now = int(time.time())
        said = {
            "iss": ISSUER,
            "sub": subject,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 300,
            "jti": f"t{next(_numbers)}",
            "client_id": "shop",
            "scope": "orders:read",
        }
        cnf = {}
        if bound:
            cnf["jkt"] = bound.thumbprint
        if certificate:
            cnf["x5t#S256"] = encode(hashlib.sha256(certificate).digest())
        if cnf:
            said["cnf"] = cnf
        said.update(claims)
        return self.sign({"alg": "ES256", "kid": self.kid, "typ": "at+jwt"}, said)

    def proof(self, token, method="GET", uri="https://api.example/", **claims):
        """A proof for one request."""
        said = {
            "jti": f"p{next(_numbers)}",
            "htm": method,
            "htu": uri,
            "iat": int(time.time()),
            "ath": encode(hashlib.sha256(token.encode()).digest()),
        }
        said.update(claims)
        return self.sign({"alg": "ES256", "typ": "dpop+jwt", "jwk": self.jwk}, said)


def key_set(*keys):
    return json.dumps({"keys": [key.entry() for key in keys]})


def bearer(token):
    return ("Authorization", f"Bearer {token}")


def dpop(token, proof):
    return [("Authorization", f"DPoP {token}"), ("DPoP", proof)]
