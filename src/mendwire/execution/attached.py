"""Running a program of the operator's in the foreground: with their terminal, login and settings.

Unlike an agent's commands it gets the whole environment: it is the operator's own tool, and finds
its login there. It ends with us, and Ctrl-C reaches it as it reaches us.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mendwire.errors import ExecutionError

_OUTPUT_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What a program printed and how it ended."""

    code: int
    out: str
    err: str


def is_installed(program: str) -> bool:
    """Whether ``program`` is on the PATH."""
    return shutil.which(program) is not None


def run_attached(words: Sequence[str]) -> int:
    """Run it on our terminal until it ends; its exit code. Raises ExecutionError."""
    try:
        with subprocess.Popen(list(words)) as child:
            try:
                return child.wait()
            except KeyboardInterrupt:
                # The terminal told it, too; a second Ctrl-C ends both at once.
                return child.wait()
    except OSError as problem:
        raise _unusable(words, problem) from None


def ask(words: Sequence[str], *, timeout_s: float) -> Said:
    """Run it without a terminal and read what it prints; raises ExecutionError."""
    try:
        done = subprocess.run(
            list(words),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ExecutionError(
            f"{words[0]} gave no answer within {timeout_s:g} s: run the command printed above by "
            "hand to see why."
        ) from None
    except OSError as problem:
        raise _unusable(words, problem) from None
    out, err = (
        part[:_OUTPUT_BYTES].decode("utf-8", "replace") for part in (done.stdout, done.stderr)
    )
    return Said(code=done.returncode, out=out, err=err)


def _unusable(words: Sequence[str], problem: OSError) -> ExecutionError:
    return ExecutionError(f"{words[0]} cannot be run: {problem.strerror or problem}.")
