"""Running a project's commands in a tree: placeholders, aux folder, sandbox, clean environment.

Every run has an aux folder of its own, outside the tree: the private home, reports and the files
of a reproduction lie there. Nothing of the operator's environment but the path and the language
goes in; the network is cut where the sandbox can.
"""

from __future__ import annotations

import re
import secrets
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from mendwire.errors import ExecutionError, SandboxUnavailable
from mendwire.execution.environment import allowed_environment
from mendwire.execution.outcomes import Observed, by_output, by_witness, run_of
from mendwire.execution.process import Completed, ResourceLimits, run
from mendwire.execution.reports import Report, UnreadableReport
from mendwire.execution.runners import is_plain_python, read_report, reporting, runner_of
from mendwire.execution.sandbox import Sandbox
from mendwire.model.project import Runner
from mendwire.model.work import Reproduction, Run

RunsReproductions = Callable[[Path, Reproduction], Awaitable[Run]]
"""``await judge(tree, reproduction)``: see ``run_reproduction``."""
_SCRIPTS: Final = ("witness.py", "unittest_report.py")
_EMPTIED: Final = ("/tmp", "/var/tmp", "/run")  # noqa: S108 - what the sandbox mounts empty


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """Where a project's commands run."""

    repo: Path
    """The operator's repository: ``{repo}``."""
    folder: str = ""
    """Folder of the tree in which commands run, relative to it; empty for the tree itself."""
    sandbox: Sandbox
    scratch: Path
    """Folder of ours in which the aux folders are made; exists."""
    python: str = sys.executable
    """``{python}``."""
    timeout_s: float = 600.0
    """Wall clock of one run, in seconds."""
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    cache: Path | None = None
    """Folder in which compilers may keep what they built from one run to the next; exists. What
    an untrusted change could write must not reach another tree. None: nothing is kept."""
    environment: tuple[tuple[str, str], ...] = ()
    """Names and values that the project's commands need beside the clean environment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SuiteRun:
    """One run of a suite."""

    run: Run
    named: bool
    """The runner told the tests apart by id."""
    problem: str = ""
    """Why the run says nothing, a sentence; empty when it does."""


async def run_command(
    bench: Bench,
    command: tuple[str, ...],
    *,
    tree: Path,
    aux: Path,
    stdin: bytes = b"",
    seed: int = 0,
    network: bool = False,
) -> Completed:
    """Run ``command`` in ``tree`` inside the sandbox; raises SandboxUnavailable (rules B6).

    ``seed`` becomes PYTHONHASHSEED, so that reruns differ where code depends on chance.
    """
    if not bench.sandbox.may_run:
        raise SandboxUnavailable(
            "No sandbox works here, so nothing of the project is run; install bubblewrap, or "
            "set sandbox.kind = 'none' in mendwire.toml to run commands unconfined."
        )
    words = [_filled(word, bench, tree, aux) for word in command]
    writable = (aux, bench.cache) if bench.cache else (aux,)
    inside = bench.sandbox.wrap(
        words, tree=tree, writable=writable, readable=_brought_back(bench), network=network
    )
    return await run(
        inside,
        cwd=folder_in(tree, bench.folder),
        env=_environment(bench, tree, aux, seed),
        timeout_s=bench.timeout_s,
        stdin=stdin,
        limits=bench.limits,
        marker="mendwire-judge",
    )


async def run_tests(
    bench: Bench, command: tuple[str, ...], tree: Path, *, what: str, seed: int = 0
) -> SuiteRun:
    """Run a suite; ids are compared by the caller. Exit code and report must agree."""
    runner = runner_of(command)
    with aux_folder(bench) as aux:
        done = await run_command(bench, reporting(command, runner), tree=tree, aux=aux, seed=seed)
        try:
            report = read_report(runner, done, aux)
        except UnreadableReport as missing:
            return SuiteRun(run=run_of(what, done), named=False, problem=_why(done, str(missing)))
    shown = run_of(what, done)
    if report is None:
        return SuiteRun(run=shown, named=False, problem=_why(done, ""))
    shown = replace(shown, passing=report.passing, failing=report.failing)
    if shown.passed and report.failing:
        problem = "The exit code says success, the report names failing tests."
        return SuiteRun(run=replace(shown, passed=False), named=True, problem=problem)
    return SuiteRun(run=shown, named=True, problem=_why(done, ""))


def _why(done: Completed, otherwise: str) -> str:
    return f"It was stopped after {done.seconds:.0f} s." if done.timed_out else otherwise


async def run_reproduction(
    bench: Bench,
    tree: Path,
    reproduction: Reproduction,
    *,
    what: str = "reproduction",
    seed: int = 0,
) -> Observed:
    """Run a reproduction in a tree.

    It passed only when it ended normally: a Python program under the witness must return, a test
    run must have passing tests, anything else must exit with 0. ``run.failing`` names the expected
    exception exactly when that is how it failed.
    """
    runner = runner_of(reproduction.command)
    witnessed = is_plain_python(reproduction.command)
    command = reporting(reproduction.command, runner)
    if witnessed:
        command = (command[0], "{aux}/judge/witness.py", *command[1:])
    nonce = secrets.token_hex(24)
    with aux_folder(bench) as aux:
        _lay(aux, reproduction)
        stdin = f"{nonce}\n".encode() if witnessed else b""
        done = await run_command(bench, command, tree=tree, aux=aux, stdin=stdin, seed=seed)
        report = _report_or_none(runner, done, aux)
    if witnessed:
        return by_witness(what, done, nonce, reproduction)
    here = f"{bench.folder}/" if bench.folder else ""  # what runs there names its files so
    place = reproduction.expects_file.removeprefix(here)
    return by_output(what, done, runner, report, replace(reproduction, expects_file=place))


def reproductions_on(bench: Bench) -> RunsReproductions:
    """The callable that agents are given to try a reproduction in a tree."""

    async def judge(tree: Path, reproduction: Reproduction) -> Run:
        return (await run_reproduction(bench, tree, reproduction)).run

    return judge


def folder_in(tree: Path, folder: str) -> Path:
    """A service's folder in a tree; the tree itself where it has none, or a link in its place."""
    place = tree / folder
    return place if place.is_dir() and place.resolve() == tree.resolve() / folder else tree


@contextmanager
def aux_folder(bench: Bench) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(
        prefix="aux-", dir=bench.scratch, ignore_cleanup_errors=True
    ) as name:
        aux = Path(name).resolve()
        (aux / "judge").mkdir()
        for script in _SCRIPTS:
            shutil.copyfile(Path(__file__).with_name(script), aux / "judge" / script)
        yield aux


def _lay(aux: Path, reproduction: Reproduction) -> None:
    for name, text in reproduction.files:
        target = (aux / name).resolve()
        if not target.is_relative_to(aux) or target.is_relative_to(aux / "judge"):
            raise ExecutionError(f"The reproduction's file {name[:80]!r} leaves its folder.")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _filled(word: str, bench: Bench, tree: Path, aux: Path) -> str:
    values = {"python": bench.python, "repo": bench.repo, "tree": tree, "aux": aux}
    return re.sub(r"\{(python|repo|tree|aux)\}", lambda found: str(values[found[1]]), word)


def _brought_back(bench: Bench) -> tuple[Path, ...]:
    """The interpreter's own folders, where the sandbox would hide them."""
    roots = [Path(bench.python).parent.parent]
    if Path(bench.python).is_symlink():
        roots.append(Path(bench.python).resolve().parent.parent)
    hidden = [root for root in roots if any(root.is_relative_to(place) for place in _EMPTIED)]
    return tuple(dict.fromkeys(root for root in hidden if root.is_dir()))


def _environment(bench: Bench, tree: Path, aux: Path, seed: int) -> dict[str, str]:
    env = allowed_environment(private=aux)
    folder = Path(bench.python).parent
    if folder.is_absolute():
        env["PATH"] = f"{folder}:{env['PATH']}"
    # The tree's code must win over an editable install of the operator's checkout.
    roots = dict.fromkeys((folder_in(tree, bench.folder), tree))
    places = [place for root in roots for place in (root / "src", root) if place.is_dir()]
    env |= {
        "PYTHONPATH": ":".join(map(str, places)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONHASHSEED": str(seed),
        "GOPROXY": "off",
        "GOMODCACHE": str(Path.home() / "go" / "pkg" / "mod"),
        "GOCACHE": str(bench.cache or aux / "gocache"),
        "GOTOOLCHAIN": "local",
        "CI": "true",
        "NO_COLOR": "1",
    }
    if bench.folder:
        env["MENDWIRE_TREE"] = str(tree)
    return env | dict(bench.environment)


def _report_or_none(runner: Runner, done: Completed, aux: Path) -> Report | None:
    try:
        return read_report(runner, done, aux)
    except UnreadableReport:
        return None
