"""Envelopes as sentry-sdk makes them: one event captured from a real exception, in many guises.

The SDK's own bytes are kept; only the ids of event and trace are replaced, and one word, which
stands in the exception's text and in the names of its functions and files. So each word is a group
of its own, for Bugsink, which groups by type and text, as for a signature, which reads the frames.
"""

from __future__ import annotations

import gzip
import linecache
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

WORD = "quxwords"
_STEP = """
def step_{at}_{word}(order, customer, lines):
    subtotal = sum(count * {price} for _sku, count in lines)
    coupon, currency = "SUMMER-{at}", "EUR"
    shipping = {{"kind": "parcel", "cost": {cost}, "zone": customer["country"]}}
    taxes = [0.06, 0.{at:02d}, 0.23]
    request = "GET /checkout?step={at}&order={order}"
    basket = [{{"sku": sku, "count": count, "price": {price}}} for sku, count in lines]
    discount = subtotal * len(coupon) // {cost}
    session = "{session}"
    return {call}
"""


@dataclass(frozen=True, kw_only=True)
class Template:
    """One captured envelope, cut where its guise is put in."""

    text: str
    event_id: str
    """As the SDK chose it; replaced in each copy, like the next."""
    trace_id: str

    def envelope(self, number: int, word: str) -> bytes:
        """The envelope's bytes as the SDK would have sent them, before compression."""
        told = self.text.replace(self.event_id, f"{number:032x}").replace(WORD, word)
        return told.replace(self.trace_id, f"{number | 1 << 127:032x}").encode()


class _Kept(Transport):
    """Keeps what would have been sent."""

    def __init__(self) -> None:
        super().__init__()
        self.envelopes: list[Envelope] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.envelopes.append(envelope)


def capture(size: int) -> Template:
    """A template of about ``size`` bytes: as many frames, of a function each, as it takes."""
    few, more = _captured(1), _captured(3)
    frame = (len(more.text) - len(few.text)) // 2
    return _captured(max(1, 1 + round((size - len(few.text)) / frame)))


def _captured(frames: int) -> Template:
    kept = _Kept()
    client = sentry_sdk.Client(
        dsn="http://key@localhost/1",
        transport=kept,
        release="shop@1.4.2",
        environment="production",
        default_integrations=False,
        in_app_include=["shop"],
        server_name="web-1",
    )
    with sentry_sdk.isolation_scope() as scope:
        scope.set_client(client)
        scope.set_tag("service", "shop")
        try:
            _shop(frames)({"id": 17}, {"id": 4711, "country": "PT"}, [("A-100", 2), ("B-7", 1)])
        except KeyError as problem:
            trace = problem.__traceback__
            own = trace.tb_next if trace else None  # without this frame of ours
            sentry_sdk.capture_exception((type(problem), problem, own))
    client.close()
    (envelope,) = kept.envelopes
    return Template(
        text=envelope.serialize().decode(),
        event_id=envelope.headers["event_id"],
        trace_id=envelope.headers["trace"]["trace_id"],
    )


def _shop(frames: int) -> Callable[[object, object, object], object]:
    """So many functions, each in a file of its own that calls the next; the last one breaks."""
    chance = random.Random(frames)  # noqa: S311 - the same bodies each time
    called: Callable[[object, object, object], object] | None = None
    for at in reversed(range(frames)):
        source = _STEP.format(
            at=at,
            word=WORD,
            price=chance.randrange(100, 20_000),
            cost=chance.randrange(100, 900),
            order=chance.randrange(10**8),
            session=f"{chance.getrandbits(96):024x}",
            call=f"step_{at + 1}_{WORD}(order, customer, lines)" if called else f"order['{WORD}']",
        )
        file = f"/srv/shop/{WORD}/step_{at}.py"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        scope: dict[str, Any] = {
            "__name__": f"shop.{WORD}.step_{at}",
            f"step_{at + 1}_{WORD}": called,
        }
        exec(compile(source, file, "exec"), scope)  # noqa: S102 - our own lines
        called = scope[f"step_{at}_{WORD}"]
    assert called
    return called


def word(number: int) -> str:
    """Eight consonants: digits may be taken for a value, and no real word comes out."""
    letters = [c for c in string.ascii_lowercase if c not in "aeiouy"]
    made = ""
    for _ in WORD:
        number, rest = divmod(number, len(letters))
        made += letters[rest]
    return made


def bodies(
    template: Template, count: int, *, groups: int | None, event: int, group: int
) -> Iterator[bytes]:
    """``count`` compressed bodies, event ids from ``event`` and groups from ``group`` on.

    ``groups`` is how many groups take turns; None: each body is one of its own.
    """
    for number in range(count):
        which = group + (number % groups if groups else number)
        plain = template.envelope(event + number, word(which))
        yield gzip.compress(plain, compresslevel=6, mtime=0)
