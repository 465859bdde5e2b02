"""The watchman: looks every few seconds, keeps the threads, sends what is due.

Only whoever holds the lease looks; each step is saved before the next one has an effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol, TypeVar

from mendwire.errors import AlertRefused
from mendwire.notify.book import Book, Mark, Stock
from mendwire.notify.facts import CaseFact, Facts
from mendwire.notify.letter import Letter, Post
from mendwire.notify.rules import Condition, Rule, Rules, case_news, conditions
from mendwire.notify.thread import (
    Stand,
    Thread,
    given,
    is_due,
    kept_back,
    put_off,
    with_condition,
    with_news,
    with_notice,
)
from mendwire.telemetry import emit

HELD: Final = "held-back"
_HELD_NS: Final = 600 * 10**9
"""After so long what was kept back is told of, even where nothing else is."""
_TIDY_EVERY: Final = 60
_AT_ONCE: Final = 4
"""Notices that are sent at the same time: one destination that hangs must not hold up the rest."""
_S: Final = 10**9
T = TypeVar("T")


class Scene(Protocol):
    """What is looked at."""

    async def facts(self) -> Facts:
        """How things stand; raises what the bus raises."""
        ...

    def cases(self, after: int) -> AsyncIterator[tuple[CaseFact, int]]:
        """Cases that changed after that revision, each with its own."""
        ...

    async def revision(self) -> int:
        """The docket's last one."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """How often, how much, and where to."""

    namespace: str
    every_ns: int
    """Between two notices of one thread."""
    cap_hour: int
    """Notices in an hour, all threads together."""
    resolved: bool
    """Whether the end of a condition is told, too."""
    to: tuple[str, ...]
    """Names of destinations."""
    routes: Mapping[Rule, tuple[str, ...]]
    """Other destinations by rule."""

    def destinations(self, rule: Rule) -> tuple[str, ...]:
        """Where news of a rule go."""
        return self.routes.get(rule, self.to)


class Watchman:
    """``round`` is one look; it may be repeated, interrupted and killed anywhere."""

    def __init__(
        self,
        *,
        book: Book,
        scene: Scene,
        post: Post,
        rules: Rules,
        wishes: Wishes,
        leads: Callable[[], bool],
    ) -> None:
        self._book = book
        self._scene = scene
        self._post = post
        self._rules = rules
        self._wishes = wishes
        self._leads = leads
        self._stock = Stock(book=book)
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._rounds = 0

    async def ask(self) -> None:
        """Whether what is looked at can be seen; raises what the bus raises."""
        await self._scene.facts()

    async def round(self) -> Facts:
        """Look, keep, send; raises what the bus raises."""
        facts = await self._scene.facts()
        now = facts.now_ns
        await self._read_cases(now)
        await self._look_at(conditions(facts, self._rules), now)
        silences = await self._book.silences()
        await self._tell_of_held(now)
        due = []
        for thread in _urgent_first((await self._stock.read()).values()):
            ready = await self._readied(thread, now, is_silent=now < silences.get(thread.rule, 0))
            if ready.notice is not None and ready.notice.due_ns <= now:
                due.append(self._sent(ready, now))
        await _all_of(due)
        if self._rounds % _TIDY_EVERY == 0:
            await self._stock.tidy(now)
        self._rounds += 1
        return facts

    async def _look_at(self, found: Iterable[Condition], now: int) -> None:
        known = await self._stock.read()
        looked = {condition.key: condition for condition in found}
        for thread in known.values():
            if thread.key not in looked and thread.is_condition and thread.key != HELD:
                # Its service, its stream or its rule is not there any more.
                looked[thread.key] = Condition(key=thread.key, rule=thread.rule, holds=False)
        for condition in looked.values():
            look = partial(with_condition, now=condition, now_ns=now)
            if look(known.get(condition.key)) != known.get(condition.key):
                await self._book.change(condition.key, look)

    async def _read_cases(self, now: int) -> None:
        """The mark moves after the news are kept, so a killed look is done again."""
        mark = await self._book.mark()
        if mark is None:  # what was there before is no news
            mark = Mark(begun_ns=now, revision=await self._scene.revision())
            await self._book.set_mark(mark)
            return
        revision = mark.revision
        async for case, at in self._scene.cases(mark.revision):
            revision = max(revision, at)
            for news in case_news(case, self._rules, now, mark.begun_ns):
                await self._book.change(news.key, partial(with_news, news=news, now_ns=now))
        if revision != mark.revision:
            await self._book.set_mark(replace(mark, revision=revision))

    async def _readied(self, thread: Thread, now: int, *, is_silent: bool) -> Thread:
        """With a notice where one is due."""
        if thread.notice is not None or not thread.waiting:
            return thread
        if is_silent or self._is_unwanted(thread):
            return await self._book.change(thread.key, _without_lines) or thread
        if is_due(thread, now, self._wishes.every_ns):
            return await self._noticed(thread, now) or thread
        return thread

    def _is_unwanted(self, thread: Thread) -> bool:
        if thread.rule not in self._rules.on:
            return True
        return thread.stand is Stand.OVER and not self._wishes.resolved

    async def _noticed(self, thread: Thread, now: int) -> Thread | None:
        window = await self._book.window()
        if not window.has_room(now, self._wishes.cap_hour, urgent=thread.urgent):
            await self._book.set_window(window.with_held(now))
            emit("alert.held_back", count=1)
            return await self._book.change(thread.key, lambda one: kept_back(one or thread, now))
        ready = partial(self._with_notice, now=now, held=window.held)
        made = await self._book.change(thread.key, ready)
        if made is not None and made.notice is not None:
            # After it: killed in between, the cap lets one more through and no count is lost.
            await self._book.set_window(window.with_one(now))
        return made

    def _with_notice(self, thread: Thread | None, *, now: int, held: int) -> Thread | None:
        if thread is None or thread.notice is not None or not thread.waiting:
            return None
        names = self._wishes.destinations(thread.rule)
        return with_notice(thread, now, names, namespace=self._wishes.namespace, held=held)

    async def _sent(self, thread: Thread, now: int) -> None:
        """Every destination at once; each that took it is saved by itself."""
        notice = thread.notice
        assert notice is not None, "the caller looked"
        async with self._places:
            if not self._leads():
                return
            failures = await _all_of(
                [self._to_one(thread, destination, now) for destination in notice.left]
            )
        if why := next((failure for failure in failures if failure), ""):
            later = partial(put_off, why=why, now_ns=now)
            after = await self._book.change(thread.key, _only(notice.id, later))
            again = after.notice.due_ns - now if after is not None and after.notice else 0
            emit(
                "alert.failed",
                alert=notice.id,
                rule=thread.rule,
                reason=why,
                again_s=again // _S,
            )
        else:
            emit("alert.sent", alert=notice.id, rule=thread.rule, destinations=len(failures))

    async def _to_one(self, thread: Thread, destination: str, now: int) -> str:
        """Why it was not taken; empty where it was."""
        notice = thread.notice
        assert notice is not None, "the caller looked"
        letter = Letter(id=notice.id, title=notice.title, body=notice.body, urgent=thread.urgent)
        if destination in self._post.destinations:  # else it was taken out of the configuration
            try:
                await self._post.send(destination, letter)
            except AlertRefused as problem:
                return str(problem)
        taken = partial(given, destination=destination, now_ns=now)
        await self._book.change(thread.key, _only(notice.id, taken))
        return ""

    async def _tell_of_held(self, now: int) -> None:
        """Where nothing else is sent that could say it, the number has a notice of its own."""
        window = await self._book.window()
        if not window.held or now - window.held_ns < _HELD_NS:
            return
        if not window.has_room(now, self._wishes.cap_hour, urgent=False):
            return
        thread = Thread(
            key=HELD,
            rule=Rule.NEW,
            title="Alerts were held back",
            opened_ns=now,
            waiting=(f"{window.held} of them; what they were about: mendwire alerts list",),
        )
        await self._book.change(HELD, lambda one: self._with_notice(thread, now=now, held=0) or one)
        await self._book.set_window(window.with_one(now))


async def _all_of(works: Sequence[Coroutine[None, None, T]]) -> list[T]:
    """When all have ended, what they gave or the first problem: none goes on unseen."""
    given = await asyncio.gather(*works, return_exceptions=True)
    found = list[T]()
    for one in given:
        if isinstance(one, BaseException):
            raise one
        found.append(one)
    return found


def _urgent_first(threads: Iterable[Thread]) -> list[Thread]:
    return sorted(threads, key=lambda one: (not one.urgent, one.changed_ns))


def _without_lines(thread: Thread | None) -> Thread | None:
    return None if thread is None else replace(thread, waiting=(), more=0)


def _only(id_: str, how: Callable[[Thread], Thread]) -> Callable[[Thread | None], Thread | None]:
    """``how`` while that notice is still on its way: people may have acknowledged it."""

    def changed(thread: Thread | None) -> Thread | None:
        if thread is None or thread.notice is None or thread.notice.id != id_:
            return None
        return how(thread)

    return changed
