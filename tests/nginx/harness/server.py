"""An nginx of one's own: a folder, a configuration, a process that is ended by its number."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from hosts import waiting
from hosts.ports import free_port

from . import client, place

PATIENCE = 30  # seconds

HEAD = """
{user}
load_module {module};
worker_processes {workers};
pid {folder}/nginx.pid;
lock_file {folder}/nginx.lock;
error_log {folder}/error.log {level};
daemon {daemon};
{main}
events {{ worker_connections {connections}; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {log}
    large_client_header_buffers 4 64k;
    keepalive_requests 100000000;
"""

# An upstream of its own process.
SHOWN = """
{user}
pid {folder}/shown.pid;
error_log {folder}/shown.log;
daemon off;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/shown-body;
    proxy_temp_path {folder}/shown-proxy;
    fastcgi_temp_path {folder}/shown-fastcgi;
    uwsgi_temp_path {folder}/shown-uwsgi;
    scgi_temp_path {folder}/shown-scgi;
    large_client_header_buffers 4 64k;
    server {{
        listen unix:{folder}/shown.sock;
        location / {{ return 200 "user=$http_x_user binding=$http_x_binding uri=$request_uri method=$request_method"; }}
        location /refuses {{ return 401; }}
    }}
}}
"""


def until(what, condition, patience=PATIENCE):
    return waiting.until(what, condition, patience)


class Nginx:
    """nginx with `http`, the inside of its http block. `{folder}` and `{port}` are replaced."""

    def __init__(self, http="", workers=1, level="info", main="", environment=None, connections=1024,
                 daemon=False, mounts=None, binary=None, module=None):
        self.folder = Path(tempfile.mkdtemp(prefix="countersign-nginx-"))
        self.port = free_port()
        self.address = ("127.0.0.1", self.port)
        self.binary, self.module = binary or place.NGINX, module or place.module()
        self.process = None
        self.upstream = None
        self.started = None
        self.mounts = mounts
        self.settings = {"workers": workers, "level": level, "main": main, "connections": connections,
                         "daemon": "on" if daemon else "off"}
        self.daemon = daemon
        self.environment = dict(os.environ)
        environment = dict(environment or {})
        preload = " ".join(part for part in [place.preload(), environment.pop("LD_PRELOAD", "")] if part)
        if preload:
            self.environment["LD_PRELOAD"] = preload
            # A binary upgrade needs them again; nginx removes a variable that no directive names.
            kept = ["LD_PRELOAD", "ASAN_OPTIONS", "UBSAN_OPTIONS", *environment]
            self.settings["main"] += "".join(f" env {name};" for name in kept)
        # The module and its library do not leak at exit more than nginx itself does; what is leaked in use, faults.py sees.
        self.environment["ASAN_OPTIONS"] = f"detect_leaks=0:abort_on_error=1:log_path={self.folder}/asan"
        self.environment["UBSAN_OPTIONS"] = f"halt_on_error=1:print_stacktrace=1:log_path={self.folder}/ubsan"
        self.environment.update(environment)
        self.http = http

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        reports = [path.read_text() for path in self.folder.glob("*san.*")]
        crashes = [line for line in self.log().splitlines() if "exited on signal" in line and "signal 9" not in line]
        if not os.environ.get("COUNTERSIGN_NGINX_KEEP"):
            shutil.rmtree(self.folder)
        assert not reports, "\n".join(reports)
        assert not crashes, "\n".join(crashes)

    def write(self, name, text):
        """Puts a file in its place in one step."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(path.name + ".new")
        new.write_text(text)
        os.replace(new, path)
        return path

    def configure(self, http=None):
        if http is not None:
            self.http = http
        user = "user root;" if os.getuid() == 0 else ""
        log = "" if "access_log {folder}" in self.http else "access_log off;"
        head = HEAD.format(user=user, log=log, module=self.module, folder=self.folder, **self.settings)
        inside = self.http.replace("{folder}", str(self.folder)).replace("{port}", str(self.port))
        return self.write("nginx.conf", head + inside + "\n}\n")

    def command(self, *arguments):
        inside = self.mounts.enter() if self.mounts else []
        return [*inside, self.binary, "-p", str(self.folder), "-c", str(self.configure()), "-e", f"{self.folder}/error.log", *arguments]

    def test(self):
        """`nginx -t`: whether it passes, and its output."""
        done = subprocess.run(
            self.command("-t"), capture_output=True, text=True, check=False, env=self.environment, timeout=60
        )
        return done.returncode == 0, done.stderr.replace(str(self.folder), "")

    def signal(self, word):
        """`nginx -s`, with the configuration as it is written by then."""
        done = subprocess.run(self.command("-s", word), capture_output=True, text=True, check=False, env=self.environment, timeout=60)
        assert done.returncode == 0, done.stderr

    def start_and_fail(self):
        """A start that must end by itself; returns its exit status, negative for a signal, None if nginx serves."""
        self.process = subprocess.Popen(self.command(), env=self.environment, stderr=subprocess.DEVNULL)

        def outcome():
            try:
                return (None,) if self.is_up() else ()
            except AssertionError:
                return (self.process.returncode,)

        (status,) = until("nginx ends", outcome)
        return status

    def start(self):
        """Returns when nginx serves. One that does not leaves nothing behind."""
        try:
            self.start_all()
        except BaseException:
            self.stop()
            raise
        return self

    def start_all(self):
        # It outlives an nginx that a test ended by itself and starts again.
        if "{folder}/shown.sock" in self.http and (self.upstream is None or self.upstream.poll() is not None):
            self.start_upstream()
        self.process = subprocess.Popen(self.command(), env=self.environment, stderr=subprocess.DEVNULL)
        until("nginx answers", self.is_up)
        until("its workers", lambda: (self.folder / "nginx.pid").exists() and self.master()
              and len(self.workers()) == self.settings["workers"])
        # By then its zones are made.
        self.started = time.time()

    def start_upstream(self):
        user = "user root;" if os.getuid() == 0 else ""
        configuration = self.write("shown.conf", SHOWN.format(user=user, folder=self.folder))
        self.upstream = subprocess.Popen(
            [place.NGINX, "-p", str(self.folder), "-c", str(configuration), "-e", f"{self.folder}/shown.log"],
            stderr=subprocess.DEVNULL)
        until("the upstream", self.is_upstream_up)

    def is_upstream_up(self):
        if self.upstream.poll() is not None:
            raise AssertionError(f"the upstream ended: {(self.folder / 'shown.log').read_text()}")
        try:
            client.Client(str(self.folder / "shown.sock")).close()
            return True
        except OSError:
            return False

    def is_up(self):
        if self.process.poll() is not None and (self.process.returncode or not self.daemon):
            raise AssertionError(f"nginx ended: {self.log()}")
        try:
            client.Client(self.address).close()
            return True
        except OSError:
            return False

    def stop(self):
        masters = [int(path.read_text()) for path in self.folder.glob("nginx.pid*") if path.read_text().strip()]
        for master in masters:
            end(master, signal.SIGTERM)
        if self.process:
            if self.process.poll() is None:
                self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.upstream:
            self.upstream.terminate()
            self.upstream.wait(PATIENCE)
        until("the masters end", lambda: not any(is_alive(master) for master in masters))

    def master(self):
        return int((self.folder / "nginx.pid").read_text() or 0)

    def workers(self):
        """The numbers of the worker processes of the newest configuration."""
        return children(self.master())

    def reload(self):
        """Returns when the old workers are gone."""
        old = set(self.workers())
        self.configure()
        os.kill(self.master(), signal.SIGHUP)
        until("new workers", lambda: (now := set(self.workers())) and not now & old)

    def reload_and_fail(self, told):
        """A reload that nginx gives up, with this in its log; the workers stay."""
        before, at = self.workers(), len(self.log())
        self.configure()
        os.kill(self.master(), signal.SIGHUP)
        until(f"the reload fails: {told}", lambda: told in self.log()[at:])
        # The master takes no other signal before it is through with this one.
        assert self.workers() == before

    def get(self, target="/", headers=(), **options):
        return client.get(self.address, target, headers, **options)

    def log(self):
        path = self.folder / "error.log"
        return path.read_text(errors="replace") if path.exists() else ""


def end(number, how):
    try:
        if number:
            os.kill(number, how)
    except ProcessLookupError:
        pass


def is_alive(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rsplit(") ", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def children(parent):
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, rest = path.read_text().split(" (", 1)
        except OSError:
            continue
        state, of = rest.rsplit(") ", 1)[1].split()[:2]
        if int(of) == parent and state != "Z":
            found.append(int(number))
    return sorted(found)
