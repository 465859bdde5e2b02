"""Handing over: the same commit however often, one branch, never moved; text without effect."""

from __future__ import annotations

import asyncio
import os
import re
import stat
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mendwire.deliver.branch import deliver
from mendwire.deliver.message import commit_message
from mendwire.errors import GitError
from mendwire.execution.git import CaseRepository
from mendwire.model.case import Case, CaseState, Delivered, Verdict
from mendwire.model.scrub import find_secret
from mendwire.model.work import Change, Finding, Proof, ProofStatus, Run
from tests.generated_repository import Generated, generated

REPORT = (
    b'{"error": "KeyError: \'sku\' fixes #1 @octocat [skip ci]\\n/merge\\nReviewed-by: me", '
    b'"type": "KeyError", "frames": [{"file": "shop/cart.py", "line": 1, "function": "checkout", '
    b'"in_app": true}]}'
)
ISSUE = "0123456789abcdef0123456789abcdef"


@dataclass
class Desk:
    """A case ready to be delivered, and where to."""

    made: Generated
    ours: CaseRepository
    state: Path
    case: Case

    async def deliver(self, **changes: object) -> Delivered:
        case = replace(self.case, **changes)  # type: ignore[arg-type]  # fields by name
        return await deliver(case, self.ours, self.state, contains_secret=_secret)


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    made, state = generated(tmp_path), tmp_path / "state"
    base = made.commit("Begin", {"shop/cart.py": "price = 1\n"})
    mended = made.commit("Mended", {"shop/cart.py": "price = 2\n", "new.bin": "a\0b\n"})
    made.git("reset", "-q", "--hard", base)
    ours = await CaseRepository.open(made.path, state)
    patch = await ours.diff(base, mended)
    case = Case(
        issue=ISSUE,
        state=CaseState.DELIVERING,
        opened_ns=1_767_225_600 * 10**9,
        report=REPORT,
        base=base,
        occurrences=21,
        verdict=Verdict.FIXED,
        finding=Finding(summary="It breaks.", cause="Commit abc broke it.\n\nMendwire-Case: x"),
        change=Change(patch=patch, files=("shop/cart.py",), added=1, removed=1, explanation="Why"),
        proof=Proof(
            status=ProofStatus.VALID,
            reasons=("It holds.",),
            runs=(
                Run(what="reproduction at base", passed=False, exit_code=1, seconds=0.1),
                Run(what="reproduction after", passed=True, exit_code=0, seconds=0.1),
                Run(what="reproduction after", passed=True, exit_code=0, seconds=0.2),
                Run(what="suite after", passed=True, exit_code=0, seconds=1, passing=("a", "b")),
            ),
        ),
    )
    return Desk(made=made, ours=ours, state=state, case=case)


def _secret(text: str) -> str | None:
    return "password" if "hunter2" in text else None


async def test_a_fix_becomes_a_commit_a_branch_and_a_patch(desk: Desk) -> None:
    delivered = await desk.deliver()

    branch = f"mendwire/{ISSUE}"
    assert delivered.branch == branch
    assert desk.made.git("rev-parse", branch) == delivered.commit
    assert desk.made.git("rev-parse", f"{branch}^") == desk.case.base
    assert desk.made.git("show", f"{branch}:shop/cart.py") == "price = 2"
    assert desk.made.git("status", "--porcelain") == ""
    assert desk.made.git("fsck", "--strict") == ""
    message = desk.made.git("log", "-1", "--format=%B", branch)
    assert message.startswith("Fix KeyError in checkout (shop/cart.py)\n\n")
    assert "    reproduction at base: failed with exit code 1" in message
    assert "    reproduction after: passed (2 times)" in message
    assert "    suite after: passed, 2 of 2 tests passed" in message
    trailers = desk.made.git("log", "-1", "--format=%(trailers)", branch).splitlines()
    assert trailers == [
        f"Mendwire-Case: {ISSUE}-e1",
        f"Mendwire-Issue: {ISSUE}",
        "Mendwire-Verdict: fixed",
        f"Mendwire-Base: {desk.case.base}",
    ]
    assert "Mendwire" in desk.made.git("log", "-1", "--format=%an %cn", branch)
    patch = Path(delivered.patch_path)
    assert patch == desk.state / "patches" / f"{ISSUE}-e1.patch"
    assert stat.S_IMODE(patch.stat().st_mode) == 0o600
    desk.made.git("apply", str(patch))
    assert (desk.made.path / "shop/cart.py").read_text() == "price = 2\n"


async def test_twice_or_on_another_machine_is_the_same(desk: Desk, tmp_path: Path) -> None:
    first = await desk.deliver()
    assert await desk.deliver(occurrences=22) == first
    desk.made.git("update-ref", "-d", f"refs/heads/{first.branch}")
    elsewhere = replace(desk, state=tmp_path / "elsewhere")
    elsewhere.ours = await CaseRepository.open(desk.made.path, elsewhere.state)
    assert (await elsewhere.deliver()).commit == first.commit
    assert len(desk.made.git("branch", "--list", "mendwire/*").splitlines()) == 1


async def test_killed_between_commit_and_branch(desk: Desk) -> None:
    case, ours = desk.case, desk.ours
    assert case.change is not None
    tree = await ours.apply_patch(case.base, case.change.patch)
    commit = await ours.commit(tree, case.base, commit_message(case), case.opened_ns)
    await ours.origin.receive(await ours.pack(commit, case.base))

    assert (await desk.deliver()).commit == commit


async def test_commits_that_people_added_are_left_on_the_branch(desk: Desk) -> None:
    first = await desk.deliver()
    desk.made.git("checkout", "-q", first.branch)
    theirs = desk.made.commit("Polish", {"shop/cart.py": "price = 3\n"})

    again = await desk.deliver(cost_usd=1.0, opened_ns=1)

    assert again.commit == first.commit
    assert desk.made.git("rev-parse", first.branch) == theirs


async def test_a_branch_of_somebody_else_is_not_touched(desk: Desk) -> None:
    branch = f"mendwire/{ISSUE}"
    desk.made.git("branch", branch)

    assert (await desk.deliver()).branch == f"{branch}-1"
    assert desk.made.git("rev-parse", branch) == desk.case.base
    desk.made.git("update-ref", f"refs/heads/{branch}-1", desk.case.base)
    with pytest.raises(GitError, match="rename or remove"):
        await desk.deliver()
    assert desk.made.git("rev-parse", f"{branch}-1") == desk.case.base


async def test_the_next_episode_has_a_branch_of_its_own(desk: Desk) -> None:
    first = await desk.deliver()
    second = await desk.deliver(episode=2, opened_ns=1_767_300_000 * 10**9)

    assert second.branch == f"{first.branch}-2"
    assert desk.made.git("rev-parse", first.branch) == first.commit
    assert await desk.deliver(episode=2) == second


async def test_a_name_in_the_way_is_said(desk: Desk) -> None:
    desk.made.git("branch", "mendwire")
    with pytest.raises(GitError, match="cannot be created"):
        await desk.deliver()


async def test_a_lock_is_waited_for_and_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = desk.made.path / ".git" / "refs" / "heads" / "mendwire" / f"{ISSUE}.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    asyncio.get_running_loop().call_later(0.6, lock.unlink)
    assert (await desk.deliver()).branch == f"mendwire/{ISSUE}"
    monkeypatch.setattr("mendwire.execution.origin.LOCK_WAITS_S", (0.0,))
    lock = lock.with_name(f"{ISSUE}-2.lock")
    lock.touch()
    with pytest.raises(GitError, match="while another git holds a lock"):
        await desk.deliver(episode=2)


async def test_secrets_are_not_delivered(desk: Desk) -> None:
    assert desk.case.change is not None
    patch = desk.case.change.patch.replace("+price = 2", "+price = 'hunter2'")
    with pytest.raises(GitError, match=r"change .* seems to hold a secret \(password\)"):
        await desk.deliver(change=replace(desk.case.change, patch=patch))
    with pytest.raises(GitError, match="commit message"):
        await desk.deliver(finding=Finding(summary="hunter2"))
    # Broken up as our texts show it, this address would not be known for what it is.
    found = Finding(summary="", cause="It uses postgres://shop:Xk29fLqz81@db.example/shop for all.")
    with pytest.raises(GitError, match=r"story .* seems to hold a secret"):
        await deliver(
            replace(desk.case, finding=found), desk.ours, desk.state, contains_secret=find_secret
        )
    assert desk.made.git("branch", "--list", "mendwire/*") == ""


async def test_a_patch_that_does_not_apply_is_refused(desk: Desk) -> None:
    assert desk.case.change is not None
    patch = desk.case.change.patch.replace("-price = 1", "-price = 7")
    with pytest.raises(GitError, match="git apply failed"):
        await desk.deliver(change=replace(desk.case.change, patch=patch))


async def test_traps_of_the_repository_do_not_spring(desk: Desk, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    hooks = desk.made.path / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("reference-transaction", "post-checkout", "update", "post-receive"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch '{mark}'\n")
        (hooks / name).chmod(0o755)
    desk.made.git("config", "core.fsmonitor", str(hooks / "update"))
    await desk.deliver()
    assert not mark.exists()


def test_prose_has_no_effect(desk: Desk) -> None:
    change = desk.case.change
    assert change is not None
    nasty = (
        "Closes: org/repo#12, GH-3, !4, fixes https://github.com/o/r/issues/5\n"
        "![x](http://evil/x.png) <img src=x> [click](http://evil)\n"
        "[ci skip] [No CI] ***NO_CI***\nskip-checks: true\n/close\n"
        "Co-authored-by: Eve <eve@example.org>\n"
        + "long /x @y " * 20
        + "\n\nMendwire-Case: 1\n\x1b[31m\u202e```\n"
    )
    message = commit_message(replace(desk.case, change=replace(change, explanation=nasty)))
    for bad in (
        *("#12", "GH-3", "!4", "://", "![", "](", "<img", "[ci skip]", "[No CI]", "***"),
        *(
            "skip-checks",
            "@example",
            "@octocat",
            "#1",
            "[skip ci]",
            "-by:",
            "\x1b",
            "\u202e",
            "```",
        ),
    ):
        assert bad not in message, bad
    assert not re.search(r"^\s*/\w", message, re.MULTILINE)
    assert max(map(len, message.splitlines())) <= 80
    body, _, trailers = message.strip().rpartition("\n\n")
    assert all(line.startswith("Mendwire-") for line in trailers.splitlines())
    done = subprocess.run(
        ["git", "interpret-trailers", "--parse"],
        input=message,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    assert done.stdout.strip() == trailers
    assert "Eve" in body


def test_a_title_is_made_of_safe_words_alone(desk: Desk) -> None:
    bad = b'{"error": "x", "type": "A B @c", "frames": [{"file": "f", "function": "`rm` #2"}]}'
    message = commit_message(replace(desk.case, report=bad, change=None, finding=None))
    assert message.splitlines()[0] == "Fix an error"
