"""What is sent, and to whom it can be given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """What is sent: inert already."""

    id: str
    """The same at every try."""
    title: str
    body: str
    urgent: bool


class Post(Protocol):
    """Where notices go."""

    @property
    def destinations(self) -> tuple[str, ...]:
        """Their names; no secret is in them."""
        ...

    async def send(self, destination: str, letter: Letter) -> None:
        """Raises AlertRefused where it was not taken, or nobody knows."""
        ...
