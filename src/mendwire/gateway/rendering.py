"""A stack as text, in the form in which its runtime prints it: causes are read from there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from mendwire.gateway.chain import Raised, children
from mendwire.gateway.frames import Folded, Seen
from mendwire.model.report import Frame, JSONValue
from mendwire.model.scrub import scrub_text
from mendwire.model.signature import capped

MAX_STACK: Final = 64_000
_HEAD: Final = "Traceback (most recent call last):"
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
        frames = scrubbed.get("frames")
        clean = frames if isinstance(frames, list) else []
        if not clean or len(clean) != sum(len(run.frames) for run in self._main.stack):
            return ""
        given = iter(clean)
        stack = [
            Folded(frames=[_cleaned(seen, next(given)) for seen in run.frames], repeats=run.repeats)
            for run in self._main.stack
        ]
        error = scrubbed.get("error")
        main = Raised(type="", value=error if isinstance(error, str) else "", stack=stack)
        return render([main], self._language)


def _cleaned(seen: Seen, item: JSONValue) -> Seen:
    """Only what the text is made of; made anew, which is quicker than changing a copy."""
    clean = item if isinstance(item, dict) else {}
    frame = seen.frame
    file = str(clean.get("file", ""))
    return Seen(
        frame=Frame(
            file=file,
            line=frame.line,
            column=frame.column,
            function=str(clean.get("function", "")),
            module=str(clean.get("module", "")),
            in_app=frame.in_app,
            code=str(clean.get("code", "")),
        ),
        path=_clean_path(seen.path) if frame.in_app is False else file,
    )


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
        yield from ([_HEAD] if one.stack else [])
        yield from _python_frames(one.stack)
        yield one.headline
        return
    margin = "  " if not depth else ""
    yield f"{margin}+ Exception Group {_HEAD}"
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
            frame = seen.frame
            yield f'  File "{_path(seen)}", line {frame.line}, in {frame.function or "<module>"}'
            if frame.code:
                yield f"    {frame.code}"
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
    frame = seen.frame
    if language in _JAVA:
        name = f"{frame.module}.{frame.function}" if frame.module else frame.function
        return f"{name}({frame.file}:{frame.line})" if frame.line else f"{name}({frame.file})"
    place = _path(seen)
    if frame.line:
        place += f":{frame.line}"
        if language == "javascript":
            place += f":{frame.column or 1}"
    return f"{frame.function} ({place})" if frame.function else place


def _path(seen: Seen) -> str:
    """Of a library's frame the whole path, which shows that it is one."""
    return seen.path if seen.frame.in_app is False else seen.frame.file
