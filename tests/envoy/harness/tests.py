"""Runs tests by their names, as `python -m unittest -v` does: those of the build under test, and none that it has to skip.

Tests of what only the other build has are not loaded, and the last line says how many they are. A test that is skipped all the same
makes the run fail: it would count as one that passed.
"""

import importlib
import sys
import unittest

from . import build


def main(names):
    for name in names:
        importlib.import_module(name.split(".")[0])
    suite = unittest.defaultTestLoader.loadTestsFromNames([name for name in names if not build.is_elsewhere(name)])
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    print(f"{build.THIS.name}: {result.testsRun} tests ran, {len(result.skipped)} skipped; "
          f"{sum(build.ELSEWHERE.values())} are for the other build only and were not loaded", file=sys.stderr, flush=True)
    return 0 if result.wasSuccessful() and not result.skipped else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
