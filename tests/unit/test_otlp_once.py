"""One exception that comes by several ways, in any order and any batches, is taken once."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.errors import Undecodable
from mendwire.gateway.haul import Result
from mendwire.gateway.otlp import jsoned
from mendwire.gateway.otlp.mapping import Mapped, map_logs, map_spans
from mendwire.gateway.otlp.merging import merge
from mendwire.gateway.otlp.once import SAME, Once
from mendwire.gateway.otlp.sighting import Sighting, place_of, sighting
from mendwire.gateway.otlp.sightings import Claim, Sightings
from tests.otlp_requests import TRACE, as_json, exception, log, logs, span, traces

INNER: Final = (
    '  File "/app/shop/pay.py", line {line}, in charge\n    raise PaymentError("{message}")\n'
)
OUTER: Final = '  File "/app/shop/http.py", line {line}, in view\n    charge()\n'
WRAPPER: Final = (
    '  File "/x/site-packages/opentelemetry/trace/__init__.py", line 9, in use_span\n'
    "    yield span\n"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Raised:
    """One exception that really happened."""

    trace: int
    message: int
    line: int


def stack_of(one: Raised, levels: int) -> str:
    """Its traceback after ``levels`` functions it has passed."""
    outer = "".join(OUTER.format(line=level) for level in range(levels))
    inner = INNER.format(line=one.line, message=one.message)
    head = "Traceback (most recent call last):\n"
    return f"{head}{outer}{WRAPPER}{inner}shop.pay.PaymentError: {one.message}\n"


def telling(one: Raised, way: int) -> Mapped:
    """On a span, deeper and deeper, or in a log, with or without module, message and stack."""
    trace_id = f"{one.trace + 1:032x}"
    stack = stack_of(one, way % 4)
    if way % 2:
        event = exception("__main__.PaymentError", str(one.message), stack)
        request = traces(span(event, trace_id=trace_id))
        (found,) = map_spans(jsoned.decode_traces(as_json(request)).records)
    else:
        attributes = exception("PaymentError", "" if way % 3 else str(one.message), stack)
        request = logs(log("failed", attributes, traceId=trace_id))
        (found,) = map_logs(jsoned.decode_logs(as_json(request)).records)
    return found


def bare_telling(one: Raised) -> Mapped:
    event = exception("shop.pay.PaymentError", str(one.message))
    request = traces(span(event, trace_id=f"{one.trace + 1:032x}"))
    (found,) = map_spans(jsoned.decode_traces(as_json(request)).records)
    return found


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Taker:
    """Takes reports as the gateway does, and keeps what it would have published."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.sightings = Sightings(self.clock)
        self.once = Once(self.sightings, Counter())
        self.published: list[Mapped] = []
        self.is_down = False

    async def take(self, request: list[Mapped]) -> bool:
        deliveries = (
            self.once.deliver("key", one.seen, partial(self._send, one)) for one in merge(request)
        )
        return all(result.problem is None for result in await asyncio.gather(*deliveries))

    async def _send(self, one: Mapped) -> Result:
        await asyncio.sleep(0)
        if self.is_down:
            return Result(problem=Undecodable("It is down."))
        self.published.append(one)
        return Result()


raised = st.builds(
    Raised, trace=st.integers(0, 1), message=st.integers(0, 2), line=st.integers(1, 2)
)
tellings = st.sets(raised, min_size=1, max_size=5).flatmap(
    lambda happened: st.tuples(
        st.just(happened),
        st.lists(
            st.tuples(st.sampled_from(sorted(happened, key=repr)), st.integers(0, 7)), max_size=12
        ).flatmap(
            lambda more: st.permutations([*((one, 1) for one in sorted(happened, key=repr)), *more])
        ),
        st.lists(st.integers(0, 20), max_size=4),
        st.booleans(),
    )
)


@given(tellings)
def test_each_exception_is_taken_once_in_any_order_and_any_batches(
    given: tuple[set[Raised], list[tuple[Raised, int]], list[int], bool],
) -> None:
    happened, told, cuts, is_at_once = given
    reports = [telling(one, way) for one, way in told]
    edges = sorted({0, *(cut for cut in cuts if cut < len(reports)), len(reports)})
    requests = [reports[start:end] for start, end in itertools.pairwise(edges)]
    taker = Taker()

    async def arrive() -> None:
        if is_at_once:
            await asyncio.gather(*map(taker.take, requests))
        else:
            for request in requests:
                await taker.take(request)

    asyncio.run(arrive())
    assert len(taker.published) == len(happened)


@given(st.permutations([1, 2, 3, 0, 0]), st.sets(st.integers(0, 4)))
def test_a_telling_without_a_stack_belongs_to_one_with_it(order: list[int], cuts: set[int]) -> None:
    """Three places of one message, and two tellings that name none: three exceptions."""
    reports = [
        telling(Raised(trace=0, message=0, line=line), 1)
        if line
        else bare_telling(Raised(trace=0, message=0, line=0))
        for line in order
    ]
    edges = sorted({0, *cuts, len(reports)})
    taker = Taker()

    async def arrive() -> None:
        for start, end in itertools.pairwise(edges):
            await taker.take(reports[start:end])

    asyncio.run(arrive())
    assert len(taker.published) == 3


async def test_the_richest_of_one_request_is_taken_with_what_the_others_knew() -> None:
    one = Raised(trace=0, message=0, line=1)
    for reports in itertools.permutations([telling(one, 3), telling(one, 0), bare_telling(one)]):
        taker = Taker()
        assert await taker.take(list(reports))
        (best,) = taker.published
        assert best.body["type"] == "shop.pay.PaymentError"
        assert str(best.body["stack"]).count("in view") == 3
        context = best.body["context"]
        assert isinstance(context, dict)
        assert context["log_message"] == "failed"
        assert context["span"]


async def test_what_was_not_taken_is_taken_when_it_comes_again() -> None:
    one = Raised(trace=0, message=0, line=1)
    taker = Taker()
    taker.is_down = True
    assert not any(await asyncio.gather(*(taker.take([telling(one, way)]) for way in range(3))))
    taker.is_down = False
    assert await taker.take([telling(one, 2)])
    assert len(taker.published) == 1


async def test_a_failure_of_the_first_is_not_hidden_from_the_second() -> None:
    """Whoever comes while the first is under way waits, and goes itself when the first fails."""
    one = sighting(trace_id=TRACE, service="s", kind="E", message="m", stack="")
    counts: Counter[str] = Counter()
    once = Once(Sightings(Clock()), counts)
    is_under_way, may_fail = asyncio.Event(), asyncio.Event()
    sent = []

    async def first() -> Result:
        sent.append("first")
        is_under_way.set()
        await may_fail.wait()
        raise ConnectionError

    async def second() -> Result:
        sent.append("second")
        return Result()

    early = asyncio.create_task(once.deliver("key", one, first))
    await is_under_way.wait()
    late = asyncio.create_task(once.deliver("key", one, second))
    await asyncio.sleep(0)
    assert sent == ["first"]
    may_fail.set()
    with pytest.raises(ConnectionError):
        await early
    await late
    assert sent == ["first", "second"]
    await once.deliver("key", one, second)
    assert (sent, counts[SAME]) == (["first", "second"], 1)
    await once.deliver("other key", one, second)
    assert sent == ["first", "second", "second"]


async def test_a_sighting_is_remembered_for_two_minutes_and_in_bounds() -> None:
    taker = Taker()
    one = Raised(trace=0, message=0, line=1)
    await taker.take([telling(one, 1)])
    taker.clock.now += 119
    await taker.take([telling(one, 2)])
    assert len(taker.published) == 1
    taker.clock.now += 2
    await taker.take([telling(one, 3)])
    assert len(taker.published) == 2
    sightings = taker.sightings
    for number in range(2 * sightings.room):
        many = Sighting(key=number.to_bytes(16), place="")
        assert sightings.claim(many) is Claim.OURS
        sightings.settle(many, is_taken=True)
        assert sightings.claim(many) is Claim.KNOWN
    for number in range(100):
        place = Sighting(key=b"k", place=str(number))
        assert sightings.claim(place) is Claim.OURS
        sightings.settle(place, is_taken=True)
    assert sightings.claim(Sighting(key=b"k", place="99")) is Claim.KNOWN
    assert sightings.claim(Sighting(key=b"k", place="1")) is Claim.OURS


def test_what_is_told_outside_of_a_trace_or_without_a_type_is_never_one() -> None:
    without_trace = log("x", exception("E", "m"), traceId="")
    found = map_logs(jsoned.decode_logs(as_json(logs(without_trace, log("y")))).records)
    assert [one.seen for one in found] == [None, None]


def test_services_are_kept_apart() -> None:
    keys = set()
    for service in "ab":
        request = traces(span(exception("E", "m")), resource={"service.name": service})
        (one,) = map_spans(jsoned.decode_traces(as_json(request)).records)
        assert one.seen
        keys.add(one.seen.key)
    assert len(keys) == 2


PYTHON = 'Traceback (most recent call last):\n  File "a.py", line 3, in f'
GROUP = '  |   File "a.py", line 3, in f'
JAVA = "a.E: m\nmore of it\n\tat a.Shop.load(Shop.java:7)\n\tat a.Main.main(Main.java:1)\n"


@pytest.mark.parametrize(
    ("stack", "place"),
    [
        ("", ""),
        (JAVA, "at a.Shop.load(Shop.java:7)"),
        (JAVA.removesuffix("\tat a.Main.main(Main.java:1)\n"), "at a.Shop.load(Shop.java:7)"),
        ("Error: x\n    at f (/a.js:1:2)\n    at g (/a.js:3:4)", "at f (/a.js:1:2)"),
        ("f@https://shop/a.js:1:2\ng@https://shop/a.js:3:4", "f@https://shop/a.js:1:2"),
        ("#0 /app/a.php(7): f()\n#1 {main}", "#0 /app/a.php(7): f()"),
        ("goroutine 7 [running]:\nmain.f()\n\t/a.go:3 +0x1", ""),
        (f"{PYTHON}\n    x = yi", ""),
        (f"{PYTHON}\nE: m", 'File "a.py", line 3, in f'),
        (f"{PYTHON}\n    g()\n    ^^^\nE", 'File "a.py", line 3, in f'),
        (f"{GROUP}\n    | ValueError: 1\n    +----", 'File "a.py", line 3, in f'),
    ],
)
def test_places(stack: str, place: str) -> None:
    assert place_of(stack) == place


def test_groups_are_told_apart_by_their_members() -> None:
    group = "  + Exception Group Traceback (most recent call last):\n" + GROUP + "\n  | G: m\n"
    rule = "  +-+---------------- 1 ----------------\n    | {}: x\n    +----\n"
    first, second = (place_of(group + rule.format(name)) for name in ("KeyError", "ValueError"))
    assert first != second
    assert first == place_of('  |   File "b.py", line 1, in g\n' + group + rule.format("KeyError"))


def test_an_unknown_stack_is_its_own_place() -> None:
    assert place_of("somewhere") != place_of("elsewhere")
    assert len(place_of("somewhere" * 1000)) == 64
