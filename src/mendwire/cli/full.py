"""The whole command line, built with typer; a command's own module is read when it is called."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup

from mendwire import __version__
from mendwire.errors import ConfigError

_FORWARD: Final = {"ignore_unknown_options": True, "allow_extra_args": True}
_MODULES: Final = {
    "run": ("init", "up", "work", "demo"),
    "server": ("server",),
    "streams": ("streams",),
    "consumers": ("consumers", "audit"),
    "status": ("status", "rates", "watch", "top"),
    "cases": ("cases",),
    "kept": ("results", "dead"),
    "quarantine": ("quarantine",),
    "screen": ("screen",),
    "tasks": ("tasks",),
    "specialist": ("specialist",),
    "deploy": ("deploy", "deployments"),
    "alive": ("alive",),
    "halt": ("halt", "resume"),
    "doctor": ("doctor",),
    "capacity": ("capacity",),
    "metrics": ("metrics",),
    "alerts": ("alerts",),
    "gateway": ("gateway",),
    "dashboard": ("dashboard",),
    "mcp": ("mcp",),
    "replay": ("replay",),
    "erase": ("erase",),
    "backup": ("backup", "restore"),
    "host": ("host",),
    "forwarded": ("report", "signature"),
}
"""What each module of this room registers, in the order of the help."""
_ALONE: Final = {"gateway", "dashboard"}
"""Those for which an extra of their name is enough."""
_OWNERS: Final = {name: module for module, names in _MODULES.items() for name in names}


class Line(TyperGroup):
    """All commands by name; each is read when it is asked for, and then kept."""

    is_shown: bool = False
    """Whether helps are for a terminal, on which they are laid out by markup."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - typer's own context
        """Every name."""
        return list(_OWNERS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002 - as above
        """The command, or None."""
        if cmd_name in _OWNERS and cmd_name not in self.commands:
            read = _commands(_OWNERS[cmd_name])
            if self.is_shown:
                for command in read.values():
                    _laid_out(command)
            self.commands.update(read)
        command = self.commands.get(cmd_name)
        return command and _without_types(command)


def _commands(module: str) -> dict[str, Any]:
    part = typer.Typer(callback=_top)  # with a callback it is a group, however few it has
    try:
        import_module(f"mendwire.cli.{module}").register(part)
    except ModuleNotFoundError as absent:
        if (absent.name or "").startswith("mendwire"):
            raise
        for name in _MODULES[module]:
            _stand_in(part, name, str(absent.name), module if module in _ALONE else "all")
    return dict(typer.main.get_group(part).commands)


def _stand_in(part: typer.Typer, name: str, missing: str, extra: str) -> None:
    """In place of a command whose packages are not there: whatever is asked of it, it says so."""
    remedy = f"pip install 'mendwire[{extra}]'"

    def explain() -> None:
        raise ConfigError(f"mendwire {name} needs packages that are absent ({missing}): {remedy}")

    told = f"(Not installed: {remedy})"
    part.command(name, context_settings={**_FORWARD, "help_option_names": []}, help=told)(explain)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"mendwire {__version__}")
        raise typer.Exit


def _top(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Print the version."
    ),
) -> None:
    pass


app = typer.Typer(
    name="mendwire",
    cls=Line,
    callback=_top,
    help="Errors from running servers to coding agents over NATS JetStream, and proven fixes back.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 it failed and says why, 2 what was given cannot be used, 3 no "
    "NATS server can be used, 130 Ctrl-C; what a command has beside them, its help says.",
)


def whole_line() -> Any:  # noqa: ANN401 - typer keeps the types of its commands to itself
    """The commands with every module read, for what looks at all of them."""
    line = typer.main.get_command(app)
    context = typer.Context(line)
    for name in line.list_commands(context):  # type: ignore[attr-defined]
        line.get_command(context, name)  # type: ignore[attr-defined]
    return line


def _without_types(top: Any) -> Any:  # noqa: ANN401 - as above
    """The command, its help without the ``<bool>`` that typer writes beside every switch."""
    waiting: list[Any] = [top]
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        for parameter in command.params:
            _hush(parameter)
        if not isinstance(command.get_help_option, partial):
            command.get_help_option = partial(_hushed_help, command.get_help_option)
    return top


def _hushed_help(made: Callable[[typer.Context], Any], context: typer.Context) -> Any:  # noqa: ANN401 - as above
    return _hush(made(context))


def _hush(parameter: Any) -> Any:  # noqa: ANN401 - as above
    if getattr(parameter, "is_flag", False):
        parameter.metavar = ""
    return parameter


def _laid_out(top: Any) -> None:  # noqa: ANN401 - as above
    """Brackets in help are no markup, and of its lines only one after a colon begins anew."""
    waiting: list[Any] = [top]
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        if command.help:
            command.help = _without_markup(re.sub(r"(?<![\n:])\n(?!\n)", " ", command.help))
        for parameter in command.params:
            if getattr(parameter, "help", None):
                parameter.help = _without_markup(parameter.help)


def _without_markup(text: str) -> str:
    return re.sub(r"\[(?=[a-z/@#])", r"\\[", text, flags=re.IGNORECASE)


def run_line(arguments: list[str]) -> int:
    """Parse and run; usage errors print one box on standard error and give 2."""
    try:
        line: Any = typer.main.get_command(app)
        line.is_shown = True
        _without_types(line)(arguments, prog_name="mendwire")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0
