"""docs/how-to/stacks/dotnet.md on a real Mono: what it pastes reports what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.gateway_stage import GatewayStage
from tests.stack_pages import (
    RELEASE,
    arrived,
    build,
    need,
    repeated,
    run,
    stack_page,
    stack_stage,
    told,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAGE = stack_page("dotnet")
HTTP = Path("/usr/lib/mono/gac/System.Net.Http")
TASKS = r"""using System;
using System.Net.Sockets;
using System.Threading;
using System.Threading.Tasks;

static class Tasks
{
    const string Text = "a \"b\" \\ \n \t \u0001 世界 🦊 end";

    static void Drop()
    {
        Task.Run(() => { throw new InvalidOperationException(Text); });
    }

    static void Main()
    {
        Mendwire.Install();
        var seen = new ManualResetEvent(false);
        TaskScheduler.UnobservedTaskException += (_, e) => seen.Set();
        while (!seen.WaitOne(20)) // the collector may hold on to one of them
        {
            Drop();
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        try { throw new SocketException(10061); }
        catch (SocketException e) { Mendwire.Report(e, e.ErrorCode.ToString()); }
        Mendwire.Report("line 17", "line {N}");
    }
}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayStage]:
    need("mono", "mcs")
    if not HTTP.exists():
        pytest.skip("not installed: libmono-system-net-http4.0-cil")
    async with stack_stage(tmp_path_factory.mktemp("gateway")) as made:
        yield made


def built(folder: Path, release: str, main: str = "") -> Path:
    """The program of the page, or another one with its class; its folder."""
    folder.mkdir(parents=True)
    PAGE.write(folder, "Mendwire.cs")
    PAGE.write(folder, "Shop.cs")
    if main:
        (folder / "Shop.cs").write_text(main, encoding="utf-8")
    version = f'[assembly: System.Reflection.AssemblyInformationalVersion("{release}")]\n'
    (folder / "Version.cs").write_text(version)
    sources = [str(folder / name) for name in ("Mendwire.cs", "Shop.cs", "Version.cs")]
    build(folder, "mcs", "-debug", "-r:System.Net.Http", "-out:shop.exe", *sources)
    return folder


async def test_what_ends_the_process_has_the_keys_of_the_page_wherever_it_was_built(
    stage: GatewayStage, tmp_path: Path
) -> None:
    before = repeated(stage)
    for root, more in (("one/releases/1", []), ("two/current", ["17"])):
        folder = built(tmp_path / root, RELEASE)
        done = run(folder, "mono", "--debug", "shop.exe", *more, variables=told(stage))
        assert done.returncode != 0
        assert "NoPrice: no price for order" in done.stdout
    (report,) = await arrived(stage)
    assert report.signature == PAGE.signatures[0]
    assert repeated(stage) == before + 1
    assert report.record.types == ("NoPrice", "System.Collections.Generic.KeyNotFoundException")
    assert [frame.function for frame in report.own] == ["Shop.Main", "Shop.Total"]
    assert report.own[-1].line == 24


async def test_tasks_codes_and_lines(stage: GatewayStage, tmp_path: Path) -> None:
    folder = built(tmp_path / "shop", "tasks@1", TASKS)
    done = run(folder, "mono", "--debug", "shop.exe", variables=told(stage))
    assert done.returncode == 0, done.stdout
    by_type = {one.report.type: one for one in await arrived(stage, "tasks@1")}
    assert by_type["System.Net.Sockets.SocketException"].report.code == "10061"
    assert by_type[""].record.template == "line {N}"
    dropped = by_type["System.InvalidOperationException"]
    assert dropped.report.error == 'a "b" \\ \n \t \x01 世界 🦊 end'


async def test_a_gateway_that_is_away_harms_nothing(stage: GatewayStage, tmp_path: Path) -> None:
    folder = built(tmp_path / "shop", "away@1")
    for away in ({}, told(stage) | {"MENDWIRE_GATEWAY": "http://127.0.0.1:9"}):
        done = run(folder, "mono", "--debug", "shop.exe", variables=away)
        assert done.returncode != 0
        assert "NoPrice: no price for order" in done.stdout
