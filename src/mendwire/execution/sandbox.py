"""What stands between a command and the rest of the machine.

``bwrap`` mounts everything read-only but the tree, hides secrets and can cut the network.
``claude`` is Claude Code's own sandbox around its shell; what else runs is still wrapped with
bwrap. ``none`` confines nothing; only an operator who asked for it by name may run commands so
(rules B6).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from mendwire.errors import ConfigError, ExecutionError, SandboxUnavailable
from mendwire.execution.environment import allowed_environment
from mendwire.execution.process import run
from mendwire.execution.secrets import secret_paths

_OFFLINE: Final = Path(__file__).with_name("offline.py")
_TRIAL_S: Final = 10.0
_WAIVE: Final = (
    'Or set kind = "none" under [sandbox] in mendwire.toml, to run them with your rights'
)
EMPTIED: Final = ("/tmp", "/var/tmp", "/run")  # noqa: S108 - mount points
"""Empty inside bubblewrap."""
_RUN_KEPT: Final = (
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager/resolv.conf",
    "/run/current-system",
    "/run/opengl-driver",
)
"""Of /run only name resolution and the system's own programs; no sockets of daemons."""


class SandboxKind(StrEnum):
    """Which wall it is."""

    BWRAP = "bwrap"
    CLAUDE = "claude"
    NONE = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sandbox:
    """A way to run commands on this machine. ``detect`` makes one that was tried out."""

    kind: SandboxKind
    may_run: bool
    """Commands of the project may run: there is a wall, or the operator asked for none."""
    cuts_network: bool
    """``wrap(network=False)`` really leaves only loopback."""
    note: str = ""
    """Why it is this kind, for people."""
    program: str = field(default="bwrap")
    """Path of bubblewrap, where it is used."""

    def describe(self) -> str:
        """One line for people."""
        if not self.may_run:
            return f"none, so no command is run: {self.note}"
        reach = "no network" if self.cuts_network else "network is not cut"
        walls = {
            SandboxKind.BWRAP: f"bubblewrap: writes only to the tree, secrets hidden, {reach}",
            SandboxKind.CLAUDE: "Claude Code's own sandbox for its shell; "
            f"tests in bubblewrap, {reach}",
            SandboxKind.NONE: f"none: commands can read and write what you can, {reach}",
        }
        return walls[self.kind] + (f" ({self.note})" if self.note else "")

    def wrap(
        self,
        argv: Sequence[str | os.PathLike[str]],
        *,
        tree: Path,
        writable: Sequence[Path] = (),
        hidden: Sequence[Path] = (),
        readable: Sequence[Path] = (),
        network: bool = False,
    ) -> list[str]:
        """The argument vector that runs ``argv`` inside.

        ``tree`` and ``writable`` may be written; all must exist. ``hidden`` comes on top of
        ``execution.secrets``. /tmp, /var/tmp and /run are empty inside; ``readable`` brings paths
        below them, or below something hidden, back read-only. Of two paths, one below the other,
        the longer one counts. The working directory is the one that the command is started in.
        With kind ``none`` only the network is cut, where it can be; all else is as it was.
        """
        words = [os.fspath(word) for word in argv]
        if self.kind is SandboxKind.NONE:
            return words if network or not self.cuts_network else [*_offline(), *words]
        mounts: list[tuple[str, Path] | tuple[str, str, Path]] = [
            *map(_hiding, (*secret_paths(), *(path for path in hidden if path.exists()))),
            *(("--ro-bind", str(path), path.absolute()) for path in readable),
            *(("--bind", str(path), path.absolute()) for path in (tree, *writable)),
        ]
        mounts.sort(key=lambda mount: len(mount[-1].parts))
        return [
            *(self.program, "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
            *("--unshare-user-try", "--unshare-pid", "--unshare-ipc", "--unshare-uts"),
            *("--unshare-cgroup-try", *(() if network else ("--unshare-net",))),
            *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
            *(word for place in EMPTIED for word in ("--tmpfs", place)),
            *(word for kept in _RUN_KEPT for word in ("--ro-bind-try", kept, kept)),
            *(str(word) for mount in mounts for word in mount),
            *("--", *words),
        ]


def _hiding(path: Path) -> tuple[str, Path] | tuple[str, str, Path]:
    real = path.resolve()
    return ("--tmpfs", real) if real.is_dir() else ("--ro-bind", os.devnull, real)


def offline_shell() -> str:
    """A command to be put before a shell command, which follows as one argument: no network.

    Its only dash begins its options, for Claude Code splits it there.
    """
    return f"{sys.executable} -IS {_OFFLINE} :"


def offline_paths() -> tuple[Path, ...]:
    """What ``offline_shell`` runs, as far as it lies where the sandbox shows nothing by itself.

    That is so where Mendwire is installed below /tmp.
    """
    needed = (Path(sys.prefix), Path(sys.base_prefix), _OFFLINE)
    return tuple(path for path in needed if any(map(path.is_relative_to, EMPTIED)))


def _offline() -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", str(_OFFLINE))


async def detect(wanted: str = "auto") -> Sandbox:
    """The sandbox asked for, tried out; ``auto`` takes bubblewrap where it works.

    ``auto`` without bubblewrap gives kind ``none`` with ``may_run`` false: only the operator's
    explicit ``none`` lets commands run unconfined. Raises SandboxUnavailable when what was asked
    for is not there, ConfigError for another word.
    """
    if wanted not in {"auto", *SandboxKind}:
        message = f"The sandbox {wanted[:40]!r} is unknown: choose auto, bwrap, claude or none."
        raise ConfigError(message)
    if wanted == SandboxKind.NONE:
        return await _none(note="asked for", may_run=True)
    program = shutil.which("bwrap") or ""
    problem = await _bwrap_problem(program)
    if wanted == SandboxKind.CLAUDE and not problem and not shutil.which("socat"):
        problem = "socat is not installed; Claude Code's sandbox needs it"
    if not problem:
        kind = SandboxKind.CLAUDE if wanted == SandboxKind.CLAUDE else SandboxKind.BWRAP
        return Sandbox(kind=kind, may_run=True, cuts_network=True, program=program)
    if wanted == "auto":
        return await _none(note=f"{problem}. {_WAIVE}", may_run=False)
    message = f"The sandbox {wanted} is not usable here: {problem}."
    raise SandboxUnavailable(message)


async def _none(*, note: str, may_run: bool) -> Sandbox:
    cuts = sys.platform == "linux" and await _trial([*_offline(), "true"]) == ""
    return Sandbox(kind=SandboxKind.NONE, may_run=may_run, cuts_network=cuts, note=note)


async def _bwrap_problem(program: str) -> str:
    if sys.platform != "linux":
        return "bubblewrap exists on Linux alone"
    if not program:
        return "bubblewrap is not installed (the package is called bubblewrap)"
    sandbox = Sandbox(kind=SandboxKind.BWRAP, may_run=True, cuts_network=True, program=program)
    with tempfile.TemporaryDirectory(prefix="mendwire-") as tree:
        complaint = await _trial(sandbox.wrap(["true"], tree=Path(tree)))
    return complaint and f"bubblewrap does not work ({complaint})"


async def _trial(argv: list[str]) -> str:
    """What a trivial command complains about; empty when it works."""
    try:
        done = await run(argv, cwd=Path("/"), env=allowed_environment(), timeout_s=_TRIAL_S)
    except ExecutionError as problem:
        return str(problem)
    if done.exit_code == 0:
        return ""
    last = done.complaint.splitlines()[-1:] or [f"it ended with {done.exit_code}"]
    return last[0][:200]
