"""The provider of the agents' model: knows what each is to do, and keeps its own books."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.week.bugs import Bug, Kind
from benchmarks.week.project import CI, TESTS, module_text, shape_of, suite_text

RUN_USD = 0.05
SPENDER_USD = 0.9
SLOW_S = 4.0
_SURE = {"similar": [], "confidence": 0.9}


@dataclass(frozen=True, kw_only=True)
class Told:
    """What an agent is to do in one run."""

    answer: Mapping[str, object]
    files: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    dies: bool = False
    cost_usd: float = RUN_USD


@dataclass(kw_only=True)
class Provider:
    """Listens on loopback while it is up; down, nobody answers there."""

    bugs: list[Bug]
    billed_usd: float = 0.0
    runs: int = 0
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often for a bug and a role."""
    refused: int = 0
    """Questions that named no bug of ours."""
    port: int = 0
    _server: asyncio.Server | None = None

    async def up(self) -> None:
        """Answer, on the same port as before."""
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def down(self) -> None:
        """Answer nobody from now on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            question = json.loads(await reader.readline())
            told = self.tell(question["role"], question["words"])
            writer.write(json.dumps({**vars(told)}).encode() + b"\n")
            await writer.drain()
        except (ValueError, OSError):
            self.refused += 1
        finally:
            writer.close()

    def tell(self, role: str, words: list[str]) -> Told:
        """What the agent does that plays ``role`` for the bug that its prompt names."""
        known = {bug.word: bug for bug in self.bugs}
        bug = next((known[word] for word in words if word in known), None)
        if bug is None:
            self.refused += 1
            return Told(answer={}, dies=True, cost_usd=0.0)
        self.asked[bug.word, role] += 1
        times = self.asked[bug.word, role]
        bug = known.get(bug.cause, bug)  # where the mistake is
        if role == "research":
            told = _research(bug, times)
        elif role == "implementation":
            told = _implementation(bug, times, self.bugs)
        else:
            approved = bug.kind is not Kind.SYMPTOM
            told = Told(answer={"approved": approved, "comments": "Looked at."})
        self.runs += 1
        self.billed_usd += told.cost_usd
        return told


def _research(bug: Bug, times: int) -> Told:
    found = {
        "summary": f"A value that was not thought of reaches do_{bug.word}.",
        "cause": f"{bug.file}:9",
        "files": [bug.file],
        **_SURE,
    }
    if bug.kind in {Kind.HOPELESS, Kind.ATTACK}:
        return Told(answer={**found, "summary": "It is not clear to me.", "confidence": 0.0})
    dies = bug.kind is Kind.DEAD or (bug.kind is Kind.SHAKY and times == 1)
    return Told(answer=found, dies=dies)


def _implementation(bug: Bug, times: int, bugs: list[Bug]) -> Told:
    answer = {"explanation": "The value that was not thought of is handled."}
    mended = module_text(bug, shape_of(bug).mended)
    wrong = module_text(bug, f"{shape_of(bug).broken}  # handled")
    hidden = module_text(
        bug, f"try:\n        {shape_of(bug).broken}\n    except Exception:\n        return 0"
    )
    empty = module_text(bug, "return None")
    files: dict[str, str] = {
        Kind.LATE: {bug.file: wrong if times == 1 else mended},
        Kind.TESTED: {bug.file: mended, f"tests/test_{bug.word}.py": _test_of(bug)},
        Kind.FLAKY: {bug.file: module_text(bug) + "# looked at\n"},
        Kind.WRONG: {bug.file: wrong},
        Kind.LIAR: {},
        Kind.WEAKENS: {TESTS: suite_text(bugs, without=bug.word)},
        Kind.HUSHED: {bug.file: empty, TESTS: suite_text(bugs, without=bug.word)},
        Kind.SYMPTOM: {bug.file: hidden},
        Kind.FORBIDDEN: {bug.file: mended, CI: "on: never\n"},
        Kind.SPENDER: {bug.file: f"{wrong}# {times}\n"},
    }.get(bug.kind, {bug.file: mended})
    return Told(
        answer=answer,
        files=files,
        seconds=SLOW_S if bug.kind is Kind.SLOW else 0.0,
        cost_usd=SPENDER_USD if bug.kind is Kind.SPENDER else RUN_USD,
    )


def _test_of(bug: Bug) -> str:
    return (
        f"import unittest\n\nfrom {bug.service}.mod_{bug.word} import do_{bug.word}\n\n\n"
        f"class T(unittest.TestCase):\n    def test_it(self):\n"
        f"        do_{bug.word}({shape_of(bug).argument!r})\n"
    )
