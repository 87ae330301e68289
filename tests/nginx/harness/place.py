"""Where things are: the repository, the module that is tested, the parts of Debian's packages."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
NGINX = "/usr/sbin/nginx"


def module():
    """The built module; `run` names it."""
    return os.environ["COUNTERSIGN_NGINX_MODULE"]


def other_module():
    """The module with another layout of its shared memory."""
    return os.environ["COUNTERSIGN_NGINX_OTHER_MODULE"]


def fails_last():
    """A module that can fail after all others have initialised themselves."""
    return os.environ["COUNTERSIGN_NGINX_FAILS_LAST"]


def rpc():
    """A Python that has gRPC; `run` installs it."""
    return os.environ["COUNTERSIGN_NGINX_GRPC_PYTHON"]


def preload():
    """Libraries that nginx must be started with: the sanitizer's, if the module is built with it."""
    return os.environ.get("COUNTERSIGN_NGINX_PRELOAD", "")


def command():
    """The command `countersign`, whose answers the module's are held against."""
    return os.environ["COUNTERSIGN_COMMAND"]


def run(*arguments, **options):
    """Runs a command to its end, and fails with its output."""
    done = subprocess.run([str(part) for part in arguments], capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise RuntimeError(f"{arguments[0]} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout
