"""Where a part of a message stands: what is before it and after it, looked up when it is asked."""

from __future__ import annotations

from typing import Final

from mendwire.model.signature.v1.patterns import pattern, words

_SEPARATORS: Final = " #:=()[]{}'\"<>*`,-+"
_FAR: Final = 48
_CHUNKS_BACK: Final = 3


class Where:
    """A part of ``chunks[at]``, and the chunks around it."""

    __slots__ = ("after", "at", "before", "chunks", "out")

    def __init__(self, chunks: list[str], out: list[str], at: int, start: int, end: int) -> None:
        self.chunks, self.out, self.at = chunks, out, at
        chunk = chunks[at]
        self.before, self.after = chunk[:start], chunk[end:]

    def word(self) -> str:
        """The word before, in lower case, with ``userId`` as ``user_id``; else an empty text."""
        at = self.at
        before = self.chunks[at - 1] if at and not self.before else ""
        if before.islower() and before.isalpha() and before.isascii():
            return before[-_FAR:]
        tail = self.before[-_FAR:].rstrip(_SEPARATORS)
        while not tail and at > 0 and self.at - at < _CHUNKS_BACK:
            at -= 1
            tail = self.chunks[at][-_FAR:].rstrip(_SEPARATORS)
            if tail[-1:] in {".", ";"}:
                return ""
        found = pattern("word_backwards").match(tail[::-1])
        word = found.group()[::-1] if found else ""
        if word.endswith(("Id", "ID")) and (word[-3:-2].islower() or word[-3:-2] == "_"):
            return f"{word[:-2].rstrip('_').lower()}_id"
        return word.lower()

    def is_value_of(self, names: frozenset[str]) -> bool:
        """Whether it is the value of one of these: ``name=value`` or ``"name":"value"``."""
        bare = self.before.rstrip("'\"")
        return bare[-1:] in {"=", ":"} and self.word() in names

    def unit(self) -> str:
        """The chunk after, where nothing else stands between."""
        if self.at + 1 >= len(self.chunks) or self.after:
            return self.after if self.after in {"\u00b5s", "\u03bcs"} else ""
        word = self.chunks[self.at + 1].rstrip(".,;:)]'\"").lower()
        return word if len(word) > 1 or word == "%" else ""

    def is_ordinal(self, word: str) -> bool:
        """``column index: 3`` and PHP's ``Undefined offset: 3``."""
        back = self.at - 2
        if back < 0 or word not in {"index", "id", "number", "offset", "position"}:
            return False
        return self.chunks[back].lower() in words("ordinal")

    def previous(self) -> str:
        """The chunk before as it was masked; empty ones do not count."""
        for text in reversed(self.out):
            if text:
                return text
        return ""

    def is_after_time(self) -> bool:
        """``2026-11-25 10:00:00 [4711-1]``."""
        return self.before == "[" and self.previous().endswith("<time>")

    def is_index(self) -> bool:
        """``items[3]`` and ``sshd[4711]:``, but not ``args[1]`` or ``SQLSTATE[23505]``."""
        before = self.before
        if before[-1:] != "[" or self.after[:1] != "]" or not before[-2:-1].isalnum():
            return False
        return not before[-9:-1].isupper() and self.word() not in words("class")

    def is_inside(self) -> bool:
        """Whether ASCII letters or digits touch it, so that it is only a piece of something."""
        before, after = self.before[-1:], self.after[:1]
        return (before.isascii() and (before.isalnum() or before == "_")) or (
            after.isascii() and (after.isalnum() or after == "_")
        )

    def is_quoted(self) -> bool:
        return self.before[-1:] in {"'", '"', "`"} and self.after[:1] in {"'", '"', "`"}
