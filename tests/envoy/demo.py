"""The last part of `make demo`: real Envoy with the filter in front of a small upstream, and what clients and thieves get."""

import os
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from harness import issuer, server
from harness.world import World

POLICIES = {"orders": {"accept": [{"kind": "at+jwt", "scope": ["orders:write"]}], "audience": [issuer.AUDIENCE],
                       "binding": {"require": "dpop"}, "origin": "https://api.example"}}


class Upstream(BaseHTTPRequestHandler):
    """Says for whom it takes the request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = f"{self.headers.get('X-User')} ({self.headers.get('X-Binding')})".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def requests(world, thief):
    """The requests, each with the status and reason that it must get."""
    bound = world.key.token("bob", bound=world.client)
    orders = world.key.token("bob", bound=world.client, scope="orders:read orders:write")
    proof = world.client.proof(bound)
    ours = "https://api.example"
    yield "no token", [], 401, "credential_missing"
    yield "access token, bound to nothing", [world.bearer()], 200, "accepted"
    yield "the same, and \"X-User: root\"", [world.bearer(), ("X-User", "root")], 200, "accepted"
    yield "expired token", [world.bearer(exp=int(time.time()) - 120)], 401, "token_expired"
    yield "token for another audience", [world.bearer(aud="https://other.example")], 401, "audience_mismatch"
    yield "token of a stranger's key", [issuer.bearer(issuer.Key("stranger").token())], 401, "key_unknown"
    yield "DPoP-bound token with its proof", issuer.dpop(bound, proof), 200, "accepted"
    yield "the same proof again", issuer.dpop(bound, proof), 401, "proof_replayed"
    yield "DPoP-bound token stolen, no proof", [issuer.bearer(bound)], 401, "proof_missing"
    yield "stolen, proof by the thief's key", issuer.dpop(bound, thief.proof(bound)), 401, "proof_key_mismatch"
    yield "proof for another URI", issuer.dpop(bound, world.client.proof(bound, uri=f"{ours}/other")), 401, "proof_uri_mismatch"
    yield "/orders without its scope", issuer.dpop(bound, world.client.proof(bound, uri=f"{ours}/orders")), 403, "scope_insufficient"
    yield "/orders with scope and proof", issuer.dpop(orders, world.client.proof(orders, uri=f"{ours}/orders")), 200, "accepted"


def challenge(answer):
    """The scheme and the error of the challenge that has one; of none, the schemes."""
    challenges = answer.all("WWW-Authenticate")
    errors = [re.sub(r"^(\w+) .*?(error=\"\w+\").*", r"\1 \2", each) for each in challenges if "error=" in each]
    return errors[0] if errors else ", ".join(each.split()[0] for each in challenges)


def main():
    title = {"module": "native dynamic module", "wasm": "proxy-wasm filter"}[os.environ["COUNTERSIGN_ENVOY_BUILD"]]
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    upstream.daemon_threads = True
    Thread(target=upstream.serve_forever, daemon=True).start()
    to_upstream = {"route": {"cluster": "upstream"}}
    routes = [server.route({"prefix": "/orders"}, server.per_route({"policy": "orders"}), **to_upstream), server.route(**to_upstream)]
    world = World(policies=POLICIES, routes=routes, settings={"default_policy": "default"})
    world.envoy.clusters.append(server.cluster("upstream", upstream.server_port))
    wrong = 0
    with world:
        print(f"\nReal Envoy, {title}, in front of an upstream:\n")
        print(f"{'request':36} {'status':>6}  {'reason':20} {'upstream takes it for':22} the client is told")
        thief = issuer.Key("thief")
        all_requests = list(requests(world, thief))
        for name, headers, status, reason in all_requests:
            answer = world.get("/orders" if name.startswith("/orders") else "/", headers)
            seen = next(iter(answer.all("X-Reason")), "")
            told = challenge(answer)
            good = (answer.status, seen) == (status, reason)
            wrong += not good
            body = answer.body.decode() if answer.status == 200 else ""
            print(f"{name:36} {answer.status:>6}  {seen:20} {body:22} {told}{'' if good else '   <- WRONG'}")
        print(f"\n{len(all_requests) - wrong} of {len(all_requests)} answers are as they must be.")
    upstream.shutdown()
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
