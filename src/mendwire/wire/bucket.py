"""A key-value bucket over the stream that holds it: each operation is one request.

The layout is NATS's own (``$KV.<bucket>.<key>``, deletions marked by ``KV-Operation``), so that
``nats kv`` reads it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Final

from nats.aio.msg import Msg

from mendwire.errors import Conflict, WireError
from mendwire.wire.api import Api
from mendwire.wire.bus import Ack, Entry
from mendwire.wire.refusals import NobodyListens, api_error
from mendwire.wire.stored import nanoseconds

_OPERATION: Final = "KV-Operation"
_EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"


class JetStreamBucket:
    """``wire.bus.Bucket`` on one connection."""

    def __init__(self, api: Api, name: str) -> None:
        self._api = api
        self._name = name
        self._subjects = f"$KV.{name}."
        self._direct = f"$JS.API.DIRECT.GET.KV_{name}"

    async def get(self, key: str) -> Entry | None:
        found = await self._latest(key)
        return None if found is None or _is_deletion(found) else self._entry(found)

    async def create(self, key: str, value: bytes) -> int:
        try:
            return await self._store(key, value, 0)
        except Conflict:
            found = await self._latest(key)
            if found is None or not _is_deletion(found):
                raise
            return await self._store(key, value, _sequence(found))

    async def update(self, key: str, value: bytes, revision: int) -> int:
        return await self._store(key, value, revision)

    async def put(self, key: str, value: bytes) -> int:
        return await self._store(key, value, None)

    async def delete(self, key: str, revision: int | None = None) -> None:
        marker = await self._store(key, b"", revision, operation="DEL")
        # The marker has fenced whoever comes late; left there it would be walked over for ever.
        subject = f"{self._subjects}{key}"
        await self._api.call(
            f"STREAM.PURGE.KV_{self._name}", {"filter": subject, "seq": marker + 1}
        )

    async def scan(self, prefix: str, *, after: int = 0) -> AsyncIterator[Entry]:
        """A key that changes meanwhile comes again with its newer revision; none is missed."""
        subject = f"{self._subjects}{prefix}.>"
        try:
            async for found in self._api.stored(f"KV_{self._name}", subject, after=after):
                if not _is_deletion(found):
                    yield self._entry(found)
        except NobodyListens:
            raise self._absent() from None

    async def _latest(self, key: str) -> Msg | None:
        try:
            found = await self._api.request(f"{self._direct}.{self._subjects}{key}")
        except NobodyListens:
            raise self._absent() from None
        status = (found.headers or {}).get("Status")
        if status is None:
            return found
        if status == "404":
            return None
        raise WireError(f"The bucket {self._name} cannot be read: the server answers {status}.")

    async def _store(
        self, key: str, value: bytes, expected: int | None, *, operation: str = ""
    ) -> int:
        headers = {_EXPECTED: str(expected)} if expected is not None else {}
        if operation:
            headers[_OPERATION] = operation
        try:
            message = await self._api.request(
                f"{self._subjects}{key}", value, headers=headers or None
            )
        except NobodyListens:
            raise self._absent() from None
        return acknowledged(message, f"{self._name} {key}").seq

    def _entry(self, found: Msg) -> Entry:
        headers = found.headers or {}
        return Entry(
            key=headers["Nats-Subject"].removeprefix(self._subjects),
            value=found.data,
            revision=int(headers["Nats-Sequence"]),
            created_ns=nanoseconds(headers["Nats-Time-Stamp"]),
        )

    def _absent(self) -> WireError:
        return NobodyListens(f"There is no bucket {self._name}; run mendwire streams apply.")


def acknowledged(message: Msg, about: str) -> Ack:
    """The server's answer to a stored message; raises Conflict, StreamFull, ApiError."""
    answer = json.loads(message.data)
    if "error" in answer:
        raise api_error(answer["error"], about)
    return Ack(
        stream=answer["stream"], seq=answer["seq"], duplicate=bool(answer.get("duplicate", False))
    )


def _is_deletion(found: Msg) -> bool:
    return (found.headers or {}).get(_OPERATION) in {"DEL", "PURGE"}


def _sequence(found: Msg) -> int:
    return int((found.headers or {})["Nats-Sequence"])
