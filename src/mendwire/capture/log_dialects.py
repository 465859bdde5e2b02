"""What frameworks make of a crash when they log it, told again as the runtime itself would.

So that a log's line and a report of the program itself come to the same type and calls.
"""

from __future__ import annotations

import re
from typing import Final

_HEAD: Final = 10_000
"""Characters in which the beginning of a crash is looked for."""
_TRIES: Final = 5
_OTP_RAISED: Final = re.compile(
    r"exception (?:error|exit|throw): ([^\n]{1,4000}?)(?=\n|, in function|, in call|$)"
)
_OTP_CALL: Final = re.compile(r"\bin (?:function|call from) +(\S+) \(([^,()\n]+), line (\d+)\)")
_ATOM: Final = re.compile(r"\{?([a-z]\w*)")
_MONOLOG: Final = re.compile(
    r"\[object\] \(([\w\\]+)\(code: [^)\n]{0,40}\): ([^\n]{0,4000}?) at ([^\s:]+):(\d+)\)"
    r"(?:\n\[stacktrace\]\n((?:#[^\n]*\n?)*))?"
)
_RAILS: Final = re.compile(r"(?m)(?:^|-- : )([A-Z]\w*(?:::[A-Z]\w*)*) \(([^\n]{0,4000})\):[ \t]*$")
_APPLICATION: Final = re.compile(
    r"(?m)^( *)\(([a-z]\w*) [^)\n]{1,40}\) (?=[^ :\n]+\.(?:exs?|erl):\d)"
)
_LIBRARIES: Final = re.compile(
    "(?:absinthe|bandit|cowboy|cowlib|db_connection|ecto|ecto_sql|eex|elixir|ex_unit|finch"
    "|gen_stage|hackney|iex|inets|jason|kernel|logger|mint|mix|oban|phoenix|phoenix_live_view"
    "|phoenix_pubsub|plug|plug_cowboy|postgrex|ranch|req|ssl|stdlib|telemetry|tesla"
    "|thousand_island)"
)


def retold(text: str) -> str:
    """The record with its crash in the runtime's words; other texts as they are."""
    if found := _first(_OTP_RAISED, "exception ", text):
        return _erlang(text, found[1])
    if found := _first(_MONOLOG, "[object] (", text):
        return _php(found)
    return _APPLICATION.sub(_application, text) if "\n" in text else text


def named_by_rails(text: str) -> tuple[str, str]:
    """Type and message of ``OrderFailed (no price):`` above a stack of Ruby; empty where not."""
    found = _RAILS.search(text[:_HEAD])
    return (found[1], found[2]) if found else ("", "")


def _first(pattern: re.Pattern[str], start: str, text: str) -> re.Match[str] | None:
    """Where it first matches, of a few places that begin so: a hostile text has very many."""
    at = -1
    for _ in range(_TRIES):
        at = text.find(start, at + 1, _HEAD)
        if at < 0:
            return None
        if found := pattern.match(text, at):
            return found
    return None


def _erlang(text: str, reason: str) -> str:
    """As Elixir tells it."""
    calls = _OTP_CALL.findall(text)
    if not calls:
        return text
    atom = _ATOM.match(reason)
    lines = [f"    {file}:{line}: {function}" for function, file, line in calls]
    return "\n".join([f"** ({atom[1] if atom else 'error'}) {reason}", *lines])


def _php(found: re.Match[str]) -> str:
    """As PHP's own log has it. Monolog wrote it into JSON, where backslashes are doubled."""
    kind, message, file, line, stack = (part or "" for part in found.groups())
    title = f"PHP Fatal error:  Uncaught {kind}: {message} in {file}:{line}"
    text = f"{title}\nStack trace:\n{stack.rstrip()}" if stack else title
    return text.replace("\\\\", "\\")


def _application(found: re.Match[str]) -> str:
    """A frame of Elixir's: one of a library goes below ``deps``."""
    return f"{found[1]}deps/{found[2]}/" if _LIBRARIES.fullmatch(found[2]) else found[0]
