"""Ports of this machine for servers of a test."""

import random
import socket


def free_port():
    """A port that nothing listens on, from below those that connections leave by: none of them can take it meanwhile."""
    while True:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", random.randrange(20000, 32768)))
            except OSError:
                continue
            return probe.getsockname()[1]
