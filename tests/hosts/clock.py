"""A time of day of a host's own."""

import mmap
import os
import struct
import tempfile


class Clock:
    """Does not advance from `seconds` until it is set. The host is started with `environment`; see clock.c, which the host's `run` builds."""

    def __init__(self, seconds):
        self.file = tempfile.NamedTemporaryFile(prefix="countersign-clock-")
        self.file.truncate(8)
        # A store of eight bytes at once: the host's processes have the same page mapped.
        self.memory = mmap.mmap(self.file.fileno(), 8)
        self.environment = {"LD_PRELOAD": os.environ["COUNTERSIGN_CLOCK_LIBRARY"], "TZ": "UTC", "COUNTERSIGN_CLOCK": self.file.name}
        self.set(seconds)

    def set(self, seconds):
        self.memory[:] = struct.pack("=q", seconds)
