"""wrk against one Envoy whose listeners differ in their filter only: rows in turns, medians of rounds."""

import csv
import datetime
import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

from harness import issuer, server
from harness.build import MODULE, WASM
from harness.world import POLICY, World

TOKENS = 3000  # of several users, more than the small cache has room for
PROOFS = 60000


def authn(key, cache):
    provider = {"issuer": issuer.ISSUER, "audiences": [issuer.AUDIENCE], "forward": True,
                "local_jwks": {"inline_string": issuer.key_set(key)}}
    if cache:
        provider["jwt_cache_config"] = {"jwt_cache_size": 1000, "jwt_max_token_size": 8192}
    return {"name": "jwt_authn", "typed_config": {
        "@type": f"{server.TYPES}.filters.http.jwt_authn.v3.JwtAuthentication", "providers": {"p": provider},
        "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "p"}}]}}


def wrk(port, script, connections, seconds):
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script), f"http://127.0.0.1:{port}/"],
        capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in done and "Socket errors" not in done, done
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
    small = {**policy, "memory": {"verdict_cache_bytes": 65536}}
    policy = {**policy, "memory": {"replay_proofs": 2 * PROOFS}}
    plain = server.route({"prefix": "/"}, direct_response={"status": 200, "body": {"inline_string": "ok\n"}})
    plain.pop("response_headers_to_add")
    base = {"policy": policy, "trust_directory": str(envoy.folder), "proofs_before_start": "danger_accept"}
    without_tables = {**policy, "memory": {"verdict_cache_bytes": 65536, "hot_key_bytes": 0}}

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
    proofs = script("proofs.lua", [issuer.dpop(bound, world.client.proof(bound)) for _ in range(PROOFS)])

    rows = {
        "no filter": ([], one),
        "module, cached token": ([MODULE.filter(base)], one),
        "module, cached token, six facts as metadata": ([MODULE.filter({**base, "metadata": {}})], one),
        "module, cached token, one identity header": ([MODULE.filter(with_identity)], one),
        "wasm, cached token": ([wasm(base)], one),
        "wasm, cached token, six facts as filter state": ([wasm({**base, "metadata": {}})], one),
        "wasm, cached token, one identity header": ([wasm(with_identity)], one),
        "jwt_authn, its cache": ([authn(world.key, True)], one),
        "module, new ES256 token": ([MODULE.filter({**base, "policy": small})], many),
        "wasm, new ES256 token": ([wasm({**base, "policy": small})], many),
        "wasm, new ES256 token, by the proxy's function": ([wasm({**base, "policy": without_tables})], many),
        "jwt_authn, no cache": ([authn(world.key, False)], many),
        "module, DPoP request": (MODULE.filter, proofs),
        "wasm, DPoP request": (wasm, proofs),
    }
    only = os.environ.get("COUNTERSIGN_ENVOY_ROWS", "")
    rows = {name: row for name, row in rows.items() if only in name or name == "no filter"}
    ports = {}
    envoy.listeners.clear()
    for name, (filters, _) in rows.items():
        # Each run of wrk uses the same proofs again, in a store of its own.
        runs = range(2 * rounds) if callable(filters) else [0]
        ports[name] = []
        for run in runs:
            chosen = [filters({**base, "replay_store": f"run-{run}"})] if callable(filters) else filters
            ports[name].append(server.free_port())
            envoy.listeners.append(server.listener(f"l{len(envoy.listeners)}", ports[name][-1], chosen, [plain]))
    world.starts = True
    found = {name: ([], [], []) for name in rows}
    with world:
        for name, (filters, lua) in rows.items():
            if not callable(filters):
                wrk(ports[name][0], lua, 16, 1)  # tables for keys, caches
        for turn in range(rounds):
            for name, (_, lua) in rows.items():
                port = ports[name]
                before = spent(envoy)
                rate, _, total = wrk(port[2 * turn % len(port)], lua, 16, seconds)
                used = (spent(envoy) - before) / total
                _, half, _ = wrk(port[(2 * turn + 1) % len(port)], lua, 1, 1)
                for values, value in zip(found[name], (1e6 / rate, half, used)):
                    values.append(value)
    none = found["no filter"]
    cpu = next(line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line)
    out = []
    for name, (per_request, half, used) in found.items():
        added = [mine - nobodys for mine, nobodys in zip(per_request, none[0])]
        added_used = [mine - nobodys for mine, nobodys in zip(used, none[2])]
        out.append({"date": datetime.date.today().isoformat(), "cpu": cpu, "cores": os.cpu_count(), "load": f"{os.getloadavg()[0]:.1f}",
                    "row": name, "rounds": rounds, "us_per_request_c16": f"{statistics.median(per_request):.1f}",
                    "added_us_c16": f"{statistics.median(added):.1f}", "cpu_us_c16": f"{statistics.median(used):.2f}", "added_cpu_us_c16": f"{statistics.median(added_used):.2f}",
                    "added_cpu_us_c16_best": f"{min(used) - min(none[2]):.2f}",
                    "p50_us_c1": f"{statistics.median(half):.0f}", "p50_us_c1_best": f"{min(half):.0f}"})
    path = record / f"{out[0]['date']}-envoy.csv"
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, out[0].keys())
        table.writeheader()
        table.writerows(out)
    print(f"{'at c=16, microseconds a request':44} {'wall':>8} {'added':>8} {'CPU':>8} {'added':>8} {'best':>8} {'p50 c=1':>9}")
    for row in out:
        columns = ("us_per_request_c16", "added_us_c16", "cpu_us_c16", "added_cpu_us_c16", "added_cpu_us_c16_best", "p50_us_c1")
        print(f"{row['row']:44}" + "".join(f" {row[column]:>8}" for column in columns))
    print(f"{rounds} rounds of {seconds} s; load {out[0]['load']} on {os.cpu_count()} cores; written to {path.name}")


if __name__ == "__main__":
    main()
