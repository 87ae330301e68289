"""python generate.py DIRECTORY GROUP: writes the cases of this group under DIRECTORY."""

import importlib
import sys
from pathlib import Path

root, group = sys.argv[1:]
importlib.import_module(f"groups.{group}").generate(Path(root))
