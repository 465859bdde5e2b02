"""Our reader of base 32 reads what Python's own does."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from mendwire.screen.normalise.blobs import _from_base32

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def _as_python_does(body: str) -> bytes:
    body = body[:-1] if len(body) % 8 in {1, 3, 6} else body
    return base64.b32decode(body + "=" * (-len(body) % 8), casefold=True)


@given(st.text(_LETTERS, min_size=1, max_size=90), st.booleans())
def test_base_32_is_read_as_python_reads_it(body: str, lower: bool) -> None:
    body = body.lower() if lower else body
    assert _from_base32(body) == _as_python_does(body)


@given(st.binary(max_size=60))
def test_what_was_encoded_comes_back(data: bytes) -> None:
    body = base64.b32encode(data).decode().rstrip("=")
    if body:
        assert _from_base32(body) == data
