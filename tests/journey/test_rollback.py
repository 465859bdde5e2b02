"""The agent without a model, on repositories with a history and real runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mendwire.errors import AgentFailed
from mendwire.execution.trees import tree
from mendwire.model.work import Limits, Role
from tests.generated_repository import Generated, generated, rolling, shell

CART = """\
def total(items):
    result = 0
    for item in items:
        result += item["price"] * item.get("count", 1)
    return result


def label(cart):
    return cart["name"].strip()
"""
BROKEN = CART.replace('item.get("count", 1)', 'item["count"]')

WRAPPED = """\
import functools

def twice(f):
    @functools.wraps(f)
    def inner(*a):
        return f(*a)
    return inner

@twice
def find(key):
    return {BODY}[key]
"""


def crash(path: str, line: int, function: str, **more: Any) -> dict[str, Any]:
    """A report of a KeyError at one place."""
    frame = {"file": path, "line": line, "function": function, "in_app": True, **more}
    return {"error": "KeyError: 'count'", "type": "KeyError", "frames": [frame]}


TOTAL = crash("shop/cart.py", 4, "total", module="shop.cart", arguments={"items": [{"price": 2}]})


def shop(folder: Path) -> Generated:
    repository = generated(folder)
    repository.commit("Begin", {"shop/__init__.py": "", "shop/cart.py": CART, "README.md": "1\n"})
    return repository


async def test_guilty_commit_is_found_among_innocent_ones(tmp_path: Path) -> None:
    repository = shop(tmp_path)
    repository.commit("Say more", {"README.md": "2\n"})
    guilty = repository.commit("Count every item", {"shop/cart.py": BROKEN})
    later = BROKEN.replace("result = 0", "result = 0.0").replace(".strip()", ".strip().title()")
    repository.commit("Round late", {"shop/cart.py": later})
    repository.commit("Say it again", {"README.md": "3\n"})
    agent = await rolling(repository, tmp_path)

    finding = await agent.research(TOTAL)

    assert finding.guilty_commit == guilty
    assert finding.confidence > 0.9
    assert finding.files == ("shop/cart.py",)
    assert "Count every item" in finding.summary
    assert finding.reproduction is not None
    assert finding.reproduction.origin == "captured"
    async with tree(agent.repository, agent.base, key="k", state=agent.state) as path:
        change = await agent.implement(TOTAL, finding, path)
        mended = (path / "shop/cart.py").read_text()
    assert mended == later.replace('item["count"]', 'item.get("count", 1)')
    review = agent.assignment(Role.REVIEW, TOTAL, finding=finding, change=change)
    answer = await agent.agent.run(review, print)
    assert answer.review is not None
    assert answer.review.approved
    other = replace(change, patch=change.patch.replace("result", "resulted"))
    review = replace(review, change=other)
    answer = await agent.agent.run(review, print)
    assert answer.review is not None
    assert not answer.review.approved


async def test_a_helper_that_is_not_on_the_stack_may_be_guilty(tmp_path: Path) -> None:
    repository = generated(tmp_path)
    caller = "from prices import price\n\ndef bill(name):\n    return price(name) + 1\n"
    files = {"bill.py": caller, "prices.py": "def price(name):\n    return 2\n"}
    repository.commit("Begin", files)
    guilty = repository.commit("Tidy", {"prices.py": "def price(name):\n    value = 2\n"})
    agent = await rolling(repository, tmp_path)
    report = crash("bill.py", 4, "bill", arguments={"name": "a"})
    report |= {"type": "TypeError", "error": "TypeError: unsupported operand"}

    assert (await agent.research(report)).guilty_commit == guilty


async def test_only_the_crash_files_are_undone_where_the_whole_conflicts(tmp_path: Path) -> None:
    repository = shop(tmp_path)
    repository.commit("Note", {"notes.txt": "one\n"})
    guilty = repository.commit("Count", {"shop/cart.py": BROKEN, "notes.txt": "two\n"})
    repository.commit("Note more", {"notes.txt": "three\n"})
    agent = await rolling(repository, tmp_path)

    finding = await agent.research(TOTAL)

    assert finding.guilty_commit == guilty
    assert finding.files == ("shop/cart.py",)
    async with tree(agent.repository, agent.base, key="k", state=agent.state) as path:
        change = await agent.implement(TOTAL, finding, path)
        assert change.files == ("shop/cart.py",)
        assert (path / "notes.txt").read_text() == "three\n"


async def test_work_sent_back_is_done_narrower_or_not_at_all(tmp_path: Path) -> None:
    repository = shop(tmp_path)
    repository.commit("Count", {"shop/cart.py": BROKEN, "feature.py": "wanted = True\n"})
    agent = await rolling(repository, tmp_path)
    finding = await agent.research(TOTAL)
    async with tree(agent.repository, agent.base, key="k", state=agent.state) as path:
        first = await agent.implement(TOTAL, finding, path)
    assert set(first.files) == {"feature.py", "shop/cart.py"}
    back = {"change": first, "feedback": "tests/test_feature.py fails now"}
    async with tree(agent.repository, agent.base, key="k", state=agent.state) as path:
        second = await agent.implement(TOTAL, finding, path, **back)
    assert second.files == ("shop/cart.py",)


async def test_guilty_commit_behind_a_merge(tmp_path: Path) -> None:
    repository = shop(tmp_path)
    repository.git("checkout", "-q", "-b", "side")
    guilty = repository.commit("Count on the side", {"shop/cart.py": BROKEN})
    repository.git("checkout", "-q", "main")
    repository.commit("Say more", {"README.md": "2\n"})
    repository.git("merge", "-q", "--no-ff", "-m", "Merge side", "side")
    agent = await rolling(repository, tmp_path)

    assert (await agent.research(TOTAL)).guilty_commit == guilty


async def test_a_bug_as_old_as_the_code_has_no_guilty_commit(tmp_path: Path) -> None:
    repository = generated(tmp_path)
    repository.commit("Begin", {"shop/__init__.py": "", "shop/cart.py": BROKEN})
    repository.commit("Say", {"README.md": "1\n"})
    agent = await rolling(repository, tmp_path)

    finding = await agent.research(TOTAL)

    assert finding.guilty_commit == ""
    assert finding.confidence == 0.0
    assert "No single commit broke total" in finding.summary
    implementation = agent.assignment(Role.IMPLEMENTATION, TOTAL, finding=finding)
    with pytest.raises(AgentFailed, match="nothing to undo"):
        await agent.agent.run(implementation, print)


async def test_a_commit_that_cannot_be_undone_is_still_named(tmp_path: Path) -> None:
    repository = shop(tmp_path)
    guilty = repository.commit("Count", {"shop/cart.py": BROKEN})
    line = '        result += item["price"] * item["count"]'
    changed = BROKEN.replace(line, line + ' * item["discount"]')
    repository.commit("Discount", {"shop/cart.py": changed})
    agent = await rolling(repository, tmp_path)

    finding = await agent.research(TOTAL)

    assert finding.guilty_commit == guilty
    assert "cannot be undone" in finding.summary
    implementation = agent.assignment(Role.IMPLEMENTATION, TOTAL, finding=finding)
    with pytest.raises(AgentFailed, match="cannot be undone"):
        await agent.agent.run(implementation, print)


async def test_in_a_round_for_reviewers_another_undo_replaces_the_delivered_one(
    tmp_path: Path,
) -> None:
    """The tree begins at what was delivered; nothing of that is left in the next way."""
    repository = shop(tmp_path)
    guilty = repository.commit("Count", {"shop/cart.py": BROKEN, "NOTES.md": "counted\n"})
    agent = await rolling(repository, tmp_path)
    finding = await agent.research(TOTAL)
    assert finding.guilty_commit == guilty
    async with tree(agent.repository, agent.base, key="k", state=agent.state) as path:
        whole = await agent.implement(TOTAL, finding, path)
    assert whole.files == ("NOTES.md", "shop/cart.py")
    after = await agent.repository.apply_patch(agent.base, whole.patch)
    begins = await agent.repository.commit(after, agent.base, "Under review", 0)
    wanted = {"change": whole, "feedback": "Leave the notes.", "begins": begins}
    async with tree(agent.repository, begins, key="k", state=agent.state) as path:
        less = await agent.implement(TOTAL, finding, path, **wanted)
    assert less.files == ("shop/cart.py",)


async def test_one_hunk_is_undone_where_later_work_builds_on_the_rest(tmp_path: Path) -> None:
    repository = shop(tmp_path)
    mixed = BROKEN + "\n\ndef size(cart):\n    return len(cart)\n"
    guilty = repository.commit("Count and size", {"shop/cart.py": mixed})
    later = mixed.replace("return len(cart)", "return len(cart) + 1")
    repository.commit("Build on it", {"shop/cart.py": later})
    agent = await rolling(repository, tmp_path)

    finding = await agent.research(TOTAL)

    assert finding.guilty_commit == guilty
    async with tree(agent.repository, agent.base, key="k", state=agent.state) as path:
        change = await agent.implement(TOTAL, finding, path)
        mended = (path / "shop/cart.py").read_text()
    assert mended == later.replace('item["count"]', 'item.get("count", 1)')
    review = agent.assignment(Role.REVIEW, TOTAL, finding=finding, change=change)
    answer = await agent.agent.run(review, print)
    assert answer.review is not None
    assert answer.review.approved


async def test_any_language_with_the_operators_command(tmp_path: Path) -> None:
    repository = generated(tmp_path)
    script = "#!/bin/sh\n# adds numbers\nexpr 1 + 1\n"
    repository.commit("Begin", {"add.sh": script})
    guilty = repository.commit("Add words", {"add.sh": script.replace("1 + 1", "1 + one")})
    agent = await rolling(repository, tmp_path)
    report = {"error": "failed", "frames": [{"file": "/srv/app/add.sh", "line": 3}]}

    finding = await agent.research(report, reproduction=shell("sh add.sh"))

    assert finding.guilty_commit == guilty
    assert finding.confidence > 0.9


@pytest.mark.parametrize(
    ("code", "function", "arguments"),
    [
        ("async def find(key):\n    return {BODY}[key]\n", "find", {"key": "a"}),
        ("def find(key):\n    yield {BODY}[key]\n", "find", {"key": "a"}),
        ("async def find(key):\n    yield {BODY}[key]\n", "find", {"key": "a"}),
        (
            "class A:\n    def find(self, key):\n        return {BODY}[key]\n",
            "A.find",
            {"key": "a"},
        ),
        (
            "class A:\n    @staticmethod\n    def find(key):\n        return {BODY}[key]\n",
            "A.find",
            {"key": "a"},
        ),
        (
            "class A:\n    @classmethod\n    def find(cls, key):\n        return {BODY}[key]\n",
            "A.find",
            {"key": "a"},
        ),
        ("def find(x=1, /, *, key):\n    return {BODY}[key]\n", "find", {"key": "a"}),
        ("def find(*keys, **more):\n    return {BODY}[keys[0]]\n", "find", {"keys": ["a"]}),
        (
            WRAPPED,
            "find",
            {"key": "a"},
        ),
    ],
    ids=[
        "async",
        "generator",
        "async-generator",
        "method",
        "static",
        "class",
        "keyword",
        "rest",
        "wrapped",
    ],
)
async def test_every_kind_of_function_is_called_again(
    tmp_path: Path, code: str, function: str, arguments: dict[str, object]
) -> None:
    repository = generated(tmp_path)
    repository.commit("Begin", {"src/app/find.py": code.replace("{BODY}", "{'a': 1}")})
    guilty = repository.commit("Break", {"src/app/find.py": code.replace("{BODY}", "{}")})
    agent = await rolling(repository, tmp_path)
    line = 1 + code[: code.index("{BODY}")].count("\n")
    report = crash("/srv/src/app/find.py", line, function, module="app.find", arguments=arguments)

    finding = await agent.research(report)

    assert finding.guilty_commit == guilty, finding


async def test_arguments_are_data(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    repository = shop(tmp_path)
    repository.commit("Count", {"shop/cart.py": BROKEN})
    agent = await rolling(repository, tmp_path)
    evil = f"__import__('pathlib').Path({str(mark)!r}).touch()"
    for function in ("total", evil, "total.__globals__", "os.system", "label.__class__"):
        report = crash("shop/cart.py", 4, function, arguments={"items": evil, evil: evil})
        await agent.research(report)
    assert not mark.exists()


async def test_without_plain_arguments_nothing_is_run(tmp_path: Path) -> None:
    repository = shop(tmp_path)
    guilty = repository.commit("Count", {"shop/cart.py": BROKEN})
    agent = await rolling(repository, tmp_path)

    finding = await agent.research(crash("shop/cart.py", 4, "total"))

    assert finding.guilty_commit == ""
    assert finding.confidence == 0.0
    assert "project.reproduce" in finding.summary
    assert guilty[:12] in finding.cause


async def test_a_stack_of_text_is_read(tmp_path: Path) -> None:
    repository = shop(tmp_path)
    guilty = repository.commit("Count", {"shop/cart.py": BROKEN})
    agent = await rolling(repository, tmp_path)
    stack = (
        'Traceback (most recent call last):\n  File "/srv/app/shop/cart.py", line 4, in total\n'
        '    result += item["price"] * item["count"]\nKeyError: \'count\'\n'
    )
    command = "python3 -c 'import shop.cart; shop.cart.total([dict(price=1)])'"

    finding = await agent.research(
        {"error": "KeyError: 'count'", "stack": stack}, reproduction=shell(command, "KeyError")
    )

    assert finding.guilty_commit == guilty


@pytest.mark.parametrize("how", [{"restricted": True}, {"may_run": False}])
async def test_restricted_or_unsandboxed_work_only_reads(
    tmp_path: Path, how: dict[str, bool]
) -> None:
    repository = shop(tmp_path)
    mark = tmp_path / "mark"
    spying = f"open({str(mark)!r}, 'w')\n" + BROKEN
    repository.commit("Count", {"shop/cart.py": spying})
    agent = await rolling(repository, tmp_path)
    report = crash("shop/cart.py", 5, "total", arguments={"items": [{"price": 1}]})

    finding = await agent.research(report, **how)

    assert not mark.exists()
    assert finding.guilty_commit == ""
    assert "Count" in finding.cause
    if "may_run" in how:
        assert "install bubblewrap" in finding.summary
        assert finding.confidence == 0.0, "no second step is begun that could only fail"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (CART, "The error does not happen at the base commit"),
        ("import gone_missing\n" + BROKEN, "No module named 'gone_missing'"),
    ],
)
async def test_what_was_seen_instead_of_the_error_is_said(
    tmp_path: Path, code: str, told: str
) -> None:
    repository = shop(tmp_path)
    repository.commit("Change", {"shop/cart.py": "# changed\n" + code})
    agent = await rolling(repository, tmp_path)

    finding = await agent.research(TOTAL)

    assert finding.guilty_commit == ""
    assert told in finding.summary


async def test_no_frame_of_the_repository(tmp_path: Path) -> None:
    repository = shop(tmp_path)
    agent = await rolling(repository, tmp_path)

    finding = await agent.research(crash("elsewhere.py", 4, "total"))

    assert finding.confidence == 0.0
    assert "No frame" in finding.summary


async def test_the_search_is_bounded_in_time(tmp_path: Path) -> None:
    repository = shop(tmp_path)
    repository.commit("Count", {"shop/cart.py": BROKEN})
    agent = await rolling(repository, tmp_path)
    slow = shell("sleep 60")
    with pytest.raises(AgentFailed, match="longer than 2 s"):
        await agent.research(TOTAL, reproduction=slow, limits=Limits(seconds=2))
    assert not [path for path in (agent.state / "trees").iterdir() if path.is_dir()]
