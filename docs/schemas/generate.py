"""Writes the JSON Schemas of all message bodies: ``python docs/schemas/generate.py``.

A test fails while the files beside this one differ from what is generated here.
"""

from __future__ import annotations

import ast
import inspect
import json
from dataclasses import fields
from pathlib import Path
from textwrap import dedent
from typing import Any, Final

import msgspec

from mendwire.model.bodies import Progress, Rejection, Result, Task
from mendwire.model.errand import Errand, ErrandReply
from mendwire.model.report import MAX_DEPTH, ErrorReport, Frame

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FOLDER: Final = Path(__file__).parent / "v1"
BODIES: Final[dict[str, type]] = {
    "task": Task,
    "progress": Progress,
    "result": Result,
    "rejection": Rejection,
    "agent_task": Errand,
    "agent_reply": ErrandReply,
}
_LENIENT: Final[dict[str, dict[str, Any]]] = {
    "str": {"type": ["string", "number"]},
    "int": {"type": "integer", "minimum": 1},
    "bool | None": {"type": "boolean"},
    "tuple[str, ...]": {"type": "array", "items": {"type": ["string", "number"]}},
    "tuple[Frame, ...]": {"type": "array", "items": {"$ref": "#/$defs/Frame"}},
    "Mapping[str, JSONValue]": {"type": "object"},
    "Mapping[str, JSONValue] | None": {"type": "object"},
}


def schemas() -> dict[str, dict[str, Any]]:
    """File name without ending -> schema."""
    return {"report": _report(), **{name: _body(kind) for name, kind in BODIES.items()}}


def text_of(schema: dict[str, Any]) -> str:
    """The file's content."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def field_docs(kind: type) -> dict[str, str]:
    """What stands below each field of a record, on one line."""
    body = ast.parse(dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for before, after in zip(body.body, body.body[1:], strict=False):
        match before, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(
                value=ast.Constant(value=str(text))
            ):
                found[name] = " ".join(text.replace("``", "`").split())
    return found


def _body(kind: type) -> dict[str, Any]:
    described = msgspec.json.schema(kind, schema_hook=_anything)
    found: dict[str, Any] = described["$defs"][kind.__name__]
    found["description"] = found["description"].replace("``", "`")
    for name, text in field_docs(kind).items():
        found["properties"][name] = {"description": text, **found["properties"][name]}
    return {"$schema": DIALECT, **found, "additionalProperties": True}


def _anything(kind: type) -> dict[str, Any]:
    assert kind is object, kind
    return {"description": "Any JSON value."}


def _report() -> dict[str, Any]:
    """What ``parse_report`` accepts: optional fields of another type are read as absent."""
    words = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"\S"}]}
    return {
        "$schema": DIALECT,
        "title": "ErrorReport",
        "description": (
            "Body of `{ns}.errors` and `{ns}.errors.<environment>`: one occurrence of an error. "
            "Either `error` or `stack` must have text. A server in trouble publishes what it has, "
            "so any other field may be missing, and one of another type is read as absent. "
            "Unknown fields are kept in storage and shown to no agent. Nested at most "
            f"{MAX_DEPTH} levels deep."
        ),
        "type": "object",
        "anyOf": [
            {"required": ["error"], "properties": {"error": words}},
            {"required": ["stack"], "properties": {"stack": words}},
        ],
        "properties": _properties(ErrorReport),
        "additionalProperties": True,
        "$defs": {
            "Frame": {
                "description": "One call on the stack. Anything but an object is left out.",
                "properties": _properties(Frame),
            },
            "other": {"description": "Any other value is read as absent."},
        },
    }


def _properties(kind: type) -> dict[str, Any]:
    docs = field_docs(kind)
    return {
        field.name: {
            **({"description": docs[field.name]} if field.name in docs else {}),
            "anyOf": [_LENIENT[str(field.type)], {"$ref": "#/$defs/other"}],
        }
        for field in fields(kind)
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, schema in schemas().items():
        (FOLDER / f"{name}.json").write_text(text_of(schema), encoding="utf-8")
        print(FOLDER / f"{name}.json")
