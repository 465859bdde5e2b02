"""Values of any shape brought to a size, cheaply: what is left out is said."""

from __future__ import annotations

from typing import Any, Final

from mendwire.model.report import JSONValue

_MOST: Final = 30
_TEXT: Final = 300
_DEEPEST: Final = 3
_CUT: Final = "…"
_SCALARS: Final = frozenset({bool, int, float})


def bounded(value: Any, budget: int) -> tuple[JSONValue, int]:  # noqa: ANN401 - any JSON
    """``value`` within about ``budget`` characters, and how many it took."""
    return _bounded(value, budget, 0)


def _bounded(value: Any, budget: int, depth: int) -> tuple[JSONValue, int]:  # noqa: ANN401 - any
    kind = type(value)
    if kind is str and budget > 0:  # first, for most of them are texts
        limit = min(_TEXT, budget)
        kept = value if len(value) <= limit else value[:limit] + _CUT
        return kept, len(kept)
    if value is None or kind in _SCALARS:
        return value, 8
    if budget <= 0 or depth >= _DEEPEST:
        return _CUT, 1
    if kind is dict:
        return _object(value, budget, depth)
    return _list(value, budget, depth) if kind is list else (_CUT, 1)


def _object(value: dict[str, Any], budget: int, depth: int) -> tuple[JSONValue, int]:
    used, kept = 0, dict[str, JSONValue]()
    for name, item in value.items():
        if len(kept) >= _MOST or used >= budget:
            kept[_CUT] = len(value) - len(kept)
            break
        short = name[:64]
        kept[short], size = _bounded(item, budget - used - len(short), depth + 1)
        used += size + len(short)
    return kept, used


def _list(value: list[Any], budget: int, depth: int) -> tuple[JSONValue, int]:
    used, kept = 0, list[JSONValue]()
    for item in value:
        if len(kept) >= _MOST or used >= budget:
            kept.append(_CUT)
            break
        found, size = _bounded(item, budget - used, depth + 1)
        kept.append(found)
        used += size
    return kept, used
