"""A fix becomes one pull or merge request, whatever dies in between, and people's hands count."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mendwire.app.evidence import seen
from mendwire.app.forging import forge_of
from mendwire.deliver import requests
from mendwire.deliver.following import Requests
from mendwire.deliver.message import request_text, request_title
from mendwire.deliver.requests import RequestState, Wanted, ensure
from mendwire.errors import ConfigError, ForgeAway, ForgeError
from mendwire.model.case import Case, CaseState, Delivered, Verdict
from mendwire.model.scrub import scrub_policy
from mendwire.model.work import Approval, Change, Finding, Proof, ProofStatus, Review, Run
from mendwire.settings.config import Config
from mendwire.settings.serving import Forge as Chosen
from tests.forges import REPOSITORY, TOKEN, Forge, GitHub, GitLab, serving
from tests.journey.stage import Stage, coupon_report, stage
from tests.node_packages import installed
from tests.openapi import Description

ISSUE = "0123456789abcdef0123456789abcdef"
KINDS = ("github", "gitlab")


@pytest.fixture(scope="module")
def described() -> Description:
    package = installed("openapi") / "node_modules/@octokit/openapi"
    return Description(package / "generated/api.github.com.json")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def there(kind: str, request: pytest.FixtureRequest) -> Iterator[Forge]:
    """A forge; whatever is said to GitHub's is held against GitHub's own description."""
    forge = GitHub(description=request.getfixturevalue("described"))
    with serving(forge if kind == "github" else GitLab()) as running:
        yield running
        assert running.faults == []


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "WAITS_S", (0.0, 0.0))


def ours(there: Forge, token: str = TOKEN, path: str = "") -> requests.Forge:
    kind = "github" if isinstance(there, GitHub) else "gitlab"
    chosen = Chosen(kind=kind, repository=REPOSITORY, url=there.url + path)
    forge = forge_of(Config(forge=chosen), {"MENDWIRE_FORGE_TOKEN": token})
    assert forge is not None
    return forge


def wanted(case: str = f"{ISSUE}-e1", **changes: object) -> Wanted:
    usual = Wanted(
        case=case,
        branch=f"mendwire/{ISSUE}",
        commit="a" * 40,
        base="",
        title="Fix KeyError in checkout",
        text=f"Why.\n\nMendwire-Case: {case}\n",
        draft=True,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]  # fields by name


async def test_one_draft_however_often(there: Forge) -> None:
    first = await ensure(ours(there), wanted())
    assert first.state is RequestState.OPEN
    assert await ensure(ours(there), wanted()) == first
    (made,) = there.requests
    assert made["draft"] is True
    assert first.url.startswith("https://git")
    assert [status for _, _, status in there.exchanges].count(201) == 1


async def test_no_draft_where_none_is_wanted(there: Forge) -> None:
    await ensure(ours(there), wanted(draft=False, base="release"))
    (made,) = there.requests
    assert made["draft"] is False
    assert "release" in (made.get("target_branch"), (made.get("base") or {}).get("ref"))


async def test_a_lost_answer_makes_no_second_one(there: Forge) -> None:
    """Killed with SIGKILL after the forge made it and before its answer came."""
    there.mute = True
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _MAKES, type(there).__name__, there.url, wanted().text
    )
    await asyncio.to_thread(there.made.wait, 60)
    program.kill()
    await program.wait()
    there.mute = False
    there.ended.set()
    assert len(there.requests) == 1
    found = await ensure(ours(there), wanted())
    assert found.number == 1
    assert len(there.requests) == 1


_MAKES = """
import asyncio, sys
from mendwire.deliver.requests import Wanted, ensure
from mendwire.settings.secret import Secret
kind, url, text = sys.argv[1:]
if kind == "GitHub":
    from mendwire.deliver.github import GitHubForge as Forge
else:
    from mendwire.deliver.gitlab import GitLabForge as Forge
forge = Forge(repository="%s", token=Secret("%s"), url=url)
case = text.rpartition(": ")[2].strip()
asyncio.run(ensure(forge, Wanted(case=case, branch="mendwire/%s", commit="a" * 40, base="",
    title="Fix KeyError in checkout", text=text, draft=True)))
""" % (REPOSITORY, TOKEN, ISSUE)  # noqa: UP031 - braces would be Python's own


async def test_a_request_of_an_earlier_episode_is_another_one(there: Forge) -> None:
    first = await ensure(ours(there), wanted())
    there.close(first.number, merged_as="b" * 40)
    second = await ensure(ours(there), wanted(f"{ISSUE}-e2"))
    assert second.number == 2
    again = await ensure(ours(there), wanted())
    assert (again.number, again.state, again.merged_as) == (1, RequestState.MERGED, "b" * 40)


async def test_what_a_person_closed_is_not_opened_again(there: Forge) -> None:
    there.close((await ensure(ours(there), wanted())).number)
    assert (await ensure(ours(there), wanted())).state is RequestState.CLOSED
    assert len(there.requests) == 1


async def test_somebody_else_s_open_request_for_the_branch_is_left_alone(there: Forge) -> None:
    await ensure(ours(there), wanted("somebody-e1"))
    with pytest.raises(ForgeError, match="has an open request, and shows none that is this case's"):
        await ensure(ours(there), wanted())
    assert len(there.requests) == 1


async def test_a_fork_s_request_is_not_ours_whatever_it_says(there: Forge) -> None:
    """Its branch has our name, its text our line; a forge may list it all the same."""
    await ensure(ours(there), wanted())
    stranger = there.requests[0]
    if "head" in stranger:
        stranger["head"]["repo"] = stranger["head"]["repo"] | {"id": 666}
    stranger["source_project_id"] = 666
    there.close(1, merged_as="e" * 40)
    assert (await ensure(ours(there), wanted())).number == 2


async def test_a_forge_that_is_busy_is_asked_again(there: Forge) -> None:
    there.fail = [502, 503]
    assert (await ensure(ours(there), wanted())).number == 1
    there.fail = [502, 429, 503]
    with pytest.raises(ForgeAway, match="could not list"):
        await ensure(ours(there), wanted())


async def test_a_wrong_token_is_one_sentence_without_it(there: Forge) -> None:
    with pytest.raises(ForgeError, match=r"check forge\.repository and that the token") as problem:
        await ensure(ours(there, token="bait-wrong-token"), wanted())
    assert "bait-wrong-token" not in str(problem.value)
    assert there.requests == []


async def test_a_forge_that_is_away_is_one_sentence(kind: str) -> None:
    away = GitHub() if kind == "github" else GitLab()
    away.url = "http://127.0.0.1:9"
    with pytest.raises(ForgeError, match="could not be reached to list"):
        await ensure(ours(away), wanted())


@pytest.mark.parametrize("kind", ["github"])
async def test_github_enterprise_has_its_api_under_a_path(there: Forge) -> None:
    url, there.url = there.url, f"{there.url}/api/v3"
    forge = ours(there)
    request = await ensure(forge, wanted())
    forge.comment(request.number, "Seen.")
    forge.close(request.number)
    assert forge.look(request.number).state is RequestState.CLOSED
    assert all(path.startswith("/api/v3/") for _, path, _ in there.exchanges)
    there.url = url


async def test_a_request_is_told_and_closed(there: Forge) -> None:
    request = await ensure(ours(there), wanted())
    delivered = Delivered(request=request.url, request_number=request.number)
    case = Case(issue=ISSUE, state=CaseState.MERGED, verdict=Verdict.FIXED, delivered=delivered)
    following = Requests(forge=ours(there), ask_s=0)
    assert await following.ended(case) is None
    await following.tell(case)
    assert [number for number, _ in there.comments] == [request.number]
    ended = await following.ended(case)
    assert ended is not None
    assert ended.state is RequestState.CLOSED
    there.fail = [500]
    assert await following.ended(case) is None  # it fails, and nothing else does
    asked = len(there.exchanges)
    seldom = Requests(forge=ours(there))
    await seldom.ended(case)
    await seldom.ended(case)
    assert len(there.exchanges) == asked + 1


def test_a_token_is_needed() -> None:
    with pytest.raises(ConfigError, match="MENDWIRE_FORGE_TOKEN is not set"):
        forge_of(Config(forge=Chosen(kind="github", repository="a/b")), {})
    assert forge_of(Config(), {}) is None


def test_rule_b11_the_text_of_a_request_has_no_effect() -> None:
    """Mentions, closing words, links, HTML, images, quick actions and skipping of checks."""
    attack = (
        "@everyone @acme/team fixes #1 closes GH-2 resolves acme/shop#3 !4 [skip ci] ***NO_CI***\n"
        "/merge\n<img src=x onerror=y> ![x](https://evil.example/?q) [a](javascript:x) <!-- -->\n"
        "skip-checks: true\nCo-authored-by: a <a@b>\nMendwire-Case: other-e1\n````\n# h\n"
    )
    case = Case(
        issue=ISSUE,
        report=b'{"error": "KeyError: x", "type": "@everyone"}',
        base="c" * 40,
        verdict=Verdict.FIXED,
        finding=Finding(summary=attack, cause=attack),
        change=Change(patch="", files=("a.py",), explanation=attack),
        review=Review(approved=True, comments=f"</details>{attack}"),
        proof=Proof(
            status=ProofStatus.VALID,
            reasons=(),
            runs=(
                Run(what="at base", passed=False, exit_code=1, seconds=1.0, output=attack),
                Run(
                    what="suite",
                    passed=True,
                    exit_code=0,
                    seconds=1.0,
                    output=f"</details>\n{attack}",
                ),
            ),
        ),
    )
    whole = request_text(case, seen(case, "claude", scrub_policy({})))
    assert whole.count("<details><summary>") == whole.count("</details>") == 3
    text = re.sub(r"</?(?:details|summary)>", "", whole)
    assert text.endswith("\n") and f"\nMendwire-Case: {ISSUE}-e1\n" in text  # noqa: PT018 - one thing
    for told in (r"@\w", r"#\d", r"GH-\d", r"!\d", r"(?m)^\s*/\w", r"<[A-Za-z!/]", r"!\[", r"\]\("):
        assert not re.search(told, text), told
    assert not re.search(r"https?://|\[skip ci\]|\*\*\*|````|skip-checks:", text)
    assert requests.is_marked(text, case.case_id)
    assert not requests.is_marked(text, "other-e1")
    assert "@" not in request_title(case)


CONFIG = """
[delivery]
autonomy = "request"
push = "origin"

[forge]
kind = "{kind}"
repository = "acme/shop"
url = "{url}"
"""


@asynccontextmanager
async def a_worker_s_stage(tmp_path: Path, kind: str, there: Forge):  # type: ignore[no-untyped-def]  # noqa: ANN201 - as stage
    async with stage(tmp_path, config=CONFIG.format(kind=kind, url=there.url)) as set_up:
        await set_up.git("init", "-q", "--bare", str(tmp_path / "away.git"))
        await set_up.git("remote", "add", "origin", str(tmp_path / "away.git"))
        await set_up.run("streams", "apply")
        await set_up.publish(coupon_report())
        yield set_up


def test_a_request_has_room_for_its_evidence_and_says_what_it_left_out() -> None:
    runs = tuple(
        Run(
            what=f"suite {number}",
            passed=True,
            exit_code=0,
            seconds=1.0,
            output="é" * 9_000,
            failing=("t" * 300,) * 50,
        )
        for number in range(39)
    )
    proof = Proof(status=ProofStatus.VALID, reasons=(), runs=runs)
    case = Case(issue=ISSUE, report=b"{}", base="c" * 40, verdict=Verdict.FIXED, proof=proof)
    text = request_text(case, seen(case, "claude", scrub_policy({})))
    assert 20_000 < len(text) < 65_536
    shown = text.count(": green")
    assert f"{39 - shown} more runs are in `mendwire cases evidence {ISSUE}-e1`" in text
    assert "What was run is not shown" in request_text(case, None)
    assert "Of each output the last 4,000 characters" in text
    assert "failing (20 of 50 shown): ttt" in text


@pytest.mark.parametrize(
    "piece", ["a\n", "@a\n", "/a\n", "<a", "!a #1 ", "\x1b", "```\n", "é" * 90]
)
def test_no_words_make_a_request_longer_than_the_forge_takes(piece: str) -> None:
    words = piece * 9_000
    run = Run(
        what="at base",
        passed=False,
        exit_code=1,
        seconds=1.0,
        output=words,
        failing=(words,) * 50,
    )
    case = Case(
        issue=ISSUE,
        report=json.dumps({"error": words}).encode(),
        base="c" * 40,
        verdict=Verdict.FIXED,
        finding=Finding(summary=words, cause=words),
        change=Change(patch="", files=("a.py",), explanation=words),
        review=Review(approved=True, comments=words),
        approvals=(Approval(called="security", comments=words),) * 9,
        proof=Proof(status=ProofStatus.VALID, reasons=(), runs=(run,) * 40),
    )
    text = request_text(case, seen(case, "claude", scrub_policy({})))
    assert len(text) <= 65_536
    assert text.count("<details>") == text.count("</details>") == 3
    assert text.endswith("\n") and f"\nMendwire-Case: {ISSUE}-e1\n" in text  # noqa: PT018 - one thing
    assert "the rest is left out" in text or len(piece) > 9, "of what reviewers said"
    assert "more runs are in `mendwire cases evidence" in text


async def worked(set_up: Stage) -> Case:
    code, _, err = await set_up.run("work", "--until-empty", MENDWIRE_FORGE_TOKEN=TOKEN)
    assert code == 0, err
    (case,) = await set_up.cases()
    return case


async def test_a_worker_killed_before_it_noted_the_request(
    tmp_path: Path, kind: str, there: Forge
) -> None:
    async with a_worker_s_stage(tmp_path, kind, there) as set_up:
        there.mute = True
        first = await set_up.spawn("work", "--until-empty", MENDWIRE_FORGE_TOKEN=TOKEN)
        await asyncio.to_thread(there.made.wait, 90)
        first.kill()
        await first.communicate()
        there.mute = False
        there.ended.set()
        case = await worked(set_up)
        assert case.state is CaseState.FIXED
        assert case.delivered is not None
        assert case.delivered.request_number == 1
        assert len(there.requests) == 1
        ((_, body),) = await set_up.kept("RESULTS")
        assert body["pr_url"] == case.delivered.request
        said = str(there.requests[0].get("body") or there.requests[0].get("description"))
        assert "red, exit code" in said, "the reproduction's output at base"
        assert "KeyError" in said.partition("<summary>What was run, red and green</summary>")[2]
        assert "green" in said
        assert "What it cost, and what made it" in said
        there.close(1, merged_as="d" * 40)
        merged = await worked(set_up)
        assert (merged.state, merged.landed) == (CaseState.MERGED, "d" * 40)


async def test_rule_a11_a_request_closed_unmerged_is_withdrawn(
    tmp_path: Path, kind: str, there: Forge
) -> None:
    async with a_worker_s_stage(tmp_path, kind, there) as set_up:
        assert (await worked(set_up)).state is CaseState.FIXED
        there.close(1)
        assert (await worked(set_up)).state is CaseState.WITHDRAWN


async def test_without_a_token_a_worker_does_not_start(tmp_path: Path) -> None:
    config = CONFIG.format(kind="github", url="http://127.0.0.1:9")
    async with stage(tmp_path, config=config) as set_up:
        code, _, err = await set_up.run("work", "--until-empty")
        assert code != 0
        assert "MENDWIRE_FORGE_TOKEN is not set" in err
