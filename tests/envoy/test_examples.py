"""The configurations in examples/envoy, as they are and after each of the diffs, and those in docs/hosts/envoy.md."""

import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from harness import build, client, issuer, place, server

EXAMPLE = place.ROOT / "examples/envoy"
PAGE = place.ROOT / "docs/hosts/envoy.md"


class Upstream(BaseHTTPRequestHandler):
    """Shows the identity that it was sent."""

    def do_GET(self):
        body = f"user={self.headers.get('x-user')} binding={self.headers.get('x-binding')}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def validate(path):
    done = subprocess.run([place.envoy(), "-c", str(path), "--mode", "validate", "-l", "warn"], capture_output=True, text=True,
                          check=False, timeout=server.PATIENCE)
    return done.returncode, done.stdout + done.stderr


class Places(unittest.TestCase):
    """Keys, certificates, and the paths of a test."""

    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.TemporaryDirectory(prefix="countersign-examples-")
        cls.folder = Path(cls.made.name)
        for name in ("server", "client"):
            place.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                      "-subj", f"/CN={name}", "-keyout", cls.folder / f"{name}.key", "-out", cls.folder / f"{name}.pem")
        shutil.copy(cls.folder / "client.pem", cls.folder / "clients.pem")
        cls.certificate = ssl.PEM_cert_to_DER_cert((cls.folder / "client.pem").read_text())

    @classmethod
    def tearDownClass(cls):
        cls.made.cleanup()

    def here(self, text, folder, port=443, upstream=8080):
        """The text with the paths and addresses of a test."""
        for written, here in [("/etc/envoy/libcountersign_envoy.so", place.module()), ("/usr/lib/libcountersign_envoy.so", place.module()),
                              ("/etc/envoy/countersign.wasm", place.wasm()), ("/etc/envoy/tls/", f"{self.folder}/"),
                              ("/etc/envoy/countersign/", f"{folder}/"), ("address: 0.0.0.0, port_value: 443", f"address: 127.0.0.1, port_value: {port}"),
                              ("address: 127.0.0.1, port_value: 8080", f"address: 127.0.0.1, port_value: {upstream}")]:
            text = text.replace(written, str(here))
        return text


class Configurations(Places):
    def test_the_configuration_of_the_proxy_wasm_filter(self):
        path = self.folder / "envoy-wasm.yaml"
        path.write_text(self.here((EXAMPLE / "envoy-wasm.yaml").read_text(), self.folder))
        code, said = validate(path)
        self.assertEqual((code, "origin" in said), (0, False), said)

    def test_the_configurations_of_the_page(self):
        """The filter in the page, in the place of that of the example."""
        blocks = re.findall(r"```yaml\nhttp_filters:\n(- name: [^…]*?)```", PAGE.read_text())
        self.assertEqual(len(blocks), 2)
        base = (EXAMPLE / "envoy-wasm.yaml").read_text()
        before, rest = base.split("          - name: countersign\n")
        after = rest[rest.index("          - name: envoy.filters.http.router"):]
        for number, block in enumerate(blocks):
            indented = "".join(" " * 10 + line + "\n" for line in block.splitlines())
            path = self.folder / f"page-{number}.yaml"
            path.write_text(self.here(before + indented + after, self.folder))
            code, said = validate(path)
            self.assertEqual(code, 0, said)


@build.only(build.MODULE, "the diffs are those of the module's configuration")
class Steps(Places):
    """The example after each of its diffs, with requests."""

    def ask(self, *diffs):
        """A function that asks an Envoy with the example after these diffs."""
        folder = self.folder / "-".join(["example", *diffs])
        shutil.copytree(EXAMPLE, folder)
        for name in diffs:
            with open(folder / f"{name}.diff") as diff:
                done = subprocess.run(["patch", "-p1", "--fuzz=0"], cwd=folder, stdin=diff, capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, "offset" in done.stdout), (0, False), done.stdout + done.stderr)
        self.key, self.client = issuer.Key("first"), issuer.Key("client")
        (folder / "as.json").write_text(issuer.key_set(self.key))
        upstream = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
        thread = Thread(target=upstream.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(upstream.server_close)
        self.addCleanup(upstream.shutdown)
        port = server.free_port()
        path = folder / "envoy.yaml"
        path.write_text(self.here(path.read_text(), folder, port, upstream.server_port))
        code, said = validate(path)
        self.assertEqual((code, "origin" in said), (0, False), said)
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen([place.envoy(), "-c", str(path), "--disable-hot-restart", "--concurrency", "1", "-l", "warn"],
                                       stdout=log, stderr=log)
        self.addCleanup(process.wait, server.PATIENCE)
        self.addCleanup(process.terminate)

        def listens():
            self.assertIsNone(process.poll(), (folder / "log").read_text())
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        server.until("Envoy listens", listens)

        def ask(headers=(), name=None):
            tls = client.tls(*([str(self.folder / f"{name}.pem"), str(self.folder / f"{name}.key")] if name else []))
            answer = client.get(("127.0.0.1", port), "/orders", list(headers), tls=tls, host="api.example")
            return answer.status, answer.body.decode() if answer.status == 200 else ""
        return ask

    def proven(self, ask):
        """A request with a proof; a new store refuses those that may be from before it."""
        token = self.key.token(bound=self.client)

        def passes():
            headers = issuer.dpop(token, self.client.proof(token, uri="https://api.example/orders"))
            answer = ask(headers)
            return (answer, headers) if answer[0] == 200 else None
        return server.until("a proof passes", passes, 20)

    def test_bearer(self):
        ask = self.ask()
        self.assertEqual(ask([issuer.bearer(self.key.token())]), (200, "user=alice binding=None"))
        self.assertEqual(ask(), (401, ""))

    def test_dpop(self):
        ask = self.ask("dpop")
        self.assertEqual(ask([issuer.bearer(self.key.token())])[0], 401)
        answer, headers = self.proven(ask)
        self.assertEqual(answer, (200, "user=alice binding=dpop"))
        self.assertEqual(ask(headers)[0], 401)

    def test_mtls(self):
        ask = self.ask("dpop", "mtls")
        bound = issuer.bearer(self.key.token(certificate=self.certificate))
        self.assertEqual(ask([bound], "client"), (200, "user=alice binding=mtls"))
        self.assertEqual(ask([bound])[0], 401)
        self.assertEqual(ask([issuer.bearer(self.key.token())])[0], 401)
