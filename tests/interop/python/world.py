"""The names, the clock and the policies that every generator shares, whatever its language."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORLD = json.loads((ROOT / "world.json").read_text())
NOW = WORLD["now"]


def policy_document(trust):
    """The policy document over this trust: every policy of the world, completed with the defaults."""
    policies = {name: {**WORLD["policy_defaults"], **own} for name, own in WORLD["policies"].items()}
    return {"trust": trust, "policies": policies}
