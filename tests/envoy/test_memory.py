"""What the filter takes of memory by being configured, and by its first requests: it grows with use, not with configuration."""

import unittest

from harness import build, server
from harness.server import until
from harness.world import World

LISTENERS, WORKERS = 50, 2
MIB = 2**20
# Of equal listeners: what one takes, and V8 for the other build.
SHARED = 25 if build.THIS is build.MODULE else 100


class Listeners(unittest.TestCase):
    """50 listeners and 2 workers, beside the same Envoy without the filter."""

    def world(self, settings_of):
        """An Envoy with as many listeners; `settings_of` gives the settings of each by its number, or nothing for no filter."""
        world = World(start=False, workers=WORKERS)
        world.envoy.listeners.clear()
        # One port after the other that nothing listens on, and none of them twice.
        ports = set()
        while len(ports) < LISTENERS:
            ports.add(server.free_port())
        world.ports = sorted(ports)
        for number, port in enumerate(world.ports):
            settings = settings_of(world.settings, number)
            filters = [server.countersign(settings)] if settings else []
            world.envoy.listeners.append(server.listener(f"listener-{number}", port, filters))
        world.starts = True
        return world

    def measured(self, settings_of):
        """Resident MiB before any request, and after both workers of each listener have judged some; and how many were accepted."""
        with self.world(settings_of) as world:
            before = world.envoy.memory() / MIB
            token = world.bearer()
            for port in world.ports:
                # The kernel gives each connection to either worker: that one of them gets none of 8 happens to one listener of 128.
                for _ in range(8):
                    self.assertEqual(world.get(headers=[token], port=port).status, 200)
            asked = 8 * LISTENERS
            if settings_of(world.settings, 0):
                until("all are counted", lambda: world.count("accepted", "accepted") == asked)
            return before, world.envoy.memory() / MIB

    def added(self, settings_of):
        bare, with_filter = self.measured(lambda _settings, _number: None), self.measured(settings_of)
        before, after = (mine - theirs for mine, theirs in zip(with_filter, bare))
        print(f"\n{LISTENERS} listeners, {WORKERS} workers: {bare[0]:.1f} MiB without the filter; "
              f"added {before:.1f} MiB before traffic, {after:.1f} MiB after the first requests")
        return before, after

    def test_listeners_with_different_settings(self):
        before, after = self.added(lambda settings, number: {**settings, "origin": f"https://host-{number}.example"})
        self.assertLess(before, 150)
        self.assertLess(after, 150)

    def test_listeners_with_equal_settings_share_their_caches(self):
        before, after = self.added(lambda settings, _number: settings)
        self.assertLess(before, SHARED)
        self.assertLess(after, SHARED)


if __name__ == "__main__":
    unittest.main()
