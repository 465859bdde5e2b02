"""A report cut into the pieces that a reader would see as one utterance each.

A whole report is never judged at once: an instruction drowns in a stack trace, and a classifier
learns the trace's template. Frames are set apart, for their grammar leaves no room for prose; a
line that only looks like a frame is text like any other.
"""

from __future__ import annotations

from mendwire.screen.segments.frames import stack_frames
from mendwire.screen.segments.leaves import MAX_LEAVES
from mendwire.screen.segments.names import joined_words
from mendwire.screen.segments.report import body_segments, segments, text_segments
from mendwire.screen.segments.segment import Kind, Part, Segment

__all__ = [
    "MAX_LEAVES",
    "Kind",
    "Part",
    "Segment",
    "body_segments",
    "joined_words",
    "segments",
    "stack_frames",
    "text_segments",
]
