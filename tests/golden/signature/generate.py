"""Writes v1.jsonl: reports of every kind, and what version 1 makes of them.

    python -m tests.golden.signature.generate

What stands in the file already must come out again; a change there is a change of the algorithm.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mendwire.model.report import parse_report
from mendwire.model.signature import canonical, keys
from tests.generated_reports import STACKS, generated_reports
from tests.unit.test_signature_messages import NAMING, TELLING

FILE = Path(__file__).with_name("v1.jsonl")
RUNTIMES = Path(__file__).with_name("runtimes.jsonl")
PAIRS = Path(__file__).with_name("pairs.jsonl")
SCOPE = {"namespace": "shop", "environment": "production", "source": ""}
FRAME = {"file": "/srv/shop/current/shop/cart.py", "line": 12, "function": "total", "in_app": True}
LIBRARY = {"file": "/usr/lib/python3.11/json/__init__.py", "line": 3, "function": "loads"}
BUNDLE = {"file": "https://shop.example/app.min.js", "line": 1, "column": 40213, "function": "t"}
TEXTS = {
    "empty": "", "blank": " ", "umlauts": "Größe überschritten: 17", "cjk": "値が不正です: 42",
    "astral": "no emoji \U0001f600 here 7", "line separator": "one\u2028two\u2029three",
    "nul": "a\u0000b", "lone high": "bad \ud800 text", "lone low": "bad \udc00 text",
    "combining": "cafe\u0301", "full-width digits": "code \uff14\uff10\uff14",
    "arabic digits": "id \u0661\u0662", "tabs": "a\tb\r\nc", "ansi": "\u001b[31mred\u001b[0m 12",
    "long": "x" * 3000, "long words": "id 1234567 " * 400, "only a number": "404",
    "negative": "rc=-5", "quotes": "'17' \"18\" `19`", "brackets": "[1] (2) {3} <4>",
}  # fmt: skip
FINGERPRINTS = (
    ["checkout"], ["checkout", "payment"], ["{{default}}"], ["{{ default }}", "eu"], [""],
    ["a,b"], ["a", "b"], ["{{default}}", "{{default}}"], ["gr\u00f6\u00dfe"], ["x" * 1200],
)  # fmt: skip


def _reports() -> Iterator[tuple[str, dict[str, Any]]]:
    yield from _stacks()
    yield from _messages()
    yield from _fields()
    for at, text in enumerate(generated_reports(90, seed=1)):
        try:
            body = json.loads(text)
        except ValueError:
            continue
        yield f"generated {at}", body


def _stacks() -> Iterator[tuple[str, dict[str, Any]]]:
    for at, stack in enumerate(STACKS):
        yield f"stack {at}, other release", {"error": "", "stack": stack, "release": "2.0"}
        yield f"stack {at}", {"error": "", "stack": stack, "release": "1.4.2", "service": "shop"}
        yield f"stack {at}, as message", {"error": stack}
        yield f"stack {at}, given type", {"error": "x: y", "type": "x", "stack": stack, "code": 7}
    for run in map(json.loads, RUNTIMES.read_text("utf-8").splitlines()):
        if (
            run["run"] > 1
        ):  # its keys are those of the others: tests/unit/test_signature_runtimes.py
            continue
        name = f"{run['language']}: {run['case']}, run {run['run']}"
        yield name, {"error": run["error"], "stack": run["stack"], "release": "1.4.2"}


def _messages() -> Iterator[tuple[str, dict[str, Any]]]:
    for at, pair in enumerate(map(json.loads, PAIRS.read_text("utf-8").splitlines())):
        if at % 4 == 0:
            yield f"pair {at}, {pair['must']}", {"error": pair["a"]}
    for kind, rows in (("telling", TELLING), ("naming", NAMING)):
        for form, values in rows:
            yield f"{kind} {len(values)}: {form}", {"error": form.format(values[0])}
    for name, text in TEXTS.items():
        yield f"text: {name}", {"error": text or "x", "type": text, "release": text or "1"}
        yield f"template: {name}", {"error": "x", "message_template": text, "code": text}


def _fields() -> Iterator[tuple[str, dict[str, Any]]]:
    for parts in FINGERPRINTS:
        yield f"fingerprint {parts!r}"[:90], {"error": "KeyError: 1", "fingerprint": parts}
    for name, frames in {
        "own": [FRAME], "library last": [FRAME, LIBRARY], "library alone": [LIBRARY],
        "bundle": [BUNDLE], "recursion": [FRAME] * 40, "two by two": [FRAME, BUNDLE] * 30,
        "many": [{**FRAME, "line": n, "function": f"f{n}"} for n in range(1, 180)],
    }.items():  # fmt: skip
        yield f"frames: {name}", {"error": "KeyError: 'x'", "type": "KeyError", "frames": frames}
    place = {"file": "app.js", "line": 42, "request_id": "r-1"}
    yield "a place alone", {"error": "TypeError: no", "context": place}


def vector(name: str, report: dict[str, Any], scope: dict[str, str]) -> dict[str, Any] | None:
    """One line of the file; None for what is no report."""
    from mendwire.errors import Undecodable

    try:
        parsed = parse_report(json.dumps(report).encode())
    except Undecodable:
        return None
    found = keys(parsed, **scope)
    return {
        "name": name,
        **scope,
        "report": report,
        "canonical": asdict(canonical(parsed)),
        "signature": found.signature,
        "issue_key": found.issue_key,
    }


def vectors() -> Iterator[dict[str, Any]]:
    """All of them."""
    for name, report in _reports():
        made = vector(name, report, SCOPE)
        if made:
            yield made
    for scope in ({"source": "-l"}, {"environment": ""}, {"namespace": "ai_tutor"}):
        made = vector(f"scope {scope}", {"error": "KeyError: 'x'"}, SCOPE | scope)
        assert made
        yield made


if __name__ == "__main__":
    lines = [json.dumps(one) for one in vectors()]
    FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} vectors, {FILE.stat().st_size} bytes")
