"""Streams, consumers and messages in the words, columns and order of the ``nats`` command."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from mendwire.model.delivery import Received
from mendwire.model.printable import printable
from mendwire.ops.shelf import written
from mendwire.wire.infos import ConsumerInfo, StreamInfo
from mendwire.wire.stored import nanoseconds

Lines = Iterator[tuple[str, str]]
Row = dict[str, Any]

_SECOND: Final = 1_000_000_000
_UNITS: Final = (("y", 365 * 86_400), ("d", 86_400), ("h", 3_600), ("m", 60))
_RETENTION: Final = {"workqueue": "WorkQueue", "limits": "Limits", "interest": "Interest"}
_ALLOWED: Final = (
    ("Allows Atomic Batch Publish", "allow_atomic"),
    ("Allows Fast Batch Publish", "allow_batched"),
    ("Allows Counters", "allow_msg_counter"),
)
_ALLOWED_TOO: Final = (
    ("Allows Schedules", "allow_msg_schedules"),
    ("Allows Rollups", "allow_rollup_hdrs"),
)


def duration(nanoseconds_: int) -> str:
    """``259ms``, ``2.53s``, ``10m0s``, ``30d0h0m0s``."""
    if nanoseconds_ < _SECOND:
        return f"{nanoseconds_ // 1_000_000}ms" if nanoseconds_ > 0 else "0s"
    if nanoseconds_ < 60 * _SECOND:
        return f"{nanoseconds_ / _SECOND:.2f}".rstrip("0").rstrip(".") + "s"
    left = nanoseconds_ // _SECOND
    parts: list[str] = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count}{unit}")
    return "".join(parts) + f"{left}s"


def size(count: int) -> str:
    """``312 B``, ``1.5 KiB``, ``205 MiB``; -1 is ``unlimited``."""
    if count < 0:
        return "unlimited"
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":  # noqa: PLR2004 - what a unit is
            break
        amount /= 1024
    digits = 1 if unit != "B" and amount < 10 else 0  # noqa: PLR2004 - as the command rounds
    return f"{amount:.{digits}f} {unit}"


def stream_row(stream: StreamInfo, now_ns: int) -> Row:
    """One line of ``stream ls``."""
    return {
        "Name": stream.name,
        "Description": stream.description,
        "Created": _time(stream.created),
        "Messages": f"{stream.messages:,}",
        "Size": size(stream.bytes),
        "Last Message": duration(max(0, now_ns - stream.last_ns)) if stream.last_ns else "never",
    }


def report_row(stream: StreamInfo) -> Row:
    """One line of ``stream report``, and how full it is, which the command does not show."""
    config = stream.raw["config"]
    full = f"{100 * stream.bytes / stream.max_bytes:.0f}%" if stream.max_bytes > 0 else ""
    return {
        "Stream": stream.name,
        "Storage": str(config.get("storage", "")).title(),
        "Placement": _placement(config),
        "Consumers": str(stream.consumers),
        "Messages": f"{stream.messages:,}",
        "Bytes": size(stream.bytes),
        "Lost": str(stream.lost),
        "Deleted": str(stream.deleted),
        "API Level": _level(config),
        "Replicas": _replicas(stream.raw),
        "Full": full,
    }


def consumer_row(consumer: ConsumerInfo, now_ns: int) -> Row:
    """One line of ``consumer ls``."""
    return {
        "Name": consumer.name,
        "Description": str(consumer.raw["config"].get("description") or ""),
        "Created": _time(consumer.created),
        "Ack Pending": f"{consumer.ack_pending:,}",
        "Unprocessed": f"{consumer.pending:,}",
        "Last Delivery": duration(max(0, now_ns - consumer.last_ns))
        if consumer.last_ns
        else "never",
    }


def stream_title(stream: StreamInfo) -> str:
    """The first line of ``stream info``."""
    return f"Information for Stream {stream.name} created {_time(stream.created)}"


def stream_sections(stream: StreamInfo) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The sections of ``stream info``; each has a heading, empty for the first."""
    config = stream.raw["config"]
    yield "", list(_basics(config))
    yield "Options:", list(_options(config))
    yield "Limits:", list(_limits(config))
    metadata = config.get("metadata") or {}
    shown = [(k, str(metadata[k])) for k in sorted(metadata) if not k.startswith("_nats.")]
    if shown:
        yield "Metadata:", shown
    yield "State:", list(state_lines(stream))


def state_lines(stream: StreamInfo) -> Lines:
    """What ``stream info`` says last and ``stream purge`` repeats."""
    yield from _host(stream.raw["config"])
    yield "Messages", f"{stream.messages:,}"
    yield "Bytes", size(stream.bytes)
    if stream.lost:
        yield "Lost Messages", f"{stream.lost:,}"
    first = f" @ {written(stream.first_ns)}" if stream.first_ns else ""
    yield "First Sequence", f"{stream.first_seq:,}{first}"
    last = f" @ {written(stream.last_ns)}" if stream.last_ns else ""
    yield "Last Sequence", f"{stream.last_seq:,}{last}"
    if stream.deleted:
        yield "Deleted Messages", f"{stream.deleted:,}"
    yield "Active Consumers", str(stream.consumers)
    subjects = int(stream.raw["state"].get("num_subjects", 0))
    if subjects:
        yield "Number of Subjects", f"{subjects:,}"


def consumer_title(consumer: ConsumerInfo) -> str:
    """The first line of ``consumer info``."""
    where = f"{consumer.stream} > {consumer.name}"
    return f"Information for Consumer {where} created {_time(consumer.created)}"


def consumer_sections(consumer: ConsumerInfo) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The sections of ``consumer info``."""
    config = consumer.raw["config"]
    yield "Configuration:", list(_consumer_config(consumer, config))
    yield "State:", list(_consumer_state(consumer, config))


def message_lines(received: Received, now_ns: int) -> Iterator[str]:
    """A message as ``stream get`` prints it, every text made safe; the body follows."""
    when = datetime.fromtimestamp(received.published_ns // _SECOND, tz=UTC)
    moment = f"{when:%Y-%m-%d %H:%M:%S}{_fraction(received.published_ns)} +0000 UTC"
    ref, age = received.ref, duration(max(0, now_ns - received.published_ns))
    subject = printable(ref.subject, 300)
    yield f"Item: {ref.stream}#{ref.seq} received {moment} ({age}) on Subject {subject}"
    yield ""
    if received.headers:
        yield "Headers:"
        for name, value in received.headers.items():
            yield f"  {printable(name, 100)}: {printable(value, 500)}"
        yield ""


def message_json(received: Received) -> Row:
    """A message as ``stream get --json`` prints it."""
    when = datetime.fromtimestamp(received.published_ns // _SECOND, tz=UTC)
    lines = "".join(f"{name}: {value}\r\n" for name, value in received.headers.items())
    row: Row = {"subject": received.ref.subject, "seq": received.ref.seq}
    if lines:
        row["hdrs"] = _base64(f"NATS/1.0\r\n{lines}\r\n".encode())
    row["data"] = _base64(received.payload)
    row["time"] = f"{when:%Y-%m-%dT%H:%M:%S}{_fraction(received.published_ns)}Z"
    return row


def _basics(config: Mapping[str, Any]) -> Lines:
    if config.get("description"):
        yield "Description", str(config["description"])
    yield "Subjects", ", ".join(config.get("subjects") or ())
    yield "Replicas", str(config.get("num_replicas", 1))
    yield "Storage", str(config.get("storage", "")).title()


def _options(config: Mapping[str, Any]) -> Lines:
    retention = str(config.get("retention", ""))
    yield "Retention", _RETENTION.get(retention, retention)
    yield "Acknowledgments", _yes(not config.get("no_ack"))
    yield "Discard Policy", str(config.get("discard", "")).title()
    yield "Duplicate Window", duration(int(config.get("duplicate_window") or 0))
    if config.get("allow_direct"):
        yield "Direct Get", "true"
    for label, name in _ALLOWED:
        yield label, _yes(config.get(name))
    yield "Allows Msg Delete", _yes(not config.get("deny_delete"))
    yield "Allows Per-Message TTL", _yes(config.get("allow_msg_ttl"))
    yield "Allows Purge", _yes(not config.get("deny_purge"))
    for label, name in _ALLOWED_TOO:
        yield label, _yes(config.get(name))


def _limits(config: Mapping[str, Any]) -> Lines:
    yield "Maximum Messages", _limit(config.get("max_msgs"))
    yield "Maximum Per Subject", _limit(config.get("max_msgs_per_subject"))
    yield "Maximum Bytes", size(int(config.get("max_bytes", -1)))
    age = int(config.get("max_age") or 0)
    yield "Maximum Age", duration(age) if age else "unlimited"
    yield "Maximum Message Size", size(int(config.get("max_msg_size", -1)))
    yield "Maximum Consumers", _limit(config.get("max_consumers"))


def _consumer_config(consumer: ConsumerInfo, config: Mapping[str, Any]) -> Lines:
    yield "Name", consumer.name
    if config.get("description"):
        yield "Description", str(config["description"])
    yield "Pull Mode", _yes(not config.get("deliver_subject"))
    several = config.get("filter_subjects") or [config.get("filter_subject")]
    filters = [str(one) for one in several if one]
    if filters:
        yield "Filter Subjects" if len(filters) > 1 else "Filter Subject", ", ".join(filters)
    yield "Deliver Policy", str(config.get("deliver_policy", "")).replace("_", " ").title()
    yield "Ack Policy", str(config.get("ack_policy", "")).title()
    yield "Ack Wait", duration(int(config.get("ack_wait") or 0))
    yield "Replay Policy", str(config.get("replay_policy", "")).title()
    if int(config.get("max_deliver", -1)) > 0:
        yield "Maximum Deliveries", f"{int(config['max_deliver']):,}"
    yield "Max Ack Pending", _limit(config.get("max_ack_pending"))
    yield "Max Waiting Pulls", f"{int(config.get('max_waiting') or 0):,}"
    if consumer.paused_until:
        yield "Paused Until Deadline", _paused(consumer)


def _consumer_state(consumer: ConsumerInfo, config: Mapping[str, Any]) -> Lines:
    yield from _host(config)
    for label, name in (
        ("Last Delivered Message", "delivered"),
        ("Acknowledgment Floor", "ack_floor"),
    ):
        place = consumer.raw.get(name) or {}
        ours, theirs = int(place.get("consumer_seq", 0)), int(place.get("stream_seq", 0))
        yield label, f"Consumer sequence: {ours:,} Stream sequence: {theirs:,}"
    most = _limit(config.get("max_ack_pending"))
    yield "Outstanding Acks", f"{consumer.ack_pending:,} out of maximum {most}"
    yield "Redelivered Messages", f"{consumer.redelivered:,}"
    yield "Unprocessed Messages", f"{consumer.pending:,}"
    pulls = int(config.get("max_waiting") or 0)
    yield "Waiting Pulls", f"{consumer.waiting:,} of maximum {pulls:,}"
    if consumer.paused_until:
        yield "Paused Until", _paused(consumer)


def _host(config: Mapping[str, Any]) -> Lines:
    metadata = config.get("metadata") or {}
    if "_nats.ver" in metadata:
        yield "Host Version", str(metadata["_nats.ver"])
        level = metadata.get("_nats.level", "0")
        yield "Required API Level", f"{_level(config)} hosted at level {level}"


def _paused(consumer: ConsumerInfo) -> str:
    left = duration(max(0, int(consumer.raw.get("pause_remaining") or 0)))
    return f"{_time(consumer.paused_until)} ({left} remaining)"


def _placement(config: Mapping[str, Any]) -> str:
    placement = config.get("placement") or {}
    tags = [f"tags: {', '.join(placement['tags'])}"] if placement.get("tags") else []
    cluster = [f"cluster: {placement['cluster']}"] if placement.get("cluster") else []
    return ", ".join([*cluster, *tags])


def _level(config: Mapping[str, Any]) -> str:
    return str((config.get("metadata") or {}).get("_nats.req.level", "0"))


def _replicas(raw: Mapping[str, Any]) -> str:
    cluster = raw.get("cluster") or {}
    leader = [f"{cluster['leader']}*"] if cluster.get("leader") else []
    others = [str(peer.get("name", "")) for peer in cluster.get("replicas") or ()]
    return ", ".join([*leader, *others])


def _time(text: str) -> str:
    return written(nanoseconds(text))


def _fraction(moment_ns: int) -> str:
    """Of a second; Go leaves out zeros at the end."""
    return f".{moment_ns % _SECOND:09d}".rstrip("0").rstrip(".")


def _limit(count: object) -> str:
    return f"{count:,}" if isinstance(count, int) and count >= 0 else "unlimited"


def _yes(value: object) -> str:
    return "true" if value else "false"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
