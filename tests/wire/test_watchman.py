"""The watchman on a real server: what he keeps, what he sends, what he never sends twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

from mendwire.model.names import Names
from mendwire.notify.book import MOST, Book, Stock
from mendwire.notify.facts import CaseFact, Facts, RateFact
from mendwire.notify.letter import Letter
from mendwire.notify.rules import FRESH_NS, Rule, Rules
from mendwire.notify.thread import Stand, Thread
from mendwire.notify.watchman import HELD, Watchman, Wishes
from mendwire.wire.jetstream import JetStreamBus

NOW = 1_800_000_000 * 10**9
MINUTE = 60 * 10**9
RATES = (RateFact(environment="production", service="shop", by_hour=(*(5,) * 167, 90)),)


@dataclass(kw_only=True)
class Given:
    """Facts as a test gives them, and letters as they were taken."""

    facts_: Facts = field(default_factory=lambda: Facts(now_ns=NOW, workers=1))
    news: list[CaseFact] = field(default_factory=list)
    taken: list[Letter] = field(default_factory=list)
    hanging: dict[str, asyncio.Event] = field(default_factory=dict)
    """What a title must hold to hang until the event."""
    leads: bool = True
    destinations: tuple[str, ...] = ("night",)

    async def facts(self) -> Facts:
        return self.facts_

    async def cases(self, after: int) -> AsyncIterator[tuple[CaseFact, int]]:
        for revision, case in enumerate(self.news, start=1):
            if revision > after:
                yield case, revision

    async def revision(self) -> int:
        return 0

    async def send(self, _destination: str, letter: Letter) -> None:
        self.taken.append(letter)
        for word, event in self.hanging.items():
            if word in letter.title:
                await event.wait()

    @property
    def titles(self) -> list[str]:
        return [letter.title.removeprefix("[shop] ") for letter in self.taken]


def watchman(given: Given, book: Book, *, cap_hour: int = 20) -> Watchman:
    wishes = Wishes(
        namespace="shop",
        every_ns=0,
        cap_hour=cap_hour,
        resolved=True,
        to=("night",),
        routes={},
    )
    rules = Rules(on=frozenset(Rule))
    return Watchman(
        book=book,
        scene=given,
        post=given,
        rules=rules,
        wishes=wishes,
        leads=lambda: given.leads,
    )


def case(number: int, **more: object) -> CaseFact:
    issue = f"{number:032x}"
    usual = CaseFact(
        issue=issue,
        case_id=f"{issue}-e1",
        title=f"KeyError in total{number}",
        environment="production",
        service="shop",
        level="error",
        state="open",
        came_back=False,
        occurrences=1,
        opened_ns=NOW,
    )
    return replace(usual, **more)  # type: ignore[arg-type]  # fields of CaseFact


def book_of(bus: JetStreamBus, names: Names) -> Book:
    return Book(bucket=bus.bucket(names.bucket("DOCKET")))


async def test_what_is_not_there_any_more_is_over_and_money_begins_anew_each_day(
    bus: JetStreamBus, names: Names
) -> None:
    given, book = Given(), book_of(bus, names)
    ours = watchman(given, book)
    given.facts_ = replace(given.facts_, rates=RATES, spent_usd=19.0, day_usd=20.0)
    await ours.round()
    assert sorted(given.titles) == [
        "budget: The day's money is nearly spent",
        "spike: Many errors of shop in production",
    ]
    given.facts_ = replace(
        given.facts_, rates=(), spent_usd=0.0
    )  # the service is not known any more
    await ours.round()
    assert {thread.stand for thread in await book.threads()} == {Stand.OVER}
    assert sum(title.startswith("over: ") for title in given.titles) == 2
    given.facts_ = replace(given.facts_, spent_usd=20.0)
    await ours.round()
    assert given.titles[4:] == ["budget: The day's money is nearly spent (3)"]
    await ours.round()
    assert len(given.taken) == 5


async def test_a_destination_that_hangs_holds_up_nothing_else_and_who_lost_the_lead_sends_nothing(
    bus: JetStreamBus, names: Names
) -> None:
    given, book = Given(), book_of(bus, names)
    ours = watchman(given, book)
    await ours.round()
    given.hanging["total1"] = asyncio.Event()
    given.news += [case(1), case(2)]
    look = asyncio.create_task(ours.round())
    async with asyncio.timeout(30):
        while (other := await book.thread(f"issue.{2:032x}")) is None or not other.told:
            await asyncio.sleep(0.01)
    assert not look.done()
    given.hanging["total1"].set()
    await look
    assert len(given.taken) == 2
    given.leads = False
    given.news.append(case(3))
    await ours.round()
    assert len(given.taken) == 2
    given.leads = True
    await ours.round()  # the notice was written down, and goes out now
    assert given.titles[2:] == ["new: KeyError in total3"]


async def test_a_flood_is_told_as_a_number_and_what_is_urgent_has_its_place(
    bus: JetStreamBus, names: Names
) -> None:
    given, book = Given(), book_of(bus, names)
    ours = watchman(given, book, cap_hour=4)
    await ours.round()
    given.news += [case(number) for number in range(10)]
    await ours.round()
    assert len(given.taken) == 3  # the fourth place is kept
    given.news.append(case(11, level="fatal"))
    await ours.round()
    assert given.titles[3:] == ["critical: KeyError in total11"]
    assert "7 other alerts were held back" in given.taken[3].body
    given.news += [case(number) for number in range(20, 23)]
    await ours.round()
    given.facts_ = replace(given.facts_, now_ns=NOW + 61 * MINUTE)
    await ours.round()
    assert given.titles[4:] == ["new: Alerts were held back"]
    assert given.taken[4].body.splitlines()[2].startswith("3 of them")
    told = [thread for thread in await book.threads() if thread.held]
    assert len(told) == 10
    assert await book.thread(HELD) is not None


async def test_what_is_done_makes_room_and_what_may_be_news_again_does_not(
    bus: JetStreamBus, names: Names
) -> None:
    book = book_of(bus, names)
    stock, later = Stock(book=book), NOW + FRESH_NS

    def new(key: str, changed_ns: int) -> asyncio.Future[Thread | None]:
        thread = Thread(key=key, rule=Rule.NEW, title="t", changed_ns=changed_ns)
        return asyncio.ensure_future(book.change(key, lambda _: thread))

    await asyncio.gather(*(new(f"issue.old{n}", NOW) for n in range(3)))
    await asyncio.gather(*(new(f"issue.{n}", NOW + MINUTE) for n in range(MOST)))
    await stock.tidy(later)
    kept = await book.threads()
    assert len(kept) == MOST
    assert not any("old" in thread.key for thread in kept)
    assert (await stock.read()).keys() == {thread.key for thread in kept}
