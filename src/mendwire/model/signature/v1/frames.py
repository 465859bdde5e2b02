"""A report's stack as frames for people and agents, by the same reading as the keys'."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from mendwire.model.report import ErrorReport, Frame
from mendwire.model.signature.v1.blocks import Block
from mendwire.model.signature.v1.canonical import context_line, stack_text, type_and_message
from mendwire.model.signature.v1.places import is_in_app
from mendwire.model.signature.v1.python_text import code_of
from mendwire.model.signature.v1.stacks import blocks_in


@dataclass(slots=True)
class Raised:
    """One exception of a chain, as its block of the text shows it."""

    type: str = ""
    message: str = ""
    frames: list[Frame] = field(default_factory=list)
    """Outermost first."""
    depth: int = 0
    """How far an exception group indents it; 0 is outside."""


def raised_in(text: str) -> list[Raised]:
    """The exceptions of a chain, the one that ended the program first, its causes after it."""
    blocks, lines = blocks_in(text)
    return [
        Raised(block.type, block.message, _frames(block, lines), block.depth) for block in blocks
    ]


def parse_frames(report: ErrorReport) -> tuple[Frame, ...]:
    """The stack, outermost first.

    The given frames, else those found in the text, else the place in ``context``; ``in_app`` is
    guessed where the source did not say.
    """
    if report.frames:
        return tuple(_placed(frame) for frame in report.frames)
    if text := stack_text(report):
        blocks, lines = blocks_in(text)
        if blocks and blocks[0].calls:
            return tuple(_frames(blocks[0], lines))
    file = report.context.get("file")
    if not isinstance(file, str) or not file:
        return ()
    number = int(context_line(report.context.get("line")) or 0)
    return (Frame(file=file, line=number, in_app=is_in_app(file)),)


def crash_frame(report: ErrorReport) -> Frame | None:
    """The innermost frame of the project's own code, else the innermost of all."""
    frames = parse_frames(report)
    own = [frame for frame in frames if frame.in_app] or frames
    return own[-1] if own else None


def error_type(report: ErrorReport) -> str:
    """The exception's type as the source names it, or an empty text."""
    if report.type:
        return report.type
    text = stack_text(report)
    return type_and_message(report, blocks_in(text)[0] if text else [])[0]


def _frames(block: Block, lines: list[str]) -> list[Frame]:
    following = [*block.rows[1:], -1]
    codes = [code_of(lines, at, after) for at, after in zip(block.rows, following, strict=False)]
    return [
        Frame(
            file=file,
            line=int(line or 0),
            column=int(column or 0),
            function=name,
            module=module,
            in_app=is_in_app(file, module),
            code=code,
        )
        for (file, name, line, column, module), code in zip(
            block.calls, codes or [""] * len(block.calls), strict=True
        )
    ]


def _placed(frame: Frame) -> Frame:
    if frame.in_app is not None:
        return frame
    return replace(frame, in_app=is_in_app(frame.file, frame.module))
