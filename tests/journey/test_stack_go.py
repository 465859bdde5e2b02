"""docs/how-to/stacks/go.md with the real Go: what it pastes reports what it says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
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
    fetch,
    need_version,
    repeated,
    run,
    stack_page,
    stack_stage,
    told,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAGE = stack_page("go")
MODULE = "module shop.example/shop\n\ngo 1.23\n"
SENTRY_GO = "github.com/getsentry/sentry-go@v0.48.0"
NATS_GO = "github.com/nats-io/nats.go@v1.48.0"
FATAL = """package main

import "time"

func main() {
	watch("crash")
	defer crashed()
	go func() { panic("no stock") }()
	time.Sleep(time.Minute)
}
"""
SENTRY = """package main

import (
	"os"
	"time"

	"github.com/getsentry/sentry-go"
)

type Cart struct{ prices []int }

func (c *Cart) total(item int) int {
	return c.prices[item]
}

const release = "sentry-go@1"

// SENTRY

func main() {
	if !watched(func() { println((&Cart{prices: []int{1}}).total(5)) }) {
		os.Exit(2)
	}
}
"""
PUBLISHES = """package main

import "fmt"

func main() {
	nc, err := connect()
	if err != nil {
		panic(err)
	}
	for _, line := range []string{"12 +0x1f", "12 +0x2f", "13 +0x1f"} {
		stack := "main.main()\\n\\t/srv/shop/main.go:" + line
		fmt.Println(publish(nc, "*main.OutOfStock", "no price", stack))
	}
}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayStage]:
    need_version((1, 23), "go", "version")
    async with stack_stage(tmp_path_factory.mktemp("gateway")) as made:
        yield made


def built(
    folder: Path, release: str, *files: str, modules: Sequence[str] = (), **sources: str
) -> Path:
    """The program of these files of the page and other sources."""
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text(MODULE)
    for name in files:
        PAGE.write(folder, name)
    for name, text in sources.items():
        (folder / f"{name}.go").write_text(text)
    for module in modules:
        fetch(folder, module, "go", "get", module, variables={"GOFLAGS": "-mod=mod"})
    flags = f"-X main.release={release}"
    build(folder, "go", "build", "-buildvcs=false", "-ldflags", flags, "-o", "shop", ".")
    return folder


async def only(stage: GatewayStage, release: str) -> Arrived:
    (found,) = await arrived(stage, release)
    return found


async def test_a_panic_has_the_keys_of_the_page_wherever_it_was_built(
    stage: GatewayStage, tmp_path: Path
) -> None:
    before = repeated(stage)
    for root in ("one/releases/1", "two/current"):
        folder = built(tmp_path / root, RELEASE, "mendwire.go", "main.go")
        done = run(folder, "./shop", variables=told(stage))
        assert done.returncode == 2
        assert "panic: runtime error: index out of range" in done.stdout
    report = await only(stage, RELEASE)
    assert report.signature == PAGE.signatures[0]
    assert repeated(stage) == before + 1
    assert report.report.type == "runtime.boundsError"
    assert [frame.function for frame in report.own] == ["main.main", "main.(*Cart).total"]
    assert report.own[-1].line == 6


async def test_what_no_defer_sees_is_sent_by_the_next_start(
    stage: GatewayStage, tmp_path: Path
) -> None:
    files = ("mendwire.go", "watch.go")
    folder = built(tmp_path / "shop", "goroutine@1", *files, main=FATAL)
    run(folder, "./shop", variables=told(stage) | {"MENDWIRE_GATEWAY": "http://127.0.0.1:9"})
    run(folder, "./shop", variables=told(stage) | {"MENDWIRE_GATEWAY": "http://127.0.0.1:9"})
    assert await arrived(stage, "goroutine@1") == []
    for _ in range(2):
        run(folder, "./shop", variables=told(stage))
    report = await only(stage, "goroutine@1")
    assert report.report.error == "panic: no stock"
    assert [frame.function for frame in report.own] == ["main.main", "main.main.func1"]


async def test_a_gateway_that_is_away_harms_nothing(stage: GatewayStage, tmp_path: Path) -> None:
    folder = built(tmp_path / "shop", "away@1", "mendwire.go", "main.go")
    for gateway in ("", "http://127.0.0.1:9", "no address"):
        done = run(folder, "./shop", variables=told(stage) | {"MENDWIRE_GATEWAY": gateway})
        assert done.returncode == 2
        assert "panic: runtime error: index out of range" in done.stdout


async def test_straight_to_nats_a_repeat_is_dropped_by_its_id(
    stage: GatewayStage, tmp_path: Path
) -> None:
    async with stage.server.client() as client:
        await ensure(JetStreamBus(client, NAMES, Denials()).api, topology(NAMES, [ENV]))
    files = ("mendwire.go", "publish.go")
    folder = built(tmp_path / "shop", "nats@1", *files, modules=[NATS_GO], main=PUBLISHES)
    done = run(folder, "./shop", variables={"NATS_URL": stage.server.url})
    assert done.stdout.split() == ["<nil>"] * 3, done.stdout
    first, second = await arrived(stage, "nats@1")
    assert (first.own[-1].line, second.own[-1].line) == (12, 13)
    assert first.report.service == "shop"
    assert json.loads(first.stored.raw.partition("\n")[2])["type"] == "*main.OutOfStock"


async def test_the_sdk_of_sentry_reports_by_its_dsn(stage: GatewayStage, tmp_path: Path) -> None:
    source = SENTRY.replace("// SENTRY", PAGE.file("sentry.go"))
    folder = built(tmp_path / "shop", "-", modules=[SENTRY_GO], main=source)
    done = run(folder, "./shop", variables=told(stage) | {"SENTRY_ENVIRONMENT": ENV})
    assert done.returncode == 2
    report = await only(stage, "sentry-go@1")
    assert report.report.type == "runtime.boundsError", done.stdout
    assert report.own[-1].function == "(*Cart).total"
    assert report.own[-1].line == 13
    assert report.report.language == "go"
