"""Runs unittest and writes which tests passed and failed, by id, to a file outside the tree.

Run by the judged project's own interpreter, so: standard library alone, old syntax.

    unittest_report.py REPORT ARG...    ARG... as after ``python -m unittest``
"""

from __future__ import annotations

import json
import os
import sys
import unittest


class _Result(unittest.TextTestResult):
    passing: list[str] = []
    failing: list[str] = []

    def addSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802 - unittest's name
        super().addSuccess(test)
        self.passing.append(test.id())

    def addFailure(self, test: unittest.TestCase, err) -> None:  # type: ignore[no-untyped-def] # noqa: N802, ANN001 - unittest's
        super().addFailure(test, err)
        self.failing.append(test.id())

    def addError(self, test: unittest.TestCase, err) -> None:  # type: ignore[no-untyped-def] # noqa: N802, ANN001 - unittest's
        super().addError(test, err)
        self.failing.append(test.id())

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err) -> None:  # type: ignore[no-untyped-def] # noqa: N802, ANN001 - unittest's
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.failing.append(test.id())

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802 - unittest's name
        super().addUnexpectedSuccess(test)
        self.failing.append(test.id())


def main() -> int:
    """The exit code of ``python -m unittest``."""
    report, words = sys.argv[1], sys.argv[2:]
    sys.path[0] = os.getcwd()
    runner = unittest.TextTestRunner(resultclass=_Result, verbosity=1)
    program = unittest.main(
        module=None, argv=["python -m unittest", *words], exit=False, testRunner=runner
    )
    result = program.result
    with open(report, "w", encoding="utf-8") as stream:
        json.dump(
            {"tests": result.testsRun, "passing": _Result.passing, "failing": _Result.failing},
            stream,
        )
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
