"""Asks the engine, and compares its answers with the expected ones."""

import json
import subprocess
from dataclasses import dataclass

from harness.corpus import lines_of
from harness.process import TIMEOUT_SECONDS


@dataclass(frozen=True)
class Failure:
    name: str
    what: str


def check(binary, directory, group, cases):
    """Every fault of the engine over one group: first that it stopped, then case by case."""
    folder = directory / group
    command = [binary, "decide", "--policy", folder / "policy.json", "--format", "json"]
    with (folder / "requests.ndjson").open("rb") as requests:
        try:
            done = subprocess.run(command, stdin=requests, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return [Failure(group, f"the engine did not run: {error}")]
    (folder / "decisions.ndjson").write_bytes(done.stdout)
    lines = lines_of(done.stdout.decode("utf-8", "replace"))
    failures = compare(cases, lines)
    if done.returncode < 0 or not lines:
        said = done.stderr.decode("utf-8", "replace").strip()
        failures.insert(0, Failure(group, f"the engine ended with {done.returncode}: {said}"))
    return failures


def compare(cases, lines):
    """One entry per case: None, or the fault of the engine's line for it."""
    verdicts = [(case, fault_of(case, line)) for case, line in zip(cases, lines)]
    verdicts += [(case, "no output line") for case in cases[len(lines) :]]
    failures = [Failure(case.full_name, fault) for case, fault in verdicts if fault]
    if len(lines) > len(cases):
        failures.append(Failure(cases[0].group, f"{len(lines)} output lines for {len(cases)} requests"))
    return failures


def fault_of(case, line):
    try:
        answer = json.loads(line)
    except ValueError:
        return f"not JSON: {line[:80]}"
    if case.decision == "error":
        return None if answer.get("error") else f"expected an error, got {line[:80]}"
    if answer.get("id") != case.name:
        return f"the answer to {answer.get('id')!r} in its place"
    got = (answer.get("decision"), answer.get("reason"))
    if got[0] != case.decision or (case.decision == "refuse" and got[1] not in case.reasons):
        return f"expected {case.decision} {' or '.join(case.reasons)}, got {got[0]} {got[1]} ({case.why})"
    return accepted_fault(case, answer) if case.decision == "accept" else refused_fault(case, answer)


def accepted_fault(case, answer):
    token = answer.get("token") or {}
    for name, expected in (("kind", case.kind), ("subject", case.subject)):
        if expected is not None and token.get(name) != expected:
            return f"token.{name} is {token.get(name)!r}, expected {expected!r}"
    return None


def refused_fault(case, answer):
    """What holds for every refusal: a status, a challenge with a 401, and nothing of the input in the headers."""
    status, headers = answer.get("status"), answer.get("headers") or []
    if not isinstance(status, int) or not 400 <= status < 600:
        return f"status {status!r}"
    if status == 401 and not any(name.lower() == "www-authenticate" for name, _ in headers):
        return "401 without WWW-Authenticate (RFC 9110 §11.6.1)"
    said = " ".join(value for _, value in headers)
    if any(part in said for part in input_parts(case.line)):
        return "the response headers repeat the input"
    return None


def input_parts(line):
    """The parts of every token and proof in the request that are long enough not to occur by chance."""
    for _, value in json.loads(line)["headers"]:
        for part in value.replace(".", " ").split():
            if 16 <= len(part) <= 4096:
                yield part


def perfect_lines(cases):
    """What an engine without fault would print, to try the comparison itself."""
    for case in cases:
        if case.decision == "error":
            yield json.dumps({"id": None, "error": "not a request"})
        elif case.decision == "accept":
            token = {"kind": case.kind, "subject": case.subject}
            yield json.dumps(
                {"id": case.name, "decision": "accept", "reason": None, "status": 200, "headers": [], "token": token}
            )
        else:
            challenge = [["www-authenticate", f'Bearer error_description="{case.reasons[0]}"']]
            yield json.dumps(
                {"id": case.name, "decision": "refuse", "reason": case.reasons[0], "status": 401, "headers": challenge}
            )


def wrong_lines(cases):
    """For each case a line that must not pass: the other decision, another reason, or no error."""
    for case in cases:
        if case.decision == "refuse":
            answer = {"id": case.name, "decision": "refuse", "reason": "internal_error", "status": 500, "headers": []}
        else:
            answer = {"id": case.name, "decision": "refuse", "reason": "token_expired", "status": 401, "headers": []}
        yield json.dumps(answer)
