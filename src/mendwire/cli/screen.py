"""``mendwire screen``: what the screen says of a text, a report, or a file of them."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from typer.core import TyperGroup

from mendwire.cli.report_input import hint_at_terminal
from mendwire.errors import MendwireError, ScreenBroken
from mendwire.model.printable import printable
from mendwire.model.report import Trust
from mendwire.model.screening import Screening, ScreenVerdict
from mendwire.screen.detect import load_detector
from mendwire.screen.evaluation import Share, Tally, read_rows

DETECTED = 5
_AT_ONCE = 64
"""Texts that are judged together: that costs less than one by one."""
_CHUNK = 65_536
GROUP_HELP = (
    "Say whether a text or report tries to instruct an agent (`mendwire screen TEXT`), or what "
    "the screen does to a labelled corpus."
)
HELP = f"""Say whether a text or report tries to instruct an agent.

Reads TEXT, or else standard input; a JSON object is read field by field.

Prints verdict (pass, restrict, reject), score (0 to 1) and reasons (ids of rules): as one JSON
object with --json and where standard output is no terminal, else for people.

Exits with 0 for pass and {DETECTED} for the other two; with --jsonl always with 0.
"""
EVALUATE_HELP = f"""Count what the screen stops of a labelled corpus.

CORPUS has one JSON object a line: label (attack or benign), text or report, and what to count by.

Prints a table of recall and false positives with 95 % intervals (Wilson).

Exits with {DETECTED} where a share misses what --recall or --false-positives ask for.
"""
JSONL_HELP = (
    "Each line of standard input is a JSON string, a report, or an object with one of them under "
    "text or report; each gives one line of output, in order."
)


class _ByDefault(TyperGroup):
    """``mendwire screen TEXT`` is ``mendwire screen text TEXT``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own copy of click
        if not args or (args[0] not in self.commands and args[0] not in {"-h", "--help"}):
            args = ["text", *args]
        return super().parse_args(ctx, args)


_app = typer.Typer(
    cls=_ByDefault, help=GROUP_HELP, context_settings={"help_option_names": ["-h", "--help"]}
)


@_app.command("text", help=HELP)
def screen(
    text: Annotated[str | None, typer.Argument(help="Default: standard input.")] = None,
    *,
    jsonl: Annotated[bool, typer.Option("--jsonl", help=JSONL_HELP)] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Reasons with field, weight and excerpt.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on a terminal too.")] = False,
    low_trust: Annotated[
        bool, typer.Option("--low-trust", help="Judge as from a source of low trust.")
    ] = False,
    rules: Annotated[
        Path | None, typer.Option("--rules", help="Your own rules beside the package's (JSONL).")
    ] = None,
) -> None:
    """Judge and print."""
    detector = load_detector(rules)
    trust = Trust.LOW if low_trust else Trust.TRUSTED
    if jsonl or text is None:
        hint_at_terminal()
    if jsonl:
        for texts in _some(_rows(_arriving(sys.stdin.buffer))):
            for found in detector.of_texts(texts, trust):
                print(json.dumps(_answer(found, explain=explain)))
            sys.stdout.flush()
        return
    given = sys.stdin.buffer.read().decode("utf-8", "replace") if text is None else text
    answer = _answer(detector.of_texts([given], trust)[0], explain=explain)
    if as_json or not sys.stdout.isatty():
        print(json.dumps(answer, indent=2 if explain else None))
    else:
        print(_told(answer))
    raise typer.Exit(0 if answer["verdict"] == ScreenVerdict.PASS else DETECTED)


def _arriving(source: BinaryIO) -> Iterator[bytes | None]:
    """The lines of a stream, and None where it has no more for now: who waits gets answers."""
    begun: list[bytes] = []
    while data := source.read1(_CHUNK):  # type: ignore[attr-defined]  # every buffered stream has it
        end, *lines = data.split(b"\n")
        begun.append(end)
        if lines:
            *whole, rest = lines
            yield b"".join(begun)
            yield from whole
            yield None
            begun = [rest]
    if last := b"".join(begun):
        yield last


def _rows(lines: Iterable[bytes | None]) -> Iterator[str | MendwireError | None]:
    """The texts of lines; what is wrong with one is the last."""
    number = 0
    for line in lines:
        if line is None:
            yield None
            continue
        number += 1
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            yield MendwireError(f"Line {number} is not JSON; write one object a line.")
            return
        if isinstance(row, dict):
            row = row.get("text", row.get("report", row))
        yield row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)


def _some(rows: Iterable[str | MendwireError | None]) -> Iterator[list[str]]:
    """Texts in handfuls, those before a mistake too; raises it then."""
    texts: list[str] = []
    for row in rows:
        if isinstance(row, str):
            texts.append(row)
        if texts and (len(texts) == _AT_ONCE or not isinstance(row, str)):
            yield texts
            texts = []
        if isinstance(row, MendwireError):
            raise row
    if texts:
        yield texts


def _answer(found: Screening | ScreenBroken, *, explain: bool) -> dict[str, Any]:
    if isinstance(found, ScreenBroken):
        return {"verdict": ScreenVerdict.REJECT, "score": 1.0, "reasons": [str(found)]}
    return {"verdict": found.verdict, "score": found.score, "reasons": _reasons(found, explain)}


def _told(answer: dict[str, Any]) -> str:
    """The answer for people; excerpts are printable already."""
    lines = [f"{answer['verdict']}, score {answer['score']:.2f}"]
    for reason in answer["reasons"]:
        if isinstance(reason, str):
            lines.append(f"  {reason}")
        else:
            lines.append(f"  {reason['weight']:.2f}  {reason['rule']} in {reason['where']}")
            lines.append(f"        {reason['excerpt']}")
    return "\n".join(lines)


def _reasons(found: Screening, explain: bool) -> list[Any]:
    if not explain:
        return list(dict.fromkeys(reason.rule for reason in found.reasons))
    return [
        {
            "rule": reason.rule,
            "where": reason.where,
            "weight": reason.weight,
            "excerpt": reason.excerpt,
        }
        for reason in found.reasons
    ]


@_app.command("evaluate", help=EVALUATE_HELP)
def evaluate(
    corpus: Annotated[typer.FileBinaryRead, typer.Argument(help="JSONL; - is standard input.")],
    *,
    by: Annotated[str, typer.Option("--by", help="The rows' field to count by.")] = "source",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    low_trust: Annotated[
        bool, typer.Option("--low-trust", help="Judge as from a source of low trust.")
    ] = False,
    recall: Annotated[
        float, typer.Option("--recall", help="Smallest share of attacks stopped that is enough.")
    ] = 0.0,
    false_positives: Annotated[
        float, typer.Option("--false-positives", help="Largest share of benign rows stopped.")
    ] = 1.0,
    rules: Annotated[
        Path | None, typer.Option("--rules", help="Your own rules beside the package's (JSONL).")
    ] = None,
) -> None:
    """Judge every row and count."""
    detector = load_detector(rules)
    trust = Trust.LOW if low_trust else Trust.TRUSTED
    tally = Tally()
    began = time.monotonic()
    rows = read_rows(corpus, by)
    number = 0
    while some := list(islice(rows, _AT_ONCE)):
        for row, found in zip(
            some, detector.of_texts([row.text for row in some], trust), strict=True
        ):
            tally.add(
                row, ScreenVerdict.REJECT if isinstance(found, ScreenBroken) else found.verdict
            )
        number += len(some)
        if sys.stderr.isatty():
            pace = number / (time.monotonic() - began)
            print(f"\r{number} rows, {pace:.0f} a second", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    shares = tally.shares()
    print(json.dumps([_object(share) for share in shares]) if as_json else _table(shares))
    stopped, alarms = tally.all(attacks=True), tally.all(attacks=False)
    missed = (stopped and stopped.share < recall) or (alarms and alarms.share > false_positives)
    raise typer.Exit(DETECTED if missed else 0)


def _object(share: Share) -> dict[str, Any]:
    return {
        "label": "attack" if share.is_attack else "benign",
        "group": share.group,
        "rows": share.rows,
        "stopped": share.stopped,
        "rejected": share.rejected,
        "share": round(share.share, 6),
        "low": round(share.low, 6),
        "high": round(share.high, 6),
    }


def _table(shares: list[Share]) -> str:
    lines = ["label   group                             rows stopped  95 % interval      rejected"]
    for share in shares:
        label = "attack" if share.is_attack else "benign"
        lines.append(
            f"{label:<7} {printable(share.group, 30):<30} {share.rows:>7} {share.share:>7.2%}  "
            f"{share.low:>7.2%} - {share.high:>7.2%} {share.rejected / share.rows:>7.2%}"
        )
    return "\n".join(lines)


def register(app: typer.Typer) -> None:
    """Add this group to the command line."""
    app.add_typer(_app, name="screen")
