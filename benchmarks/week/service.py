"""One service of the week: its functions fail, and the SDK reports it as in any program.

Reads a JSON object on standard input and prints one: how often each bug was raised, and what the
SDK says became of every occurrence. Run in the folder of the release that is deployed.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path

import mendwire
from mendwire.capture import statistics

ROUNDS = 20


def main() -> None:
    """Raise what is asked for, in rounds over all bugs."""
    told = json.load(sys.stdin)
    sys.path.insert(0, str(Path.cwd()))
    mendwire.init()
    raised: dict[str, int] = {}
    for number in range(ROUNDS):
        began = time.monotonic()
        for word, argument, count in told["bugs"]:
            call = getattr(importlib.import_module(f"{told['service']}.mod_{word}"), f"do_{word}")
            share = count * (number + 1) // ROUNDS - count * number // ROUNDS
            raised[word] = raised.get(word, 0) + storm(call, argument, share)
        time.sleep(max(0.0, told["seconds"] / ROUNDS - (time.monotonic() - began)))
    is_told = mendwire.flush(told["flush_s"])
    print(json.dumps({"raised": raised, "told": is_told, "statistics": statistics()}))


def storm(call: object, argument: object, count: int) -> int:
    """So many failures of one function; a mended one does not fail, and is left after one call."""
    done = tried = 0
    while done < count and tried < 20 * count:
        tried += 1
        try:
            call(argument)  # type: ignore[operator]
        except Exception as problem:  # noqa: BLE001 - whatever its bug raises
            mendwire.capture(problem)
            done += 1
        else:
            if done == 0 and tried >= 20:
                return 0
    return done


main()
