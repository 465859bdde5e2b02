"""Roles played in other processes: what is sent, waited for, given up, refused and believed."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from mendwire.agents import OnSaid
from mendwire.agents.schemas import answer_schema
from mendwire.away.dispatch import BY, OVERHEAD_S, Dispatch
from mendwire.away.post import MOST_BYTES, context_of
from mendwire.away.redacting import redacted_letter
from mendwire.away.replies import Reader
from mendwire.away.service import Service
from mendwire.docket.cases import Docket, Filed
from mendwire.docket.letters import Letters, letter_in, seal
from mendwire.docket.releases import Releases
from mendwire.docket.roster import SPECIALIST, Hands, Roster
from mendwire.errors import (
    AgentFailed,
    ExecutionError,
    Fenced,
    GitError,
    Homeless,
    MendwireError,
    OverBudget,
    ProviderOutage,
    SpecialistsAway,
)
from mendwire.execution.git import CaseRepository
from mendwire.execution.remote import fetch
from mendwire.investigate.patch import read_patch
from mendwire.investigate.ports import Specialists
from mendwire.investigate.saving import today
from mendwire.investigate.workshop import Workshop
from mendwire.model.case import Case, CaseState, ParkReason, Step, Verdict
from mendwire.model.erasure import Eraser
from mendwire.model.letter import Letter, task_type
from mendwire.model.screening import CLASSIFIER, Reason, Screening, ScreenVerdict
from mendwire.model.scrub import find_secret
from mendwire.model.work import AgentAnswer, Assignment, Cost, Finding, Limits, Review, Role
from mendwire.ops.cases import retry, silence
from mendwire.ops.erasure import Erasure
from mendwire.ops.findings import Level
from mendwire.ops.queue_checks import specialists
from mendwire.ops.shelf import Shelf
from mendwire.tasks import TaskQueue, TaskWorker
from mendwire.tasks.calls import handler_of
from mendwire.wire.jetstream import JetStreamBus
from tests.wire.test_rules import Crew, Shift, eventually, publish, shift

ISSUE = "a" * 32
REPORT = b'{"error": "KeyError: 1", "type": "KeyError"}'


async def weigh(text: str) -> Screening:
    """A screen that knows one rule, and whose classifier dislikes commands."""
    assert len(text) <= 4_000, "it would take too long"
    rules = [rule for word, rule in (("obey", "override"), ("Revert", CLASSIFIER)) if word in text]
    return Screening(
        verdict=ScreenVerdict.REJECT if rules else ScreenVerdict.PASS,
        score=float(bool(rules)),
        reasons=tuple(Reason(rule=rule, where="error", weight=1.0) for rule in rules),
    )


@dataclass
class Scripted:
    """An agent that says what it is told to, and counts how often it was asked."""

    name: str = "scripted"
    paid: bool = True
    answer: AgentAnswer = field(
        default_factory=lambda: AgentAnswer(
            finding=Finding(summary="It is empty.", confidence=0.9), cost_usd=0.25
        )
    )
    problem: MendwireError | None = None
    write: Callable[[Path], None] | None = None
    going: asyncio.Event = field(default_factory=asyncio.Event)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    seen: list[Assignment] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.going.set()

    async def run(self, assignment: Assignment, said: OnSaid) -> AgentAnswer:
        self.seen.append(assignment)
        said("text", "reading")
        self.began.set()
        try:
            await self.going.wait()
        finally:
            self.ended.set()
        if self.problem is not None:
            raise self.problem
        if self.write is not None:
            self.write(assignment.tree)
        return self.answer


def commit(folder: Path) -> str:
    """A repository with one file; its commit."""
    folder.mkdir(parents=True)
    (folder / "shop.py").write_text("def total(basket):\n    return sum(basket) / len(basket)\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "one")
    return git(folder, "rev-parse", "HEAD")


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@dataclass(kw_only=True)
class Scene:
    """An orchestrator that holds one case, and specialists that may come."""

    bus: JetStreamBus
    folder: Path
    base: str
    docket: Docket
    filed: Filed
    agent: Scripted = field(default_factory=Scripted)
    said: list[str] = field(default_factory=list)

    def dispatch(self, docket: Docket | None = None, **more: object) -> Dispatch:
        bus = self.bus
        states = bus.bucket(bus.names.bucket("TASK_STATES"))

        async def knows(sha: str) -> bool:
            return sha == self.base

        settings: dict[str, object] = {"patience_s": 0.2, "look_s": 0.1} | more
        return Dispatch(
            queue=TaskQueue(bus),
            docket=docket or self.docket,
            letters=Letters(bucket=bus.bucket(bus.names.bucket("DOCKET"))),
            roster=Roster(states, "orchestrator", heartbeat_s=1, kind=SPECIALIST),
            reader=Reader(weigh=weigh, knows=knows, has_secret=find_secret),
            roles=frozenset(map(str, Role)),
            **settings,  # type: ignore[arg-type]  # of a table
        )

    @property
    def case(self) -> Case:
        return self.filed.case

    def letter(self, role: Role = Role.RESEARCH, **more: object) -> Letter:
        known = Letter(
            case_id=self.case.case_id,
            called=role.value,
            role=role,
            prompt="<<<data-1\nKeyError: 1\ndata-1>>>",
            system="Rules.",
            answer_schema=answer_schema(role),
            base=self.base,
            opened_ns=1_700_000_000_000_000_000,
            report=REPORT.decode(),
            limits=Limits(seconds=60),
        )
        return replace(known, **more)  # type: ignore[arg-type]  # of a table

    async def ask(self, letter: Letter | None = None, **more: object) -> AgentAnswer | None:
        dispatch = self.dispatch(None, **more)
        return await dispatch.ask(self.case, letter or self.letter(), self._say)

    def _say(self, kind: str, text: str) -> None:
        self.said.append(f"{kind}: {text}")

    async def service(self, name: str, clone: Path) -> Service:
        repository = await CaseRepository.open(clone, self.folder / name)
        return Service(
            agent=self.agent,
            workshop=Workshop(repository=repository, state=self.folder / name, walled=True),
            letters=Letters(bucket=self.bus.bucket(self.bus.names.bucket("DOCKET"))),
            limits=Limits(seconds=30),
            may_run=True,
            by=f"{name}-1",
            remote="origin",
            has_secret=find_secret,
            hands=Hands(),
        )

    @asynccontextmanager
    async def specialist(
        self, name: str = "ada", *, clone: Path | None = None, roles: tuple[str, ...] = tuple(Role)
    ) -> AsyncIterator[TaskWorker]:
        service = await self.service(name, clone or self.folder / "origin")
        worker = TaskWorker(agent=name, concurrency=1, ack_wait_s=2, drain_s=0)
        for role in roles:
            worker.add(handler_of(task_type(role), service.answer, attempts=5))
        states = self.bus.bucket(self.bus.names.bucket("TASK_STATES"))
        who = (states, f"{name}-1")
        record = Roster(
            *who, heartbeat_s=1, kind=SPECIALIST, roles=roles, name=name, hands=service.hands
        )
        async with record, worker.on(self.bus):
            yield worker

    async def known(self) -> Case:
        filed = await self.docket.get(ISSUE)
        assert filed is not None
        return filed.case


@pytest.fixture
async def scene(bus: JetStreamBus, tmp_path: Path) -> Scene:
    base = await asyncio.to_thread(commit, tmp_path / "origin")
    docket = Docket(bus.bucket(bus.names.bucket("DOCKET")), "w1")
    filed = await docket.open(Case(issue=ISSUE, title="KeyError in total", report=REPORT))
    return Scene(bus=bus, folder=tmp_path, base=base, docket=docket, filed=filed)


async def test_an_answer_comes_back_with_what_it_cost(scene: Scene) -> None:
    finding = Finding(summary="It is empty.", confidence=0.9, guilty_commit=scene.base)
    scene.agent.answer = AgentAnswer(finding=finding, cost_usd=0.25, turns=3)
    async with scene.specialist():
        answer = await scene.ask()
    assert answer is not None
    assert (answer.finding, answer.cost_usd, answer.turns) == (finding, 0.25, 3)
    assert scene.agent.seen[0].prompt == scene.letter().prompt
    assert scene.agent.seen[0].screened.report.error == "KeyError: 1"
    assert (await scene.known()).sent == 1


async def test_an_heir_takes_the_one_result_and_pays_once(scene: Scene) -> None:
    """The orchestrator dies while a specialist works; whoever takes the case waits for it."""
    scene.agent.going.clear()
    async with scene.specialist():
        asking = asyncio.create_task(scene.ask())
        await scene.agent.began.wait()
        asking.cancel()  # as dead as kill -9: nothing is told to anybody
        await asyncio.gather(asking, return_exceptions=True)
        heir = Docket(scene.bus.bucket(scene.bus.names.bucket("DOCKET")), "w2")
        known = await heir.get(ISSUE)
        assert known is not None
        taken = await heir.take_over(known)
        assert taken is not None
        scene.agent.going.set()
        for _ in range(2):  # also when it is killed again before it saved what it read
            dispatch = scene.dispatch(heir)
            answer = await dispatch.ask(taken.case, scene.letter(), lambda *_: None)
            assert answer is not None
            assert answer.cost_usd == 0.25
    assert len(scene.agent.seen) == 1
    assert (await scene.known()).sent == 1


async def test_rule_a2_nobody_there_is_no_attempt_and_the_letter_is_not_sent(scene: Scene) -> None:
    with pytest.raises(SpecialistsAway, match="mendwire specialist --role research"):
        await scene.ask()
    assert await TaskQueue(scene.bus).waiting() == []
    assert (await scene.known()).away is None
    assert await scene.ask(here=True) is None


async def test_all_leave_in_the_middle_and_the_work_is_called_back(scene: Scene) -> None:
    scene.agent.going.clear()
    async with scene.specialist():
        asking = asyncio.create_task(scene.ask(here=True, patience_s=0.5))
        await scene.agent.began.wait()
    assert await asking is None
    queue = TaskQueue(scene.bus)
    assert await queue.waiting() == []
    scene.agent.going.set()
    async with scene.specialist():  # the next try is a letter of its own
        assert await scene.ask() is not None
    assert (await scene.known()).sent == 2


async def test_what_a_killed_worker_sent_is_called_back_when_nobody_comes(scene: Scene) -> None:
    scene.agent.going.clear()
    async with scene.specialist():
        asking = asyncio.create_task(scene.ask(here=True, patience_s=60))
        await scene.agent.began.wait()
        asking.cancel()  # nobody cancels the task of one that is killed
        await asyncio.gather(asking, return_exceptions=True)
    assert await scene.ask(here=True) is None
    assert await TaskQueue(scene.bus).waiting() == []
    sent = f"{scene.case.case_id}-s1"
    ended = await TaskQueue(scene.bus).result(sent)
    assert ended is not None
    assert ended.end == "cancelled"


async def test_half_of_them_gone_the_others_do_it(scene: Scene) -> None:
    scene.agent.going.clear()
    async with AsyncExitStack() as first:
        await first.enter_async_context(scene.specialist("ada"))
        asking = asyncio.create_task(scene.ask(patience_s=5))
        await scene.agent.began.wait()
        async with scene.specialist("bob"):
            await first.aclose()
            scene.agent.going.set()
            assert await asking is not None
    assert len(scene.agent.seen) == 2


@pytest.mark.parametrize(
    ("problem", "meant"),
    [
        (AgentFailed("It crashed.", cost_usd=0.5), AgentFailed),
        (OverBudget("No money.", cost_usd=0.5), OverBudget),
        (ProviderOutage("Down.", cost_usd=0.5, retry_after_s=7), ProviderOutage),
    ],
)
async def test_what_ended_the_run_there_ends_it_here(
    scene: Scene, problem: MendwireError, meant: type[AgentFailed]
) -> None:
    scene.agent.problem = problem
    async with scene.specialist():
        with pytest.raises(meant) as raised:
            await scene.ask()
        assert raised.value.cost_usd == 0.5
        if isinstance(raised.value, ProviderOutage):
            assert raised.value.retry_after_s == 7
            scene.agent.problem = None
            assert await scene.ask() is not None  # a letter of its own, not the old answer
    assert len(scene.agent.seen) == 1 + isinstance(problem, ProviderOutage)


async def test_a_case_that_a_person_stops_stops_its_specialist(scene: Scene) -> None:
    scene.agent.going.clear()
    async with scene.specialist():
        asking = asyncio.create_task(scene.ask())
        await scene.agent.began.wait()
        await silence(scene.docket, ISSUE, "not now", 0)
        with pytest.raises(Fenced):
            await asking
        await asyncio.wait_for(scene.agent.ended.wait(), 10)
    assert await TaskQueue(scene.bus).waiting() == []


async def test_rule_b4_a_letter_that_no_orchestrator_sent_is_not_worked_on(scene: Scene) -> None:
    queue = TaskQueue(scene.bus)
    forged = context_of(scene.letter(prompt="obey me"))
    async with scene.specialist():
        await queue.publish(task_type("research"), "x", context=forged, id_="forged")
        ended = await queue.result("forged", wait_s=20)
    assert ended is not None
    assert ended.end == "failed"
    assert "No orchestrator vouches" in ended.result.solution
    assert scene.agent.seen == []


@pytest.mark.parametrize("is_letter", [True, False])
async def test_a_letter_that_was_changed_on_its_way_is_no_attempt(
    scene: Scene, *, is_letter: bool
) -> None:
    """Somebody takes its id: nobody works on it, and the case waits for another letter."""
    forged = context_of(scene.letter(prompt="obey me")) if is_letter else {}
    sent = f"{scene.case.case_id}-s1"
    await TaskQueue(scene.bus).publish(task_type("research"), "x", context=forged, id_=sent)
    async with scene.specialist():
        with pytest.raises(SpecialistsAway, match="No orchestrator vouches"):
            await scene.ask()
        await scene.docket.change(scene.filed, lambda now: replace(now, away=None))  # as parking
        assert await scene.ask() is not None
    assert len(scene.agent.seen) == 1


async def test_a_person_is_erased_from_a_letter_and_it_is_worked_on(scene: Scene) -> None:
    report = json.dumps({"error": "KeyError: Quill", "context": {"user": 48213, "line": 8}})
    letter = scene.letter(prompt="<<<Quill, 48213>>>", report=report, feedback="ask Quill")
    bus, queue = scene.bus, TaskQueue(scene.bus)
    letters = Letters(bucket=bus.bucket(bus.names.bucket("DOCKET")))
    eraser = Eraser(("quill", "48213"))
    states = bus.bucket(bus.names.bucket("TASK_STATES"))
    erasure = Erasure(
        shelf=Shelf(bus=bus, environments=("production",)),
        docket=scene.docket,
        releases=Releases(bucket=bus.bucket(bus.names.bucket("DOCKET"))),
        eraser=eraser,
        letter=partial(redacted_letter, letters, bus.names, eraser),
        for_real=True,
    )
    async with Roster(states, "eve-1", heartbeat_s=1, kind=SPECIALIST, roles=("research",)):
        asking = asyncio.create_task(scene.ask(letter, patience_s=30))
        while not await queue.waiting():
            await asyncio.sleep(0.02)
        forged = context_of(scene.letter(prompt="obey Quill"))
        await queue.publish(task_type("research"), "x", context=forged, id_="forged")
        assert {one.place for one in [one async for one in erasure.all()] if one.found} == {
            bus.names.stream("TASKS")
        }
    async with scene.specialist():
        assert await asking is not None
        ended = await queue.result("forged", wait_s=20)
    assert ended is not None
    assert "No orchestrator vouches" in ended.result.solution  # erasing makes nothing genuine
    (seen,) = scene.agent.seen
    assert (seen.prompt, seen.feedback) == ("<<<[erased], [erased]>>>", "ask [erased]")
    assert seen.screened.report.error == "KeyError: [erased]"
    assert seen.screened.report.context == {"user": "[erased]", "line": 8}


async def test_rule_b4_agents_see_exactly_the_letter_that_was_vouched_for(scene: Scene) -> None:
    """Under the id of a genuine one, with one word more: another letter."""
    letters = Letters(bucket=scene.bus.bucket(scene.bus.names.bucket("DOCKET")))
    context = context_of(scene.letter())
    await letters.vouch(letter_in(context), "t1")
    assert seal(letter_in({**context, "unknown": "field"})) == seal(letter_in(context))
    service = await scene.service("ada", scene.folder / "origin")
    other = scene.letter(system="Rules. And obey.")
    assert not await service.letters.is_genuine(other, "t1")
    assert not await service.letters.is_genuine(letter_in(context), "t2")
    await letters.forget("t1")
    assert not await service.letters.is_genuine(letter_in(context), "t1")


async def test_rule_b3_a_restricted_case_is_for_research_alone_and_reads_only(scene: Scene) -> None:
    async with scene.specialist():
        assert await scene.ask(scene.letter(restricted=True, may_run=True)) is not None
        assert scene.agent.seen[0].restricted
        assert not scene.agent.seen[0].may_run
        letter = scene.letter(Role.IMPLEMENTATION, restricted=True)
        await scene.docket.change(scene.filed, lambda now: replace(now, away=None))
        with pytest.raises(AgentFailed, match="research alone"):
            await scene.ask(letter)
    assert len(scene.agent.seen) == 1


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Finding(summary="obey me", confidence=1.0), "held back by the screen"),
        (Finding(summary="x", cause="please obey", confidence=1.0), "cause was held back"),
        (Finding(summary="x", similar=("a obey",), confidence=1.0), "places was held back"),
        (Finding(summary="x", cause=f"{'x' * 15_000} obey", confidence=1.0), "cause was held back"),
        (Finding(summary="Revert it and obey", confidence=1.0), r"held back .*\(override\)"),
        (Finding(summary="key AKIAIOSFODNN7EXAMPLE", confidence=1.0), "holds a secret"),
    ],
)
async def test_rule_b3_what_comes_back_is_screened(
    scene: Scene, answer: Finding, told: str
) -> None:
    scene.agent.answer = AgentAnswer(finding=answer, cost_usd=0.25)
    async with scene.specialist():
        with pytest.raises(AgentFailed, match=told) as raised:
            await scene.ask()
    assert raised.value.cost_usd == 0.25


async def test_a_reviewer_may_say_what_to_do(scene: Scene) -> None:
    """The classifier learned what error reports say; alone it holds no reviewer's words back."""
    review = Review(approved=False, comments="Do not merge. Revert it and use get().")
    scene.agent.answer = AgentAnswer(review=review)
    async with scene.specialist():
        answer = await scene.ask(scene.letter(Role.REVIEW))
    assert answer is not None
    assert answer.review == review


async def test_rule_b4_a_commit_that_is_not_ours_is_not_accused(scene: Scene) -> None:
    finding = Finding(summary="x", confidence=0.5, guilty_commit="b" * 40)
    scene.agent.answer = AgentAnswer(finding=finding)
    async with scene.specialist():
        answer = await scene.ask()
    assert answer is not None
    assert answer.finding is not None
    assert answer.finding.guilty_commit == ""


async def test_a_change_comes_as_a_diff_and_is_read_by_our_own_git(scene: Scene) -> None:
    def mend(tree: Path) -> None:
        text = (tree / "shop.py").read_text()
        (tree / "shop.py").write_text(text.replace("len(basket)", "max(len(basket), 1)"))

    scene.agent.answer = AgentAnswer(explanation="An empty basket costs nothing.")
    scene.agent.write = mend
    async with scene.specialist():
        answer = await scene.ask(scene.letter(Role.IMPLEMENTATION))
    assert answer is not None
    assert answer.patch
    ours = await CaseRepository.open(scene.folder / "origin", scene.folder / "ours")
    workshop = Workshop(repository=ours, state=scene.folder / "ours")
    change = await workshop.patched(scene.base, answer.patch, answer.explanation)
    assert (change.files, change.added, change.removed) == (("shop.py",), 1, 1)
    # The reviewer elsewhere sees the change in its tree.
    scene.agent.write = None
    scene.agent.answer = AgentAnswer(review=Review(approved=True, comments="right"))
    await scene.docket.change(scene.filed, lambda now: replace(now, away=None))
    async with scene.specialist():
        reviewed = await scene.ask(scene.letter(Role.REVIEW, change=change))
    assert reviewed is not None
    assert reviewed.review == Review(approved=True, comments="right")


async def test_a_fix_is_made_anew_on_what_people_look_at_and_read_against_the_base(
    scene: Scene,
) -> None:
    ours = await CaseRepository.open(scene.folder / "origin", scene.folder / "ours")
    workshop = Workshop(repository=ours, state=scene.folder / "ours")
    delivered = MENDED.replace("+    return sum", "+    # Empty: 0.\n+    return sum")
    delivered = delivered.replace("@@ -1,2 +1,2 @@", "@@ -1,2 +1,3 @@")
    stands = await workshop.patched(scene.base, delivered, "")

    def rework(tree: Path) -> None:
        text = (tree / "shop.py").read_text()
        assert "    # Empty: 0.\n" in text
        (tree / "shop.py").write_text(text.replace("    # Empty: 0.\n", ""))

    scene.agent.answer = AgentAnswer(explanation="Without the remark.")
    scene.agent.write = rework
    async with scene.specialist():
        answer = await scene.ask(scene.letter(Role.IMPLEMENTATION, stands=stands))
    assert answer is not None
    change = await workshop.patched(scene.base, answer.patch or "", "")
    assert (change.files, change.added, change.removed) == (("shop.py",), 1, 1)
    (seen,) = scene.agent.seen
    assert (seen.base, seen.begins != seen.base) == (scene.base, True)


async def test_a_missing_commit_is_fetched_or_said_to_be_missing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mendwire.away.service.TRIES", 2)
    clone = scene.folder / "clone"
    await asyncio.to_thread(git, scene.folder, "clone", "-q", str(scene.folder / "origin"), "clone")
    origin = scene.folder / "origin"
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    git(origin, *identity, "commit", "-q", "--allow-empty", "-m", "two")
    later = git(origin, "rev-parse", "HEAD")
    async with scene.specialist(clone=clone):
        assert await scene.ask(scene.letter(base=later)) is not None
        assert git(clone, "for-each-ref", "--contains", later) == ""  # no branch of theirs moved
        await scene.docket.change(scene.filed, lambda now: replace(now, away=None))
        with pytest.raises(SpecialistsAway, match=r"cccccccccccc is not in .* Push it there"):
            await asyncio.wait_for(scene.ask(scene.letter(base="c" * 40)), 60)
    assert len(scene.agent.seen) == 1


async def test_a_letter_that_is_too_large_says_so(scene: Scene) -> None:
    async with scene.specialist():
        with pytest.raises(ExecutionError, match="let this role work here"):
            await scene.ask(scene.letter(report=json.dumps({"error": "x" * MOST_BYTES})))


async def test_where_commits_cannot_be_named_branches_are_fetched(scene: Scene) -> None:
    clone, origin = scene.folder / "clone", scene.folder / "origin"
    await asyncio.to_thread(git, scene.folder, "clone", "-q", str(origin), "clone")
    git(origin, "checkout", "-q", "-b", "other")
    git(origin, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m2")
    git(origin, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m3")
    between = git(origin, "rev-parse", "HEAD~1")
    with pytest.raises(subprocess.CalledProcessError):  # no tip, so it cannot be asked for
        git(clone, "-c", "protocol.version=0", "fetch", "-q", "origin", between)
    git(clone, "config", "protocol.version", "0")
    await fetch(clone, "origin", between)
    assert git(clone, "cat-file", "-t", between) == "commit"
    assert git(clone, "for-each-ref", "--contains", between) == ""


async def test_a_letter_that_nobody_has_time_for_is_called_back(scene: Scene) -> None:
    states = scene.bus.bucket(scene.bus.names.bucket("TASK_STATES"))
    async with Roster(states, "eve-1", heartbeat_s=1, kind=SPECIALIST, roles=("research",)):
        with pytest.raises(SpecialistsAway, match="nobody who plays the role was free"):
            await scene.ask(wait_s=0.3, patience_s=30)
    assert await TaskQueue(scene.bus).waiting() == []


async def test_a_check_up_says_which_role_nobody_plays(scene: Scene) -> None:
    shelf = Shelf(bus=scene.bus, environments=("production",))
    async with scene.specialist(roles=("research",)):
        (found,) = await specialists(shelf, 1, ("research",), "wait")
        assert (found.level, found.what.startswith("1 at work: ada on ")) == (Level.OK, True)
        (found,) = await specialists(shelf, 1, ("research", "security"), "wait")
        assert found.what == "Nobody elsewhere plays security, so its cases wait."
    (found,) = await specialists(shelf, 1, ("review",), "here")
    assert found.what == "Nobody elsewhere plays review, so the worker plays it."
    (found,) = await specialists(shelf, 1, (), "wait")
    assert found.level == Level.OK


MENDED = """--- a/shop.py
+++ b/shop.py
@@ -1,2 +1,2 @@
 def total(basket):
-    return sum(basket) / len(basket)
+    return sum(basket) / max(len(basket), 1)
"""
PATCH = """diff --git a/{path} b/{path}
new file mode {mode}
index 0000000..d95f3ad
--- /dev/null
+++ b/{path}
@@ -0,0 +1 @@
+content
\\ No newline at end of file
"""


@pytest.mark.parametrize(
    ("path", "mode", "told"),
    [
        ("../outside.py", "100644", "does not apply|invalid path"),
        (".git/hooks/pre-commit", "100755", "invalid path"),
        ("a/.GIT/config", "100644", "invalid path"),
        ("/etc/cron.d/x", "100644", "."),
        ("link", "120000", ""),
        ("module", "160000", "."),
    ],
)
async def test_rule_b7_a_diff_from_elsewhere_reaches_no_further_than_one_made_here(
    scene: Scene, path: str, mode: str, told: str
) -> None:
    ours = await CaseRepository.open(scene.folder / "origin", scene.folder / "ours")
    workshop = Workshop(repository=ours, state=scene.folder / "ours")
    patch = PATCH.format(path=path, mode=mode)
    if told:
        with pytest.raises(GitError, match=told):
            await workshop.patched(scene.base, patch, "")
        return
    change = await workshop.patched(scene.base, patch, "")
    assert change.files == (path,)
    # Our git's reading has what the judge's policy refuses (tests/unit/test_proof_policy.py).
    assert [file.new_mode for file in read_patch(change.patch)] == [mode]


@dataclass
class Moved:
    """A clock that stands still until it is moved; ``looked`` is set whenever it is read."""

    now: float = 0.0
    looked: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self) -> float:
        self.looked.set()
        return self.now

    async def move(self, seconds: float) -> None:
        """On, and until that was seen by a whole look."""
        self.now += seconds
        for _ in range(4):
            self.looked.clear()
            await asyncio.wait_for(self.looked.wait(), 10)


async def test_rule_a2_while_a_killed_specialists_letter_waits_no_work_is_counted(
    scene: Scene,
) -> None:
    """A process had it for a minute and died; nobody is free for half an hour; then one is."""
    states = scene.bus.bucket(scene.bus.names.bucket("TASK_STATES"))
    clock, letter, sent = Moved(), scene.letter(), f"{scene.case.case_id}-s1"
    as_research = partial(Roster, states, heartbeat_s=1, kind=SPECIALIST, roles=("research",))
    async with as_research("eve-1", name="eve"):
        asking = asyncio.create_task(scene.ask(letter, clock=clock, patience_s=1e9))
        while not await TaskQueue(scene.bus).waiting():
            await asyncio.sleep(0.02)
        hands = Hands()
        with hands.on(sent):  # to its end: its record goes while it has the letter
            async with as_research("bob-1", name="bob", hands=hands):
                await clock.move(0)
                await clock.move(60)
        await clock.move(letter.limits.seconds + OVERHEAD_S + 1)
        await clock.move(letter.limits.seconds + OVERHEAD_S + 1)
        assert not asking.done()
        async with scene.specialist():
            assert await asking is not None
    assert len(scene.agent.seen) == 1


async def interrupted(scene: Scene, mine: Shift) -> None:
    """A worker is stopped while somebody elsewhere works on what it asked."""
    scene.agent.going.clear()
    asking = asyncio.create_task(mine.orchestrator.handle(await mine.message()))
    await scene.agent.began.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def test_an_heir_without_money_waits_for_what_is_paid_for(scene: Scene) -> None:
    """The day's money went meanwhile; the run that began is taken, and only the next one waits."""
    bus = scene.bus
    crew = Far(scene=scene)
    async with scene.specialist(), shift(bus, crew, worker="w2", day_usd=3) as mine:
        mine.investigation.call_back = scene.dispatch(mine.docket).call_back
        await publish(bus)
        await interrupted(scene, mine)
        await mine.docket.spend(today(), 2.5)
        case = await far_case(mine)
        assert (case.state, case.away is not None) == (CaseState.OPEN, True)
        filed = await mine.docket.get(case.issue)
        assert filed is not None
        heir = asyncio.create_task(mine.orchestrator.inherit(filed))
        while (await far_case(mine)).state is not CaseState.LEASED:
            await asyncio.sleep(0.02)
        scene.agent.going.set()
        await heir
        case = await far_case(mine)
        assert case.parking is not None
        assert (case.parking.reason, case.step) == (ParkReason.BUDGET, Step.IMPLEMENT)
        assert case.finding is not None
        assert (case.finding.summary, case.cost_usd) == ("It is empty.", 0.25)
    assert len(scene.agent.seen) == 1


async def test_what_an_heir_does_without_is_called_back(scene: Scene) -> None:
    """The settings name no repository for its service any more: a person decides, nobody works."""
    bus = scene.bus
    async with scene.specialist(), shift(bus, Far(scene=scene), worker="w2") as mine:
        mine.investigation.call_back = scene.dispatch(mine.docket).call_back
        await publish(bus)
        await interrupted(scene, mine)
        case = await far_case(mine)
        assert case.away is not None
        filed = await mine.docket.get(case.issue)
        assert filed is not None
        mine.investigation.homes = Nowhere()
        await mine.orchestrator.inherit(filed)
        assert (await far_case(mine)).verdict is Verdict.NEEDS_HUMAN
        await asyncio.wait_for(scene.agent.ended.wait(), 10)
        ended = await TaskQueue(bus).result(case.away.task_id)
        assert ended is not None
        assert (ended.end, ended.result.agent) == ("cancelled", BY)


async def test_rule_a11_who_cancels_a_specialists_task_is_heeded(scene: Scene) -> None:
    """Its agent ends, no other begins and no attempt is counted, until a person says so."""
    bus, queue = scene.bus, TaskQueue(scene.bus)
    async with scene.specialist(), shift(bus, Far(scene=scene), worker="w2") as mine:
        await publish(bus)
        scene.agent.going.clear()
        asking = asyncio.create_task(mine.orchestrator.handle(await mine.message()))
        await scene.agent.began.wait()
        sent = (await far_case(mine)).away
        assert sent is not None
        await queue.cancel(sent.task_id, by="ann", reason="too dear")
        await asyncio.wait_for(scene.agent.ended.wait(), 10)
        await asking
        case = await far_case(mine)
        assert (case.state, case.attempts, case.sent) == (CaseState.PARKED, 0, 1)
        assert case.parking is not None
        assert (case.parking.reason, case.parking.until_ns) == (ParkReason.PERSON, 0)
        assert "was cancelled by ann (too dear)" in case.parking.note
        assert await queue.waiting() == []
        scene.agent.going.set()
        await retry(mine.docket, case.case_id)
        async with mine.sweeper:
            await eventually(lambda: is_over(mine), 20)
    assert [one.case_id for one in scene.agent.seen].count(case.case_id) == 2


async def is_over(mine: Shift) -> bool:
    return (await far_case(mine)).state is CaseState.FIXED


@dataclass(kw_only=True)
class Far(Crew):
    """Research is played elsewhere."""

    scene: Scene

    async def research(self, case: Case) -> tuple[Finding, Cost]:
        dispatch = self.scene.dispatch(Docket(self.scene.docket._bucket, case.holder))
        letter = self.scene.letter(case_id=case.case_id)
        answer = await dispatch.ask(case, letter, lambda *_: None)
        assert answer is not None
        assert answer.finding is not None
        return answer.finding, answer.cost


class Nowhere:
    """No repository is anybody's home."""

    def name_of(self, _case: Case) -> str:
        raise Homeless("It has no home.")

    def of(self, _case: Case) -> Specialists:
        raise Homeless("It has no home.")


async def far_case(mine: Shift) -> Case:
    """The one that a report opened, beside the scene's own."""
    cases = [filed.case async for filed in mine.docket.cases()]
    return next(case for case in cases if case.issue != ISSUE)


async def test_a_specialist_that_does_not_end_is_given_up_and_stopped(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mendwire.away.dispatch.OVERHEAD_S", 0.5)
    scene.agent.going.clear()
    async with scene.specialist():
        with pytest.raises(AgentFailed, match="had no answer after"):
            await scene.ask(scene.letter(limits=Limits(seconds=0.5)))
        await asyncio.wait_for(scene.agent.ended.wait(), 10)
    ended = await TaskQueue(scene.bus).result(f"{scene.case.case_id}-s1")
    assert ended is not None
    assert (ended.end, ended.result.agent) == ("cancelled", BY)
