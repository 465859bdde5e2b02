"""Path patterns: ``*`` within a folder, ``**`` across folders, a pattern without ``/`` anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache


def matching(path: str, patterns: Iterable[str]) -> str | None:
    """The first of ``patterns`` that covers ``path``, letter case aside, or None."""
    folded = path.casefold()
    return next((pattern for pattern in patterns if _compiled(pattern).fullmatch(folded)), None)


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    folded = pattern.casefold()
    bare = folded.removesuffix("/**")
    anywhere = "(?:.*/)?" if "/" not in bare else ""
    # A folder's pattern covers the name itself too: a file in the folder's place.
    below = "(?:/.*)?" if folded.endswith("/**") or anywhere else ""
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", bare.removeprefix("/"))
    shown = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile(
        anywhere + "".join(shown.get(piece, re.escape(piece)) for piece in pieces) + below,
        re.DOTALL,
    )
