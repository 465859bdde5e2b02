"""A specialist's structured answer, read at the edge into our records; every text is untrusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from mendwire.errors import AgentError, AgentFailed, OverBudget
from mendwire.model.work import AgentAnswer, Finding, Reproduction, Review, Role

TEXT_LIMIT: Final = 20_000
"""Characters of one text of an answer; what is longer is cut."""
LIST_LIMIT: Final = 100
FILE_LIMIT: Final = 200_000
"""Characters of one file of a written reproduction; a longer one fails the answer."""


def read_answer(role: Role, value: object) -> AgentAnswer:
    """The answer of one role; raises AgentFailed where the shape is another."""
    try:
        fields = _object(value, "the answer")
        if role is Role.RESEARCH:
            return AgentAnswer(finding=_finding(fields))
        if role is Role.REVIEW:
            return AgentAnswer(review=_review(fields))
        return _explained(fields)
    except _Misshapen as problem:
        message = f"The {role} specialist gave no usable answer: {problem}."
        raise AgentFailed(message) from None


def with_cost(answer: AgentAnswer, *, cost_usd: float, turns: int, log: str) -> AgentAnswer:
    """The answer together with what its run took."""
    return replace(answer, cost_usd=cost_usd, turns=turns, log=log)


def with_tokens(ended: Callable[[], AgentAnswer], tokens: int) -> AgentAnswer:
    """What an ended run gave, or the exception that it raises, together with its tokens."""
    try:
        return replace(ended(), tokens=tokens)
    except AgentError as problem:
        problem.tokens = tokens
        raise


def out_of_tokens(used: int, *, cost_usd: float = 0.0) -> OverBudget:
    """The end of a run that used more than it may."""
    return OverBudget(
        f"The agent's run met its token limit (used {used:,}): raise limits.run_tokens in "
        "mendwire.toml if it needs more.",
        cost_usd=cost_usd,
        tokens=used,
    )


class _Misshapen(Exception):
    """Half a sentence: what is wrong."""


def _finding(fields: Mapping[str, object]) -> Finding:
    return Finding(
        summary=_text(fields, "summary"),
        cause=_text(fields, "cause"),
        files=_texts(fields, "files"),
        similar=_texts(fields, "similar"),
        confidence=_share(fields, "confidence"),
    )


def _review(fields: Mapping[str, object]) -> Review:
    approved = fields.get("approved")
    if not isinstance(approved, bool):
        raise _Misshapen("'approved' is not true or false")
    return Review(approved=approved, comments=_text(fields, "comments"))


def _explained(fields: Mapping[str, object]) -> AgentAnswer:
    written = fields.get("reproduction")
    return AgentAnswer(
        explanation=_text(fields, "explanation"),
        reproduction=None if written is None else _reproduction(_object(written, "reproduction")),
    )


def _reproduction(fields: Mapping[str, object]) -> Reproduction | None:
    command = _texts(fields, "command")
    files = fields.get("files", [])
    if not isinstance(files, list) or len(files) > LIST_LIMIT:
        raise _Misshapen("'reproduction.files' is not a short list")
    laid = tuple(_file(_object(item, "a file of the reproduction")) for item in files)
    return Reproduction(command=command, origin="written", files=laid) if command else None


def _file(fields: Mapping[str, object]) -> tuple[str, str]:
    path, text = fields.get("path"), fields.get("text")
    if not isinstance(path, str) or not isinstance(text, str) or len(text) > FILE_LIMIT:
        raise _Misshapen("a file of the reproduction has no path, no text or too much of it")
    pure = PurePosixPath(path)
    if not path or pure.is_absolute() or ".." in pure.parts or "\0" in path:
        raise _Misshapen("a file of the reproduction lies outside its folder")
    return str(pure), text


def _object(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _Misshapen(f"{what} is not an object")
    return value


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise _Misshapen(f"'{name}' is not a text")
    return value[:TEXT_LIMIT]


def _texts(fields: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = fields.get(name)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _Misshapen(f"'{name}' is not a list of texts")
    return tuple(item[:TEXT_LIMIT] for item in value[:LIST_LIMIT])


def _share(fields: Mapping[str, object], name: str) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise _Misshapen(f"'{name}' is not a number from 0 to 1")
    return float(value)
