"""What a repository tells agents is out of their reach while they work, and back afterwards."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from mendwire.agents.aside import set_aside
from mendwire.errors import AgentFailed, ProviderOutage


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    made = tmp_path / "room/tree"
    (made / ".claude").mkdir(parents=True)
    (made / ".claude/settings.json").write_text("ours")
    (made / "shop").mkdir()
    (made / "shop/CLAUDE.md").write_text("ours")
    (made / "shop/main.py").write_text("pass")
    return made


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def kept(tree: Path) -> Path:
    (found,) = (one for one in tree.parent.iterdir() if one != tree)
    return found


def test_it_is_gone_meanwhile_and_back_whatever_was_put_there(tree: Path) -> None:
    before = files(tree)
    with set_aside(tree):
        assert files(tree) == {"shop/main.py": "pass"}
        (tree / ".claude").write_text("theirs")
        (tree / "shop/CLAUDE.md").mkdir()
        (tree / "shop/CLAUDE.md/x").write_text("theirs")
    assert files(tree.parent) == {f"tree/{name}": text for name, text in before.items()}


def test_it_lies_where_an_agent_within_its_wall_cannot_write(tree: Path) -> None:
    with set_aside(tree):
        assert kept(tree).parent == tree.parent


def test_a_folder_that_became_a_link_leads_nowhere_else(tree: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "CLAUDE.md").write_text("the operator's")
    with set_aside(tree):
        shutil.rmtree(tree / "shop")
        (tree / "shop").symlink_to(home)
    assert files(home) == {"CLAUDE.md": "the operator's"}
    assert not (tree / "shop").is_symlink()
    assert (tree / "shop/CLAUDE.md").read_text() == "ours"


@pytest.mark.parametrize("instead", ["a file", "nothing"])
def test_a_folder_that_is_gone_comes_back(tree: Path, instead: str) -> None:
    with set_aside(tree):
        shutil.rmtree(tree / "shop")
        if instead == "a file":
            (tree / "shop").write_text("theirs")
    assert files(tree / "shop") == {"CLAUDE.md": "ours"}


def test_an_agent_that_took_it_away_has_failed_and_is_paid(tree: Path) -> None:
    def robbed() -> None:
        with set_aside(tree) as spent:
            spent.cost_usd = 0.5
            shutil.rmtree(kept(tree))

    with pytest.raises(AgentFailed, match="could not be put back") as caught:
        robbed()
    assert caught.value.cost_usd == 0.5


@pytest.mark.parametrize("why", [ProviderOutage("away"), asyncio.CancelledError()])
def test_why_a_run_ended_is_told_all_the_same(tree: Path, why: BaseException) -> None:
    def ended() -> None:
        with set_aside(tree):
            shutil.rmtree(kept(tree))
            raise why

    with pytest.raises(type(why)):
        ended()
