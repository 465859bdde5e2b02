"""Each extra alone: its commands work, and all others say in one sentence what to install."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tomllib
import venv
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.metadata import Distribution, distribution
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import mendwire
from mendwire.cli.full import _OWNERS
from mendwire.docket.cases import Docket
from mendwire.wire.denials import Denials
from mendwire.wire.jetstream import JetStreamBus
from tests.dashboard_stage import NAMES, made_case
from tests.nats_server import RealServer, running

ROOT = Path(__file__).parents[2]
EXTRAS: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
    "optional-dependencies"
]
ALWAYS = {"report", "signature"}
LOOKING = {"cases", "status", "streams", "consumers", "results", "dead", "quarantine", "tasks"}
WORKS = {
    "screen": {"screen"},
    "worker": {*LOOKING, "doctor", "deploy", "alive", "halt", "metrics", "backup", "host"},
    "gateway": {"gateway"},
    "dashboard": {*LOOKING, "dashboard"},
}
"""Beside ``ALWAYS``."""
ASK = """
import contextlib, io, json, sys
from mendwire.cli import main
found = {}
for name in sys.argv[1:]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*([name] if name else []), "--help"])
    found[name] = code, out.getvalue(), err.getvalue()
json.dump(found, sys.stdout)
"""


def closure(requirements: list[str]) -> dict[str, Distribution]:
    """What pip would install for them, of what is installed here."""
    found: dict[str, Distribution] = {}
    waiting = [Requirement(one) for one in requirements]
    seen: set[tuple[str, str]] = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        for extra in ("", *wanted.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            found[name] = distribution(name)
            needs = [Requirement(one) for one in found[name].requires or ()]
            waiting += [
                one for one in needs if one.marker is None or one.marker.evaluate({"extra": extra})
            ]
    return found


def tops(package: Distribution) -> Iterator[Path]:
    """What it has at the top of site-packages."""
    names = {file.parts[0] for file in package.files or () if file.parts[0] not in {"..", "/"}}
    for name in names - {"__pycache__"}:
        yield Path(str(package.locate_file(name)))


def interpreter(home: Path, extra: str) -> Path:
    """One that sees the standard library, the extra's packages and Mendwire, and nothing else."""
    venv.create(home, with_pip=False, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = home / "lib" / version / "site-packages"
    for package in closure(["nats-py", *EXTRAS[extra]]).values():
        for top in tops(package):
            if not (packages / top.name).exists():
                (packages / top.name).symlink_to(top)
    (packages / "mendwire").symlink_to(Path(mendwire.__file__).parent)
    return home / "bin" / "python"


@pytest.mark.parametrize("extra", [one for one in EXTRAS if one != "all"])
def test_with_one_extra_a_command_works_or_says_what_to_install(tmp_path: Path, extra: str) -> None:
    done = subprocess.run(
        [str(interpreter(tmp_path / "home", extra)), "-W", "error", "-c", ASK, "", *_OWNERS],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    works = set()
    for name, (code, out, err) in json.loads(done.stdout).items():
        if code == 0 and "sage: mendwire" in out:
            works.add(name)
            continue
        assert (code, out, err.count("\n")) == (2, "", 1), name
        assert re.fullmatch(r"mendwire: .*pip install 'mendwire\[\w+\]'.*", err.strip()), name
    assert works >= ALWAYS | WORKS.get(extra, set())
    assert ("" in works) is (extra in WORKS), "the list of commands"


@asynccontextmanager
async def serving(
    python: Path, server: RealServer, *words: str
) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """The command, and a client for where it says that it serves; afterwards it has ended."""
    process = await asyncio.create_subprocess_exec(
        *(str(python), "-m", "mendwire", *words),
        cwd=python.parent,
        env={"HOME": str(python.parent), "NATS_URL": server.url, "NATS_NAMESPACE": "shop"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout
        async with asyncio.timeout(60):
            ready = json.loads(await process.stdout.readline() or b"{}")
        async with httpx.AsyncClient(base_url=ready["url"], timeout=30) as client:
            yield client, ready["url"]
    finally:
        if process.returncode is None:
            process.terminate()
        _, err = await process.communicate()
    assert process.returncode == 0, err.decode()


async def test_the_dashboard_and_the_gateway_serve_with_their_own_extra_alone(
    tmp_path: Path,
) -> None:
    """Also the page of a case, which shows the screen's verdict where there is a screen."""
    homes = {name: interpreter(tmp_path / name, name) for name in ("dashboard", "gateway")}
    port = ("--port", "0", "--json")
    async with running(tmp_path / "nats") as server:
        async with serving(homes["gateway"], server, "gateway", *port) as (client, _):
            assert (await client.get("/healthz")).status_code == 200
        async with serving(homes["dashboard"], server, "dashboard", *port) as (client, url):
            async with server.client() as connection:
                bus = JetStreamBus(connection, NAMES, Denials())
                await Docket(bus.bucket(NAMES.bucket("DOCKET")), "test").file(made_case(1))
            token = homes["dashboard"].parent / ".mendwire/dashboard/token"
            client.headers["origin"] = url
            answer = await client.post("/login", data={"token": token.read_text().strip()})
            assert answer.status_code == 303
            for page in ("/", "/cases", "/agents", "/tasks", "/quarantine", "/dead", "/results"):
                assert (await client.get(page)).status_code == 200, page
            shown = (await client.get(f"/cases/{made_case(1).case_id}")).text
            assert "The screen is not installed here" in shown
