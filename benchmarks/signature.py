"""What a pair of keys costs: microseconds a report, beside hashing it; and hostile megabytes.

python -m benchmarks.signature
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import _lru_cache_wrapper
from statistics import median
from typing import TypeVar

from benchmarks.figures import Row, Table, arguments, figure, tell
from mendwire.model.report import ErrorReport, parse_report
from mendwire.model.signature import keys
from mendwire.model.signature.v1 import canonical, headlines, places, python_text, reading
from mendwire.model.signature.v1 import keys as hashing

Given = TypeVar("Given")
MEGABYTE = 1 << 20
MODULES = (canonical, hashing, headlines, places, python_text, reading)
HOSTILE = {
    "open brackets": "at ((((",
    "Node's frames": "at f (/a/b.js:1:2)\n",
    "Go's frames": f"{'a' * 1000}.go:\n",
    "tracebacks": 'Traceback (most recent call last)\n  File "a", line 1, in b\nE: 1 2\n',
    "causes": "Caused by: A: b 1 2 3 4 5 6\n",
    "types": f"{'A.' * 500}\n",
    "numbers": "id 1 ",
    "addresses": "1.2.3.4 ::1 a@b.c /d/e http://f ",
    "escapes": "\x1b[",
    "empty lines": "x\n\n\n",
}


def python(values: random.Random) -> dict[str, object]:
    """Some 2 kB, as Python prints it; the code comes again, the ids do not."""
    error = f"shop.errors.OrderError: {_message(values)}"
    lines = "".join(
        f'  File "/srv/shop/current/shop/module_{at}.py", line {100 + at}, in handle_{at}\n'
        f"    result = self.process(request_{at}, timeout=30)\n"
        for at in range(14)
    )
    return {"error": error, "stack": f"Traceback (most recent call last):\n{lines}{error}\n"}


def node(values: random.Random) -> dict[str, object]:
    error = f"TypeError: {_message(values)}"
    lines = "".join(
        f"    at Shop.handle{at} (/srv/shop/current/dist/shop/mod_{at}.js:{100 + at}:{20 + at})\n"
        for at in range(22)
    )
    return {"error": error, "stack": f"{error}\n{lines}"}


def java(values: random.Random) -> dict[str, object]:
    error = f"com.acme.shop.OrderException: {_message(values)}"
    lines = "".join(
        f"\tat com.acme.shop.service.OrderService{at}.handle(OrderService{at}.java:{100 + at})\n"
        for at in range(24)
    )
    return {"error": error, "stack": f"{error}\n{lines}"}


def structured(values: random.Random) -> dict[str, object]:
    """The same as an SDK sends it: frames, and no stack."""
    frames = [
        {
            "file": f"shop/module_{at}.py",
            "line": 100 + at,
            "function": f"handle_{at}",
            "module": f"shop.module_{at}",
            "in_app": True,
            "code": "result = self.process(request, timeout=30)",
        }
        for at in range(12)
    ]
    return {"error": _message(values), "type": "shop.errors.OrderError", "frames": frames}


def log_line(values: random.Random) -> dict[str, object]:
    return {
        "error": f"2026-11-25 10:00:00,{values.randrange(1000):03d} [{values.randrange(9999)}] "
        f"ERROR shop.cart {_message(values)}"
    }


KINDS = {
    "Python, 2 kB": python,
    "Node, 2 kB": node,
    "Java, 2 kB": java,
    "frames, 2 kB": structured,
    "a log line": log_line,
}


def _message(values: random.Random) -> str:
    return (
        f"order {values.randrange(10**6)} not found for customer {values.getrandbits(64):016x} "
        f"after {values.randrange(5000)} ms"
    )


def pair(report: ErrorReport) -> None:
    keys(report, namespace="shop", environment="production")


def pair_of_unknown_code(report: ErrorReport) -> None:
    forget()
    pair(report)


def whole(payload: bytes) -> None:
    pair(parse_report(payload))


def floor(report: ErrorReport) -> None:
    """The hash of message, file and line: what has to be paid at the least."""
    context = report.context
    hashlib.sha256(
        f"{report.error}:{context.get('file')}:{context.get('line')}".encode()
    ).hexdigest()


def sha256(payload: bytes) -> None:
    hashlib.sha256(payload).hexdigest()


def forget() -> None:
    """Empty what is remembered of code that was seen before; patterns stay compiled."""
    for module in MODULES:
        for one in vars(module).values():
            if isinstance(one, _lru_cache_wrapper) and one.__name__ not in {"pattern", "words"}:
                one.cache_clear()
    hashing._known.clear()  # noqa: SLF001 - the one memory that is no lru_cache


def microseconds(work: Callable[[Given], None], given: Sequence[Given]) -> float:
    """The median over the reports, each timed by itself."""
    took = []
    for one in given:
        started = time.perf_counter_ns()
        work(one)
        took.append((time.perf_counter_ns() - started) / 1000)
    return median(took)


def processor_ms(work: Callable[[Given], None], given: Given) -> float:
    """Of one call; milliseconds long, it would else be told what else the machine does."""
    started = time.process_time_ns()
    work(given)
    return (time.process_time_ns() - started) / 1e6


def compared(repeats: int, count: int) -> Iterator[Row]:
    values = random.Random(20261125)  # noqa: S311 - ids of reports, not keys
    for name, make in KINDS.items():
        payloads = [
            json.dumps({**make(values), "release": "1.4.2", "service": "shop"}).encode()
            for _ in range(count)
        ]
        reports = [parse_report(payload) for payload in payloads]
        pair(reports[0])
        turns = [
            (
                microseconds(pair, reports),
                microseconds(whole, payloads),
                microseconds(pair_of_unknown_code, reports[: count // 4 or 1]),
                microseconds(sha256, payloads),
                microseconds(floor, reports),
            )
            for _ in range(repeats)
        ]
        both, with_parsing, cold, plain, least = zip(*turns, strict=True)
        yield Row(
            what=name,
            figures={
                "both keys": figure(both),
                "and parsing": figure(with_parsing),
                "code unknown": figure(cold),
                "sha256 of it": figure(plain),
                "message:file:line": figure(least),
                "beside sha256": figure([a / b for a, b in zip(both, plain, strict=True)]),
            },
        )


def hostile(repeats: int, size: int) -> Iterator[Row]:
    for name, part in HOSTILE.items():
        text = part * (size // 2 // len(part))
        report = ErrorReport(error=text, stack=text)
        took = [processor_ms(pair_of_unknown_code, report) for _ in range(repeats)]
        yield Row(what=name, figures={"ms": figure(took)})


def main() -> None:
    options = arguments(__doc__ or "").parse_args()
    repeats, count, size = (1, 4, 20_000) if options.quick else (options.repeats, 400, MEGABYTE)
    columns = {
        "both keys": 1,
        "and parsing": 1,
        "code unknown": 1,
        "sha256 of it": 2,
        "message:file:line": 2,
        "beside sha256": 1,
    }
    title = f"Microseconds a report, medians of {count} reports"
    tell(
        Table(title=title, columns=columns, rows=list(compared(repeats, count))),
        as_json=options.json,
    )
    title = "Milliseconds of processor for a hostile report of a megabyte"
    rows = list(hostile(repeats, size))
    tell(Table(title=title, columns={"ms": 1}, rows=rows), as_json=options.json)


if __name__ == "__main__":
    main()
