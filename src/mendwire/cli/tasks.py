"""``mendwire tasks``: a queue of tasks for agents, from the shell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from mendwire.app.looking import Sight, operator
from mendwire.app.stopping import first_of
from mendwire.cli import tasks_schedule
from mendwire.cli.asking import AsJson, duration_ns, print_fields, safe, see
from mendwire.cli.tables import print_table
from mendwire.errors import ConfigError, Undecodable
from mendwire.execution.stopping import stopping
from mendwire.model.codec import encode
from mendwire.model.printable import printable
from mendwire.tasks.hand import Hand, Taken
from mendwire.tasks.listing import listing, standing
from mendwire.tasks.queue import TaskQueue
from mendwire.tasks.reading import moment

_tasks = typer.Typer(help="A queue of tasks for agents.", no_args_is_help=True)
_tasks.add_typer(tasks_schedule.app, name="schedule")

TaskId = Annotated[str, typer.Argument(metavar="ID", help="The task's id.", show_default=False)]
Agent = Annotated[
    str, typer.Option("--as", metavar="AGENT", help="Under what name; tasks assigned to it come.")
]
_BY_HAND = "by-hand"


@_tasks.command("publish")
def publish(  # noqa: PLR0913, PLR0917 - options of a command line
    kind: Annotated[str, typer.Argument(metavar="TYPE", help="E.g. investigation.")],
    description: Annotated[str, typer.Argument(help="What is to be done.")],
    priority: Annotated[str, typer.Option(help="high, normal or low.")] = "normal",
    to: Annotated[str, typer.Option(metavar="AGENT", help="An agent or role; else anyone.")] = "",
    context: Annotated[
        str, typer.Option(metavar="JSON", help="An object that the work needs, or @FILE.")
    ] = "",
    in_: Annotated[
        str, typer.Option("--in", metavar="TIME", help="Not before: 10m, 2h, 1d from now.")
    ] = "",
    at: Annotated[str, typer.Option(metavar="TIME", help="Not before: ISO 8601.")] = "",
    deadline: Annotated[
        str, typer.Option(metavar="TIME", help="1h from now, or ISO 8601; then it has failed.")
    ] = "",
    id_: Annotated[
        str, typer.Option("--id", metavar="ID", help="A second one within a day is dropped.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Store a task; a worker that is free takes it."""
    if in_ and at:
        raise ConfigError("Say --in or --at, not both.")
    given = _json(context, "--context") if context else {}
    if not isinstance(given, dict):
        raise ConfigError('--context must be a JSON object, e.g. \'{"file": "app.py"}\'.')
    published = see(
        lambda sight: TaskQueue(sight.bus).publish(
            kind,
            description,
            priority_=priority,
            to=to,
            context=given,
            due=_time(in_ or at) if in_ or at else None,
            deadline=_time(deadline) if deadline else None,
            id_=id_,
        )
    )
    due = published.due.isoformat(timespec="seconds") if published.due else None
    if as_json:
        answer = {
            "task": published.task_id,
            "subject": published.subject,
            "seq": published.seq,
            "duplicate": published.duplicate,
            "due": due,
        }
        print(json.dumps(answer))
    elif published.duplicate:
        print(f"There is a task {published.task_id} already; nothing was stored.")
    elif due:
        print(f"{published.task_id} waits until {due}.")
    else:
        print(f"{published.task_id} waits on {published.subject}.")


@_tasks.command("next")
def take_next(
    kinds: Annotated[
        list[str] | None, typer.Argument(metavar="TYPE", help="Of these types; else of any.")
    ] = None,
    agent: Agent = _BY_HAND,
    wait: Annotated[str, typer.Option(metavar="TIME", help="For one to come: 30s.")] = "",
    lease: Annotated[
        str, typer.Option(metavar="TIME", help="It is yours for so long; progress renews it.")
    ] = "30m",
    as_json: AsJson = False,
) -> None:
    """Take the next task and keep it: end it with done or fail. Ends with 4 where there is none."""
    wait_s = duration_ns(wait) / 1e9 if wait else 0.0
    lease_s = duration_ns(lease) / 1e9
    taken = see(
        lambda sight: Hand(sight.bus, agent).take(kinds or [], lease_s=lease_s, wait_s=wait_s)
    )
    if taken is None:
        print("null" if as_json else "No task waits.")
        raise typer.Exit(4)
    row = _taken_row(taken)
    if as_json:
        print(json.dumps(row, ensure_ascii=True))
    else:
        print_fields(row, 12)


@_tasks.command("progress")
def progress(
    task: TaskId,
    text: Annotated[str, typer.Argument(help="How far it came.")],
    agent: Agent = _BY_HAND,
    as_json: AsJson = False,
) -> None:
    """Tell how far a task came that you took, and renew the lease."""
    until = see(lambda sight: Hand(sight.bus, agent).progress(task, text))
    shown = until.isoformat(timespec="seconds")
    print(json.dumps({"task": task, "until": shown}) if as_json else f"Told; yours until {shown}.")


@_tasks.command("done")
def done(
    task: TaskId,
    result: Annotated[
        str, typer.Option(metavar="JSON", help="What came of it, as JSON or text, or @FILE.")
    ] = "",
    agent: Agent = _BY_HAND,
    as_json: AsJson = False,
) -> None:
    """A task that you took is done: store its result, then acknowledge it."""
    returned = _json(result, "--result", text=True) if result else None
    stored = see(lambda sight: Hand(sight.bus, agent).done(task, returned))
    print(encode(stored).decode() if as_json else f"{task} is done.")


@_tasks.command("fail")
def fail(
    task: TaskId,
    reason: Annotated[str, typer.Argument(help="Why.")],
    retry: Annotated[bool, typer.Option("--retry", help="Another try, of three in all.")] = False,
    agent: Agent = _BY_HAND,
    as_json: AsJson = False,
) -> None:
    """A task that you took has failed: it goes to the dead letters, or is tried again."""
    again = see(lambda sight: Hand(sight.bus, agent).fail(task, reason, retry=retry))
    if as_json:
        print(json.dumps({"task": task, "retried": again}))
    else:
        print(f"{task} will be tried again." if again else f"{task} has failed.")


@_tasks.command("list")
@_tasks.command("ls", hidden=True)
def list_tasks(
    all_: Annotated[bool, typer.Option("--all", help="Those with a result too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tasks that have no result yet, oldest first."""
    rows = see(lambda sight: listing(TaskQueue(sight.bus), with_ended=all_))
    columns = ("task", "type", "priority", "to", "state", "description", "at")
    print_table(rows, columns, as_json, "No task.")


@_tasks.command("show")
def show(task: TaskId, as_json: AsJson = False) -> None:
    """One task: what it is, how far it came, its result."""
    row = see(lambda sight: standing(TaskQueue(sight.bus), task))
    if as_json:
        print(json.dumps(row, ensure_ascii=True))
    else:
        print_fields(row, 12)


@_tasks.command("watch")
def watch(
    task: Annotated[str, typer.Argument(metavar="ID", help="One task, until its end.")] = "",
    as_json: AsJson = False,
) -> None:
    """Progress and results as they come."""

    async def follow(sight: Sight) -> None:
        async for what, body in TaskQueue(sight.bus).watch(task):
            _print_news(what, body, as_json)

    async def watched(sight: Sight) -> None:
        with stopping() as stop:
            await first_of(asyncio.ensure_future(follow(sight)), asyncio.ensure_future(stop.wait()))

    see(watched)


@_tasks.command("cancel")
def cancel(
    task: TaskId,
    reason: Annotated[str, typer.Option(help="Why, for its result.")] = "",
    as_json: AsJson = False,
) -> None:
    """End a task that waits or runs; ends with 1 where it had another result."""
    ended = see(lambda sight: TaskQueue(sight.bus).cancel(task, by=operator(), reason=reason))
    print(json.dumps({"task": task, "end": ended.end}) if as_json else f"{task} is {ended.end}.")
    if ended.end != "cancelled":
        raise typer.Exit(1)


def _print_news(what: str, body: Mapping[str, object], as_json: bool) -> None:
    if as_json:
        print(json.dumps({"what": what} | dict(body), ensure_ascii=True), flush=True)
        return
    text = body.get("findings") or body.get("solution") or body.get("status") or ""
    words = (body.get("task_id", ""), what, body.get("agent", ""), text)
    print("  ".join(printable(str(word), 300) for word in words), flush=True)


def _taken_row(taken: Taken) -> dict[str, object]:
    task = taken.task
    return {
        "task": task.id,
        "type": task.type,
        "kind": task.kind,
        "priority": task.priority,
        "assigned_to": task.assigned_to,
        "description": safe(task.description),
        "context": dict(task.context),
        "deadline": task.deadline.isoformat() if task.deadline else "",
        "attempt": taken.attempt,
        "until": taken.until.isoformat(timespec="seconds"),
    }


def _time(text: str) -> datetime:
    """A duration from now, or a moment; raises ConfigError."""
    with suppress(Undecodable):
        return moment(text)
    try:
        return datetime.now(UTC) + timedelta(microseconds=duration_ns(text) / 1000)
    except ConfigError:
        raise ConfigError(
            f"{text[:40]!r} is no time: write 10m, 2h, or 2026-01-31T09:30:00Z."
        ) from None


def _json(given: str, option: str, *, text: bool = False) -> object:
    """JSON, or a file's behind ``@``; with ``text`` whatever else it is. Raises ConfigError."""
    source = given
    if given.startswith("@"):
        try:
            source = Path(given[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            raise ConfigError(f"{option}: {given[1:]} cannot be read ({problem}).") from None
    try:
        value: object = json.loads(source)
    except (ValueError, RecursionError) as problem:
        if text:
            return source
        raise ConfigError(f"{option} is no JSON: {problem}.") from None
    return value


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.add_typer(_tasks, name="tasks")
