"""Error reports around a text, as real programs print them.

A carrier says nothing by itself: whether the whole is an attack is decided by the text alone, so
the same carriers stand around harmless texts.
"""

from __future__ import annotations

import json
import random
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from training.screen import documents, stacks
from training.screen.scenery import (
    AGENTS,
    HEADERS,
    KEYS,
    LEVELS,
    MODULES,
    NODE_ERRORS,
    PYTHON_ERRORS,
    SERVICES,
    TABLES,
    chance,
    clock,
    complaint,
    ident,
    path,
)

Wrap = Callable[[str, random.Random], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Carrier:
    """One place in which a text can arrive."""

    name: str
    wrap: Wrap
    """The report with the text in it; the random source chooses the scenery."""
    most: int = 4_000
    """It does not take texts with more characters."""
    lines: bool = True
    """It takes texts of several lines."""

    def fits(self, text: str) -> bool:
        return len(text) <= self.most and (self.lines or "\n" not in text.strip())


def _as_json(value: object, rng: random.Random) -> str:
    return json.dumps(value, ensure_ascii=chance(rng, 0.2))


def _bare(text: str, _: random.Random) -> str:
    return text


def _message(text: str, rng: random.Random) -> str:
    return f"{rng.choice(PYTHON_ERRORS + NODE_ERRORS)}: {stacks.around(text, rng)}"


def _section(text: str, rng: random.Random) -> str:
    """A message that goes on after its first line, as error texts with advice do."""
    title = rng.choice(("Details", "Notes", "Hint", "More information", "Context", "See also"))
    heading = rng.choice((f"## {title}", f"{title}:", f"**{title}**", f"--- {title} ---"))
    return f"{rng.choice(PYTHON_ERRORS)}: {complaint(rng)}\n\n{heading}\n{text}"


def _log(text: str, rng: random.Random) -> str:
    level, module = rng.choice(LEVELS), rng.choice(MODULES)
    at = clock(rng)
    before = f"{at} INFO {module}: request {ident(rng)} started"
    after = f"{at} ERROR {module}: {complaint(rng)}"
    message = json.dumps(text, ensure_ascii=False)
    record = {"ts": at, "level": level, "logger": module, "msg": text}
    return rng.choice(
        (
            f"{at} {level} [{module}] {stacks.around(text, rng)}",
            f"ts={at} level={level.lower()} msg={message} module={module} req={ident(rng)}",
            _as_json(record, rng),
            f"{before}\n{at} {level} {module}: {text}\n{after}",
        )
    )


def _client(rng: random.Random) -> str:
    return f"203.0.113.{rng.randrange(256)} - - [{clock(rng)}]"


def _access_log(text: str, rng: random.Random) -> str:
    query = f"{rng.choice(KEYS)}={urllib.parse.quote_plus(text)}"
    request = f'"GET /{rng.choice(MODULES)}?{query} HTTP/1.1" 500 {rng.randrange(90, 9000)}'
    return f'{_client(rng)} {request} "-" "{rng.choice(AGENTS)}"'


def _agent_log(text: str, rng: random.Random) -> str:
    request = f'"POST /{rng.choice(MODULES)} HTTP/1.1" 400 {rng.randrange(90, 900)}'
    return f'{_client(rng)} {request} "-" "{text}"'


def _url(text: str, rng: random.Random) -> str:
    problem = rng.choice(
        (
            "404 Client Error: Not Found for url",
            "Request failed with status code 500",
            "timeout of 3000ms exceeded",
            "cURL error 28 for",
        )
    )
    quoted = rng.choice((urllib.parse.quote, urllib.parse.quote_plus))(text)
    place = f"https://{rng.choice(SERVICES)}.example/{rng.choice(MODULES)}"
    return f"{problem}: {place}?{rng.choice(KEYS)}={quoted}&page={rng.randrange(9)}"


def _headers(text: str, rng: random.Random) -> str:
    one_line = text.replace("\n", " ")
    content = rng.choice(("application/json", "text/plain", "multipart/form-data"))
    lines = [
        f"Host: {rng.choice(SERVICES)}.example",
        f"{rng.choice(HEADERS)}: {one_line}",
        f"Content-Type: {content}",
    ]
    rng.shuffle(lines)
    request = f"{rng.choice(('GET', 'POST', 'PUT'))} /{rng.choice(MODULES)} HTTP/1.1"
    return "\n".join((complaint(rng), "", request, *lines))


def _sql(text: str, rng: random.Random) -> str:
    literal = "'" + text.replace("'", "''") + "'"
    table, key = rng.choice(TABLES), rng.choice(KEYS)
    said = rng.choice(
        (
            ("INSERT INTO", table, f"({key}) VALUES ({literal})"),
            ("SELECT id FROM", table, f"WHERE {key} = {literal} LIMIT 1"),
            ("UPDATE", table, f"SET {key} = {literal} WHERE id = {rng.randrange(1, 9999)}"),
        )
    )
    return "\n".join((_database_problem(table, key, rng), f"STATEMENT:  {' '.join(said)}"))


def _database_problem(table: str, key: str, rng: random.Random) -> str:
    long = f"1406 Data too long for column '{key}' at row 1"
    check = f'new row for relation "{table}" violates check constraint "{table}_{key}_check"'
    return rng.choice(
        (
            "ERROR:  value too long for type character varying(64)",
            f"(psycopg2.errors.CheckViolation) {check}",
            f"SQLSTATE[22001]: String data, right truncated: {long}",
            f'sqlite3.OperationalError: near "{key}": syntax error',
        )
    )


def _sql_detail(text: str, rng: random.Random) -> str:
    key = rng.choice(KEYS)
    constraint = f'"{rng.choice(TABLES)}_{key}_key"'
    first = f"duplicate key value violates unique constraint {constraint}"
    return f"{first}\nDETAIL:  Key ({key})=({text}) already exists."


def _file_name(text: str, rng: random.Random) -> str:
    name = f"{text}.{rng.choice(('csv', 'pdf', 'txt', 'png', 'zip'))}"
    return rng.choice(
        (
            f"FileNotFoundError: [Errno 2] No such file or directory: {'/uploads/' + name!r}",
            f"Error: ENOENT: no such file or directory, open '/tmp/{name}'",
            f"upload rejected: {name} ({rng.randrange(1, 90)} MB) is larger than the limit",
        )
    )


def _breadcrumbs(text: str, rng: random.Random) -> str:
    category = rng.choice(("ui.input", "console", "user", "query"))
    crumbs = [
        {"category": "http", "message": f"GET /{rng.choice(MODULES)}", "level": "info"},
        {"category": category, "message": text, "level": "info"},
        {"category": "exception", "message": complaint(rng), "level": "error"},
    ]
    return _as_json({"breadcrumbs": {"values": crumbs[: rng.randrange(2, 4)]}}, rng)


def _form(text: str, rng: random.Random) -> str:
    fields = {rng.choice(KEYS): text, "csrf": ident(rng), "page": str(rng.randrange(9))}
    return f"{complaint(rng)}: {urllib.parse.urlencode(fields)}"


def _context(text: str, rng: random.Random) -> dict[str, object]:
    key, number = rng.choice(KEYS), rng.randrange(1, 9999)
    headers = {"user-agent": rng.choice(AGENTS), rng.choice(HEADERS).lower(): text}
    body = json.dumps({key: text, "id": number}, ensure_ascii=False)
    places: tuple[dict[str, object], ...] = (
        {key: text},
        {"request": {"method": "POST", "headers": headers}},
        {"body": body},
        {"breadcrumbs": [{"message": complaint(rng)}, {"message": text}]},
        {"user": {"id": number, key: text}, "tags": [rng.choice(SERVICES)]},
    )
    line = rng.randrange(3, 900)
    return {"file": path(rng, "py"), "line": line, "request_id": ident(rng)} | rng.choice(places)


def _report(text: str, rng: random.Random) -> str:
    """A body as it lies in the error stream, the text in one of its fields."""
    error = f"{rng.choice(PYTHON_ERRORS)}: {complaint(rng)}"
    context, stack = _context(complaint(rng), rng), ""
    field = rng.choice(("error", "context", "stack"))
    if field == "error":
        error = stacks.around(text, rng)
    elif field == "context":
        context = _context(text, rng)
    else:
        stack = rng.choice((stacks.python, stacks.node, stacks.java, stacks.ruby))(text, rng)
    frames = stacks.python_frames(rng)
    body: dict[str, object] = {
        "error": error,
        "stack": stack or f"{stacks.PYTHON_HEAD}\n{frames}\n{error}",
        "timestamp": clock(rng),
        "context": context,
        "service": rng.choice(SERVICES),
        "environment": rng.choice(("staging", "production")),
        "release": f"{rng.randrange(1, 9)}.{rng.randrange(30)}.{rng.randrange(9)}",
    }
    if chance(rng, 0.5):
        body["frames"] = stacks.frame_list(rng)
    return _as_json(body, rng)


def _event(text: str, rng: random.Random) -> str:
    """An event as trackers send it, the text in its exception or in what was said before."""
    said = chance(rng, 0.6)
    value = stacks.around(text, rng) if said else complaint(rng)
    exception = {
        "type": rng.choice(PYTHON_ERRORS + NODE_ERRORS).rpartition(".")[2],
        "value": value,
        "stacktrace": {"frames": stacks.frame_list(rng)},
    }
    body: dict[str, object] = {
        "event_id": ident(rng, 32),
        "timestamp": clock(rng),
        "platform": rng.choice(("python", "node", "ruby", "php")),
        "exception": {"values": [exception]},
        "environment": rng.choice(("staging", "production")),
    }
    if not said:
        crumbs = [{"category": "console", "message": text, "level": "info"}]
        more = ({"breadcrumbs": {"values": crumbs}}, {"contexts": {"page": {"note": text}}})
        body |= rng.choice((*more, {"extra": {rng.choice(KEYS): text}}))
    return _as_json(body, rng)


BARE: Final = Carrier(name="bare", wrap=_bare)
REPORT: Final = Carrier(name="report", wrap=_report)
CARRIERS: Final[tuple[Carrier, ...]] = (
    BARE,
    Carrier(name="message", wrap=_message),
    Carrier(name="section", wrap=_section),
    Carrier(name="python", wrap=stacks.python),
    Carrier(name="python-chained", wrap=stacks.python_chained),
    Carrier(name="python-code", wrap=stacks.python_code, most=400),
    Carrier(name="node", wrap=stacks.node),
    Carrier(name="node-code", wrap=stacks.node_code, most=400),
    Carrier(name="node-quoted", wrap=stacks.node_quoted),
    Carrier(name="java", wrap=stacks.java),
    Carrier(name="go", wrap=stacks.go),
    Carrier(name="ruby", wrap=stacks.ruby),
    Carrier(name="php", wrap=stacks.php),
    Carrier(name="net", wrap=stacks.net),
    Carrier(name="rust", wrap=stacks.rust),
    Carrier(name="log", wrap=_log),
    Carrier(name="access-log", wrap=_access_log, most=600),
    Carrier(name="agent-log", wrap=_agent_log, most=400, lines=False),
    Carrier(name="url", wrap=_url, most=600),
    Carrier(name="headers", wrap=_headers, most=600),
    Carrier(name="sql", wrap=_sql),
    Carrier(name="sql-detail", wrap=_sql_detail, most=400),
    Carrier(name="file-name", wrap=_file_name, most=200, lines=False),
    Carrier(name="breadcrumbs", wrap=_breadcrumbs),
    Carrier(name="event", wrap=_event),
    Carrier(name="form", wrap=_form, most=600),
    Carrier(name="ticket", wrap=documents.ticket),
    Carrier(name="mail", wrap=documents.mail),
    Carrier(name="page", wrap=documents.page),
    Carrier(name="table-row", wrap=documents.table_row),
    Carrier(name="markup", wrap=documents.markup),
    Carrier(name="build", wrap=documents.build),
    Carrier(name="history", wrap=documents.history),
    REPORT,
)
"""Every one of them, in a fixed order."""
