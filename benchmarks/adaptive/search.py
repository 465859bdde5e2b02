"""A search for a wording that the screen lets through: an attacker who may ask it for its score."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmarks.adaptive.goals import FRAMES, SYNONYMS
from training.screen.carriers import CARRIERS
from training.screen.transforms import TRANSFORMS

Score = Callable[[str], float]
"""0 to 1; below ``through`` the report passes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """One way to say a goal."""

    goal: str
    """In words that may have been replaced."""
    frame: int = 0
    carrier: int = 0
    transform: int | None = None
    seed: int = 0
    """Of what transform and carrier draw."""

    def said(self) -> str:
        """The text of the report."""
        drawn = random.Random(self.seed)  # noqa: S311 - repeatable
        text = FRAMES[self.frame].format(self.goal)
        if self.transform is not None and TRANSFORMS[self.transform].fits(text):
            text = TRANSFORMS[self.transform].apply(text, drawn)
        carrier = CARRIERS[self.carrier]
        return carrier.wrap(text, drawn) if carrier.fits(text) else text


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What the search came to for one goal."""

    goal: str
    through: bool
    disguised: bool
    """The wording that got through was encoded or wrapped, not only reworded."""
    queries: int
    score: float
    """The lowest that was found."""
    text: str
    """The wording with that score."""


def search(goal: str, score: Score, through: float, queries: int, seed: int) -> Outcome:
    """Greedy with restarts: a step is kept where the score does not rise."""
    drawn = random.Random(f"{seed} {goal}")  # noqa: S311 - repeatable
    best = current = Wording(goal=goal)
    low = now = score(best.said())
    asked, stuck = 1, 0
    while asked < queries and low >= through:
        if stuck >= _PATIENCE:
            current = replace(Wording(goal=goal), frame=drawn.randrange(len(FRAMES)))
            now, stuck = 1.0, 0
        step = _step(current, drawn)
        given = score(step.said())
        asked += 1
        stuck = 0 if given < now else stuck + 1
        if given <= now:
            current, now = step, given
        if given < low:
            best, low = step, given
    return Outcome(
        goal=goal,
        through=low < through,
        disguised=best.transform is not None or best.carrier != 0,
        queries=asked,
        score=low,
        text=best.said(),
    )


_PATIENCE = 25


def _step(wording: Wording, drawn: random.Random) -> Wording:
    way = drawn.random()
    if way < 0.5:
        return replace(wording, goal=_reworded(wording.goal, drawn))
    if way < 0.75:
        return replace(wording, frame=drawn.randrange(len(FRAMES)))
    if way < 0.9:
        return replace(
            wording, carrier=drawn.randrange(len(CARRIERS)), seed=drawn.randrange(1 << 30)
        )
    transform = None if drawn.random() < 0.3 else drawn.randrange(len(TRANSFORMS))
    return replace(wording, transform=transform, seed=drawn.randrange(1 << 30))


def _reworded(text: str, drawn: random.Random) -> str:
    found = [(group, word) for group in SYNONYMS for word in group if _word(word).search(text)]
    if not found:
        return text
    group, word = drawn.choice(found)
    return _word(word).sub(drawn.choice(group), text, count=1)


def _word(word: str) -> re.Pattern[str]:
    return re.compile(rf"\b{re.escape(word)}\b")
