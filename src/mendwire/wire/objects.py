"""An object store over the stream that holds it: what does not fit into one message.

The layout is NATS's own (``$O.<store>.C.<nuid>`` for the chunks, ``$O.<store>.M.<name>`` for what
is known of them), so that ``nats object`` reads it. The chunks' place follows from the content:
putting the same again, also after a kill in the middle, ends in the same object and nothing else.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from nats.aio.msg import Msg

from mendwire.errors import Damaged, ServerError, WireError
from mendwire.wire.api import Api
from mendwire.wire.bucket import acknowledged
from mendwire.wire.refusals import NobodyListens

CHUNK: Final = 128 * 1024
LARGEST: Final = 8 * 1024 * 1024
"""Bytes of one object."""


class JetStreamObjects:
    """One object store by its full name, e.g. ``AI_TUTOR_EVIDENCE``."""

    def __init__(self, api: Api, name: str) -> None:
        self._api = api
        self._name = name
        self._stream = f"OBJ_{name}"

    async def put(self, name: str, data: bytes) -> None:
        """Store it whole or not at all; raises StreamFull, WireError and ServerError."""
        if len(data) > LARGEST:
            raise WireError(f"{name} has {len(data)} bytes; an object may have {LARGEST}.")
        before = await self._known(name)
        digest = f"SHA-256={urlsafe_b64encode(sha256(data).digest()).decode()}"
        if before is not None and before.get("digest") == digest:
            return
        nuid = sha256(f"{name}\0{digest}".encode()).hexdigest()[:22]
        await self._purge(nuid)  # leavings of one who died in the middle
        chunks = [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]
        try:
            for chunk in chunks:
                await self._store(f"C.{nuid}", chunk, {})
            known = self._info(name, nuid, digest, data, len(chunks))
            await self._store(_meta(name), json.dumps(known).encode(), {"Nats-Rollup": "sub"})
        except (WireError, ServerError):
            with suppress(WireError, ServerError):
                await self._purge(nuid)
            raise
        if before is not None and before.get("nuid") not in {None, nuid}:
            await self._purge(str(before["nuid"]))

    async def get(self, name: str) -> bytes | None:
        """The object, or None; raises Damaged where it is not as it was put."""
        known = await self._known(name)
        if known is None:
            return None
        data = b"".join([chunk async for chunk in self._chunks(str(known.get("nuid")))])
        digest = f"SHA-256={urlsafe_b64encode(sha256(data).digest()).decode()}"
        if digest != known.get("digest"):
            raise Damaged(f"{name} in {self._name} is not as it was stored: parts are missing.")
        return data

    async def names(self) -> AsyncIterator[str]:
        """Of all objects, oldest first; one that is put meanwhile may come again."""
        async for found in self._api.stored(self._stream, f"$O.{self._name}.M.>"):
            with suppress(ValueError, KeyError, TypeError):
                known = json.loads(found.data)
                if not known.get("deleted"):
                    yield str(known["name"])

    async def _chunks(self, nuid: str) -> AsyncIterator[bytes]:
        total = 0
        async for found in self._api.stored(self._stream, f"$O.{self._name}.C.{nuid}"):
            total += len(found.data)
            if total > LARGEST:
                raise Damaged(f"An object in {self._name} is larger than {LARGEST} bytes.")
            yield found.data

    async def _known(self, name: str) -> dict[str, Any] | None:
        subject = f"$JS.API.DIRECT.GET.{self._stream}.$O.{self._name}.{_meta(name)}"
        try:
            found: Msg = await self._api.request(subject)
        except NobodyListens:
            raise self._absent() from None
        status = (found.headers or {}).get("Status")
        if status == "404":
            return None
        if status is not None:
            raise WireError(f"{self._name} cannot be read: the server answers {status}.")
        try:
            known = json.loads(found.data)
        except ValueError:
            known = None
        if not isinstance(known, dict):
            raise Damaged(f"What is known of {name} in {self._name} is not readable.")
        return None if known.get("deleted") else known

    async def _store(self, place: str, payload: bytes, headers: dict[str, str]) -> None:
        subject = f"$O.{self._name}.{place}"
        try:
            answer = await self._api.request(subject, payload, headers=headers or None)
        except NobodyListens:
            raise self._absent() from None
        acknowledged(answer, subject)

    async def _purge(self, nuid: str) -> None:
        wanted = {"filter": f"$O.{self._name}.C.{nuid}"}
        await self._api.call(f"STREAM.PURGE.{self._stream}", wanted)

    def _info(self, name: str, nuid: str, digest: str, data: bytes, chunks: int) -> dict[str, Any]:
        return {
            "name": name,
            "bucket": self._name,
            "nuid": nuid,
            "size": len(data),
            "chunks": chunks,
            "digest": digest,
            "mtime": datetime.now(UTC).isoformat(),
            "options": {"max_chunk_size": CHUNK},
        }

    def _absent(self) -> WireError:
        return WireError(f"There is no object store {self._name}: run mendwire streams apply.")


def _meta(name: str) -> str:
    return f"M.{urlsafe_b64encode(name.encode()).decode()}"
