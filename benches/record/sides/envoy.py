"""One side of `benches/record/run`: an Envoy of its own with the module and the proxy-wasm filter of either revision, one worker."""

import json

from harness import client, issuer, server
from harness.build import MODULE, WASM
from harness.world import POLICY, World
import load


def main():
    world = World(start=False)
    envoy = world.envoy
    envoy.listeners.clear()
    policy = json.loads(json.dumps(POLICY))
    policy["policies"]["default"]["dpop"] = {"max_age_seconds": 300, "future_seconds": 60}
    # Room for all proofs of a process.
    remembers = {**policy, "memory": {"replay_proofs": 8 * load.PROOFS}}
    # Room for fewer tokens than there are: each one is new when it comes again.
    small = {**policy, "memory": {"token_cache_bytes": 65536}}
    base = {"trust_directory": str(envoy.folder), "proofs_before_start": "danger_accept"}
    plain = server.route({"prefix": "/"}, direct_response={"status": 200, "body": {"inline_string": "ok\n"}})
    plain.pop("response_headers_to_add")
    bearers = [[issuer.bearer(world.key.token(f"user-{number}"))] for number in range(load.TOKENS)]
    bound = world.key.token(bound=world.client)
    sent = {
        "cached": load.script(envoy.folder / "cached.lua", "/", bearers[:1]),
        "new": load.script(envoy.folder / "new.lua", "/", bearers)}
    ports = {}
    for build, settings_of in ((MODULE, lambda settings: settings), (WASM, lambda settings: WASM.settings(settings, envoy.folder))):
        for row, judged_by in (("cached", policy), ("new", small), ("dpop", remembers)):
            settings = settings_of({**base, "policy": judged_by})
            ports[build.name, row] = server.free_port()
            envoy.listeners.append(server.listener(f"{build.name}-{row}", ports[build.name, row], [build.filter(settings)], [plain]))

    def measure(place):
        row = place[1]
        if row == "dpop":
            ahead = load.soon()
            sent[row] = load.script(envoy.folder / "dpop.lua", "/", [
                issuer.dpop(bound, world.client.proof(bound, iat=ahead)) for _ in range(load.PROOFS)], once=True)
        return load.one_connection(ports[place], sent[row], [envoy.process.pid])

    with world:
        envoy.start()
        for place, port in ports.items():
            assert client.get(("127.0.0.1", port), "/").status == 401, place
            measure(place)
        load.answer({" ".join(place): place for place in ports}, measure)


if __name__ == "__main__":
    main()
