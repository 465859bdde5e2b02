"""What tools print word for word: no stranger's order, so it is not judged.

Only what may be done as it stands without harm belongs here, and only whole: what follows it is
judged as ever. The agent's own sandbox holds no credentials to push with.
"""

from __future__ import annotations

import re
from typing import Final

_MARK: Final = "--set-upstream"
_HINT: Final = re.compile(
    r"(?:to push the current branch and set the remote as upstream, use\s+)?"
    r"git push --set-upstream origin [\w./-]{1,80}"
)


def without_hints(text: str) -> str:
    """Folded text without git's hint for a branch that has no upstream yet."""
    return _HINT.sub("-", text) if _MARK in text else text
