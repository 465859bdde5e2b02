"""Every encoding, in any pieces; bombs end early and cheaply."""

from __future__ import annotations

import gzip
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress

import brotli  # type: ignore[import-untyped]  # brings no types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.errors import Refused
from mendwire.gateway.inflate import PIECE, Capped

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def raw_deflate(data: bytes) -> bytes:
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return engine.compress(data) + engine.flush()


ENCODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
    "none": ("", bytes),
    "identity": ("Identity", bytes),
}


def inflated(encoding: str, data: bytes, step: int, limit: int = 10_000_000) -> bytes:
    capped = Capped(encoding, limit)
    out = b"".join(
        piece
        for start in range(0, len(data), step)
        for piece in capped.pieces(data[start : start + step])
    )
    capped.end()
    assert capped.size == len(out)
    return out


@pytest.mark.parametrize("name", ENCODINGS)
@given(data=st.binary(max_size=3_000), step=st.integers(1, 4_000))
def test_what_was_compressed_comes_back(name: str, data: bytes, step: int) -> None:
    encoding, compress = ENCODINGS[name]
    if data or not encoding:
        assert inflated(encoding, compress(data), step) == data


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("step", [1_000, 1 << 30])
def test_what_is_larger_than_a_piece_comes_back(name: str, step: int) -> None:
    encoding, compress = ENCODINGS[name]
    data = b"a stack frame\n" * 100_000 + bytes(range(256)) * 500
    assert inflated(encoding, compress(data), step) == data


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_is_refused_without_memory(name: str) -> None:
    encoding, compress = ENCODINGS[name]
    bomb = compress(b"\0" * 50_000_000)
    tracemalloc.start()
    try:
        capped = Capped(encoding, 1_000_000)
        with pytest.raises(Refused, match="inflates") as refused:
            for _ in capped.pieces(bomb):
                pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.status == 413
    assert capped.size <= 1_000_000 + 2 * PIECE
    assert peak < 4_000_000


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
@given(data=st.binary(min_size=1, max_size=300), step=st.integers(1, 400))
def test_any_bytes_are_inflated_or_refused(name: str, data: bytes, step: int) -> None:
    with suppress(Refused):
        inflated(ENCODINGS[name][0], data, step)


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_a_stream_that_is_cut_off_is_refused(name: str) -> None:
    encoding, compress = ENCODINGS[name]
    with pytest.raises(Refused, match="ends in the middle"):
        inflated(encoding, compress(b"a report" * 100)[:-6], 5_000)


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(Refused, match="not known") as refused:
        Capped("lzma", 10)
    assert refused.value.status == 415
