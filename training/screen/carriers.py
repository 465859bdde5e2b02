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

from training.screen import scenery
from training.screen.scenery import clock, ident

Wrap = Callable[[str, random.Random], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Carrier:
    """One place in which a text can arrive."""

    name: str
    wrap: Wrap
    most: int = 4_000
    """It does not take texts with more characters."""
    lines: bool = True
    """It takes texts of several lines."""

    def fits(self, text: str) -> bool:
        return len(text) <= self.most and (self.lines or "\n" not in text.strip())


def _quoted(text: str, rng: random.Random) -> str:
    """As ``repr`` or a JSON encoder prints it."""
    if rng.random() < 0.5:  # noqa: PLR2004 - a share
        return repr(text)
    return json.dumps(text, ensure_ascii=rng.random() < 0.2)  # noqa: PLR2004 - a share


def _complaint(rng: random.Random) -> str:
    return rng.choice(scenery.COMPLAINTS)


def _around(text: str, rng: random.Random) -> str:
    """A message with the text in it: bare, after a complaint, quoted, or before a tail."""
    way = rng.randrange(5)
    if way == 0:
        return text
    if way == 1:
        return f"{_complaint(rng)}: {text}"
    if way == 2:  # noqa: PLR2004 - the third way
        return f"{_complaint(rng)} {_quoted(text, rng)}"
    if way == 3:  # noqa: PLR2004 - the fourth way
        return f"{text} (request {ident(rng)})"
    return f"{_complaint(rng)}\n{text}"


def _python_frames(rng: random.Random) -> str:
    lines = []
    for _ in range(rng.randrange(1, 5)):
        function = rng.choice(scenery.FUNCTIONS)
        where = f'  File "{scenery.path(rng, "py")}", line {rng.randrange(3, 900)}, in {function}'
        lines += [where, f"    return {rng.choice(scenery.FUNCTIONS)}({rng.choice(scenery.KEYS)})"]
    return "\n".join(lines)


def _python(text: str, rng: random.Random) -> str:
    kind = rng.choice(scenery.PYTHON_ERRORS)
    head = "Traceback (most recent call last):"
    return f"{head}\n{_python_frames(rng)}\n{kind}: {_around(text, rng)}"


def _python_chained(text: str, rng: random.Random) -> str:
    between = rng.choice(
        (
            "During handling of the above exception, another exception occurred:",
            "The above exception was the direct cause of the following exception:",
        )
    )
    last = f"{rng.choice(scenery.PYTHON_ERRORS)}: {_complaint(rng)}"
    head = "Traceback (most recent call last):"
    return f"{_python(text, rng)}\n\n{between}\n\n{head}\n{_python_frames(rng)}\n{last}"


def _python_code(text: str, rng: random.Random) -> str:
    comment = text.replace("\n", f"\n{' ' * 4}# ")
    kind = rng.choice(scenery.PYTHON_ERRORS)
    where = f'  File "{scenery.path(rng, "py")}", line {rng.randrange(9, 400)}, in {rng.choice(scenery.FUNCTIONS)}'
    code = f"    value = data[{rng.choice(scenery.KEYS)!r}]  # {comment}"
    return f"Traceback (most recent call last):\n{where}\n{code}\n{kind}: {_complaint(rng)}"


def _node_frames(rng: random.Random) -> str:
    return "\n".join(
        f"    at {rng.choice(('async ', 'new ', ''))}{scenery.class_name(rng)}."
        f"{rng.choice(scenery.FUNCTIONS)} ({scenery.path(rng, 'js')}:{rng.randrange(1, 500)}:{rng.randrange(1, 80)})"
        for _ in range(rng.randrange(1, 6))
    )


def _node(text: str, rng: random.Random) -> str:
    return f"{rng.choice(scenery.NODE_ERRORS)}: {_around(text, rng)}\n{_node_frames(rng)}"


def _node_code(text: str, rng: random.Random) -> str:
    comment = text.replace("\n", "\n// ")
    where = f"{scenery.path(rng, 'ts')}:{rng.randrange(2, 500)}"
    code = f"  const {rng.choice(scenery.KEYS)} = {rng.choice(scenery.FUNCTIONS)}(req.body); // {comment}"
    kind = rng.choice(scenery.NODE_ERRORS)
    return f"{where}\n{code}\n        ^\n\n{kind}: {_complaint(rng)}\n{_node_frames(rng)}"


def _java(text: str, rng: random.Random) -> str:
    frames = "\n".join(
        f"\tat com.example.{rng.choice(scenery.MODULES)}.{(name := scenery.class_name(rng))}."
        f"{rng.choice(scenery.FUNCTIONS)}({name}.java:{rng.randrange(10, 700)})"
        for _ in range(rng.randrange(1, 6))
    )
    kind = rng.choice(scenery.JAVA_ERRORS)
    if rng.random() < 0.3:  # noqa: PLR2004 - a share
        cause = rng.choice(scenery.JAVA_ERRORS)
        return f"{kind}: {_complaint(rng)}\n{frames}\nCaused by: {cause}: {_around(text, rng)}\n\t... {rng.randrange(3, 60)} more"
    return f'Exception in thread "main" {kind}: {_around(text, rng)}\n{frames}'


def _go(text: str, rng: random.Random) -> str:
    function = f"main.(*{scenery.class_name(rng)}).{rng.choice(scenery.FUNCTIONS)}"
    frame = f"{function}(0xc{ident(rng, 9)}, 0x{ident(rng, 2)})\n\t{scenery.path(rng, 'go')}:{rng.randrange(9, 400)} +0x{ident(rng, 3)}"
    return f"panic: {_around(text, rng)}\n\ngoroutine {rng.randrange(1, 300)} [running]:\n{frame}\nexit status 2"


def _ruby(text: str, rng: random.Random) -> str:
    place = f"{scenery.path(rng, 'rb')}:{rng.randrange(3, 300)}:in `{rng.choice(scenery.FUNCTIONS)}'"
    frames = "\n".join(
        f"\tfrom {scenery.path(rng, 'rb')}:{rng.randrange(3, 300)}:in `{rng.choice(scenery.FUNCTIONS)}'"
        for _ in range(rng.randrange(1, 4))
    )
    return f"{place}: {_around(text, rng)} ({rng.choice(scenery.RUBY_ERRORS)})\n{frames}"


def _php(text: str, rng: random.Random) -> str:
    kind = rng.choice(scenery.PHP_ERRORS)
    place = f"{scenery.path(rng, 'php')}:{rng.randrange(3, 300)}"
    frames = "\n".join(
        f"#{at} {scenery.path(rng, 'php')}({rng.randrange(3, 300)}): App\\{scenery.class_name(rng)}->{rng.choice(scenery.FUNCTIONS)}()"
        for at in range(rng.randrange(1, 4))
    )
    return f"PHP Fatal error:  Uncaught {kind}: {_around(text, rng)} in {place}\nStack trace:\n{frames}"


def _net(text: str, rng: random.Random) -> str:
    frames = "\n".join(
        f"   at Shop.{scenery.class_name(rng)}.{rng.choice(scenery.FUNCTIONS).capitalize()}(String value) in {scenery.path(rng, 'cs')}:line {rng.randrange(3, 300)}"
        for _ in range(rng.randrange(1, 4))
    )
    return f"Unhandled exception. {rng.choice(scenery.NET_ERRORS)}: {_around(text, rng)}\n{frames}"


def _rust(text: str, rng: random.Random) -> str:
    place = f"{scenery.path(rng, 'rs')}:{rng.randrange(3, 300)}:{rng.randrange(3, 60)}"
    note = "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace"
    if rng.random() < 0.5:  # noqa: PLR2004 - a share
        return f"thread 'main' panicked at {place}:\n{_around(text, rng)}\n{note}"
    return f"thread 'tokio-runtime-worker' panicked at {place}:\ncalled `Result::unwrap()` on an `Err` value: {json.dumps(text)}\n{note}"


def _log(text: str, rng: random.Random) -> str:
    way = rng.randrange(4)
    level, module = rng.choice(scenery.LEVELS), rng.choice(scenery.MODULES)
    if way == 0:
        return f"{clock(rng)} {level} [{module}] {_around(text, rng)}"
    if way == 1:
        return f"ts={clock(rng)} level={level.lower()} msg={json.dumps(text, ensure_ascii=False)} module={module} req={ident(rng)}"
    if way == 2:  # noqa: PLR2004 - the third way
        record = {"ts": clock(rng), "level": level, "logger": module, "msg": text}
        return json.dumps(record, ensure_ascii=rng.random() < 0.2)  # noqa: PLR2004 - a share
    before = f"{clock(rng)} INFO {module}: request {ident(rng)} started"
    after = f"{clock(rng)} ERROR {module}: {_complaint(rng)}"
    return f"{before}\n{clock(rng)} {level} {module}: {text}\n{after}"


def _access_log(text: str, rng: random.Random) -> str:
    query = urllib.parse.quote_plus(text)
    agent = rng.choice(scenery.AGENTS)
    return f'203.0.113.{rng.randrange(256)} - - [{clock(rng)}] "GET /{rng.choice(scenery.MODULES)}?{rng.choice(scenery.KEYS)}={query} HTTP/1.1" 500 {rng.randrange(90, 9000)} "-" "{agent}"'


def _agent_log(text: str, rng: random.Random) -> str:
    return f'203.0.113.{rng.randrange(256)} - - [{clock(rng)}] "POST /{rng.choice(scenery.MODULES)} HTTP/1.1" 400 {rng.randrange(90, 900)} "-" "{text}"'


def _url(text: str, rng: random.Random) -> str:
    host = f"{rng.choice(scenery.SERVICES)}.example"
    quote = rng.choice((urllib.parse.quote, urllib.parse.quote_plus))
    kind = rng.choice(("404 Client Error: Not Found for url", "Request failed with status code 500", "timeout of 3000ms exceeded", "cURL error 28 for"))
    return f"{kind}: https://{host}/{rng.choice(scenery.MODULES)}?{rng.choice(scenery.KEYS)}={quote(text)}&page={rng.randrange(9)}"


def _headers(text: str, rng: random.Random) -> str:
    one_line = text.replace("\n", " ")
    lines = [
        f"Host: {rng.choice(scenery.SERVICES)}.example",
        f"{rng.choice(scenery.HEADERS)}: {one_line}",
        f"Content-Type: {rng.choice(('application/json', 'text/plain', 'multipart/form-data'))}",
    ]
    rng.shuffle(lines)
    return f"{_complaint(rng)}\n\n{rng.choice(('GET', 'POST', 'PUT'))} /{rng.choice(scenery.MODULES)} HTTP/1.1\n" + "\n".join(lines)


def _sql(text: str, rng: random.Random) -> str:
    literal = text.replace("'", "''")
    table, key = rng.choice(scenery.TABLES), rng.choice(scenery.KEYS)
    statement = rng.choice(
        (
            f"INSERT INTO {table} ({key}) VALUES ('{literal}')",
            f"SELECT id FROM {table} WHERE {key} = '{literal}' LIMIT 1",
            f"UPDATE {table} SET {key} = '{literal}' WHERE id = {rng.randrange(1, 9999)}",
        )
    )
    return rng.choice(
        (
            f'ERROR:  value too long for type character varying(64)\nSTATEMENT:  {statement}',
            f'(psycopg2.errors.CheckViolation) new row for relation "{table}" violates check constraint "{table}_{key}_check"\n[SQL: {statement}]',
            f"SQLSTATE[22001]: String data, right truncated: 1406 Data too long for column '{key}' at row 1 (SQL: {statement})",
            f"sqlite3.OperationalError: near \"{key}\": syntax error\n{statement}",
        )
    )


def _sql_detail(text: str, rng: random.Random) -> str:
    key = rng.choice(scenery.KEYS)
    return f'duplicate key value violates unique constraint "{rng.choice(scenery.TABLES)}_{key}_key"\nDETAIL:  Key ({key})=({text}) already exists.'


def _file_name(text: str, rng: random.Random) -> str:
    name = f"{text}.{rng.choice(('csv', 'pdf', 'txt', 'png', 'zip'))}"
    way = rng.randrange(3)
    if way == 0:
        return f"FileNotFoundError: [Errno 2] No such file or directory: {('/uploads/' + name)!r}"
    if way == 1:
        return f"Error: ENOENT: no such file or directory, open '/tmp/{name}'\n{_node_frames(rng)}"
    return f"upload rejected: {name} ({rng.randrange(1, 90)} MB) is larger than the limit"


def _breadcrumbs(text: str, rng: random.Random) -> str:
    crumbs = [
        {"category": "http", "message": f"GET /{rng.choice(scenery.MODULES)}", "level": "info"},
        {"category": rng.choice(("ui.input", "console", "user", "query")), "message": text, "level": "info"},
        {"category": "exception", "message": _complaint(rng), "level": "error"},
    ]
    return json.dumps({"breadcrumbs": {"values": crumbs[: rng.randrange(2, 4)]}}, ensure_ascii=rng.random() < 0.2)  # noqa: PLR2004 - a share


def _section(text: str, rng: random.Random) -> str:
    """A message that goes on after its first line, as error texts with advice do."""
    title = rng.choice(("Details", "Notes", "Hint", "More information", "Additional context", "See also"))
    first = f"{rng.choice(scenery.PYTHON_ERRORS)}: {_complaint(rng)}"
    return f"{first}\n\n{rng.choice((f'## {title}', f'{title}:', f'**{title}**', f'--- {title} ---'))}\n{text}"


def _form(text: str, rng: random.Random) -> str:
    fields = {rng.choice(scenery.KEYS): text, "csrf": ident(rng), "page": str(rng.randrange(9))}
    return f"{_complaint(rng)}: {urllib.parse.urlencode(fields)}"


def _context(text: str, rng: random.Random) -> dict[str, object]:
    key = rng.choice(scenery.KEYS)
    plain: dict[str, object] = {
        "file": scenery.path(rng, "py"),
        "line": rng.randrange(3, 900),
        "request_id": ident(rng),
    }
    way = rng.randrange(5)
    if way == 0:
        return plain | {key: text}
    if way == 1:
        agent = rng.choice(scenery.AGENTS)
        headers = {"user-agent": agent, rng.choice(scenery.HEADERS).lower(): text}
        return plain | {"request": {"method": "POST", "headers": headers}}
    if way == 2:  # noqa: PLR2004 - the third way
        body = json.dumps({key: text, "id": rng.randrange(1, 9999)}, ensure_ascii=False)
        return plain | {"body": body}
    if way == 3:  # noqa: PLR2004 - the fourth way
        return plain | {"breadcrumbs": [{"message": _complaint(rng)}, {"message": text}]}
    return plain | {"user": {"id": rng.randrange(1, 9999), key: text}, "tags": [rng.choice(scenery.SERVICES)]}


def _report(text: str, rng: random.Random) -> str:
    """A body as it lies in the error stream, the text in one of its fields."""
    kind = rng.choice(scenery.PYTHON_ERRORS)
    error, context, stack = f"{kind}: {_complaint(rng)}", _context("42", rng), ""
    way = rng.randrange(3)
    if way == 0:
        error = _around(text, rng)
    elif way == 1:
        context = _context(text, rng)
    else:
        stack = rng.choice((_python, _node, _java, _ruby, _php))(text, rng)
    body = {
        "error": error,
        "stack": stack or f"Traceback (most recent call last):\n{_python_frames(rng)}\n{error}",
        "timestamp": clock(rng),
        "context": context,
        "service": rng.choice(scenery.SERVICES),
        "environment": rng.choice(("staging", "production")),
        "release": f"{rng.randrange(1, 9)}.{rng.randrange(30)}.{rng.randrange(9)}",
    }
    return json.dumps(body, ensure_ascii=rng.random() < 0.2)  # noqa: PLR2004 - a share


def _bare(text: str, _: random.Random) -> str:
    return text


def _message(text: str, rng: random.Random) -> str:
    return f"{rng.choice(scenery.PYTHON_ERRORS + scenery.NODE_ERRORS)}: {_around(text, rng)}"


CARRIERS: Final[tuple[Carrier, ...]] = (
    Carrier(name="bare", wrap=_bare),
    Carrier(name="message", wrap=_message),
    Carrier(name="section", wrap=_section),
    Carrier(name="python", wrap=_python),
    Carrier(name="python-chained", wrap=_python_chained),
    Carrier(name="python-code", wrap=_python_code, most=400),
    Carrier(name="node", wrap=_node),
    Carrier(name="node-code", wrap=_node_code, most=400),
    Carrier(name="java", wrap=_java),
    Carrier(name="go", wrap=_go),
    Carrier(name="ruby", wrap=_ruby),
    Carrier(name="php", wrap=_php),
    Carrier(name="net", wrap=_net),
    Carrier(name="rust", wrap=_rust),
    Carrier(name="log", wrap=_log),
    Carrier(name="access-log", wrap=_access_log, most=600),
    Carrier(name="agent-log", wrap=_agent_log, most=400, lines=False),
    Carrier(name="url", wrap=_url, most=600),
    Carrier(name="headers", wrap=_headers, most=600),
    Carrier(name="sql", wrap=_sql),
    Carrier(name="sql-detail", wrap=_sql_detail, most=400),
    Carrier(name="file-name", wrap=_file_name, most=200, lines=False),
    Carrier(name="breadcrumbs", wrap=_breadcrumbs),
    Carrier(name="form", wrap=_form, most=600),
    Carrier(name="report", wrap=_report),
)
"""Every one of them, in a fixed order."""
