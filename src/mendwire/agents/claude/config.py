"""What the operator decides about the ``claude`` agent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mendwire.execution.process import ResourceLimits
from mendwire.execution.sandbox import Sandbox


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaudeConfig:
    """Built once by the composition root."""

    sandbox: Sandbox
    """The wall around the agent (``execution.sandbox.detect``)."""
    program: str = "claude"
    """Name on PATH, or path."""
    model: str = ""
    """What ``--model`` takes; empty leaves the choice to the program."""
    test_commands: tuple[str, ...] = ()
    """Commands of the project's tests, e.g. ``python -m pytest``: the only ones that the
    implementation specialist's shell may run, with further arguments."""
    hidden: tuple[Path, ...] = ()
    """Paths that the agent must not see, besides the usual secrets: Mendwire's state folder."""
    readable: tuple[Path, ...] = ()
    """Paths that the agent needs although they lie where the sandbox shows nothing: a virtual
    environment below /tmp. The repository itself is always among them."""
    pass_names: tuple[str, ...] = ()
    """Further environment variables that the agent needs. Its shell sees them."""
    api_timeout_s: float = 300.0
    """How long one answer of the model may take, in seconds."""
    api_retries: int = 3
    """How often the program itself repeats a request that failed."""
    api_patience_s: float = 30.0
    """The longest pause before a repeat that is waited for, in seconds; longer is an outage."""
    command_timeout_s: float = 300.0
    """How long one command of the agent's shell may take, in seconds."""
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    """The operator's environment: login and addresses are read from here, never from a tree."""
    home: Path = field(default_factory=Path.home)
    """Where the user's own login lies (``.claude/.credentials.json``)."""
