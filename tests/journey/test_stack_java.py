"""docs/how-to/stacks/java.md with a real JDK: what it pastes reports what it says."""

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
PAGE = stack_page("java")
POOL = r"""package shop;

import java.sql.SQLException;
import java.util.concurrent.Executors;

public class Pool {
    static void save() {
        throw new IllegalStateException("a \"b\" \\ \n \t \u0001 世界 \uD83E\uDD8A end",
            new SQLException("twice", "23505"));
    }

    public static void main(String[] arguments) throws Exception {
        Thread.setDefaultUncaughtExceptionHandler((thread, e) -> System.out.println("before"));
        Mendwire.install();
        var pool = Executors.newFixedThreadPool(1);
        pool.execute(Pool::save);
        pool.shutdown();
        try {
            throw new IllegalArgumentException("handled 17");
        } catch (IllegalArgumentException problem) {
            Mendwire.report(problem);
        }
        Mendwire.report("line 17", "line {}");
    }
}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayStage]:
    need("java", "javac", "jar")
    async with stack_stage(tmp_path_factory.mktemp("gateway")) as made:
        yield made


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the classes of the page and of the second program are."""
    folder = tmp_path_factory.mktemp("java")
    PAGE.write(folder, "Mendwire.java")
    PAGE.write(folder, "Main.java")
    (folder / "Pool.java").write_text(POOL, encoding="utf-8")
    words = ("-encoding", "UTF-8", "-Xlint:all,-serial", "-Werror", "-d", "out")
    build(folder, "javac", *words, "Mendwire.java", "Main.java", "Pool.java")
    return folder / "out"


def packed(classes: Path, folder: Path, release: str) -> Path:
    """A jar whose manifest says the release."""
    folder.mkdir(parents=True)
    (folder / "manifest").write_text(f"Implementation-Version: {release}\n")
    build(folder, "jar", "cfm", "shop.jar", "manifest", "-C", str(classes), ".")
    return folder


async def test_an_uncaught_exception_has_the_keys_of_the_page(
    stage: GatewayStage, classes: Path, tmp_path: Path
) -> None:
    before = repeated(stage)
    for root, more in (("one/releases/1", []), ("two/current", ["17"])):
        folder = packed(classes, tmp_path / root, RELEASE)
        done = run(folder, "java", "-cp", "shop.jar", "shop.Main", *more, variables=told(stage))
        assert done.returncode == 1
        assert done.stdout.startswith('Exception in thread "main" shop.Main$NoPrice: no price for')
    (report,) = await arrived(stage)
    assert report.signature == PAGE.signatures[0]
    assert repeated(stage) == before + 1
    assert report.report.type == "shop.Main$NoPrice"
    assert report.record.types == ("shop.Main$NoPrice", "java.lang.NumberFormatException")
    assert [frame.function for frame in report.own] == ["shop.Main.main", "shop.Main.total"]


async def test_a_thread_of_a_pool_and_a_handled_exception_report_too(
    stage: GatewayStage, classes: Path, tmp_path: Path
) -> None:
    folder = packed(classes, tmp_path / "jar", "pool@1")
    done = run(folder, "java", "-cp", "shop.jar", "shop.Pool", variables=told(stage))
    assert done.stdout == "before\n"
    by_type = {one.report.type: one for one in await arrived(stage, "pool@1")}
    pooled = by_type["java.lang.IllegalStateException"]
    handled = by_type["java.lang.IllegalArgumentException"]
    assert pooled.report.code == "23505"
    assert 'a "b" \\ \n \t \x01 世界 🦊 end' in pooled.report.error
    assert pooled.own[-1].function == "shop.Pool.save"
    assert handled.record.template == "handled 17"
    assert by_type[""].record.template == "line {}"


async def test_a_gateway_that_is_away_harms_nothing(
    stage: GatewayStage, classes: Path, tmp_path: Path
) -> None:
    folder = packed(classes, tmp_path / "jar", "away@1")
    for away in ({}, {"MENDWIRE_GATEWAY": "http://127.0.0.1:9", "MENDWIRE_KEY": "x"}):
        done = run(folder, "java", "-cp", "shop.jar", "shop.Main", variables=away)
        assert done.returncode == 1
        assert "shop.Main$NoPrice" in done.stdout
