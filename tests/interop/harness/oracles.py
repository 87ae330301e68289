"""Asks foreign validators about the same tokens. They must agree, but for the differences that are named."""

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase

from harness.corpus import lines_of
from harness.engine import Failure
from harness.install import NODE, PYTHON
from harness.process import ROOT, must

KINDS = {"jose": "jwt", "oauth4webapi": "at+jwt", "spiffe": "jwt-svid"}

JUDGES = [
    (["node", "judge.mjs"], NODE, ["jose", "oauth4webapi"]),
    ([str(PYTHON), "-B", "judge.py"], ROOT / "python", ["spiffe"]),
]


@dataclass(frozen=True)
class Opinion:
    oracle: str
    asked: int
    differing: int
    failures: list[Failure]


def ask_all(directory, groups):
    for command, folder, oracles in JUDGES:
        must([*command, directory, *oracles], f"ask {' and '.join(oracles)}", cwd=folder)
    return [weigh(directory, oracle, groups) for oracle in KINDS]


def weigh(directory, oracle, groups):
    """Each verdict must be the expected one, unless `disagreements/ORACLE.json` names the case. Then it must differ."""
    expected = {case.full_name: case for cases in groups.values() for case in cases if case.kind == KINDS[oracle]}
    lines = lines_of((directory / f"oracle-{oracle}.ndjson").read_text())
    verdicts = {entry["name"]: entry for entry in map(json.loads, lines)}
    named = [entry["cases"] for entry in json.loads((ROOT / "disagreements" / f"{oracle}.json").read_text())]

    failures = [Failure(f"{oracle}: {name}", "not asked") for name in expected.keys() - verdicts.keys()]
    used, differing = set(), 0
    for name, entry in verdicts.items():
        patterns = [pattern for pattern in named if fnmatchcase(name, pattern)]
        used.update(patterns)
        differs = entry["verdict"] != expected[name].decision
        differing += differs
        if differs and not patterns:
            failures.append(
                Failure(
                    f"{oracle}: {name}",
                    f"says {entry['verdict']} {entry['detail'][:100]}, we expect {expected[name].decision}",
                )
            )
        if patterns and not differs:
            failures.append(Failure(f"{oracle}: {name}", f"agrees with us, yet {patterns[0]} names it as a difference"))
    failures += [Failure(f"{oracle}: {pattern}", "names no case") for pattern in named if pattern not in used]
    return Opinion(oracle, len(verdicts), differing, failures)
