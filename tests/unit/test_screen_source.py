"""Lines of source that a stack shows are no instructions, whoever's source it is."""

from __future__ import annotations

import pytest

from benchmarks.screen_beside import source_stacks
from mendwire.model.screening import ScreenVerdict
from mendwire.screen.detect import load_detector

MOST = 0.02
"""Share that may be stopped: what anybody's source says is not all learned."""
STACKS = source_stacks(600, most_files=150)


@pytest.mark.parametrize("what", STACKS)
def test_stacks_with_source_that_was_never_learned_pass(what: str) -> None:
    detector = load_detector()
    stopped = [
        text for text in STACKS[what] if detector.of_text(text).verdict is not ScreenVerdict.PASS
    ]
    assert len(stopped) <= MOST * len(STACKS[what]), stopped
