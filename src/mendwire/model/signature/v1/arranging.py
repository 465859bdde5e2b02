"""What only the whole stack tells: where it was thrown, and what Node, Rust and Go mean by it."""

from __future__ import annotations

from typing import Final

from mendwire.model.signature.v1.blocks import Block, Call, place
from mendwire.model.signature.v1.chain import MAX_BLOCKS
from mendwire.model.signature.v1.go_text import go_blocks, is_panic
from mendwire.model.signature.v1.patterns import pattern
from mendwire.model.signature.v1.places import is_in_app

_SEARCHED_LINES: Final = 50
_NODE: Final = ("node:", "internal/")
_GO: Final = (".go", ".s")
_RUST_HERE: Final = "./rustc/"


def arrange(chain: list[Block], lines: list[str], panics: list[str]) -> list[Block]:
    """The finished blocks of a text; their calls are innermost first until then."""
    for block in chain:
        if block.thrown is not None:
            _put_thrown(block, block.thrown)
    chain = _by_runtime(chain, lines, panics)
    for block in chain:
        if block.message == "\n":
            block.message = ""
        block.calls.reverse()
    if not any(block.calls for block in chain):
        chain[0].calls = _places(lines)
        chain[0].is_guessed = True
    return chain


def _by_runtime(chain: list[Block], lines: list[str], panics: list[str]) -> list[Block]:
    """What Node, Rust and Go tell by the innermost call."""
    first = chain[0]
    innermost = first.calls[0][0] if first.calls else ""
    if lines[0][-1:].isdigit() and innermost.startswith(_NODE):
        _put_excerpt(first, lines[0])
    if innermost.startswith(_RUST_HERE):
        for block in chain:
            block.calls = [(_absolute(call[0]), *call[1:]) for call in block.calls]
    if panics or (innermost.endswith(_GO) and any(map(is_panic, first.calls))):
        return [*go_blocks(first, panics), *chain[1:]][:MAX_BLOCKS]
    return chain


def _put_excerpt(block: Block, above: str) -> None:
    """Node writes the place of a syntax error above its line; the calls are Node's own."""
    file, line, column = place(above)
    if line and not any(is_in_app(call[0], call[4]) for call in block.calls):
        block.calls.insert(0, (file, "", line, column, ""))


def _absolute(file: str) -> str:
    """Where Rust's own sources, which are below /rustc, are below ./rustc, the program ran in /."""
    return file[1:] if file.startswith("./") else file


def _put_thrown(block: Block, thrown: Call) -> None:
    """Where the text says it was thrown, as the innermost call."""
    calls = block.calls
    if not calls:
        block.calls = [thrown]
    elif thrown[0].endswith(".lua"):  # what handled it may have asked for the calls
        first = next((call for call in calls if call[2]), thrown)
        if (first[0], first[2]) != (thrown[0], thrown[2]):
            calls.insert(0, thrown)
    elif not thrown[0].endswith(".rs"):  # PHP names with each place the function called there
        names = [call[1] for call in calls]
        block.calls = [
            (spot[0], name, spot[2], spot[3], spot[4])
            for spot, name in zip([thrown, *calls], [*names, "{main}"], strict=True)
        ]


def _places(lines: list[str]) -> list[Call]:
    """Places like ``file.ext:12`` where no format of a stack was known."""
    found = [
        (match.group(1), "", match.group(2), "", "")
        for line in lines[:_SEARCHED_LINES]
        if ":" in line and (match := pattern("source").search(line))
    ]
    return found[::-1]
