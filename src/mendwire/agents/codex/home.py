"""The folder that Codex has for itself in one run: settings, key, schema of the answer.

``CODEX_HOME`` is ours, so nothing of the user's own settings, servers or rules counts, and of the
tree's nothing either (``project_doc_max_bytes``). The key lies in a file that its first reading
deletes: no environment and no file shows it while commands of the agent run.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mendwire.agents.codex.config import CodexConfig
from mendwire.model.work import Assignment

_SETTINGS: Final[Mapping[str, object]] = {
    "approval_policy": "never",
    "project_doc_max_bytes": 0,
    "allow_login_shell": False,
    "web_search": "disabled",
    "check_for_update_on_startup": False,
    "model_provider": "mendwire",
    "agents": {"enabled": False},
    "analytics": {"enabled": False},
    "feedback": {"enabled": False},
    "history": {"persistence": "none"},
    "features": {"apps": False, "plugins": False, "unbounded_connection_retries": False},
    "sandbox_workspace_write": {
        "network_access": False,
        "exclude_slash_tmp": True,
        "exclude_tmpdir_env_var": False,
    },
}

_AGAIN: Final = "{ echo unauthorized: the provider did not take the key >&2; exit 1; }"
"""It asks a second time when the provider said no to the first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CodexHome:
    """Below the assignment's scratch folder."""

    folder: Path
    schema: Path
    """Of the answer, as the provider's strict mode wants it."""

    @property
    def sessions(self) -> Path:
        """Where it writes what it did, the counts of tokens among it."""
        return self.folder / "sessions"


@contextmanager
def opened(assignment: Assignment, config: CodexConfig) -> Iterator[CodexHome]:
    """Write it; at the end its key is gone, read or not."""
    folder = assignment.scratch / "codex"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    home = CodexHome(folder=folder, schema=folder / "answer.json")
    key = folder / "key"
    _write(folder / "config.toml", _toml(_settings(assignment, config, key)))
    _write(home.schema, json.dumps(strict(assignment.answer_schema)))
    try:
        _write(key, config.key + "\n")
        yield home
    finally:
        key.unlink(missing_ok=True)


def strict(schema: object) -> object:
    """The schema with every property required; what may be left out may be null instead."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(value) for name, value in schema.items()}
    properties = made.get("properties")
    if isinstance(properties, dict):
        required = made.get("required")
        needed = required if isinstance(required, list) else []
        for name, value in properties.items():
            if name not in needed:
                about = value.pop("description", "")
                null = {"anyOf": [value, {"type": "null"}]}
                properties[name] = {**null, **({"description": about} if about else {})}
        made["required"] = list(properties)
    return made


def _settings(assignment: Assignment, config: CodexConfig, key: Path) -> dict[str, object]:
    word = shlex.quote(str(key))
    provider = {
        "name": "mendwire",
        "base_url": config.base_url,
        "wire_api": "responses",
        "request_max_retries": config.api_retries,
        "stream_max_retries": config.api_retries,
        "stream_idle_timeout_ms": round(config.api_timeout_s * 1000),
        "auth": {
            "command": "/bin/sh",
            "args": ["-c", f"[ -e {word} ] || {_AGAIN}; cat {word} && rm -f {word}"],
            "refresh_interval_ms": 0,
        },
    }
    return {
        **_SETTINGS,
        **({"model": config.model} if config.model else {}),
        "developer_instructions": assignment.system,
        "model_providers": {"mendwire": provider},
    }


def _toml(settings: Mapping[str, object]) -> str:
    """Tables as inline values, so that the order of keys is nobody's concern."""
    return "".join(f"{name} = {_value(value)}\n" for name, value in settings.items())


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name} = {_value(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    # A text of JSON is one of TOML, but for one sign and for halves of characters.
    text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return text.encode("utf-8", "replace").decode()


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
