"""Which symbolic links of a tree lead outside of it. Pure: over names and targets alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_HOPS: Final = 40
"""As many as Linux follows before it says ELOOP."""


def outside_links(targets: Mapping[str, str]) -> frozenset[str]:
    """The links in ``targets`` (path -> target, both relative to the tree) that leave the tree.

    Links are followed through links, so that ``a -> sub/../..`` is judged by where ``sub`` leads;
    one that loops counts as leaving.
    """
    return frozenset(path for path in targets if _leaves(path, targets))


def _leaves(path: str, targets: Mapping[str, str]) -> bool:
    here: list[str] = []
    ahead = path.split("/")[::-1]
    hops = 0
    while ahead:
        part = ahead.pop()
        if part in {"", "."}:
            continue
        if part == "..":
            if not here:
                return True
            here.pop()
            continue
        target = targets.get("/".join([*here, part]))
        if target is None:
            here.append(part)
            continue
        hops += 1
        if target.startswith("/") or hops > _HOPS:
            return True
        ahead.extend(target.split("/")[::-1])
    return False
