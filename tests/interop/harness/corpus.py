"""Has the generators write the corpus, and reads it back."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from harness.install import NODE, PYTHON
from harness.process import ROOT, Trouble, must

NODE_GENERATOR = (["node", "generate.mjs"], NODE)
PYTHON_GENERATOR = ([str(PYTHON), "-B", "generate.py"], ROOT / "python")

GENERATORS = {
    "jose": NODE_GENERATOR,
    "dpop": NODE_GENERATOR,
    "oidc_provider": NODE_GENERATOR,
    "mtls": PYTHON_GENERATOR,
    "joserfc": PYTHON_GENERATOR,
    "authgent": PYTHON_GENERATOR,
}

# Per group the fewest cases that may come out of its generator: one that fell silent must not look like success.
# Raise a number when its group grows.
MINIMUM = {"jose": 1000, "dpop": 280, "oidc_provider": 40, "mtls": 40, "joserfc": 400, "authgent": 27}


@dataclass(frozen=True)
class Case:
    """One line of a group: what goes in, what must come out, and why."""

    group: str
    name: str
    kind: str | None  # the token kind, for the oracles
    decision: str  # accept, refuse, or error for a line that is no request
    reasons: tuple[str, ...]  # of a refusal; more than one where the contract leaves the choice open
    subject: str | None
    why: str
    line: str

    @property
    def full_name(self):
        return f"{self.group}/{self.name}"


def generate(directory):
    """Each group is a process of its own, because some of them stop the clock."""

    def one(group):
        command, folder = GENERATORS[group]
        must([*command, directory, group], f"generate {group}", cwd=folder)
        return read_group(directory, group)

    with ThreadPoolExecutor() as pool:
        return dict(zip(GENERATORS, pool.map(one, GENERATORS)))


def read_group(directory, group):
    folder = directory / group
    lines = lines_of((folder / "requests.ndjson").read_text())
    expected = [json.loads(line) for line in lines_of((folder / "expected.ndjson").read_text())]
    if len(lines) != len(expected):
        raise Trouble(f"{group}: {len(lines)} requests and {len(expected)} expectations")
    return [make_case(group, entry, line) for entry, line in zip(expected, lines)]


def lines_of(text):
    """The lines of NDJSON. Not `splitlines`: that also splits at characters that may be inside a JSON string."""
    return text.removesuffix("\n").split("\n") if text else []


def make_case(group, entry, line):
    reason = entry["reason"]
    reasons = () if reason is None else (reason,) if isinstance(reason, str) else tuple(reason)
    return Case(
        group, entry["name"], entry["kind"], entry["decision"], reasons, entry.get("subject"), entry["why"], line
    )


def faults_of(groups):
    """The faults of the corpus itself, as (name, fault) pairs."""
    faults = []
    for group, cases in groups.items():
        if len(cases) < MINIMUM[group]:
            faults.append((group, f"only {len(cases)} cases, {MINIMUM[group]} expected at least"))
        names = [case.name for case in cases]
        faults.extend(
            (f"{group}/{name}", "two cases of this name") for name in sorted(set(names)) if names.count(name) > 1
        )
        for case in cases:
            if (case.decision == "refuse") != bool(case.reasons):
                faults.append((case.full_name, "a reason belongs to a refusal, and a refusal has one"))
    return faults
