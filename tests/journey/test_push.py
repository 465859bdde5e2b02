"""A fix goes to a real remote: once, never over others' commits, and no hook of ours runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mendwire.errors import GitError
from mendwire.execution import remote
from mendwire.execution.remote import push
from mendwire.model.case import CaseState, ParkReason
from mendwire.model.report import parse_report
from mendwire.model.signature import canonical, issue_key
from tests.generated_repository import Generated, generated
from tests.git_http import serving
from tests.journey.stage import Stage, coupon_report, stage

BRANCH = "mendwire/0123456789abcdef0123456789abcdef"


@pytest.fixture
def made(tmp_path: Path) -> Generated:
    """A repository with a fix on a branch, a remote, and a hook that must not run."""
    made = generated(tmp_path)
    made.commit("Begin", {"a.py": "price = 1\n"})
    made.git("init", "-q", "--bare", str(tmp_path / "away.git"))
    made.git("remote", "add", "origin", str(tmp_path / "away.git"))
    made.git("push", "-q", "origin", "HEAD:refs/heads/main")
    hook = made.path / ".git/hooks/pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hook-ran\nexit 1\n")
    hook.chmod(0o755)
    return made


def there(made: Generated, branch: str = BRANCH) -> str:
    return made.git("ls-remote", "origin", f"refs/heads/{branch}").partition("\t")[0]


async def test_pushed_once_and_no_hook_runs(made: Generated, tmp_path: Path) -> None:
    fix = made.commit("Mend", {"a.py": "price = 2\n"})
    await push(made.path, "origin", BRANCH, fix)
    assert there(made) == fix
    await push(made.path, "origin", BRANCH, fix)
    assert there(made) == fix
    assert not (tmp_path / "hook-ran").exists()


async def test_others_commits_are_never_moved(made: Generated) -> None:
    other = made.commit("Somebody's", {"b.py": "x\n"})
    made.git("push", "-q", "--no-verify", "origin", f"{other}:refs/heads/{BRANCH}")
    fix = made.commit("Mend", {"a.py": "price = 2\n"})
    with pytest.raises(GitError, match=r"is on origin already, at .*rename or remove it"):
        await push(made.path, "origin", BRANCH, fix)
    assert there(made) == other


async def test_a_branch_made_meanwhile_is_not_overwritten(
    made: Generated, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = made.commit("Somebody's", {"b.py": "x\n"})
    fix = made.commit("Mend", {"a.py": "price = 2\n"})

    async def before_they_came(*_: object) -> str:
        made.git("push", "-q", "--no-verify", "origin", f"{other}:refs/heads/{BRANCH}")
        return ""

    monkeypatch.setattr(remote, "_tip", before_they_came)
    with pytest.raises(GitError, match="git push to origin failed"):
        await push(made.path, "origin", BRANCH, fix)
    assert there(made) == other


@pytest.mark.parametrize("name", ["--upload-pack=touch", "https://u:p@h/x", "", "a b"])
async def test_only_a_remote_by_name(made: Generated, name: str) -> None:
    with pytest.raises(GitError, match=r"no remote's name: correct delivery\.push"):
        await push(made.path, name, BRANCH, made.git("rev-parse", "HEAD"))


async def test_a_remote_that_is_away_is_tried_again_and_its_login_is_not_told(
    made: Generated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "WAITS_S", (0.01, 0.01))
    made.git("remote", "add", "web", "http://ada:hunter2@127.0.0.1:9/x.git")
    with pytest.raises(GitError) as problem:
        await push(made.path, "web", BRANCH, made.git("rev-parse", "HEAD"))
    assert "hunter2" not in str(problem.value)
    assert "git ls-remote to web failed" in str(problem.value)


async def test_over_http_with_the_login_of_the_remote(made: Generated, tmp_path: Path) -> None:
    """Git's own server side, as a forge runs it."""
    backend = Path(made.git("--exec-path")) / "git-http-backend"
    if not backend.exists():
        pytest.skip("git http-backend is not installed")  # some split git up
    fix = made.commit("Mend", {"a.py": "price = 2\n"})
    made.git("-C", str(tmp_path / "away.git"), "config", "http.receivepack", "true")
    with serving(tmp_path / "away.git", backend, login="ada:hunter2") as url:
        made.git("remote", "add", "forge", url.replace("://", "://ada:hunter2@"))
        await push(made.path, "forge", BRANCH, fix)
        assert there(made) == fix
        made.git("remote", "add", "wrong", url.replace("://", "://ada:wrong@"))
        with pytest.raises(GitError, match="git ls-remote to wrong failed"):
            await push(made.path, "wrong", BRANCH, fix)


async def worked(set_up: Stage) -> None:
    code, _, err = await set_up.run("work", "--until-empty")
    assert code == 0, err


async def test_a_worker_pushes_what_it_proved(tmp_path: Path) -> None:
    async with stage(tmp_path, config='[delivery]\npush = "origin"\n') as set_up:
        await set_up.git("init", "-q", "--bare", str(tmp_path / "away.git"))
        await set_up.git("remote", "add", "origin", str(tmp_path / "away.git"))
        await set_up.run("streams", "apply")
        await set_up.publish(coupon_report())
        await worked(set_up)
        (case,) = await set_up.cases()
        assert case.state is CaseState.FIXED
        assert case.delivered is not None
        assert case.delivered.remote == "origin"
        told = await set_up.git("ls-remote", "origin", f"refs/heads/{case.delivered.branch}")
        assert told.split()[0] == case.delivered.commit
        ((_, body),) = await set_up.kept("RESULTS")
        assert body["evidence"]["remote"] == "origin"


async def test_somebody_else_s_branch_there_waits_for_a_person(tmp_path: Path) -> None:
    async with stage(tmp_path, config='[delivery]\npush = "origin"\n') as set_up:
        await set_up.git("init", "-q", "--bare", str(tmp_path / "away.git"))
        await set_up.git("remote", "add", "origin", str(tmp_path / "away.git"))
        await set_up.run("streams", "apply")
        await set_up.publish(coupon_report())
        key = issue_key(canonical(parse_report(json.dumps(coupon_report()).encode())))
        branch = f"mendwire/{key}"
        await set_up.git("push", "-q", "origin", f"HEAD:refs/heads/{branch}")
        await worked(set_up)
        (case,) = await set_up.cases()
        assert case.state is CaseState.PARKED
        assert case.parking is not None
        assert case.parking.reason is ParkReason.PERSON
        assert f"The branch {branch} is on origin already" in case.parking.note
        assert await set_up.waiting() == 0
