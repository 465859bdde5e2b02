"""Writes the generated parts of the reference: ``python docs/reference/generate.py``.

What stands above the marker of a page is written by hand and stays. A test fails while the rest
differs from what is generated here.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import typer
from typer.cli import get_docs_for_click

from mendwire.app.init import CONFIG_TEXT
from mendwire.cli import BARE, bare
from mendwire.cli.full import whole_line
from mendwire.settings.config import Config
from mendwire.settings.sorting import Repository
from mendwire.telemetry import EVENTS

os.environ["COLUMNS"] = "100"  # argparse takes the terminal's width
HERE: Final = Path(__file__).parent
MARKER: Final = "<!-- From here on written by docs/reference/generate.py. -->\n"
_SECTION: Final = re.compile(r"\[(\w+)\]\s*(?:# (.*))?")
_SETTING: Final = re.compile(r"# (\w+) = (.*?)(?:\s+# (.*))?")
_EXAMPLE: Final = re.compile(r"#   (\w+) = (.*?)\s+# (.*)")
_FURTHER: Final = re.compile(r"\s+# (.*)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One line of the configuration's text."""

    section: str
    name: str
    value: str
    """As it stands in the file, TOML."""
    comment: str


def settings() -> Iterator[Setting]:
    """Every setting of ``CONFIG_TEXT``, in its order, comments joined."""
    section, found = "", None
    for line in [*CONFIG_TEXT.splitlines(), ""]:
        further = _FURTHER.fullmatch(line)
        if found and further:
            found = Setting(
                section=found.section,
                name=found.name,
                value=found.value,
                comment=f"{found.comment} {further[1]}",
            )
            continue
        if found:
            yield found
            found = None
        if start := _SECTION.fullmatch(line):
            section = start[1]
        elif section and (parts := _SETTING.fullmatch(line)):
            found = Setting(section=section, name=parts[1], value=parts[2], comment=parts[3] or "")


def page(name: str) -> str:
    """A page as it must be: what is there down to the marker, then the generated part."""
    by_hand = (HERE / name).read_text(encoding="utf-8").partition(MARKER)[0]
    return f"{by_hand}{MARKER}\n{PARTS[name]()}"


def config_part() -> str:
    """Every setting, by section."""
    titles = {
        name: (Config.model_fields[name].annotation.__doc__ or "").strip()
        for name in Config.model_fields
        if name not in {"root", "repositories"}
    }
    parts = []
    for section, title in titles.items():
        rows = [_row(setting) for setting in settings() if setting.section == section]
        head = f"## [{section}]\n\n{title}\n\n| setting | default | |\n|---|---|---|\n"
        parts.append(head.replace("``", "`") + "\n".join(rows) + "\n")
        if section == "project":
            parts.append(_repositories())
    return "\n".join(parts)


def _repositories() -> str:
    """The settings of which there may be several, by the example in the file."""
    example = CONFIG_TEXT.partition("# [[repositories]]\n")[2].partition("\n\n")[0]
    found = (_EXAMPLE.fullmatch(line) for line in example.splitlines())
    rows = [f"| `{one[1]}` | `{one[2].strip()}` | {_cell(one[3])} |" for one in found if one]
    head = "## [[repositories]]\n\n" + (Repository.__doc__ or "").strip()
    return f"{head}\n\n| setting | for example | |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def events_part() -> str:
    """Every event."""
    rows = (f"| `{name}` | {_cell(fields)} |" for name, fields in EVENTS.items())
    return "| event | fields |\n|---|---|\n" + "\n".join(rows) + "\n"


def cli_part() -> str:
    """The help of every command."""
    command = whole_line()
    _drop_hidden(command)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="mendwire")
    text = re.sub(r"(?m)^\* `--(help|install-completion|show-completion)`:.*\n", "", text)
    text = re.sub(r"\*\*Options\*\*:\n\n(?=\n|#|\*\*|\Z)", "", text)
    first, *others = re.split(r"(?m)^(?=## )", text)
    parts = [first.partition("\n")[2].strip() + "\n\n", *map(_with_bare_help, others)]
    return "".join(parts).strip() + "\n"


def _drop_hidden(command: object) -> None:
    """Aliases are left out of the page."""
    known = getattr(command, "commands", {})
    for name, inner in list(known.items()):
        if inner.hidden:
            del known[name]
        else:
            _drop_hidden(inner)


def _with_bare_help(section: str) -> str:
    """The section of a command; of those that run on the bare install, their own help."""
    heading = section.partition("\n")[0]
    verb = heading.strip("#` ").removeprefix("mendwire ")
    return f"{heading}\n\n```text\n{_bare_help(verb)}```\n\n" if verb in BARE else section


def _bare_help(verb: str) -> str:
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        bare.run([verb, "--help"])
    return shown.getvalue()


def model_part() -> str:
    """The cards of the screen's models."""
    card = json.loads((resources.files("mendwire.screen") / "model.json").read_text("utf-8"))
    facts = [
        ("licence", card["licence"]),
        ("data, sha256", f"`{card['data_sha256']}`"),
        ("rows of attacks", _rows_of(card, "attack ")),
        ("rows of harmless texts", _rows_of(card, "harmless ")),
        *((f"plan: {name}", value) for name, value in card["plan"].items()),
        *((f"calibration: {name}", value) for name, value in card["calibration"].items()),
        *((f"budget: {name}", f"{value:.2%}") for name, value in card["budget"].items()),
    ]
    table = "".join(f"| {name} | {value} |\n" for name, value in facts)
    groups = "".join(
        f"| {name} | {found['texts']} | {found['restricted']:.2%} | {found['with_rules']:.2%} |\n"
        for name, found in card["left_out"].items()
    )
    second = json.loads((resources.files("mendwire.screen") / "encoder.json").read_text("utf-8"))
    facts = [
        ("licence", second["licence"]),
        ("begins with", second["base"]),
        ("data, sha256", f"`{second['data_sha256']}`"),
        *((f"passages: {name}", count) for name, count in second["passages"].items()),
        *((f"plan: {name}", value) for name, value in second["plan"].items()),
        *((f"mix: {name}", value) for name, value in second["mix"].items()),
    ]
    encoder = "".join(f"| {name} | {value} |\n" for name, value in facts)
    head = "| left out | texts | classifier alone | with the rules |\n|---|---|---|---|\n"
    return (
        f"## The classifier\n\n| | |\n|---|---|\n{table}\n{head}{groups}\n"
        f"## The encoder\n\n| | |\n|---|---|\n{encoder}"
    )


def _rows_of(card: Mapping[str, Any], label: str) -> int:
    return sum(count for name, count in card["rows"].items() if name.startswith(label))


def _row(setting: Setting) -> str:
    return f"| `{setting.name}` | `{setting.value}` | {_cell(setting.comment)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


PARTS: Final = {
    "cli.md": cli_part,
    "config.md": config_part,
    "events.md": events_part,
    "screen-model.md": model_part,
}

if __name__ == "__main__":
    for name in PARTS:
        (HERE / name).write_text(page(name), encoding="utf-8")
        print(HERE / name)
