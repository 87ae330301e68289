"""The decision corpus over HTTP: every vector's requests go to a real nginx, at the vector's time.

What the module answers is held against the vector and, where it names no header fields, against the command `countersign`. Each
vector has a server, an engine and a zone of its own.
"""

import base64
import json
import os
import subprocess
import tempfile
import time
import unittest
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import client, issuer, place
from harness.answers import Scripted
from harness.server import Nginx
from hosts.clock import Clock

VECTORS = place.ROOT / "tests/vectors"
BATCH = 150

# Requests that HTTP, or nginx before the module, does not let through unchanged; why, and what they become. The list is exact: a
# vector that is here and could be carried fails the test.
NOT_CARRIED = {
    "nonce/demanded_without_secrets": "an engine of the C ABI always has secrets",
    "proof_uri/unusable_path": "HTTP has a scheme always: a request without Host is `https:///orders`",
}

# An answer that never comes is here a request that its client gave up, which has no response, or a location that fails: see
# test_waiting. An answer to another question has no way into a location.
NOT_CARRIED.update(dict.fromkeys((
    "body/no_body_comes", "introspection/abandoned", "introspection/an_answer_of_another_server_is_not_used",
    "introspection/asked_again_after_cache_seconds", "introspection/cache_seconds_0_asks_each_time", "shared_store/abandoned",
), "no answer comes"))
NOT_CARRIED.update(dict.fromkeys((
    "body/answer_to_another_question", "introspection/answer_to_another_question", "shared_store/answer_to_another_question",
), "an answer to another question"))

# Requests that nginx itself refuses with 400, before any module is asked.
REFUSED_BY_NGINX = {
    "challenge/two_credentials_challenge_both": "two Authorization lines",
    "credentials/anonymous_is_not_two_fields": "two Authorization lines",
    "introspection/two_credentials": "two Authorization lines",
    "presentation/bearer_and_dpop_fields": "two Authorization lines",
    "presentation/two_authorization_fields": "two Authorization lines",
    "proof_claims/method_custom_small_letters": "a method in small letters",
    "proof_uri/unusable_authority": "a target that is an authority",
    "proof_uri/unusable_empty": "no target",
    "proof_uri/unusable_no_host": "an empty Host",
    "proof_uri/unusable_star": "the target *",
    "proof_uri/unusable_star_with_origin": "the target *",
}


def vectors():
    for path in sorted(VECTORS.glob("*/*.json")):
        yield f"{path.parent.name}/{path.stem}", json.loads(path.read_text())


NOT_CARRIED.update({name: "a file that goes away leaves the last good document in use" for name, vector in vectors()
                    if any(step.get("trust", {}).get("removed") for step in vector["steps"])})


def attributes(policies):
    """The names of all attributes of these policy documents."""
    return sorted({name for document in policies for policy in document["policies"].values() for name in policy.get("attributes", {})})


def requests(vector):
    return [step for step in vector["steps"] if "request" in step]


class Site:
    """A vector as a folder of files and a server block."""

    def __init__(self, nginx, name, number, vector):
        self.nginx, self.name, self.number, self.vector = nginx, name, number, vector
        self.files = {}
        self.folder = f"v{number}"
        policy = json.loads(json.dumps(vector["policy"]))
        pushed = [(step["trust"].get("trust_domain"), step["trust"].get("issuer"))
                  for step in vector["steps"] if "trust" in step]
        for place_in, source in enumerate(policy["trust"]):
            origin = (source.get("trust_domain"), source.get("name", source.get("issuer")))
            if origin in pushed:
                kind = "bundle" if origin[0] and "jwks" not in source else "jwks"
                self.files[origin] = f"{self.folder}/{place_in}.json"
                document = source.pop(kind, None)
                if document is not None:
                    self.write(self.files[origin], document)
                source[f"{kind}_file"] = f"{place_in}.json"
        self.write(f"{self.folder}/policy.json", policy)
        self.revokes = any("revoke" in step for step in vector["steps"])
        self.keyed = any("nonces" in step for step in vector["steps"])
        if self.revokes:
            self.write(f"{self.folder}/revoked.json", {})
        if self.keyed:
            # Until the first step says otherwise.
            self.nginx.write(f"{self.folder}/nonces", issuer.encode(os.urandom(32)) + "\n")

    def write(self, name, document):
        self.nginx.write(name, document if isinstance(document, str) else json.dumps(document, ensure_ascii=False))

    def servers(self):
        folder = f"{self.nginx.folder}/{self.folder}"
        more = f"countersign_revocations {folder}/revoked.json;" if self.revokes else ""
        more += f"countersign_nonce_keys {folder}/nonces;" if self.keyed else ""
        listening = set()
        for step in requests(self.vector):
            policy, tls = step["request"].get("policy", "default"), scheme(step["request"]["uri"])
            if (policy, tls) in listening:
                continue
            listening.add((policy, tls))
            yield f"""
    server {{
        listen unix:{self.socket(policy, tls)}{" ssl" if tls == "https" else ""};
        countersign on;
        countersign_policy_file {folder}/policy.json zone=v{self.number};
        countersign_policy "{policy}";
        {more}
        location / {{ proxy_pass http://upstream; }}
        location = /_store {{ internal; proxy_pass http://answering/store; }}
        location = /_issuer {{ internal; proxy_pass http://answering/introspect; }}
    }}"""

    def socket(self, policy, tls):
        number = sorted(self.vector["policy"]["policies"]).index(policy)
        return f"{self.nginx.folder}/{self.number}.{number}.{tls}"


def scheme(uri):
    """That of a URI; where it has none, or none that HTTP carries, https."""
    return "http" if uri.startswith("http://") else "https"


def target(uri):
    """The Host and the request target that carry a URI; None if nothing does."""
    for prefix in ("https://", "http://"):
        if uri.startswith(prefix):
            host, slash, rest = uri[len(prefix):].partition("/")
            if "?" in host or "#" in host:
                return None
            return host, slash + rest if slash else "/"
    return None, uri


class Corpus(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.all = dict(vectors())
        cls.folder = tempfile.TemporaryDirectory(prefix="countersign-corpus-")
        key, certificate = f"{cls.folder.name}/key.pem", f"{cls.folder.name}/certificate.pem"
        place.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
                  "-subj", "/CN=api.example", "-keyout", key, "-out", certificate, stderr=None)
        cls.tls_files = key, certificate
        with ThreadPoolExecutor(4) as pool:
            cls.expected = dict(pool.map(cls.ask_command, cls.all.items()))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def ask_command(cls, named):
        """What `countersign decide` says to a vector's requests, where nothing else happens between them."""
        name, vector = named
        steps = requests(vector)
        if len(steps) != len(vector["steps"]):
            return name, [None] * len(steps)
        path = Path(cls.folder.name) / (name.replace("/", "-") + ".json")
        path.write_text(json.dumps(vector["policy"], ensure_ascii=False))
        lines = "".join(json.dumps(step["request"]) + "\n" for step in steps)
        done = subprocess.run([place.command(), "decide", "--policy", str(path)], input=lines, capture_output=True,
                              text=True, check=False)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        return name, answers if len(answers) == len(steps) else [None] * len(steps)

    def test_all(self):
        # A store refuses proofs from before it was made, so nginx starts earlier than the vectors; where the age of keys counts, it
        # starts when the vector does.
        old, aged = [], []
        for name, vector in self.all.items():
            (aged if "max_stale" in json.dumps(vector["policy"]) else old).append((name, vector))
        self.assertGreaterEqual(len(self.all), 1220)
        batches = [(old[at:at + BATCH], 1799990000) for at in range(0, len(old), BATCH)]
        batches += [([one], requests(one[1])[0]["request"]["now"]) for one in aged]
        faults, self.asked, self.compared, self.carried, self.by_nginx = [], 0, 0, set(), set()
        for batch, start in batches:
            faults += self.run_batch(batch, start)
        self.assertFalse(faults, f"{len(faults)}\n" + "\n".join(faults[:40]))
        self.assertEqual(set(self.all) - self.carried, set(NOT_CARRIED))
        self.assertEqual(self.by_nginx, set(REFUSED_BY_NGINX))
        for reason in sorted(set(NOT_CARRIED.values())):
            print(f"not carried ({reason}): {', '.join(name for name, why in NOT_CARRIED.items() if why == reason)}")
        print(f"{self.asked} requests of {len(self.carried)} vectors, all header fields of {self.compared} compared, "
              f"{len(NOT_CARRIED)} vectors not carried, {len(REFUSED_BY_NGINX)} refused by nginx itself")

    def run_batch(self, batch, start):
        clock = Clock(start)
        options = {"environment": clock.environment, "level": "warn", "connections": 2048}
        with Scripted() as self.answering, Nginx(**options) as nginx:
            sites = [Site(nginx, name, number, vector) for number, (name, vector) in enumerate(batch)
                     if name not in NOT_CARRIED]
            key, certificate = self.tls_files
            shown = " ".join(f"add_header X-Attribute-{name.replace('_', '-')} $countersign_attribute_{name} always;"
                             for name in attributes(site.vector["policy"] for site in sites))
            zones = "\n".join(f"countersign_zone v{site.number}:64k;" for site in sites)
            blocks = "\n".join(block for site in sites for block in site.servers())
            nginx.http = f"""
    {zones}
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    countersign_trust_poll 0;
    countersign_certificate_header Hop-Certificate from=unix:;
    add_header X-Decision $countersign_decision always;
    add_header X-Reason $countersign_reason always;
    add_header X-Cache $countersign_cache always;
    add_header X-Kind $countersign_kind always;
    add_header X-Issuer $countersign_issuer always;
    add_header X-Subject $countersign_subject always;
    add_header X-Key $countersign_key_id always;
    add_header X-Tool $countersign_tool always;
    add_header X-Rpc-Method $countersign_rpc_method always;
    add_header X-Body-Digest $countersign_body_digest always;
    {shown}
    countersign_use_once /_store;
    countersign_introspect /_issuer;
    client_max_body_size 2m;
    upstream answering {{ server {self.answering.address}; }}
    upstream upstream {{ server unix:{nginx.folder}/upstream; }}
    server {{ listen unix:{nginx.folder}/upstream; location / {{ return 200; }} }}
    server {{ listen 127.0.0.1:{{port}}; location / {{ countersign_status; }} }}
    {blocks}"""
            nginx.start()
            faults = []
            for site in sites:
                faults += self.run_site(site, clock.set)
            return faults

    def run_site(self, site, now):
        answers = iter(self.expected[site.name])
        faults = []
        carried = True
        last_request = requests(site.vector)[0]["request"]
        for place_of, step in enumerate(site.vector["steps"]):
            if "request" not in step:
                outcome = self.prepare(site, step, now, last_request)
                if isinstance(step.get("expect"), str) and outcome != (step["expect"] == "installed"):
                    faults.append(f"{site.name} step {place_of}: expected {step['expect']}")
                continue
            last_request = step["request"]
            fault = self.judge(site, step, next(answers), now)
            if fault is None:
                carried = False
            else:
                faults += [f"{site.name} step {place_of}: {what}" for what in fault]
        if carried:
            self.carried.add(site.name)
        return faults

    def counts(self, site):
        zones = json.loads(site.nginx.get("/").body)["zones"]
        (zone,) = [zone for zone in zones if zone["zone"] == f"v{site.number}"]
        return zone["trust"]["loaded"], zone["trust"]["refused"]

    def prepare(self, site, step, now, request):
        """Puts a step's document in its file; returns whether it was accepted."""
        before = self.counts(site)
        if "trust" in step:
            trust = step["trust"]
            now(trust["now"])
            document = trust.get("text", trust.get("bundle", trust.get("jwks")))
            site.write(site.files[trust.get("trust_domain"), trust.get("issuer")], document)
        elif "revoke" in step:
            site.write(f"{site.folder}/revoked.json", revocations(step["revoke"], site.vector["policy"]))
        else:
            nonces = step["nonces"]
            lines = [nonces[name] for name in ("current", "previous") if nonces.get(name)]
            site.nginx.write(f"{site.folder}/nonces", "".join(line + "\n" for line in lines))
        # It is read with the next request of any client.
        policy, tls = request.get("policy", "default"), scheme(request["uri"])
        client.get(site.socket(policy, tls), tls=client.tls() if tls == "https" else None)
        loaded, refused = (after - was for after, was in zip(self.counts(site), before))
        return loaded == 1 and refused == 0

    def judge(self, site, step, answer, now):
        """What differs from the vector; None if HTTP does not carry the request."""
        request, expect = step["request"], step["expect"]
        place_of = target(request["uri"])
        if place_of is None:
            return None
        host, path = place_of
        headers = [tuple(header) for header in request["headers"]]
        if request.get("client_cert"):
            headers.append(("Hop-Certificate", f":{request['client_cert']}:"))
        now(request["now"])
        # What answers no question here is the body, which is there from the beginning.
        bodies = [answer["body"] for answer in request.get("answers", []) if "body" in answer]
        self.answering.left = [answer for answer in request.get("answers", []) if "body" not in answer]
        body = bodies[0].encode() if bodies else b""
        if body:
            headers.append(("Content-Length", str(len(body))))
        tls = scheme(request["uri"])
        address = site.socket(request.get("policy", "default"), tls)
        if host is not None:
            headers.insert(0, ("Host", host))
        with client.Client(address, client.tls() if tls == "https" else None) as connection:
            try:
                data = "\r\n".join([f"{request['method']} {path} HTTP/1.{0 if host is None else 1}",
                                    *(f"{name}: {value}" for name, value in headers), "Connection: close", "", ""])
                connection.socket.sendall(data.encode() + body)
                got = connection.receive(request["method"])
            except UnicodeEncodeError:
                return None
        self.asked += 1
        if got.status == 400 and got.one("x-decision") is None:
            self.by_nginx.add(site.name)
            return [] if site.name in REFUSED_BY_NGINX else [f"nginx refuses {request['method']} {request['uri']}"]
        policy = site.vector["policy"]["policies"][request.get("policy", "default")]
        if policy.get("mode") == "shadow":
            # The status that it would have had.
            expect = {**expect, "status": 200}
        return list(self.differences(expect, answer, got))

    def differences(self, expect, answer, got):
        def differ(what, wanted, found):
            if wanted != found:
                yield f"{what}: expected {wanted}, got {found}"

        yield from differ("status", expect["status"], got.status)
        yield from differ("decision", expect["decision"], got.one("x-decision"))
        yield from differ("reason", expect.get("reason") or "accepted", got.one("x-reason"))
        for name in ("tool", "rpc_method", "body_digest"):
            if name in expect:
                yield from differ(name, expect[name], got.one(f"x-{name.replace('_', '-')}"))
        for name, wanted in expect.get("attributes", {}).items():
            found = got.one(f"x-attribute-{name.replace('_', '-')}")
            yield from differ(f"attribute {name}", wanted, found if isinstance(wanted, str) else json.loads(found))
        if "cache" in expect:
            yield from differ("cache", expect["cache"], got.one("x-cache"))
        for name, header in (("kind", "x-kind"), ("issuer", "x-issuer"), ("subject", "x-subject"), ("key_id", "x-key")):
            wanted = expect.get("token", {}).get(name)
            if wanted is not None:
                yield from differ(name, wanted.encode().decode("latin-1"), got.one(header))
        wanted = expect.get("headers", answer and answer.get("headers"))
        if wanted is None:
            return
        self.compared += 1
        names = ("www-authenticate", "dpop-nonce", "cache-control")
        found = [[name.lower(), value] for name, value in got.headers if name.lower() in names]
        # A nonce differs with the engine that made it, unless the vector gives its key.
        if "headers" not in expect:
            wanted = [[name, "" if name == "dpop-nonce" else value] for name, value in wanted]
            found = [[name, "" if name == "dpop-nonce" else value] for name, value in found]
        yield from differ("headers", wanted, found)


def revocations(revoke, policy):
    """A step's revocations as the document that files hold."""
    kinds = {source.get("trust_domain") or source["issuer"]: "trust_domain" if source.get("trust_domain") else "issuer"
             for source in policy["trust"]}
    document = {"authorities": []}

    def entry(name):
        for known in document["authorities"]:
            if name in (known.get("trust_domain"), known.get("issuer")):
                return known
        document["authorities"].append({kinds.get(name, "issuer"): name})
        return document["authorities"][-1]

    for one in revoke.get("keys", []):
        entry(one["authority"]).setdefault("keys", []).append(one["name"])
    for one in revoke.get("subjects", []):
        said = {"subject": one["name"], "before": one["before"]} if "before" in one else one["name"]
        entry(one["authority"]).setdefault("subjects", []).append(said)
    for one in revoke.get("tokens", []):
        entry(one["authority"]).setdefault("tokens", []).append(one["name"])
    for one in revoke.get("epochs", []):
        if "authority" in one:
            entry(one["authority"])["before"] = one["before"]
        else:
            document["all_before"] = one["before"]
    return document


if __name__ == "__main__":
    unittest.main()
