"""Every `mendwire …` that a page types is one that the command line takes, options and values too.

Parsed by the real parsers and not run; tests/journey/test_docs_commands.py runs them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import typer

from mendwire.cli import bare
from mendwire.cli.full import whole_line
from tests.pages import ROOT, page

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if path.name not in {"template.md", "cli.md", "CHANGELOG.md"}
)


def called(line: str) -> Iterator[list[str]]:
    """The words after each `mendwire` in a line for a shell."""
    plain = re.sub(r"<[a-z][^<>]*>", "PLACEHOLDER", line)
    # Nobody's output is known here: what a substitution would give is one word.
    words = shlex.shlex(re.sub(r"\$\([^()]*\)", "WORD", plain), posix=True, punctuation_chars=True)
    words.whitespace_split = True
    words.commenters = ""
    found: list[str] | None = None
    begins = True
    for word in (*words, ";"):
        if re.fullmatch(r"[|&;<>()]+", word):
            if found is not None:
                yield found
            found, begins = None, word[0] not in "<>"
        elif found is not None:
            found.append(word)
        elif begins and (word == "mendwire" or word.endswith("/mendwire")):
            found = []
        else:
            begins = word == "--" or (begins and bool(re.match(r"[A-Z_]+=", word)))


@cache
def whole() -> Any:
    return whole_line()


def parsed(words: list[str]) -> None:
    """Raises what the parser raises."""
    if words[0] == "report":
        bare._report_parser().parse_args(words[1:])
        return
    if words[0] == "signature":
        bare._signature_parser().parse_args(words[1:])
        return
    command, context = whole(), typer.Context(whole(), info_name="mendwire")
    if words == ["--version"]:
        return
    rest = words
    while True:
        name, found, rest = command.resolve_command(context, rest)
        context = found.make_context(name, list(rest), parent=context)
        if not hasattr(found, "commands"):
            return
        rest = [*context._protected_args, *context.args]
        if not rest:
            assert found.invoke_without_command, words
            return
        command = found


@pytest.mark.parametrize("name", PAGES)
def test_the_command_line_takes_what_the_page_types(name: str) -> None:
    for block in page(name):
        for command in block.commands if block.is_shell else ():
            for words in called(command):
                try:
                    parsed(words)
                except Exception as problem:
                    if "No such file" in str(problem):  # a reader has it
                        continue
                    raise AssertionError(f"{name}:{block.line}: {command}: {problem}") from problem


def test_what_it_does_not_take_is_found() -> None:
    taken = list(
        called('printf x | mendwire erase --dry-run; NATS_URL=x mendwire halt --note "a b"')
    )
    assert taken == [["erase", "--dry-run"], ["halt", "--note", "a b"]]
    for wrong in (["halt", "--not"], ["cases", "show"], ["consumers", "resume", "x", "y", "1h"]):
        with pytest.raises(Exception, match=r"(?i)no such option|missing|unexpected"):
            parsed(wrong)
