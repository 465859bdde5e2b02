"""What an operator does to streams and consumers: ours alone, each deed written down first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mendwire.docket.audit import Audit
from mendwire.errors import ConfigError
from mendwire.ops.shelf import Shelf
from mendwire.ops.streams import Applied, applied, planned
from mendwire.wire.api import ApiError, NobodyListens
from mendwire.wire.infos import ConsumerInfo, StreamInfo
from mendwire.wire.plan import Action, Item

_NO_MESSAGE: Final = frozenset({10037, 10043, 10057})


@dataclass(frozen=True, kw_only=True, slots=True)
class Portion:
    """Which messages of a stream: all, unless something is given."""

    subject: str = ""
    below: int = 0
    """Those before this sequence; 0 is without bound."""
    keep: int = 0
    """All but the newest so many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Obstacle:
    """What stands in the way of a namespace's plan."""

    item: Item
    remedy: str
    """What adopting does about it; empty where only a person can help."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hand:
    """Changes on one namespace."""

    shelf: Shelf
    audit: Audit

    async def purge(self, stream: StreamInfo, which: Portion) -> int:
        """Remove messages for good; how many. Raises ConfigError."""
        self._refuse_others(stream, "purge")
        body: dict[str, object] = {}
        if which.below and which.keep:
            raise ConfigError("Say either --seq or --keep: the server takes one of them.")
        if which.subject:
            body["filter"] = which.subject
        if which.below:
            body["seq"] = which.below
        if which.keep:
            body["keep"] = which.keep
        await self.audit.note("streams purge", stream.name, str(body or "everything"))
        answer = await self._call(f"STREAM.PURGE.{stream.name}", body)
        return int(answer.get("purged", 0))

    async def remove(self, stream: StreamInfo, seq: int) -> None:
        """Erase one message; raises ConfigError when it is not there."""
        self._refuse_others(stream, "rmm")
        await self.audit.note("streams rmm", f"{stream.name} {seq}")
        try:
            await self._call(f"STREAM.MSG.DELETE.{stream.name}", {"seq": seq})
        except ApiError as problem:
            if problem.code not in _NO_MESSAGE:
                raise
            raise ConfigError(f"{stream.name} has no message {seq}: it is gone already.") from None

    async def reset(self, stream: StreamInfo, consumer: ConsumerInfo, seq: int) -> None:
        """Let a consumer hand out again what is stored, from ``seq`` on; counts begin anew."""
        self._refuse_others(stream, "reset")
        first = max(seq, stream.first_seq, 1)
        await self.audit.note("consumers reset", _title(consumer), f"from {first}")
        where = f"{stream.name}.{consumer.name}"
        try:
            await self._call(f"CONSUMER.RESET.{where}", {"seq": first})
        except NobodyListens:
            # A server before 2.14 knows no reset: made anew, it begins at the beginning.
            await self._remade(stream, consumer)

    async def pause(self, stream: StreamInfo, consumer: ConsumerInfo, until: str) -> None:
        """Hand out nothing until that time (RFC 3339); an empty one ends it."""
        self._refuse_others(stream, "pause")
        await self.audit.note(
            f"consumers {'pause' if until else 'resume'}", _title(consumer), until
        )
        body = {"pause_until": until} if until else {}
        await self._call(f"CONSUMER.PAUSE.{stream.name}.{consumer.name}", body)

    async def obstacles(self) -> list[Obstacle]:
        """What the plan could not make or change by itself."""
        plan = await planned(self.shelf.bus, self.shelf.environments, days=self.shelf.days)
        wanted = [i for i in plan.items if i.action in {Action.FOREIGN, Action.UNOWNED}]
        unowned = {i.stream for i in wanted if i.action is Action.UNOWNED and not i.consumer}
        return [
            Obstacle(item=item, remedy=_remedy(item))
            for item in wanted
            # A consumer of a stream that is taken over is mended with it.
            if not (item.action is Action.UNOWNED and item.consumer and item.stream in unowned)
        ]

    async def adopt(self, obstacles: Sequence[Obstacle]) -> Applied:
        """Do what their remedies say, then what the plan says."""
        for obstacle in obstacles:
            item = obstacle.item
            if not obstacle.remedy:
                continue
            await self.audit.note("streams adopt", item.name, obstacle.remedy)
            if item.consumer:
                await self._call(f"CONSUMER.DELETE.{item.stream}.{item.consumer}", {})
            else:
                await self._take(item)
        return await applied(self.shelf.bus, self.shelf.environments)

    async def _take(self, item: Item) -> None:
        found = await self.shelf.bus.stream(item.stream)
        if found is None:
            return
        config = dict(found["config"])
        for change in item.fields:
            if change.field == "metadata":
                config["metadata"] = {**(config.get("metadata") or {}), **change.wanted}
            else:
                config[change.field] = change.wanted
        await self._call(f"STREAM.UPDATE.{item.stream}", config)

    async def _remade(self, stream: StreamInfo, consumer: ConsumerInfo) -> None:
        config = {
            name: value
            for name, value in consumer.raw["config"].items()
            if name not in {"pause_until", "metadata"}
        }
        await self._call(f"CONSUMER.DELETE.{stream.name}.{consumer.name}", {})
        taken = str(config.get("filter_subject") or "")
        endpoint = f"CONSUMER.CREATE.{stream.name}.{consumer.name}" + (f".{taken}" if taken else "")
        body = {"stream_name": stream.name, "config": config, "action": "create"}
        await self._call(endpoint, body)

    async def _call(self, endpoint: str, body: Mapping[str, object]) -> dict[str, Any]:
        return await self.shelf.bus.api.call(endpoint, body)

    def _refuse_others(self, stream: StreamInfo, verb: str) -> None:
        """Only what is ours by name and mark is changed (rules B13); the docket is no queue."""
        if stream.name.startswith("KV_"):
            raise ConfigError(
                f"{stream.name} holds the docket, the truth of every case: Mendwire does not "
                f"{verb} it."
            )
        if stream.name.startswith("OBJ_"):
            raise ConfigError(
                f"{stream.name} holds the evidence of verdicts: Mendwire does not {verb} it."
            )
        if not self.shelf.owns(stream):
            raise ConfigError(
                f"Somebody else made {stream.name}: take it over with mendwire streams adopt, or "
                "use the nats command."
            )


def _remedy(item: Item) -> str:
    if item.action is Action.FOREIGN and item.consumer:
        return "remove it, so that ours can be made; what it held unacknowledged is handed out anew"
    if item.action is Action.UNOWNED and all(change.changeable for change in item.fields):
        return "mark the stream as ours and change these fields" if not item.consumer else ""
    return ""


def _title(consumer: ConsumerInfo) -> str:
    return f"{consumer.stream} > {consumer.name}"
