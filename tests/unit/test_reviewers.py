"""Reviewers of one's own: which definitions make one, which changes it sees."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.errors import ConfigError
from mendwire.execution.git import CaseRepository
from mendwire.investigate.reviewers import MOST, Reviewer, checked, defined, reviewers_at

FRONT = "---\nname: security\nmendwire: review\n{more}---\nLook for input that reaches a shell.\n"


@pytest.mark.parametrize(
    ("path", "text", "paths"),
    [
        ("security", FRONT.format(more=""), ("**",)),
        ("security", FRONT.format(more="mendwire-paths: shop/**, *.sql\n"), ("shop/**", "*.sql")),
        ("security", FRONT.format(more='mendwire-paths: "a/** b/**"\n'), ("a/**", "b/**")),
        (
            "security",
            FRONT.format(more="Mendwire-Paths:\t*.py\t\n").replace("\n", "\r\n"),
            ("*.py",),
        ),
        ("security", FRONT.format(more="mendwire-paths:\n"), ("**",)),
        ("Security", FRONT.format(more=""), ("**",)),
        ("security", FRONT.format(more="").replace("review", "'Review'"), ("**",)),
        ("security", FRONT.format(more="").replace("mendwire: review", "tools: Read"), ()),
        ("security", FRONT.format(more="").replace("mendwire: review", "mendwire: research"), ()),
        ("security", "mendwire: review\n", ()),
        ("security", "\n---\nmendwire: review\n---\n", ()),
        ("security", "---\nmendwire: review\n", ()),
        ("security", "---\nname: x\n---\nmendwire: review\n", ()),
        ("review", FRONT.format(more=""), ()),
        ("implementation", FRONT.format(more=""), ()),
        ("two words", FRONT.format(more=""), ()),
        ("a/b", FRONT.format(more=""), ()),
    ],
)
def test_definitions(path: str, text: str, paths: tuple[str, ...]) -> None:
    found = defined(f".claude/agents/{path}.md", text)
    assert (found.paths if found else ()) == paths
    if found:
        assert found.called == "security"


@given(st.text(max_size=300))
def test_any_text_is_read_or_left(text: str) -> None:
    found = defined(".claude/agents/security.md", f"---\n{text}\n---\n")
    assert found is None or found.paths


def test_what_it_sees() -> None:
    one = Reviewer(called="security", paths=("shop/**", "*.sql"))
    assert one.sees(("docs/a.md", "shop/cart/pay.py"))
    assert not one.sees(("docs/a.md",))
    assert not one.sees(())


@pytest.mark.parametrize("name", ["research", "Review ", "9", "a" * 32, "", "../x"])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(ConfigError):
        checked(name)


async def test_rule_b8_definitions_are_read_at_the_base_commit(tmp_path: Path) -> None:
    """Not from the working tree; the configured ones first; no more than can be paid for."""
    folder = tmp_path / "shop"
    agents = folder / ".claude/agents"
    agents.mkdir(parents=True)
    for number in range(MOST):
        (agents / f"own-{number}.md").write_text(FRONT.format(more=""))
    (agents / "plain.md").write_text("---\nname: plain\n---\n")
    _committed(folder)
    (agents / "later.md").write_text(FRONT.format(more=""))
    repository = await CaseRepository.open(folder, tmp_path / "state")
    base = (await repository.base_commit("HEAD")).commit
    mine = Reviewer(called="own-3", instructions="Mine.", paths=("*.py",))
    found = await reviewers_at(repository, base, (mine,))
    assert found[0] == mine
    assert [one.called for one in found[1:]] == [f"own-{n}" for n in range(MOST) if n != 3]


def _committed(folder: Path) -> None:
    git = ("git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "one"], check=True)
