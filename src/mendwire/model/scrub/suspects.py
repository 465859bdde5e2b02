"""Which of many texts may hold a secret at all, found in all of them at once.

No text is left out that scrubbing would change: each rule needs one of a few hints, or a run of
characters, and these are looked for here. The rules themselves then look at what is left.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import AnyStr, Final

from mendwire.model.scrub.forms import HINTED, HINTS, RUN
from mendwire.model.scrub.numbers import CARD, IBAN
from mendwire.model.scrub.policy import Emails, Personal
from mendwire.model.scrub.scrubber import LOWER_HINTS, Scrubber

_BETWEEN: Final = "\x00"
_WORDS: Final = bytes(
    ord("a") if chr(code).isascii() and (chr(code).isalnum() or chr(code) in "_-") else ord(" ")
    for code in range(256)
)
_SHAPES: Final = bytes(
    ord("0")
    if 48 <= code <= 57  # noqa: PLR2004 - the digits
    else ord("A")
    if 65 <= code <= 90  # noqa: PLR2004 - the capital letters
    else code
    if chr(code) in " -."
    else ord("x")
    for code in range(256)
)
_RUN: Final = b"a" * RUN
_BY_FORM: Final = (*LOWER_HINTS, "bearer ", "token", "key", "password '")
"""In lower case; one of these is in every text that the rules change which need no telling name,
but for credentials with a long run of characters and for logins in addresses."""
_NUMBERS: Final = (b"0" * 13, b"0000 0000", b"0000-0000", b"AA00")
"""In shapes: one of these is in every number of a card or an account."""


class Suspicion:
    """What to look for, by one scrubber's policy."""

    def __init__(self, scrubber: Scrubber) -> None:
        policy = scrubber.policy
        self.is_total = bool(policy.patterns) or policy.addresses is Personal.MASK
        """Operators' own patterns need no hint, so every text is looked at."""
        personal = () if policy.emails is Emails.KEEP else ("@", "%40")
        self._lower = (*scrubber.fragments, *LOWER_HINTS, *personal)

    def among(self, texts: Sequence[str], *, by_form: bool = False) -> Sequence[int]:
        """The places of those texts that may hold a secret, in order; ``by_form``: one that is
        known by its form or its place in an address, without a name that tells of it.
        """
        joined = _BETWEEN.join(texts)
        lower = joined.lower()
        if self.is_total or len(lower) != len(joined):
            return range(len(texts))
        starts = [0, *accumulate(len(text) + 1 for text in texts)]
        plain = joined.encode("ascii", "replace")
        found: set[int] = set()
        for hint in _BY_FORM if by_form else self._lower:
            if hint in lower:
                found.update(_places(lower, hint, starts))
        for hint in HINTS:
            if hint in joined:
                found.update(_places(joined, hint, starts))
        if "://" in joined and "@" in joined:
            found.update(at for at in _places(joined, "://", starts) if "@" in texts[at])
        runs = _places(plain.translate(_WORDS), _RUN, starts)
        found.update(at for at in runs if at not in found and HINTED.search(texts[at]))
        if by_form:
            return sorted(found)
        shapes = plain.translate(_SHAPES)
        for shape in _NUMBERS:
            if shape in shapes:
                places = _places(shapes, shape, starts)
                found.update(at for at in places if at not in found and _has_number(texts[at]))
        return sorted(found)


def _has_number(text: str) -> bool:
    return bool(CARD.search(text) or IBAN.search(text))


def _places(text: AnyStr, hint: AnyStr, starts: Sequence[int]) -> Iterator[int]:
    at = text.find(hint)
    while at >= 0:
        place = bisect_right(starts, at) - 1
        yield place
        at = text.find(hint, starts[place + 1])
