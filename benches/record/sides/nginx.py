"""One side of `benches/record/run`: an nginx of its own with the module of either revision, one worker."""

import json
import time

from harness import issuer
from harness.server import Nginx
import load

HTTP = """
    countersign_zone main:32m;
    countersign_policy_file {folder}/cached.json;
    open_file_cache max=16;
    open_file_cache_valid 1h;
    server {
        listen 127.0.0.1:{port};
        root {folder}/pages;
        location /cached/ { countersign on; }
        location /new/ { countersign on; countersign_policy_file {folder}/new.json; }
        location /dpop/ { countersign on; }
    }
"""


def main():
    key, client = issuer.Key("bench"), issuer.Key("client")
    lived = int(time.time()) + 7200
    policy = {"trust": [{"issuer": issuer.ISSUER, "jwks": json.loads(issuer.key_set(key))}],
              "policies": {"default": {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE], "origin": "https://api.example",
                                       "dpop": {"max_age_seconds": 300, "future_seconds": 60}}}}
    with Nginx(level="error") as nginx:
        nginx.http = HTTP
        nginx.write("cached.json", json.dumps(policy))
        nginx.write("new.json", json.dumps({**policy, "memory": {"token_cache_bytes": 0}}))
        for row in ("cached", "new", "dpop"):
            nginx.write(f"pages/{row}/index.html", "x" * 200)
        tokens = [key.token(f"subject-{number}", exp=lived) for number in range(load.TOKENS)]
        bound = key.token(bound=client, exp=lived)
        bearers = [[issuer.bearer(token)] for token in tokens]
        sent = {
            "cached": load.script(nginx.folder / "cached.lua", "/cached/", bearers[:1]),
            "new": load.script(nginx.folder / "new.lua", "/new/", bearers)}

        def measure(row):
            if row == "dpop":
                ahead, uri = load.soon(), "https://api.example/dpop/"
                sent[row] = load.script(nginx.folder / "dpop.lua", "/dpop/", [
                    issuer.dpop(bound, client.proof(bound, iat=ahead, uri=uri)) for _ in range(load.PROOFS)], once=True)
            return load.one_connection(nginx.port, sent[row], nginx.workers())

        nginx.start()
        time.sleep(1.1)  # a new store takes proofs from its first second on
        for row in ("cached", "new", "dpop"):
            assert nginx.get(f"/{row}/").status == 401, row
            measure(row)
        load.answer({row: row for row in ("cached", "new", "dpop")}, measure)


if __name__ == "__main__":
    main()
