"""A whole stream as the server hands it out and takes it back: bytes that only servers read.

A snapshot holds the stream's messages under their sequences and its consumers with their positions,
as of one moment. What it does not hold: when the stream was made, and which ids were seen.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from nats.errors import Error as NatsError

from mendwire.errors import Unreachable, WireError
from mendwire.wire.api import Api, unsubscribe
from mendwire.wire.refusals import api_error

CHUNK_BYTES: Final = 128 * 1024
"""The server takes and sends a stream in such pieces."""
CHECK_S: Final = 120.0
"""How long the server may look through a stream before it answers."""
PIECE_S: Final = 15.0
"""How long it may take for the next piece."""

Sink = Callable[[bytes], object]
"""Takes the next piece; what it raises ends the transfer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """What goes with the bytes of a snapshot."""

    config: Mapping[str, Any]
    """The stream's configuration, in the server's words."""
    state: Mapping[str, Any]
    """What it held at that moment: counts, sequences, times."""


def piece_bytes(api: Api) -> int:
    """How large a piece may be on this server."""
    return min(CHUNK_BYTES, api.client.max_payload)


async def take_snapshot(api: Api, stream: str, sink: Sink) -> Head:
    """Have the server check ``stream`` and send all of it; raises WireError, Unreachable."""
    inbox = await api.subscribe(api.client.new_inbox())
    try:
        ask = {
            "deliver_subject": inbox.subject,
            "no_consumers": False,
            "chunk_size": piece_bytes(api),
            "jsck": True,
        }
        head = await _called(api, f"STREAM.SNAPSHOT.{stream}", ask)
        while True:
            try:
                piece = await inbox.next_msg(timeout=PIECE_S)
            except (NatsError, TimeoutError) as problem:
                raise _silent(stream, problem) from None
            if not piece.data:
                _ended(stream, piece.headers or {})
                return Head(config=head["config"], state=head["state"])
            sink(piece.data)
            # Only now, so that the server sends no faster than the disk takes it.
            if piece.reply:
                await api.publish(piece.reply)
    finally:
        await unsubscribe(inbox)


async def put_snapshot(api: Api, head: Head, pieces: Iterable[bytes]) -> Mapping[str, Any]:
    """Make the stream of a snapshot, which must not be there yet; the server's word on it.

    Cut short or refused, it leaves no stream behind. Raises WireError, Unreachable.
    """
    name = str(head.config["name"])
    ask = {"config": _askable(head.config), "state": dict(head.state)}
    where = str((await _called(api, f"STREAM.RESTORE.{name}", ask))["deliver_subject"])
    for piece in pieces:
        if not piece:
            continue
        answer = (await api.request(where, piece, timeout_s=PIECE_S)).data
        if answer:
            _refused(json.loads(answer), name)
            # The server has all it wants before it was told so.
            raise WireError(f"The server ended the restore of {name} before all was sent.")
    made = json.loads((await api.request(where, b"", timeout_s=CHECK_S)).data or b"{}")
    _refused(made, name)
    return dict(made)


async def _called(api: Api, endpoint: str, ask: Mapping[str, object]) -> dict[str, Any]:
    """As ``Api.call``, with time for the server to look through a large stream."""
    message = await api.request(f"$JS.API.{endpoint}", json.dumps(ask).encode(), timeout_s=CHECK_S)
    answer: dict[str, Any] = json.loads(message.data)
    _refused(answer, endpoint)
    return answer


def _refused(answer: Mapping[str, Any], about: str) -> None:
    if "error" in answer:
        raise api_error(answer["error"], about)


def _askable(config: Mapping[str, Any]) -> dict[str, Any]:
    """Without what the server notes in the metadata by itself."""
    metadata = config.get("metadata") or {}
    kept = {key: value for key, value in metadata.items() if not key.startswith("_nats.")}
    return {**config, "metadata": kept}


def _ended(stream: str, headers: Mapping[str, str]) -> None:
    """A small stream ends without a word, a larger one with 204, and all else with a reason."""
    status = headers.get("Status", "204")
    if not status.startswith("204"):
        said = f"{status} {headers.get('Description', '')}".strip()
        raise WireError(f"The server stopped sending {stream} ({said[:120]}): try again.")


def _silent(stream: str, problem: Exception) -> Unreachable:
    if isinstance(problem, TimeoutError):
        return Unreachable(f"The server stopped sending {stream} for {PIECE_S:g} s: try again.")
    return Unreachable(f"The NATS server was lost while it sent {stream}: {problem}.")
