"""A VM that ends: its worker answers 503 until another one is there, and used proofs stay used."""

import unittest

from harness import build, client, issuer, server
from harness.server import until
from harness.world import World


@build.only(build.WASM, "the module catches panics in its unit tests")
class Traps(unittest.TestCase):
    def test_a_vm_without_memory_is_reloaded_and_proofs_stay_used(self):
        # More than the VM may have at all: it ends when its cache, full at 256 MiB, is to grow once more.
        policies = {"greedy": {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE]}}
        world = World(policies=policies, settings={"default_policy": "default"}, start=False)
        greedy, port = {**world.settings, "policy": {**world.settings["policy"], "memory": {"token_cache_bytes": 1 << 30}}}, \
            server.free_port()
        world.envoy.listeners.append(server.listener("greedy", port, [server.countersign(greedy)]))
        world.starts = True
        with world:
            proven = world.proven()
            self.assertEqual(world.get(headers=proven).status, 200)
            # Both listeners are in one VM of the worker.
            reloaded = lambda: world.envoy.counter("countersign_vm_reload_success") > 0
            self.fill(world, port, reloaded)
            until("another VM is there", lambda: world.get(headers=[world.bearer()]).status == 200 and reloaded(), 20)
            self.assertEqual(world.get(headers=proven).one("x-details"), "proof_replayed")

    def fill(self, world, port, is_enough):
        """Sends tokens as long as they may be, each once, until the VM has no memory for them; it ends between two requests, or in one."""
        padding = "x" * 11_500
        with client.Client(("127.0.0.1", port)) as connection:
            for sent in range(20_000):
                token = world.bearer(padding=padding)
                status = connection.ask("GET", "/", [("Host", "api.example"), token]).status
                self.assertIn(status, (200, 503))
                if sent % 500 == 0 and is_enough() or status == 503:
                    print(f"\nended after some {sent} tokens of {len(token[1])} bytes, {world.envoy.memory() >> 20} MiB resident")
                    return
        self.fail("the VM has room for all of them")


if __name__ == "__main__":
    unittest.main()
