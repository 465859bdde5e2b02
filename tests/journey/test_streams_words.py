"""Looking at streams and steering them: the words are those of the `nats` command, side by side."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from pathlib import Path
from shutil import which

import pytest

from tests.journey.stage import ENV, NAMES, Stage, coupon_report, stage
from tests.terminal import on_a_terminal

STREAM = NAMES.error_stream(ENV)
HOSTILE = b'{"error": "\x1b[31mred\x1b[0m \x1b]0;owned\x07 \xe2\x80\xae txt"}'
needs_nats = pytest.mark.skipif(which("nats") is None, reason="the nats command is not installed")


async def nats(set_up: Stage, *words: str) -> str:
    """The real command, by a saved context as the seed's lines name it."""
    environment = {k: v for k, v in set_up.environment.items() if k != "NATS_URL"}
    process = await asyncio.create_subprocess_exec(
        *("nats", *words, *(() if words[0] == "context" else ("--context=here",))),
        cwd=set_up.folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()


async def said(set_up: Stage, *words: str) -> str:
    code, out, err = await set_up.run(*words)
    assert code == 0, err
    return out


def comparable(text: str) -> list[str]:
    """Without what passes: ages and remaining times."""
    lines = [re.sub(r" \([\dhms.]+(?: remaining)?\)", "", line) for line in text.splitlines()]
    return [line.rstrip() for line in lines if line.strip()]


@needs_nats
async def test_the_seeds_lines_and_ours_say_the_same(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        await nats(set_up, "context", "save", "here", "--server", set_up.server.url)
        await said(set_up, "streams", "apply")
        await set_up.publish(coupon_report())
        await set_up.publish(b'{"error": "another"}', "shop-2")
        same: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
            # What the seed types (nats), and what we say instead.
            (("stream", "info", STREAM), ("streams", "info", "PRODUCTION_ERRORS")),
            (("stream", "subjects", STREAM, "--json"), ("streams", "subjects", STREAM, "--json")),
            (("stream", "get", STREAM, "1"), ("streams", "get", STREAM, "1")),
            (("stream", "ls", "--names"), ("streams", "ls", "--names")),
            (
                ("consumer", "info", STREAM, "claude-error-fixer"),
                ("consumers", "info", STREAM, "claude-error-fixer"),
            ),
            (("consumer", "ls", STREAM, "--names"), ("consumers", "ls", STREAM, "--names")),
        )
        for theirs, ours in same:
            assert comparable(await said(set_up, *ours)) == comparable(await nats(set_up, *theirs))
        message = json.loads(await said(set_up, "streams", "get", STREAM, "2", "--json"))
        assert message == json.loads(await nats(set_up, "stream", "get", STREAM, "2", "--json"))
        same_columns: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
            (("stream", "report"), ("streams", "report")),
            (("stream", "ls"), ("streams", "ls")),
            (("consumer", "list", STREAM), ("consumers", "list", STREAM)),
        )
        for theirs, ours in same_columns:
            assert columns(await nats(set_up, *theirs)) <= columns(await said(set_up, *ours))
        purged = comparable(await said(set_up, "streams", "purge", STREAM, "--force"))
        await set_up.publish(b"{}", "shop-3")
        assert purged[0] == f"Purged 2 messages from {STREAM}"
        assert comparable(await nats(set_up, "stream", "purge", STREAM, "--force"))[0] == (
            f"Purged 1 messages from {STREAM}"
        )


def columns(table: str) -> set[str]:
    """Headings of the first line that has several."""
    for line in table.splitlines():
        cells = [cell.strip() for cell in re.split(r"│|\s{2,}", line) if cell.strip()]
        if len(cells) > 2:
            return set(cells)
    return set()


async def test_no_escape_sequence_of_a_message_reaches_a_terminal(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        await said(set_up, "streams", "apply")
        await set_up.publish(HOSTILE, "shop-\x1b[5m")
        for words in (("view", STREAM), ("get", STREAM, "1"), ("get", STREAM, "1", "--raw")):
            shown = await on_a_terminal(set_up.folder, set_up.environment, "streams", *words)
            assert "\x1b[31m" not in shown
            assert "\x1b]" not in shown
            assert "\x07" not in shown
            assert "\u202e" not in shown
            assert "\\u001b[31mred" in shown
        (row,) = json.loads(await said(set_up, "streams", "view", STREAM, "--json"))
        assert base64.b64decode(row["data"]) == HOSTILE
        assert json.loads(await said(set_up, "streams", "view", "TASKS", "--json")) == []
        process = await set_up.spawn("streams", "get", STREAM, "1", "--raw")
        out, _ = await process.communicate()
        assert out == HOSTILE + b"\n"


async def test_nothing_is_destroyed_without_a_word_and_each_deed_is_written_down(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as set_up:
        await said(set_up, "streams", "apply")
        await set_up.publish(coupon_report())
        for words in (("purge", STREAM), ("rmm", STREAM, "1")):
            code, out, err = await set_up.run("streams", *words)
            assert (code, out) == (2, "")
            assert "--yes" in err
        assert await set_up.waiting() == 1
        for name in ("DOCKET", "KV_SHOP_DOCKET"):
            code, _, err = await set_up.run("streams", "purge", name, "--yes")
            assert code == 2
            assert "the truth of every case" in err
        assert "is gone" in await said(set_up, "streams", "rmm", STREAM, "1", "-f")
        assert await set_up.waiting() == 0
        deeds = json.loads(await said(set_up, "audit", "--json"))
        assert [(deed["what"], deed["target"]) for deed in deeds] == [
            ("streams rmm", f"{STREAM} 1")
        ]
        assert "@" in deeds[0]["by"]


async def test_what_is_published_is_watched_as_it_comes(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        await said(set_up, "streams", "apply")
        process = await set_up.spawn("streams", "watch", STREAM, "--count", "2")
        assert process.stderr is not None
        assert b"Listening on shop.errors.production" in await process.stderr.readline()
        await set_up.publish(HOSTILE)
        await set_up.publish(b"{}")  # a repeat, which the stream drops
        out, _ = await process.communicate()
        assert "[#2] Received on 'shop.errors.production'" in out.decode()
        assert b"\x1b" not in out
        assert await set_up.waiting() == 1
