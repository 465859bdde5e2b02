"""What runs where: one deployment is (environment, service, release, commit, order) (rules A12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """One release of a service that was put into an environment."""

    environment: str
    """Empty for reports of the plain ``{ns}.errors``."""
    service: str
    """Empty for all services of the environment at once, ``@shop`` for all of a repository's."""
    release: str
    """As reports name it."""
    commit: str
    """The commit that runs, hex."""
    order: int
    """1 for the first of its environment and service; the same release again gets a new one."""
    at_ns: int
    """When it was said, nanoseconds since the epoch."""


def whole(repository: str) -> str:
    """What stands for all services of a repository, or of the namespace where it has one."""
    return f"@{repository}" if repository else ""


def order_of(deployments: Sequence[Deployment], release: str) -> int | None:
    """The latest order under which ``release`` ran; None for one that nobody told of."""
    return max(_orders(deployments, release), default=None)


def first_order_of(deployments: Sequence[Deployment], release: str) -> int | None:
    """The order under which ``release`` came first: one that is put back is as old as before."""
    return min(_orders(deployments, release), default=None)


def _orders(deployments: Sequence[Deployment], release: str) -> list[int]:
    return [known.order for known in deployments if known.release == release]
