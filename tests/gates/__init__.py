"""One policy judged in every host: the command, nginx, and Envoy with either build of the filter.

Each gate has the same three calls: `write` replaces a trust document, as an agent does, `ask` judges one request, and `close` ends it.
No gate is restarted meanwhile. The hosts are those of `tests/nginx` and `tests/envoy`, with their harnesses.
"""

import base64
import importlib.util
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from hosts import waiting

TESTS = Path(__file__).resolve().parents[1]
ORIGIN = "https://api.example"
PATIENCE = 30  # seconds
FACTS = ("decision", "reason", "subject", "issuer", "scope", "binding", "kind", "key_id")


class Answer(NamedTuple):
    """What a gate said: `status` of the response, and facts of the decision by their names (`None` where there is none)."""

    status: int
    facts: dict

    @property
    def reason(self):
        """Why it was refused; hosts write `accepted` or nothing where it was not."""
        reason = self.facts.get("reason")
        return None if reason == "accepted" else reason


class Certificate(NamedTuple):
    """A client's certificate and its key, as PEM files."""

    path: str
    key: str

    def der(self):
        return ssl.PEM_cert_to_DER_cert(Path(self.path).read_text())


def _harness(folder, name, **environment):
    """The harness of a host under a name of its own: both are called `harness`, and that of Envoy is for one build."""
    before = {key: os.environ.get(key) for key in environment}
    os.environ.update(environment)
    try:
        where = TESTS / folder / "harness"
        spec = importlib.util.spec_from_file_location(name, where / "__init__.py", submodule_search_locations=[str(where)])
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
        modules = {part: importlib.import_module(f"{name}.{part}") for part in ("client", "server")}
        if folder == "envoy":
            modules["build"] = importlib.import_module(f"{name}.build")
            modules["world"] = importlib.import_module(f"{name}.world")
        return modules
    finally:
        for key, value in before.items():
            os.environ.pop(key) if value is None else os.environ.__setitem__(key, value)


def until(what, condition, patience=PATIENCE):
    return waiting.until(what, condition, patience)


def make_server_certificate(folder):
    """A certificate for the TLS of a host, which no client checks here."""
    certificate = Certificate(f"{folder}/server.crt", f"{folder}/server.key")
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=api.example", "-keyout", certificate.key, "-out", certificate.path],
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return certificate


class Gate:
    """What all gates have in common: `documents` are the files that the policy names, by name, and what each has."""

    name = ""
    # Whether a file that holds the keys of several trust domains can be replaced.
    replaces_maps = True

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close(*failure)

    def attributes(self):
        """The names of the attributes that the policy passes on."""
        return sorted({name for policy in self.policy["policies"].values() for name in policy.get("attributes", {})})


class Command(Gate):
    """`countersign decide`, one process for all requests."""

    name = "command"

    def __init__(self, policy, documents):
        self.policy = policy
        self.folder = tempfile.TemporaryDirectory(prefix="countersign-gate-")
        for name, text in documents.items():
            self.write(name, text)
        self.write("policy.json", json.dumps(policy))
        command = [os.environ["COUNTERSIGN_COMMAND"], "decide", "--trust-poll", "--policy", f"{self.folder.name}/policy.json"]
        with open(f"{self.folder.name}/log", "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)

    def write(self, name, text):
        path = Path(self.folder.name) / name
        path.with_suffix(".new").write_text(text)
        os.replace(path.with_suffix(".new"), path)

    def ask(self, headers, path="/", certificate=None):
        line = {"method": "GET", "uri": f"{ORIGIN}{path}", "headers": [list(field) for field in headers]}
        if certificate:
            line["client_cert"] = base64.b64encode(certificate.der()).decode()
        self.process.stdin.write(json.dumps(line).encode() + b"\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        token = answer.get("token") or {}
        facts = {**{fact: token.get(fact) for fact in FACTS}, **answer.get("attributes", {})}
        return Answer(answer["status"], {**facts, "decision": answer["decision"], "reason": answer["reason"]})

    def log(self):
        return (Path(self.folder.name) / "log").read_text()

    def close(self, *_):
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.folder.cleanup()


class Nginx(Gate):
    """nginx with the module; the certificate is that of the TLS connection."""

    name = "nginx"
    http = """
    countersign_zone main:256k;
    countersign_policy_file {folder}/policy.json;
    countersign_trust_poll 20ms;
    upstream shown { server unix:{folder}/shown.sock; }
    server {
        listen 127.0.0.1:{port} ssl;
        server_name api.example;
        ssl_certificate {folder}/server.crt;
        ssl_certificate_key {folder}/server.key;
        ssl_verify_client optional_no_ca;
        countersign on;
        {facts}
        location / { proxy_pass http://shown; }
    }
"""

    def __init__(self, policy, documents):
        self.policy = policy
        self.harness = _harness("nginx", "nginx_harness")
        names = [*FACTS, *(f"attribute_{name}" for name in self.attributes())]
        shown = "".join(f'add_header x-fact-{name.replace("_", "-")} "$countersign_{name}" always;\n' for name in names)
        self.nginx = self.harness["server"].Nginx(self.http.replace("{facts}", shown))
        make_server_certificate(self.nginx.folder)
        for name, text in documents.items():
            self.write(name, text)
        self.write("policy.json", json.dumps(policy))
        self.nginx.start()

    def write(self, name, text):
        self.nginx.write(name, text)

    def ask(self, headers, path="/", certificate=None):
        tls = self.harness["client"].tls(*(certificate or ()))
        got = self.nginx.get(path, headers, tls=tls)
        facts = {name: got.one(f"x-fact-{name.replace('_', '-')}") or None for name in FACTS}
        facts.update({name: got.one(f"x-fact-attribute-{name.replace('_', '-')}") for name in self.attributes()})
        return Answer(got.status, facts)

    def log(self):
        return self.nginx.log()

    def close(self, *failure):
        self.nginx.__exit__(*failure)


class Envoy(Gate):
    """Envoy with one build of the filter."""

    build = ""

    def __init__(self, policy, documents):
        self.policy = policy
        self.harness = _harness("envoy", f"envoy_{self.build}_harness", COUNTERSIGN_ENVOY_BUILD=self.build)
        server, self.this = self.harness["server"], self.harness["build"].THIS
        assert self.this.name == self.build
        self.envoy, self.port = server.Envoy(), server.free_port()
        own = make_server_certificate(self.envoy.folder)
        names = {**{fact: fact for fact in FACTS}, **{name: f"attributes.{name}" for name in self.attributes()}}
        settings = {"metadata": {"attributes": list(names.values())}, "proofs_before_start": "danger_accept",
                    **self.settings(json.loads(json.dumps(policy)), documents)}
        shown = {f"x_fact_{name}": self.this.fact(fact) for name, fact in names.items()}
        tls = {"common_tls_context": {
            "tls_certificates": [{"certificate_chain": {"filename": own.path}, "private_key": {"filename": own.key}}],
            "validation_context": {"trust_chain_verification": "ACCEPT_UNTRUSTED"}}}
        route = {**server.route(), "response_headers_to_add": server.added(**shown)}
        self.envoy.listeners.append(
            server.listener("main", self.port, [server.countersign(settings)], [route], tls, shown=shown))
        try:
            self.envoy.start()
        except BaseException:
            self.close()
            raise

    def settings(self, policy, documents):
        for name, text in documents.items():
            self.write(name, text)
        return {"policy": policy, "trust_directory": str(self.envoy.folder), "poll_milliseconds": 50}

    def write(self, name, text):
        self.envoy.write(name, text)

    def ask(self, headers, path="/", certificate=None):
        client = self.harness["client"]
        got = client.get(("127.0.0.1", self.port), path, headers, tls=client.tls(*(certificate or ())))
        shown = {name: got.one(f"x-fact-{name.replace('_', '-')}") for name in [*FACTS, *self.attributes()]}
        return Answer(got.status, {name: None if value in ("-", "") else value for name, value in shown.items()})

    def log(self):
        return self.envoy.log()

    def close(self, *failure):
        self.envoy.__exit__(*failure)


class EnvoyModule(Envoy):
    """The dynamic module."""

    name = "Envoy, module"
    build = "module"


class EnvoyWasm(Envoy):
    """The proxy-wasm filter: it has no files, so it fetches each document through a cluster, each second. A map is in its policy."""

    name = "Envoy, wasm"
    build = "wasm"
    replaces_maps = False

    def settings(self, policy, documents):
        self.served = dict(documents)
        self.keys = self.harness["world"].key_server()
        server = self.keys.__enter__()
        server.answer_path = lambda path: (200, self.served[path[1:]]) if path[1:] in self.served else (404, "")
        self.envoy.clusters.append(self.harness["server"].cluster("keys", server.server_address[1]))
        fetched = []
        for source in policy["trust"]:
            name = source.pop("bundle_map_file", None)
            if name:
                source["bundle_map"] = json.loads(documents[name])
                continue
            (member,) = [member for member in ("bundle_file", "jwks_file") if member in source]
            name = source.pop(member)
            if "trust_domain" in source:
                source["format"] = member.removesuffix("_file")
            origin = {key: source[key] for key in ("trust_domain", "issuer") if key in source}
            fetched.append({**origin, "cluster": "keys", "uri": f"http://keys/{name}", "refresh_seconds": 1})
        return {"policy": policy, **({"fetch": fetched} if fetched else {})}

    def write(self, name, text):
        self.served[name] = text

    def close(self, *failure):
        try:
            super().close(*failure)
        finally:
            if getattr(self, "keys", None):
                self.keys.__exit__(None, None, None)


ALL = (Command, Nginx, EnvoyModule, EnvoyWasm)


def every(policy, documents):
    """Hands out each gate in turn, started with this policy, and ends it."""
    for kind in ALL:
        with kind(policy, documents) as gate:
            yield gate
