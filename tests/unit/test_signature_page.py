"""The example of docs/reference/signature.md comes out as the page says."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from mendwire.model.report import parse_report
from mendwire.model.signature import canonical, hashed_bytes, keys

PAGE = (Path(__file__).parents[2] / "docs/reference/signature.md").read_text(encoding="utf-8")
SCOPE = {"namespace": "shop", "environment": "production"}


def test_the_example_has_the_keys_that_the_page_shows() -> None:
    (example,) = re.findall(r"(?ms)^```json\n(.*?)^```$", PAGE)
    found = keys(parse_report(example.encode()), **SCOPE)
    assert f"signature {found.signature}\nissue key {found.issue_key}\n" in PAGE


def test_the_bytes_are_written_as_the_page_says() -> None:
    def packed(*texts: str) -> bytes:
        return b"".join(f"{len(text.encode())}:{text},".encode() for text in texts)

    def nested(*parts: bytes) -> bytes:
        return b"".join(b"%d:%b," % (len(part), part) for part in parts)

    (example,) = re.findall(r"(?ms)^```json\n(.*?)^```$", PAGE)
    record = canonical(parse_report(example.encode()))
    assert record.calls == (("shop/cart.py", "total"),)
    shared = nested(
        nested(
            packed("OrderFailed"),
            packed("shop/cart.py", "total"),
            packed("", "no price for order <n>"),
            b"",
        )
    )
    scope = packed("v1", "signature", "shop", "production", "", "shop", "1.4.2")
    strict = scope + shared + nested(packed("12") + packed("shop/cart.py"))
    loose = packed("v1", "issue", "shop") + shared
    assert hashed_bytes(record, **SCOPE) == (strict, loose)
    found = keys(record, **SCOPE)
    assert found.signature == hashlib.sha256(strict).hexdigest()[:32]
    assert found.issue_key == hashlib.sha256(loose).hexdigest()[:32]
