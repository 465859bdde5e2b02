"""Letters as bodies of tasks, and what is said of one that nobody vouches for."""

from __future__ import annotations

import json
from typing import Final

from mendwire.errors import ExecutionError
from mendwire.model.codec import encode
from mendwire.model.letter import Letter

MOST_BYTES: Final = 900 * 1024
"""Of one letter: a server takes messages of a megabyte unless it was told otherwise."""

UNVOUCHED: Final = "No orchestrator vouches for this letter:"
"""Begins the reason of a task that no agent was given: the orchestrator sends another letter."""


def context_of(letter: Letter) -> dict[str, object]:
    """The letter as the context of a task; raises ExecutionError for one that is too large."""
    data = encode(letter)
    if len(data) > MOST_BYTES:
        message = (
            f"The task of the {letter.called} specialist has {len(data)} bytes, and {MOST_BYTES} "
            "can be sent: let this role work here (specialists.remote)."
        )
        raise ExecutionError(message)
    context: dict[str, object] = json.loads(data)
    return context
