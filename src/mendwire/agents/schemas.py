"""What a specialist must answer, as JSON Schemas by role."""

from __future__ import annotations

from typing import Final

from mendwire.model.work import Role

JSONSchema = dict[str, object]


def _text(about: str) -> JSONSchema:
    return {"type": "string", "description": about}


def _texts(about: str) -> JSONSchema:
    return {"type": "array", "items": {"type": "string"}, "description": about}


def _record(properties: JSONSchema, required: list[str]) -> JSONSchema:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


_FILE: Final = _record(
    {"path": _text("Relative path."), "text": _text("The whole file.")}, ["path", "text"]
)

FINDING_SCHEMA: Final = _record(
    {
        "summary": _text("What breaks, in one or two sentences."),
        "cause": _text("Why it breaks, naming files and lines."),
        "files": _texts("Files that must change, relative to the repository."),
        "similar": _texts("Places with the same mistake, as 'file:line what'."),
        "confidence": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "description": "How sure you are of the cause.",
        },
    },
    ["summary", "cause", "files", "similar", "confidence"],
)

CHANGE_SCHEMA: Final = _record(
    {
        "explanation": _text("What you changed and why, in a few sentences."),
        "reproduction": {
            **_record(
                {
                    "command": _texts(
                        "Program and arguments; {python} is the project's Python, {tree} the "
                        "repository, {aux} the folder where the files below are laid."
                    ),
                    "files": {"type": "array", "items": _FILE},
                },
                ["command", "files"],
            ),
            "description": "A command that fails with the error before the change and passes "
            "after it. Leave it out when the task already names one.",
        },
    },
    ["explanation"],
)

REVIEW_SCHEMA: Final = _record(
    {
        "approved": {"type": "boolean", "description": "Whether the change may be handed over."},
        "comments": _text("What must be different, or why it is right."),
    },
    ["approved", "comments"],
)

_BY_ROLE: Final = {
    Role.RESEARCH: FINDING_SCHEMA,
    Role.IMPLEMENTATION: CHANGE_SCHEMA,
    Role.REVIEW: REVIEW_SCHEMA,
}


def answer_schema(role: Role) -> JSONSchema:
    """The JSON Schema of the answer of one role."""
    return _BY_ROLE[role]
