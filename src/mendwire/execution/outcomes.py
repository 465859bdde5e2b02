"""What a run was: its output made safe, and whether it failed with the error that was expected."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from mendwire.errors import Undecodable
from mendwire.execution.process import Completed
from mendwire.execution.reports import Report
from mendwire.model.codec import decode_as
from mendwire.model.printable import printable
from mendwire.model.project import Runner
from mendwire.model.work import Reproduction, Run

OUTPUT: Final = 4000
"""Characters of output kept as evidence."""
_ANSI: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Raised:
    """One exception of a chain, as the witness saw it."""

    type: str
    """Module and qualified name."""
    files: tuple[str, ...]
    """The tree's files of its traceback, relative to the tree, outermost first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """One run of a reproduction."""

    run: Run
    own: bool
    """It failed with the expected exception at the expected place."""
    raised: tuple[Raised, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Testimony:
    """What ``witness.py`` writes."""

    ended: str = ""
    """``returned``, ``raised`` or ``exited``; empty when the program left no testimony."""
    raised: tuple[Raised, ...] = ()


def shown_output(stdout: str, stderr: str) -> str:
    """The last characters of a run's output, safe to print."""
    both = "\n".join(part.strip("\n") for part in (stdout, stderr) if part.strip())
    plain = _ANSI.sub("", both[-2 * OUTPUT :])
    return printable(plain, 8 * OUTPUT, lines=True)[-OUTPUT:]


def run_of(what: str, done: Completed) -> Run:
    """The record of a run as its exit code tells it."""
    text = shown_output(done.text, done.stderr.decode("utf-8", "replace"))
    if done.timed_out:
        text = (text + f"\n[stopped after {done.seconds:.0f} s]")[-OUTPUT:]
    return Run(
        what=what,
        passed=done.exit_code == 0 and not done.timed_out,
        exit_code=done.exit_code,
        seconds=round(done.seconds, 3),
        output=text,
    )


def by_witness(what: str, done: Completed, nonce: str, wanted: Reproduction) -> Observed:
    """A reproduction that ran under the witness: it passed when its program came to its end."""
    said = [line for line in done.text.splitlines() if line.startswith(nonce)]
    plain = replace(done, stdout=done.stdout.replace(nonce.encode(), b"witness:"))
    shown = run_of(what, plain)
    testimony = _read(said[0].removeprefix(nonce)) if len(said) == 1 else _Testimony()
    ended = testimony.ended
    # A command line program of the operator's may end by sys.exit; what we or agents write may not.
    normal = ended == "returned" or (ended == "exited" and wanted.origin == "config")
    shown = replace(shown, passed=shown.passed and normal)
    own = ended == "raised" and any(_is_own(item, wanted) for item in testimony.raised)
    if not ended and done.exit_code == 0:
        note = "\n[the process ended by itself, without the program having come to its end]"
        shown = replace(shown, output=(shown.output + note)[-OUTPUT:])
    return Observed(run=_failing(shown, wanted, own=own), own=own, raised=testimony.raised)


def _read(said: str) -> _Testimony:
    try:
        return decode_as(_Testimony, said.encode())
    except Undecodable:
        return _Testimony()


def _is_own(raised: Raised, wanted: Reproduction) -> bool:
    if not wanted.expects_type and not wanted.expects_file:
        return False
    kind = not wanted.expects_type or _last(raised.type) == _last(wanted.expects_type)
    own = [name for name in raised.files if "site-packages" not in name.split("/")]
    place = not wanted.expects_file or (
        bool(own) and f"/{own[-1]}".endswith(f"/{wanted.expects_file}")
    )
    return kind and place


def _last(name: str) -> str:
    return re.split(r"[.:]+", name)[-1]


def by_output(
    what: str, done: Completed, runner: Runner, report: Report | None, wanted: Reproduction
) -> Observed:
    """Any other reproduction: by its report where there is one, else by exit code and text."""
    shown = run_of(what, done)
    text = done.text + "\n" + done.complaint
    own = not shown.passed and not done.timed_out
    if runner in {Runner.PYTEST, Runner.UNITTEST, Runner.GO}:
        ran = report is not None
        shown = replace(shown, passed=shown.passed and ran and bool(report and report.passing))
        own = own and report is not None and bool(report.failing)
        text = report.text or text if report is not None else text
    own = own and _names(text, wanted)
    return Observed(run=_failing(shown, wanted, own=own), own=own)


def _names(text: str, wanted: Reproduction) -> bool:
    if not wanted.expects_type and not wanted.expects_file:
        return False
    kind = re.escape(_last(wanted.expects_type))
    place = re.escape(wanted.expects_file)
    return (not kind or re.search(rf"(?<!\w){kind}(?!\w)", text) is not None) and (
        not place or re.search(rf"(?<![\w.\-]){place}(?![\w\-])", text) is not None
    )


def _failing(shown: Run, wanted: Reproduction, *, own: bool) -> Run:
    if not own:
        return shown
    kind = wanted.expects_type or "failure"
    place = f" in {wanted.expects_file}" if wanted.expects_file else ""
    return replace(shown, failing=(f"{kind}{place}",))
