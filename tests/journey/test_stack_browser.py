"""docs/how-to/stacks/browser.md in a real Chromium: what it pastes reports what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from mendwire.model.report import ErrorReport
from mendwire.model.signature import signature
from tests.chromium import chromium, served
from tests.gateway_stage import ENV, NAMES, GatewayStage
from tests.stack_pages import Arrived, arrived, repeated, stack_page, stack_stage

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAGE = stack_page("browser")
RELEASE = "shop-page@1.4.2"
ODD = """
Promise.reject({ toString: () => "refused" });
Promise.reject(null);
const odd = new Error("a \\"b\\" \\ud800 end");
odd.code = "E_STOCK";
report(odd, { message_template: "a {} end" });
report({ get name() { throw 1; }, toString() { throw 2; } });
for (let n = 0; n < 100; n++) report("loop");
setTimeout(() => {
  for (const word of "abcdefghijklmnopqrstuvwxyz") report(`loop ${word}`);
  document.title = "alive";
}, 50);
"""


@dataclass(frozen=True, kw_only=True)
class Shop:
    """The page's files on two origins, and a browser to look at them."""

    stage: GatewayStage
    browser: Browser
    folder: Path
    origins: list[str]

    def serve(self, release: str, script: str = "") -> None:
        """Put the page in place for a release, with the script of the page or another one."""
        PAGE.write(self.folder)
        page = PAGE.file("index.html").replace("https://errors.shop.example", self.stage.url)
        page = page.replace("<key>", self.stage.key("page").key)
        (self.folder / "index.html").write_text(page.replace(RELEASE, release))
        if script:
            (self.folder / "shop.js").write_text(script)

    async def visit(self, origin: str, answers: int) -> str:
        """Look at the page until so many requests to the gateway are over; its title."""
        page = await self.browser.new_page()
        over: list[str] = []
        for event in ("requestfinished", "requestfailed"):
            page.on(event, lambda request: over.append(request.url))
        try:
            await page.goto(f"{origin}/index.html")
            while sum("/v1/errors" in url for url in over) < answers:
                await page.wait_for_timeout(20)
            return await page.title()
        finally:
            await page.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    folder = tmp_path_factory.mktemp("page")
    with ExitStack() as servers:
        origins = [servers.enter_context(served(folder)) for _ in range(3)]
        async with (
            chromium() as browser,
            stack_stage(tmp_path_factory.mktemp("gateway")) as stage,
        ):
            allowed = [word for origin in origins[:2] for word in ("--origin", origin)]
            words = ("--kind", "browser", "--env", ENV, "--service", "shop-page")
            stage.key("page", *words, *allowed)
            yield Shop(stage=stage, browser=browser, folder=folder, origins=origins)


async def of(shop: Shop, release: str) -> dict[str, Arrived]:
    return {one.report.error: one for one in await arrived(shop.stage, release)}


async def test_an_uncaught_error_has_the_keys_of_the_page_from_any_origin(shop: Shop) -> None:
    shop.serve(RELEASE)
    before = repeated(shop.stage)
    for origin in shop.origins[:2]:
        await shop.visit(origin, 1)
    (report,) = await arrived(shop.stage, RELEASE)
    assert repeated(shop.stage) == before + 1
    told = signature(report.record, namespace=NAMES.namespace, environment=ENV)
    assert told == PAGE.signatures[0]
    low = signature(report.record, namespace=NAMES.namespace, environment=ENV, source="-l")
    assert report.signature == low
    assert f'"{report.stored.headers["Mendwire-Issue"].removesuffix("-l")}"' in PAGE.shown[0].output
    assert report.record.types == ("RangeError", "TypeError")
    assert [frame.function for frame in report.own] == ["", "total"]


async def test_rejections_odd_values_and_a_loop(shop: Shop) -> None:
    shop.serve("odd@1", ODD)
    assert await shop.visit(shop.origins[0], 20) == "alive"
    found = await of(shop, "odd@1")
    assert {"refused", "null", "loop"} <= set(found)
    odd = next(one for error, one in found.items() if error.startswith('Error: a "b"'))
    assert odd.report.code == "E_STOCK"
    assert odd.record.template == "a {} end"


async def test_another_origin_and_a_gateway_that_is_away_harm_nothing(shop: Shop) -> None:
    shop.serve("elsewhere@1", ODD)
    assert await shop.visit(shop.origins[2], 20) == "alive"
    assert await of(shop, "elsewhere@1") == {}


async def test_the_stack_of_firefox_reads_the_same() -> None:
    """Firefox and Safari write ``f@place``; the script puts the title before it."""
    chrome = PAGE.file("crash.txt")
    gecko = """RangeError: no price for order 471100
total@https://shop.example/shop.js:10:11
@https://shop.example/shop.js:14:18
"""
    first = chrome.partition("Caused by")[0]
    title = chrome.partition("\n")[0]
    keys = [
        signature(ErrorReport(error=title, stack=text), namespace="shop", environment=ENV)
        for text in (first, gecko)
    ]
    assert keys[0] == keys[1]
