"""Pull and merge requests: one for each case, however often it is asked for.

What is ours is known by the line that ends each text, so that a kill between the making of a
request and its noting makes no second one (rules A4). Nothing of a request that people made or
closed is changed (rules A11).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, TypeVar

from mendwire.errors import ForgeAway, ForgeError

WAITS_S: Final = (1.0, 5.0, 15.0)
"""Pauses between tries while the forge does not answer."""
MARK: Final = "Mendwire-Case"
REMARK: Final = 20_000
"""Characters of a remark that are kept: on some forges one may have a million."""
T = TypeVar("T")


class RequestState(StrEnum):
    """Where a request stands."""

    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"
    """Unmerged: a person's hand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A pull or merge request as the forge tells of it."""

    number: int
    url: str
    """For people."""
    state: RequestState
    text: str
    """Its description."""
    head: str
    """The newest commit of its branch."""
    merged_as: str = ""
    """The commit by which it came to its target, once it is merged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a request should say when it is made."""

    case: str
    branch: str
    commit: str
    """The tip of the branch as it was pushed."""
    base: str
    """The branch it asks to be merged to; empty is the forge's default branch."""
    title: str
    text: str
    draft: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Remark:
    """What somebody said on a request: a comment, a review, or a line of one."""

    id: str
    """Unlike any other of the same request."""
    author: str
    """As ``may_write`` takes it; empty where the account is gone."""
    text: str
    place: str = ""
    """``path:line`` of what it is about."""
    is_wish: bool = True
    """Not an approval, not resolved, not a machine's."""


class Exists(ForgeError):
    """There is an open request for that branch already."""


class Forge(Protocol):
    """GitHub or GitLab, one repository of it. Raises ForgeError; every call blocks."""

    def find(self, branch: str) -> list[Request]:
        """Every request whose source is that branch of the repository itself, newest first."""
        ...

    def open(self, wanted: Wanted) -> Request:
        """Make one; raises Exists where the branch has an open one."""
        ...

    def look(self, number: int) -> Request: ...

    def comment(self, number: int, text: str) -> None: ...

    def close(self, number: int) -> None: ...

    def remarks(self, number: int) -> list[Remark]:
        """What was said on a request, oldest first of each kind."""
        ...

    def may_write(self, author: str) -> bool:
        """Whether that account has write permission in the repository."""
        ...


async def ensure(forge: Forge, wanted: Wanted) -> Request:
    """The one request of a case: found, or made. Raises ForgeError with what to do."""
    try:
        return await patiently(lambda: _opened(forge, wanted))
    except Exists:
        found = await found_for(forge, wanted)
        if found is not None:
            return found
        raise ForgeError(
            f"The forge says that {wanted.branch} has an open request, and shows none that is "
            "this case's: look at it there, then `mendwire cases retry`."
        ) from None


async def found_for(forge: Forge, wanted: Wanted) -> Request | None:
    """The case's request, also when it was merged or closed meanwhile."""
    known = await patiently(lambda: asyncio.to_thread(forge.find, wanted.branch))
    return _own(known, wanted)


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """``ask()``, again while the forge is away; raises ForgeError."""
    for wait_s in WAITS_S:
        try:
            return await ask()
        except ForgeAway:
            await asyncio.sleep(wait_s)
    return await ask()


async def _opened(forge: Forge, wanted: Wanted) -> Request:
    # Looked for before each try: an answer that was lost may have been a yes.
    known = _own(await asyncio.to_thread(forge.find, wanted.branch), wanted)
    return known if known is not None else await asyncio.to_thread(forge.open, wanted)


def _own(known: list[Request], wanted: Wanted) -> Request | None:
    """Marked as this case's; or a person's own request for the very commit, which is as good.

    An older one of that branch's name, from an episode before, is neither.
    """
    marked = [one for one in known if is_marked(one.text, wanted.case)]
    same = [one for one in known if one.state is RequestState.OPEN and one.head == wanted.commit]
    return next(iter((*marked, *same)), None)


def marked(text: str, case: str) -> str:
    """A comment of ours, which is never taken for somebody else's."""
    return f"{text}\n\n{MARK}: {case}\n"


def is_ours(text: str) -> bool:
    """Whether a comment ends with our line; one that is quoted begins otherwise."""
    return text.replace("\r", "").rstrip().rpartition("\n")[2].startswith(f"{MARK}: ")


def is_marked(text: str, case: str) -> bool:
    """Whether a request's text ends with our line for this case; forges change line ends."""
    return f"{MARK}: {case}" in text.replace("\r", "").split("\n")


def odd_answer(forge: str, what: str, problem: Exception) -> str:
    """The sentence where what answered is none of the forge's: a proxy's page, for example."""
    return (
        f"What {forge} answered could not be read to {what} ({type(problem).__name__}): check that "
        "forge.url leads to its API."
    )
