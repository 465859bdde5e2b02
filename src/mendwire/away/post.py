"""Letters as bodies of tasks, and how it is known that a letter is ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Final

from mendwire.errors import ExecutionError
from mendwire.model.codec import convert_as, encode
from mendwire.model.letter import Letter

MOST_BYTES: Final = 900 * 1024
"""Of one letter: a server takes messages of a megabyte unless it was told otherwise."""


def seal(letter: Letter) -> str:
    """The sha256 of a letter as it is read: fields that are not ours are no part of it."""
    return sha256(encode(letter)).hexdigest()


def context_of(letter: Letter) -> dict[str, object]:
    """The letter as the context of a task; raises ExecutionError for one that is too large.

    What is too large loses the report first, for the prompt tells of it.
    """
    data = encode(letter)
    if len(data) > MOST_BYTES:
        data = encode(replace(letter, report="", screened_sha256=""))
    if len(data) > MOST_BYTES:
        message = (
            f"The task of the {letter.called} specialist has {len(data)} bytes, and {MOST_BYTES} "
            "can be sent: let this role work here (specialists.remote)."
        )
        raise ExecutionError(message)
    context: dict[str, object] = json.loads(data)
    return context


def letter_in(context: Mapping[str, object]) -> Letter:
    """The letter that a task carries; raises Undecodable. Not known to be genuine yet."""
    return convert_as(Letter, dict(context))
