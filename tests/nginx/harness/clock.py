"""A time of day of nginx's own."""

import tempfile
import time

from . import place


class Clock:
    """Stopped at `seconds` until it is set. nginx gets `environment`, and `main` has it leave that to its workers."""

    def __init__(self, seconds):
        self.file = tempfile.NamedTemporaryFile("w", prefix="clock-")
        self.environment = {
            "LD_PRELOAD": place.faketime(), "TZ": "UTC", "FAKETIME_TIMESTAMP_FILE": self.file.name, "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1",
        }
        self.main = " ".join(f"env {name};" for name in self.environment)
        self.set(seconds)

    def set(self, seconds):
        self.file.seek(0)
        self.file.truncate()
        self.file.write(time.strftime("%Y-%m-%d %H:%M:%S\n", time.gmtime(seconds)))
        self.file.flush()
