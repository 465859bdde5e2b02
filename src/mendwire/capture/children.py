"""Children that ``multiprocessing`` starts: it catches their exceptions and ends them by itself.

Neither ``sys.excepthook`` nor ``atexit`` is heard of there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from mendwire.capture.arrivals import when_loaded
from mendwire.capture.guard import Guard
from mendwire.capture.uncaught import Report, is_error


class Children:
    """The hook in ``multiprocessing``; ``install`` once."""

    def __init__(self, *, report: Report, leave: Callable[[], None], guard: Guard) -> None:
        self._report = report
        self._leave = leave
        self._guard = guard

    def install(self) -> None:
        """Report what ends a child, and send what waits before it is gone."""
        when_loaded("multiprocessing.process", lambda: self._guard.run(self._hook, None))

    def _hook(self) -> None:
        module: Any = sys.modules["multiprocessing.process"]
        before = module.BaseProcess._bootstrap  # noqa: SLF001 - the one place all kinds come by

        def bootstrap(process: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - theirs
            self._guard.run(lambda: self._watch(process), None)
            return before(process, *args, **options)

        module.BaseProcess._bootstrap = bootstrap  # noqa: SLF001 - the same

    def _watch(self, process: Any) -> None:  # noqa: ANN401 - multiprocessing is not imported
        work = process.run

        def run() -> None:
            try:
                work()
            except BaseException as exc:
                if is_error(exc):
                    said = {"mechanism": "multiprocessing", "process": str(process.name)}
                    self._report(exc, "fatal", said)
                raise
            finally:
                self._leave()

        process.run = run
