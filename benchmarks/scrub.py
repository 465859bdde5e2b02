"""What scrubbing costs: microseconds for one decoded report, beside decoding and encoding it.

python -m benchmarks.scrub
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks.figures import Figure, Row, Table, arguments, figure, tell
from mendwire.model.scrub import DEFAULT, scrub_text
from mendwire.model.scrub.body import Scrubbing
from mendwire.model.scrub.scrubber import scrubber

SIZES = {"6 kB": 5, "50 kB": 55}
"""Frames that make a report about so large."""
LINES = """\
def {name}(self, {first}, {second}=None):
    if {second} is None:
        {second} = self.{first}_by_key(settings.DEFAULT_{upper})
    rows = self.session.execute(select({first}).where({first}.id == {second}.id))
    with self.lock, timed("{name}"):
        for row in rows.scalars():
            total += row.price * row.quantity - row.discount
    headers = {{"Accept": "application/json", "X-Request-Id": request_id}}
    answer = self.client.post(f"/{first}/{{{second}.id}}", json=body, headers=headers)
    answer.raise_for_status()
    return {name}_of(answer.json(), currency=self.currency)""".splitlines()
WORDS = ("order", "cart", "item", "price", "stock", "user", "coupon", "address", "payment", "label")


def event(frames: int, code: random.Random, values: random.Random) -> dict[str, Any]:
    """A report as an SDK for Python sends it; the code comes again, values and ids do not."""
    return {
        "event_id": f"{values.getrandbits(128):032x}",
        "timestamp": f"2026-11-25T10:00:00.{values.randrange(10**6):06d}Z",
        "platform": "python",
        "level": "error",
        "release": "shop@1.4.2",
        "environment": "production",
        "server_name": f"web-{values.randrange(20)}",
        "exception": {
            "values": [
                {
                    "type": "ValueError",
                    "value": f"order {values.randrange(10**6)} has no lines",
                    "module": "shop.errors",
                    "stacktrace": {"frames": [_frame(code, values) for _ in range(frames)]},
                }
            ]
        },
        "request": {
            "url": f"https://shop.example/cart/{values.randrange(10**5)}/checkout",
            "method": "POST",
            "headers": {
                "Host": "shop.example",
                "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0",
                "Accept": "text/html,application/xhtml+xml",
                "Authorization": f"Bearer fake-{values.getrandbits(128):032x}",
                "Cookie": f"sid=fake-{values.getrandbits(128):032x}",
            },
        },
        "breadcrumbs": {
            "values": [
                {
                    "type": "log",
                    "category": "shop.cart",
                    "level": "info",
                    "message": f"cart {values.randrange(10**6)} loaded in {values.random():.4f} s",
                }
                for _ in range(5)
            ]
        },
        "user": {
            "id": str(values.randrange(10**6)),
            "email": f"u{values.randrange(99)}@shop.example",
        },
        "contexts": {"trace": {"trace_id": f"{values.getrandbits(128):032x}"}},
    }


def _frame(code: random.Random, values: random.Random) -> dict[str, Any]:
    first, second, more = code.sample(WORDS, 3)
    name = f"{first}_{second}"
    lines = [line.format(name=name, first=first, second=more, upper=more.upper()) for line in LINES]
    return {
        "filename": f"shop/{first}/{second}.py",
        "abs_path": f"/srv/app/shop/{first}/{second}.py",
        "function": f"{first.title()}.{name}",
        "module": f"shop.{first}.{second}",
        "lineno": code.randrange(500),
        "in_app": True,
        "pre_context": lines[:5],
        "context_line": lines[5],
        "post_context": lines[6:],
        "vars": {
            first: f"<shop.{first.title()} object at 0x7f{values.getrandbits(40):010x}>",
            "total": repr(values.random()),
            "count": str(values.randrange(100)),
            "rows": ["'a'", "'b'"],
            "request_id": f"'{values.getrandbits(64):016x}'",
        },
    }


def reports(frames: int, count: int) -> list[bytes]:
    """``count`` occurrences of the same errors, each with its own values."""
    values = random.Random(1)  # noqa: S311 - the same reports each time
    return [
        json.dumps(event(frames, random.Random(at % 8), values)).encode()  # noqa: S311 - as above
        for at in range(count)
    ]


def microseconds(run: Callable[[Any], object], inputs: Sequence[Any]) -> float:
    """Of processor time for one input."""
    started = time.process_time()
    for one in inputs:
        run(one)
    return (time.process_time() - started) / len(inputs) * 1e6


def _rounds(payloads: list[bytes]) -> Iterator[tuple[str, Callable[[], float]]]:
    warm = Scrubbing(scrubber(DEFAULT))

    def bodies() -> list[Any]:
        return [json.loads(payload) for payload in payloads]

    def unseen(body: Any) -> None:  # noqa: ANN401 - JSON
        for texts in warm.clean:
            texts.clear()
        warm.scrub(body)

    for body in bodies():
        warm.scrub(body)
    yield "loads + dumps", lambda: microseconds(lambda one: json.dumps(json.loads(one)), payloads)
    yield "scrub, code known", lambda: microseconds(warm.scrub, _fresh(warm, bodies, payloads))
    yield "scrub, nothing known", lambda: microseconds(unseen, bodies())
    yield (
        "scrub, each text closely",
        lambda: microseconds(lambda body: warm.scrub(body, is_fast=False), bodies()),
    )


def _fresh(warm: Scrubbing, bodies: Callable[[], list[Any]], payloads: list[bytes]) -> list[Any]:
    """The bodies, after others of the same code and with other values were seen."""
    for texts in warm.clean:
        texts.clear()
    frames = json.loads(payloads[0])["exception"]["values"][0]["stacktrace"]["frames"]
    values = random.Random(2)  # noqa: S311 - the same reports each time
    for at in range(8):
        warm.scrub(event(len(frames), random.Random(at), values))  # noqa: S311 - as above
    return bodies()


def compared(repeats: int, count: int) -> Table:
    """Every way in turn, for both sizes."""
    rows: list[Row] = []
    for size, frames in SIZES.items():
        payloads = reports(frames, count)
        found: dict[str, list[float]] = {}
        for _ in range(repeats):
            for name, run in _rounds(payloads):
                found.setdefault(name, []).append(run())
        floor = found["loads + dumps"]
        rows += [
            Row(
                what=f"{name}, {size}",
                figures={
                    "us a report": figure(took),
                    "beside loads + dumps": _ratio(took, floor),
                },
            )
            for name, took in found.items()
        ]
    return Table(
        title=f"Microseconds to scrub one decoded report, {count} reports",
        columns={"us a report": 0, "beside loads + dumps": 2},
        rows=rows,
    )


def _ratio(took: list[float], floor: list[float]) -> Figure:
    return figure([mine / theirs for mine, theirs in zip(took, floor, strict=True)])


def at_length(repeats: int, size: int) -> Table:
    """One long text: a log of harmless lines, and hostile ones."""
    texts = {
        "log lines": "2026-11-25 10:00:00,123 INFO shop.cart cart 17 loaded for user 12 in 0.4 s\n",
        "assignments": "password=hunter2 ",
        "open quotes": "password='",
        "addresses": "a@b.",
        "digits": "4-",
    }
    rows = [
        Row(
            what=name,
            figures={
                "ms a MB": figure(
                    [
                        microseconds(scrub_text, [text * (size // len(text))]) / size * 1e3
                        for _ in range(repeats)
                    ]
                )
            },
        )
        for name, text in texts.items()
    ]
    return Table(title="Milliseconds for a megabyte of text", columns={"ms a MB": 1}, rows=rows)


def main() -> None:
    options = arguments(__doc__ or "").parse_args()
    repeats, count, size = (1, 8, 20_000) if options.quick else (options.repeats, 200, 1_000_000)
    tell(compared(repeats, count), as_json=options.json)
    tell(at_length(repeats, size), as_json=options.json)


if __name__ == "__main__":
    main()
