"""The exceptions of one event: which one ended the program, and what led to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from mendwire.gateway.frames import Folded, Trace, read_frames, text
from mendwire.model.signature import capped

MOST_EXCEPTIONS: Final = 50
_TYPE: Final = 300
_VALUE: Final = 16_000
_BUILTIN: Final = frozenset({"", "builtins", "__builtin__", "__main__", "exceptions"})


class Thrown(msgspec.Struct):
    """The fields of Sentry's exception that are read."""

    type: Any = None
    module: Any = None
    value: Any = None
    mechanism: Any = None
    stacktrace: Any = None


class Typed(Thrown):
    """An exception of the usual form, as it is decoded."""

    stacktrace: Trace | None = None
    raw_stacktrace: None = None
    """Where it stands there is a choice to make, which is not made while decoding."""


class Exceptions(msgspec.Struct):
    """The exceptions of an event in their usual form."""

    values: list[Typed]


@dataclass(slots=True)
class Raised:
    """One exception."""

    type: str
    value: str
    stack: list[Folded]
    id: int | None = None
    parent: int | None = None
    source: str = ""
    """How it hangs on its parent: ``__cause__``, ``__context__``, ``cause``, ``errors[0]``."""
    is_group: bool = False
    mechanism: dict[str, Any] = field(default_factory=dict)

    @property
    def headline(self) -> str:
        """``Type: value``, as runtimes print it."""
        if not self.type:
            return self.value
        return f"{self.type}: {self.value}" if self.value else self.type

    @property
    def is_member(self) -> bool:
        """One of several that a group holds, rather than the one cause of another."""
        return self.source.endswith("]")


def read_chain(exception: Any) -> list[Raised]:  # noqa: ANN401 - anything a client sent
    """The main exception first, then its causes and members, each after its parent.

    Sentry sends the oldest cause first and the main one last; where exceptions are numbered, 0 is
    the main one.
    """
    values = _values(exception)
    if len(values) > MOST_EXCEPTIONS:
        values = values[-MOST_EXCEPTIONS:]
    chain = [_raised(item) for item in reversed(values)]
    return _from_the_root(chain)


def children(chain: Sequence[Raised], parent: Raised) -> list[Raised]:
    """What hangs on ``parent``, where the SDK says so."""
    if parent.id is None:
        return []
    return [one for one in chain if one.parent == parent.id and one is not parent]


def _values(exception: Any) -> Sequence[Thrown]:  # noqa: ANN401 - anything a client sent
    if isinstance(exception, Exceptions):
        return exception.values
    given = exception.get("values") if isinstance(exception, dict) else exception
    if isinstance(exception, dict) and given is None:
        given = [exception]
    return [
        Thrown(
            type=item.get("type"),
            module=item.get("module"),
            value=item.get("value"),
            mechanism=item.get("mechanism"),
            stacktrace=item.get("stacktrace") or item.get("raw_stacktrace"),
        )
        for item in (given if isinstance(given, list) else ())
        if isinstance(item, dict)
    ]


def _from_the_root(chain: list[Raised]) -> list[Raised]:
    root = next((one for one in chain if one.id == 0), None)
    return chain if root is None else [root, *(one for one in chain if one is not root)]


def _raised(item: Thrown) -> Raised:
    mechanism = item.mechanism if isinstance(item.mechanism, dict) else {}
    own, parent = mechanism.get("exception_id"), mechanism.get("parent_id")
    return Raised(
        type=_type(text(item.module, _TYPE), text(item.type, _TYPE)),
        value=capped(text(item.value, 4 * _VALUE), _VALUE),
        stack=read_frames(item.stacktrace),
        id=own if type(own) is int else None,
        parent=parent if type(parent) is int else None,
        source=text(mechanism.get("source"), _TYPE),
        is_group=mechanism.get("is_exception_group") is True,
        mechanism=mechanism,
    )


def _type(module: str, name: str) -> str:
    """As a traceback prints it, so that one error reads alike however it is reported."""
    return name if not name or module in _BUILTIN or "." in name else f"{module}.{name}"
