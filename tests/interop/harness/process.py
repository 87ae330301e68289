"""Running other programs: all of them must end well, and in time."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_SECONDS = 600


class Trouble(Exception):
    """Interop cannot go on; the message says why."""


def must(command, purpose, **options):
    """Runs `command`; its output is shown only when it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False, **options)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Trouble(f"could not {purpose}: {error}") from error
    if done.returncode != 0:
        raise Trouble(f"could not {purpose}:\n{done.stdout}{done.stderr}")
