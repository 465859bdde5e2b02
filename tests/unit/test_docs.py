"""What people read: links lead somewhere, rules that are cited exist, nothing private is in it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import mendwire
from mendwire.model.case import Verdict
from mendwire.model.delivery import DELIVERY_MOVES, DeliveryState

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if path.name != "template.md"
)
LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)")
# Spelled in pieces, so that this file does not hold what it looks for.
PRIVATE = re.compile(
    "|".join(
        (
            r"(?<![\w.])/(?:work|root)/[\w.-]+",
            re.escape(f"{Path.home()}/"),
            r"index-url[ =]+\S*://",
            "https?://(?:[\\w.-]*\\.)?" + "py" + "pi\\.org",
            "files\\." + "python" + "hosted",
            "registry\\." + "npm" + "js",
            "proxy\\." + "golang",
        )
    )
)


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False
    ).stdout.decode()
    if not listed:
        pytest.skip("there is no git, or this is no checkout")
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def anchors(page: Path) -> set[str]:
    """The ids of a page's headings, as mkdocs makes them."""
    found = set()
    for heading in re.findall(r"(?m)^#{1,6} (.+)$", page.read_text(encoding="utf-8")):
        plain = re.sub(r"[^\w\s-]", "", heading.replace("`", "")).strip().lower()
        found.add(re.sub(r"[-\s]+", "-", plain))
    return found


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    broken = []
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (page.parent / file) if file else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert not broken


def test_every_page_is_in_the_navigation() -> None:
    navigation = (
        (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2].partition("\nplugins:")[0]
    )
    listed = set(re.findall(r"[\w/.-]+\.md", navigation))
    there = {name.removeprefix("docs/") for name in PAGES if name.startswith("docs/")}
    records = {name for name in there if re.match(r"decisions/\d", name)}
    assert listed == there - records
    index = (ROOT / "docs/decisions/index.md").read_text()
    assert not [name for name in records if f"]({name.removeprefix('decisions/')})" not in index]


def test_every_rule_that_is_cited_exists() -> None:
    rules = re.findall(r"(?m)^###? ([ABC]\d*)\. ", (ROOT / "docs/rules.md").read_text())
    assert rules == [
        "A",
        *(f"A{n}" for n in range(1, 14)),
        "B",
        *(f"B{n}" for n in range(1, 14)),
        "C",
    ]
    for name in tracked():
        if name.endswith((".py", ".md")):
            text = (ROOT / name).read_text(encoding="utf-8")
            for cited in re.findall(r"\brules ((?:[ABC]\d*)(?:, [ABC]\d+)*)\b", text):
                assert set(cited.split(", ")) <= set(rules), name


def test_nothing_private_is_tracked() -> None:
    found = {
        (name, match[0])
        for name in tracked()
        for match in PRIVATE.finditer((ROOT / name).read_text(encoding="utf-8", errors="replace"))
    }
    assert not found


def test_every_file_the_package_names_for_its_readers_is_there() -> None:
    manifest = (ROOT / "pyproject.toml").read_text()
    named = re.findall(r'"/([A-Z]+\.md|LICENSE|Makefile|mkdocs\.yml)"', manifest)
    assert 'readme = "README.md"' in manifest
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_the_page_of_rules_has_the_moves_of_a_message() -> None:
    block = (ROOT / "docs/rules.md").read_text().partition("\n### Delivery\n")[2]
    moves: dict[DeliveryState, set[DeliveryState]] = {}
    for line in block.partition("\n### ")[0].splitlines():
        if line.startswith("    "):
            before, after = re.sub(r"\(.*?\)", "", line).split("→")
            targets = {DeliveryState(name.strip()) for name in after.split("|")}
            for name in before.split(","):
                moves.setdefault(DeliveryState(name.strip()), set()).update(targets)
    assert moves == {state: set(to) for state, to in DELIVERY_MOVES.items() if to}


def test_the_page_of_rules_has_every_verdict() -> None:
    block = (ROOT / "docs/rules.md").read_text().partition("\n### Verdicts\n")[2]
    assert set(re.findall(r"(?m)^\| `(\w+)` \|", block)) == set(Verdict)


def test_the_drawing_has_every_room() -> None:
    floors = (ROOT / "ARCHITECTURE.md").read_text().partition("\n## Floors\n")[2]
    drawing = set(re.findall(r"[a-z]+", floors.partition("\n| room")[0]))
    package = Path(mendwire.__file__).parent
    rooms = {path.stem for path in package.iterdir() if not path.name.startswith(("_", "py.typed"))}
    assert rooms <= drawing


def spoken(text: str) -> list[list[str]]:
    """Every ``mendwire …`` command line of a page: in code blocks and in backticks."""
    lines = [line for line in text.splitlines() if line.startswith("    ")]
    lines += re.findall(r"`([^`\n]+)`", text)
    found = [re.search(r"(?:^|\| |/)mendwire ([a-z].*)", line.strip()) for line in lines]
    return [re.split(r"\s(?:#|\||<|>)", match[1])[0].split() for match in found if match]


COMMANDS = {
    match[1]: match[2]
    for match in re.finditer(
        r"(?ms)^##+ `mendwire ([\w ]+)`$(.*?)(?=^##|\Z)",
        (ROOT / "docs/reference/cli.md").read_text(),
    )
}
"""Command -> its section of the reference, which is written from the command line's own help."""


@pytest.mark.parametrize("name", [name for name in PAGES if name != "docs/reference/cli.md"])
def test_commands_that_are_named_exist(name: str) -> None:
    for words in spoken((ROOT / name).read_text()):
        verb = words[0]
        assert verb in COMMANDS, words
        for word in words[1:]:
            if "**Commands**" not in COMMANDS[verb] or word.startswith("--"):
                break
            if f"{verb} {word}" not in COMMANDS and f"{verb} text" in COMMANDS:
                break  # its command for any text needs no name
            verb = f"{verb} {word}"
            assert verb in COMMANDS, words
        verb = f"{verb} text" if f"{verb} text" in COMMANDS else verb
        for option in (word.partition("=")[0] for word in words if word.startswith("--")):
            assert option in COMMANDS[verb], words


def test_the_pages_name_commands() -> None:
    assert spoken((ROOT / "docs/tutorial.md").read_text())
    assert {"report", "cases retry"} <= set(COMMANDS)


def test_each_rule_has_a_test_that_is_named_after_it() -> None:
    rules = re.findall(
        r"^### ([AB]\d+)\. ", (ROOT / "docs/rules.md").read_text("utf-8"), re.MULTILINE
    )
    assert len(rules) > 20
    tests = "\n".join(
        path.read_text("utf-8") for path in sorted((ROOT / "tests").rglob("test_*.py"))
    )
    named = set(re.findall(r"def test_rule_([ab]\d+)_", tests))
    assert [rule for rule in rules if rule.lower() not in named] == []
