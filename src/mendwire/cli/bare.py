"""``mendwire report`` and ``mendwire signature``: they run on the bare install."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from mendwire.capture.outgoing import outgoing
from mendwire.capture.release import release_of
from mendwire.capture.traceback_text import body_of_text
from mendwire.cli.report_input import (
    bodies_from,
    context_from,
    overridden,
    without_release,
    without_stack,
)
from mendwire.cli.signature import SIGNATURE_HELP, add_options, print_keys
from mendwire.errors import ConfigError, Undecodable
from mendwire.model import names as naming
from mendwire.model.names import Names
from mendwire.model.report import JSONValue
from mendwire.model.scrub import ScrubPolicy, scrub_policy_from
from mendwire.settings.environment import Environment, read_environment

REPORT_HELP = (
    "Publish one error: a message, a JSON report, or a raw traceback on standard input; or, with "
    "--log, every error of a log as it grows."
)
_NO_LIMIT = 64 * 1024 * 1024


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; see {self.prog} --help.")


def run(argv: Sequence[str]) -> int:
    """Run ``report`` or ``signature``; the exit code. Raises MendwireError with its sentence."""
    verb, *rest = argv
    parser = _report_parser() if verb == "report" else _signature_parser()
    try:
        arguments = parser.parse_args(rest)
    except SystemExit as ended:
        return int(ended.code or 0)
    try:
        return _report(arguments) if verb == "report" else print_keys(arguments, *_surroundings())
    except Undecodable as problem:
        raise ConfigError(str(problem)) from None


def _report_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="mendwire report",
        description=REPORT_HELP,
        epilog="Exit codes: 0 stored or already there, 1 the server refused it, 2 bad input, "
        "3 no server or no permission. The server is found as the nats command finds it: NATS_URL, "
        "NATS_CONTEXT, .env; the project by NATS_NAMESPACE.",
    )
    parser.add_argument("message", nargs="?", help="the error's message; else standard input")
    parser.add_argument("--stack", metavar="FILE", help="the stack as text; - is standard input")
    parser.add_argument("--file", help="where it happened")
    parser.add_argument("--line", type=int, help="the line in --file")
    parser.add_argument("--request-id", metavar="ID")
    parser.add_argument("--env", help="environment, e.g. staging (default: MENDWIRE_ENVIRONMENT)")
    parser.add_argument("--service", help="default: MENDWIRE_SERVICE")
    parser.add_argument("--release", help="what runs there (default: MENDWIRE_RELEASE or CI's)")
    parser.add_argument("--type", help="the exception's type")
    parser.add_argument("--code", help="errno, HTTP status, SQLSTATE or the like")
    parser.add_argument("--level", help="error (default), fatal, warning")
    parser.add_argument("--context", metavar="K=V", action="append", default=[], help="repeatable")
    parser.add_argument("--jsonl", action="store_true", help="standard input is a report a line")
    parser.add_argument(
        "--log",
        action="store_true",
        help="standard input is a log (tail -F, journalctl -f, docker logs -f): its errors are "
        "reported as they come, with the lines of their stacks; repeats are counted, and what "
        "cannot be sent waits on disk",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="answer with one JSON object a report; with --log, with the sums at the end",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be published")
    return parser


def _signature_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="mendwire signature",
        description=SIGNATURE_HELP,
        epilog="Exit codes: 0 done, 1 a line of --jsonl is no report (its answer is an object with "
        '"error"), 2 bad input.',
    )
    add_options(parser)
    return parser


def _report(arguments: argparse.Namespace) -> int:
    surroundings = read_environment(os.environ, Path.cwd())
    for complaint in surroundings.complaints:
        print(f"mendwire: {complaint}", file=sys.stderr)
    found = surroundings.variables
    given = {
        "type": arguments.type,
        "code": arguments.code,
        "level": arguments.level,
        "service": arguments.service or found.get("MENDWIRE_SERVICE"),
        "release": arguments.release,
    }
    context = context_from(
        arguments.context,
        file=arguments.file,
        line=arguments.line,
        request_id=arguments.request_id,
    )
    if arguments.log:
        return _log(arguments, surroundings, given, context)
    source = _message_body(arguments)
    bodies = [source] if source else bodies_from(sys.stdin.buffer, is_lines=arguments.jsonl)
    ready: Iterator[dict[str, JSONValue]] = (
        overridden(body, given, context, release=release_of(found)) for body in bodies
    )
    hints: tuple[str, ...] = ()
    if not arguments.jsonl:
        whole = tuple(ready)  # what is wrong with the input is said before any connection
        hints = tuple(filter(None, map(without_stack, whole)))
        ready = iter(whole)
    chosen = arguments.env or found.get("MENDWIRE_ENVIRONMENT")
    if arguments.dry_run:
        code = _dry_run([(body, _environment(chosen, body)) for body in ready])
        print(*hints, sep="\n", end="\n" * bool(hints), file=sys.stderr)
        return code

    from mendwire.cli.report_send import send_all  # noqa: PLC0415 - loads the NATS client

    code = asyncio.run(
        send_all(
            ((_bytes(body), _environment(chosen, body)) for body in ready),
            surroundings,
            as_json=arguments.json,
        )
    )
    print(*hints, sep="\n", end="\n" * bool(hints), file=sys.stderr)
    return code


def _log(
    arguments: argparse.Namespace,
    surroundings: Environment,
    given: dict[str, str | None],
    context: dict[str, JSONValue],
) -> int:
    if arguments.jsonl or arguments.message is not None or arguments.stack is not None:
        raise ConfigError(
            "--log reads standard input as a log, so it takes no message, --stack or --jsonl."
        )
    from mendwire.cli.report_log import Stop, errors_in, send_log  # noqa: PLC0415 - loads the sender

    found, stop = surroundings.variables, Stop()
    stop.heed()
    release = release_of(found)
    ready = (
        overridden(body, given, context, release=release) if body else None
        for body in errors_in(sys.stdin.buffer, stop)
    )
    chosen = arguments.env or found.get("MENDWIRE_ENVIRONMENT")
    environment = naming.environment(chosen) if chosen else None
    if arguments.dry_run:
        return _dry_run((body, environment) for body in ready if body)
    if warning := without_release(arguments.release or release):
        print(warning, file=sys.stderr)
    return send_log(ready, surroundings, environment, stop, as_json=arguments.json)


def _message_body(arguments: argparse.Namespace) -> dict[str, JSONValue] | None:
    """The report made of arguments, or None when standard input has it."""
    if arguments.message is None and arguments.stack is None:
        if sys.stdin.isatty():
            raise ConfigError("Give a message, or pipe a traceback or a JSON report in.")
        return None
    stack = _stack_text(arguments.stack) if arguments.stack else ""
    if arguments.message is None:
        if not stack.strip():
            raise ConfigError("The stack is empty; give a message, or a file with a traceback.")
        return body_of_text(stack)
    if not arguments.message.strip():
        raise ConfigError("The message is empty; say what went wrong.")
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    message = arguments.message.encode("utf-8", "replace").decode()
    return {"error": message, "stack": stack, "timestamp": now, "context": {}}


def _stack_text(where: str) -> str:
    try:
        data = sys.stdin.buffer.read() if where == "-" else Path(where).read_bytes()
        return data.decode()
    except UnicodeDecodeError:
        raise ConfigError("The stack is not UTF-8 text.") from None
    except OSError as problem:
        raise ConfigError(f"The stack cannot be read from {where}: {problem.strerror}.") from None


def _environment(chosen: str | None, body: dict[str, JSONValue]) -> str | None:
    """The checked environment: the option, else the report's own; None is the plain subject."""
    text = chosen or body.get("environment")
    return naming.environment(text) if isinstance(text, str) and text else None


def _surroundings() -> tuple[Names, ScrubPolicy]:
    """The names, by default those of ``default``, and what is taken out of reports."""
    found = read_environment(os.environ, Path.cwd())
    names = Names(namespace=naming.namespace(found.namespace or "default"))
    return names, scrub_policy_from(found.variables)


def _dry_run(bodies: Iterable[tuple[dict[str, JSONValue], str | None]]) -> int:
    names, policy = _surroundings()
    for body, environment in bodies:
        ready = outgoing(_bytes(body), names, environment, _NO_LIMIT, policy)
        shown = {
            "subject": ready.subject,
            "msg_id": ready.msg_id,
            "signature": ready.signature,
            "issue_key": ready.issue,
            "report": json.loads(ready.payload),
        }
        print(json.dumps(shown, ensure_ascii=False, indent=2), flush=True)
        if warning := without_release(ready.report.release):
            print(warning, file=sys.stderr)
    return 0


def _bytes(body: dict[str, JSONValue]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
