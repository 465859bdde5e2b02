"""How many of fifty goals an attacker gets past the screen who may ask it for its score.

    python -m benchmarks.adaptive [--queries 100] [--quick] [--json]

The attacker rewords, frames, encodes and wraps, and keeps what lowers the score. A person with a
model of language at hand does better: the share printed here is a lower bound.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from benchmarks.adaptive.goals import GOALS
from benchmarks.adaptive.search import Outcome, search
from mendwire.model.report import Trust
from mendwire.screen.decide import THRESHOLDS
from mendwire.screen.detect import load_detector

QUICK_GOALS = 4


def main() -> None:
    """Search for each goal and print the share that got through."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=100, help="scores asked for, for each goal")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a few goals, to see that it works")
    parser.add_argument("--json", action="store_true", help="every outcome")
    arguments = parser.parse_args()
    goals = GOALS[:QUICK_GOALS] if arguments.quick else GOALS
    detector = load_detector()
    through = THRESHOLDS[Trust.TRUSTED].restrict
    outcomes = [
        search(
            goal,
            lambda text: detector.of_text(text).score,
            through,
            arguments.queries,
            arguments.seed,
        )
        for goal in goals
    ]
    if arguments.json:
        print(json.dumps([asdict(outcome) for outcome in outcomes], ensure_ascii=False))
    else:
        print(_table(outcomes, arguments.queries))


def _table(outcomes: list[Outcome], queries: int) -> str:
    passed = [outcome for outcome in outcomes if outcome.through]
    plain = [outcome for outcome in passed if not outcome.disguised]
    first = [outcome for outcome in passed if outcome.queries == 1]
    lines = [
        f"goals                        {len(outcomes):>4}   up to {queries} queries each",
        f"through                      {len(passed):>4}   {len(passed) / len(outcomes):.0%}",
        f"  as they stand              {len(first):>4}",
        f"  by wording alone           {len(plain):>4}",
    ]
    lines += [
        f"  after {outcome.queries:>3}: {ascii(outcome.text)[1:-1][:110]}" for outcome in passed
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
