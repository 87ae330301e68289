"""What Envoy refuses to start with, and says why; what the module shows of itself."""

import json
import re
import unittest
from pathlib import Path

from harness import build, issuer, place, server
from harness.server import per_route, route
from harness.world import POLICY, World


class Configuration(unittest.TestCase):
    def refused(self, *expected, settings=None, whole=None, **options):
        world = World(start=False, **options)
        with world:
            manager = world.envoy.listeners[0]["filter_chains"][0]["filters"][0]["typed_config"]
            manager["http_filters"][0] = server.countersign(whole or {**world.settings, **(settings or {})})
            passed, said = world.envoy.validate()
            self.assertFalse(passed, said)
            for line in expected:
                self.assertIn(line, said)

    def test_a_good_one_passes(self):
        with World(start=False, routes=[route(None, per_route({"policy": "default"}))]) as world:
            passed, said = world.envoy.validate()
            self.assertTrue(passed, said)
            # Envoy warns of a module of another version, and of fields that it is about to drop.
            self.assertNotIn("deprecated", said.lower())

    def test_a_bad_policy_names_every_fault(self):
        policy = json.loads(json.dumps(POLICY))
        policy["policies"]["default"].pop("audience")
        policy["policies"]["default"]["acept"] = 1
        policy["trust"].append({"issuer": "https://b.example", "jwks": {"keys": 1}})
        self.refused("countersign: /policy/policies/default/audience: found nothing, expected",
                     "countersign: /policy/policies/default/acept: found an unknown member, expected one of",
                     settings={"policy": policy})

    def test_bad_settings_name_every_fault(self):
        self.refused("countersign: /mode: found \"shadows\", expected one of enforce, shadow",
                     "countersign: /polcy: found an unknown member, expected one of policy,",
                     settings={"mode": "shadows", "polcy": {}})
        self.refused("countersign: /default_policy: found \"other\", expected one of default", settings={"default_policy": "other"})

    def test_bad_revocations_name_every_fault(self):
        self.refused("countersign: /revocations: found an unknown member, expected one of all_before, authorities",
                     "countersign: /revocations/authorities/0: found neither trust_domain nor issuer, expected one of them",
                     "countersign: /revocations_fetch/cluster: found nothing, expected the name of a cluster",
                     settings={"revocations": {"authority": [], "authorities": [{}]}, "revocations_fetch": {"uri": "http://a/"}})

    def test_bad_selections_name_every_fault(self):
        self.refused("countersign: /policy_rules/0/policy: found \"other\", expected one of default",
                     "countersign: /policy_rules/1: found none or both, expected one of exact, prefix",
                     "countersign: /policy_rules/1/header: found \"host\", expected a header field other than",
                     settings={"policy_rules": [{"header": ":path", "prefix": "/", "policy": "other"}, {"header": "host", "policy": "default"}]})

    @build.only(build.MODULE, "files")
    def test_files_that_are_not_there(self):
        self.refused("countersign: /policy_file: found", settings={"policy": None, "policy_file": "/none"})
        self.refused("countersign: /none.json: ", settings={"revocations_file": "/none.json"})

    @build.only(build.WASM, "settings of the other build are faults")
    def test_a_vm_has_no_files(self):
        for name in ("policy_file", "trust_directory", "revocations_file", "nonce_keys_file"):
            self.refused(f"countersign: /{name}: found a setting that needs files, which a WebAssembly VM has none of, expected one of",
                         settings={name: "/a"})
        policy = {**POLICY, "trust": [{"issuer": issuer.ISSUER, "jwks_file": "as.json"}]}
        self.refused("countersign: /policy/trust/0: found the name of a file, expected the document itself",
                     settings={"policy": policy})

    @build.only(build.WASM, "the module has them")
    def test_a_vm_has_no_presets(self):
        policies = {"default": {"preset": "keycloak", "audience": [issuer.AUDIENCE]}}
        self.refused("countersign: /policy/policies/default/preset: found a preset, which this build leaves out, expected the settings that "
                     "it stands for: `countersign policy expand` writes them", settings={"policy": {**POLICY, "policies": policies}})

    @build.only(build.MODULE, "a VM has none")
    def test_a_preset(self):
        plain = {"accept": ["at+jwt", "jwt"], "audience": [issuer.AUDIENCE]}
        for policy in (plain, {"preset": "mcp", "audience": [issuer.AUDIENCE]}):
            with World(policies={"default": policy}) as world:
                self.assertEqual(world.get(headers=[world.bearer()]).status, 200)

    @build.only(build.MODULE, "settings of the other build are faults")
    def test_settings_of_a_vm(self):
        self.refused("countersign: /route_metadata: found a setting of the proxy-wasm filter only, expected one of",
                     settings={"route_metadata": True})

    def test_text_that_is_not_json(self):
        self.refused("countersign: the document: found text that is not JSON", whole=server.text("{"))
        self.refused("countersign: the document: found text that is not JSON", whole=server.text(""))
        self.refused("countersign: the document: found an empty array, expected an object",
                     whole=server.text("[]"))

    def test_a_bad_inline_document(self):
        policy = {**POLICY, "trust": [{"issuer": issuer.ISSUER, "jwks": {"kys": []}}]}
        self.refused("countersign: /policy/trust/0/jwks: ", settings={"policy": policy})

    @build.only(build.MODULE, "the metadata of a route is known when a request comes, see test_requests")
    def test_a_bad_route(self):
        self.refused("countersign: /use: found an unknown member, expected one of policy, origin, mode",
                     routes=[route(None, per_route({"use": "orders"}))])

    def test_settings_as_text(self):
        world = World(start=False)
        manager = world.envoy.listeners[0]["filter_chains"][0]["filters"][0]["typed_config"]
        manager["http_filters"][0] = server.countersign(server.text(json.dumps(world.settings)))
        world.starts = True
        with world:
            self.assertEqual(world.get(headers=[world.bearer()]).status, 200)
            self.assertEqual(world.get().one("x-details"), "credential_missing")

    @build.only(build.MODULE, "files")
    def test_a_policy_in_a_file(self):
        world = World(start=False)
        path = world.envoy.write("policies/policy.json", POLICY)
        world.envoy.write("policies/as.json", issuer.key_set(world.key))
        manager = world.envoy.listeners[0]["filter_chains"][0]["filters"][0]["typed_config"]
        manager["http_filters"][0] = server.countersign(server.text(json.dumps({"policy_file": str(path)})))
        world.starts = True
        with world:
            self.assertEqual(world.get(headers=[world.bearer()]).status, 200)
            self.assertEqual(world.get().one("x-details"), "credential_missing")

    @build.only(build.WASM, "its size is a promise")
    def test_the_filter_is_small_and_asks_for_what_envoy_has(self):
        code = Path(place.wasm()).read_bytes()
        print(f"\ncountersign.wasm: {len(code)} bytes")
        self.assertLessEqual(len(code), 400 * 1024)
        # All that it imports is of the ABI.
        names = re.findall(rb"\x03env[\x01-\x7f](proxy_[a-z_]+)", code)
        self.assertGreater(len(names), 10)
        self.assertNotIn(b"wbindgen", code)

    @build.only(build.MODULE, "a shared object")
    def test_only_hooks_are_exported(self):
        names = place.run("nm", "-D", "--defined-only", place.module()).split()[2::3]
        strangers = [name for name in names if not name.startswith("envoy_dynamic_module_on_")]
        self.assertEqual(strangers, [])
        used = place.run("nm", "-D", "--undefined-only", place.module()).split()
        used = {name for name in used if name.startswith("envoy_dynamic_module_callback_")}
        has = set(place.run("nm", "-D", "--defined-only", place.envoy()).split())
        self.assertEqual(used - has, set())


if __name__ == "__main__":
    unittest.main()
