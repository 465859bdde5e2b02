"""docs/how-to/stacks/c.md with the real compilers: what it pastes reports what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from mendwire.wire.apply import ensure
from mendwire.wire.denials import Denials
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.topology import topology
from tests.gateway_stage import ENV, NAMES, GatewayStage
from tests.stack_pages import (
    RELEASE,
    Arrived,
    arrived,
    build,
    need,
    need_version,
    repeated,
    run,
    stack_page,
    stack_stage,
    told,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAGE = stack_page("c")
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")
THROWS = r"""#include "mendwire.h"
#include <stdexcept>

void mendwire_install_cpp();

namespace shop {
struct NoPrice : std::runtime_error {
    using std::runtime_error::runtime_error;
};

int price(int order)
{
    if (order > 3) throw NoPrice("a \"b\" \\ \n \t \xff 世界 🦊 end");
    return order;
}
}

int main(int count, char **)
{
    mendwire_install_cpp();
    return shop::price(471100 + count);
}
"""
OVERFLOWS = r"""#include "mendwire.h"

int walk(volatile int *depth)
{
    volatile int here[100] = {*depth + 1};
    return walk(here) + here[0];
}

int main(void)
{
    int depth = 0;
    mendwire_install();
    return walk(&depth);
}
"""
PUBLISHES = r"""#include <nats.h>
#include <stdio.h>
#include <stdlib.h>

natsStatus publish(natsConnection *nats, const char *body, const char *same);

int main(void)
{
    natsConnection *nats = NULL;
    if (natsConnection_ConnectTo(&nats, getenv("NATS_URL")) != NATS_OK) return 1;
    const char *body = "{\"error\": \"no price\", \"release\": \"nats@1\"}";
    for (int n = 0; n < 3; n++) printf("%d ", publish(nats, body, n < 2 ? "one" : "other"));
    natsConnection_Destroy(nats);
    return 0;
}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayStage]:
    need("gcc", "g++", "addr2line", "curl")
    need_version((2, 34), "getconf", "GNU_LIBC_VERSION")
    async with stack_stage(tmp_path_factory.mktemp("gateway")) as made:
        yield made


def placed(folder: Path) -> Path:
    """The page's files in a folder."""
    folder.mkdir(parents=True)
    for name in ("mendwire.c", "mendwire.h", "mendwire.cpp", "mendwire-crash", "cart.c"):
        PAGE.write(folder, name)
    return folder


def defined(folder: Path, release: str) -> tuple[str, str]:
    """What the build says to mendwire.c."""
    return f'-DRELEASE="{release}"', f'-DREPORTER="{folder / "mendwire-crash"}"'


def built(folder: Path, release: str, *flags: str, main: str = "") -> Path:
    """The program of the page, or another one in C with its files; its folder."""
    placed(folder)
    if main:
        (folder / "cart.c").write_text(main)
    sources = (str(folder / "cart.c"), str(folder / "mendwire.c"))
    words = (*STRICT, *(flags or ("-g", "-O1")), *defined(folder, release), *sources)
    build(folder, "gcc", *words, "-o", "shop")
    return folder


async def crash_of(stage: GatewayStage, release: str) -> Arrived:
    """The one report of a release that a signal or an exception caused."""
    (found,) = [one for one in await arrived(stage, release) if one.report.type]
    return found


async def test_a_crash_has_the_keys_of_the_page_wherever_it_was_built(
    stage: GatewayStage, tmp_path: Path
) -> None:
    before = repeated(stage)
    for root in ("one/releases/1", "two/current"):
        folder = built(tmp_path / root, RELEASE)
        done = run(Path("/"), str(folder / "shop"), variables=told(stage))
        assert done.returncode == -11
    handled, crash = await arrived(stage, RELEASE)
    assert crash.signature == PAGE.signatures[0]
    assert repeated(stage) == before + 2
    assert crash.report.type == "SIGSEGV"
    assert [frame.function for frame in crash.own] == ["main", "total"]
    assert handled.report.error == "no room for order 471101"
    assert handled.record.template == "no room for order %d"
    assert handled.report.code == "28"
    assert (handled.own[-1].function, handled.own[-1].line) == ("main", 19)


@pytest.mark.parametrize("flags", ["-g -O2", "-O0", "-O0 -s", "-O0 -s -no-pie", "-g -static"])
async def test_a_crash_is_told_from_another_however_it_was_built(
    stage: GatewayStage, tmp_path: Path, flags: str
) -> None:
    release = flags.replace(" ", "")
    folder = built(tmp_path / "shop", release, *flags.split())
    run(folder, "./shop", variables=told(stage))
    crash = await crash_of(stage, release)
    assert crash.record.crash_line
    assert len([frame for frame in crash.own if frame.line]) >= 2


async def test_an_uncaught_exception_brings_its_type_and_text(
    stage: GatewayStage, tmp_path: Path
) -> None:
    folder = placed(tmp_path / "shop")
    (folder / "throws.cpp").write_text(THROWS, encoding="utf-8")
    build(folder, "gcc", *defined(folder, "throws@1"), "-g", "-c", "mendwire.c")
    sources = ("throws.cpp", "mendwire.cpp", "mendwire.o")
    build(folder, "g++", *STRICT, "-g", "-O1", *sources, "-o", "shop")
    done = run(folder, "./shop", variables=told(stage))
    assert done.returncode == -6
    assert "terminate called after throwing an instance of 'shop::NoPrice'" in done.stdout
    crash = await crash_of(stage, "throws@1")
    assert crash.report.type == "shop::NoPrice"
    assert crash.report.error == 'a "b" \\ \n \t  世界 🦊 end'
    assert [frame.function for frame in crash.own] == ["main", "shop::price(int)"]


async def test_a_stack_that_overflows_is_reported(stage: GatewayStage, tmp_path: Path) -> None:
    folder = built(
        tmp_path / "shop", "deep@1", "-g", "-O0", "-Wno-infinite-recursion", main=OVERFLOWS
    )
    done = run(folder, "./shop", variables=told(stage))
    assert done.returncode == -11
    crash = await crash_of(stage, "deep@1")
    assert [name for _, name in crash.record.calls] == ["walk"]


async def test_a_gateway_or_a_script_that_is_away_harms_nothing(
    stage: GatewayStage, tmp_path: Path
) -> None:
    folder = built(tmp_path / "shop", "away@1")
    for away in ({}, told(stage) | {"MENDWIRE_GATEWAY": "http://127.0.0.1:9"}):
        assert run(folder, "./shop", variables=away).returncode == -11
    (folder / "mendwire-crash").unlink()
    assert run(folder, "./shop", variables=told(stage)).returncode == -11


async def test_a_sanitizer_prints_what_has_the_keys_of_the_page(tmp_path: Path) -> None:
    need("gcc")
    (told_by_asan,) = [shown for shown in PAGE.shown if "asan.txt" in shown.command]
    for root in ("one/releases/1", "two/current"):
        folder = tmp_path / root
        folder.mkdir(parents=True)
        PAGE.write(folder, "sum.c")
        words = ("gcc", "-g", "-fsanitize=address", str(folder / "sum.c"), "-o", "sum")
        if "cannot find" in (made := run(folder, *words)).stdout:
            pytest.skip("not installed: the sanitizer's library")  # some systems split it off gcc
        assert made.returncode == 0, made.stdout
        (folder / "asan.txt").write_text(run(folder, "./sum").stdout)
        assert (
            run(folder, "bash", "-c", told_by_asan.command).stdout.rstrip("\n")
            == told_by_asan.output
        )


async def test_straight_to_nats_a_repeat_is_dropped_by_its_id(
    stage: GatewayStage, tmp_path: Path
) -> None:
    PAGE.write(tmp_path, "publish.c")
    (tmp_path / "main.c").write_text(PUBLISHES)
    words = ("gcc", *STRICT, "-I/usr/include/nats", "main.c", "publish.c", "-lnats", "-lcrypto")
    made = run(tmp_path, *words, "-o", "shop")
    if "No such file" in made.stdout or "cannot find" in made.stdout:
        pytest.skip("not installed: libnats-dev, libssl-dev")  # CI installs both
    assert made.returncode == 0, made.stdout
    async with stage.server.client() as client:
        await ensure(JetStreamBus(client, NAMES, Denials()).api, topology(NAMES, [ENV]))
    done = run(tmp_path, "./shop", variables={"NATS_URL": stage.server.url})
    assert done.stdout.split() == ["0", "0", "0"], done.stdout
    assert len(await arrived(stage, "nats@1")) == 2
