"""One trace all the way: a real traced program, the gateway, a worker, a specialist elsewhere."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mendwire.model.case import Case, Verdict
from tests.journey.elsewhere import event, machine
from tests.journey.stage import ENV, Stage, stage
from tests.otlp_receiver import Receiver, Span, receiver

pytestmark = pytest.mark.timeout(120)
PROGRAM = Path(__file__).parent / "programs/traced_shop.py"
CONFIG = """
[gateway]
enabled = true
port = 0
[dashboard]
enabled = false
[specialists]
remote = ["review"]
silence_s = 2
[traces]
endpoint = "{url}"
url = "https://tempo.example.org/trace/{{trace_id}}"
"""
TOKEN = "bait-for-the-backend"


async def breaks(built: Stage, sdk: str, **variables: str) -> str:
    """Run the shop until it has reported; its trace."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", str(PROGRAM), sdk),
        cwd=built.repository,
        env={**built.environment, "PYTHONPATH": str(built.repository), **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    (trace,) = re.findall(r"^[0-9a-f]{32}$", out.decode(), re.MULTILINE)
    return str(trace)


async def lines_of(process: asyncio.subprocess.Process, kept: list[dict[str, object]]) -> None:
    """Keep what it logs from now on."""
    assert process.stderr is not None
    while line := await process.stderr.readline():
        if line.startswith(b"{"):
            kept.append(json.loads(line))


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What became of an error that came again and again."""

    trace: str
    """Of the program's own span around it."""
    again: str
    """Of the next time that it came."""
    sentry: str
    """Of the same error, told by the SDK of Sentry."""
    case: Case
    log: list[dict[str, object]]
    shown: dict[str, Any]
    told: str


async def lived(built: Stage, backend: Receiver) -> Seen:
    """The error comes, is mended with a review from elsewhere, comes again, and by the gateway."""
    (built.folder / "pace").mkdir()
    words = ("gateway", "keys", "add", "shop", "--env", ENV, "--trust", "trusted")
    _, added, _ = await built.run(*words)
    login = f"x-token={TOKEN}"
    up = await built.spawn("up", "--log", "json", OTEL_EXPORTER_OTLP_HEADERS=login)
    to_backend = {"OTEL_EXPORTER_OTLP_ENDPOINT": backend.url}
    place = await machine(built, "there")
    gateway = str((await event(up, "gateway.started"))["url"])
    await event(up, "worker.started")
    log: list[dict[str, object]] = []
    reading = asyncio.create_task(lines_of(up, log))
    reviewer, trace = await asyncio.gather(
        place.specialist("--role", "review", **to_backend),
        breaks(built, "opentelemetry", MENDWIRE_RELEASE="shop@1", **to_backend),
    )
    key = re.search(r"http://(\w+)@[^/]+/(\d+)", added)
    assert key is not None
    dsn = gateway.replace("://", f"://{key[1]}@") + f"/{key[2]}"
    await asyncio.to_thread(backend.one, "mendwire.case")
    again, sentry = await asyncio.gather(
        breaks(built, "opentelemetry", MENDWIRE_RELEASE="shop@0", **to_backend),
        breaks(built, "sentry", SENTRY_DSN=dsn),
    )
    await asyncio.to_thread(backend.one, "mendwire.case", verdict="needs_human")
    await asyncio.to_thread(backend.one, "mendwire.case.skipped")
    (case,) = [one for one in await built.cases() if one.verdict is Verdict.FIXED]
    (_, shown, _), (_, told, _) = await asyncio.gather(
        built.run("cases", "show", "--json", case.issue), built.run("cases", "show", case.issue)
    )
    for process in (reviewer, up):
        process.terminate()
    await asyncio.gather(reviewer.wait(), up.wait(), reading)
    return Seen(
        trace=trace,
        again=again,
        sentry=sentry,
        case=case,
        log=log,
        shown=json.loads(shown),
        told=told,
    )


async def test_one_trace_from_the_programs_own_span_to_the_delivered_fix(tmp_path: Path) -> None:
    with receiver() as backend:
        config = CONFIG.format(url=backend.url)
        async with stage(tmp_path / "here", worker="heartbeat_s = 1", config=config) as built:
            seen = await lived(built, backend)
    assert (seen.case.verdict, seen.case.occurrences) == (Verdict.FIXED, 2)
    own = one_in(backend, seen.trace, "POST /checkout")
    assert not own.parent
    ours = [span for span in backend.spans if span.trace == seen.trace and span is not own]
    assert {span.role for span in ours} == {"worker", "specialist"}
    for span in ours:
        assert backend.above(span)[-1:] == ["POST /checkout"], span
        assert span.began_ns <= span.ended_ns
    case = ["mendwire.case", "mendwire.receive", "mendwire.capture", "POST /checkout"]
    remote = ["mendwire.specialist", "mendwire.review", *case]
    for name, above in {
        "mendwire.screen": case[1:],
        "mendwire.research": case,
        "mendwire.verify": case,
        "mendwire.deliver": case,
        "mendwire.publish": case,
        "mendwire.specialist": remote[1:],
    }.items():
        assert backend.above(one_in(backend, seen.trace, name)) == above, name
    for role, above in {
        "research": ["mendwire.research", *case],
        "implementation": ["mendwire.implement", *case],
        "review": remote,
    }.items():
        run = one_in(backend, seen.trace, "mendwire.agent", role=role)
        assert backend.above(run) == above
        assert run.role == ("specialist" if role == "review" else "worker")
    assert backend.one("mendwire.agent", role="review").attributes["mendwire.cost_usd"] == 0.125
    proven = {span.attributes["mendwire.what"] for span in backend.named("mendwire.proof")}
    assert {"reproduction at base", "suite at base", "suite after"} <= proven
    # It came again in another trace, which leads to the first.
    skipped = backend.one("mendwire.case.skipped")
    assert (skipped.trace, skipped.links) == (
        seen.again,
        ((seen.trace, one_in(backend, seen.trace, "mendwire.case").id),),
    )
    assert backend.above(skipped) == case[1:]
    # What came by the gateway is a part of the trace that its SDK began.
    other = one_in(backend, seen.sentry, "mendwire.case")
    assert backend.above(other) == ["mendwire.receive", "mendwire.gateway"]
    assert backend.one("mendwire.gateway").parent
    # What people see, and what the log says.
    assert seen.shown["trace_id"] == seen.trace
    assert f"https://tempo.example.org/trace/{seen.trace}" in seen.told
    ended = [line["trace_id"] for line in seen.log if line["event"] == "case.closed"]
    assert ended == [seen.trace, seen.sentry]
    assert not [line for line in seen.log if line["event"] == "traces.lost"]
    # Nothing of what the program said goes there, and the login only as a header.
    assert TOKEN in {headers.get("x-token") for headers in backend.headers}
    assert not [bait for bait in (b"SUMMER", TOKEN.encode(), b"subtotal") if bait in backend.raw]


def one_in(backend: Receiver, trace: str, name: str, **attributes: object) -> Span:
    (found,) = (span for span in backend.named(name, **attributes) if span.trace == trace)
    return found
