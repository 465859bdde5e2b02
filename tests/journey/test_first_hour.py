"""A person's first hour: docs/tutorial.md, typed line by line into two terminals, with a browser.

From an empty home to a fix that is verified where it runs. Only what is not to be had here is
replaced: the address of a mailbox by one on loopback, the network of pip by what is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import psutil
import pytest
from playwright.async_api import Page, expect

from benchmarks.shares import shares, total
from tests.chromium import PROGRAM, chromium
from tests.pages import ROOT, Block, page
from tests.person import Terminal, terminal
from tests.sinks import Webhook, webhook

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="there is no bwrap"),
    pytest.mark.skipif(not PROGRAM.exists(), reason=f"there is no {PROGRAM}"),
]
ENVIRONMENT: Final = "~/.mendwire-env"
OFFLINE: Final = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_NO_INDEX": "1",
    "PIP_NO_BUILD_ISOLATION": "0",  # pip's way to say yes
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}
NOT_THERE: Final = ("mendwire", "_editable", "pytest_", "hypothesis", "_hypothesis")
"""What is made and installed here, and what a person has not, and pytest would load each time."""
IN_THE_SANDBOX: Final = {"pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments"}
WHO: Final = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Ada"), ("EMAIL", "ada@example.org"))
}


class Tutorial:
    """The page's blocks, each of which is used once and in order."""

    def __init__(self) -> None:
        self._blocks: Iterator[Block] = iter(page("docs/tutorial.md"))

    def next(self, begins: str) -> Block:
        """The next block, which must begin so."""
        block = next(self._blocks)
        assert block.text.startswith(begins), f"line {block.line}: {block.text}"
        return block

    def end(self) -> None:
        assert next(self._blocks, None) is None


async def test_a_persons_first_hour(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    tutorial = Tutorial()
    with webhook() as hook:
        async with terminal(ROOT, surroundings(tmp_path)) as first:
            shop = await installed(tutorial, first, home)
            await a_project_with_a_bug(tutorial, first, shop)
            await set_up(tutorial, first, shop, hook)
            url = await started(tutorial, first)
            (up,) = psutil.Process(first.shell.pid).children()
            assert total(shares(up.pid)).pss < IDLE_MB, shares(up.pid)
            async with terminal(shop, surroundings(tmp_path)) as second:
                token = await second.type(tutorial.next("export").text.replace("\n", " && "))
                async with logged_in(url, token.split()[-1]) as dashboard:
                    await it_breaks_and_is_mended(tutorial, first, second, dashboard)
                    await thrown_away(tutorial, second)
                    assert hook.next().body["title"] == TITLE
                    await deployed_and_verified(tutorial, second, dashboard)
                await stopped(tutorial, first)
    tutorial.end()


IDLE_MB: Final = 280.0
"""For server, gateway, worker with its screen, dashboard and alerts together (docs/operations.md),
alone on the machine: beside other tests, which share pages with them, it is less."""
PATIENT_MS: Final = 60_000
TITLE: Final = "[shop] critical: ValueError in total (shop.py)"


def surroundings(folder: Path) -> dict[str, str]:
    """A new account on a machine with Python, git and nothing of ours."""
    programs = folder / "bin"
    if not programs.exists():
        programs.mkdir()
        # pip would lay it beside the interpreter.
        (programs / "nats-server").symlink_to(Path(sys.executable).parent / "nats-server")
    python = Path(sys.executable).resolve().parent
    path = f"{programs}:{python}:/usr/local/bin:/usr/bin:/bin"
    return {"HOME": str(folder / "home"), "PATH": path, "LC_ALL": "C.UTF-8", **OFFLINE, **WHO}


async def installed(tutorial: Tutorial, person: Terminal, home: Path) -> Path:
    """Into a virtual environment of its own; where the project will be."""
    make, *rest = tutorial.next("python3 -m venv").commands
    await person.type(make)
    (packages,) = (home / ".mendwire-env/lib").glob("python3*/site-packages")
    _there_already(packages)
    shown = "".join([await person.type(line) for line in rest])
    assert re.search(r"mendwire \d", shown)
    where = await person.type("python -c 'import mendwire; print(mendwire.__file__)'")
    assert "/.mendwire-env/" in where, "the package, not the checkout"
    await person.type("cd")
    return home / "shop"


def _there_already(packages: Path) -> None:
    """All that pip would fetch; it makes and installs Mendwire itself."""
    (ours,) = {path for path in map(Path, sys.path) if path.name == "site-packages"}
    for path in ours.iterdir():
        copy = packages / path.name
        if copy.exists() or path.name.startswith(NOT_THERE):
            continue
        if path.name in IN_THE_SANDBOX:  # which may not see where the others are
            (shutil.copytree if path.is_dir() else shutil.copy)(path, copy)
        else:
            copy.symlink_to(path)


async def a_project_with_a_bug(tutorial: Tutorial, person: Terminal, shop: Path) -> None:
    await person.type(tutorial.next("mkdir shop").text)
    (shop / "shop.py").write_text(tutorial.next("PRICES").text + "\n")
    (shop / "test_shop.py").write_text(tutorial.next("from shop import total").text + "\n")
    await person.type(tutorial.next("git add").text)
    changed = tutorial.next("def total(items):").text
    before = (shop / "shop.py").read_text()
    (shop / "shop.py").write_text(before[: before.index("def total")] + changed + "\n")
    await person.type(tutorial.next("git commit -am").text)
    (shop / "serve.py").write_text(tutorial.next("import mendwire").text + "\n")
    await person.type(tutorial.next("git add").text)


async def set_up(tutorial: Tutorial, person: Terminal, shop: Path, hook: Webhook) -> None:
    for line in tutorial.next("mendwire init").commands:
        await person.type(line)
    settings = shop / "mendwire.toml"
    text = edited(settings.read_text(), tutorial.next("[agent]").text)
    settings.write_text(edited(text, "[gateway]\nenabled = true\nport = 0"))  # to weigh it, too
    tell, test = tutorial.next("echo 'MENDWIRE_ALERTS=").commands
    await person.type(re.sub(r"=\S+'", f"={hook.url}'", tell))
    assert "taken" in await person.type(test)
    assert hook.next().body["title"] == "[shop] test: Alerts arrive here"
    await person.type(tutorial.next("git add").text)


def edited(settings: str, block: str) -> str:
    """The settings with the block's lines in place of the commented ones of their sections."""
    section = ""
    for line in filter(None, block.splitlines()):
        if line.startswith("["):
            section = line
            continue
        name = re.escape(line.split(" = ")[0])
        found = re.search(rf"(?ms)^{re.escape(section)}.*?^(# {name} = [^\n]*)$", settings)
        assert found, line
        settings = settings[: found.start(1)] + line + settings[found.end(1) :]
    return settings


async def started(tutorial: Tutorial, person: Terminal) -> str:
    """The dashboard's address."""
    person.begin(tutorial.next("mendwire up").text)
    url = ""
    for line in tutorial.next("mendwire: worker").text.splitlines():
        begins = " ".join(line.split()[:2])
        found = await person.until(re.compile(rf"{re.escape(begins)} ([^\s;]+)"))
        url = found[1] if "dashboard" in begins else url
    return url


@asynccontextmanager
async def logged_in(url: str, token: str) -> AsyncIterator[Page]:
    async with chromium() as browser:
        pane = await browser.new_page()
        pane.set_default_timeout(PATIENT_MS)
        await pane.goto(url)
        await pane.get_by_label("Token for shop").fill(token)
        await pane.keyboard.press("Enter")
        await expect(pane.get_by_role("heading", level=1)).to_contain_text(
            "well", timeout=PATIENT_MS
        )
        yield pane


async def it_breaks_and_is_mended(
    tutorial: Tutorial, first: Terminal, second: Terminal, dashboard: Page
) -> None:
    crash = tutorial.next("MENDWIRE_RELEASE=1 python").text
    shown = await second.type(f"{crash}; test $? = 1")
    assert "ValueError: max()" in shown
    await dashboard.get_by_role("link", name="Cases").first.click()
    await dashboard.get_by_role("link", name="ValueError in total").click()
    await expect(dashboard.get_by_text("Research").first).to_be_visible(timeout=PATIENT_MS)
    for line in tutorial.next("message.received").text.splitlines():
        event = re.split(r"\s", line)[0]
        await first.until(re.compile(rf"\] {re.escape(event)} "))
    await expect(dashboard.locator(".run.red pre").first).to_contain_text(
        "ValueError", timeout=PATIENT_MS
    )
    fixed, story = tutorial.next("mendwire cases list").commands
    assert re.search(r"fixed +fixed +ValueError in total", await second.type(fixed))
    assert "The proof, computed by Mendwire:" in await second.type(story)
    again = tutorial.next("MENDWIRE_RELEASE=1 python").text
    await second.type(f"{again}; test $? = 1")


async def thrown_away(tutorial: Tutorial, person: Terminal) -> None:
    pause, crash, report, purge, resume = tutorial.next("mendwire consumers pause").commands
    await person.type(pause, always="y")
    await person.type(f"{crash}; test $? = 1")
    assert re.search(r"SHOP_STAGING_ERRORS\D+1 ", await person.type(report))
    assert "Purged 1 message" in await person.type(purge, always="y")
    await person.type(resume)


async def deployed_and_verified(tutorial: Tutorial, person: Terminal, dashboard: Page) -> None:
    merge, run = tutorial.next("git merge").commands
    await person.type(merge)
    assert re.search(r"8\.0\n+0\n", await person.type(run))
    deploy, alive = tutorial.next("mendwire deploy").commands
    assert "soaking   has the fix" in await person.type(deploy)
    assert "answers; that is noted" in await person.type(alive)
    way = dashboard.get_by_role("list", name="How far it came")
    await expect(way.locator(".done")).to_have_count(9, timeout=PATIENT_MS)
    listed = await person.type(tutorial.next("mendwire cases list").text)
    assert "verified" in listed


async def stopped(tutorial: Tutorial, person: Terminal) -> None:
    await person.interrupt()
    assert "Traceback" not in person.shown
    assert "server.stopped" in person.shown
    tutorial.next("mendwire up --until-empty")  # starts all of it anew; test_up does
