"""A VM that ends: its worker answers 503 until another one is there, and what was used stays used."""

import time
import unittest

from harness import build, issuer, server
from harness.server import until
from harness.world import World


@build.only(build.WASM, "the module catches panics in its unit tests")
class Traps(unittest.TestCase):
    def test_a_vm_without_memory_is_reloaded_and_proofs_stay_used(self):
        # More than the VM may have at all: it ends when its first request wants the cache.
        policies = {"greedy": {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE]}}
        world = World(policies=policies, settings={"use": "default"}, start=False)
        greedy, port = {**world.settings, "policy": {**world.settings["policy"], "memory": {"verdict_cache_bytes": 1 << 30}}}, \
            server.free_port()
        world.envoy.listeners.append(server.listener("greedy", port, [server.countersign(greedy)]))
        world.starts = True
        with world:
            proven = world.proven()
            self.assertEqual(world.get(headers=proven).status, 200)
            # Both listeners are in one VM of the worker.
            self.assertEqual(world.get(port=port, headers=[world.bearer()]).status, 503)
            began = time.time()
            until("another VM is there", lambda: world.get(headers=[world.bearer()]).status == 200, 20)
            self.assertGreater(world.envoy.counter("countersign_vm_reload_success"), 0)
            print(f"\nreloaded after {time.time() - began:.1f} s")
            self.assertEqual(world.get(headers=proven).one("x-details"), "proof_replayed")


if __name__ == "__main__":
    unittest.main()
