"""Bodies as they were before they were compressed, piece by piece, never more than allowed."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from typing import Final, Protocol

import brotli  # type: ignore[import-untyped]  # brings no types

from mendwire.errors import Refused

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE: Final = 64 * 1024
"""Bytes that are inflated at once: what a bomb can make grow."""
_WINDOW_LOG: Final = 23
"""A zstd frame may ask for a window of 8 MiB and no more."""


class Inflater(Protocol):
    """One encoding."""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What ``data`` inflates to, in pieces of at most about ``PIECE`` bytes."""
        ...

    def is_complete(self) -> bool:
        """Whether the stream has come to its end."""
        ...


class _Plain:
    def pieces(self, data: bytes) -> Iterator[bytes]:
        yield data

    def is_complete(self) -> bool:
        return True


class _Zlib:
    """gzip, zlib, and what some call deflate: the same without a header."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._engine = zlib.decompressobj(bits)
        self._begun = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        if not self._begun and data:
            self._begun = True
            if self._bits == zlib.MAX_WBITS and not _has_zlib_header(data):
                self._engine = zlib.decompressobj(-zlib.MAX_WBITS)
        while data and not self._engine.eof:
            yield self._engine.decompress(data, PIECE)
            data = self._engine.unconsumed_tail

    def is_complete(self) -> bool:
        return self._engine.eof


class _Brotli:
    def __init__(self) -> None:
        self._engine = brotli.Decompressor()

    def pieces(self, data: bytes) -> Iterator[bytes]:
        if not data:
            return
        # It may have taken all of its input and hold output back all the same.
        piece = self._engine.process(data, output_buffer_limit=PIECE)
        while piece or not self._engine.can_accept_more_data():
            yield piece
            piece = self._engine.process(b"", output_buffer_limit=PIECE)

    def is_complete(self) -> bool:
        return bool(self._engine.is_finished())


class _Zstd:
    def __init__(self) -> None:
        options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}
        self._engine = zstd.ZstdDecompressor(options=options)

    def pieces(self, data: bytes) -> Iterator[bytes]:
        if self._engine.eof:
            return
        yield self._engine.decompress(data, PIECE)
        while not self._engine.needs_input and not self._engine.eof:
            yield self._engine.decompress(b"", PIECE)

    def is_complete(self) -> bool:
        return self._engine.eof


def inflater(encoding: str) -> Inflater:
    """For a ``Content-Encoding``; raises Refused for one that we do not know."""
    match encoding.strip().lower():
        case "" | "identity":
            return _Plain()
        case "gzip" | "x-gzip":
            return _Zlib(16 + zlib.MAX_WBITS)
        case "deflate":
            return _Zlib(zlib.MAX_WBITS)
        case "br":
            return _Brotli()
        case "zstd":
            return _Zstd()
        case _:
            raise Refused(
                f"The content encoding {encoding[:40]!r} is not known: send gzip, deflate, br, "
                "zstd or none.",
                status=415,
                reason="encoding",
            )


class Capped:
    """An inflater that stops at a limit and says what is wrong in our words."""

    def __init__(self, encoding: str, limit: int) -> None:
        self._inner = inflater(encoding)
        self._encoding = encoding or "identity"
        self._limit = limit
        self.size = 0
        """Bytes inflated so far."""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Raises Refused: 413 beyond the limit, 400 for what is no such encoding."""
        inflating = self._inner.pieces(data)
        while (piece := self._next(inflating)) is not None:
            self.size += len(piece)
            if self.size > self._limit:
                raise Refused(
                    f"The body inflates to more than {self._limit} bytes.",
                    status=413,
                    reason="too_large",
                )
            yield piece

    def end(self) -> None:
        """Raises Refused when the stream was cut off."""
        if not self._inner.is_complete():
            raise Refused(
                f"The body ends in the middle of its {self._encoding} stream.",
                status=400,
                reason="malformed",
            )

    def _next(self, inflating: Iterator[bytes]) -> bytes | None:
        try:
            return next(inflating, None)
        except (zlib.error, brotli.error, zstd.ZstdError, EOFError, MemoryError):
            raise Refused(
                f"The body is not valid {self._encoding}.", status=400, reason="malformed"
            ) from None


def _has_zlib_header(data: bytes) -> bool:
    """RFC 1950: method 8, and the first two bytes a multiple of 31."""
    if len(data) == 1:
        return data[0] & 0x0F == 8  # noqa: PLR2004 - the number of the method
    return data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0  # noqa: PLR2004 - as above
