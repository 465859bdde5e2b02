"""Answers that cannot change, because they follow from content-addressed names alone."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

_NAME: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LIMIT: Final = 128

T = TypeVar("T")


@dataclass(kw_only=True, slots=True)
class Known:
    """The latest answers, by question and full names of objects."""

    _answers: dict[tuple[str, ...], Any] = field(default_factory=dict)

    async def get(
        self, question: str, names: tuple[str, ...], ask: Callable[[], Awaitable[T]]
    ) -> T:
        """The known answer, else that of ``ask``; kept only when each name is a full one."""
        key = (question, *names)
        if key in self._answers:
            known: T = self._answers[key]
            return known
        answer = await ask()
        if all(map(_NAME.fullmatch, names)):
            while len(self._answers) >= _LIMIT:
                del self._answers[next(iter(self._answers))]
            self._answers[key] = answer
        return answer
