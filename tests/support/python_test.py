#!/usr/bin/python3
"""Runs one file of Python unittests for ctest: python_test.py FILE [NAME...]

Prints a line `SKIP: test: reason` for each skip; exits 77 (ctest: skipped) if nothing but skips happened.
"""
import os
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path[:0] = [f"{ROOT}/scripts", f"{ROOT}/tests/system"]
SKIPPED = 77


def main():
    path = os.path.realpath(sys.argv[1])
    sys.path.insert(0, os.path.dirname(path))
    module = os.path.basename(path).removesuffix(".py")
    loader = unittest.defaultTestLoader
    if len(sys.argv) > 2:
        suite = loader.loadTestsFromNames([f"{module}.{name}" for name in sys.argv[2:]])
    else:
        suite = loader.loadTestsFromName(module)
    result = unittest.TextTestRunner(verbosity=2, stream=sys.stdout, failfast=False).run(suite)
    for test, reason in result.skipped:
        print(f"SKIP: {str(test).split(' ')[0]}: {reason}")
    if not result.wasSuccessful():
        return 1
    if not result.testsRun or len(result.skipped) >= result.testsRun:
        return SKIPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
