"""The real @sentry/node, and the real browser SDK in headless Chromium, against the gateway."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.chromium import chromium, served
from tests.gateway_stage import ENV, GatewayStage, Stored, gateway_stage
from tests.node_packages import installed

pytestmark = pytest.mark.asyncio(loop_scope="module")
BAIT = "hunter2-bait"


@pytest.fixture(scope="module")
def folder() -> Path:
    return installed("sentry")


@pytest.fixture(scope="module")
def shop(folder: Path) -> Iterator[str]:
    """The address of a shop's page on loopback."""
    with served(folder) as origin:
        yield origin


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory, shop: str) -> AsyncIterator[GatewayStage]:
    async with gateway_stage(tmp_path_factory.mktemp("gateway")) as made:
        made.key("server", "--env", ENV, "--trust", "trusted")
        page = ("--env", ENV, "--kind", "browser", "--service", "shop-page")
        made.key("page", *page, "--origin", shop)
        made.key("trusted", "--env", ENV, "--trust", "trusted", "--origin", shop)
        made.key("elsewhere", *page, "--origin", "https://shop.example")
        made.start()
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as started:
        yield started


async def broken(stage: GatewayStage, folder: Path, case: str) -> None:
    """Run the Node program to its end, with its release named after the case."""
    process = await asyncio.create_subprocess_exec(
        shutil.which("node") or "node",
        "raises.cjs",
        case,
        cwd=folder,
        env={
            "PATH": stage.environment["PATH"],
            "SENTRY_DSN": stage.key("server").dsn,
            "SENTRY_RELEASE": f"{case}@1",
            "SENTRY_ENVIRONMENT": ENV,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    await process.communicate()


async def only(stage: GatewayStage, release: str) -> Stored:
    (found,) = await stage.reports(release)
    assert found.subject == f"shop.errors.{ENV}"
    assert found.body["language"] == "javascript"
    assert BAIT not in found.raw
    return found


def innermost(report: Stored) -> dict[str, Any]:
    frame: dict[str, Any] = report.body["frames"][-1]
    return frame


async def test_an_unhandled_exception_arrives(stage: GatewayStage, folder: Path) -> None:
    await broken(stage, folder, "unhandled")
    report = await only(stage, "unhandled@1")
    assert report.body["type"] == "TypeError"
    assert report.body["error"].startswith("TypeError: order 17 refused: ")
    assert innermost(report)["function"] == "charge"
    assert innermost(report)["in_app"] is True
    assert innermost(report)["file"].endswith("raises.cjs")
    assert innermost(report)["column"] > 0
    assert report.body["level"] == "fatal"
    assert len(report.body["trace_id"]) == 32
    assert [f["in_app"] for f in report.body["frames"] if f["file"].startswith("node:")] == [False]


async def test_an_unhandled_rejection_arrives(stage: GatewayStage, folder: Path) -> None:
    await broken(stage, folder, "rejection")
    report = await only(stage, "rejection@1")
    assert report.body["type"] == "RangeError"
    assert innermost(report)["function"].endswith("rejection")


async def test_the_cause_comes_with_it(stage: GatewayStage, folder: Path) -> None:
    await broken(stage, folder, "cause")
    report = await only(stage, "cause@1")
    assert report.body["type"] == "OrderFailed"
    assert "SyntaxError" in report.body["stack"]
    assert innermost(report)["function"].endswith("cause")


async def test_members_of_an_aggregate_come_with_it(stage: GatewayStage, folder: Path) -> None:
    await broken(stage, folder, "aggregate")
    report = await only(stage, "aggregate@1")
    assert report.body["type"] == "AggregateError"
    assert "TypeError: no price" in report.body["stack"]
    assert "RangeError: no stock" in report.body["stack"]


async def test_the_stack_across_awaits_is_kept(stage: GatewayStage, folder: Path) -> None:
    await broken(stage, folder, "asynchronous")
    report = await only(stage, "asynchronous@1")
    assert report.calls[-2:] == ["refill", "fetchStock"]


async def test_a_deep_recursion_is_folded(stage: GatewayStage, folder: Path) -> None:
    await broken(stage, folder, "recursion")
    report = await only(stage, "recursion@1")
    assert report.calls[-1] == "charge"
    assert report.calls.count("walk") < 20


async def test_a_large_event_comes_compressed(stage: GatewayStage, folder: Path) -> None:
    await broken(stage, folder, "large")
    report = await only(stage, "large@1")
    assert innermost(report)["function"] == "charge"


async def test_repeats_are_counted(stage: GatewayStage, folder: Path) -> None:
    await broken(stage, folder, "repeats")
    report = await only(stage, "repeats@1")
    assert await stage.counted(report, 24) == 24


async def test_a_message_is_an_error_only_when_it_says_so(
    stage: GatewayStage, folder: Path
) -> None:
    """Node's SDK wraps a message into an exception without a type."""
    await broken(stage, folder, "message")
    report = await only(stage, "message@1")
    assert report.body["error"] == "the stock is empty"
    assert report.calls[-1].endswith("message")


async def visited(
    browser: Browser, shop: str, case: str, *, dsn: str, release: str
) -> list[tuple[str, int]]:
    """Let the page break; the method and status of each request to the gateway, 0: withheld."""
    page = await browser.new_page()
    answers: list[tuple[str, int]] = []
    page.on(
        "response",
        lambda answer: (
            answers.append((answer.request.method, answer.status))
            if "/envelope/" in answer.url
            else None
        ),
    )
    page.on(
        "requestfailed",
        lambda request: (
            answers.append((request.method, 0)) if "/envelope/" in request.url else None
        ),
    )
    settings = f"globalThis.settings = {{case: {case!r}, dsn: {dsn!r}, release: {release!r}}}"
    try:
        await page.add_init_script(settings)
        await page.goto(f"{shop}/page.html")
        await page.wait_for_function("document.title.startsWith('flushed')")
    finally:
        await page.close()
    return answers


@pytest.mark.parametrize(
    ("case", "kind", "function"),
    [
        ("onerror", "TypeError", "charge"),
        ("rejection", "RangeError", "rejection"),
        ("cause", "Error", "cause"),
    ],
)
async def test_a_page_reports_across_origins(
    stage: GatewayStage, browser: Browser, shop: str, case: str, kind: str, function: str
) -> None:
    release = f"page-{case}@1"
    answers = await visited(browser, shop, case, dsn=stage.key("page").dsn, release=release)
    assert answers
    assert {status for _, status in answers} == {200}
    report = await only(stage, release)
    assert report.body["type"] == kind
    assert innermost(report)["function"].endswith(function)
    assert innermost(report)["file"].endswith("shop.js")
    assert report.body["service"] == "shop-page"
    assert report.headers["Mendwire-Trust"] == "low"
    assert stage.key("page").key not in report.raw
    if case == "cause":
        assert "SyntaxError" in report.body["stack"]


async def test_a_page_is_never_one_with_a_server(
    stage: GatewayStage, browser: Browser, shop: str
) -> None:
    """The same error by a key of low trust and by a trusted one: two signatures, two issues."""
    release = "both@1"
    for name in ("page", "trusted"):
        await visited(browser, shop, "onerror", dsn=stage.key(name).dsn, release=release)
    low, trusted = await stage.reports(release)
    assert low.headers["Mendwire-Trust"] == "low"
    assert trusted.headers.get("Mendwire-Trust", "trusted") == "trusted"
    assert low.body["frames"] == trusted.body["frames"]
    assert low.message_id != trusted.message_id
    assert low.headers["Mendwire-Issue"] != trusted.headers["Mendwire-Issue"]


async def test_a_page_of_another_origin_is_refused(
    stage: GatewayStage, browser: Browser, shop: str
) -> None:
    answers = await visited(
        browser, shop, "onerror", dsn=stage.key("elsewhere").dsn, release="elsewhere@1"
    )
    assert answers
    assert {status for _, status in answers} == {0}
    figures = stage.get("/v1/statistics", stage.key("server").key)
    assert set(figures["refused"]) == {"origin"}
    assert figures["refused"]["origin"] >= len(answers)  # the page's last beacon may be unseen
    assert await stage.reports("elsewhere@1") == []
