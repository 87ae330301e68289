"""What a filter asks, as `hosts.answers` has it."""

from hosts.answers import Answers, Scripted

__all__ = ["Answers", "Scripted"]
