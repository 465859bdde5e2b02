"""Our git beside hostile repositories and hostile trees: nothing of theirs runs or escapes."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mendwire.errors import ExecutionError, RepositoryUnfit
from mendwire.execution.git import CaseRepository
from mendwire.execution.trees import export, sweep_trees, tree
from tests.generated_repository import Generated, generated

HOOKS = (
    *("reference-transaction", "post-checkout", "post-index-change", "pre-commit", "commit-msg"),
    *("prepare-commit-msg", "post-commit", "post-merge", "pre-auto-gc", "update", "pre-receive"),
    *("post-update", "fsmonitor-watchman", "pre-applypatch", "post-rewrite", "push-to-checkout"),
)


def set_traps(git_dir: Path, mark: Path) -> None:
    """Everything a repository's configuration can name to be run leaves ``mark``."""
    trap = git_dir / "trap"
    trap.write_text(f"#!/bin/sh\necho \"$0 $*\" >> '{mark}'\ncat\n")
    trap.chmod(0o755)
    (git_dir / "hooks").mkdir(exist_ok=True)
    for hook in HOOKS:
        (git_dir / "hooks" / hook).write_text(f"#!/bin/sh\necho {hook} >> '{mark}'\n")
        (git_dir / "hooks" / hook).chmod(0o755)
    with (git_dir / "config").open("a") as config:
        config.write(
            f"[core]\n\tfsmonitor = {trap}\n\thooksPath = {git_dir}/hooks\n\tpager = {trap}\n"
            f"\teditor = {trap}\n\tsshCommand = {trap}\n\taskPass = {trap}\n"
            f"\talternateRefsCommand = {trap}\n\tgitProxy = {trap}\n"
            f'[filter "evil"]\n\tclean = {trap}\n\tsmudge = {trap}\n\tprocess = {trap}\n'
            f"\trequired = true\n"
            f'[diff "evil"]\n\ttextconv = {trap}\n\tcommand = {trap}\n'
            f'[merge "evil"]\n\tdriver = {trap}\n[diff]\n\texternal = {trap}\n'
            f"[uploadpack]\n\tpackObjectsHook = {trap}\n[credential]\n\thelper = {trap}\n"
            f"[gpg]\n\tprogram = {trap}\n[commit]\n\tgpgSign = true\n"
            f"[log]\n\tshowSignature = true\n"
            f"[gc]\n\tauto = 1\n[receive]\n\tprocReceiveRefs = refs/heads\n"
        )


@pytest.fixture
def repository(tmp_path: Path) -> Generated:
    made = generated(tmp_path)
    made.commit("Begin", {"shop/cart.py": "price = 1\n", "README.md": "shop\n"})
    made.commit("Change", {"shop/cart.py": "price = 2\n"})
    return made


@pytest.fixture
async def ours(repository: Generated, tmp_path: Path) -> CaseRepository:
    return await CaseRepository.open(repository.path, tmp_path / "state")


async def test_nothing_the_operators_repository_names_is_run(tmp_path: Path) -> None:
    made, mark = generated(tmp_path), tmp_path / "mark"
    evil = "* filter=evil diff=evil merge=evil text eol=crlf ident\n"
    made.commit("Begin", {"a.py": "one = 1\n", ".gitattributes": evil})
    middle = made.commit("Change", {"a.py": "one = 1\ntwo = 2\n"})
    base = made.commit("More", {"b.py": "$Id$\n"})
    set_traps(made.path / ".git", mark)
    os.utime(made.path / "a.py", (1, 1))
    index = (made.path / ".git" / "index").read_bytes()

    ours = await CaseRepository.open(made.path, tmp_path / "state")
    assert (await ours.base_commit()).commit == base
    await ours.blame(base, "a.py")
    await ours.log(base, ["a.py"])
    undone = await ours.revert_tree(base, middle)
    assert undone is not None
    patch = await ours.diff(base, undone)
    assert await ours.apply_patch(base, patch) == undone
    async with tree(ours, base, key="a", state=tmp_path / "state") as path:
        assert (path / "b.py").read_bytes() == b"$Id$\n"
        assert await ours.write_tree(path, base) == await ours.tree_of(base)
    commit = await ours.commit(undone, base, "Undo", 10**18)
    await ours.origin.receive(await ours.pack(commit, base))
    assert await ours.origin.create_branch("mendwire/x", commit)
    assert await ours.origin.tip("mendwire/x") == commit

    assert not mark.exists(), mark.read_text()
    assert (made.path / ".git" / "index").read_bytes() == index
    assert (made.path / "a.py").read_bytes() == b"one = 1\ntwo = 2\n"


async def test_nothing_in_an_agents_tree_is_run_or_believed(
    repository: Generated, ours: CaseRepository, tmp_path: Path
) -> None:
    base, mark = repository.git("rev-parse", "HEAD"), tmp_path / "mark"
    async with tree(ours, base, key="a", state=tmp_path / "state") as path:
        set_traps(path / ".git", mark)
        (path / ".gitattributes").write_text("* filter=evil diff=evil\n")
        (path / "shop/cart.py").write_text("price = 3\n")
        (path / ".GIT").mkdir()
        (path / ".GIT" / "config").write_text("[core]\n\tfsmonitor = true\n")
        (path / "shop" / ".Git ").write_text("gitdir: /\n")
        nested = path / "nested"
        nested.mkdir()
        _git(nested, "init", "-q")
        set_traps(nested / ".git", mark)
        (nested / "new.py").write_text("new\n")
        os.mkfifo(path / "pipe")
        changed = await ours.changed(base, await ours.write_tree(path, base))
        assert not mark.exists(), mark.read_text()
        assert set(changed) == {".gitattributes", "shop/cart.py"}


async def test_a_git_file_that_points_elsewhere_is_not_followed(
    repository: Generated, ours: CaseRepository, tmp_path: Path
) -> None:
    base = repository.git("rev-parse", "HEAD")
    config = (repository.path / ".git" / "config").read_bytes()
    async with tree(ours, base, key="a", state=tmp_path / "state") as path:
        shutil.rmtree(path / ".git")
        (path / ".git").write_text(f"gitdir: {repository.path}/.git\n")
        (path / "README.md").write_text("changed\n")
        after = await ours.write_tree(path, base)
        assert await ours.changed(base, after) == ("README.md",)
    assert (repository.path / ".git" / "config").read_bytes() == config
    assert repository.git("status", "--porcelain") == ""


async def test_a_folder_swapped_for_a_link_shows_as_that(
    repository: Generated, ours: CaseRepository, tmp_path: Path
) -> None:
    base = repository.git("rev-parse", "HEAD")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "cart.py").write_text("secret = 1\n")
    async with tree(ours, base, key="a", state=tmp_path / "state") as path:
        shutil.rmtree(path / "shop")
        (path / "shop").symlink_to(outside)
        after = await ours.write_tree(path, base)
        assert await ours.entries(after) == {"README.md": "100644", "shop": "120000"}
        assert "secret" not in await ours.diff(base, after)
        async with export(ours, after, key="b", state=tmp_path / "state") as fresh:
            assert not os.path.lexists(fresh / "shop")
    assert (outside / "cart.py").read_text() == "secret = 1\n"


async def test_links_that_lead_out_are_withheld_and_count_as_unchanged(
    repository: Generated, tmp_path: Path
) -> None:
    (repository.path / "out").symlink_to("/etc")
    (repository.path / "up").symlink_to("shop/../../x")
    (repository.path / "in").symlink_to("shop/cart.py")
    base = repository.commit("Link", {})
    ours = await CaseRepository.open(repository.path, tmp_path / "state")
    async with tree(ours, base, key="a", state=tmp_path / "state") as path:
        assert sorted(item.name for item in path.iterdir()) == [".git", "README.md", "in", "shop"]
        assert _git(path, "status", "--porcelain") == ""
        assert await ours.write_tree(path, base) == await ours.tree_of(base)
        (path / "out").write_text("instead\n")
        assert await ours.write_tree(path, base) == await ours.tree_of(base)


async def test_submodules_stay_what_they_are(repository: Generated, tmp_path: Path) -> None:
    commit = repository.git("rev-parse", "HEAD")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},lib")
    (repository.path / "lib").mkdir()
    repository.git("commit", "-q", "-m", "Submodule")
    base = repository.git("rev-parse", "HEAD")
    ours = await CaseRepository.open(repository.path, tmp_path / "state")
    async with tree(ours, base, key="a", state=tmp_path / "state") as path:
        assert list((path / "lib").iterdir()) == []
        assert await ours.write_tree(path, base) == await ours.tree_of(base)


async def test_files_are_their_blobs_byte_for_byte(tmp_path: Path) -> None:
    made = generated(tmp_path)
    attributes = "* text=auto eol=crlf\n*.u16 working-tree-encoding=UTF-16\n"
    files = {"a.txt": "1\r\n2\n", "b.u16": "plain\n", "caf\u00e9 [1]*.txt": "e\n"}
    made.commit("Begin", files)
    (made.path / ".gitattributes").write_text(attributes)
    made.git("add", ".gitattributes")
    made.git("commit", "-q", "-m", "Attributes")
    base = made.git("rev-parse", "HEAD")
    ours = await CaseRepository.open(made.path, tmp_path / "state")
    async with export(ours, base, key="a", state=tmp_path / "state") as path:
        for name, text in files.items():
            assert (path / name).read_bytes() == text.encode()
        assert await ours.write_tree(path, base) == await ours.tree_of(base)
        (path / "caf\u00e9 [1]*.txt").write_bytes(b"caf\xe9\n")
        (path / "a.txt").write_bytes(b"1\r\n3\n")
        after = await ours.write_tree(path, base)
        patch = await ours.diff(base, after)
        assert "GIT binary patch" in patch
        assert "-2\n+3" in patch
        assert await ours.apply_patch(base, patch) == after


async def test_an_agent_can_use_git_in_its_tree_and_reaches_nothing(
    repository: Generated, ours: CaseRepository, tmp_path: Path
) -> None:
    base = repository.git("rev-parse", "HEAD")
    references = repository.git("for-each-ref")
    async with tree(ours, base, key="a", state=tmp_path / "state") as path:
        assert _git(path, "log", "-1", "--format=%s") == "Change"
        assert _git(path, "status", "--porcelain") == ""
        assert _git(path, "remote") == ""
        (path / "README.md").write_text("new\n")
        assert "+new" in _git(path, "diff")
        _git(path, "commit", "-qam", "mine")
        _git(path, "tag", "mine")
        assert await ours.changed(base, await ours.write_tree(path, base)) == ("README.md",)
        texts = [file.read_bytes() for file in (path / ".git").rglob("*") if file.is_file()]
        assert not any(str(tmp_path / "state" / "repositories").encode() in text for text in texts)
    assert repository.git("for-each-ref") == references


async def test_no_tree_finds_the_operators_repository_above_it(repository: Generated) -> None:
    state = repository.path / ".mendwire"
    ours = await CaseRepository.open(repository.path, state)
    base = (await ours.base_commit()).commit
    async with tree(ours, base, key="a", state=state) as path:
        shutil.rmtree(path / ".git")
        async with export(ours, base, key="b", state=state) as fresh:
            for place in (path, fresh, fresh / "shop"):
                with pytest.raises(subprocess.CalledProcessError):
                    _git(place, "commit", "-q", "--allow-empty", "-m", "mine")
    assert repository.git("rev-parse", "HEAD") == base


async def test_eight_trees_at_once(
    repository: Generated, ours: CaseRepository, tmp_path: Path
) -> None:
    base = repository.git("rev-parse", "HEAD")

    async def work(number: int) -> str:
        async with tree(ours, base, key="same", state=tmp_path / "state") as path:
            (path / "README.md").write_text(f"{number}\n")
            return await ours.write_tree(path, base)

    assert len(set(await asyncio.gather(*map(work, range(8))))) == 8
    assert _rooms(tmp_path) == []


async def test_cancelled_and_crippled_trees_are_removed(
    repository: Generated, ours: CaseRepository, tmp_path: Path
) -> None:
    base, inside = repository.git("rev-parse", "HEAD"), asyncio.Event()

    async def work() -> None:
        async with tree(ours, base, key="a", state=tmp_path / "state") as path:
            (path / "shop").chmod(0o000)
            path.chmod(0o500)
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _rooms(tmp_path) == []


async def test_what_the_dead_left_is_swept_and_what_lives_stays(
    repository: Generated, ours: CaseRepository, tmp_path: Path
) -> None:
    dying = (
        "import asyncio, os, sys\nfrom pathlib import Path\n"
        "from mendwire.execution.git import CaseRepository\n"
        "from mendwire.execution.trees import tree\n"
        "async def main():\n"
        "    state = Path(sys.argv[2])\n"
        "    ours = await CaseRepository.open(Path(sys.argv[1]), state)\n"
        "    base = (await ours.base_commit()).commit\n"
        "    async with tree(ours, base, key='dead', state=state):\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    state = tmp_path / "state"
    words = [sys.executable, "-c", dying, str(repository.path), str(state)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    await asyncio.to_thread(subprocess.run, words, env=env, check=False)
    assert [name.partition(".")[0] for name in _rooms(tmp_path)] == ["dead"]
    base = repository.git("rev-parse", "HEAD")
    async with tree(ours, base, key="alive", state=state) as path:
        assert [name.partition(".")[0] for name in _rooms(tmp_path)] == ["alive"]
        assert await sweep_trees(state) == 0
        assert path.is_dir()


async def test_a_key_is_no_path(ours: CaseRepository, tmp_path: Path) -> None:
    for key in ("../x", "", ".", "a/b", "a\n"):
        with pytest.raises(ExecutionError, match="cannot name a folder"):
            async with tree(ours, "HEAD", key=key, state=tmp_path / "state"):
                pass


@pytest.mark.parametrize("version", [(2, 31), (2, 38)])
async def test_both_ways_to_undo_agree(
    repository: Generated, ours: CaseRepository, version: tuple[int, int]
) -> None:
    guilty = repository.git("rev-parse", "HEAD")
    base = repository.commit("Later", {"new.py": "x\n"})
    conflicting = repository.commit("Conflict", {"shop/cart.py": "price = 5\n"})
    old = replace(ours, origin=replace(ours.origin, git_version=version))
    merged = await old.revert_tree(base, guilty)
    assert merged is not None
    assert await ours.changed(base, merged) == ("shop/cart.py",)
    assert await ours.read_file(merged, "shop/cart.py") == b"price = 1\n"
    assert await old.revert_tree(conflicting, guilty) is None


async def test_one_hunk_alone_is_undone(repository: Generated, ours: CaseRepository) -> None:
    lines = [f"line {number}\n" for number in range(20)]
    repository.commit("Long", {"long.txt": "".join(lines)})
    lines[2], lines[15] = "changed\n", "changed too"
    lines = lines[:16]
    guilty = repository.commit("Mixed", {"long.txt": "".join(lines)})
    base = repository.commit("Later", {"long.txt": "first\n" + "".join(lines)})
    first = await ours.revert_hunk(base, guilty, "long.txt", 0)
    assert first is not None
    expected = "first\n" + "".join(lines).replace("changed\n", "line 2\n")
    assert await ours.read_file(first, "long.txt") == expected.encode()
    second = await ours.revert_hunk(base, guilty, "long.txt", 1)
    assert second is not None
    assert (await ours.read_file(second, "long.txt") or b"").endswith(b"line 19\n")
    assert await ours.revert_hunk(base, guilty, "long.txt", 2) is None


async def test_root_and_merge_commits_cannot_be_undone(
    repository: Generated, ours: CaseRepository
) -> None:
    root = repository.git("rev-parse", "HEAD~1")
    repository.git("checkout", "-q", "-b", "side", root)
    repository.commit("Side", {"side.py": "x\n"})
    repository.git("merge", "-q", "--no-ff", "-m", "Merge", "main")
    base = repository.git("rev-parse", "HEAD")
    assert await ours.revert_tree(base, root) is None
    assert await ours.revert_tree(base, base) is None
    assert await ours.revert_tree(base, repository.git("rev-parse", "main")) is not None


async def test_the_same_commit_has_the_same_name(ours: CaseRepository) -> None:
    base = (await ours.base_commit()).commit
    names = {await ours.commit(f"{base}^{{tree}}", base, "Same", 1234567890 * 10**9) for _ in "123"}
    assert len(names) == 1
    shown = await ours.commit_info(names.pop())
    assert (shown.author, shown.date) == ("Mendwire", "2009-02-13T23:31:30+00:00")


async def test_work_that_is_not_committed_is_noticed_and_left_alone(
    repository: Generated, ours: CaseRepository
) -> None:
    assert (await ours.base_commit()).notices == ()
    repository.git("checkout", "-q", "--detach")
    (repository.path / "README.md").write_text("mine\n")
    base = await ours.base_commit()
    assert base.commit == repository.git("rev-parse", "HEAD")
    assert "1 changed file in" in base.notices[0]
    assert (repository.path / "README.md").read_text() == "mine\n"
    assert await ours.read_file(base.commit, "README.md") == b"shop\n"


async def test_a_change_of_the_same_size_in_the_second_of_the_index_is_noticed(
    repository: Generated, ours: CaseRepository
) -> None:
    readme, index = repository.path / "README.md", repository.path / ".git" / "index"
    seconds = {0, 1}
    while len(seconds) > 1:  # till the index and the change after it fall into one second
        readme.write_text("shop\n")
        repository.git("add", "README.md")
        readme.write_text("mine\n")
        seconds = {int(path.stat().st_mtime) for path in (readme, index)}
    while time.time() < min(seconds) + 1:
        await asyncio.sleep(0.01)  # git counts in seconds: an index of the next one would be newer
    assert "1 changed file in" in (await ours.base_commit()).notices[0]


async def test_linked_worktrees_and_cut_history(repository: Generated, tmp_path: Path) -> None:
    linked, cut = tmp_path / "linked", tmp_path / "cut"
    repository.git("worktree", "add", "-q", "--detach", str(linked), "HEAD~1")
    ours = await CaseRepository.open(linked, tmp_path / "state")
    assert (await ours.base_commit()).commit == repository.git("rev-parse", "HEAD~1")
    repository.git("clone", "-q", "--depth=1", f"file://{repository.path}", str(cut))
    ours = await CaseRepository.open(cut, tmp_path / "state")
    base = await ours.base_commit()
    assert "shallow" in base.notices[0]
    assert len(await ours.log(base.commit)) == 1
    async with tree(ours, base.commit, key="a", state=tmp_path / "state") as path:
        assert (path / "shop/cart.py").is_file()


async def test_repositories_of_the_newer_hash(tmp_path: Path) -> None:
    made = generated(tmp_path)
    shutil.rmtree(made.path / ".git")
    made.git("init", "-q", "--object-format=sha256")
    made.commit("Begin", {"a": "1\n"})
    guilty = made.commit("Change", {"a": "2\n"})
    base = made.commit("Later", {"b": "2\n"})
    ours = await CaseRepository.open(made.path, tmp_path / "state")
    undone = await ours.revert_tree(base, guilty, ["a"])
    assert undone is not None
    commit = await ours.commit(undone, base, "Undo", 10**18)
    await ours.origin.receive(await ours.pack(commit, base))
    assert await ours.origin.create_branch("mendwire/x", commit)
    async with tree(ours, base, key="a", state=tmp_path / "state") as path:
        assert await ours.write_tree(path, base) == await ours.tree_of(base)


async def test_unfit_repositories_are_refused_in_words(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (tmp_path / "plain").mkdir()
    with pytest.raises(RepositoryUnfit, match="no git repository: run `git init`"):
        await CaseRepository.open(tmp_path / "plain", state)
    with pytest.raises(RepositoryUnfit, match="There is no folder"):
        await CaseRepository.open(tmp_path / "absent", state)
    empty = generated(tmp_path)
    ours = await CaseRepository.open(empty.path, state)
    with pytest.raises(RepositoryUnfit, match="has no commit yet"):
        await ours.base_commit()
    empty.commit("One", {"a": "1"})
    (tmp_path / "file").write_text("")
    with pytest.raises(RepositoryUnfit, match=r"cannot be written \(.+\): free its disk"):
        await CaseRepository.open(empty.path, tmp_path / "file")
    with pytest.raises(RepositoryUnfit, match=r"no branch, tag or commit.*project\.base"):
        await ours.base_commit("--output=x")
    empty.git("clone", "-q", "--bare", str(empty.path), str(tmp_path / "bare.git"))
    with pytest.raises(RepositoryUnfit, match="is a bare repository"):
        await CaseRepository.open(tmp_path / "bare.git", state)


@pytest.mark.parametrize(("said", "words"), [("git version 2.20.1", "too old"), (None, "install")])
async def test_git_too_old_or_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str | None, words: str
) -> None:
    (tmp_path / "bin").mkdir()
    if said:
        program = tmp_path / "bin" / "git"
        program.write_text(f"#!/bin/sh\necho '{said}'\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(RepositoryUnfit, match=words):
        await CaseRepository.open(tmp_path, tmp_path / "state")


def _git(path: Path, *words: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    done = subprocess.run(
        ["git", *identity, *words], cwd=path, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def _rooms(folder: Path) -> list[str]:
    return [path.name for path in (folder / "state" / "trees").iterdir() if path.is_dir()]


async def test_workers_that_sweep_at_once_do_not_trip_over_each_other(tmp_path: Path) -> None:
    """A killed worker's trees are seen by every other one in the same moment."""
    for number in range(20):
        for name in ("a", "b", "c"):
            for part in range(15):
                (tmp_path / "trees" / name / "tree" / f"{number}-{part}" / "deep").mkdir(
                    parents=True
                )
        await asyncio.gather(*(sweep_trees(tmp_path) for _ in range(6)))
        left = [path.name for path in (tmp_path / "trees").iterdir() if path.is_dir()]
        assert left == []
