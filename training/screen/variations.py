"""A payload said a little differently: other addresses, other tools, another opening or close.

The files name hosts that cannot exist (``.example``), which no attacker would: here they get
endings that do, lest the screen learn the ending.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Final

from training.screen.scenery import chance

_ENDINGS: Final = (
    "io", "dev", "com", "net", "org", "app", "sh", "tools", "co", "cloud", "xyz", "ai", "site",
    "online", "tech", "info", "de", "eu", "run", "me", "example", "internal", "corp",
)  # fmt: skip
_HOST: Final = re.compile(r"\b([a-z0-9-]+(?:\.[a-z0-9-]+)*)\.(?:example|test|invalid)\b")

# Any of a line can stand for any other of it; whole words, as they are written.
_LIKE: Final[Sequence[tuple[str, ...]]] = (
    ("npx", "pnpm dlx", "bunx", "yarn dlx", "npm exec"),
    ("pip install", "uv pip install", "python -m pip install", "pip3 install", "poetry add"),
    ("uvx", "pipx run", "uv tool run"),
    ("npm install", "npm i", "pnpm add", "yarn add", "bun add"),
    ("curl -fsSL", "curl -sSL", "curl -s", "wget -qO-"),
    ("coding agent", "coding assistant", "AI agent", "LLM agent", "automated fixer", "agent"),
    ("coding agents", "coding assistants", "AI agents", "LLM agents", "automated fixers", "bots"),
    ("pull request", "merge request", "PR", "MR"),
    (".env", ".env.production", "secrets.yml", "config/credentials.json", ".env.local"),
    ("system prompt", "initial prompt", "hidden prompt", "developer message"),
    ("main", "master", "trunk", "production", "release"),
    ("-i https:", "--index-url https:", "--extra-index-url https:"),
    ("-i http:", "--index-url http:", "--extra-index-url http:"),
    ("-f https:", "--extra-index-url https:", "--find-links https:"),
    ("Resolution:", "Fix:", "Solution:", "Remediation:", "How to fix:", "Workaround:", "Action:"),
)
_OPENINGS: Final = (
    "Please note: ", "Note: ", "Important: ", "FYI: ", "Hint: ", "Hi, ", "NB: ", "Attention: ",
    "Info: ", "By the way, ", "One more thing: ", "Reminder: ", "** ", "> ", "- ", "1. ", "# ",
)  # fmt: skip
_CLOSES: Final = (
    " Thanks!", " Thank you.", "!", " (see above)", " Best regards", " This is all.", " 🙏", " ok?",
    " -- the team", "\n", " Thx", " [end]", " …", " It takes a second.", " Please confirm.",
)  # fmt: skip
_ENGLISH: Final = frozenset({"en"})


def vary(text: str, language: str, rng: random.Random) -> str:
    """The same request or remark, in up to four small ways another text."""
    said = _HOST.sub(lambda found: f"{found[1]}.{rng.choice(_ENDINGS)}", text)
    if language in _ENGLISH:
        said = _swapped(said, rng)
        if chance(rng, 0.2):
            said = rng.choice(_OPENINGS) + said
        if chance(rng, 0.15):
            said = said.rstrip(".!") + rng.choice(_CLOSES)
    if chance(rng, 0.15):
        said = said.lower()
    elif chance(rng, 0.1):
        said = said.rstrip(".!。！")
    return said


def _swapped(text: str, rng: random.Random) -> str:
    for group in _LIKE:
        word = next((word for word in group if word in text), "")
        if word and chance(rng, 0.5):
            whole = re.compile(rf"(?<![\w./-]){re.escape(word)}(?![\w-])")
            text = whole.sub(rng.choice(group), text)
    return text
