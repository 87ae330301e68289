"""What changes while Envoy runs, and HTTP/2: new listeners from a file, bad ones among them, keep the proofs that were used."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import build, client, issuer, server
from harness.server import until
from harness.world import World

LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"


class Updates(unittest.TestCase):
    def setUp(self):
        self.world = World(start=False, workers=2)
        self.enterContext(self.world)
        envoy = self.world.envoy
        self.listener = json.dumps(envoy.listeners.pop())
        envoy.more = {"node": {"id": "test", "cluster": "test"}, "dynamic_resources": {
            "lds_config": {"path_config_source": {"path": str(envoy.folder / "listeners.json")}}}}
        self.publish("first")
        envoy.start()
        until("the first listener", lambda: self.body() == b"first")

    def publish(self, body, **exchanged):
        """The listener whose answers say `body`, with some of its settings exchanged."""
        text = self.listener.replace(json.dumps("ok\n"), json.dumps(body))
        for old, new in exchanged.items():
            assert json.dumps(old) in text, old
            text = text.replace(json.dumps(old), json.dumps(new))
        self.world.envoy.write("listeners.json", {"version_info": body, "resources": [{"@type": LISTENER, **json.loads(text)}]})

    def body(self):
        try:
            return self.world.get(headers=[self.world.bearer()]).body
        except OSError:
            return None

    def rejected(self):
        for line in self.world.envoy.ask_admin("/stats?filter=lds.update_rejected").body.decode().splitlines():
            return int(line.rsplit(" ", 1)[1])
        return 0

    def test_a_new_listener_knows_the_proofs_of_the_old_one(self):
        proven = self.world.proven()
        self.assertEqual(self.world.get(headers=proven).status, 200)
        self.publish("second", subject="client_id")
        until("the second listener", lambda: self.body() == b"second")
        self.assertEqual(self.world.get(headers=[self.world.bearer()]).one("x-seen-user"), "shop")
        for _ in range(8):
            got = self.world.get(headers=proven)
            self.assertEqual((got.status, got.one("x-reason")), (401, "proof_replayed"))
        self.assertEqual(self.world.get(headers=self.world.proven()).status, 200)

    def test_a_bad_listener_leaves_the_old_one_in_force(self):
        self.publish("bad", subject="subjects")
        until("the refusal", lambda: self.rejected() == 1)
        self.assertIn("subjects", self.world.envoy.log())
        got = self.world.get(headers=self.world.proven())
        self.assertEqual((got.status, got.body), (200, b"first"))


class Http2(unittest.TestCase):
    def test_a_proof_is_used_once_by_any_version(self):
        with World() as world:
            url = f"http://127.0.0.1:{world.port}/"

            def ask(headers, version):
                fields = [word for name, value in headers for word in ("-H", f"{name}: {value}")]
                done = subprocess.run(
                    ["curl", "-s", "-o", "/dev/null", version, *fields, "-w", "%{http_version} %{http_code} %header{x-reason}", url],
                    capture_output=True, text=True, check=True)
                return done.stdout.split()

            two, one = "--http2-prior-knowledge", "--http1.1"
            self.assertEqual(ask([], two), ["2", "401", "credential_missing"])
            token = world.bearer()
            self.assertEqual(ask([token], two), ["2", "200", "accepted"])
            self.assertEqual(ask([token, token], two), ["2", "400", "credential_repeated"])
            proven = world.proven()
            self.assertEqual(ask(proven, two), ["2", "200", "accepted"])
            self.assertEqual(ask(proven, two), ["2", "401", "proof_replayed"])
            self.assertEqual(ask(proven, one), ["1.1", "401", "proof_replayed"])
            proven = world.proven()
            self.assertEqual(ask(proven, one), ["1.1", "200", "accepted"])
            self.assertEqual(ask(proven, two), ["2", "401", "proof_replayed"])
            self.assertEqual(ask([issuer.bearer("no token")], two)[1], "401")


if __name__ == "__main__":
    unittest.main()


@build.only(build.MODULE, "VMs have no memory that another process sees")
class HotRestart(unittest.TestCase):
    """Two Envoys serve for a while: the new one takes the listeners, the old one ends the connections that it has."""

    def both(self, settings):
        """A proof at the old Envoy and then at the new one, and a proof at the new one and then at the old one: the statuses."""
        world = World(settings=settings, start=False)
        base = str(server.free_port())
        epoch = lambda number: ["--base-id", base, "--restart-epoch", str(number), "--drain-time-s", "60",
                                "--drain-strategy", "immediate", "--parent-shutdown-time-s", "90"]
        world.envoy.restart = epoch(0)
        world.starts = True
        with world:
            old = world.envoy.process
            try:
                with client.Client(("127.0.0.1", world.port)) as one, client.Client(("127.0.0.1", world.port)) as two:
                    ask = lambda connection, headers: connection.ask("GET", "/", [("Host", "api.example"), *headers]).status
                    for connection in (one, two):
                        until("proofs pass", lambda connection=connection: ask(connection, world.proven()) == 200, 10)
                    world.envoy.restart = epoch(1)
                    world.envoy.start()

                    def is_new():
                        try:
                            said = json.loads(world.envoy.ask_admin("/server_info").body)
                        except OSError:
                            return False  # between the two
                        return said["state"] == "LIVE" and said["command_line_options"]["restart_epoch"] == 1

                    until("the new Envoy serves", is_new)
                    until("it takes proofs", lambda: world.get(headers=world.proven()).status == 200, 10)
                    first, second = world.proven(), world.proven()
                    return [ask(one, first), world.get(headers=first).status, world.get(headers=second).status, ask(two, second)]
            finally:
                old.kill()
                old.wait()

    def test_without_a_file_each_process_takes_a_proof_once(self):
        self.assertEqual(self.both({}), [200, 200, 200, 200])

    def test_with_a_file_one_of_them_does(self):
        with tempfile.TemporaryDirectory(prefix="countersign-", dir="/dev/shm") as folder:
            self.assertEqual(self.both({"replay_file": f"{folder}/proofs"}), [200, 401, 200, 401])

    def test_a_file_that_is_not_on_a_tmpfs_is_a_fault(self):
        with World(start=False) as world:
            path = Path(world.envoy.folder) / "proofs"
            world.settings["replay_file"] = str(path)
            world.envoy.listeners[:] = [server.listener("main", world.port, [server.countersign(world.settings)])]
            with self.assertRaises(AssertionError) as fault:
                world.envoy.start()
            self.assertIn(f"/replay_file: cannot use {path}: it must be on a tmpfs", str(fault.exception))
            world.envoy.process = None
