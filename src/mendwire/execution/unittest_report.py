"""Runs unittest and writes which tests passed and failed, by id, to a file outside the tree.

Run by the judged project's own interpreter, so: standard library alone, old syntax.

    unittest_report.py REPORT ARG...    ARG... as after ``python -m unittest``
"""

from __future__ import annotations

import json
import sys
import unittest
from pathlib import Path
from typing import Any


class _Result(unittest.TextTestResult):
    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - handed on as they are
        super().__init__(*args, **options)
        self.passing: list[str] = []
        self.failing: list[str] = []

    def addSuccess(self, test: Any) -> None:  # noqa: N802, ANN401 - unittest's name and types
        super().addSuccess(test)
        self.passing.append(test.id())

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802, ANN401 - unittest's name and types
        super().addFailure(test, err)
        self.failing.append(test.id())

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802, ANN401 - unittest's name and types
        super().addError(test, err)
        self.failing.append(test.id())

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802, ANN401 - unittest's name and types
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.failing.append(test.id())

    def addUnexpectedSuccess(self, test: Any) -> None:  # noqa: N802, ANN401 - unittest's name and types
        super().addUnexpectedSuccess(test)
        self.failing.append(test.id())


def main() -> int:
    """The exit code of ``python -m unittest``."""
    report, words = sys.argv[1], sys.argv[2:]
    sys.path[0] = str(Path.cwd())
    runner = unittest.TextTestRunner(resultclass=_Result, verbosity=1)
    program = unittest.main(
        module=None, argv=["python -m unittest", *words], exit=False, testRunner=runner
    )
    result: Any = program.result
    told = {"tests": result.testsRun, "passing": result.passing, "failing": result.failing}
    Path(report).write_text(json.dumps(told), encoding="utf-8")
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
