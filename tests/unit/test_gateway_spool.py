"""The gateway's spool: what it said it has, it hands out again, whatever happens in between."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mendwire.gateway.parcels import Parcel
from mendwire.gateway.spool import Kept, Spool


def kept(name: str) -> Kept:
    parcel = Parcel(subject="shop.errors", msg_id=name, payload=b"{}" * 40)
    return Kept(parcel=parcel, uncertain=False)


def names(spool: Spool) -> list[str]:
    found = spool.batch(100)
    return [one.parcel.msg_id for one in found[2]] if found else []


async def test_what_comes_while_the_last_segment_is_removed_still_waits(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "0", 1 << 20)
    assert spool.claim()
    assert await spool.add(kept("first"))
    found = spool.batch(100)
    assert found
    with ThreadPoolExecutor(1) as single:  # the thread that would write is busy with something else
        asyncio.get_running_loop().set_default_executor(single)
        release = threading.Event()
        single.submit(release.wait)
        adding = asyncio.create_task(spool.add(kept("second")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        spool.done(*found[:2])
        was_empty = spool.is_empty()
        release.set()
        assert await adding
    assert not was_empty
    assert not spool.is_empty()
    assert spool.size > 0
    assert names(spool) == ["second"]


async def test_the_place_of_a_segment_that_is_gone_hides_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "0", 1 << 20)
    assert spool.claim()
    # As a process that was killed between two removals leaves it.
    (spool.folder / f"{1:012d}.place").write_bytes(b"100000")
    assert await spool.add(kept("one"))
    assert names(spool) == ["one"]


async def test_a_torn_record_is_passed_over_and_the_rest_is_handed_out(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "0", 1 << 20)
    assert spool.claim()
    assert await spool.add(kept("whole"))
    await spool.close()
    (segment,) = spool.segments()
    with segment.open("ab") as file:
        file.write(b"\x00\x00\x01\x00 torn")
    again = Spool(tmp_path / "0", 1 << 20)
    assert again.claim()
    assert await again.add(kept("after"))
    found = again.batch(100)
    assert found
    assert [one.parcel.msg_id for one in found[2]] == ["whole"]
    again.done(*found[:2])
    assert names(again) == ["after"]
    await again.close()
