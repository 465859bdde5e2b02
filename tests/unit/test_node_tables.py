"""The Node client's copies of our tables are copies, without Node being there."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import mendwire
from mendwire.model.scrub import scrub_text

CLIENT = Path(__file__).parents[2] / "clients" / "node"
SECRETS: list[dict[str, Any]] = json.loads((CLIENT / "test" / "secrets.json").read_text())


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("node_tables", CLIENT / "tables.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_those_of_python() -> None:
    made = generator()
    for path, text in made.files().items():
        assert path.read_text(encoding="utf-8") == text, "run: python clients/node/tables.py"


@pytest.mark.parametrize("case", SECRETS, ids=lambda case: "".join(case["text"])[:30])
def test_both_sides_scrub_the_same_table(case: dict[str, Any]) -> None:
    text, secret = "".join(case["text"]), case["secret"]
    scrubbed = scrub_text(text)
    if secret is None:
        assert scrubbed == text
    else:
        assert secret not in scrubbed
        assert "[scrubbed:" in scrubbed


def test_the_package_is_what_it_says() -> None:
    package = json.loads((CLIENT / "package.json").read_text())
    lock = json.loads((CLIENT / "package-lock.json").read_text())
    assert package["version"] == lock["version"] == mendwire.__version__
    assert set(package["dependencies"]) == {"@nats-io/jetstream", "@nats-io/transport-node"}
    assert not re.search(r'"resolved":', (CLIENT / "package-lock.json").read_text())
    assert (CLIENT / "LICENSE").read_bytes() == (CLIENT.parents[1] / "LICENSE").read_bytes()
