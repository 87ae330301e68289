"""What a module asks, as `hosts.answers` has it, and a store in Redis behind it."""

import socket
import subprocess
import tempfile
from pathlib import Path

from hosts.answers import Answers, Scripted

from .server import until

__all__ = ["Answers", "Redis", "Scripted"]


class Redis:
    """A server of its own, on a Unix socket."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="countersign-redis-")
        self.path = f"{self.folder.name}/redis.sock"
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.path, "--save", "", "--dir", self.folder.name], stdout=subprocess.DEVNULL)
        until("Redis answers", lambda: Path(self.path).exists() and self.ask("PING") == b"+PONG\r\n")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()

    def ask(self, *words):
        command = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words)
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(self.path)
            except OSError:
                return b""
            connection.sendall(command)
            return connection.recv(4096)

    def status(self, proof, seconds):
        """The store's answer to a proof: Redis looks and remembers in one step."""
        return {b"+OK\r\n": 201, b"$-1\r\n": 409}.get(self.ask("SET", proof, "1", "NX", "EX", seconds), 500)
