"""Rotation under load: every answer while keys come and go, and how long a gate takes to follow."""

import contextlib
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import gates

MINUTES = float(os.environ.get("COUNTERSIGN_SOAK_MINUTES", "10"))
EVERY = 10  # seconds between two rotations
FOLLOWS = 15  # seconds that a gate may take to follow; a filter that fetches does so each second
HERE = Path(__file__).resolve().parent


class Keycloak:
    """A realm whose signing key is replaced."""

    name = "Keycloak 26.7.3"

    def __init__(self):
        import server
        self.keycloak = server.Keycloak()

    def __enter__(self):
        self.keycloak.__enter__()
        self.kid = json.loads(self.keycloak.keys())["keys"][0]["kid"]
        return self

    def __exit__(self, *failure):
        self.keycloak.__exit__(*failure)

    def policy(self):
        kind = {"kind": "jwt", "issuer": self.keycloak.issuer, "algorithms": ["RS256"]}
        return {"trust": [{"issuer": self.keycloak.issuer, "jwks_file": "keys.json"}],
                "policies": {"default": {"accept": [kind], "audience": ["https://api.example"]}}}

    def document(self):
        return self.keycloak.keys()

    def token(self):
        return self.keycloak.token("bearer")

    def add(self):
        self.kid = self.keycloak.add_key(time.time_ns() // 1_000_000)

    def use(self):
        """A key of Keycloak signs from the moment at which it is there."""

    def remove(self):
        self.keycloak.remove_keys(self.kid)


class Spire:
    """A trust domain whose JWT authority is replaced; tokens are those of the agent, bundles those of the bundle endpoint."""

    name = "SPIRE 1.15.3"

    def __init__(self):
        import spire
        self.spire = spire.Spire("example.org")
        self.number = 0

    def __enter__(self):
        self.spire.__enter__()
        self.spire.register(self.spire.start_agent(), "/web")
        gates.until("the agent has the entry", self.has_entry, 60)
        return self

    def has_entry(self):
        with contextlib.suppress(AssertionError):
            return bool(self.token())
        return False

    def __exit__(self, *failure):
        self.spire.__exit__(*failure)

    def policy(self):
        return {"trust": [{"trust_domain": "example.org", "bundle_file": "keys.json"}],
                "policies": {"default": {"accept": ["jwt-svid"], "audience": ["https://api.example"]}}}

    def document(self):
        """The bundle of the endpoint, which is a moment behind the server."""
        def current():
            served = self.spire.served_bundle()
            return served if kids(served) == kids(self.spire.bundle()) else None

        return gates.until("the endpoint has the authorities of the server", current)

    def token(self):
        # An agent hands out the JWT-SVID that it has; for other audiences it gets another one.
        self.number += 1
        return self.spire.fetch("https://api.example", f"n{self.number}")[0]

    def add(self):
        self.old = self.spire.authorities()["active"]
        self.spire.change_authority("prepare")

    def use(self):
        self.spire.change_authority("activate", self.spire.authorities()["prepared"])

    def remove(self):
        self.spire.change_authority("taint", self.old)
        self.spire.change_authority("revoke", self.old)


def kids(bundle):
    return {key["kid"] for key in json.loads(bundle)["keys"] if key["use"] == "jwt-svid"}


class Load:
    """One thread that asks one gate without a pause: good tokens must pass, revoked ones must not."""

    def __init__(self, gate):
        self.gate, self.good, self.revoked = gate, [], []
        self.asked, self.wrong, self.ends = 0, [], False
        self.idle, self.thread = threading.Lock(), threading.Thread(target=self.run)

    def run(self):
        while not self.ends and not self.wrong:
            # A token is either good or revoked for as long as it is being judged.
            with self.idle:
                for token, status in [*((token, 200) for token in self.good), *((token, 401) for token in self.revoked[-2:])]:
                    answer = ask(self.gate, token)
                    self.asked += 1
                    if answer.status != status:
                        self.wrong.append(f"{self.gate.name}: {answer}, expected {status}")
            time.sleep(0.001)

    def change(self, good, revoked=()):
        with self.idle:
            self.good = good
            self.revoked.extend(revoked)


def ask(gate, token):
    return gate.ask([("Authorization", f"Bearer {token}")])


def follow(all_gates, token, status):
    """How long each gate takes until it judges the token so."""
    took = []
    for gate in all_gates:
        began = time.monotonic()
        gates.until(f"{gate.name} answers {status}", lambda gate=gate: ask(gate, token).status == status, FOLLOWS)
        took.append(time.monotonic() - began)
    return took


def soak(issuer):
    kinds = (gates.Nginx, gates.EnvoyModule, gates.EnvoyWasm)
    with issuer, contextlib.ExitStack() as stack:
        documents = {"keys.json": issuer.document()}
        all_gates = [stack.enter_context(kind(issuer.policy(), documents)) for kind in kinds]
        token = issuer.token()
        follow(all_gates, token, 200)
        loads = [Load(gate) for gate in all_gates]
        for load in loads:
            load.change([token])
            load.thread.start()
        rotations, new_keys, old_keys = 0, [], []
        end = time.monotonic() + MINUTES * 60
        try:
            while time.monotonic() < end and not any(load.wrong for load in loads):
                rotations += 1
                issuer.add()
                for gate in all_gates:
                    gate.write("keys.json", issuer.document())
                issuer.use()
                fresh = issuer.token()
                new_keys += follow(all_gates, fresh, 200)
                for load in loads:
                    load.change([token, fresh])
                time.sleep(EVERY / 2)
                for load in loads:
                    load.change([fresh])
                issuer.remove()
                for gate in all_gates:
                    gate.write("keys.json", issuer.document())
                old_keys += follow(all_gates, token, 401)
                for load in loads:
                    load.change([fresh], [token])
                token = fresh
                time.sleep(EVERY / 2)
        finally:
            for load in loads:
                load.ends = True
            for load in loads:
                load.thread.join()
    wrong = [line for load in loads for line in load.wrong]
    return {"name": issuer.name, "rotations": rotations, "wrong": wrong,
            "asked": {load.gate.name: load.asked for load in loads}, "new": new_keys, "old": old_keys}


def record(results):
    """The dated record of this run, beside those before."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True, check=False).stdout.strip()
    now = datetime.datetime.now(datetime.timezone.utc)
    lines = [f"# Rotation under load, {now:%Y-%m-%d %H:%M} UTC", "",
             f"Commit {commit}, {os.cpu_count()} processors ({platform.machine()}), {MINUTES:g} minutes for each issuer; load average at the end "
             f"{os.getloadavg()[0]:.1f}. `make soak` wrote this.", "",
             "| issuer | rotations | requests | wrong answers | until a new key is used, median / most | until an old key is refused, median / most |",
             "|---|---|---|---|---|---|"]
    for result in results:
        new, old = (f"{statistics.median(times):.2f} s / {max(times):.2f} s" if times else "-" for times in (result["new"], result["old"]))
        asked = ", ".join(f"{count} {name}" for name, count in result["asked"].items())
        lines.append(f"| {result['name']} | {result['rotations']} | {asked} | {len(result['wrong'])} | {new} | {old} |")
    lines += ["", "nginx and the module look at the file every 20 and 50 ms, the WebAssembly filter fetches it each second."]
    path = HERE / "record" / f"{now:%Y-%m-%d}.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def main(names):
    results = [soak({"keycloak": Keycloak, "spire": Spire}[name]()) for name in names]
    record(results)
    wrong = [line for result in results for line in result["wrong"]]
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
