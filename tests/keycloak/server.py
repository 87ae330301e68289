"""A Keycloak of one's own: a realm, a process that is ended by its number, and clients that ask it for tokens."""

import base64
import contextlib
import hashlib
import json
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from gates import Certificate, until

AUDIENCE = "https://api.example"
REALM, OTHER_REALM = "countersign", "other"
PASSWORD = secrets.token_urlsafe(24)
START = 240  # seconds; 16 on an idle machine


def _client(name, attributes=None, in_id_token=False, **more):
    """A confidential client whose own tokens (grant `client_credentials`) are for our service."""
    audience = {
        "name": "audience", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
        "config": {"included.custom.audience": AUDIENCE, "access.token.claim": "true", "id.token.claim": str(in_id_token).lower()}}
    return {"clientId": name, "secret": PASSWORD, "protocol": "openid-connect", "publicClient": False,
            "serviceAccountsEnabled": True, "standardFlowEnabled": False, "directAccessGrantsEnabled": False,
            "attributes": attributes or {}, "protocolMappers": [audience], **more}


def realm(name):
    """The realm as an operator exports one: each client is one kind of token."""
    return {
        "realm": name, "enabled": True, "accessTokenLifespan": 300, "sslRequired": "none",
        "roles": {"realm": [{"name": "orders-reader"}]},
        "clients": [
            _client("bearer"),
            _client("dpop", {"dpop.bound.access.tokens": "true"}),
            _client("certificate", {"tls.client.certificate.bound.access.tokens": "true"}),
            _client("at-jwt", {"access.token.header.type.rfc9068": "true"}),
            _client("reader-9068", {"access.token.header.type.rfc9068": "true"}),
            _client("people", in_id_token=True),
            _client("elsewhere", protocolMappers=[]),
            _client("es256", {"access.token.signed.response.alg": "ES256"}),
        ],
        "users": [
            {"username": "service-account-bearer", "enabled": True, "serviceAccountClientId": "bearer",
             "realmRoles": ["orders-reader"]},
            {"username": "service-account-reader-9068", "enabled": True, "serviceAccountClientId": "reader-9068",
             "realmRoles": ["orders-reader"]},
        ],
    }


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(token):
    """Header and claims of a token, as they are."""
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]


class ProofKey:
    """A client's DPoP key."""

    def __init__(self):
        self.private = ec.generate_private_key(ec.SECP256R1())
        point = self.private.public_key().public_numbers()
        self.jwk = {"crv": "P-256", "kty": "EC", "x": encode(point.x.to_bytes(32, "big")), "y": encode(point.y.to_bytes(32, "big"))}
        self.thumbprint = encode(hashlib.sha256(json.dumps(self.jwk, separators=(",", ":")).encode()).digest())

    def proof(self, method, uri, token=None, ahead=0):
        said = {"jti": secrets.token_urlsafe(12), "htm": method, "htu": uri, "iat": int(time.time()) + ahead}
        if token:
            said["ath"] = encode(hashlib.sha256(token.encode()).digest())
        parts = [encode(json.dumps(part).encode()) for part in ({"alg": "ES256", "typ": "dpop+jwt", "jwk": self.jwk}, said)]
        message = ".".join(parts)
        r, s = decode_dss_signature(self.private.sign(message.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{message}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class Keycloak:
    """Keycloak on 127.0.0.1 over TLS, its state in memory and in a folder that goes away."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="countersign-keycloak-"))
        self.process = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.management = probe.getsockname()[1]
        self.base = f"https://127.0.0.1:{self.port}"
        self.issuer = f"{self.base}/realms/{REALM}"

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def make_certificates(self):
        """An authority, a server, and two clients of that authority."""
        new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        where = self.folder
        _openssl("req", "-x509", *new, "-days", 2, "-subj", "/CN=authority", "-keyout", where / "authority.key", "-out", where / "authority.crt")
        (where / "san").write_text("subjectAltName=IP:127.0.0.1\n")
        for name in ("server", "client", "thief"):
            _openssl("req", *new, "-subj", f"/CN={name}", "-keyout", where / f"{name}.key", "-out", where / f"{name}.csr")
            _openssl("x509", "-req", "-in", where / f"{name}.csr", "-CA", where / "authority.crt", "-CAkey", where / "authority.key",
                     "-CAcreateserial", "-days", 2, "-extfile", where / "san", "-out", where / f"{name}.crt")

    def certificate(self, name):
        return Certificate(str(self.folder / f"{name}.crt"), str(self.folder / f"{name}.key"))

    def start(self):
        self.make_certificates()
        home = self.folder / "home"
        (home / "data/import").mkdir(parents=True)
        for name in (REALM, OTHER_REALM):
            (home / f"data/import/{name}-realm.json").write_text(json.dumps(realm(name)))
        for part in ("lib", "conf", "providers", "themes"):
            (home / part).symlink_to(Path(os.environ["COUNTERSIGN_KEYCLOAK"]) / part)
        command = [
            "java", "-Xms128m", "-Xmx512m", "-XX:TieredStopAtLevel=1", f"-Dkc.home.dir={home}", f"-Djboss.server.config.dir={home}/conf",
            f"-Djava.io.tmpdir={self.folder}", "-Djava.util.logging.manager=org.jboss.logmanager.LogManager", "-Dpicocli.disable.closures=true",
            "-cp", f"{home}/lib/quarkus-run.jar", "io.quarkus.bootstrap.runner.QuarkusEntryPoint",
            "start", "--optimized", "--import-realm", "--http-host=127.0.0.1", f"--https-port={self.port}",
            f"--http-management-port={self.management}", "--http-management-host=127.0.0.1", "--cache=local",
            f"--hostname={self.base}", f"--https-certificate-file={self.folder}/server.crt",
            f"--https-certificate-key-file={self.folder}/server.key",
            f"--truststore-paths={self.folder}/authority.crt",
        ]
        environment = {**os.environ, "KC_BOOTSTRAP_ADMIN_USERNAME": "admin", "KC_BOOTSTRAP_ADMIN_PASSWORD": PASSWORD}
        began = time.monotonic()
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=home)
        until("Keycloak answers", self.is_up, START)
        print(f"keycloak: ready after {time.monotonic() - began:.0f} s", file=sys.stderr)

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError(f"Keycloak ended: {self.log()[-4000:]}")
        with contextlib.suppress(OSError):
            return bool(self.keys())
        return False

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder)

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def request(self, method, path, form=None, document=None, headers=(), certificate=None):
        """Status and body of one request; a refusal is an answer too."""
        context = ssl.create_default_context(cafile=str(self.folder / "authority.crt"))
        if certificate:
            context.load_cert_chain(*certificate)
        body = urllib.parse.urlencode(form).encode() if form is not None else None
        headers = dict(headers)
        if document is not None:
            body, headers["Content-Type"] = json.dumps(document).encode(), "application/json"
        request = urllib.request.Request(f"{self.base}{path}", body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60, context=context) as got:
                return got.status, got.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    def keys(self):
        """The realm's JWK set, as it is served."""
        status, body = self.request("GET", f"/realms/{REALM}/protocol/openid-connect/certs")
        if status != 200:
            raise OSError(f"{status} {body[:200]}")
        return body

    def id_token(self):
        """An ID token whose audience is our service too, as a mapper makes it."""
        return self.tokens("people", scope="openid")["id_token"]

    def token(self, client, **options):
        """The access token that a client gets for itself."""
        return self.tokens(client, **options)["access_token"]

    def tokens(self, client, key=None, certificate=None, realm=REALM, **form):
        path = f"/realms/{realm}/protocol/openid-connect/token"
        headers = {"DPoP": key.proof("POST", f"{self.base}{path}")} if key else {}
        form = {"grant_type": "client_credentials", "client_id": client, "client_secret": PASSWORD, **form}
        status, body = self.request("POST", path, form, headers=headers, certificate=certificate)
        assert status == 200, f"{client}: {status} {body}"
        return json.loads(body)

    def add_key(self, priority):
        """A new signing key, in use from now on; gives its `kid`. The ones before stay in the JWK set."""
        admin = self.token("admin-cli", realm="master", grant_type="password", username="admin", password=PASSWORD, client_secret="")
        bearer = {"Authorization": f"Bearer {admin}"}
        _, body = self.request("GET", f"/admin/realms/{REALM}", headers=bearer)
        provider = {"name": f"rotation-{priority}", "providerId": "rsa-generated", "parentId": json.loads(body)["id"],
                    "providerType": "org.keycloak.keys.KeyProvider",
                    "config": {"priority": [str(priority)], "algorithm": ["RS256"], "keySize": ["2048"]}}
        status, body = self.request("POST", f"/admin/realms/{REALM}/components", document=provider, headers=bearer)
        assert status == 201, f"{status} {body}"
        _, body = self.request("GET", f"/admin/realms/{REALM}/keys", headers=bearer)
        return json.loads(body)["active"]["RS256"]

    def remove_keys(self, kept):
        """Takes away every RS256 key but this one."""
        admin = self.token("admin-cli", realm="master", grant_type="password", username="admin", password=PASSWORD, client_secret="")
        bearer = {"Authorization": f"Bearer {admin}"}
        _, body = self.request("GET", f"/admin/realms/{REALM}/keys", headers=bearer)
        for key in json.loads(body)["keys"]:
            if key.get("algorithm") == "RS256" and key["kid"] != kept:
                status, body = self.request("DELETE", f"/admin/realms/{REALM}/components/{key['providerId']}", headers=bearer)
                assert status == 204, f"{status} {body}"
