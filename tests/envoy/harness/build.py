"""The builds of the filter: a native dynamic module, and a proxy-wasm filter. The tests are the same; Envoy's configuration differs."""

import json
import os

from . import place

TYPES = "type.googleapis.com/envoy.extensions"
STRUCT = "type.googleapis.com/google.protobuf.Struct"


def struct(settings):
    return {"@type": STRUCT, "value": settings}


def text(settings):
    return {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": settings}


def message(settings):
    """Settings as a message; they may be one already."""
    return settings if "@type" in settings else struct(settings)


class Module:
    name = "module"
    log = "dynamic_modules:info"
    bootstrap = {}
    # Settings by which routes have a say where there is one policy only.
    routed = {}
    # Route metadata that cannot be parsed, which is known only when a request comes.
    bad_routes = {}

    @staticmethod
    def loaded():
        return {"module": {"local": {"filename": place.module()}}, "do_not_close": True}

    def filter(self, settings):
        return {"name": "countersign", "typed_config": {
            "@type": f"{TYPES}.filters.http.dynamic_modules.v3.DynamicModuleFilter", "dynamic_module_config": self.loaded(),
            "filter_name": "countersign", "filter_config": message(settings)}}

    def route(self, settings):
        """What a route has to say to be judged by these settings."""
        return {"typed_per_filter_config": {"countersign": {
            "@type": f"{TYPES}.filters.http.dynamic_modules.v3.DynamicModuleFilterPerRoute",
            "dynamic_module_config": self.loaded(), "filter_name": "countersign", "filter_config": struct(settings)}}}

    @staticmethod
    def fact(name, namespace="countersign"):
        """What Envoy's formats call a fact."""
        return f"%DYNAMIC_METADATA({namespace}:{name})%"

    @staticmethod
    def principal(fact, value):
        """What RBAC calls a request of whom a fact is true."""
        return {"metadata": {"filter": "countersign", "path": [{"key": fact}], "value": {"string_match": {"exact": value}}}}

    @staticmethod
    def settings(settings, _folder):
        return settings


class Wasm:
    name = "wasm"
    log = "wasm:info"
    routed = {"route_metadata": True, "routes_match_identity": False}
    bad_routes = {"/typo": {"policyy": "orders"}, "/mode": {"mode": "off"}, "/number": {"policy": 1}}
    # As in wasm/filter/README.md: the labels out of the counters' names.
    bootstrap = {"stats_config": {"stats_tags": [
        {"tag_name": "policy", "regex": r"^wasmcustom\.countersign_decisions(\.policy=(.*?))\.outcome="},
        {"tag_name": "from", "regex": r"^wasmcustom\.countersign_trust_documents(\.from=(.*?))\.outcome="},
        {"tag_name": "outcome", "regex": r"^wasmcustom\.countersign_.*?(\.outcome=([a-z]+))"},
        {"tag_name": "reason", "regex": r"^wasmcustom\.countersign_.*?(\.reason=([a-z_]+))"},
        {"tag_name": "store", "regex": r"^wasmcustom\.countersign_replay_.*?(\.store=([A-Za-z0-9_-]+))"}]}}

    @staticmethod
    def filter(settings, vm_id="countersign", **config):
        # Envoy is configured as the settings state.
        said = settings.get("value", settings)
        stated = '"allow_on_headers_stop_iteration": true'
        if stated in (said if isinstance(said, str) else json.dumps(said)):
            config = {"allow_on_headers_stop_iteration": True, **config}
        return {"name": "countersign", "typed_config": {
            "@type": f"{TYPES}.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "countersign", "root_id": "countersign", "failure_policy": "FAIL_RELOAD",
                "configuration": message(settings),
                "vm_config": {"vm_id": vm_id, "runtime": "envoy.wasm.runtime.v8",
                              "code": {"local": {"filename": place.wasm()}}},
                **config}}}

    @staticmethod
    def route(settings):
        return {"metadata": {"filter_metadata": {"countersign": settings}}}

    @staticmethod
    def fact(name, namespace="countersign"):
        return f"%FILTER_STATE(wasm.{namespace}.{name}:PLAIN)%"

    @staticmethod
    def principal(fact, value):
        return {"filter_state": {"key": f"wasm.countersign.{fact}", "string_match": {"exact": value}}}

    @staticmethod
    def settings(settings, folder):
        """A VM has no files: documents are in the policy."""
        settings = json.loads(json.dumps(settings))
        settings.pop("trust_directory", None)
        if settings.get("identity_headers") and len(settings.get("policy", {}).get("policies", {})) > 1:
            settings.setdefault("routes_match_identity", False)
        if any({"tools", "body_digest"} & policy.keys() for policy in settings.get("policy", {}).get("policies", {}).values()):
            settings.setdefault("allow_on_headers_stop_iteration", True)
        for source in settings.get("policy", {}).get("trust", []):
            for kind in ("jwks", "bundle"):
                name = source.pop(f"{kind}_file", None)
                if name:
                    source[kind] = json.loads((folder / name).read_text())
        return settings


MODULE, WASM = Module(), Wasm()
# The one that is under test; `run` names it.
THIS = {build.name: build for build in (MODULE, WASM)}[os.environ.get("COUNTERSIGN_ENVOY_BUILD", "module")]


# Tests that are not for the build under test, by name, and how many tests each is.
ELSEWHERE = {}


def only(build, _why):
    """A test, or a class of tests, of a feature that the other build does not have: for that one it does not exist."""
    def kept(tests):
        if THIS is build:
            return tests
        methods = [name for name in vars(tests) if name.startswith("test")] if isinstance(tests, type) else [tests]
        ELSEWHERE[f"{tests.__module__}.{tests.__qualname__}"] = len(methods)
        return None
    return kept


def is_elsewhere(name):
    """Whether what has this name is not for the build under test."""
    return any(f"{name}.".startswith(f"{known}.") for known in ELSEWHERE)
