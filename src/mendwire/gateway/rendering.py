"""A stack as text, in the form in which its runtime prints it: causes are read from there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from mendwire.gateway.chain import Raised, children
from mendwire.gateway.frames import Folded, Seen, flat
from mendwire.gateway.gist import TRACEBACK
from mendwire.model.report import JSONValue
from mendwire.model.scrub import scrub_text
from mendwire.model.signature import capped

MAX_STACK: Final = 64_000
_CAUSE: Final = (
    "\nThe above exception was the direct cause of the following exception:\n",
    "\nDuring handling of the above exception, another exception occurred:\n",
)
_JAVA: Final = frozenset({"java", "kotlin", "scala", "groovy", "clojure"})
_DEEPEST: Final = 10


class Drafted(dict[str, JSONValue]):
    """A body whose stack is written from its frames once these are scrubbed.

    The text holds nothing else, so to search it again would find nothing and take most of the time
    that a report takes. Where causes hang on the exception the text is made before, and searched.
    """

    def __init__(self, body: dict[str, JSONValue], main: Raised, language: str) -> None:
        super().__init__(body)
        self._main = main
        self._language = language

    def stack_of(self, scrubbed: dict[str, JSONValue]) -> str:
        """The text for the body as it is after scrubbing; empty where there are no frames."""
        if not scrubbed.get("frames"):
            return ""
        for seen in flat(self._main.stack):
            if seen.in_app is False:
                seen.path = _clean_path(seen.path)
        main = Raised(type="", value=str(scrubbed.get("error", "")), stack=self._main.stack)
        return render([main], self._language)


@lru_cache(maxsize=4096)
def _clean_path(path: str) -> str:
    """Paths of libraries are few, and come again with each report."""
    return scrub_text(path)


def render(chain: Sequence[Raised], language: str) -> str:
    """The whole chain; empty where no exception has a frame."""
    if not any(one.stack for one in chain):
        return ""
    lines = _python(chain) if language == "python" else _crash_first(chain, language)
    return capped("\n".join(lines), MAX_STACK)


def _python(chain: Sequence[Raised]) -> Iterator[str]:
    """The oldest first, as Python prints it; a group's members are drawn below it."""
    main = chain[0]
    line = _line_of_causes(chain, main)
    for before, one in zip([None, *reversed(line)], reversed(line), strict=False):
        if before is not None:
            yield _CAUSE[before.source == "__context__"]
        yield from _python_one(chain, one, 0)


def _line_of_causes(chain: Sequence[Raised], main: Raised) -> list[Raised]:
    """The main exception, its cause, the cause's cause; unnumbered ones follow each other."""
    if all(one.parent is None for one in chain):
        return list(chain)
    line = [main]
    while len(line) < len(chain):
        causes = [one for one in children(chain, line[-1]) if not one.is_member]
        if not causes or causes[0] in line:
            break
        line.append(causes[0])
    return line


def _python_one(chain: Sequence[Raised], one: Raised, depth: int) -> Iterator[str]:
    members = [child for child in children(chain, one) if child.is_member]
    if not members or depth >= _DEEPEST:
        yield from ([TRACEBACK] if one.stack else [])
        yield from _python_frames(one.stack)
        yield one.headline
        return
    margin = "  " if not depth else ""
    yield f"{margin}+ Exception Group {TRACEBACK}"
    for line in (*_python_frames(one.stack), one.headline):
        yield f"{margin}| {line}"
    for number, member in enumerate(members, start=1):
        opening = "+-+" if number == 1 else "  +"
        yield f"{margin}{opening}---------------- {number} ----------------"
        for line in _python_one(chain, member, depth + 1):
            yield f"{margin}  {line if line.startswith('+ ') else '| ' + line}"
    yield f"{margin}  +------------------------------------"


def _python_frames(stack: Sequence[Folded]) -> Iterator[str]:
    for run in stack:
        for seen in run.frames:
            get = seen.fields.get
            file = seen.path if seen.in_app is False else get("file", "")
            yield f'  File "{file}", line {get("line", 0)}, in {get("function", "<module>")}'
            if code := get("code"):
                yield f"    {code}"
        if run.repeats:
            what = "line" if len(run.frames) == 1 else f"{len(run.frames)} lines"
            yield f"  [Previous {what} repeated {run.repeats} more times]"


def _crash_first(chain: Sequence[Raised], language: str) -> Iterator[str]:
    """The main exception first and its innermost call on top, causes below."""
    cause = "Caused by: " if language in _JAVA or language != "javascript" else "  [cause]: "
    for number, one in enumerate(chain):
        indent = "    " if language == "javascript" and number else ""
        yield f"{cause if number else ''}{one.headline or 'Error'}"
        for run in reversed(one.stack):
            for seen in reversed(run.frames):
                yield f"{indent}    at {_call(seen, language)}"
            if run.repeats:
                yield f"{indent}    ... repeated {run.repeats} more times"


def _call(seen: Seen, language: str) -> str:
    fields = seen.fields
    file, line = fields.get("file", ""), fields.get("line")
    function = fields.get("function", "")
    if language in _JAVA:
        name = f"{fields['module']}.{function}" if "module" in fields else function
        return f"{name}({file}:{line})" if line else f"{name}({file})"
    place = seen.path if seen.in_app is False else file
    if line:
        place = f"{place}:{line}"
        if language == "javascript":
            place = f"{place}:{fields.get('column', 1)}"
    return f"{function} ({place})" if function else f"{place}"
