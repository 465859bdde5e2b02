"""The commit message of a fix: it tells the story. Title and trailers are ours, prose is fenced."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from mendwire.deliver.attached import ROOM, attached
from mendwire.deliver.neutral import fenced
from mendwire.errors import Undecodable
from mendwire.model.case import Case
from mendwire.model.evidence import Evidence
from mendwire.model.report import UNKNOWN_RELEASE, ErrorReport, parse_report
from mendwire.model.signature import crash_frame, error_type
from mendwire.model.work import Change, Run

_TYPE: Final = re.compile(r"[A-Za-z_]\w{0,60}", re.ASCII)
_FUNCTION: Final = re.compile(r"[A-Za-z_][\w.]{0,60}", re.ASCII)
_FILE: Final = re.compile(r"[\w][\w./-]{0,80}", re.ASCII)
_TITLE: Final = 72
LONGEST: Final = 65_536
"""Characters of a request's text that GitHub takes; GitLab takes more."""
_UNSHOWN: Final = "What was run is not shown: it may hold a secret."
_CASE: Final = "Mendwire-Case"


def commit_message(case: Case) -> str:
    """The whole message for ``case``, which has its change; the same case gives the same text."""
    report = _report(case)
    parts = [title(case, report), *_story(case, report), _trailers(case)]
    return "\n\n".join(parts) + "\n"


def round_message(case: Case) -> str:
    """Of the commit by which a delivered fix is made anew; the remarks are not repeated."""
    why = "Made anew for what people who review this fix asked for, and proved again."
    parts = [title(case, _report(case)), why, *_story(case, _report(case)), _trailers(case)]
    return "\n\n".join(parts) + f"\nMendwire-Round: {case.reworks}\n"


def title(case: Case, report: ErrorReport | None) -> str:
    """One line of safe words: ``Fix KeyError in checkout (shop/cart.py)``."""
    frame = crash_frame(report) if report else None
    kind = _word(_TYPE, re.split(r"[.:$\\/]", error_type(report))[-1] if report else "")
    function = _word(_FUNCTION, frame.function if frame else "")
    text = f"Fix {kind or 'an error'}" + (f" in {function}" if function else "")
    file = _word(_FILE, _file(case))
    return f"{text} ({file})" if file and len(text) + len(file) + 3 <= _TITLE else text[:_TITLE]


def request_text(case: Case, evidence: Evidence | None) -> str:
    """What a pull or merge request says of the case: the story, what proves it, and whose it is.

    Without ``evidence``, which may hold a secret, the proof's verdicts stand alone.
    """
    before = [
        "Mendwire found, made and proved this change. Nobody has read it yet: please do.",
        *_story(case, _report(case)),
        f"Proved against commit {case.base[:12]}; merge, change or close it as you see fit.",
    ]
    after = [
        f"All that was run and seen: `mendwire cases evidence {case.case_id}`.",
        _trailers(case),
    ]
    room = min(ROOM, LONGEST - len("\n\n".join([*before, *after])) - 10)
    shown = attached(evidence, room) if evidence else _UNSHOWN
    return "\n\n".join(filter(None, [*before, shown, *after])) + "\n"


def told_words(case: Case) -> Iterator[str]:
    """What of others stands in our texts, as they wrote it: broken up, a secret looks like none."""
    report, finding, change = _report(case), case.finding, case.change
    if report:
        yield report.error
    if finding:
        yield finding.cause or finding.summary
    if change:
        yield change.explanation


def request_title(case: Case) -> str:
    """One line of safe words."""
    return title(case, _report(case))


def belongs_to(message: str, case_id: str) -> bool:
    """Whether a commit's message carries our trailer for this case."""
    last = message.strip().rpartition("\n\n")[2]
    return f"{_CASE}: {case_id}" in last.splitlines()


def _story(case: Case, report: ErrorReport | None) -> Iterator[str]:
    if report:
        yield f"The error, as reported{_from(case)}:\n\n{fenced(report.error, 500)}"
    finding = case.finding
    if finding and (finding.cause or finding.summary):
        yield f"The cause:\n\n{fenced(finding.cause or finding.summary)}"
    if case.change:
        yield _what(case.change)
    if case.proof:
        times = Counter(map(_line, case.proof.runs))
        lines = [line if n == 1 else f"{line} ({n} times)" for line, n in times.items()]
        yield "\n".join(["The proof, computed by Mendwire:", "", *lines[:20]])


def _what(change: Change) -> str:
    files = "1 file" if len(change.files) == 1 else f"{len(change.files)} files"
    text = f"The change ({files}, +{change.added} -{change.removed})"
    return f"{text}:\n\n{fenced(change.explanation)}" if change.explanation.strip() else f"{text}."


def _line(run: Run) -> str:
    ended = "passed" if run.passed else f"failed with exit code {run.exit_code}"
    tests = len(run.passing) + len(run.failing)
    counted = f", {len(run.passing)} of {tests} tests passed" if tests and run.passing else ""
    return fenced(f"{run.what}: {ended}{counted}", 200)


def _from(case: Case) -> str:
    # Not how often: that grows while the case is being delivered, and the commit must stay one.
    release = _word(_FILE, case.release)
    return f" by release {release}" if release and release != UNKNOWN_RELEASE else ""


def _trailers(case: Case) -> str:
    values = {
        _CASE: case.case_id,
        "Mendwire-Issue": case.issue,
        "Mendwire-Verdict": case.verdict.value if case.verdict else "unknown",
        "Mendwire-Base": case.base,
    }
    return "\n".join(f"{name}: {value}" for name, value in values.items())


def _report(case: Case) -> ErrorReport | None:
    try:
        return parse_report(case.report)
    except Undecodable:
        return None


def _file(case: Case) -> str:
    files = case.change.files if case.change else ()
    crash = case.finding.reproduction if case.finding else None
    expected = crash.expects_file if crash else ""
    return expected or (files[0] if files else "")


def _word(pattern: re.Pattern[str], text: str) -> str:
    return text if pattern.fullmatch(text) else ""
