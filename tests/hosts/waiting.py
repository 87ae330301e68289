"""What a test waits for."""

import time


def until(what, condition, patience):
    """Returns the first value of `condition` that is true; fails with `what` after `patience` seconds."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {patience} s: {what}")
        time.sleep(0.02)
