"""What was backed up comes back, on real servers: whole, or not at all."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mendwire.cli import main
from mendwire.errors import ConfigError, WireError
from mendwire.model.names import Names
from mendwire.ops.backup import (
    back_up,
    check,
    chosen,
    compare,
    own_streams,
    refuse_while_worked,
    restore,
)
from mendwire.ops.backup_files import MANIFEST, Backup, pieces_of, read_manifest
from mendwire.ops.shelf import Shelf
from mendwire.wire.apply import establish
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.snapshots import put_snapshot
from tests.nats_server import RealServer
from tests.shared_server import SharedServer, settled

NAMES = Names(namespace="shop")
QUEUE = "SHOP_STAGING_ERRORS"
FIXER = "claude-error-fixer"
ENVIRONMENTS = ("staging",)
BIG = os.urandom(300_000)
"""More than a piece, and not to be compressed."""

Run = Callable[..., Awaitable[tuple[int, str, str]]]


async def taken(bus: JetStreamBus, folder: Path) -> Backup:
    shelf = Shelf(bus=bus, environments=ENVIRONMENTS)
    streams = await own_streams(shelf)
    return await back_up(shelf, folder, streams, versions=("2", "1"), told=lambda *_: None)


async def brought_back(bus: JetStreamBus, folder: Path) -> list[str]:
    backup = read_manifest(folder)
    wanted = chosen(backup, "shop", ())
    check(folder, wanted)
    absent = (await compare(bus.api, folder, wanted)).absent
    return [one.name async for one in restore(bus.api, folder, absent)]


async def furnish(bus: JetStreamBus) -> None:
    await establish(bus.api, NAMES, ENVIRONMENTS)
    for number in range(5):
        await bus.publish("shop.errors.staging", BIG, msg_id=f"error-{number}")
    await pulled(bus)
    await bus.publish("shop.quarantine.staging", b"kept")
    await bus.bucket("SHOP_DOCKET").put("case.1", b"first")
    await bus.bucket("SHOP_DOCKET").put("case.1", b"second")
    await bus.objects("SHOP_EVIDENCE").put("proof", BIG)


async def pulled(bus: JetStreamBus) -> str:
    """Take one message of the queue; where its acknowledgement goes."""
    message = await bus.api.client.request(
        f"$JS.API.CONSUMER.MSG.NEXT.{QUEUE}.{FIXER}", b"", timeout=5, old_style=True
    )
    return message.reply


async def states(bus: JetStreamBus) -> dict[str, Any]:
    """All that a server has, but for when it was made."""
    found: dict[str, Any] = {}
    for name in (await bus.api.call("STREAM.NAMES"))["streams"] or ():
        info = await bus.api.call(f"STREAM.INFO.{name}")
        config = {key: value for key, value in info["config"].items() if key != "metadata"}
        # Of an empty stream the server prints the first sequence now as 0 and now as 1.
        state = {**info["state"], "first_seq": info["state"]["first_seq"] or 1}
        found[name] = (state, config)
        for consumer in (await bus.api.call(f"CONSUMER.LIST.{name}"))["consumers"]:
            delivered = consumer["delivered"]
            found[f"{name} {consumer['name']}"] = (
                (delivered["consumer_seq"], delivered["stream_seq"]),
                consumer["ack_floor"],
                consumer["num_ack_pending"],
                consumer["num_pending"],
            )
    return found


def pieces(whole: bytes) -> list[bytes]:
    return [whole[at : at + 100_000] for at in range(0, len(whole), 100_000)]


def piece_and_end(folder: Path, backup: Backup, end: Any) -> Iterator[bytes]:
    """The first piece of the queue, and then something happens."""
    kept = backup.stream(QUEUE)
    assert kept is not None
    yield next(pieces_of(folder, kept))
    end()
    yield b"x"


async def test_everything_comes_back_with_positions_by_the_operators_login(tmp_path: Path) -> None:
    old = SharedServer(tmp_path / "old", settled("shop", "blog"))
    new = SharedServer(tmp_path / "new", settled("shop"))
    folder = tmp_path / "backups" / "one"
    try:
        await old.start()
        async with old.bus("blog_operator", tmp_path) as blog:
            await establish(blog.api, blog.names, ENVIRONMENTS)
        async with old.bus("shop_operator", tmp_path) as bus:
            await furnish(bus)
            before = await states(bus)
            backup = await taken(bus, folder)
            assert old.violations() == []
        old.kill()
        assert [one.name for one in backup.streams][:2] == ["SHOP_ADVISORIES", "SHOP_ERROR_REPORTS"]
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
        await new.start()
        async with new.bus("shop_operator", tmp_path) as bus:
            assert len(await brought_back(bus, folder)) == len(backup.streams) == 13
            assert await states(bus) == before
            assert before[f"{QUEUE} {FIXER}"] == (
                (1, 1),
                {"consumer_seq": 0, "stream_seq": 0},
                1,
                4,
            )
            entry = await bus.bucket("SHOP_DOCKET").get("case.1")
            assert entry is not None
            assert entry.value == b"second"
            assert await bus.objects("SHOP_EVIDENCE").get("proof") == BIG
            _, left = await establish(bus.api, NAMES, ENVIRONMENTS)
            assert not left.changes
            # Again: all of it is there already.
            assert await brought_back(bus, folder) == []
            assert new.violations() == []
    finally:
        old.kill()
        new.kill()


async def test_a_damaged_backup_touches_nothing(bus_of_shop: JetStreamBus, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    await furnish(bus_of_shop)
    await taken(bus_of_shop, folder)
    before = await states(bus_of_shop)
    file = folder / f"{QUEUE}.snapshot"
    whole, manifest = file.read_bytes(), (folder / MANIFEST).read_text()
    middle = len(whole) // 2
    changed = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    for broken in (changed, whole[:-1], whole + b"x", b""):
        file.write_bytes(broken)
        with pytest.raises(ConfigError, match=r"STAGING_ERRORS\.snapshot is damaged"):
            await brought_back(bus_of_shop, folder)
    file.unlink()
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        await brought_back(bus_of_shop, folder)
    file.write_bytes(whole)
    for text in (manifest.replace("workqueue", "limits", 1), manifest[:-5], "[]", "{}", ""):
        (folder / MANIFEST).write_text(text)
        with pytest.raises(ConfigError, match=r"backup\.json is damaged"):
            await brought_back(bus_of_shop, folder)
    (folder / MANIFEST).unlink()
    with pytest.raises(ConfigError, match="no complete backup"):
        await brought_back(bus_of_shop, folder)
    (folder / MANIFEST).write_text(manifest)
    assert await brought_back(bus_of_shop, folder) == []
    assert await states(bus_of_shop) == before
    # Damage that a checksum cannot know, for it was made to fit: the server finds it.
    backup = read_manifest(folder)
    kept = backup.stream(QUEUE)
    assert kept is not None
    await bus_of_shop.api.call(f"STREAM.DELETE.{QUEUE}")
    with pytest.raises(WireError, match="corrupt input"):
        await put_snapshot(bus_of_shop.api, kept.head, pieces(changed))
    assert await bus_of_shop.stream(QUEUE) is None


async def test_a_restore_that_is_cut_short_goes_on(
    bus_of_shop: JetStreamBus, server: RealServer, tmp_path: Path
) -> None:
    folder = tmp_path / "one"
    await furnish(bus_of_shop)
    backup = await taken(bus_of_shop, folder)
    before = await states(bus_of_shop)
    kept = backup.stream(QUEUE)
    assert kept is not None

    def leave() -> None:
        raise ZeroDivisionError

    # Its own end, and the server's: then the operator loses patience.
    for end, how in ((leave, ZeroDivisionError), (server.kill, TimeoutError)):
        await bus_of_shop.api.call(f"STREAM.DELETE.{QUEUE}")
        cut = piece_and_end(folder, backup, end)
        with pytest.raises(how):
            await asyncio.wait_for(put_snapshot(bus_of_shop.api, kept.head, cut), 2)
        if server.process is None:
            await server.start()
        async with server.client() as client:
            again = JetStreamBus(client, NAMES)
            assert await again.stream(QUEUE) is None
            assert await brought_back(again, folder) == [QUEUE]
            assert await states(again) == before
            await bus_of_shop.api.call("INFO")


async def test_what_is_settled_meanwhile_is_in_one_or_the_other(
    bus_of_shop: JetStreamBus, tmp_path: Path
) -> None:
    """A worker notes each error in the docket and acknowledges it, while the backup is taken."""
    bus, folder = bus_of_shop, tmp_path / "one"
    await establish(bus.api, NAMES, ENVIRONMENTS)
    docket = bus.bucket("SHOP_DOCKET")
    published, done = 0, asyncio.Event()

    async def publish() -> None:
        nonlocal published
        while not done.is_set():
            await bus.publish("shop.errors.staging", str(published).encode())
            published += 1

    async def work() -> None:
        for number in range(100_000):
            reply = await pulled(bus)
            await docket.put(f"case.{number}", b"closed")
            await bus.api.request(reply, b"+ACK")
            if done.is_set():
                return

    working = [asyncio.create_task(publish()), asyncio.create_task(work())]
    async with asyncio.timeout(60):
        while published < 100:
            await asyncio.sleep(0)
    least = published
    await taken(bus, folder)
    done.set()
    await asyncio.gather(*working)
    for name in (await bus.api.call("STREAM.NAMES"))["streams"]:
        await bus.api.call(f"STREAM.DELETE.{name}")
    assert len(await brought_back(bus, folder)) == 13
    assert await brought_back(bus, folder) == []
    waiting = {int(found.payload) async for found in bus.walk(QUEUE, 100_000, 1 << 62)}
    filed = {int(entry.key.rpartition(".")[2]) async for entry in docket.scan("case")}
    assert least <= len(waiting | filed)
    assert waiting | filed == set(range(max(waiting | filed) + 1))


async def test_commands_refuse_ask_and_keep_what_they_replace(
    bus_of_shop: JetStreamBus,
    server: RealServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "mendwire.toml").write_text('[worker]\nenvironments = ["staging"]\n')
    monkeypatch.chdir(project)
    monkeypatch.setenv("NATS_URL", server.url)
    monkeypatch.setenv("NATS_NAMESPACE", "shop")

    async def run(*words: str) -> tuple[int, str, str]:
        code = await asyncio.to_thread(main, list(words))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    code, _, err = await run("backup")
    assert (code, "no streams of shop" in err) == (2, True)
    await furnish(bus_of_shop)
    code, out, err = await run("backup", "--json")
    assert code == 0, err
    told = json.loads(out)
    folder = told["backup"]
    assert {"name", "messages", "bytes", "sha256"} == set(told["streams"][0])
    await bus_of_shop.bucket("SHOP_DOCKET").put("case.1", b"third")
    code, _, err = await run("restore", folder)
    assert (code, "differ from the backup: KV_SHOP_DOCKET" in err) == (2, True), err
    code, out, _ = await run("restore", folder, "--dry-run", "--json")
    what = {one["name"]: one["what"] for one in json.loads(out)["streams"]}
    assert (what["KV_SHOP_DOCKET"], what[QUEUE]) == ("replaced", "there")
    code, _, err = await run("restore", folder, "--replace")
    assert (code, "Nobody is there to ask" in err) == (2, True), err
    entry = await bus_of_shop.bucket("SHOP_DOCKET").get("case.1")
    assert entry is not None
    assert entry.value == b"third"
    code, out, err = await run("restore", folder, "--replace", "--yes", "--json")
    assert code == 0, err
    entry = await bus_of_shop.bucket("SHOP_DOCKET").get("case.1")
    assert entry is not None
    assert entry.value == b"second"
    code, out, err = await run("restore", json.loads(out)["before"], "--replace", "--yes")
    assert code == 0, err
    assert "What was replaced is kept in" in out
    entry = await bus_of_shop.bucket("SHOP_DOCKET").get("case.1")
    assert entry is not None
    assert entry.value == b"third"
    code, out, _ = await run("audit", "--json")
    assert {deed["what"] for deed in json.loads(out)} == {"restore"}
    await others_and_old_ones(run, Path(folder), monkeypatch)


async def others_and_old_ones(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, err = await run("backup", "--keep", "1")
    assert code == 0, err
    assert f"removed {folder}" in out
    assert not folder.exists()
    code, _, err = await run("restore", str(folder))
    assert (code, "no complete backup" in err) == (2, True)
    assert len(list(folder.parent.glob("before-restore-*"))) == 2
    (left,) = folder.parent.glob("2*")
    code, out, err = await run("restore", str(left))
    assert code == 0, err
    monkeypatch.setenv("NATS_NAMESPACE", "blog")
    code, _, err = await run("restore", str(left))
    assert (code, "NATS_NAMESPACE=shop" in err) == (2, True)


async def test_it_waits_for_no_worker_and_writes_over_nothing(
    bus_of_shop: JetStreamBus, tmp_path: Path
) -> None:
    await establish(bus_of_shop.api, NAMES, ENVIRONMENTS)
    backup = await taken(bus_of_shop, tmp_path / "one")
    wanted = chosen(backup, "shop", [QUEUE])
    await refuse_while_worked(bus_of_shop.api, wanted)
    client = bus_of_shop.api.client
    inbox = client.new_inbox()
    await client.subscribe(inbox)
    asked = json.dumps({"batch": 1, "expires": 60_000_000_000}).encode()
    await client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{QUEUE}.{FIXER}", asked, reply=inbox)
    with pytest.raises(ConfigError, match="stop the workers first"):
        await refuse_while_worked(bus_of_shop.api, wanted)
    with pytest.raises(ConfigError, match="is there already"):
        await taken(bus_of_shop, tmp_path / "one")
    with pytest.raises(ConfigError, match="not in the backup"):
        chosen(backup, "shop", ["SHOP_OTHER"])
    (tmp_path / "two.partial").mkdir()
    with pytest.raises(ConfigError, match="left by a backup that was cut short"):
        await taken(bus_of_shop, tmp_path / "two")


@pytest.fixture
async def bus_of_shop(server: RealServer) -> Any:
    async with server.client() as client:
        yield JetStreamBus(client, NAMES)
