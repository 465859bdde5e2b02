"""A report cut to what the server takes."""

from __future__ import annotations

import json
from typing import Final

from mendwire.model.report import JSONValue, load_object
from mendwire.model.signature import capped

ROOM_FOR_HEADERS: Final = 1024
"""Bytes of the server's limit that are left for a message's headers."""
_SMALLEST: Final = 200
_ROUNDS: Final = 80


def fitted(payload: bytes, limit: int) -> bytes:
    """The report within ``limit`` bytes: the largest field loses its middle until it fits.

    A trimmed report carries ``"trimmed": true``. Type, release, service and the like stay.
    """
    if len(payload) <= limit:
        return payload
    body = load_object(payload)
    body["trimmed"] = True
    for _ in range(_ROUNDS):
        sizes = {name: len(_bytes(value)) for name, value in body.items()}
        largest = max(sizes, key=lambda name: sizes[name])
        excess = len(_bytes(body)) - limit
        if excess <= 0 or sizes[largest] <= _SMALLEST:
            break
        body[largest] = _smaller(body[largest], max(sizes[largest] - excess, sizes[largest] // 2))
    return _bytes(body)


def _smaller(value: JSONValue, size: int) -> JSONValue:
    """``value`` in about ``size`` bytes of JSON, without its middle."""
    if isinstance(value, str):
        # A character takes up to six bytes of JSON (an escaped control character).
        width = max(1.0, len(_bytes(value)) / max(1, len(value)))
        return capped(value, max(_SMALLEST // 4, int(size / width) - 8))
    if isinstance(value, list):
        return _smaller_list(value)
    if isinstance(value, dict) and value:
        largest = max(value, key=lambda name: len(_bytes(value[name])) + len(name))
        rest = {name: item for name, item in value.items() if name != largest}
        part = _smaller(value[largest], size - len(_bytes(rest)))
        is_text = isinstance(part, str) and len(part) > _SMALLEST
        return {**rest, largest[:_SMALLEST]: part} if is_text or part != value[largest] else rest
    return None


def _smaller_list(value: list[JSONValue]) -> JSONValue:
    """First without arguments, then without source lines, then without the middle."""
    for name in ("arguments", "code"):
        if any(isinstance(item, dict) and item.get(name) for item in value):
            return [
                {key: part for key, part in item.items() if key != name}
                if isinstance(item, dict)
                else item
                for item in value
            ]
    keep = len(value) // 4
    return [*value[:keep], *value[len(value) - keep :]] if keep else []


def _bytes(value: JSONValue) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
