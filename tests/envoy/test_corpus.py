"""The decision corpus over HTTP: every vector's requests go to a real Envoy, at the vector's time.

What the module answers is held against the vector and, where it names no header fields, against the command `countersign`. Each
vector has a listener, an engine and a store of used proofs of its own.
"""

import base64
import collections
import contextlib
import hashlib
import itertools
import json
import os
import re
import subprocess
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import build, client, issuer, place, server
from harness.answers import Scripted
from harness.server import per_route, route, until
from harness.world import key_server
from hosts.clock import Clock

VECTORS = place.ROOT / "tests/vectors"
BATCH = 130
FACTS = ["decision", "reason", "kind", "issuer", "subject", "key_id", "cache"]

# Vectors with a request that HTTP does not carry as it is, or that need what this host does not do; why. The list is exact: a
# vector that is here and could be carried fails the test.
NOT_CARRIED = {
    "nonce/demanded_without_secrets": "the filter always has keys of nonces",
    "rotation/a_deleted_relationship_stops_at_once": "a document that goes away leaves the last good one in use",
    "txn_token/keys_taken_away_after_caching": "a document that goes away leaves the last good one in use",
    "kinds/jwt_keys_taken_away": "a document that goes away leaves the last good one in use",
    "kinds/svid_keys_taken_away": "a document that goes away leaves the last good one in use",
}


# Vectors with a request that Envoy itself refuses with 400, before any filter is asked.
REFUSED_BY_ENVOY = {
    "proof_claims/method_custom_small_letters": "a method that Envoy's HTTP/1 codec does not know",
    "proof_claims/method_m_search": "a method that Envoy's HTTP/1 codec does not know",
    "proof_claims/method_prefix": "a method that Envoy's HTTP/1 codec does not know",
    "proof_uri/unusable_authority": "a target that is an authority",
    "proof_uri/unusable_empty": "no target",
    "proof_uri/unusable_path": "no Host",
    "proof_uri/unusable_star": "the target *",
    "proof_uri/unusable_star_with_origin": "the target *",
}

# An answer that never comes is a client that goes, which has no response, or a server that fails: see test_waiting. An answer to another
# question cannot come from a server that is asked one.
NO_ANSWER = dict.fromkeys((
    "body/no_body_comes", "introspection/abandoned", "introspection/an_answer_of_another_server_is_not_used",
    "introspection/asked_again_after_cache_seconds", "introspection/cache_seconds_0_asks_each_time", "shared_store/abandoned",
), "no answer comes")
NO_ANSWER.update(dict.fromkeys((
    "body/answer_to_another_question", "introspection/answer_to_another_question", "shared_store/answer_to_another_question",
), "an answer to another question"))

NOT_CARRIED.update(NO_ANSWER)


def vectors():
    for path in sorted(VECTORS.glob("*/*.json")):
        yield f"{path.parent.name}/{path.stem}", json.loads(path.read_text())


# What the VM has no code for.
LARGE_CURVES = re.compile("P-384|P-521|ES384|ES512")


def requests(vector):
    return [step for step in vector["steps"] if "request" in step]


class Site:
    """A vector as a folder of files, or as documents on a server of keys, and a listener."""

    def __init__(self, envoy, name, number, vector, keys):
        self.envoy, self.name, self.number, self.vector, self.keys = envoy, name, number, vector, keys
        self.files = {}
        self.folder = f"v{number}"
        self.socket = str(envoy.folder / f"{number}.sock")
        policy = json.loads(json.dumps(vector["policy"]))
        pushed = [(step["trust"].get("trust_domain"), step["trust"].get("issuer"))
                  for step in vector["steps"] if "trust" in step]
        # Facts that only some policies have.
        self.facts = {fact: fact for fact in FACTS}
        if "answers" in vector.get("needs", []):
            self.facts.update(tool="tool", rpc_method="rpc_method", body_digest="body_digest")
        names = {name for one in policy["policies"].values() for name in one.get("attributes", {})}
        self.facts.update({f"attribute_{name}": f"attributes.{name}" for name in names})
        if build.THIS is build.WASM:
            self.of_vm(policy, pushed)
            return
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
        self.settings = {
            "policy_file": str(envoy.folder / self.folder / "policy.json"), "poll_milliseconds": 10, "replay_store": f"v{number}",
            "metadata": {"attributes": list(self.facts.values())}, "certificate": "x-forwarded-client-cert", "proofs_before_start": "danger_accept"}
        self.settings.update(self.asked())
        names = sorted(policy["policies"])
        if "default" not in names:
            self.settings["default_policy"] = names[0]
        if any("revoke" in step for step in vector["steps"]):
            self.settings["revocations_file"] = str(self.write(f"{self.folder}/revoked.json", {}))
        if any("nonces" in step for step in vector["steps"]):
            # Until the first step says otherwise.
            keys = issuer.encode(os.urandom(32)) + "\n"
            self.settings["nonce_keys_file"] = str(envoy.write(f"{self.folder}/nonces", keys))
        steps = any("request" not in step for step in vector["steps"])
        if not steps:
            self.settings["poll_milliseconds"] = 60000

    def of_vm(self, policy, pushed):
        """The settings for a VM: documents that vectors push are fetched, and their nonce keys are in the settings."""
        # All listeners of one Envoy share its VMs, with room for fewer tokens than one listener alone would have.
        policy.setdefault("memory", {}).setdefault("token_cache_bytes", 65536)
        self.settings = {
            "policy": policy, "poll_milliseconds": 10 if pushed else 60000, "replay_store": f"v{self.number}",
            # The proxy's signature check for one half of the vectors, the libraries in the VM for the other; P-384 and P-521 only the proxy checks.
            "signatures": "vm" if self.number % 2 and not LARGE_CURVES.search(json.dumps([policy, self.vector])) else "host",
            "routes_match_identity": False,
            "metadata": {"attributes": list(self.facts.values())}, "certificate": "x-forwarded-client-cert", "proofs_before_start": "danger_accept",
            **self.asked()}
        if self.vector.get("needs"):
            self.settings["allow_on_headers_stop_iteration"] = True
        names = sorted(policy["policies"])
        if "default" not in names:
            self.settings["default_policy"] = names[0]
        fetches = []
        for place_in, source in enumerate(policy["trust"]):
            origin = (source.get("trust_domain"), source.get("name", source.get("issuer")))
            if origin in pushed:
                path = self.files[origin] = f"/{self.number}/{place_in}"
                # A set that is fetched has no member for its kind.
                source.update({"format": "jwks"} if origin[0] and "jwks" in source else {})
                document = source.pop("bundle", source.pop("jwks", None))
                if document is not None:
                    self.keys.documents[path] = json.dumps(document, ensure_ascii=False)
                named = {"trust_domain": origin[0]} if origin[0] else {"issuer": origin[1]}
                fetches.append({**named, "cluster": "keys", "uri": f"http://keys{path}", "refresh_seconds": 1})
        if fetches:
            self.settings["fetch"] = fetches
        lists = [step["revoke"] for step in self.vector["steps"] if "revoke" in step]
        if lists and self.has_one_list_first():
            self.settings["revocations"] = revocations(lists[0], policy)
        elif lists:
            # Nothing is revoked until the first step says so.
            path = self.files["revoked"] = f"/{self.number}/revoked"
            self.keys.documents[path] = "{}"
            self.settings["revocations_fetch"] = {"cluster": "keys", "uri": f"http://keys{path}", "refresh_seconds": 1}
            self.settings["poll_milliseconds"] = 10
        for step in self.vector["steps"]:
            # All of them come before the first request, and the last one applies.
            if "nonces" in step:
                nonces = step["nonces"]
                self.settings["nonce_keys"] = [nonces[name] for name in ("current", "previous") if nonces.get(name)]

    def asked(self):
        """Whom a vector's policy asks."""
        if "answers" not in self.vector.get("needs", []):
            return {}
        servers = {"shared_store": {"cluster": "answering", "path": "/store"}}
        if sum("introspection" in source for source in self.vector["policy"]["trust"]) == 1:
            servers["introspection"] = {"cluster": "answering"}
        return servers

    def has_one_list_first(self):
        """Whether all revocations are made at the beginning: then they are in the settings of a VM."""
        return ["revoke" in step for step in self.vector["steps"]] == [True] + [False] * (len(self.vector["steps"]) - 1)

    def write(self, name, document):
        return self.envoy.write(name, document if isinstance(document, str) else json.dumps(document, ensure_ascii=False))

    def listener(self):
        routes = [route({"prefix": "/", "headers": [{"name": "x-policy", "string_match": {"exact": policy}}]},
                        per_route({"policy": policy})) for policy in sorted(self.vector["policy"]["policies"])]
        own = {f"x_{name}": build.THIS.fact(fact) for name, fact in self.facts.items() if name not in FACTS}
        routes.append(route())
        for one in routes:
            one["response_headers_to_add"] = one["response_headers_to_add"] + server.added(**own)
        shown = {f"x_{name}": build.THIS.fact(fact) for name, fact in self.facts.items()}
        return server.listener(f"v{self.number}", self.socket, [server.countersign(server.text(json.dumps(self.settings)))],
                               routes, shown=shown, forward_client_cert_details="ALWAYS_FORWARD_ONLY",
                               http_protocol_options={"accept_http_10": True})


@contextlib.contextmanager
def documents_server():
    """A server of documents by their paths, which counts how often it was asked for each."""
    with key_server() as keys:
        keys.documents, keys.times = {}, collections.Counter()

        def answer(path):
            keys.times[path] += 1
            document = keys.documents.get(path)
            return (404, "") if document is None else (200, document)

        keys.answer_path = answer
        yield keys


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


def has_bundle_map(vector):
    """The proxy-wasm filter has them only with the feature `bundle-maps`; `wasm/filter/src/tests.rs` has what it says without."""
    return any("trust_domains" in source for source in vector["policy"]["trust"])


class Corpus(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        only = os.environ.get("COUNTERSIGN_ENVOY_VECTORS", "")
        cls.all = {name: vector for name, vector in vectors() if only in name and not (build.THIS is build.WASM and has_bundle_map(vector))}
        cls.folder = tempfile.TemporaryDirectory(prefix="countersign-corpus-")
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
        # Where the age of keys counts, Envoy starts when the vector does.
        old, aged = [], []
        for name, vector in self.all.items():
            if name not in NOT_CARRIED:
                # A VM fetches the pushed documents by the clock, which all vectors of an Envoy share.
                alone = build.THIS is build.WASM and any("trust" in step or "revoke" in step for step in vector["steps"])
                (aged if alone or "max_stale" in json.dumps(vector["policy"]) else old).append((name, vector))
        batches = [(old[at:at + BATCH], 1799990000) for at in range(0, len(old), BATCH)]
        batches += [([one], requests(one[1])[0]["request"]["now"] - (5000 if "max_stale" not in json.dumps(one[1]["policy"]) else 0))
                    for one in aged]
        faults, self.asked, self.compared, self.by_envoy = [], 0, 0, set()
        for batch, start in batches:
            faults += self.run_batch(batch, start)
        print(f"\n{len(old) + len(aged)} vectors, {self.asked} requests; header fields compared in {self.compared}; "
              f"refused by Envoy itself: {len(self.by_envoy)} vectors")
        self.assertEqual(faults, [], f"{len(faults)} faults")
        if not os.environ.get("COUNTERSIGN_ENVOY_VECTORS"):
            self.assertGreaterEqual(len(self.all), 1220)
            self.assertEqual(self.by_envoy, set(REFUSED_BY_ENVOY))
            self.assertEqual(len(self.all) - len(old) - len(aged), len(NOT_CARRIED))
            self.assertLessEqual(set(NOT_CARRIED), set(self.all))

    def run_batch(self, batch, start):
        with documents_server() as keys, Scripted() as self.answering:
            clock = Clock(start)
            with server.Envoy(environment=clock.environment) as envoy:
                sites = [Site(envoy, name, number, vector, keys) for number, (name, vector) in enumerate(batch)]
                envoy.listeners += [site.listener() for site in sites]
                envoy.clusters += [server.cluster("keys", keys.server_port),
                                   server.cluster("answering", self.answering.server.server_address[1])]
                envoy.start()
                for path in sites[0].files.values() if build.THIS is build.WASM else []:
                    until("it is fetched", lambda: keys.times[path] > 0 and self.is_told(envoy, keys))
                return [fault for site in sites for fault in self.run_site(site, clock.set)]

    def run_site(self, site, now):
        answers = iter(self.expected[site.name])
        faults = []
        for place_of, step in enumerate(site.vector["steps"]):
            if "request" not in step:
                outcome = self.prepare(site, step, now)
                if isinstance(step.get("expect"), str) and outcome != (step["expect"] == "installed"):
                    faults.append(f"{site.name} step {place_of}: expected {step['expect']}")
                continue
            for what in self.judge(site, step, next(answers), now):
                faults.append(f"{site.name} step {place_of}: {what}")
        return faults

    @staticmethod
    def is_told(envoy, keys):
        """Whether Envoy has counted every fetch that was begun."""
        found = envoy.counters()
        read = lambda outcome: found.get(("countersign_trust_documents", (("from", "fetch"), ("outcome", outcome))), 0)
        return sum(map(read, ("loaded", "refused", "failed"))) >= sum(keys.times.values())

    def push(self, site, path, document, time_of, now):
        """Has a document fetched at its time; returns whether it was accepted."""
        refused = lambda: site.envoy.counter("countersign_trust_documents", **{"from": "fetch", "outcome": "refused"})
        site.keys.documents[path] = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)
        before, asked = refused(), site.keys.times[path]
        # A fetch begins when the clock moves, back or forth; one that was under way may keep it from doing so for a moment.
        for moment in itertools.cycle((time_of - 1000, time_of)):
            now(moment)
            with contextlib.suppress(AssertionError):
                until("it is fetched", lambda: site.keys.times[path] > asked and self.is_told(site.envoy, site.keys), 1)
                break
        now(time_of)
        return refused() == before

    def counts(self, site):
        found = site.envoy.counters()
        read = lambda outcome: found.get(
            ("countersign_trust_documents", (("from", "file"), ("outcome", outcome))), 0)
        return read("loaded"), read("refused")

    def prepare(self, site, step, now):
        """Puts a step's document in its file; returns whether it was accepted."""
        if build.THIS is build.WASM:
            if "trust" in step:
                trust = step["trust"]
                document = trust.get("text", trust.get("bundle", trust.get("jwks")))
                return self.push(site, site.files[trust.get("trust_domain"), trust.get("issuer")], document, trust["now"], now)
            if "revoke" in step and "revoked" in site.files:
                time_of = requests(site.vector)[0]["request"]["now"]
                return self.push(site, site.files["revoked"], revocations(step["revoke"], site.vector["policy"]), time_of, now)
            return True
        before = self.settled(site)
        if "trust" in step:
            trust = step["trust"]
            now(trust["now"])
            document = trust.get("text", trust.get("bundle", trust.get("jwks")))
            site.write(site.files[trust.get("trust_domain"), trust.get("issuer")], document)
        elif "revoke" in step:
            site.write(f"{site.folder}/revoked.json", revocations(step["revoke"], site.vector["policy"]))
        else:
            lines = [step["nonces"][name] for name in ("current", "previous") if step["nonces"].get(name)]
            site.envoy.write(f"{site.folder}/nonces", "".join(line + "\n" for line in lines))
        until("the document is read", lambda: sum(self.counts(site)) == sum(before) + 1)
        loaded, refused = (after - was for after, was in zip(self.counts(site), before))
        return loaded == 1 and refused == 0

    def settled(self, site):
        """The counts, once all that was loaded at the start is in them."""
        counts = self.counts(site)
        while not getattr(site.envoy, "settled", False):
            time.sleep(0.3)
            again = self.counts(site)
            site.envoy.settled, counts = again == counts, again
        return counts

    def judge(self, site, step, answer, now):
        """What differs from the vector."""
        request, expect = step["request"], step["expect"]
        place_of = target(request["uri"])
        if place_of is None:
            return ["HTTP does not carry it"]
        host, path = place_of
        headers = [tuple(header) for header in request["headers"]]
        if request.get("client_cert"):
            digest = hashlib.sha256(base64.b64decode(request["client_cert"])).hexdigest()
            headers.append(("X-Forwarded-Client-Cert", f"Hash={digest}"))
        headers += [("X-Forwarded-Proto", scheme(request["uri"])), ("X-Policy", request.get("policy", "default"))]
        now(request["now"])
        if host is None and path.startswith("/") and "origin" in site.vector["policy"]["policies"][request.get("policy", "default")]:
            host = "inside.example"  # the policy says what the outside is called
        if host is not None:
            headers.insert(0, ("Host", host))
        # What answers no question here is the body, which is there from the beginning.
        bodies = [answer["body"] for answer in request.get("answers", []) if "body" in answer]
        self.answering.left = [answer for answer in request.get("answers", []) if "body" not in answer]
        body = bodies[0].encode() if bodies else b""
        if body:
            headers.append(("Content-Length", str(len(body))))
        with client.Client(site.socket) as connection:
            data = "\r\n".join([f"{request['method']} {path} HTTP/1.{0 if host is None else 1}",
                                *(f"{name}: {value}" for name, value in headers), "Connection: close", "", ""])
            connection.socket.sendall(data.encode() + body)
            got = connection.receive(request["method"])
        self.asked += 1
        if got.status in (400, 404) and got.one("x-decision") in (None, "-"):
            self.by_envoy.add(site.name)
            return [] if site.name in REFUSED_BY_ENVOY else [f"Envoy refuses: {got.status} {got.one('x-details')}"]
        return list(self.differences(site, expect, answer, got))

    def differences(self, site, expect, answer, got):
        def differ(what, wanted, found):
            if wanted != found:
                yield f"{what}: expected {wanted}, got {found}"

        shadowed = got.status == 200 and expect["decision"] == "refuse" and got.one("x-decision") == "refuse"
        if not shadowed:
            yield from differ("status", expect["status"], got.status)
        yield from differ("decision", expect["decision"], got.one("x-decision"))
        yield from differ("reason", expect.get("reason") or "accepted", got.one("x-reason"))
        if got.status >= 400:
            yield from differ("details", expect.get("reason"), got.one("x-details"))
        for name in ("tool", "rpc_method", "body_digest"):
            if name in expect:
                yield from differ(name, expect[name], shown(got, name))
        for name, wanted in expect.get("attributes", {}).items():
            found = shown(got, f"attribute_{name}")
            yield from differ(f"attribute {name}", wanted, found if isinstance(wanted, str) or found is None else json.loads(found))
        if "cache" in expect:
            yield from differ("cache", expect["cache"], got.one("x-cache"))
        for name, header in (("kind", "x-kind"), ("issuer", "x-issuer"), ("subject", "x-subject"), ("key_id", "x-key_id")):
            wanted = expect.get("token", {}).get(name)
            if wanted is not None:
                found = got.one(header) or got.one(header.replace("_", "-"))
                yield from differ(name, wanted.encode().decode("latin-1"), found)
        wanted = expect.get("headers", answer and answer["headers"])
        if wanted is None or shadowed:
            return
        self.compared += 1
        names = ("www-authenticate", "dpop-nonce", "cache-control")
        found = [[name.lower(), value] for name, value in got.headers if name.lower() in names]
        # A nonce differs with the engine that made it, unless the vector gives its key.
        if "headers" not in expect:
            wanted = [[name, "" if name == "dpop-nonce" else value] for name, value in wanted]
            found = [[name, "" if name == "dpop-nonce" else value] for name, value in found]
        yield from differ("headers", wanted, found)


def shown(got, fact):
    """A fact in a response; Envoy shows `-` for one that is not there."""
    found = got.one(f"x-{fact}") or got.one(f"x-{fact}".replace("_", "-")) or got.one(f"x_{fact}")
    return None if found == "-" else found


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
