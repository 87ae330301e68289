"""Keys and revocations that come and go: files, a server that is down, slow or sends nonsense, and jwt_authn beside the filter."""

import contextlib
import json
import time
import unittest

from harness import build, client, issuer, server
from harness.server import until
from harness.world import POLICY, SETTINGS, World, key_server, slow


def fetched(port, **more):
    """Settings by which keys come from a server."""
    policy = {**POLICY, "trust": [{"issuer": issuer.ISSUER}]}
    fetch = {"issuer": issuer.ISSUER, "cluster": "as", "uri": "http://as.example/keys", "timeout_milliseconds": 500,
             "refresh_seconds": 1, **more}
    return {"policy": policy, "fetch": [fetch]}


@build.only(build.MODULE, "files")
class Files(unittest.TestCase):
    def test_a_removed_key_is_refused_and_a_new_one_accepted(self):
        with World() as world:
            second = issuer.Key("second")
            old, new = world.bearer(), issuer.bearer(second.token())
            self.assertEqual(world.get(headers=[old]).status, 200)
            self.assertEqual(world.get(headers=[old]).one("x-cache"), "hit")
            self.assertEqual(world.get(headers=[new]).one("x-details"), "key_unknown")
            loaded = world.envoy.counter("countersign_trust_documents", **{"from": "file", "outcome": "loaded"})
            world.trust(second)
            until("the file is read", lambda: world.envoy.counter(
                "countersign_trust_documents", **{"from": "file", "outcome": "loaded"}) == loaded + 1)
            self.assertEqual(world.get(headers=[old]).one("x-details"), "key_unknown")
            self.assertEqual(world.get(headers=[new]).status, 200)

    def test_a_corrupt_or_missing_file_changes_nothing(self):
        with World() as world:
            world.envoy.write("as.json", '{"keys":')
            until("it is refused", lambda: world.envoy.counter(
                "countersign_trust_documents", **{"from": "file", "outcome": "refused"}) == 1)
            self.assertEqual(world.get(headers=[world.bearer()]).status, 200)
            (world.envoy.folder / "as.json").unlink()
            until("it is missed", lambda: world.envoy.counter(
                "countersign_trust_documents", **{"from": "file", "outcome": "missing"}) == 1)
            self.assertEqual(world.get(headers=[world.bearer()]).status, 200)
            world.trust(world.key)
            self.assertIn("the last good document stays in use", world.envoy.log())

    def test_revocations_are_read_again(self):
        world = World(start=False)
        path = world.envoy.write("revoked.json", {})
        world.settings["revocations_file"] = str(path)
        manager = world.envoy.listeners[0]["filter_chains"][0]["filters"][0]["typed_config"]
        manager["http_filters"][0] = server.countersign(world.settings)
        world.starts = True
        with world:
            token = world.bearer()
            self.assertEqual(world.get(headers=[token]).status, 200)
            world.envoy.write("revoked.json", {"authorities": [{"issuer": issuer.ISSUER, "subjects": ["alice"]}]})
            until("alice is revoked", lambda: world.get(headers=[token]).one("x-details") == "subject_revoked")


class Fetches(unittest.TestCase):
    def counter(self, world, outcome):
        return world.envoy.counter("countersign_trust_documents", **{"from": "fetch", "outcome": outcome})

    def test_a_server_that_is_down_slow_corrupt_and_well_again(self):
        with key_server() as keys:
            world = World(settings=fetched(keys.server_port), start=False)
            world.envoy.clusters.append(server.cluster("as", keys.server_port))
            world.starts = True
            with world:
                token = world.bearer()
                until("failures are counted", lambda: self.counter(world, "failed") > 0)
                self.assertEqual(world.get(headers=[token]).one("x-details"), "keys_stale")
                keys.answer = lambda: (200, issuer.key_set(world.key))
                until("the keys are there", lambda: world.get(headers=[token]).status == 200)
                for answer, outcome in [
                    (lambda: (503, "down"), "failed"),
                    (slow(0.8, lambda: (200, issuer.key_set())), "failed"),
                    (lambda: (200, "<html>"), "refused"),
                    (lambda: (200, '{"keys":{}}'), "refused"),
                    (lambda: (200, "x" * (9 << 20)), "failed"),
                ]:
                    before = self.counter(world, outcome)
                    keys.answer = answer
                    until(f"another {outcome}", lambda: self.counter(world, outcome) > before)
                    self.assertEqual(world.get(headers=[token]).status, 200)
                second = issuer.Key("second")
                keys.answer = lambda: (200, issuer.key_set(second))
                before = self.counter(world, "loaded")
                until("another document", lambda: self.counter(world, "loaded") > before)
                self.assertEqual(world.get(headers=[token]).one("x-details"), "key_unknown")
                self.assertEqual(world.get(headers=[issuer.bearer(second.token())]).status, 200)

    def test_every_worker_refuses_a_removed_key_from_the_next_request_on(self):
        with key_server() as keys:
            world = World(settings=fetched(keys.server_port, refresh_seconds=2), start=False, workers=4)
            world.envoy.clusters.append(server.cluster("as", keys.server_port))
            keys.answer = lambda: (200, issuer.key_set(world.key))
            world.starts = True
            with world, contextlib.ExitStack() as opened:
                until("the keys are there", lambda: world.get(headers=[world.bearer()]).status == 200)
                # Far more connections than workers, so that each worker has some.
                connections = [opened.enter_context(client.Client(("127.0.0.1", world.port))) for _ in range(40)]
                ask = lambda connection: connection.ask("GET", "/", [("Host", "api.example"), token])
                token = world.bearer()
                self.assertEqual({ask(connection).status for connection in connections}, {200})
                self.assertEqual({ask(connection).one("x-cache") for connection in connections}, {"hit"})
                second = issuer.Key("second")
                keys.answer = lambda: (200, issuer.key_set(second))
                before, asked = self.counter(world, "loaded"), keys.asked
                until("the document is in use", lambda: keys.asked > asked and self.counter(world, "loaded") > before)
                self.assertEqual({ask(connection).one("x-details") for connection in connections}, {"key_unknown"})
                # One fetch for all workers.
                self.assertLessEqual(keys.asked, asked + 2)

    def test_an_unknown_key_asks_for_the_document_once(self):
        with key_server() as keys:
            world = World(settings=fetched(keys.server_port, refresh_seconds=3600), start=False)
            world.envoy.clusters.append(server.cluster("as", keys.server_port))
            keys.answer = lambda: (200, issuer.key_set(world.key))
            world.starts = True
            with world:
                # A request before that would ask for the document too, and after it no other key does for a while.
                until("the keys are there", lambda: self.counter(world, "loaded") > 0)
                self.assertEqual(world.get(headers=[world.bearer()]).status, 200)
                second = issuer.Key("second")
                keys.answer = lambda: (200, issuer.key_set(world.key, second))
                asked, token = keys.asked, issuer.bearer(second.token())
                self.assertEqual(world.get(headers=[token]).one("x-details"), "key_unknown")
                until("the new key", lambda: world.get(headers=[token]).status == 200, 5)
                for number in range(50):
                    world.get(headers=[issuer.bearer(issuer.Key(f"unknown-{number}").token())])
                time.sleep(0.5)
                self.assertEqual(keys.asked, asked + 1)

    def test_jwt_authn_keeps_what_its_cache_has(self):
        """A key leaves the server: from the next refresh on we refuse, and jwt_authn's cache still accepts."""
        with key_server() as keys:
            peer = server.free_port()
            world = World(settings=fetched(keys.server_port), start=False)
            world.envoy.clusters.append(server.cluster("as", keys.server_port))
            provider = {
                "issuer": issuer.ISSUER, "audiences": [issuer.AUDIENCE], "forward": True,
                "remote_jwks": {"http_uri": {"uri": "http://as.example/keys", "cluster": "as", "timeout": "1s"},
                                "cache_duration": "1s", "async_fetch": {"fast_listener": False}},
                "jwt_cache_config": {"jwt_cache_size": 1000}}
            authn = {"name": "jwt_authn", "typed_config": {
                "@type": f"{server.TYPES}.filters.http.jwt_authn.v3.JwtAuthentication", "providers": {"p": provider},
                "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "p"}}]}}
            world.envoy.listeners.append(server.listener("peer", peer, [authn]))
            keys.answer = lambda: (200, issuer.key_set(world.key))
            world.starts = True
            with world:
                token = world.bearer()
                until("both accept", lambda: world.get(headers=[token]).status == 200
                      and world.get(headers=[token], port=peer).status == 200)
                self.assertEqual(world.get(headers=[token], port=peer).status, 200)
                second = issuer.Key("second")
                keys.answer = lambda: (200, issuer.key_set(second))
                began = time.time()
                until("we refuse", lambda: world.get(headers=[token]).one("x-details") == "key_unknown", 5)
                ours = time.time() - began
                time.sleep(4)
                # jwt_authn has the new keys, and takes the old token all the same.
                self.assertEqual(world.get(headers=[issuer.bearer(second.token())], port=peer).status, 200)
                self.assertEqual(world.get(headers=[token], port=peer).status, 200)
                other = issuer.bearer(world.key.token("bob"))
                self.assertEqual(world.get(headers=[other], port=peer).status, 401)
                self.assertEqual(world.get(headers=[token]).one("x-details"), "key_unknown")
                print(f"\nkey removed: refused by countersign after {ours:.2f} s, accepted by jwt_authn's cache after "
                      f"{time.time() - began:.2f} s")


def revoking(*subjects):
    return {"authorities": [{"issuer": issuer.ISSUER, "subjects": list(subjects)}]}


class Revocations(unittest.TestCase):
    def counter(self, world, outcome):
        return world.envoy.counter("countersign_trust_documents", **{"from": "fetch", "outcome": outcome})

    def test_a_list_in_the_settings(self):
        with World(settings={"revocations": revoking("alice")}) as world:
            self.assertEqual(world.get(headers=[world.bearer()]).one("x-details"), "subject_revoked")
            self.assertEqual(world.get(headers=[world.bearer(sub="bob")]).status, 200)

    def test_a_fetched_list_holds_for_every_worker_from_the_next_request_on(self):
        with key_server() as lists:
            fetch = {"cluster": "lists", "uri": "http://lists.example/revoked", "timeout_milliseconds": 500, "refresh_seconds": 1}
            settings = {"revocations": revoking("mallory"), "revocations_fetch": fetch}
            world = World(settings=settings, start=False, workers=4)
            world.envoy.clusters.append(server.cluster("lists", lists.server_port))
            world.starts = True
            with world, contextlib.ExitStack() as opened:
                alice, bob, mallory = (issuer.bearer(world.key.token(name)) for name in ("alice", "bob", "mallory"))
                # The revocations are not known, so no token is accepted.
                until("failures are counted", lambda: self.counter(world, "failed") > 0)
                self.assertEqual(world.get(headers=[alice]).one("x-details"), "revocations_stale")
                lists.answer = lambda: (200, "{}")
                until("the list is there", lambda: world.get(headers=[alice]).status == 200)
                connections = [opened.enter_context(client.Client(("127.0.0.1", world.port))) for _ in range(40)]

                def ask(token):
                    answers = [connection.ask("GET", "/", [("Host", "api.example"), token]) for connection in connections]
                    return {answer.one("x-details") or answer.one("x-cache") for answer in answers}

                def publish(answer, outcome, times=1):
                    """Until it was fetched."""
                    before, lists.answer = self.counter(world, outcome), answer
                    until(f"it is {outcome}", lambda: self.counter(world, outcome) >= before + times)

                for token in (alice, bob):
                    ask(token)
                    self.assertEqual(ask(token), {"hit"})
                asked, began = lists.asked, time.monotonic()
                # Twice, since the list before may have been under way.
                publish(lambda: (200, json.dumps(revoking("alice"))), "loaded", 2)
                # Cached tokens too; and one fetch for all workers.
                self.assertEqual((ask(alice), ask(bob), ask(mallory)), ({"subject_revoked"}, {"hit"}, {"subject_revoked"}))
                self.assertLessEqual(lists.asked - asked, time.monotonic() - began + 2)
                for status, body, outcome in [
                    (200, '{"authorities":', "refused"), (200, '{"authorities":[{"subjects":["eyJ-secret"]}]}', "refused"), (503, "{}", "failed"),
                ]:
                    publish(lambda status=status, body=body: (status, body), outcome)
                    self.assertEqual((ask(alice), ask(bob)), ({"subject_revoked"}, {"hit"}))
                log = world.envoy.log()
                self.assertIn("countersign: revocations from cluster lists: the document cannot be used: ", log)
                self.assertNotIn("eyJ-secret", log)
                publish(lambda: (200, json.dumps(revoking("bob"))), "loaded")
                self.assertEqual((ask(alice), ask(bob), ask(mallory)), ({"hit"}, {"subject_revoked"}, {"subject_revoked"}))

    def test_a_list_that_is_too_old_tells_nothing(self):
        with key_server() as lists:
            fetch = {"cluster": "lists", "uri": "http://lists.example/revoked", "refresh_seconds": 1, "max_stale_seconds": 3}
            world = World(settings={"revocations_fetch": fetch}, start=False, workers=4)
            world.envoy.clusters.append(server.cluster("lists", lists.server_port))
            lists.answer = lambda: (200, "{}")
            world.starts = True
            with world, contextlib.ExitStack() as opened:
                alice = issuer.bearer(world.key.token("alice"))
                until("the list is there", lambda: world.get(headers=[alice]).status == 200)
                connections = [opened.enter_context(client.Client(("127.0.0.1", world.port))) for _ in range(40)]

                def ask():
                    answers = [connection.ask("GET", "/", [("Host", "api.example"), alice]) for connection in connections]
                    return {answer.one("x-details") or answer.status for answer in answers}

                # The same list again and again is younger each time.
                began = time.monotonic()
                while time.monotonic() < began + 5:
                    self.assertEqual(ask(), {200})
                lists.answer = lambda: (503, "{}")
                down = time.monotonic()
                until("it is too old", lambda: ask() == {"revocations_stale"}, 10)
                self.assertGreater(time.monotonic() - down, 1)
                lists.answer = lambda: (200, json.dumps(revoking("bob")))
                until("there is another one", lambda: ask() == {200}, 30)
                bob = world.get(headers=[issuer.bearer(world.key.token("bob"))])
                self.assertEqual((bob.status, bob.one("x-details")), (401, "subject_revoked"))


@build.only(build.WASM, "the module checks every curve by itself")
class LargeCurves(unittest.TestCase):
    """P-384 and P-521, which the proxy checks and the VM does not."""

    LARGE = {"kty": "EC", "crv": "P-384", "kid": "large", "use": "sig",
             "x": "2L4HmJhAOuJDvh7WDJ_ttbvhWBHvp3uhkEJfFh3qCYR883ptQq3AhGZ8bsbfkkZN",
             "y": "4Fz2jDKw85inHMHB7bBL_x6yVP4DfQG9lDXJwrhKoQFHF4_Nn0dyjU85Pa5bOtTs"}

    def test_where_nothing_checks_a_key_it_is_dropped_and_reported(self):
        for signatures, dropped in (("host", False), ("vm", True)):
            world = World(settings={"signatures": signatures}, start=False)
            world.settings["policy"]["trust"][0]["jwks"]["keys"].insert(0, self.LARGE)
            for policy in world.settings["policy"]["policies"].values():
                policy["dpop"] = {**policy.get("dpop", {}), "algorithms": ["ES256", "ES384"]}
            world.starts = True
            with world:
                self.assertEqual(world.get(headers=[world.bearer()]).status, 200)
                challenge = world.get().all("www-authenticate")[1]
                self.assertEqual("ES384" in challenge, not dropped, challenge)
                line = f"issuer {issuer.ISSUER}: key 0 (large) is dropped: algorithm_unsupported"
                self.assertEqual(line in world.envoy.log(), dropped)

if __name__ == "__main__":
    unittest.main()
