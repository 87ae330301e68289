"""A mount namespace of a test's own: small disks, and other files in the place of the kernel's."""

import os
import subprocess
from pathlib import Path

from . import place
from .server import until


class Mounts:
    """Held by a process that sleeps; its mounts end with that process."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--mount", "--", "sleep", "infinity"], stderr=subprocess.PIPE, text=True)
        until("a mount namespace", self.is_apart)

    def is_apart(self):
        if self.holder.poll() is not None:
            raise AssertionError(f"these tests need a mount namespace: {self.holder.stderr.read()}")
        number = self.holder.pid
        apart = os.readlink(f"/proc/{number}/ns/mnt") != os.readlink("/proc/self/ns/mnt")
        return apart and Path(f"/proc/{number}/comm").read_text().strip() == "sleep"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.holder.kill()
        self.holder.wait()
        self.holder.stderr.close()

    def enter(self):
        """What a command begins with that runs in here."""
        return ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "--"]

    def run(self, *arguments):
        return place.run(*self.enter(), *arguments)

    def disk(self, path, size):
        """An empty disk of this size at a folder."""
        path.mkdir(exist_ok=True)
        self.run("mount", "-t", "tmpfs", "-o", f"size={size}", "none", path)

    def path(self, path):
        """Where a path of this namespace is for a process outside."""
        return Path(f"/proc/{self.holder.pid}/root{path}")

    def fill(self, folder):
        """Leaves no room on the disk of a folder; returns the file that takes it."""
        ballast = self.path(folder) / "ballast"
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        return ballast
