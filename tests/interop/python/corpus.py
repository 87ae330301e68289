"""Writes one group of cases, the same three files as `node/lib/corpus.mjs`."""

import json

from world import NOW, WORLD


class Corpus:
    def __init__(self, root, group, policy):
        self._directory = root / group
        self._policy = policy
        self._requests = []
        self._expected = []

    def accept(self, name, why, request, kind=None, subject=None):
        """A request that must be accepted. `kind` names the token kind and with it the oracles that are asked too."""
        self._add(name, request, {"kind": kind, "decision": "accept", "reason": None, "subject": subject, "why": why})

    def refuse(self, name, reason, why, request, kind=None):
        """A request that must be refused. `reason` is one word, or a list where the contract leaves the choice open."""
        self._add(name, request, {"kind": kind, "decision": "refuse", "reason": reason, "why": why})

    def write(self):
        self._directory.mkdir(parents=True, exist_ok=True)
        (self._directory / "policy.json").write_text(json.dumps(self._policy, indent=1))
        for name, items in (("requests", self._requests), ("expected", self._expected)):
            (self._directory / f"{name}.ndjson").write_text("".join(json.dumps(item) + "\n" for item in items))

    def _add(self, name, request, expectation):
        defaults = {"method": WORLD["method"], "uri": WORLD["uri"], "now": NOW}
        self._requests.append({"id": name, **defaults, **request})
        self._expected.append({"name": name, **expectation})


def bearer(token):
    return [["authorization", f"Bearer {token}"]]


def dpop(token, *proofs):
    return [["authorization", f"DPoP {token}"], *(["dpop", proof] for proof in proofs)]
