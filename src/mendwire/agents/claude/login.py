"""Keeping the user's login working inside a private configuration folder.

In this order: an API key or gateway token (ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN), handed over
through a file that is deleted by its first reading, so that neither the environment nor the disk
shows it to the agent's shell; CLAUDE_CODE_OAUTH_TOKEN (``claude setup-token``) or the cloud
variables of Bedrock and Vertex, with which the program is told to scrub its children's
environment; the login in ``~/.claude/.credentials.json``, copied without its refresh token,
because a refresh in a copy would end the user's own session. The price: such a login works until
its access token expires (hours); for a worker ``claude setup-token`` is the better way. On macOS
the login lies in the keychain and is not read; set one of the variables there.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

KEYS: Final = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
TOKEN: Final = "CLAUDE_CODE_OAUTH_TOKEN"  # noqa: S105 - the name of a variable
CLOUD: Final = {
    "CLAUDE_CODE_USE_BEDROCK": (
        "ANTHROPIC_BEDROCK_BASE_URL",
        "AWS_ACCESS_KEY_ID",
        "AWS_BEARER_TOKEN_BEDROCK",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "CLAUDE_CODE_SKIP_BEDROCK_AUTH",
    ),
    "CLAUDE_CODE_USE_VERTEX": (
        "ANTHROPIC_VERTEX_BASE_URL",
        "ANTHROPIC_VERTEX_PROJECT_ID",
        "CLAUDE_CODE_SKIP_VERTEX_AUTH",
        "CLOUD_ML_REGION",
        "GOOGLE_APPLICATION_CREDENTIALS",
    ),
}
_HELPER_TTL_MS: Final = 7 * 24 * 3600 * 1000
_SCRUB: Final = {"CLAUDE_CODE_SUBPROCESS_ENV_SCRUB": "1"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """How the program is logged in for one run."""

    environment: dict[str, str] = field(default_factory=dict)
    settings: dict[str, object] = field(default_factory=dict)
    readable: tuple[Path, ...] = ()
    """Files that a sandbox must leave visible."""
    files: tuple[Path, ...] = ()
    """Files with secrets that are ours to delete after the run."""

    def forget(self) -> None:
        """Delete what still lies on disk."""
        for path in self.files:
            path.unlink(missing_ok=True)


def prepare_login(environ: Mapping[str, str], home: Path, config_dir: Path) -> Login:
    """Lay the operator's login into ``config_dir`` (private, outside of any tree).

    Without any login the result is empty, and the program itself will say so.
    """
    for name in KEYS:
        if secret := environ.get(name, "").strip():
            return _one_reading(secret, config_dir)
    for switch, names in CLOUD.items():
        if environ.get(switch):
            return _cloud(environ, (switch, *names))
    if token := environ.get(TOKEN, "").strip():
        return Login(environment={TOKEN: token, **_SCRUB})
    return _copied(home / ".claude" / ".credentials.json", config_dir / ".credentials.json")


def _one_reading(secret: str, config_dir: Path) -> Login:
    path = config_dir / "login"
    _write_private(path, secret + "\n")
    word = shlex.quote(str(path))
    return Login(
        environment={"CLAUDE_CODE_API_KEY_HELPER_TTL_MS": str(_HELPER_TTL_MS)},
        settings={"apiKeyHelper": f"cat {word} && rm -f {word}"},
        files=(path,),
    )


def _cloud(environ: Mapping[str, str], names: tuple[str, ...]) -> Login:
    chosen = {name: environ[name] for name in names if environ.get(name)}
    credentials = chosen.get("GOOGLE_APPLICATION_CREDENTIALS")
    return Login(
        environment={**chosen, **_SCRUB},
        readable=(Path(credentials),) if credentials else (),
    )


def _copied(source: Path, target: Path) -> Login:
    try:
        kept = json.loads(source.read_text())["claudeAiOauth"]
        access = {name: value for name, value in kept.items() if name != "refreshToken"}
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return Login()
    _write_private(target, json.dumps({"claudeAiOauth": access}))
    return Login(environment=dict(_SCRUB), files=(target,))


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
