"""What the tests of the Envoy module share; what all hosts share is in `hosts`, beside their folders."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))
