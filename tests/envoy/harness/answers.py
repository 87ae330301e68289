"""What a filter asks, as `hosts.answers` has it."""

import sys

from . import place

sys.path.append(str(place.ROOT / "tests"))
from hosts.answers import Answers, Scripted  # noqa: E402

__all__ = ["Answers", "Scripted"]
