"""wrk against one Envoy whose listeners differ in their filter only: rows in turns, a new Envoy each round, medians of rounds."""

import csv
import dataclasses
import datetime
import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "compare"))
import charts
from harness import issuer, server
from harness.build import MODULE, WASM
from harness.world import POLICY, World

TOKENS = 3000  # of several users, more than the small cache has room for
PROOFS = 60000  # LuaJIT takes no more than 65,536 tables in one file
WARMING = 3000  # proofs


def authn(key, cache):
    provider = {"issuer": issuer.ISSUER, "audiences": [issuer.AUDIENCE], "forward": True,
                "local_jwks": {"inline_string": issuer.key_set(key)}}
    if cache:
        provider["jwt_cache_config"] = {"jwt_cache_size": 1000, "jwt_max_token_size": 8192}
    return {"name": "jwt_authn", "typed_config": {
        "@type": f"{server.TYPES}.filters.http.jwt_authn.v3.JwtAuthentication", "providers": {"p": provider},
        "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "p"}}]}}


NO_FILTER = "no filter"


@dataclasses.dataclass
class Row:
    """One way to treat one kind of request."""

    request: str
    way: str
    filters: object  # the filters of its listener, or what makes them of settings
    sent: Path
    kind: str | None = None  # as the chart has it, if its name does not say

    @property
    def name(self):
        return f"{self.request}: {self.way}"


def empty_module(path):
    """A module that does nothing: what Envoy itself takes for any."""
    loaded = {"module": {"local": {"filename": path}}, "do_not_close": True}
    return {"name": "empty", "typed_config": {
        "@type": f"{server.TYPES}.filters.http.dynamic_modules.v3.DynamicModuleFilter", "dynamic_module_config": loaded,
        "filter_name": "empty"}}


def reading_filter():
    """A proxy-wasm filter that reads the header fields: what Envoy itself takes for any that looks at a request."""
    code = {"local": {"filename": os.environ["COUNTERSIGN_ENVOY_READS"]}}
    return WASM.filter({}, vm_config={"vm_id": "reads", "runtime": "envoy.wasm.runtime.v8", "code": code})


def wrk(port, script, connections, seconds, refusals=False):
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script), f"http://127.0.0.1:{port}/"],
        capture_output=True, text=True, check=True).stdout
    assert (refusals or "Non-2xx" not in done) and "Socket errors" not in done, f"{script}: {done}"
    value, unit = re.search(r"50%\s+([\d.]+)(us|ms)", done).groups()
    total = int(re.search(r"(\d+) requests in", done)[1])
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done)[1]), float(value) * (1000 if unit == "ms" else 1), total


def spent(envoy):
    """Processor time of all threads of Envoy, in microseconds: what neighbours on the machine take away is not in it."""
    tasks = Path(f"/proc/{envoy.process.pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1000


def main():
    record, rounds, seconds = Path(sys.argv[1]), int((sys.argv[2:] or [5])[0]), int((sys.argv[3:] or [2])[0])
    world = World(start=False)
    envoy = world.envoy
    policy = json.loads(json.dumps(POLICY))
    policy["policies"]["default"]["dpop"] = {"max_age_seconds": 300}
    # Room for fewer tokens than there are: each one is new when it comes again.
    small = {**policy, "memory": {"token_cache_bytes": 65536}}
    policy = {**policy, "memory": {"replay_proofs": 2 * PROOFS}}
    plain = server.route({"prefix": "/"}, direct_response={"status": 200, "body": {"inline_string": "ok\n"}})
    plain.pop("response_headers_to_add")
    base = {"policy": policy, "trust_directory": str(envoy.folder), "proofs_before_start": "danger_accept"}
    without_tables = {**policy, "memory": {"token_cache_bytes": 65536, "hot_key_bytes": 0}}

    def wasm(settings):
        """The proxy-wasm filter, with its documents in the policy."""
        return WASM.filter(WASM.settings(settings, envoy.folder))

    with_identity = {**base, "identity_headers": {"x-user": "subject"}}

    bearer = [f"Bearer {world.key.token(f'user-{number}')}" for number in range(TOKENS)]
    bound = world.key.token(bound=world.client)

    def script(name, fields):
        path = envoy.folder / name
        lines = ",\n".join("{" + ",".join(f'["{key}"]="{value}"' for key, value in [("Host", "api.example"), *pairs]) + "}"
                           for pairs in fields)
        path.write_text(f"""
            local all, at = {{ {lines} }}, 0
            for place, headers in ipairs(all) do all[place] = wrk.format("GET", "/", headers) end
            request = function() at = at + 1; if at > #all then at = 1 end; return all[at] end
        """)
        return path

    one = script("one.lua", [[("Authorization", bearer[0])]])
    many = script("many.lua", [[("Authorization", value)] for value in bearer])

    def new_proofs(name, count):
        return script(name, [issuer.dpop(bound, world.client.proof(bound)) for _ in range(count)])

    proofs = new_proofs("proofs.lua", 1)

    cached, new, dpop = "cached token", "new ES256 token", "DPoP request"
    rows = [
        # A proof makes a request longer, with and without a filter: each row is held against the same requests.
        Row(NO_FILTER, "one token", [], one),
        Row(NO_FILTER, "many tokens", [], many),
        Row(NO_FILTER, "a token and proofs", [], proofs),
        Row("Envoy's own part", "a module that does nothing", [empty_module(os.environ["COUNTERSIGN_ENVOY_EMPTY"])], one, "ring"),
        Row("Envoy's own part", "a module of 115 KB that does nothing", [empty_module(os.environ["COUNTERSIGN_ENVOY_CODE"])], one, "ring"),
        Row("Envoy's own part", "a proxy-wasm filter that reads the header fields", [reading_filter()], one, "ring"),
        Row(cached, "countersign, module", [MODULE.filter(base)], one),
        Row(cached, "countersign, module, one identity header", [MODULE.filter(with_identity)], one),
        Row(cached, "countersign, module, six facts as metadata", [MODULE.filter({**base, "metadata": {}})], one),
        Row(cached, "countersign, wasm", [wasm(base)], one),
        Row(cached, "countersign, wasm, one identity header", [wasm(with_identity)], one),
        Row(cached, "countersign, wasm, six facts as filter state", [wasm({**base, "metadata": {}})], one),
        Row(cached, "jwt_authn, its cache", [authn(world.key, True)], one),
        Row(new, "countersign, module", [MODULE.filter({**base, "policy": small})], many),
        Row(new, "countersign, wasm", [wasm({**base, "policy": small})], many),
        Row(new, "countersign, wasm, by the proxy's function", [wasm({**base, "policy": without_tables})], many),
        Row(new, "jwt_authn, no cache", [authn(world.key, False)], many),
        Row(dpop, "countersign, module", MODULE.filter, proofs),
        Row(dpop, "countersign, wasm", wasm, proofs),
    ]
    only = os.environ.get("COUNTERSIGN_ENVOY_ROWS", "")
    rows = [row for row in rows if only in row.name or row.request == NO_FILTER]
    ports = {}
    envoy.listeners.clear()
    for row in rows:
        # Both runs of wrk use the same proofs, each in a store of its own.
        runs = (16, 1) if callable(row.filters) else (0,)
        ports[row.name] = []
        for run in runs:
            chosen = [row.filters({**base, "replay_store": f"run-{run}"})] if callable(row.filters) else row.filters
            ports[row.name].append(server.free_port())
            envoy.listeners.append(server.listener(f"l{len(envoy.listeners)}", ports[row.name][-1], chosen, [plain]))
    found = {row.name: ([], [], []) for row in rows}
    with world:
        for _ in range(rounds):
            # Where the program and its memory lie is different in each process, and moves a row by up to 3 µs.
            envoy.stop()
            envoy.start()
            for row in rows:
                for port in ports[row.name]:
                    # Tables for keys, caches; proofs that come a second time are refused.
                    sent = new_proofs("warming.lua", WARMING) if callable(row.filters) else row.sent
                    wrk(port, sent, 16, 1, refusals=callable(row.filters))
            new_proofs("proofs.lua", PROOFS)
            for row in rows:
                first, *_, last = ports[row.name] * 2
                before = spent(envoy)
                rate, _, total = wrk(first, row.sent, 16, seconds)
                used = (spent(envoy) - before) / total
                _, half, _ = wrk(last, row.sent, 1, 1)
                for values, value in zip(found[row.name], (1e6 / rate, half, used), strict=True):
                    values.append(value)
    lines = table(rows, found, rounds)
    report(record, lines, rows, f"{lines[0]['cpu']}, load {lines[0]['load']}, {rounds} rounds of {seconds} s, each in an Envoy of its own")


def table(rows, found, rounds):
    """Medians of the rounds; the cost of a row over the same requests without a filter is the median of the cost in each round."""
    cpu = next(line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line)
    without = {row.sent: found[row.name] for row in rows if row.request == NO_FILTER}
    lines = []
    for row in rows:
        wall, half, used = found[row.name]
        added_wall, added_half, added_used = (
            statistics.median(mine - nobodys for mine, nobodys in zip(own, plain, strict=True))
            for own, plain in zip((wall, half, used), without[row.sent], strict=True))
        lines.append({
            "date": datetime.date.today().isoformat(), "cpu": cpu, "cores": os.cpu_count(), "load": f"{os.getloadavg()[0]:.1f}",
            "request": row.request, "way": row.way, "rounds": rounds,
            "us_c16": f"{statistics.median(wall):.1f}", "added_us_c16": f"{added_wall:.1f}",
            "cpu_us_c16": f"{statistics.median(used):.1f}", "added_cpu_us_c16": f"{added_used:.1f}",
            "p50_us_c1": f"{statistics.median(half):.0f}", "added_p50_us_c1": f"{added_half:.0f}"})
    return lines


def report(record, lines, rows, caption):
    """The table as Markdown, and with the chart in the record, unless only some rows ran."""
    print("| request | with | a request, 16 connections | added | processor time added | p50, 1 connection | added |")
    print("|---|---|---|---|---|---|---|")
    for line in lines:
        columns = ("us_c16", "added_us_c16", "added_cpu_us_c16", "p50_us_c1", "added_p50_us_c1")
        print(f"| {line['request']} | {line['way']} | " + " | ".join(line[column] for column in columns) + " |")
    print(f"\nMicroseconds, medians. {caption}.")
    if os.environ.get("COUNTERSIGN_ENVOY_ROWS"):
        return
    path = record / f"{lines[0]['date']}-envoy.csv"
    with path.open("w", newline="") as file:
        out = csv.DictWriter(file, lines[0].keys(), lineterminator="\n")
        out.writeheader()
        out.writerows(lines)
    # What a busy machine made less than nothing has no place on a logarithmic scale.
    bars = [{"row": line["request"], "peer": line["way"], "kind": row.kind, "median": max(float(line["added_us_c16"]), 0.1)}
            for line, row in zip(lines, rows, strict=True) if row.request != NO_FILTER]
    titles = {row.request: row.request[0].upper() + row.request[1:] for row in rows}
    scale = "Microseconds added to a request in Envoy, 16 connections, logarithmic. Green: countersign; grey: Envoy alone; blue: jwt_authn."
    (record / "envoy.svg").write_text(charts.compare(bars, titles, "", scale))
    print(f"Written to {path.name} and envoy.svg.")


if __name__ == "__main__":
    main()
