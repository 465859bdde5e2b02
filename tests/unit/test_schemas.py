"""The published schemas: as the records are, and true of what is really accepted."""

from __future__ import annotations

import json
import runpy
from contextlib import suppress
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mendwire.errors import Undecodable
from mendwire.model.codec import decode_as, encode
from mendwire.model.report import parse_report

ROOT = Path(__file__).parents[2]
GENERATOR = runpy.run_path(str(ROOT / "docs/schemas/generate.py"))
SCHEMAS: dict[str, dict[str, Any]] = GENERATOR["schemas"]()
BODIES: dict[str, type] = GENERATOR["BODIES"]
CHECKED_IN = ROOT / "docs/schemas/v1"
GOLDEN = sorted((ROOT / "tests/golden/v1").glob("*.json"))
REPORT = jsonschema.Draft202012Validator(SCHEMAS["report"])

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
report_like = st.dictionaries(st.sampled_from([*SCHEMAS["report"]["properties"]]), json_values)


def schema_name(path: Path) -> str:
    return path.stem.partition("-")[0]


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_files_are_what_the_records_say(name: str) -> None:
    written = (CHECKED_IN / f"{name}.json").read_text(encoding="utf-8")
    assert written == GENERATOR["text_of"](SCHEMAS[name]), "run: python docs/schemas/generate.py"


def test_no_schema_is_left_over() -> None:
    assert {path.stem for path in CHECKED_IN.iterdir()} == set(SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_is_a_schema_that_lets_unknown_fields_pass(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["additionalProperties"] is True


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_has_an_example(name: str) -> None:
    assert name in {schema_name(path) for path in GOLDEN}


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_examples_are_valid_and_are_read(path: Path) -> None:
    payload, name = path.read_bytes(), schema_name(path)
    jsonschema.Draft202012Validator(SCHEMAS[name]).validate(json.loads(payload))
    if name == "report":
        assert parse_report(payload).error
    else:
        record: object = decode_as(BODIES[name], payload)
        assert json.loads(payload).items() <= json.loads(encode(record)).items()


@given(json_values | report_like)
@example({"error": " ", "stack": ""})
@example({"error": True})
@example({"error": 1, "frames": 2, "context": []})
def test_the_report_schema_accepts_what_is_parsed(body: object) -> None:
    parsed = None
    with suppress(Undecodable):
        parsed = parse_report(json.dumps(body).encode())
    assert REPORT.is_valid(body) is (parsed is not None)
