"""Text that must not be printed."""

from __future__ import annotations


class Secret:
    """A secret string: it prints as ``***``; only ``reveal`` gives it away.

    It is no ``str`` on purpose: joined, formatted or serialised by accident it stays hidden or
    fails.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself, for the one who hands it to the server."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)
