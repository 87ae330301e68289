"""python judge.py DIRECTORY ORACLE...: writes `oracle-NAME.ndjson`, one verdict for each case of the oracle's kind."""

import importlib
import json
import sys
from pathlib import Path


def cases_of(root, kind):
    """Every case of this token kind, in every group: its full name, its request, and the policy document."""
    for group in sorted(path for path in root.iterdir() if path.is_dir()):
        document = json.loads((group / "policy.json").read_text())
        # Not every line is a request: some cases are about lines that are none.
        lines = (group / "requests.ndjson").read_text().split("\n")
        expected = map(json.loads, filter(None, (group / "expected.ndjson").read_text().split("\n")))
        for line, case in zip(lines, expected):
            if case["kind"] == kind:
                yield f"{group.name}/{case['name']}", json.loads(line), document


def main():
    root, oracles = Path(sys.argv[1]), sys.argv[2:]
    for oracle in oracles:
        module = importlib.import_module(f"oracles.{oracle}")
        with (root / f"oracle-{oracle}.ndjson").open("w") as out:
            for name, request, document in cases_of(root, module.KIND):
                verdict, detail = module.judge(request, document)
                out.write(json.dumps({"name": name, "verdict": verdict, "detail": detail}) + "\n")


main()
