"""The reference pages say what the code does: settings, events, wire, variables."""

from __future__ import annotations

import ast
import re
import runpy
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import mendwire
from mendwire.app.init import CONFIG_TEXT
from mendwire.model.bodies import Progress, Rejection, Result, Task
from mendwire.model.names import CONSUMER, Names
from mendwire.settings.config import FILE_NAME, Config, read_config
from mendwire.telemetry import EVENTS
from mendwire.wire.topology import StreamSpec, topology

ROOT = Path(__file__).parents[2]
SRC = Path(mendwire.__file__).parent
REFERENCE = ROOT / "docs/reference"
GENERATOR = runpy.run_path(str(REFERENCE / "generate.py"))
SOURCES = {path.relative_to(SRC).as_posix(): path.read_text() for path in SRC.rglob("*.py")}
TOPOLOGY = topology(Names(namespace="ns"), ["staging", "production"])
# Shown with another value than the default, and why the comment beside it is true all the same.
SHOWN_OTHERWISE = {
    ("project", "test"): "default: detected",
    ("screen", "patterns"): "your own rules",
    ("server", "store"): "",
}


def sections(config: Config) -> dict[str, dict[str, Any]]:
    return {
        name: {key: getattr(part, key) for key in type(part).model_fields}
        for name in Config.model_fields
        if isinstance(part := getattr(config, name), BaseModel)
    }


def written(folder: Path, text: str) -> Config:
    path = folder / FILE_NAME
    path.write_text(text)
    return read_config(path, folder)


@pytest.mark.parametrize("name", GENERATOR["PARTS"])
def test_generated_pages_are_current(name: str) -> None:
    there = (REFERENCE / name).read_text()
    assert there == GENERATOR["page"](name), "run: python docs/reference/generate.py"


def test_the_config_text_as_it_is_changes_nothing(tmp_path: Path) -> None:
    assert written(tmp_path, CONFIG_TEXT) == Config(root=tmp_path)


def test_the_config_text_shows_the_defaults(tmp_path: Path) -> None:
    shown = written(tmp_path, re.sub(r"(?m)^# (\w+ = )", r"\1", CONFIG_TEXT))
    defaults = sections(Config(root=tmp_path))
    for section, values in sections(shown).items():
        for key, value in values.items():
            if (section, key) not in SHOWN_OTHERWISE:
                assert value == defaults[section][key], f"[{section}] {key}"
    assert shown.server.store is not None
    assert shown.root / shown.server.store == shown.state / "nats"


def test_every_setting_is_in_the_config_text_once() -> None:
    uncommented = tomllib.loads(re.sub(r"(?m)^# (\w+ = )", r"\1", CONFIG_TEXT))
    there = {(section, key) for section, values in uncommented.items() for key in values}
    assert there == {
        (section, key) for section, values in sections(Config()).items() for key in values
    }


def test_every_setting_is_explained() -> None:
    settings = list(GENERATOR["settings"]())
    assert {(s.section, s.name) for s in settings} == {
        (section, key) for section, values in sections(Config()).items() for key in values
    }
    # A name that says it all, beside neighbours that are explained, needs no comment.
    silent = {s.name for s in settings if not s.comment}
    assert silent <= {"author_email"}
    by_name = {(s.section, s.name): s for s in settings}
    assert all(why in by_name[key].comment for key, why in SHOWN_OTHERWISE.items())


def emitted() -> set[str]:
    """Names given to ``emit``, or to the guard of the SDK, which passes them on."""
    return {
        node.args[0].value
        for text in SOURCES.values()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) in {"emit", "tell"}
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def test_only_declared_events_are_emitted() -> None:
    assert emitted() <= set(EVENTS)


def test_every_declared_event_is_emitted() -> None:
    assert not set(EVENTS) - emitted()


def rows(page: str, heading: str) -> dict[str, list[str]]:
    """First cell -> further cells of the first table below a heading."""
    table: dict[str, list[str]] = {}
    below = (REFERENCE / page).read_text().partition(f"\n## {heading}\n")[2]
    for line in below.splitlines():
        if line.startswith("|"):
            first, *others = (cell.strip() for cell in line.strip("|").split("|"))
            table[first.strip("`")] = others
        elif table:
            break
    return table


def spell(seconds: float) -> str:
    for unit, size in (("day", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size and seconds % size == 0 and not (unit == "day" and seconds == size):
            number = int(seconds / size)
            return f"{number} {unit}s" if unit == "day" and number > 1 else f"{number} {unit}"
    return "none" if seconds == 0 else f"{seconds} s"


@pytest.mark.parametrize("spec", TOPOLOGY.streams, ids=lambda spec: spec.name)
def test_every_stream_is_in_the_table_as_it_is(spec: StreamSpec) -> None:
    table = rows("wire.md", "Streams")
    subjects, retention, age, window, full = table[spec.name.replace("NS_", "{NS}_", 1)]
    if "ADVISORY" not in spec.subjects[0]:
        assert [word.strip("` ") for word in subjects.split(",")] == [
            re.sub(r"^(\$(?:KV|O)\.)?(ns|NS)(?=[._])", lambda m: f"{m[1] or ''}{{{m[2]}}}", subject)
            for subject in spec.subjects
        ]
    assert retention == {"workqueue": "work queue", "limits": "limits"}[spec.retention]
    assert age == spell(spec.max_age_s)
    assert window == spell(spec.duplicate_s)
    assert full == {"new": "refuses new", "old": "drops oldest"}[spec.discard]


def test_no_stream_of_the_table_is_invented() -> None:
    known = {spec.name.replace("NS_", "{NS}_", 1) for spec in TOPOLOGY.streams}
    assert set(rows("wire.md", "Streams")) - {"stream", "---"} == known | {"{NS}_{ENV}_ERRORS"}


def test_the_consumers_are_on_the_page() -> None:
    table = rows("wire.md", "Consumers")
    for spec in TOPOLOGY.streams:
        for consumer in spec.consumers:
            _, wait, deliveries = table[consumer.name]
            assert wait == spell(consumer.ack_wait_s)
            assert deliveries == {-1: "no limit"}.get(
                consumer.max_deliver, str(consumer.max_deliver)
            )
    assert CONSUMER in table


def test_every_header_is_on_the_page() -> None:
    page = (REFERENCE / "wire.md").read_text()
    used = {
        name for text in SOURCES.values() for name in re.findall(r"\bMendwire-[A-Z][\w-]*", text)
    }
    assert not {name for name in used if name not in page}


@pytest.mark.parametrize("kind", [Task, Progress, Result, Rejection])
def test_every_field_of_a_body_is_on_the_page(
    kind: type[Task | Progress | Result | Rejection],
) -> None:
    page = (REFERENCE / "wire.md").read_text()
    assert not [field.name for field in fields(kind) if f"`{field.name}`" not in page]


def variables() -> set[str]:
    """Names of environment variables in the code that reads them."""
    text = SOURCES["settings/environment.py"]
    server = {f"NATS_{name}" for name in re.findall(r'\btext\("(\w+)"\)', text)}
    readers = [
        text,
        *(source for name, source in SOURCES.items() if name.startswith(("capture/", "agents/"))),
    ]
    pattern = r'"((?:NATS|MENDWIRE|ANTHROPIC|CLAUDE_CODE_USE|XDG)_\w+|PROJECT_NAME)"'
    return server | {name for source in readers for name in re.findall(pattern, source)}


def test_every_variable_is_on_the_page() -> None:
    page = (REFERENCE / "environment.md").read_text()
    assert not {name for name in variables() if f"`{name}`" not in page}
