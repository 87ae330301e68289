"""Puts the foreign libraries in place: exactly the pinned ones, and again whenever a pin changes."""

import hashlib
import shutil
import sys

from harness.process import ROOT, Trouble, must

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = ROOT / "python" / "requirements.txt"
NODE = ROOT / "node"


def install():
    ensure("Python", [REQUIREMENTS], VENV, install_python)
    ensure("Node", [NODE / "package.json", NODE / "package-lock.json"], NODE / "node_modules", install_node)


def ensure(what, pins, directory, action):
    """Runs `action` unless `directory` holds what these pins ask for. The stamp is written last."""
    stamp = directory / ".installed-for"
    digest = hashlib.sha256(b"".join(pin.read_bytes() for pin in pins)).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    print(f"installing the {what} packages of {pins[-1].relative_to(ROOT)}", flush=True)
    action()
    stamp.write_text(digest)


def install_python():
    must([sys.executable, "-m", "venv", "--clear", VENV], "make a Python environment (Debian: package python3-venv)")
    must([PYTHON, "-m", "pip", "install", "--quiet", "--requirement", REQUIREMENTS], "install the Python packages")


def install_node():
    if not shutil.which("node") or not shutil.which("npm"):
        raise Trouble("needs Node 20 or later, with npm, on the PATH")
    must(["npm", "ci", "--ignore-scripts"], "install the Node packages", cwd=NODE)
