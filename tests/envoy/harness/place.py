"""The paths of the repository, of the tested builds, of Envoy."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def module():
    """The built module; `run` names it."""
    return os.environ["COUNTERSIGN_ENVOY_MODULE"]


def wasm():
    """The built proxy-wasm filter; `run` names it."""
    return os.environ["COUNTERSIGN_ENVOY_WASM"]


def envoy():
    """Envoy's binary; `run` installs it."""
    return os.environ["COUNTERSIGN_ENVOY"]


def rpc():
    """A Python that has gRPC; `run` installs it."""
    return os.environ["COUNTERSIGN_ENVOY_RPC"]


def command():
    """The command `countersign`, whose answers the module's are held against."""
    return os.environ["COUNTERSIGN_COMMAND"]


def run(*arguments, **options):
    """Runs a command to its end, and fails with its output."""
    done = subprocess.run([str(part) for part in arguments], capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise RuntimeError(f"{arguments[0]} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout
