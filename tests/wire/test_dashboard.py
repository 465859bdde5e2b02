"""The dashboard over HTTP, on a real server: who sees what, who may do what, and what is done."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from mendwire.dashboard.attempts import MOST
from mendwire.dashboard.history import DAYS, LASTS_S
from mendwire.docket.audit import Audit
from mendwire.docket.slots import slot_of
from mendwire.errors import ConfigError
from mendwire.model.case import CaseState, Delivered, Parking, ParkReason, Step, Verdict
from mendwire.model.codec import encode
from mendwire.model.work import Change, Finding, Proof, ProofStatus, Review, Run
from mendwire.tasks.queue import TaskQueue
from tests.dashboard_stage import (
    ATTACK,
    ENV,
    NAMES,
    OPERATOR,
    VIEWER,
    DashboardStage,
    dashboard_stage,
    proven,
    report_of,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOSTILE = "</pre><script>alert(1)</script>\x1b[31m\u202e\u200b\"' onmouseover=alert(1) x="
HOST = "127.0.0.1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DashboardStage]:
    async with dashboard_stage(tmp_path_factory.mktemp("dashboard")) as started:
        yield started


@asynccontextmanager
async def browser(stage: DashboardStage, token: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """Somebody with a cookie jar, logged in by ``token`` if given."""
    async with httpx.AsyncClient(base_url=stage.url, timeout=30) as client:
        client.headers["origin"] = stage.url
        if token:
            answer = await client.post("/login", data={"token": token, "next": "/cases"})
            assert (answer.status_code, answer.headers["location"]) == (303, "/cases")
        yield client


async def form_token(client: httpx.AsyncClient, page: str = "/agents") -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', (await client.get(page)).text)
    assert found, "the page has a form"
    return found[1]


async def deed(client: httpx.AsyncClient, path: str, page: str = "", **fields: str) -> str:
    """Send a form as its page does; what the next page says."""
    token = await form_token(client, page or path.rpartition("/")[0])
    answer = await client.post(path, data={"form_token": token, **fields})
    assert answer.status_code == 303, answer.text
    shown = (await client.get(answer.headers["location"])).text
    said = re.search(r'<p class="notice (?:good|bad)" role="(\w+)">(.*?)</p>', shown)
    assert said, "the next page says what was done"
    return f"{said[1]}: {said[2]}"


async def test_nothing_is_seen_without_a_login(stage: DashboardStage) -> None:
    async with browser(stage) as client:
        for path in ("/", "/cases", "/cases/x", "/quarantine/1", "/dead", "/news", "/tasks/x"):
            answer = await client.get(path)
            assert (answer.status_code, answer.text) == (303, "")
            assert answer.headers["location"].startswith("/login?next=/")
        part = await client.get("/cases", headers={"hx-request": "true"})
        assert (part.status_code, part.headers["hx-refresh"]) == (401, "true")
        assert (await client.get("/healthz")).json() == {"status": "ok"}


async def test_a_link_from_elsewhere_is_asked_for_again_by_our_own_page(
    stage: DashboardStage,
) -> None:
    async with browser(stage) as client:
        answer = await client.get("/cases?q=a'b", headers={"sec-fetch-site": "cross-site"})
        assert answer.status_code == 200
        assert 'content="0;url=/cases?q=a' in answer.text
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/login", "/", "/static/app.js", "/nowhere", "/healthz"])
async def test_every_answer_keeps_the_browser_in_bounds(stage: DashboardStage, path: str) -> None:
    async with browser(stage, OPERATOR) as client:
        headers = (await client.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        # "no-referrer" would make browsers send "Origin: null" with our own forms.
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"].startswith("public" if "static" in path else "no-store")
        assert "server" not in headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "localhost.evil.example"])
async def test_other_names_are_refused(stage: DashboardStage, host: str) -> None:
    async with browser(stage, OPERATOR) as client:
        answer = await client.get("/", headers={"host": host})
        assert answer.status_code == 421
        assert "dashboard.hosts" in answer.text
        port = stage.url.rpartition(":")[2]
        assert (await client.get("/login", headers={"host": f"localhost:{port}"})).status_code < 400


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(
    stage: DashboardStage,
) -> None:
    async with browser(stage) as client:
        answer = await client.post("/login", data={"token": OPERATOR, "next": "//evil.example"})
        cookie = answer.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
        assert "Secure" not in cookie
        assert answer.headers["location"] == "/"
        assert (await client.get("/")).status_code == 200
        kept = dict(client.cookies)
        await client.post("/logout")
        client.cookies.update(kept)
        assert (await client.get("/")).status_code == 303


async def test_wrong_tokens_are_slowed_down(tmp_path: Path) -> None:
    async with dashboard_stage(tmp_path) as stage, browser(stage) as client:
        tries = [client.post("/login", data={"token": f"wrong {n}"}) for n in range(MOST)]
        answers = await asyncio.gather(*tries)
        assert {answer.status_code for answer in answers} == {403}
        late = await client.post("/login", data={"token": OPERATOR})
        assert late.status_code == 429
        assert int(late.headers["retry-after"]) > 0


async def test_behind_a_proxy_one_stranger_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    async with (
        dashboard_stage(tmp_path, proxy_peers=[HOST]) as stage,
        browser(stage) as client,
    ):
        stranger = {"x-forwarded-for": "198.51.100.9, 203.0.113.9"}
        for made_up in range(MOST):
            headers = {"x-forwarded-for": f"198.51.100.{made_up}, 203.0.113.9"}
            answer = await client.post("/login", data={"token": "wrong"}, headers=headers)
            assert answer.status_code == 403
        late = await client.post("/login", data={"token": OPERATOR}, headers=stranger)
        assert late.status_code == 429
        others = {"x-forwarded-for": "203.0.113.10"}
        answer = await client.post("/login", data={"token": OPERATOR}, headers=others)
        assert answer.status_code == 303


async def test_a_login_from_another_site_is_refused(stage: DashboardStage) -> None:
    async with browser(stage) as client:
        for headers in (
            {"origin": "http://evil.example"},
            {"origin": "null"},
            {"sec-fetch-site": "cross-site"},
        ):
            answer = await client.post("/login", data={"token": OPERATOR}, headers=headers)
            assert answer.status_code == 403
            assert "set-cookie" not in answer.headers


DEEDS = (
    "/cases/x/retry",
    "/cases/x/silence",
    "/cases/x/close",
    "/cases/x/accept",
    "/cases/x/approve",
    "/quarantine/1/release",
    "/quarantine/1/discard",
    "/dead/1/replay",
    "/dead/1/discard",
    "/tasks/x/cancel",
    "/agents/halt",
    "/agents/resume",
)


@pytest.mark.parametrize("path", DEEDS)
async def test_a_deed_needs_an_operator_a_page_of_ours_and_its_token(
    stage: DashboardStage, path: str
) -> None:
    async with browser(stage, OPERATOR) as client:
        token = await form_token(client)
        right = {"form_token": token}
        assert (await client.post(path, data={"form_token": "0" * 64})).status_code == 403
        assert (await client.post(path)).status_code == 403
        elsewhere = {"origin": "http://evil.example"}
        assert (await client.post(path, data=right, headers=elsewhere)).status_code == 403
        assert (await client.get(path)).status_code == 405
        large = await client.post(path, content=b"x" * 70_000)
        assert large.status_code == 413
    async with browser(stage, VIEWER) as client:
        assert (await client.post(path, data=right)).status_code == 403
    async with browser(stage) as client:
        answer = await client.post(path, data=right)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")


async def test_every_deed_is_in_the_list() -> None:
    source = Path(__file__).parents[2] / "src/mendwire/dashboard/routes.py"
    assert len(re.findall(r"^        deed\(", source.read_text(), re.MULTILINE)) == len(DEEDS)


async def test_a_viewer_sees_no_button_and_no_hostile_text(stage: DashboardStage) -> None:
    case = await stage.file(100, title="seen by a viewer", state=CaseState.BLOCKED)
    held = await stage.hold(report_of(f"{ATTACK} END"))
    async with browser(stage, VIEWER) as client:
        for page in ("/", "/agents", f"/cases/{case.case_id}", "/quarantine", "/dead", "/tasks"):
            shown = (await client.get(page)).text
            assert "form_token" not in shown
            assert "END" not in shown
        assert (await client.get(f"/quarantine/{held}")).status_code == 403
        assert (await client.get("/dead/1")).status_code == 403
    async with browser(stage, OPERATOR) as client:
        shown = (await client.get(f"/quarantine/{held}")).text
        assert "END" in shown
        assert "<mark>" in shown


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.handlers: list[str] = []
        self.links: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.handlers += [name for name, _ in attrs if name.startswith(("on", "style"))]
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "action"}]


async def test_hostile_text_is_inert_on_every_page(stage: DashboardStage) -> None:
    """In every field of a report and of all that agents say of it."""
    body = {
        "error": HOSTILE,
        "stack": HOSTILE,
        "type": HOSTILE,
        "release": HOSTILE,
        "service": HOSTILE,
        "code": HOSTILE,
        "level": HOSTILE,
        "trace_id": HOSTILE,
        "timestamp": HOSTILE,
        "environment": HOSTILE,
        "context": {HOSTILE: HOSTILE, "deep": {HOSTILE: [HOSTILE]}},
    }
    known = proven()
    run = Run(
        what=HOSTILE, passed=False, exit_code=1, seconds=1, output=HOSTILE, failing=(HOSTILE,)
    )
    case = await stage.file(
        101,
        **known
        | {
            "title": HOSTILE,
            "environment": HOSTILE,
            "service": HOSTILE,
            "release": HOSTILE,
            "reason": HOSTILE,
            "feedback": HOSTILE,
            "reverted": HOSTILE,
            "landed": HOSTILE,
            "report": json.dumps(body).encode(),
            "finding": Finding(
                summary=HOSTILE,
                cause=HOSTILE,
                guilty_commit=HOSTILE,
                files=(HOSTILE,),
                similar=(HOSTILE,),
            ),
            "change": Change(patch=f"+{HOSTILE}", explanation=HOSTILE, files=(HOSTILE,)),
            "proof": Proof(
                status=ProofStatus.BREACH, reasons=(HOSTILE,), runs=(run,), sandbox=HOSTILE
            ),
            "review": Review(approved=False, comments=HOSTILE),
            "delivered": Delivered(
                branch=HOSTILE, commit=HOSTILE, patch_path=HOSTILE, remote=HOSTILE
            ),
            "parking": Parking(reason=ParkReason.PERSON, note=HOSTILE, until_ns=0),
        },
    )
    await stage.progress(case, HOSTILE, HOSTILE)
    result = {"task_id": HOSTILE, "status": HOSTILE, "pr_url": f"javascript:{HOSTILE}"}
    result["evidence"] = {"reason": HOSTILE}  # type: ignore[assignment]  # as anybody may publish it
    await stage.bus.publish(NAMES.result("fixed", case.case_id), json.dumps(result).encode())
    held = await stage.hold(json.dumps(body).encode())
    dead = await stage.bury(json.dumps(body).encode(), HOSTILE)
    task = await TaskQueue(stage.bus).publish("x", HOSTILE, context={HOSTILE: HOSTILE})
    pages = [
        *("/", "/cases", f"/cases/{case.case_id}", "/results", "/results/1", "/tasks"),
        *(f"/tasks/{task.task_id}", "/quarantine", f"/quarantine/{held}", "/dead"),
        *(f"/dead/{dead}", f"/cases?{httpx.QueryParams({'q': HOSTILE})}", "/agents"),
    ]
    async with browser(stage, OPERATOR) as client:
        for page in pages:
            answer = await client.get(page)
            assert answer.status_code == 200, page
            shown = answer.text
            assert not re.search("[\x00-\x08\x0b-\x1f\u200b\u202e]", shown), page
            tags = Tags()
            tags.feed(shown)
            assert not tags.handlers, page
            assert tags.scripts == 3, page
            assert not [link for link in tags.links if link.startswith("javascript:")], page
        shown = (await client.get(f"/cases/{case.case_id}")).text
        assert shown.count("\\u202e") > 25, "visible, as on the command line"


async def test_an_operator_steers_cases_by_the_same_functions(stage: DashboardStage) -> None:
    opened = await stage.file(110)
    fixed = await stage.file(111, **proven())
    blocked = await stage.file(
        112, state=CaseState.BLOCKED, verdict=Verdict.BLOCKED, step=Step.VERIFY
    )

    async def stands(issue: str) -> Any:
        filed = await stage.docket.get(issue)
        assert filed is not None
        return filed.case

    async with browser(stage, OPERATOR) as client:
        said = await deed(client, f"/cases/{opened.case_id}/silence", time="7d", note="known\nbug")
        assert said.startswith(f"status: {opened.case_id} is silent until 20")
        case = await stands(opened.issue)
        assert (case.state, case.parking.reason, case.parking.note) == (
            CaseState.PARKED,
            ParkReason.SILENCED,
            "known bug",
        )
        await deed(client, f"/cases/{opened.case_id}/retry")
        assert (await stands(opened.issue)).state is CaseState.OPEN
        said = await deed(client, f"/cases/{opened.case_id}/close", note="not worth it")
        assert (await stands(opened.issue)).parking.until_ns == 0
        said = await deed(client, f"/cases/{fixed.case_id}/retry", f"/cases/{fixed.case_id}")
        assert said.startswith(f"alert: The fix of case {fixed.case_id} waits")
        assert (await stands(fixed.issue)).state is CaseState.FIXED
        said = await deed(client, f"/cases/{fixed.case_id}/close", note="we did it ourselves")
        assert "is withdrawn" in said
        assert (await stands(fixed.issue)).state is CaseState.WITHDRAWN
        unwanted = await stage.file(113, **proven())
        await deed(client, f"/cases/{unwanted.case_id}/retry", sure="yes")
        assert (await stands(unwanted.issue)).episode == 2
        await deed(client, f"/cases/{blocked.case_id}/retry")
        assert (await stands(blocked.issue)).episode == 2
        said = await deed(
            client, f"/cases/{fixed.case_id}/close", f"/cases/{fixed.case_id}", note="x"
        )
        assert said.startswith("alert: "), "what cannot be done is said"
        token = await form_token(client)
        for fields in ({"time": "9y"}, {"time": "1h", "note": ""}):
            path = f"/cases/{opened.case_id}/{'silence' if 'y' in fields['time'] else 'close'}"
            answer = await client.post(path, data={"form_token": token, **fields})
            assert answer.status_code == 303
    deeds = await Audit(bucket=stage._bucket, by="").deeds()
    assert {"cases silence", "cases retry", "cases close"} <= {one.what for one in deeds}
    assert {one.by for one in deeds} == {"operator@dashboard"}


async def test_held_reports_and_dead_letters_are_decided(stage: DashboardStage) -> None:
    first, second = [await stage.hold(report_of(ATTACK, n=n)) for n in range(2)]
    letter, other = [await stage.bury(report_of(f"KeyError: {n}"), "why") for n in range(2)]
    async with browser(stage, OPERATOR) as client:
        assert "why, for those who read" in await deed(
            client, f"/quarantine/{first}/release", note=" \n"
        )
        said = await deed(client, f"/quarantine/{first}/release", note="a test of ours")
        assert f"{first} is released: it waits as {NAMES.error_stream(ENV)}" in said
        said = await deed(client, f"/quarantine/{second}/discard", note="no", label="benign")
        assert said == f"status: {second} is discarded, as benign."
        assert (await client.get(f"/quarantine/{second}")).status_code == 404
        said = await deed(client, f"/dead/{letter}/replay")
        assert f"{letter} waits as" in said
        said = await deed(client, f"/dead/{other}/discard", note="old")
        assert said == f"status: {other} is gone."
        assert (await client.get(f"/dead/{other}")).status_code == 404
        assert (await client.get("/dead/99999999999999999999")).status_code == 404
        assert (await client.get("/dead/x")).status_code == 404


async def test_tasks_and_the_switch(stage: DashboardStage) -> None:
    task = await TaskQueue(stage.bus).publish("investigation", "look at it", id_="look-1")
    async with browser(stage, OPERATOR) as client:
        assert "look at it" in (await client.get("/tasks")).text
        said = await deed(client, f"/tasks/{task.task_id}/cancel", note="done by hand")
        assert said == "status: look-1 is cancelled."
        assert "cancelled" in (await client.get("/tasks?all=1")).text
        assert "two seconds" in await deed(client, "/agents/halt", note="deploying")
        shown = (await client.get("/")).text
        assert "Everything is stopped, by operator@dashboard" in shown
        assert "(1) Overview" in shown or re.search(r"\(\d\) Overview", shown)
        assert "Workers go on" in await deed(client, "/agents/resume")


async def test_cases_are_found_by_words_and_filters(stage: DashboardStage) -> None:
    await stage.file(120, title="Zebra in stripes (zoo.py)", environment="staging")
    await stage.file(121, title="Zebra in hooves (zoo.py)", state=CaseState.CLOSED)

    async def titles(query: str) -> set[str]:
        shown = (await client.get(f"/cases?{query}", headers={"hx-request": "true"})).text
        assert "<html" not in shown, "a part alone"
        return set(re.findall(r"Zebra in \w+", shown))

    async with browser(stage, VIEWER) as client:
        assert await titles("q=zebra") == {"Zebra in stripes", "Zebra in hooves"}
        assert await titles("q=zoo+STRIPES") == {"Zebra in stripes"}
        assert await titles("q=zebra&state=closed") == {"Zebra in hooves"}
        assert await titles("q=zebra&environment=staging&verdict=") == {"Zebra in stripes"}
        assert await titles("q=zebra&page=99999") == set()
        assert await titles("q=zebra&page=-1") == {"Zebra in stripes", "Zebra in hooves"}
        assert (await client.get("/cases/nosuch")).status_code == 404
        assert (await client.get("/cases/no.such")).status_code == 404


async def test_what_the_overview_draws_is_read_once_for_all_who_look(
    stage: DashboardStage,
) -> None:
    clock = [0.0]
    history = stage.history(lambda: clock[0])
    first, other = await asyncio.gather(history.past(), history.past())
    await history.deployments.add(ENV, "charts", "charts@1", "c" * 40)
    slot = slot_of(time.time())
    await history.slots.add(slot, {(ENV, "charts"): 7})
    await stage.docket.spend(f"{first.days[-1]:%Y%m%d}", 1.25)
    assert first is other is await history.past()
    clock[0] = LASTS_S + 0.1
    later = await history.past()
    assert [one.release for one in later.deployments if one.service == "charts"] == ["charts@1"]
    assert later.slots[slot][ENV]["charts"] == 7
    assert later.spent[-1] - first.spent[-1] == 1.25
    assert len(later.spent) == len(later.days) == DAYS


async def test_what_happens_is_told_to_open_pages_by_name_alone(stage: DashboardStage) -> None:
    case = await stage.file(130)
    async with (
        browser(stage, VIEWER) as client,
        client.stream("GET", "/news") as news,
    ):
        assert news.headers["content-type"].startswith("text/event-stream")
        lines = news.aiter_lines()
        assert await anext(lines) == "retry: 3000"
        await stage.progress(case, "research", "secret finding")

        async def topics() -> list[str]:
            async for line in lines:
                if line.startswith("data: "):
                    found: list[str] = json.loads(line.removeprefix("data: "))
                    return found
            raise AssertionError("the line ended")

        async with asyncio.timeout(30):
            own = f"case:{case.issue}"
            assert await topics() == [own]
            filed = await stage.docket.get(case.issue)
            assert filed is not None
            await stage.docket.change(filed, lambda now: replace(now, occurrences=7))
            assert await topics() == [own, "cases"]
            await stage.bus.publish(f"{NAMES.namespace}.dead.X", encode({}))
            assert await topics() == ["dead"]


async def test_a_proxy_says_who_it_is_from_its_own_address_alone(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "proxy_peers": [HOST],
        "operators": ["ada"],
        "viewers": ["bob"],
        "url": "https://mend.example.org",
    }
    async with dashboard_stage(tmp_path, **settings) as stage, browser(stage) as client:
        names = {"host": "mend.example.org", "origin": "https://mend.example.org"}
        client.headers.update(names)
        shown = await client.get("/agents", headers={"x-forwarded-user": "ada"})
        assert "ada" in shown.text
        assert "Log out" not in shown.text
        assert "Stop everything" in shown.text
        shown = await client.get("/agents", headers={"x-forwarded-user": "bob"})
        assert "Stop everything" not in shown.text
        for headers in ({"x-forwarded-user": "eve"}, {}):
            assert (await client.get("/agents", headers=headers)).status_code == 303
        answer = await client.post("/login", data={"token": VIEWER})
        assert answer.headers["set-cookie"].startswith("__Host-mendwire-")
        assert "; Secure" in answer.headers["set-cookie"]
    stranger = settings | {"proxy_peers": ["10.9.9.9"]}
    async with dashboard_stage(tmp_path / "b", **stranger) as stage, browser(stage) as client:
        answer = await client.get("/agents", headers={"x-forwarded-user": "ada"})
        assert answer.status_code == 303


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"host": "0.0.0.0"}, "would be open to others"),  # noqa: S104 - that is what is refused
        ({"url": "mend.example.org"}, "dashboard.url must begin"),
        ({"token_file": "absent"}, "absent cannot be read"),
        ({"proxy_peers": ["everybody"]}, "no address or network"),
    ],
)
async def test_bad_settings_are_one_sentence(
    tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    none = {"MENDWIRE_DASHBOARD_TOKEN": "", "MENDWIRE_DASHBOARD_VIEWER_TOKEN": ""}
    with pytest.raises(ConfigError, match=said):
        async with dashboard_stage(tmp_path, variables=none, **settings):
            pass


async def test_a_server_that_is_away_is_said_on_the_page_and_comes_back(tmp_path: Path) -> None:
    async with dashboard_stage(tmp_path, worker=False) as stage, browser(stage, OPERATOR) as client:
        assert (await client.get("/")).status_code == 200
        stage.server.kill()
        await asyncio.sleep(0)
        answer = await client.get("/cases")
        assert answer.status_code == 503
        assert "NATS" in answer.text
        await stage.server.start()
        async with asyncio.timeout(60):
            while (await client.get("/cases")).status_code != 200:
                await asyncio.sleep(0.2)
