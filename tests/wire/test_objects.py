"""The object store on a real server: whole or not at all, the same twice, and NATS's own layout."""

from __future__ import annotations

import pytest
from nats.aio.client import Client

from mendwire.errors import Conflict, Damaged, StreamFull, WireError
from mendwire.model.names import Names
from mendwire.wire import objects
from mendwire.wire.jetstream import JetStreamBus

STORE = "AI_TUTOR_EVIDENCE"
STREAM = f"OBJ_{STORE}"


async def kept(bus: JetStreamBus) -> int:
    """Messages in the store."""
    info = await bus.stream(STREAM)
    assert info is not None
    return int(info["state"]["messages"])


@pytest.mark.parametrize("size", [0, 1, objects.CHUNK, objects.CHUNK + 1, 70 * objects.CHUNK // 10])
async def test_there_and_back(bus: JetStreamBus, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    store = bus.objects(STORE)
    assert await store.get("a.json") is None
    await store.put("a.json", data[:size])
    assert await store.get("a.json") == data[:size]


async def test_more_chunks_than_one_answer_has(
    bus: JetStreamBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "CHUNK", 10)
    data = b"0123456789" * 200
    await bus.objects(STORE).put("a", data)
    assert await bus.objects(STORE).get("a") == data


async def test_the_same_twice_is_once_and_another_replaces_it(bus: JetStreamBus) -> None:
    store = bus.objects(STORE)
    await store.put("a", b"one")
    await store.put("a", b"one")
    assert await kept(bus) == 2  # a chunk, and what is known of it
    await store.put("a", b"two")
    assert await store.get("a") == b"two"
    assert await kept(bus) == 2


async def test_killed_between_chunks_it_is_put_again_whole(
    bus: JetStreamBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever dies tidies nothing up: the chunks stay, and there is no object yet."""
    monkeypatch.setattr(objects, "CHUNK", 4)
    store, data = bus.objects(STORE), b"0123456789"

    class KilledError(BaseException):
        pass

    async def dies(place: str, payload: bytes, headers: dict[str, str]) -> None:
        if place.startswith("M."):
            raise KilledError
        await whole(place, payload, headers)

    whole = store._store
    monkeypatch.setattr(store, "_store", dies)
    with pytest.raises(KilledError):
        await store.put("a", data)
    assert await kept(bus) == 3
    heir = bus.objects(STORE)
    assert await heir.get("a") is None
    await heir.put("a", data)
    assert await heir.get("a") == data
    assert await kept(bus) == 4


async def test_a_full_store_keeps_what_it_has_and_no_half(bus: JetStreamBus) -> None:
    store = bus.objects(STORE)
    await store.put("a", b"one")
    config = (await bus.api.call(f"STREAM.INFO.{STREAM}"))["config"]
    await bus.api.call(f"STREAM.UPDATE.{STREAM}", {**config, "max_bytes": 200_000})
    with pytest.raises((StreamFull, Conflict)):
        await store.put("b", b"x" * 300_000)
    assert await store.get("b") is None
    assert await store.get("a") == b"one"
    assert await kept(bus) == 2


async def test_what_lost_a_part_says_so(bus: JetStreamBus) -> None:
    store = bus.objects(STORE)
    await store.put("a", b"one")
    await bus.api.call(f"STREAM.PURGE.{STREAM}", {"filter": f"$O.{STORE}.C.>"})
    with pytest.raises(Damaged, match="parts are missing"):
        await store.get("a")


async def test_any_client_of_nats_reads_it(bus: JetStreamBus, link: Client) -> None:
    await bus.objects(STORE).put("a.json", b"x" * 300_000)
    there = await link.jetstream().object_store(STORE)
    assert (await there.get("a.json")).data == b"x" * 300_000
    assert [one.name for one in await there.list()] == ["a.json"]
    await there.put("b.md", b"theirs")
    assert await bus.objects(STORE).get("b.md") == b"theirs"


async def test_without_a_store(empty_bus: JetStreamBus, names: Names) -> None:
    store = empty_bus.objects(names.bucket("EVIDENCE"))
    with pytest.raises(WireError, match="run mendwire streams apply"):
        await store.put("a", b"x")
    with pytest.raises(WireError, match="has 9000000 bytes"):
        await store.put("a", b"x" * 9_000_000)
