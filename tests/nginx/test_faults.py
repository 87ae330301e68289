"""What happens around requests: keys that come and go, reloads, upgrades, workers that die, many at once."""

import json
import os
import re
import signal
import subprocess
import threading
import time
import unittest

from harness import client, issuer
from harness.server import end, is_alive, until
from harness.world import HTTP, PROTECTED, World
from hosts.clock import Clock

PROOFS = int(os.environ.get("COUNTERSIGN_NGINX_PROOFS", "10000"))
WORKERS = 4


class Trust(unittest.TestCase):
    def wait_for(self, world, outcome, count):
        until(f"{count} documents {outcome}", lambda: world.zone()["trust"][outcome] >= count)

    def test_a_corrupt_file_keeps_the_last_good_one(self):
        with World(workers=2) as world:
            token = world.bearer()
            self.assertEqual(world.get("/", [token]).status, 200)
            self.wait_for(world, "loaded", 2)
            for number, text in enumerate(['{"keys":[', "[]", '{"keys":{}}', "", "x" * 100], 1):
                world.nginx.write("as.json", text)
                self.wait_for(world, "refused", 2 * number)
                for _ in range(4):
                    self.assertEqual(world.get("/", [token]).status, 200, text)
            (world.nginx.folder / "as.json").unlink()
            self.wait_for(world, "unreadable", 2)
            self.assertEqual(world.get("/", [token]).status, 200)
            self.assertIn("the last good document stays in use, with 1 key", world.nginx.log())
            self.assertIn("as.json", world.nginx.log())
            # An empty set is a good document without keys.
            world.nginx.write("as.json", '{"keys":[]}')
            self.wait_for(world, "loaded", 4)
            self.assertEqual(world.get("/", [token]).status, 401)

    def test_a_start_without_keys(self):
        with World() as world:
            (world.nginx.folder / "as.json").unlink()
            world.nginx.reload()
            self.assertEqual(world.get("/", [world.bearer()]).status, 503)
            world.trust(world.key)
            until("the keys", lambda: world.get("/", [world.bearer()]).status == 200)

    def test_a_reload_with_a_corrupt_file_is_given_up(self):
        with World() as world:
            token = world.bearer()
            before = world.nginx.workers()
            world.nginx.write("as.json", "nonsense")
            os.kill(world.nginx.master(), signal.SIGHUP)
            until("the reload fails", lambda: "its last good version: not reloaded" in world.nginx.log())
            self.assertEqual(world.nginx.workers(), before)
            self.assertEqual(world.get("/", [token]).status, 200)

    def test_a_worker_that_starts_late_trusts_nothing_old(self):
        """The master read the first key. It was removed; the file is corrupt now; a worker dies."""
        with World() as world:
            token, second = world.bearer(), issuer.Key("second")
            world.trust(second)
            until("the first key is gone", lambda: world.get("/", [token]).status == 401)
            world.nginx.write("as.json", "nonsense")
            (worker,) = world.nginx.workers()
            os.kill(worker, signal.SIGKILL)
            until("another worker", lambda: (now := world.nginx.workers()) and now != [worker])
            self.assertEqual(world.get("/", [token]).status, 503)
            world.trust(second)
            until("its keys", lambda: world.get("/", [issuer.bearer(second.token())]).status == 200)
            self.assertEqual(world.get("/", [token]).status, 401)

    def test_a_new_key_counts_before_the_poll(self):
        with World(http=HTTP.replace("trust_poll 20ms", "trust_poll 1h")) as world:
            self.assertEqual(world.get("/", [world.bearer()]).status, 200)
            second = issuer.Key("second")
            world.trust(world.key, second)
            self.assertEqual(world.get("/", [issuer.bearer(second.token())]).status, 200)

    def looks(self, world):
        (policy_file,) = world.status()["worker"]["policy_files"]
        return policy_file["looks"]

    def test_looks_are_counted(self):
        with World(http=HTTP.replace("trust_poll 20ms", "trust_poll 1h")) as world:
            self.assertEqual(world.get("/", [world.bearer()]).status, 200)
            self.assertEqual(self.looks(world), 0)
            self.assertEqual(world.get("/", [issuer.bearer(issuer.Key("second").token())]).status, 401)
            self.assertEqual(self.looks(world), 1)

    def test_many_files_are_not_looked_at_for_each_request(self):
        """A look at many files takes long: tokens of unknown keys, which any client can make, cost a twentieth of the time at most."""
        world = World(http=HTTP.replace("trust_poll 20ms", "trust_poll 1h"))
        keys = issuer.key_set(world.key)
        for number in range(3000):
            world.policy["trust"].append({"issuer": f"https://{number}.example", "jwks_file": f"keys/{number}.json"})
            world.nginx.write(f"keys/{number}.json", keys)
        world.nginx.write("policy.json", json.dumps(world.policy))
        with world, client.Client(world.nginx.address) as connection:
            unknown = issuer.bearer(issuer.Key("unknown").token())
            requests = 500
            for _ in range(requests):
                self.assertEqual(connection.ask("GET", "/", [("Host", "api.example"), unknown]).status, 401)
            looks = self.looks(world)
            self.assertGreater(looks, 0)
            self.assertLess(looks, requests // 8)
            # A key that comes now counts within a second, long before the poll.
            second = issuer.Key("second")
            world.trust(world.key, second)
            until("its key", lambda: world.get("/", [issuer.bearer(second.token())]).status == 200, patience=10)

    def test_each_request_looks_with_a_poll_of_nothing(self):
        with World(http=HTTP.replace("trust_poll 20ms", "trust_poll 0"), workers=WORKERS) as world:
            token = world.bearer()
            for _ in range(100):
                world.trust(world.key)
                self.assertEqual(world.get("/", [token]).status, 200)
                world.trust()
                self.assertEqual(world.get("/", [token]).status, 401)

    def test_no_start_without_revocations(self):
        world = World("countersign_revocations {folder}/revoked.json;" + PROTECTED)
        with world.nginx:
            with self.assertRaisesRegex(AssertionError, "a document of revocations cannot be used"):
                world.nginx.start()

    def test_revocations_change(self):
        world = World("countersign_revocations {folder}/revoked.json;" + PROTECTED)
        world.nginx.write("revoked.json", "{}")
        with world:
            alice, bob = world.bearer(), world.bearer(subject="bob")
            self.assertEqual(world.get("/", [alice]).status, 200)
            world.nginx.write("revoked.json", json.dumps({"authorities": [{"issuer": issuer.ISSUER, "subjects": ["alice"]}]}))
            until("alice is revoked", lambda: world.get("/", [alice]).status == 401)
            self.assertEqual(world.get("/", [bob]).status, 200)
            world.nginx.write("revoked.json", "nonsense")
            until("it is refused", lambda: world.zone()["trust"]["refused"] == 1)
            self.assertEqual(world.get("/", [alice]).status, 401)
            # A worker that starts does not know the revocations: it refuses every token.
            (worker,) = world.nginx.workers()
            os.kill(worker, signal.SIGKILL)
            until("another worker", lambda: (now := world.nginx.workers()) and now != [worker])
            self.assertEqual(world.get("/", [bob]).status, 500)
            world.nginx.write("revoked.json", "{}")
            until("it knows", lambda: world.get("/", [bob]).status == 200)


class Replay(unittest.TestCase):
    def dpop(self, world, target="/"):
        token = world.key.token(bound=world.client)
        return issuer.dpop(token, world.proof(token, uri=f"https://api.example{target}"))

    def test_a_reload_remembers(self):
        with World(workers=2) as world:
            used, fresh = self.dpop(world), self.dpop(world)
            self.assertEqual(world.get("/", used).status, 200)
            refusals = world.zone()["enforce"]["refused"]["proof_replayed"]
            world.nginx.reload()
            self.assertEqual(world.get("/", used).status, 401)
            self.assertEqual(world.zone()["enforce"]["refused"]["proof_replayed"], refusals + 1)
            self.assertEqual(world.get("/", fresh).status, 200)

    def test_one_client_does_not_fill_the_zone_for_another(self):
        """It is refused itself, with a 4xx; gauges and one line of the log, of all workers, say so."""
        with World(http=HTTP.replace("main:256k;", "main:32k;"), workers=2) as world:
            slots = world.zone()["replay"]["slots"]
            self.assertGreater(slots, 500)
            other = issuer.Key("other")
            world.store_in_use()

            def ask(connection, key):
                token = world.key.token(bound=key)
                answer = connection.ask("GET", "/", [("Host", "api.example"), *issuer.dpop(token, world.proof(token, key))])
                return answer.status

            with client.Client(world.nginx.address) as one, client.Client(world.nginx.address) as two:
                answers = []
                while answers.count(429) < 200 and len(answers) < 2 * slots:
                    answers.append(ask((one, two)[len(answers) % 2], world.client))
                self.assertEqual(set(answers), {200, 429})
                used = answers.count(200)
                self.assertLess(used, slots * 103 // 126 + 2)
                self.assertEqual([ask(one, other) for _ in range(20)], [200] * 20)
                replay = world.zone()["replay"]
                self.assertEqual((replay["live_proofs"], replay["refusing_permille"]), (used + 20, 0))
                self.assertEqual(world.zone()["enforce"]["refused"]["proof_share_exceeded"], answers.count(429))
            said = world.nginx.log().count("countersign: requests are refused with proof_share_exceeded: ")
            self.assertIn(said, (1, 2), "once a minute")

    def test_a_clock_that_was_ahead_refuses_no_client_afterwards(self):
        """One client uses as many proofs as there is room for while the clock is two hours ahead; then it is set right."""
        start, ahead = int(time.time()), 7200
        clock = Clock(start)
        http = HTTP.replace("main:256k;", "main:32k;")
        with World(http=http, environment=clock.environment) as world, client.Client(world.nginx.address) as connection:
            other = issuer.Key("other")
            tokens = {key: world.key.token(bound=key, iat=start, exp=start + 4 * ahead) for key in (world.client, other)}

            def ask(key, now, **claims):
                proof = issuer.dpop(tokens[key], key.proof(tokens[key], iat=now, **claims))
                return connection.ask("GET", "/", [("Host", "api.example"), *proof]).status

            slots = world.zone()["replay"]["slots"]
            # By then proofs from before the zone are too old.
            clock.set(start + 100)
            self.assertEqual([ask(other, start + 100) for _ in range(20)], [200] * 20)
            answers = []
            # Longer than a proof lives, and more of them than slots: those of the wrong time are written over too.
            for second in range(130):
                clock.set(start + ahead + second)
                answers += [ask(world.client, start + ahead + second) for _ in range(2 * slots // 130 + 1)]
            self.assertLessEqual(set(answers), {200, 429})
            self.assertGreater(answers.count(200), slots)
            for second in range(0, 100, 5):
                now = start + 300 + second
                clock.set(now)
                self.assertEqual([ask(other, now, jti=f"{second}") for _ in range(2)], [200, 401], f"{second} s after it was set right")
            refused = world.zone()["enforce"]["refused"]
            self.assertEqual((refused["proof_replayed"], refused.get("proof_history_unknown", 0)), (20, 0))

    def test_another_policy_file_of_the_zone_remembers(self):
        server = PROTECTED + "location /other { countersign_policy_file {folder}/other.json; proxy_pass http://shown; }"
        world = World(server)
        world.nginx.write("other.json", json.dumps(world.policy) + "\n")
        with world:
            token = world.key.token(bound=world.client)
            proof = world.proof(token, uri="https://api.example/other")
            self.assertEqual(world.get("/other", issuer.dpop(token, proof)).status, 200)
            refused = world.get("/", issuer.dpop(token, world.proof(token, jti="one")))
            self.assertEqual(refused.status, 200)
            again = world.get("/other", issuer.dpop(token, world.proof(token, jti="one", uri="https://api.example/other")))
            self.assertEqual(again.status, 401)

    def test_an_upgrade_remembers(self):
        """USR2: a new binary, the old one quits; the file of the zone is the memory."""
        http = HTTP.replace("main:256k;", "main:256k file={folder}/zone;")
        with World(http=http, workers=2, daemon=True) as world:
            used, fresh = self.dpop(world), self.dpop(world)
            self.assertEqual(world.get("/", used).status, 200)
            old = world.nginx.master()
            os.kill(old, signal.SIGUSR2)
            path = world.nginx.folder / "nginx.pid"
            new = until("the new master", lambda: path.exists() and (text := path.read_text().strip()) and int(text) != old and int(text))
            until("its workers", lambda: len(world.nginx.workers()) == 2)
            # Both serve now.
            for _ in range(20):
                self.assertEqual(world.get("/", used).status, 401)
            os.kill(old, signal.SIGQUIT)
            until("the old one ends", lambda: not is_alive(old))
            for _ in range(10):
                self.assertEqual(world.get("/", used).status, 401)
            self.assertEqual(world.get("/", fresh).status, 200)
            self.assertEqual(world.zone()["enforce"]["accepted"], 2)
            end(new, signal.SIGTERM)
            until("the new one ends", lambda: not is_alive(new))

    def test_without_a_file_a_restart_refuses_what_was_before(self):
        for http, memory in ((HTTP, False), (HTTP.replace("main:256k;", "main:256k file={folder}/zone;"), True)):
            with World(http=http) as world:
                used, unused = self.dpop(world), self.dpop(world)
                self.assertEqual(world.get("/", used).status, 200)
                world.nginx.stop()
                world.nginx.start()
                self.assertEqual(world.get("/", used).status, 401)
                self.assertEqual(world.get("/", unused).status, 200 if memory else 401)
                self.assertEqual(world.get("/", [world.bearer()]).status, 200)

    def test_the_file_of_a_zone(self):
        http = HTTP.replace("main:256k;", "main:256k file={folder}/zone;")
        with World(http=http) as world:
            path = world.nginx.folder / "zone"
            self.assertEqual((path.stat().st_mode & 0o777, path.stat().st_size), (0o600, 256 * 1024))
            world.nginx.stop()
            for spoil, told in [
                (lambda: path.chmod(0o644), "must be a regular file of this user with mode 0600"),
                (lambda: (path.rename(f"{path}.real"), path.symlink_to(f"{path}.real")), "cannot open"),
            ]:
                spoil()
                done = subprocess.run(world.nginx.command(), env=world.nginx.environment, capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn(told, world.nginx.log())
            path.unlink()
            (world.nginx.folder / "zone.real").unlink()
            path.write_bytes(b"x" * 100)
            path.chmod(0o600)
            world.nginx.start()
            self.assertIn("is made anew: it has another size", world.nginx.log())
            world.nginx.stop()
            # The same size, other content; and a policy that needs a wider window.
            path.write_bytes(b"x" * (256 * 1024))
            world.nginx.start()
            self.assertEqual(world.get("/", self.dpop(world)).status, 200)
            world.policy["policies"]["default"]["dpop"] = {"max_age_seconds": 200}
            world.nginx.write("policy.json", json.dumps(world.policy))
            world.nginx.reload()
            self.assertIn("its replay store cannot serve these policies", world.nginx.log())
            self.assertEqual(world.get("/", [world.bearer()]).status, 200)

    def test_wider_windows_need_another_zone(self):
        with World() as world:
            before = world.nginx.workers()
            world.policy["policies"]["default"]["dpop"] = {"max_age_seconds": 200}
            world.nginx.write("policy.json", json.dumps(world.policy))
            os.kill(world.nginx.master(), signal.SIGHUP)
            until("the reload fails", lambda: "is in use with other policies, give it another name" in world.nginx.log())
            self.assertEqual(world.nginx.workers(), before)
            world.nginx.http = world.nginx.http.replace("main:256k", "wide:256k")
            world.nginx.reload()
            self.assertEqual(world.get("/", [world.bearer()]).status, 200)

    def test_every_proof_once(self):
        """Each proof is sent to all workers at once, and accepted by exactly one."""
        with World(workers=WORKERS, http=HTTP.replace("main:256k", "main:4m"), level="error",
                   policies={"default": {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE], "origin": "https://api.example",
                                         "dpop": {"max_age_seconds": 300, "future_seconds": 60}}}) as world:
            connections = self.one_to_each_worker(world)
            token = world.key.token(bound=world.client)
            world.proof(token)
            # Ahead of the clock, where the new store takes them at once.
            proofs = [world.client.proof(token, iat=int(time.time()) + 60) for _ in range(PROOFS)]
            accepted = [0] * PROOFS
            barrier = threading.Barrier(WORKERS, timeout=60)
            lock = threading.Lock()
            others = []

            def send(connection):
                mine = []
                for number, proof in enumerate(proofs):
                    if number % 100 == 0:
                        barrier.wait()
                    answer = connection.ask("GET", "/", [("Host", "api.example"), *issuer.dpop(token, proof)])
                    if answer.status == 200:
                        mine.append(number)
                    elif answer.status != 401 or b"401" not in answer.body:
                        others.append(answer)
                with lock:
                    for number in mine:
                        accepted[number] += 1

            threads = [threading.Thread(target=send, args=(connection,)) for connection in connections]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for connection in connections:
                connection.close()
            self.assertEqual(others, [])
            self.assertEqual(set(accepted), {1}, f"{sum(count != 1 for count in accepted)} of {PROOFS} not exactly once")
            zone = world.zone()["enforce"]
            self.assertEqual(zone["accepted"], PROOFS)
            self.assertEqual(zone["refused"]["proof_replayed"], PROOFS * (WORKERS - 1))

    def one_to_each_worker(self, world):
        """Kept-alive connections, each to another worker."""
        found = {}
        for _ in range(2000):
            connection = client.Client(world.nginx.address)
            answer = connection.ask("GET", "/status", [("Host", "api.example")])
            pid = json.loads(answer.body)["worker"]["pid"]
            if pid in found:
                connection.close()
                continue
            found[pid] = connection
            if len(found) == WORKERS:
                self.assertEqual(set(found), set(world.nginx.workers()))
                return list(found.values())
        self.fail(f"only {len(found)} workers answer")


class Load(unittest.TestCase):
    """While wrk runs."""

    def wrk(self, world, token, seconds):
        # A file, so that no other worker has a part in the answer.
        world.nginx.write("pages/load", "x")
        script = world.nginx.write("answers.lua", """
            local all = {}
            setup = function(thread) table.insert(all, thread) end
            init = function() total = 0 end
            response = function(status) if status ~= 200 then total = total + 1 end end
            done = function(summary)
                local refused = 0
                for _, thread in ipairs(all) do refused = refused + thread:get("total") end
                print("refused=" .. refused .. " requests=" .. summary.requests
                    .. " broken=" .. summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout)
            end
        """)
        return subprocess.Popen(
            ["wrk", "-t2", "-c16", f"-d{seconds}s", "-s", str(script), "-H", "Host: api.example", "-H",
             f"Authorization: Bearer {token}", f"http://127.0.0.1:{world.nginx.port}/load"],
            stdout=subprocess.PIPE, text=True)

    def told(self, process):
        text = process.communicate(timeout=120)[0]
        match = re.search(r"refused=(\d+) requests=(\d+) broken=(\d+)", text)
        self.assertTrue(match, text)
        return tuple(map(int, match.groups()))

    def test_rotation(self):
        """Keys come and go; the one in use stays; no valid token is refused. Then it goes."""
        with World(workers=WORKERS, level="error") as world:
            token = world.key.token()
            running = self.wrk(world, token, 8)
            rounds, at_once, old = 0, 0, None
            last = issuer.Key("k0")
            while running.poll() is None:
                rounds += 1
                old, last = last, issuer.Key(f"k{rounds}")
                world.trust(world.key, last)
                # Before its time, by whichever worker: found all the same, after the pause of a look that the machine has drawn out.
                found = lambda: world.get("/", [issuer.bearer(last.token())]).status == 200
                at_once += found()
                until("the new key is found", found, 5)
                time.sleep(0.06)
                until("the key before is gone", lambda: world.get("/", [issuer.bearer(old.token())]).status == 401, 5)
            refused, requests, broken = self.told(running)
            self.assertEqual((refused, broken), (0, 0))
            self.assertGreater(at_once, rounds / 2)
            self.assertGreater(rounds, 20)
            self.assertGreater(requests, 5000)
            # The key in use goes: refused from the next look on, by every worker, though each has the token cached.
            running = self.wrk(world, token, 3)
            time.sleep(1)
            loaded = world.zone()["trust"]["loaded"]
            world.trust(last)
            until("all have looked", lambda: world.zone()["trust"]["loaded"] >= loaded + WORKERS)
            for _ in range(200):
                self.assertEqual(world.get("/", [issuer.bearer(token)]).status, 401)
            refused, _, broken = self.told(running)
            self.assertGreater(refused, 0)
            self.assertEqual(broken, 0)
            print(f"{requests} requests, {rounds} rotations, 0 false refusals")

    def test_a_worker_is_killed(self):
        with World(workers=WORKERS, level="error") as world:
            token, bound = world.key.token(), world.key.token(bound=world.client)
            used = issuer.dpop(bound, world.proof(bound))
            self.assertEqual(world.get("/", used).status, 200)
            accepted = world.zone()["enforce"]["accepted"]
            running = self.wrk(world, token, 5)
            for _ in range(8):
                time.sleep(0.4)
                workers = world.nginx.workers()
                os.kill(workers[0], signal.SIGKILL)
                until("another worker", lambda: len(world.nginx.workers()) == WORKERS and workers[0] not in world.nginx.workers())
                for _ in range(10):
                    try:
                        self.assertEqual(world.get("/", used).status, 401)
                    except ConnectionError:
                        pass  # it was in the dying worker's queue
            refused, requests, broken = self.told(running)
            self.assertEqual(refused, 0)
            # Nothing that was counted is lost: every answer that wrk saw is there.
            self.assertGreaterEqual(world.zone()["enforce"]["accepted"] - accepted, requests)
            self.assertEqual(world.get("/", [world.bearer()]).status, 200)

    def test_reloads(self):
        with World(workers=2, level="error") as world:
            running = self.wrk(world, world.key.token(), 5)
            while running.poll() is None:
                world.nginx.reload()
            refused, requests, _ = self.told(running)
            self.assertEqual(refused, 0)
            self.assertGreaterEqual(world.zone()["enforce"]["accepted"], requests)


if __name__ == "__main__":
    unittest.main()
