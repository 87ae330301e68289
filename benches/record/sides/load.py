"""What `nginx.py` and `envoy.py` share: requests for wrk, one connection, and the processor time that a server took."""

import re
import subprocess
import time
from pathlib import Path

TOKENS = 3000
PROOFS = 8000  # of one measurement, which ends with them


def script(path, target, fields, once=False):
    """A file for wrk with a request for each list of header fields, sent one after the other; `once`: wrk ends with the last one."""
    after_last = "wrk.thread:stop()" if once else "at = 0"
    requests = ",\n".join("{" + ",".join(f'["{name}"]="{value}"' for name, value in [("Host", "api.example"), *pairs]) + "}"
                          for pairs in fields)
    path.write_text(f"""
        local all, at = {{ {requests} }}, 0
        for place, headers in ipairs(all) do all[place] = wrk.format("GET", "{target}", headers) end
        request = function()
            at = at + 1
            local next = all[at]
            if at == #all then {after_last} end
            return next
        end
        done = function(summary, latency)
            local errors, refused = summary.errors, summary.errors.status
            print("requests=" .. summary.requests .. " half=" .. latency:percentile(50) .. " refused=" .. refused
                .. " broken=" .. errors.connect + errors.read + errors.write + errors.timeout)
        end
    """)
    return path


def one_connection(port, requests, pids):
    """For a second at most: the microseconds in which half of the requests were answered, and the processor time of each."""
    before = processor_time(pids)
    done = subprocess.run(["wrk", "-t1", "-c1", "-d1s", "-s", str(requests), f"http://127.0.0.1:{port}/"],
                          capture_output=True, text=True, check=True).stdout
    took = processor_time(pids) - before
    total, half, refused, broken = map(int, re.search(r"requests=(\d+) half=(\d+) refused=(\d+) broken=(\d+)", done).groups())
    assert total and not refused and not broken, f"{requests.name}: of {total} requests {refused} are refused, {broken} failed"
    return half, took / total


def processor_time(pids):
    """Of all threads of these processes, in microseconds."""
    tasks = [task for pid in pids for task in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1000


def answer(rows, measure):
    """Reads the name of a row a line, and writes what it measured, until there is no more."""
    print("ready", flush=True)
    while True:
        try:
            row = input()
        except EOFError:
            return
        print(*measure(rows[row]), flush=True)


def soon():
    """The time of proofs that stay fresh until they are sent."""
    return int(time.time()) + 60
