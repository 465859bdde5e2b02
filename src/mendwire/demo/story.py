"""``mendwire demo``: a shop breaks, and half a minute later its fix is a proven commit."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any, Final

from rich.console import Console

from mendwire.app.engine import Engine, engine
from mendwire.app.serve import linked, served, store_of
from mendwire.app.streams import make_streams
from mendwire.demo.shop import ATTACK, Shop, build_repository, open_shop
from mendwire.demo.view import View
from mendwire.errors import ConfigError, WireError
from mendwire.execution.sandbox import detect
from mendwire.model.case import Case, Verdict
from mendwire.settings import config as settings
from mendwire.settings.environment import Environment, read_environment
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.server import find_running

NAMESPACE: Final = "demo"
REPEATS: Final = 20
_BUGS: Final = 2
_OPERATORS: Final = (
    *("PATH", "HOME", "NATS_SERVER", "LANG"),
    *("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "CLAUDE_CODE_OAUTH_TOKEN"),
)
_REPORTS_S: Final = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """What the demo shows at its end."""

    cases: tuple[Case, ...]
    results: tuple[dict[str, Any], ...]
    occurrences: int
    """How often the mended error happened, repeats included."""


async def play(agent: str, keep: Path | None, *, plain: bool, as_json: bool) -> int:
    """Tell the whole story; 0 only if the shop's error ends ``fixed``."""
    folder = _stage(keep)
    console = Console(force_terminal=False if plain else None, stderr=as_json)
    with View(console) as view:
        config = await _prepare(folder, agent, view)
        environment = _environment(folder)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(served(config, environment))
            await _break(view, config, environment)
            view.heading("A worker takes the errors from the queue")
            machine = await stack.enter_async_context(engine(config, environment))
            view.say("sandbox", machine.grounds.sandbox.describe())
            view.say("tests", machine.grounds.commands.why)
            await machine.until_empty()
            ending = await _ending(machine)
    _show(view, folder, ending)
    if as_json:
        print(json.dumps(ending.results))
    return 0 if any(case.verdict is Verdict.FIXED for case in ending.cases) else 1


def _stage(keep: Path | None) -> Path:
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="mendwire-demo-")).resolve()
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise ConfigError(f"{keep} is not an empty folder: name another with --keep.")
    keep.mkdir(parents=True, exist_ok=True)
    return keep.resolve()


async def _prepare(folder: Path, agent: str, view: View) -> settings.Config:
    view.heading("A shop with a git history, and a NATS server of its own")
    shop = folder / "shop"
    shop.mkdir()
    count = await build_repository(shop)
    view.say("git", f"{count} commits in {shop}")
    sandbox = (await detect("auto")).may_run
    kind = "auto" if sandbox else "none"
    (folder / settings.FILE_NAME).write_text(
        "# Made by `mendwire demo`; `mendwire up` here goes on with it.\n"
        '[project]\nrepository = "shop"\n'
        'test = ["{python}", "-m", "unittest", "discover", "-s", "tests", "-t", "."]\n\n'
        '[worker]\nenvironments = ["production"]\nconcurrency = 1\n\n'
        f'[agent]\nkind = "{agent}"\n\n'
        "# The demo's shop is our own code; for yours, bubblewrap is worth installing.\n"
        f'[sandbox]\nkind = "{kind}"\n',
        encoding="utf-8",
    )
    (folder / ".env").write_text(f"NATS_NAMESPACE={NAMESPACE}\n", encoding="utf-8")
    return settings.read_config(folder / settings.FILE_NAME, folder)


def _environment(folder: Path) -> Environment:
    """The demo never touches a server of the operator's: what names one is left out."""
    kept = {name: os.environ[name] for name in _OPERATORS if name in os.environ}
    return read_environment(kept | {"NATS_NAMESPACE": NAMESPACE}, folder)


async def _break(view: View, config: settings.Config, environment: Environment) -> None:
    """Customers come; two of them meet bugs, one of those with a purpose."""
    async with linked(config, environment, "mendwire-demo") as link:
        bus = JetStreamBus(link.client, link.names, link.denials)
        await make_streams(bus, config)
        stream = link.names.error_stream("production")
        async with open_shop(config.repository, _address(config)) as shop:
            view.say("shop", f"serves on {shop.url}; it reports with mendwire.init()")
            await _customers(view, shop)
            async with asyncio.timeout(_REPORTS_S):
                while await _stored(bus, stream) < _BUGS:  # noqa: ASYNC110 - others publish
                    await asyncio.sleep(0.02)
            view.say("queue", f"{_BUGS} reports wait in {stream}")


async def _customers(view: View, shop: Shop) -> None:
    view.say("customer", f"checkout with SPRING: {await shop.checkout('SPRING')}", "green")
    view.say("customer", f"checkout with SUMMER: {await shop.checkout('SUMMER')}", "red")
    statuses = [await shop.checkout("SUMMER") for _ in range(REPEATS)]
    view.say("customer", f"{len(statuses)} more like it: {sorted(set(statuses))}", "red")
    view.say("stranger", f"asks for the stock over 0 days, calling itself {ATTACK!r}", "magenta")
    view.say("stranger", f"and gets: {await shop.stock('tea', 0, agent=ATTACK)}", "red")


def _address(config: settings.Config) -> dict[str, str]:
    """What the shop is told of the server: the variables of the `nats` command."""
    address = find_running(store_of(config))
    if address is None:
        raise WireError("The demo's NATS server is gone; run the demo again.")
    return {
        "NATS_URL": ",".join(address.urls),
        "NATS_USER": address.user,
        "NATS_PASSWORD": address.password.reveal(),
        "NATS_NAMESPACE": NAMESPACE,
    }


async def _stored(bus: JetStreamBus, stream: str) -> int:
    info = await bus.api.call(f"STREAM.INFO.{stream}")
    return int(info["state"]["messages"])


async def _ending(machine: Engine) -> Ending:
    bus, names = machine.grounds.bus, machine.link.names
    cases = tuple([filed.case async for filed in machine.grounds.docket.cases()])
    last = 1 << 40
    stream = names.stream("RESULTS")
    results = tuple([json.loads(r.payload) async for r in bus.walk(stream, 100, last)])
    fixed = [case for case in cases if case.verdict is Verdict.FIXED]
    docket = machine.grounds.docket
    counts = [case.occurrences + await docket.repeats(case.issue) for case in fixed]
    return Ending(cases=cases, results=results, occurrences=sum(counts))


def _show(view: View, folder: Path, ending: Ending) -> None:
    for case in ending.cases:
        view.heading(f"{case.title}: {case.verdict}")
        if case.verdict is Verdict.FIXED:
            _show_fix(view, folder, case, ending.occurrences)
        else:
            view.say("verdict", case.reason)
    view.heading("Look further")
    shop, state = folder / "shop", folder / ".mendwire"
    ours = "mendwire" if which("mendwire") else f"{sys.executable} -m mendwire"
    for line in (
        f"cd {folder}",
        *(f"git -C {shop} show {case.delivered.branch}" for case in ending.cases if case.delivered),
        f"{ours} cases list           # and: cases show CASE",
        f"{ours} results list",
        f"{ours} quarantine list      # the stranger's text, made safe to print",
        f"ls {state / 'patches'}",
    ):
        view.console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def _show_fix(view: View, folder: Path, case: Case, occurrences: int) -> None:
    finding, proof, change, delivered = case.finding, case.proof, case.change, case.delivered
    view.say("happened", f"{occurrences} times; investigated once")
    if finding is not None:
        view.say("cause", finding.cause or finding.summary)
    if change is not None:
        view.diff(change.patch)
    for run in proof.runs if proof else ():
        tests = f", {len(run.passing)} tests passed" if run.passing else ""
        shown = "green" if run.passed else "red"
        view.say("proof", f"{run.what}: {shown}{tests} ({run.seconds:.2f} s)", shown)
    for reason in proof.reasons if proof else ():
        view.say("proof", reason)
    if delivered is not None:
        view.say("branch", f"{delivered.branch} in {folder / 'shop'}", "green")
        view.say("commit", delivered.commit)
    view.say("result", f"{NAMESPACE}.results.{case.verdict}.{case.case_id}")
    view.say("cost", f"${case.cost_usd:.2f}")
