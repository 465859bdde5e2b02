"""Reads everything at the end of the week: the docket, the streams, git, the services' own word."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from datetime import UTC, datetime

from benchmarks.week.books import Filed, Fix, Week
from benchmarks.week.machines import ENVIRONMENT
from benchmarks.week.project import git
from benchmarks.week.story import ISSUE_USD, NAMES, Story, looking, word_of
from mendwire.docket.cases import Docket
from mendwire.model.case import Case, CaseState, Verdict
from mendwire.wire.jetstream import JetStreamBus

_CASE = re.compile(r"^Mendwire-Case: (\S+)$", re.MULTILINE)
_WORD = re.compile(r"mod_([a-z]{5})\.py")
_HOUR_NS = 3600 * 1_000_000_000
_END = {
    CaseState.VERIFIED: "verified",
    CaseState.SOAKING: "soaking",
    CaseState.MERGED: "merged",
    CaseState.FIXED: "fixed",
    CaseState.WITHDRAWN: "withdrawn",
}


async def audited(story: Story) -> Week:
    """The accounts of a week that is over."""
    async with looking(story.plant) as bus:
        docket = Docket(bus.bucket(NAMES.bucket("DOCKET")), "week")
        cases = [filed.case async for filed in docket.cases()]
        counted, dropped = await _counts(bus)
        errors = NAMES.error_stream(ENVIRONMENT)
        stored = await _state(bus, errors)
        waiting = {
            errors: stored["messages"],
            NAMES.stream("DEAD"): (await _state(bus, NAMES.stream("DEAD")))["messages"],
        }
        results = [
            message.ref.subject.rpartition(".")[2]
            async for message in bus.walk(
                NAMES.stream("RESULTS"), 10_000, time.time_ns() + _HOUR_NS
            )
        ]
        quarantined = (await _state(bus, NAMES.stream("QUARANTINE")))["messages"]
        spent = await docket.spent(datetime.now(UTC).strftime("%Y%m%d"))
    sent: Counter[str] = Counter()
    sdk: Counter[str] = Counter()
    for one in story.served:
        sent.update(one.raised)
        sdk.update({name: n for name, n in one.statistics.items() if isinstance(n, int)})
    return Week(
        bugs=story.bugs,
        cases=[_filed(case) for case in cases],
        fixes=await _fixes(story),
        sent=sent,
        sdk=sdk,
        messages=stored["last_seq"],
        counted=counted,
        dropped=dropped,
        waiting=waiting,
        results=results,
        quarantined=quarantined,
        spent_usd=spent,
        billed_usd=story.provider.billed_usd,
        day_usd=story.terms.day_usd,
        issue_usd=ISSUE_USD,
        trees=_trees(story),
        asked=_asked(story),
    )


async def _state(bus: JetStreamBus, stream: str) -> dict[str, int]:
    info = await bus.api.call(f"STREAM.INFO.{stream}")
    state: dict[str, int] = info["state"]
    return state


async def _counts(bus: JetStreamBus) -> tuple[int, int]:
    """Repeats and drops that SDKs told; what workers heard of others is no business of theirs."""
    counted = dropped = 0
    stream = NAMES.stream("OCCURRENCES")
    async for message in bus.walk(stream, 1_000_000, time.time_ns() + _HOUR_NS):
        body = json.loads(message.payload)
        if message.ref.subject.endswith(".dropped"):
            dropped += sum(body["dropped"].values())
        elif body.get("source") != "heard":
            counted += body["count"]
    return counted, dropped


def _filed(case: Case) -> Filed:
    end = _END.get(case.state, "")
    if case.state is CaseState.PARKED and case.parking is not None:
        end = "parked for money" if case.parking.reason == "budget" else case.parking.reason.value
    if not end:
        end = case.verdict.value if case.verdict else case.state.value
    if case.restricted:
        end += ", restricted"
    return Filed(
        word=word_of(case),
        case_id=case.case_id,
        end=end,
        occurrences=case.occurrences,
        cost_usd=case.cost_usd,
        why=case.reason if case.verdict is not Verdict.FIXED else "",
        shares=case.joined,
    )


async def _fixes(story: Story) -> list[Fix]:
    """Every commit of ours that a branch has, merged or not."""
    repository = story.plant.repository
    found = []
    listed = await git(
        repository, "log", "--branches", "--format=%H", "--grep=^Mendwire-Case:", "--no-merges"
    )
    for sha in listed.split():
        message = await git(repository, "show", "--format=%B", "--name-only", sha)
        case, words = _CASE.search(message), _WORD.findall(message)
        found.append(Fix(word=words[-1] if words else "", case_id=case[1] if case else ""))
    return found


def _asked(story: Story) -> Counter[str]:
    """By bug: how often an agent asked the provider about it."""
    asked: Counter[str] = Counter()
    for (word, _role), times in story.provider.asked.items():
        asked[word] += times
    return asked


def _trees(story: Story) -> int:
    folder = story.plant.folder / ".mendwire" / "trees"
    return sum(path.is_dir() for path in folder.iterdir()) if folder.exists() else 0
