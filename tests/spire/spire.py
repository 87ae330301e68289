"""A SPIRE server and its agent of one's own: folders, ports and processes that are ended by their numbers."""

import base64
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from gates import until
from hosts.ports import free_port

START = 90  # seconds

SERVER = """
server {{
  bind_address = "127.0.0.1"
  bind_port = {port}
  socket_path = "{folder}/server.sock"
  trust_domain = "{trust_domain}"
  data_dir = "{folder}/server"
  log_level = "INFO"
  default_jwt_svid_ttl = "5m"
  federation {{
    bundle_endpoint {{
      address = "127.0.0.1"
      port = {endpoint}
      refresh_hint = "10s"
      profile "https_spiffe" {{}}
    }}
  }}
}}
plugins {{
  DataStore "sql" {{ plugin_data {{ database_type = "sqlite3" connection_string = "{folder}/server/datastore.sqlite3" }} }}
  NodeAttestor "join_token" {{ plugin_data {{}} }}
  KeyManager "memory" {{ plugin_data {{}} }}
}}
"""

AGENT = """
agent {{
  data_dir = "{folder}/agent"
  log_level = "INFO"
  server_address = "127.0.0.1"
  server_port = {port}
  socket_path = "{folder}/agent.sock"
  trust_bundle_path = "{folder}/bootstrap.pem"
  trust_domain = "{trust_domain}"
}}
plugins {{
  NodeAttestor "join_token" {{ plugin_data {{}} }}
  KeyManager "memory" {{ plugin_data {{}} }}
  WorkloadAttestor "unix" {{ plugin_data {{}} }}
}}
"""


def parts(token):
    """Header and claims of a token, as they are."""
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]


def binary(name):
    return str(Path(os.environ["COUNTERSIGN_SPIRE"]) / f"spire-{name}")


class Spire:
    """A server of one trust domain, and an agent if it is asked for."""

    def __init__(self, trust_domain):
        self.trust_domain = trust_domain
        self.folder = Path(tempfile.mkdtemp(prefix="countersign-spire-"))
        self.port, self.endpoint = free_port(), free_port()
        self.processes = []

    def __enter__(self):
        try:
            self.start("server", SERVER)
            until("SPIRE's server is healthy", lambda: self.is_healthy("server"), START)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder)

    def start(self, name, configuration, *more):
        (self.folder / name).mkdir()
        path = self.folder / f"{name}.conf"
        path.write_text(configuration.format(
            folder=self.folder, port=self.port, endpoint=self.endpoint, trust_domain=self.trust_domain))
        with open(self.folder / f"{name}.log", "wb") as log:
            command = [binary(name), "run", "-config", str(path), *more]
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log))

    def is_healthy(self, name):
        if any(process.poll() is not None for process in self.processes):
            raise AssertionError(f"SPIRE ended: {(self.folder / f'{name}.log').read_text()[-3000:]}")
        done = subprocess.run([binary(name), "healthcheck", "-socketPath", f"{self.folder}/{name}.sock"],
                              capture_output=True, check=False, timeout=60)
        return done.returncode == 0

    def call(self, *arguments, input=None):
        """One command of the server; returns its output."""
        where = ["-socketPath", f"{self.folder}/server.sock"]
        done = subprocess.run([binary("server"), *arguments, *where], capture_output=True, text=True, check=False, input=input, timeout=60)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def start_agent(self):
        """An agent that a join token attests."""
        (self.folder / "bootstrap.pem").write_text(self.call("bundle", "show", "-format", "pem"))
        node = f"spiffe://{self.trust_domain}/node"
        token = json.loads(self.call("token", "generate", "-spiffeID", node, "-output", "json"))["value"]
        self.start("agent", AGENT, "-joinToken", token)
        until("SPIRE's agent is healthy", lambda: self.is_healthy("agent"), START)
        return node

    def register(self, parent, path, *more):
        """An entry for every process of this user."""
        self.call("entry", "create", "-parentID", parent, "-spiffeID", f"spiffe://{self.trust_domain}{path}",
                  "-selector", f"unix:uid:{os.getuid()}", *more)

    def fetch(self, *audiences):
        """What the Workload API hands out: the first JWT-SVID, and the JWK sets of all trust domains, in base64 by their names."""
        command = [binary("agent"), "api", "fetch", "jwt", "-audience", ",".join(audiences),
                   "-socketPath", f"{self.folder}/agent.sock", "-output", "json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        svids, bundles = json.loads(done.stdout)
        return svids["svids"][0]["svid"], {name.removeprefix("spiffe://"): text for name, text in bundles["bundles"].items()}

    def mint(self, path, audience):
        """A JWT-SVID of the server itself."""
        spiffe_id = f"spiffe://{self.trust_domain}{path}"
        return self.call("jwt", "mint", "-spiffeID", spiffe_id, "-audience", audience).strip()

    def bundle(self):
        """The SPIFFE bundle as the server shows it."""
        return self.call("bundle", "show", "-format", "spiffe")

    def served_bundle(self):
        """The SPIFFE bundle as its endpoint serves it (profile https_spiffe: the certificate is an X.509-SVID of the trust domain)."""
        context = ssl.create_default_context(cadata=self.call("bundle", "show", "-format", "pem"))
        # The name in the certificate is a SPIFFE ID, not that of a host.
        context.check_hostname = False
        with urllib.request.urlopen(f"https://127.0.0.1:{self.endpoint}/", timeout=30, context=context) as got:
            return got.read().decode()

    def authorities(self):
        """The JWT authorities by their state."""
        shown = json.loads(self.call("localauthority", "jwt", "show", "-output", "json"))
        return {state: shown[state]["authority_id"] for state in ("active", "prepared", "old") if shown.get(state)}

    def change_authority(self, step, authority=None):
        named = ["-authorityID", authority] if authority else []
        self.call("localauthority", "jwt", step, *named)
