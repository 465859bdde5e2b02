"""What of a report is judged: its segments in windows of bounded length, in every reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mendwire.errors import Undecodable
from mendwire.model.report import load_object
from mendwire.screen.normalise import NAMES, View, read
from mendwire.screen.segments import Kind, Segment, body_segments, text_segments

MAX_SCANNED: Final = 262_144
"""Characters of one report that are read; the rest restricts it."""
WINDOW: Final = 8_192
"""Characters judged as one piece."""
_OVERLAP: Final = 512
_KEPT: Final = 16_384


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """One reading of one segment: what rules and classifier judge."""

    view: View
    segment: Segment
    """Where it came from."""
    cut: bool
    """The segment has more layers than were read."""

    @property
    def text(self) -> str:
        """Folded."""
        return self.view.text

    @property
    def kind(self) -> Kind:
        """What it is; names where their words had to be set apart, and nothing else."""
        return Kind.NAME if self.view.layer == NAMES else self.segment.kind

    @property
    def is_disguised(self) -> bool:
        """Something had to be undone that errors do not do."""
        return bool(self.view.layer) and self.view.layer != NAMES

    @property
    def layer(self) -> str:
        """What had to be undone to read it, empty for nothing."""
        return self.view.layer


def pieces(windows: Sequence[Segment]) -> Iterator[Piece]:
    """Every reading of every window once, in the order of the fields."""
    seen: set[str] = set()
    for segment in windows:
        reading = read(segment.text)
        for view in reading.views:
            if view.text not in seen:
                seen.add(view.text)
                yield Piece(view=view, segment=segment, cut=reading.cut)


def pieces_of(text: str) -> list[Piece]:
    """The same for any text; what the classifier is trained on."""
    windows, _ = in_windows(segments_of(text, text.encode("utf-8", "surrogatepass")))
    return list(pieces(windows))


def segments_of(text: str, data: bytes) -> list[Segment]:
    """The segments of a text, or of the JSON object that ``data``, its bytes, hold."""
    if text.lstrip()[:1] != "{":
        return text_segments(text)
    try:
        return body_segments(load_object(data))
    except Undecodable:
        return text_segments(text)


def in_windows(parts: Sequence[Segment]) -> tuple[list[Segment], Segment | None]:
    """The parts in windows, and the first one that had to be cut, if the whole is too long."""
    whole = sum(len(part.text) for part in parts) <= MAX_SCANNED
    shown: list[Segment] = []
    cut: Segment | None = None
    total = 0
    for part in parts:
        size = len(part.text)
        stretches = [part]
        if not whole and size > 2 * _KEPT:
            cut = cut or part
            stretches = [part.window(0, _KEPT), part.window(size - _KEPT, size)]
        if total > MAX_SCANNED:
            cut = cut or part
            break
        for stretch in stretches:
            total += len(stretch.text)
            shown += _short(stretch)
    return shown, cut


def _short(segment: Segment) -> list[Segment]:
    size = len(segment.text)
    if size <= WINDOW:
        return [segment]
    return [segment.window(at, at + WINDOW) for at in range(0, size, WINDOW - _OVERLAP)]
