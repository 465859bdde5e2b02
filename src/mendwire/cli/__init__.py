"""The command line: one verb, one call; parsing and printing only.

``report`` and ``signature`` need nothing but the bare install; everything else says which extra it
wants when that is absent.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from mendwire.errors import MendwireError

BARE = ("report", "signature")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. Errors of ours become one sentence on standard error."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments and arguments[0] in BARE:
            from mendwire.cli import bare  # noqa: PLC0415 - the bare install lacks the full line

            return bare.run(arguments)
        return _full(arguments)
    except MendwireError as problem:
        print(f"mendwire: {problem}", file=sys.stderr)
        return problem.exit_code
    except ModuleNotFoundError as absent:
        if (absent.name or "mendwire").startswith("mendwire"):
            raise
        # What only some uses of a command need is loaded where it is used.
        print(
            f"mendwire: this needs a package that is absent ({absent.name}): "
            "pip install 'mendwire[all]'",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 141


def _full(arguments: list[str]) -> int:
    try:
        from mendwire.cli import full  # noqa: PLC0415 - needs the worker extra
    except ModuleNotFoundError as absent:
        if absent.name and absent.name.startswith("mendwire"):
            raise
        print(
            "mendwire: only 'report' and 'signature' work on the bare install; for the rest: "
            f"pip install 'mendwire[all]' (missing: {absent.name})",
            file=sys.stderr,
        )
        return 2
    return full.run_line(arguments)
