"""Taking a person's data out of what is kept: pure, the same input gives the same output.

A person is named by exact texts: an address, a user's id, a name. They are found whatever their
case, as they stand and as URLs, HTML and JSON write them, in base64 too, but only as whole words:
``ann@x.example`` is not part of ``joann@x.example``.
"""

from __future__ import annotations

import base64
import html
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from mendwire.errors import ConfigError
from mendwire.model.inert import without_effect

ERASED: Final = "[erased]"
"""What stands where the text was."""
LEAST: Final = 3
MOST: Final = 200
"""Characters of one text."""
_PERSONS: Final = 100
_CONTEXT: Final = "context"
_NAMES: Final = frozenset(
    {"environment", "service", "release", "task_id", "status", "timestamp", "level", "language"}
)
"""Fields of a body that say where it belongs; a person's data has no place in them."""
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")


@dataclass(frozen=True, slots=True)
class Eraser:
    """What is looked for. Raises ConfigError for a text that is too short or too long."""

    persons: tuple[str, ...]
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        wanted = [person.strip() for person in self.persons]
        if not wanted or len(wanted) > _PERSONS:
            raise ConfigError(f"Name 1 to {_PERSONS} texts that stand for the person.")
        for person in wanted:
            if not LEAST <= len(person) <= MOST:
                raise ConfigError(
                    f"A text to erase has {LEAST} to {MOST} characters; one of yours has "
                    f"{len(person)}."
                )
        forms = sorted(
            {form for person in wanted for form in _forms(person)}, key=len, reverse=True
        )
        pattern = "|".join(_word(form) for form in forms)
        object.__setattr__(self, "_pattern", re.compile(pattern, re.IGNORECASE))

    def finds(self, text: str) -> bool:
        """Whether a plain text holds any of them."""
        return self._pattern.search(text) is not None

    def text(self, text: str) -> str:
        """``text`` without them, base64 inside it included."""
        parts = list[str]()
        at = 0
        for found in _BASE64.finditer(text):
            if (decoded := _decoded(found.group())) is not None:
                parts += (self._pattern.sub(ERASED, text[at : found.start()]), self._again(decoded))
                at = found.end()
        return "".join((*parts, self._pattern.sub(ERASED, text[at:])))

    def payload(self, payload: bytes) -> bytes:
        """A message body without them; the very same object where none was in it."""
        try:
            body = json.loads(payload)
        except (ValueError, RecursionError):
            before = payload.decode("utf-8", "surrogateescape")
            after = self.text(before)
            return payload if after == before else after.encode("utf-8", "surrogateescape")
        cleared = self.value(body)
        if cleared == body:
            return payload
        return json.dumps(cleared, ensure_ascii=False, separators=(",", ":")).encode(
            "utf-8", "surrogatepass"
        )

    def value(self, value: object) -> object:
        """A decoded JSON value without them; numbers count where a report has its context."""
        if not isinstance(value, dict):
            return self._within(value, numbers=False)
        return {
            self.text(str(key)): inner
            if key in _NAMES and isinstance(inner, str)
            else self._within(inner, numbers=key == _CONTEXT)
            for key, inner in value.items()
        }

    def _within(self, value: object, *, numbers: bool) -> object:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._within(inner, numbers=numbers) for inner in value]
        if isinstance(value, dict):
            return {
                self.text(str(key)): self._within(inner, numbers=numbers)
                for key, inner in value.items()
            }
        if numbers and isinstance(value, int) and not isinstance(value, bool):
            return ERASED if self._pattern.fullmatch(str(value)) else value
        return value

    def _again(self, inner: bytes) -> str:
        return base64.b64encode(self.payload(inner)).decode()


def eraser_of(lines: Sequence[str]) -> Eraser:
    """From texts as a person gave them; empty ones are left out. Raises ConfigError."""
    return Eraser(tuple(line.strip() for line in lines if line.strip()))


def _forms(person: str) -> Iterator[str]:
    """As programs write it."""
    for form in ("NFC", "NFD"):
        normal = unicodedata.normalize(form, person)
        yield normal
        yield quote(normal, safe="")
        yield quote(normal)
        yield html.escape(normal)
        yield json.dumps(normal)[1:-1]
        yield without_effect(normal)  # in alerts


def _word(form: str) -> str:
    """No letter or digit of a longer word before or behind it."""
    before = r"(?<!\w)" if form[0].isalnum() else ""
    behind = r"(?!\w)" if form[-1].isalnum() else ""
    return f"{before}{re.escape(form)}{behind}"


def _decoded(whole: str) -> bytes | None:
    """What base64 of a text says; None for what is none, paths and words for example."""
    try:
        inner = base64.b64decode(whole, validate=True)
        inner.decode()
    except ValueError:  # binascii's and the codec's are both
        return None
    return inner
