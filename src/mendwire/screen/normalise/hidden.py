"""What hides in a text by its characters alone."""

from __future__ import annotations

import re
from typing import Final

_TAG_RUN: Final = re.compile("(\U0001f3f4)?([\U000e0020-\U000e007e]{4,})")
_FLAG_LENGTH: Final = 6
_BIDI: Final = re.compile("[\u202d\u202e]")
_HIDDEN: Final = "\u200b\u200c\u200d\u2060-\u2064\ufeff\u180e\u034f\u115f\u1160\u3164\uffa0"
_INSIDE: Final = re.compile(
    f"(?<=[A-Za-z])[{_HIDDEN}\ufe00-\ufe0f\U000e0100-\U000e01ef]+(?=[A-Za-z])"
)


def hidden(text: str) -> str:
    """What hides in a text by its characters alone: a rule's id, or empty.

    Narrow on purpose: emoji sequences, flags, Persian joiners and soft hyphens are no evidence.
    """
    if text.isascii():
        return ""
    for run in _TAG_RUN.finditer(text):
        if run.group(1) is None or len(run.group(2)) > _FLAG_LENGTH:
            return "hidden-tag-characters"
    if _BIDI.search(text):
        return "hidden-direction-override"
    return "hidden-inside-words" if len(_INSIDE.findall(text)) >= 3 else ""  # noqa: PLR2004 - one or two are typesetting
