"""``mendwire signature``: the keys of reports, and what they are made of."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Final

from mendwire.capture.outgoing import Outgoing, outgoing
from mendwire.cli.report_input import Body, Refused, bodies_from, hint_at_terminal, lines_from
from mendwire.errors import ConfigError, Undecodable
from mendwire.model import names as naming
from mendwire.model.names import Names
from mendwire.model.scrub import ScrubPolicy
from mendwire.model.signature import VERSION, Canonical, canonical

SIGNATURE_HELP: Final = (
    "Print the keys of the JSON reports (or the traceback) on standard input, as JSON."
)
_NO_LIMIT: Final = 64 * 1024 * 1024
_BAD_LINES: Final = 1


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--jsonl",
        action="store_true",
        help="standard input is a report a line; one answer a line, in the same order",
    )
    parser.add_argument("--explain", action="store_true", help="show what the keys are made of")
    parser.add_argument(
        "--json", action="store_true", help="with --explain: as JSON (always so with --jsonl)"
    )
    parser.add_argument("--env", help="environment; else the report's own")


def print_keys(arguments: argparse.Namespace, names: Names, policy: ScrubPolicy) -> int:
    """Print what was asked for; the exit code, 1 where a line is no report."""
    code = 0
    for number, body in _inputs(is_lines=arguments.jsonl):
        try:
            if isinstance(body, Refused):
                raise Undecodable(body.why)  # noqa: TRY301 - one place says what is wrong
            ready = _ready(body, names, arguments.env, policy)
        except (ConfigError, Undecodable) as problem:
            if not arguments.jsonl:
                raise
            print(f"mendwire: line {number}: {problem}", file=sys.stderr)
            print(json.dumps({"error": str(problem)}))
            code = _BAD_LINES
            continue
        if arguments.explain and not (arguments.json or arguments.jsonl):
            print(explained(ready, names))
        else:
            print(json.dumps(_answer(ready, is_explained=arguments.explain)))
    return code


def _inputs(*, is_lines: bool) -> Iterator[tuple[int, Body | Refused]]:
    hint_at_terminal()
    if is_lines:
        yield from lines_from(sys.stdin.buffer)
    else:
        yield from enumerate(bodies_from(sys.stdin.buffer, is_lines=False), 1)


def _ready(body: Body, names: Names, chosen: str | None, policy: ScrubPolicy) -> Outgoing:
    text = chosen or body.get("environment")
    environment = naming.environment(text) if isinstance(text, str) and text else None
    payload = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    return outgoing(payload, names, environment, _NO_LIMIT, policy)


def _answer(ready: Outgoing, *, is_explained: bool) -> Mapping[str, object]:
    answer: dict[str, object] = {"signature": ready.signature, "issue_key": ready.issue}
    if is_explained:
        answer["version"] = VERSION
        answer["canonical"] = asdict(canonical(ready.report))
    return answer


def explained(ready: Outgoing, names: Names) -> str:
    """The canonical record for people: one line for each thing that tells errors apart."""
    record = canonical(ready.report)
    environment = ready.subject.removeprefix(names.errors(None)).removeprefix(".")
    rows = [
        ("signature", ready.signature),
        ("issue key", ready.issue),
        ("", ""),
        ("version", VERSION),
        ("namespace", f"{names.namespace}   (signature alone)"),
        ("environment", f"{environment or '-'}   (signature alone)"),
        ("service", record.service or "-"),
        ("release", f"{record.release}   (signature alone)"),
        ("fingerprint", ", ".join(map(repr, record.fingerprint)) or "-"),
        ("type", record.types[0] or "-"),
        ("code", record.code or "-"),
        ("template", record.template or "-"),
        ("crash line", f"{record.crash_line or '-'}   (signature alone)"),
        *_calls(record),
        *_causes(record),
    ]
    return "\n".join(f"{name:<12} {text}".rstrip() for name, text in rows)


def _calls(record: Canonical) -> list[tuple[str, str]]:
    shown = [f"{path or '?'}  {name or '-'}" for path, name in record.calls]
    return [("calls" if at == 0 else "", text) for at, text in enumerate(shown or ["-"])]


def _causes(record: Canonical) -> list[tuple[str, str]]:
    return [
        (
            "cause",
            f"{kind or '-'}: {template}   at {path or '?'}  {name or '-'}, line {line or '-'}",
        )
        for kind, (path, name, template), line in zip(
            record.types[1:], record.causes, record.cause_lines, strict=True
        )
    ]
