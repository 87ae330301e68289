"""An Envoy of one's own: a folder, a configuration, a process that is ended by its number."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from hosts import waiting
from hosts.ports import free_port

from . import build, client, place
from .build import STRUCT, TYPES, struct, text

PATIENCE = 60  # seconds
MANAGER = f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager"


def until(what, condition, patience=PATIENCE):
    return waiting.until(what, condition, patience)


def countersign(settings):
    """Our filter; `settings` may also be a whole message."""
    return build.THIS.filter(settings)


def per_route(settings):
    """What a route says to be judged by these settings."""
    return build.THIS.route(settings)


def added(**headers):
    return [{"header": {"key": name.replace("_", "-"), "value": value}} for name, value in headers.items()]


# The metadata of a filter, for tests to read: in each response, of the upstream and of the proxy.
SHOWN = {f"x_{fact}": build.THIS.fact(fact)
         for fact in ("decision", "reason", "subject", "issuer", "scope", "binding", "kind", "key_id", "cache", "mode")}


def route(match=None, per_filter=None, **action):
    action = action or {"direct_response": {"status": 200, "body": {"inline_string": "ok\n"}}}
    seen = added(x_seen_user="%REQ(X-USER)%", x_seen_binding="%REQ(X-BINDING)%", **SHOWN)
    return {"match": match or {"prefix": "/"}, "response_headers_to_add": seen, **action, **(per_filter or {})}


def listener(name, address, filters, routes=None, tls=None, access_log=None, shown=SHOWN, **manager):
    """A listener at a port of 127.0.0.1 or at the path of a socket."""
    where = {"pipe": {"path": address}} if isinstance(address, str) else {
        "socket_address": {"address": "127.0.0.1", "port_value": address}}
    router = {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router"}}
    hosts = [{"name": "all", "domains": ["*"], "routes": routes or [route()]}]
    config = {
        "@type": MANAGER, "stat_prefix": name, "route_config": {"virtual_hosts": hosts}, "http_filters": [*filters, router],
        "local_reply_config": {"mappers": [{
            "filter": {"status_code_filter": {"comparison": {"op": "GE", "value": {"default_value": 400, "runtime_key": "none"}}}},
            "headers_to_add": added(x_details="%RESPONSE_CODE_DETAILS%", **shown)}]},
        **manager}
    if access_log:
        config["access_log"] = [{"name": "file", "typed_config": {
            "@type": f"{TYPES}.access_loggers.file.v3.FileAccessLog", "path": access_log["path"],
            "log_format": {"json_format": access_log["format"]}}}]
    chain = {"filters": [{"name": "hcm", "typed_config": config}]}
    if tls:
        chain["transport_socket"] = {"name": "tls", "typed_config": {
            "@type": f"{TYPES}.transport_sockets.tls.v3.DownstreamTlsContext", **tls}}
    return {"name": name, "address": where, "filter_chains": [chain]}


def cluster(name, port, **more):
    endpoint = {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}
    return {"name": name, "type": "STATIC", "connect_timeout": "1s",
            "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}, **more}


class Envoy:
    """Envoy with these listeners and clusters, in a folder of its own."""

    def __init__(self, workers=1, environment=None):
        self.folder = Path(tempfile.mkdtemp(prefix="countersign-envoy-"))
        self.admin = free_port()
        self.workers = workers
        self.environment = {**os.environ, **(environment or {})}
        self.listeners, self.clusters, self.more = [], [], {}
        self.restart = ["--disable-hot-restart"]
        self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        died = self.process is not None and self.process.poll() is not None
        self.stop()
        log = self.log()
        if not os.environ.get("COUNTERSIGN_ENVOY_KEEP"):
            shutil.rmtree(self.folder)
        assert not died, f"Envoy died: {log[-3000:]}"

    def write(self, name, content):
        """Puts a file in its place in one step."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(path.name + ".new")
        new.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False))
        os.replace(new, path)
        return path

    def configuration(self):
        return {
            "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": self.admin}}},
            "static_resources": {"listeners": self.listeners, "clusters": self.clusters}, **build.THIS.bootstrap, **self.more}

    def command(self, *more):
        path = self.write("envoy.json", self.configuration())
        return [place.envoy(), "-c", str(path), *self.restart, "--concurrency", str(self.workers),
                "--file-flush-interval-msec", "50", "-l", "warn", "--component-log-level", build.THIS.log, *more]

    def validate(self):
        """`--mode validate`: whether it passes, and its output."""
        done = subprocess.run(self.command("--mode", "validate"), capture_output=True, text=True, check=False,
                              env=self.environment, timeout=PATIENCE)
        return done.returncode == 0, done.stderr + done.stdout

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(self.command(), env=self.environment, stderr=log, stdout=log)
        until("Envoy is ready", self.is_ready)
        return self

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"Envoy ended: {self.log()[-3000:]}")
        try:
            return self.ask_admin("/ready").status == 200
        except OSError:
            return False

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def log(self):
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def ask_admin(self, path):
        return client.get(("127.0.0.1", self.admin), path, host="admin")

    def counters(self):
        """Our counters as Prometheus reads them: name and labels to value."""
        found = {}
        for line in self.ask_admin("/stats/prometheus").body.decode().splitlines():
            match = re.fullmatch(r"(\w*countersign_\w+)(?:\{(.*)\})? (\d+)", line)
            if match:
                name = match[1][match[1].index("countersign_"):]
                found[name, tuple(sorted(re.findall(r'(\w+)="([^"]*)"', match[2] or "")))] = int(match[3])
        return found

    def counter(self, name, **labels):
        return self.counters().get((name, tuple(sorted(labels.items()))), 0)

    def memory(self):
        """Resident bytes of Envoy."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
