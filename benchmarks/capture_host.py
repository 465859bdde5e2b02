r"""A host with one SDK in it, measured in a process of its own: run by ``benchmarks.capture``.

    python -m benchmarks.capture_host {mendwire,sentry,sentry-bare} \
        {start,calls,distinct,same} COUNT

Prints one JSON object. Nothing is loaded before the SDK that the SDK might load.
"""

import os
import sys
import time

_WHO, _WHAT, _COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3])
DEPTH = 15
LOCALS = 10


def memory() -> float:
    """Resident megabytes of this process."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - pathlib costs memory
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


_before = memory()
_began = time.perf_counter()
if _WHO == "mendwire":
    import mendwire

    mendwire.init(service="bench", environment="production", release="1")
else:
    import sentry_sdk

    if _WHO == "sentry":
        sentry_sdk.init(os.environ["BENCH_DSN"], release="1")
    else:
        sentry_sdk.init(os.environ["BENCH_DSN"], release="1", auto_enabling_integrations=False)
_took = time.perf_counter() - _began
_after = memory()


def capture(problem: BaseException) -> None:
    """Report it by hand, as a handler of requests would."""
    if _WHO == "mendwire":
        mendwire.capture(problem)
    else:
        sentry_sdk.capture_exception(problem)


def flush(seconds: float) -> None:
    """Wait until all is sent."""
    if _WHO == "mendwire":
        mendwire.flush(seconds)
    else:
        sentry_sdk.flush(seconds)


def word(number: int) -> str:
    """A number without digits, which a signature would level."""
    return "".join(chr(ord("b") + int(digit)) for digit in str(number))


def call_of(source: str) -> None:
    """Write the module with the deep stack; a real file, as a host's code is."""
    lines = ["def call_0(order, text):", "    raise ValueError(text)", ""]
    for depth in range(1, DEPTH):
        lines.append(f"def call_{depth}(order, text):")
        lines += [
            f"    v{n} = {[n, n * 'x', [n] * 3, {'n': n}][n % 4]!r}" for n in range(LOCALS - 2)
        ]
        lines += [f"    return call_{depth - 1}(order, text)", ""]
    with open(source, "w", encoding="utf-8") as file:  # noqa: PTH123 - see above
        file.write("\n".join(lines))


def calls(count: int, name: str, pause_s: float) -> list[float]:
    """Seconds that each capture took on the calling thread."""
    import deep_stack  # type: ignore[import-not-found]  # noqa: PLC0415 - written a moment ago

    took = []
    for number in range(count):
        try:
            getattr(deep_stack, f"call_{DEPTH - 1}")(
                {"id": 17, "items": ["book", "pen"], "price": 1.5},
                f"{name} {word(number)}" if name == "distinct" else name,
            )
        except ValueError as problem:
            began = time.perf_counter()
            capture(problem)
            took.append(time.perf_counter() - began)
        if pause_s:
            time.sleep(pause_s)
    return took


def main() -> dict[str, object]:
    """What was asked for."""
    found: dict[str, object] = {"seconds": _took, "megabytes": _after - _before}
    if _WHAT == "start":
        return found
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - see above
    call_of("deep_stack.py")
    if _WHAT == "calls":
        calls(5, "warm", 0.05)
        found["first"] = calls(_COUNT, "distinct", 0.02)
        found["repeat"] = calls(_COUNT, "same", 0.02)
    else:
        found["captures"] = calls(_COUNT, _WHAT, 0.0)
    flush(30)
    found["grown"] = memory() - _before
    if _WHO == "mendwire":
        from mendwire.capture import statistics  # noqa: PLC0415 - of one SDK

        found["statistics"] = statistics()
    return found


if __name__ == "__main__":
    _found = main()
    import json

    print(json.dumps(_found), flush=True)
