"""Options that several commands have."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class LogStyle(StrEnum):
    """How events are written to standard error."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="mendwire.toml to use; default: the nearest one upward."),
]
Logs = Annotated[LogStyle, typer.Option("--log", help="How events are written to standard error.")]
