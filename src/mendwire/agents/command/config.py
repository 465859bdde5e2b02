"""What the operator decides about the ``command`` agent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mendwire.execution.process import ResourceLimits
from mendwire.execution.sandbox import Sandbox


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandConfig:
    """Built once by the composition root."""

    sandbox: Sandbox
    """The wall around the program (``execution.sandbox.detect``)."""
    command: tuple[str, ...]
    """Program and arguments; ``{task}``, ``{answer}``, ``{tree}``, ``{scratch}`` and ``{role}``
    are replaced, by paths and the role's name."""
    model: str = ""
    """Told in the task; empty leaves the choice to the program."""
    pass_names: tuple[str, ...] = ()
    """Environment variables that the program needs beside the allow-list, its key for example."""
    hidden: tuple[Path, ...] = ()
    """Paths that the program must not see, besides the usual secrets: Mendwire's state folder."""
    readable: tuple[Path, ...] = ()
    """Paths that it needs although they lie where the sandbox shows nothing."""
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    """The operator's environment: what is passed on is read from here, never from a tree."""
