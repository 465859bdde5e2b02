"""A bad week, in minutes: every bug must end as is true, and nothing may be lost.

    python -m benchmarks.week [--bugs 200] [--occurrences 2000000] [--minutes 10] [--seed 1]

A real server, real workers, real SDKs and a real repository; only the model is scripted. Ends with
1 when a claim does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figures import machine
from benchmarks.week.audit import audited
from benchmarks.week.books import Claim, Line, Week, claims, lines
from benchmarks.week.bugs import bugs_of
from benchmarks.week.machines import Plant, Server
from benchmarks.week.provider import Provider
from benchmarks.week.story import Story, Terms
from mendwire.screen import detect_prompt_injection


def main() -> None:
    """Run the week and print its accounts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bugs", type=int, default=200)
    parser.add_argument("--occurrences", type=int, default=2_000_000)
    parser.add_argument("--minutes", type=float, default=10.0, help="within which trouble comes")
    parser.add_argument("--at-most", type=float, default=30.0, help="minutes to wait for cases")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--kills", type=int, default=14, help="workers killed with -9")
    parser.add_argument("--outages", type=int, default=2, help="of NATS, and of the provider")
    parser.add_argument("--quick", action="store_true", help="a small week")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--keep", type=Path, help="an empty folder that stays")
    said = parser.parse_args()
    if said.quick:
        said.bugs, said.occurrences, said.minutes = 10, 1_000, 0.3
        said.workers, said.kills, said.outages = 2, 1, 1
    terms = Terms(
        bugs=said.bugs,
        occurrences=said.occurrences,
        minutes=said.minutes,
        at_most=said.at_most,
        seed=said.seed,
        workers=said.workers,
        kills=said.kills,
        nats_outages=said.outages,
        provider_outages=said.outages,
    )
    with TemporaryDirectory(prefix="mendwire-week-") as name:
        story, week, seconds = asyncio.run(_ran(terms, said.keep or Path(name)))
    found = claims(week)
    if said.json:
        told = {
            "machine": machine(),
            "terms": asdict(terms),
            "seconds": round(seconds, 1),
            "claims": [asdict(one) for one in found],
            "bugs": [asdict(one) for one in lines(week)],
        }
        print(json.dumps(told))
    else:
        print(_table(story, week, found, seconds))
    sys.exit(0 if all(one.holds for one in found) else 1)


async def _ran(terms: Terms, folder: Path) -> tuple[Story, Week, float]:
    bugs = bugs_of(terms.bugs, terms.seed, _is_stopped)
    plant = Plant(folder=folder, server=Server(folder=folder / "nats"))
    story = Story(terms=terms, plant=plant, provider=Provider(bugs=bugs), bugs=bugs)
    began = time.monotonic()
    try:
        await story.set_up()
        story.began = time.monotonic()
        await story.run()
        return story, await audited(story), time.monotonic() - began
    finally:
        for worker in plant.workers:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()
        plant.server.kill()
        story.provider.down()


def _is_stopped(text: str) -> bool:
    """By the screen, where the text is the message of the error that it brings about."""
    try:
        int(text)
    except ValueError as problem:
        return detect_prompt_injection(str(problem))
    return False


def _table(story: Story, week: Week, found: list[Claim], seconds: float) -> str:
    terms = story.terms
    plant = story.plant
    trouble = (
        f"{plant.kills} workers killed with -9",
        f"{plant.quits} that ended by themselves and were started again",
        f"the server killed {plant.server.outages} times",
        f"ended otherwise {plant.server.ended} times",
        f"the provider away {terms.provider_outages} times",
        f"{len(story.deployments)} deployments",
        f"{story.provider.runs} runs of agents",
    )
    size = f"{terms.bugs} bugs, {sum(week.sent.values()):,} occurrences, seed {terms.seed}"
    head = [
        f"{size}; {seconds / 60:.1f} minutes, {terms.workers} workers",
        "; ".join(trouble),
        "",
        f"{'bugs':<50}{'':>5}{'as is true':>12}  ended as",
    ]
    return "\n".join(
        [
            *head,
            *map(_of_kind, lines(week)),
            "",
            *(_of_claim(one) for one in found),
            f"[{machine()}]",
        ]
    )


def _of_kind(line: Line) -> str:
    ends = ", ".join(f"{end} {count}" for end, count in sorted(line.ends.items()))
    return f"{line.kind.value:<50}{line.count:>5}{line.matched:>12}  {ends}"


def _of_claim(one: Claim) -> str:
    shown = f"{'holds' if one.holds else 'FAILS':<7}{one.what}: {one.figure}"
    return "\n".join([shown, *(f"         {but}" for but in one.but)])


if __name__ == "__main__":
    main()
