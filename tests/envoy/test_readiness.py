"""Envoy takes no traffic before the first documents are there: a bootstrap extension of the module, or a document in the policy."""

import json
import time
import unittest

from harness import build, issuer, server
from harness.build import STRUCT, TYPES
from harness.world import POLICY, World, key_server, slow

FETCHED = {**POLICY, "trust": [{"issuer": issuer.ISSUER, "jwks_uri": "https://as.example/keys"}]}


class Ready(unittest.TestCase):
    def world(self, keys, extension=None, policy=FETCHED):
        """A world that is not started; its keys come from the server."""
        world = World(start=False, policy=policy, workers=2, settings={"fetch": [{"issuer": issuer.ISSUER, "cluster": "keys"}]})
        world.envoy.clusters.append(server.cluster("keys", keys.server_port))
        if extension is not None:
            world.envoy.more["bootstrap_extensions"] = [{"name": "countersign", "typed_config": {
                "@type": f"{TYPES}.bootstrap.dynamic_modules.v3.DynamicModuleBootstrapExtension",
                "dynamic_module_config": build.THIS.loaded(), "extension_name": "countersign",
                "extension_config": {"@type": STRUCT, "value": extension}}}]
        world.starts = True
        return world

    def started(self, world):
        """How long Envoy was not ready, and what its first request got."""
        began = time.monotonic()
        with world:
            waited = time.monotonic() - began
            got = world.get(headers=[world.bearer()])
            return waited, got.status, got.one("x-details"), world.envoy.log()

    @build.only(build.MODULE, "a VM has no way to hold Envoy back")
    def test_the_first_request_meets_keys(self):
        with key_server() as keys:
            world = self.world(keys, {})
            keys.answer = slow(2, lambda: (200, issuer.key_set(world.key)))
            waited, status, details, _ = self.started(world)
            self.assertEqual((status, details), (200, None))
            self.assertGreater(waited, 2)
            self.assertLess(waited, 15)

    @build.only(build.MODULE, "a VM has no way to hold Envoy back")
    def test_it_waits_no_longer_than_it_is_told(self):
        with key_server() as keys:
            waited, status, details, log = self.started(self.world(keys, {"wait_seconds": 3}))
            self.assertEqual((status, details), (503, "keys_stale"))
            self.assertGreater(waited, 3)
            self.assertLess(waited, 15)
            self.assertIn("countersign: ready without the documents of some trust domain or issuer, after 3 s", log)

    @build.only(build.MODULE, "a VM has no way to hold Envoy back")
    def test_with_nothing_to_fetch_it_does_not_wait(self):
        with World(start=False) as world, key_server() as keys:
            world.envoy.more = self.world(keys, {"wait_seconds": 30}).envoy.more
            began = time.monotonic()
            world.envoy.start()
            self.assertLess(time.monotonic() - began, 15)
            self.assertEqual(world.get(headers=[world.bearer()]).status, 200)

    @build.only(build.MODULE, "a VM has no way to hold Envoy back")
    def test_settings_that_are_not_understood(self):
        with key_server() as keys:
            world = self.world(keys, {"wait_seconds": 0, "seconds": 3})
            world.starts = False
            with world:
                passed, said = world.envoy.validate()
            self.assertFalse(passed, said)
            for expected in ("/wait_seconds: found 0, expected a whole number from 1 to 3600",
                             "/seconds: found an unknown member, expected one of wait_seconds"):
                self.assertIn(f"countersign: {expected}", said)

    def test_without_it_the_first_requests_are_refused(self):
        """What the READMEs say of a listener that does not wait."""
        with key_server() as keys:
            world = self.world(keys)
            keys.answer = slow(2, lambda: (200, issuer.key_set(world.key)))
            _, status, details, _ = self.started(world)
            self.assertEqual((status, details), (503, "keys_stale"))

    def test_a_document_in_the_policy_counts_until_the_first_one_is_fetched(self):
        with key_server() as keys:
            world = World(start=False)
            policy = {**POLICY, "trust": [{"issuer": issuer.ISSUER, "jwks": json.loads(issuer.key_set(world.key))}]}
            fetch = [{"issuer": issuer.ISSUER, "cluster": "keys", "uri": "https://as.example/keys"}]
            settings = build.THIS.settings({**world.settings, "policy": policy, "fetch": fetch}, world.envoy.folder)
            manager = world.envoy.listeners[0]["filter_chains"][0]["filters"][0]["typed_config"]
            manager["http_filters"][0] = server.countersign(settings)
            world.envoy.clusters.append(server.cluster("keys", keys.server_port))
            keys.answer = slow(2, lambda: (200, issuer.key_set(world.key)))
            world.starts = True
            _, status, _, _ = self.started(world)
            self.assertEqual(status, 200)


if __name__ == "__main__":
    unittest.main()
