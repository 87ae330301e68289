"""`make envoy`: an Envoy to play with."""

import signal

from harness import build, issuer
from harness.world import World


def main():
    signal.signal(signal.SIGTERM, lambda *_: exit(0))
    with World(settings={"audit_log": "all"}) as world:
        url = f"http://127.0.0.1:{world.port}/"
        shared = world.bearer(exp=4102444800)
        bound = world.key.token("alice", bound=world.client, exp=4102444800)
        proof = world.client.proof(bound)

        def line(comment, *headers):
            fields = " ".join(f"-H '{name}: {value}'" for name, value in headers)
            print(f"# {comment}\ncurl -i {fields} {url}\n")

        print(f"Envoy runs. Its log: {world.envoy.folder}/log; counters: "
              f"curl -s http://127.0.0.1:{world.envoy.admin}/stats/prometheus | grep countersign_\n")
        line("no token: 401 credential_missing")
        line("an access token: 200, and who it is in x-seen-user", shared)
        line("the client says who it is: its word is removed", shared, ("X-User", "root"))
        line("expired: 401 token_expired", world.bearer(exp=1))
        line("a DPoP-bound token, stolen: 401 proof_missing", issuer.bearer(bound))
        line("the same with its proof: 200, for a minute; the second time 401 proof_replayed", *issuer.dpop(bound, proof))
        if build.THIS is build.MODULE:
            print(f"# the key leaves its set: from the next request on the first token is refused\n"
                  f"echo '{{\"keys\":[]}}' > {world.envoy.folder}/new && mv {world.envoy.folder}/new {world.envoy.folder}/as.json\n")
        try:
            world.envoy.process.wait()
        except (KeyboardInterrupt, SystemExit):
            print("Envoy ends.")


if __name__ == "__main__":
    main()
