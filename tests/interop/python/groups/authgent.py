"""Tokens of a real authorization server for agents (PyPI `authgent-server`): plain JWTs by resource indicator, DPoP-bound ones, delegated
ones (RFC 8693 `act`) and transaction tokens. Times are the machine's own here: the server has no other."""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

import base64url
from corpus import Corpus, bearer, dpop
from world import WORLD, policy_document

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
TYPE = "urn:ietf:params:oauth:token-type"
PATIENCE = 120  # seconds
HTU = WORLD["uri"].split("?")[0]


def generate(root):
    with Server() as server:
        trust = [{"issuer": server.issuer, "jwks": server.get("/.well-known/jwks.json")}]
        corpus = Corpus(root, "authgent", policies(policy_document(trust)))
        shop, agent = server.register("shop"), server.register("agent")
        token = server.token(shop)
        unbound(corpus, server, shop, token)
        bound(corpus, server, shop)
        delegated(corpus, server, agent, token)
        transaction(corpus, server, agent, token)
        # Last, because the clock of the requests moves on and never back.
        later = {**request(bearer(token)), "now": int(time.time()) + 7200}
        corpus.refuse("unbound/expired", "token_expired", "two hours later", later)
        corpus.write()


def policies(document):
    """Beside those of all groups: a client's token with the transaction token of the call it serves."""
    client = {"name": "client", "from": "authorization", "accept": ["jwt"]}
    txn = {"name": "txn", "from": {"header": "txn-token"}, "accept": ["txntoken+jwt"]}
    common = {**WORLD["policy_defaults"], "attributes": {"workload": "/req_wl"}}
    document["policies"]["call"] = {**common, "credentials": [client, txn]}
    document["policies"]["delegated"] = {**WORLD["policy_defaults"], "accept": [{"kind": "jwt", "scope": ["orders:read"]}]}
    return document


class Server:
    """The authorization server in a folder of its own, on 127.0.0.1, ended by its number."""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="countersign-authgent-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.issuer = f"http://127.0.0.1:{port}"
        environment = {
            **os.environ, "AUTHGENT_SERVER_URL": self.issuer, "AUTHGENT_SECRET_KEY": secrets.token_hex(32),
            "AUTHGENT_TOKEN_RATE_LIMIT": "10000", "AUTHGENT_REGISTER_RATE_LIMIT": "10000"}
        self._log = open(Path(self._folder.name) / "log", "w+")
        self._process = subprocess.Popen(
            [str(Path(sys.executable).parent / "authgent-server"), "run", "--host", "127.0.0.1", "--port", str(port)],
            cwd=self._folder.name, env=environment, stdout=self._log, stderr=self._log)
        end = time.monotonic() + PATIENCE
        while not self._is_up():
            if self._process.poll() is not None or time.monotonic() > end:
                self._log.seek(0)
                said = self._log.read()[-3000:]
                self.__exit__()
                raise RuntimeError(f"authgent-server did not start: {said}")
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        self._folder.cleanup()

    def _is_up(self):
        with contextlib.suppress(OSError):
            return self.get("/.well-known/oauth-authorization-server")["issuer"] == self.issuer
        return False

    def get(self, path):
        with urllib.request.urlopen(self.issuer + path, timeout=30) as got:
            return json.load(got)

    def _post(self, path, body, headers):
        try:
            with urllib.request.urlopen(urllib.request.Request(self.issuer + path, body, headers), timeout=30) as got:
                return json.load(got)
        except urllib.error.HTTPError as refused:
            raise RuntimeError(f"{path}: {refused.code} {refused.read().decode()}") from refused

    def register(self, name):
        """A client (RFC 7591) that asks for tokens for itself and on behalf of others."""
        asked = {"client_name": name, "grant_types": ["client_credentials", EXCHANGE], "scope": "orders:read orders:write"}
        return self._post("/register", json.dumps(asked).encode(), {"Content-Type": "application/json"})

    def token(self, client, key=None, **form):
        headers = {"DPoP": key.proof("POST", f"{self.issuer}/token")} if key else {}
        known = {"client_id": client["client_id"], "client_secret": client["client_secret"], "grant_type": "client_credentials",
                 "scope": "orders:read", "resource": WORLD["audience"]}
        return self._post("/token", urllib.parse.urlencode({**known, **form}).encode(), headers)["access_token"]

    def exchange(self, client, subject_token, requested):
        return self.token(
            client, grant_type=EXCHANGE, subject_token=subject_token, subject_token_type=f"{TYPE}:access_token",
            requested_token_type=f"{TYPE}:{requested}", audience=WORLD["audience"])


class Key:
    """A client's DPoP key."""

    def __init__(self):
        self._private = ec.generate_private_key(ec.SECP256R1())
        self._jwk = ECAlgorithm.to_jwk(self._private.public_key(), as_dict=True)
        required = {name: self._jwk[name] for name in ("crv", "kty", "x", "y")}
        self.thumbprint = base64url.sha256(json.dumps(required, separators=(",", ":")).encode())

    def proof(self, method, uri, token=None):
        claims = {"jti": str(uuid.uuid4()), "htm": method, "htu": uri, "iat": int(time.time())}
        if token:
            claims["ath"] = base64url.sha256(token.encode())
        return jwt.encode(claims, self._private, algorithm="ES256", headers={"typ": "dpop+jwt", "jwk": self._jwk})


def request(headers, policy="plain"):
    return {"policy": policy, "headers": headers, "now": int(time.time())}


def said(token):
    return jwt.decode(token, options={"verify_signature": False})


def unbound(corpus, server, client, token):
    subject = f"client:{client['client_id']}"
    corpus.accept("unbound/valid", "client credentials for this resource", request(bearer(token)), subject=subject)
    flipped = base64url.flip_bit(token)
    corpus.refuse("unbound/flipped", "signature_invalid", "one bit of the signature", request(bearer(flipped)))
    head, claims, signature = token.split(".")
    for name, change in (("subject", {"sub": "client:root"}), ("audience", {"aud": [WORLD["audience"], "x"]}), ("scope", {"scope": "orders:write"})):
        forged = base64url.encode(json.dumps({**said(token), **change}).encode())
        why = f"another {name} under the same signature"
        corpus.refuse(f"unbound/forged-{name}", "signature_invalid", why, request(bearer(f"{head}.{forged}.{signature}")))
    elsewhere = server.token(client, resource=WORLD["other_audience"])
    corpus.refuse("unbound/elsewhere", "audience_mismatch", "RFC 8707: a token for another resource", request(bearer(elsewhere)))
    as_access_token = request(bearer(token), "access_token")
    corpus.refuse("unbound/no-at+jwt", "typ_not_accepted", "RFC 9068 §4: typ is JWT here", as_access_token)
    required = request(bearer(token), "dpop_only")
    corpus.refuse("unbound/where-at+jwt-is-bound", "typ_not_accepted", "neither kind nor binding fit", required)


def bound(corpus, server, client):
    key, thief = Key(), Key()
    token = server.token(client, key)
    assert said(token)["cnf"] == {"jkt": key.thumbprint}, said(token)

    def proven(by=key, method=WORLD["method"], uri=HTU):
        return request(dpop(token, by.proof(method, uri, token)))

    corpus.accept("dpop/valid", "bound token with its proof", proven())
    again = proven()
    corpus.accept("dpop/once", "a proof", again)
    corpus.refuse("dpop/twice", "proof_replayed", "RFC 9449 §11.1: the same proof", again)
    corpus.refuse("dpop/stolen", "proof_missing", "RFC 9449 §7.1: a bound token without a proof", request(bearer(token)))
    corpus.refuse("dpop/thief", "proof_key_mismatch", "the proof of another key", proven(thief))
    corpus.refuse("dpop/uri", "proof_uri_mismatch", "a proof for another URI", proven(uri=f"{HTU}/other"))
    corpus.refuse("dpop/method", "proof_method_mismatch", "a proof for another method", proven(method="POST"))
    other = server.token(client, key)
    swapped = request(dpop(other, key.proof(WORLD["method"], HTU, token)))
    corpus.refuse("dpop/ath", "proof_token_mismatch", "the proof of another token of the same key", swapped)


def delegated(corpus, server, agent, token):
    exchanged = server.exchange(agent, token, "access_token")
    claims = said(exchanged)
    assert claims["act"] == {"sub": f"client:{agent['client_id']}"} and claims["sub"] == said(token)["sub"], claims
    why = "RFC 8693 §4.1: the agent acts for the client"
    corpus.accept("delegated/valid", why, request(bearer(exchanged), "delegated"), subject=claims["sub"])
    again = server.exchange(agent, exchanged, "access_token")
    assert said(again)["act"]["act"], said(again)
    corpus.accept("delegated/twice", "nested actors", request(bearer(again), "delegated"), subject=claims["sub"])
    flipped = base64url.flip_bit(exchanged)
    corpus.refuse("delegated/flipped", "signature_invalid", "one bit of the signature", request(bearer(flipped), "delegated"))


def transaction(corpus, server, agent, token):
    txn = server.exchange(agent, token, "txn_token")
    header = jwt.get_unverified_header(txn)
    assert header["typ"] == "txntoken+jwt", header

    def call(*tokens):
        return request([*bearer(token), *(["txn-token", one] for one in tokens)], "call")

    corpus.accept("txn/valid", "a client's token and the transaction token of its call", call(txn), subject=said(token)["sub"])
    corpus.refuse("txn/missing", "credential_missing", "Transaction Tokens §7: the call has none", call())
    corpus.refuse("txn/twice", "credential_repeated", "two of them", call(txn, txn))
    corpus.refuse("txn/flipped", "signature_invalid", "one bit of the signature", call(base64url.flip_bit(txn)))
    corpus.refuse("txn/access-token", "typ_not_accepted", "a client's token in its place", call(token))
    corpus.refuse("txn/in-authorization", "typ_not_accepted", "Transaction Tokens §13.12: no credential of a client", request(bearer(txn)))
    old = {**call(txn), "now": int(time.time()) + 300}
    corpus.refuse("txn/expired", "token_expired", "five minutes later: it lives two, the client's token fifteen", old)
