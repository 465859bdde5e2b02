"""The rules as data: ``patterns.jsonl`` in this package, and the operator's own file beside it.

Three kinds of rows, one JSON object a line (``#`` starts a comment):

    {"words": "IGNORE", "are": ["ignore", "pay no attention to", ...]}
    {"rule": "override", "weight": 0.9, "says": "...", "steps": ["IGNORE ..4 PRIOR ..3 ORDERS"]}
    {"rule": "role", "weight": 0.8, "says": "...", "tokens": [[{"LOWER": "system"}, ...]]}
    {"rule": "pipe-to-shell", "weight": 0.8, "says": "...", "regex": ["..."], "needs": ["curl"]}

A step is a word list's name in capitals, a literal word, or alternatives joined by ``|``; ``..4``
allows up to four tokens between, ``^`` starts at the beginning of a text, ``$`` ends at its end.
``tokens`` are spaCy's Matcher patterns. ``regex`` is for the package's own, reviewed to run in
linear time: an operator's file may not hold it, for the text it would run on is an attacker's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from mendwire.errors import ScreenUnavailable
from mendwire.screen.normalise import fold

_LIST_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]*")
_GAP: Final = re.compile(r"\.\.(\d{1,2})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One link of a chain."""

    lists: tuple[str, ...]
    """Any of these word lists."""
    gap: int
    """At most this many tokens lie before it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """Word lists in order, close together: what a rule looks for."""

    rule: str
    steps: tuple[Step, ...]
    at_start: bool = False
    at_end: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One thing an attack does."""

    name: str
    weight: float
    """Its own score, 0 to 1."""
    says: str
    """What it means, for people."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """Everything the matcher is built from."""

    rules: Mapping[str, Rule]
    lists: Mapping[str, tuple[str, ...]]
    """Folded phrases by name."""
    chains: tuple[Chain, ...]
    tokens: tuple[tuple[str, tuple[list[dict[str, Any]], ...]], ...]
    """(rule, spaCy Matcher patterns)."""
    regexes: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...]
    """(rule, strings of which one must be there, pattern), for folded text."""


HIDDEN_RULES: Final = (
    Rule(name="hidden-tag-characters", weight=0.9, says="Text written in invisible tag characters"),
    Rule(name="hidden-direction-override", weight=0.6, says="Text whose direction is overridden"),
    Rule(name="hidden-inside-words", weight=0.85, says="Invisible characters inside words"),
    Rule(name="too-long-to-scan", weight=0.55, says="More text than the screen reads"),
    Rule(name="too-much-to-decode", weight=0.55, says="More layers than the screen undoes"),
)


def load_rules(own: Path | None = None) -> Rules:
    """The package's rules and the operator's; raises ScreenUnavailable with the line to mend."""
    try:
        shipped = resources.files(__package__).joinpath("patterns.jsonl").read_text("utf-8")
    except OSError as problem:
        raise ScreenUnavailable(
            f"The screen's rules are missing from the installation ({problem}); reinstall mendwire."
        ) from None
    rows = list(_rows(shipped, "patterns.jsonl"))
    if own is not None:
        try:
            text = own.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            raise ScreenUnavailable(
                f"The screen's rules in {own} cannot be read: {problem}"
            ) from None
        rows += _rows(text, str(own), own=True)
    return _compiled(rows)


def _rows(text: str, name: str, *, own: bool = False) -> Iterable[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{name}, line {number}"
        try:
            row = json.loads(line)
        except ValueError as problem:
            raise ScreenUnavailable(f"{where} is not JSON: {problem}.") from None
        if not isinstance(row, dict) or not ("words" in row or "rule" in row):
            raise ScreenUnavailable(f"{where} has neither 'words' nor 'rule'.")
        if own and "regex" in row:
            raise ScreenUnavailable(f"{where}: 'regex' is not for own rules; use steps or tokens.")
        yield where, row


def _compiled(rows: list[tuple[str, dict[str, Any]]]) -> Rules:
    rules = {rule.name: rule for rule in HIDDEN_RULES}
    lists: dict[str, tuple[str, ...]] = {}
    chains: list[Chain] = []
    tokens: list[tuple[str, tuple[list[dict[str, Any]], ...]]] = []
    regexes: list[tuple[str, tuple[str, ...], re.Pattern[str]]] = []
    for where, row in rows:
        try:
            if "words" in row:
                lists[row["words"]] = lists.get(row["words"], ()) + tuple(map(fold, row["are"]))
                continue
            rule = Rule(name=row["rule"], weight=float(row["weight"]), says=row["says"])
            rules[rule.name] = rule
            chains += (_chain(rule.name, text) for text in row.get("steps", ()))
            if "tokens" in row:
                tokens.append((rule.name, tuple(row["tokens"])))
            needs = tuple(row.get("needs", ()))
            regexes += ((rule.name, needs, re.compile(text)) for text in row.get("regex", ()))
        except (KeyError, TypeError, ValueError, re.error) as problem:
            raise ScreenUnavailable(f"{where} is no rule: {problem!r}.") from None
    _add_literals(chains, lists)
    return Rules(
        rules=rules,
        lists=lists,
        chains=tuple(chains),
        tokens=tuple(tokens),
        regexes=tuple(regexes),
    )


def _chain(rule: str, text: str) -> Chain:
    words = text.split()
    at_start, at_end = words[0] == "^", words[-1] == "$"
    steps: list[Step] = []
    gap = 0
    for word in words[at_start : len(words) - at_end]:
        between = _GAP.fullmatch(word)
        if between:
            gap = int(between.group(1))
        else:
            steps.append(Step(lists=tuple(word.split("|")), gap=gap))
            gap = 0
    if not steps:
        raise ValueError(text)
    return Chain(rule=rule, steps=tuple(steps), at_start=at_start, at_end=at_end)


def _add_literals(chains: list[Chain], lists: dict[str, tuple[str, ...]]) -> None:
    for chain in chains:
        for name in {name for step in chain.steps for name in step.lists}:
            if name in lists:
                continue
            if _LIST_NAME.fullmatch(name):
                raise ScreenUnavailable(
                    f"The rule {chain.rule} names the unknown word list {name}."
                )
            lists[name] = (fold(name.replace("_", " ")),)
