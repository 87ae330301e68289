"""At which levels of Envoy's routing a policy can be named: route, virtual host, route configuration, weighted cluster."""

import unittest

from harness import build, issuer, server
from harness.server import per_route, route
from harness.world import POLICY, World

STRICT = {**POLICY["policies"]["default"], "accept": [{"kind": "at+jwt", "scope": ["orders:write"]}]}


class Levels(unittest.TestCase):
    def world(self, on_host=None, on_table=None, routes=None):
        """`default` takes any token of the tests, and `strict` none of them."""
        world = World(start=False, policies={"strict": STRICT}, settings={**build.THIS.routed, "default_policy": "default"},
                      routes=routes or [route()])
        manager = world.envoy.listeners[0]["filter_chains"][0]["filters"][0]["typed_config"]
        manager["route_config"].update(on_table or {})
        manager["route_config"]["virtual_hosts"][0].update(on_host or {})
        world.envoy.clusters.append(server.cluster("nowhere", server.free_port()))
        world.starts = True
        return world

    def details(self, world, target="/"):
        return world.get(target, headers=[world.bearer()]).one("x-details")

    def test_a_virtual_host(self):
        routes = [route({"prefix": "/own"}, per_route({"policy": "default"})),
                  route({"prefix": "/mode"}, per_route({"mode": "enforce"})), route()]
        with self.world(on_host=per_route({"policy": "strict"}), routes=routes) as world:
            self.assertEqual(self.details(world), "scope_insufficient")
            self.assertIsNone(self.details(world, "/own"))
            # The most specific one counts, whole: what the route leaves out is the filter's, not the virtual host's.
            self.assertIsNone(self.details(world, "/mode"))

    def test_a_virtual_host_that_names_no_policy_of_the_document(self):
        with self.world(on_host=per_route({"policy": "none of them"})) as world:
            self.assertEqual(self.details(world), "internal_error")

    @build.only(build.WASM, "the module's are refused with the configuration, see test_configuration")
    def test_a_virtual_host_that_is_not_understood(self):
        with self.world(on_host=per_route({"policyy": "strict"})) as world:
            self.assertEqual(self.details(world), "internal_error")

    @build.only(build.MODULE, "a VM is not shown the metadata of a route configuration")
    def test_a_route_configuration(self):
        with self.world(on_table=per_route({"policy": "strict"})) as world:
            self.assertEqual(self.details(world), "scope_insufficient")
        with self.world(on_table=per_route({"policy": "strict"}), on_host=per_route({"policy": "default"})) as world:
            self.assertIsNone(self.details(world))

    @build.only(build.WASM, "the module honours it")
    def test_the_metadata_of_a_route_configuration_is_not_seen(self):
        """As the README says: Envoy has no attribute for it."""
        with self.world(on_table=per_route({"policy": "strict"})) as world:
            self.assertIsNone(self.details(world))

    @build.only(build.MODULE, "a weighted cluster has no metadata of its own")
    def test_a_weighted_cluster(self):
        weighted = {"clusters": [{"name": "nowhere", "weight": 1, **per_route({"policy": "strict"})}]}
        with self.world(routes=[route(route={"weighted_clusters": weighted})]) as world:
            self.assertEqual(self.details(world), "scope_insufficient")


if __name__ == "__main__":
    unittest.main()
