"""Forms of text that no runtime of ours prints by itself, and what must tell two of them apart."""

from __future__ import annotations

import pytest

from mendwire.capture.traceback_text import body_of_text
from mendwire.model.report import ErrorReport, report_of
from mendwire.model.signature import Keys, canonical, crash_frame, is_in_app, keys

REQUEST = "0a1b2c3d-1234-4abc-9def-0123456789ab"
OTHER_REQUEST = "ffeeddcc-4321-4abc-9def-ba9876543210"


def key(report: ErrorReport) -> Keys:
    return keys(report, namespace="shop", environment="production")


def piped(text: str) -> ErrorReport:
    return report_of({**body_of_text(text), "release": "r1"})


def sent(error: str, stack: str) -> ErrorReport:
    return ErrorReport(error=error, stack=stack, release="r1")


def go_system(line: int, goroutine: int, address: str) -> str:
    """With GOTRACEBACK=system, and as Go prints an overflow of the stack."""
    return (
        "runtime: goroutine stack exceeds 1000000000-byte limit\n"
        "fatal error: stack overflow\n\n"
        "runtime stack:\n"
        "runtime.throw({0x4d5eb6?, 0x41a901?})\n"
        f"\t/usr/local/go/src/runtime/panic.go:1229 +0x48 fp={address} sp={address} pc=0x479fe8\n\n"
        f"goroutine {goroutine} gp={address} m=2 mp=0x59f400 [running]:\n"
        "main.walk(0x0?)\n"
        f"\t/srv/shop/main.go:{line} +0x30 fp={address} sp={address} pc=0x4abfb0\n\n"
        f"goroutine {goroutine + 1} gp=0xc000 m=nil [force gc (idle)]:\n"
        "main.other()\n\t/srv/shop/main.go:7 +0x1\n"
    )


def rails(kind: str, line: int, request: str, pid: int) -> str:
    stamp = f"F, [2026-11-25T10:03:00.{pid}56 #{pid}] FATAL -- : [{request}]"
    return (
        f"{stamp}   \n{stamp} {kind} (no item 4711):\n{stamp}   \n"
        f"{stamp} app/models/cart.rb:{line}:in `total'\n"
        f"[{request}] app/controllers/carts_controller.rb:5:in `show'\n"
    )


def rails_plain(kind: str, line: int) -> str:
    return (
        f"{kind} (no item 4711):\n  \napp/models/cart.rb:{line}:in `total'\n"
        "app/controllers/carts_controller.rb:5:in `show'\n"
    )


def python(error: str, after: str = "") -> str:
    return (
        "Traceback (most recent call last):\n"
        f'  File "/app/cart.py", line 3, in total\n    check(order)\n{error}\n{after}'
    )


def elixir(version: str, line: int, argument: str = "9") -> str:
    return (
        f"** (Enum.OutOfBoundsError) out of bounds error\n"
        f"    (elixir {version}) lib/enum.ex:4711: Enum.fetch!/2\n"
        f"    (shop {version}) lib/shop/cart.ex:{line}: Shop.Cart.total({argument})\n"
        f"    (stdlib {version}) gen_server.erl:1123: :gen_server.try_handle_call/4\n"
    )


def rust(left: int) -> str:
    return (
        "thread 'main' (4711) panicked at src/main.rs:9:15:\n"
        f"assertion `left == right` failed: totals of the cart\n  left: {left}\n right: 3\n"
        "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n"
    )


def node_assertion(left: int) -> str:
    return (
        "AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:\n\n"
        f"{left} !== -1\n\n    at total (/app/cart.js:3:9)\n"
    )


def group(message: str) -> str:
    return (
        "  + Exception Group Traceback (most recent call last):\n"
        '  |   File "/app/cart.py", line 3, in total\n  |     raise ExceptionGroup("many", es)\n'
        "  | ExceptionGroup: many (1 sub-exception)\n"
        "  +-+---------------- 1 ----------------\n"
        "    | Traceback (most recent call last):\n"
        '    |   File "/app/cart.py", line 7, in check\n    |     raise Bad(text)\n'
        f"    | shop.Bad: several\n    | {message}\n"
        "    +------------------------------------\n"
    )


def node_syntax(line: int) -> str:
    return (
        f"/srv/shop/current/a.js:{line}\nlet x = = 2;\n        ^\n\n"
        "SyntaxError: Unexpected token '='\n"
        "    at wrapSafe (node:internal/modules/cjs/loader:1515:18)\n"
        "    at Module._compile (node:internal/modules/cjs/loader:1537:20)\n"
    )


def node_coded(code: str) -> str:
    return (
        "Error: request failed\n    at send (/app/cart.js:3:9)\n"
        f"    at main (/app/main.js:4:2) {{\n  code: '{code}'\n}}\n"
    )


def rust_joined(line: int) -> str:
    return (
        f"thread 'worker' (7) panicked at src/work.rs:{line}:5:\nno price\n"
        "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n\n"
        "thread 'main' (4) panicked at src/main.rs:33:9:\n"
        "called `Result::unwrap()` on an `Err` value: Any { .. }\n"
    )


def lua_handled(line: int) -> str:
    return (
        f"error: /srv/shop/current/cart.lua:{line}: no price\nstack traceback:\n"
        "\t/srv/shop/current/main.lua:18: in function </srv/shop/current/main.lua:18>\n"
        "\t[C]: in function 'error'\n"
        f"\t/srv/shop/current/cart.lua:{line}: in upvalue 'price'\n"
        "\t/srv/shop/current/main.lua:20: in main chunk\n"
    )


def logged(kind: str, message: str) -> ErrorReport:
    """What a log says, and the exception below it."""
    return sent("payment failed", python(f"{kind}: {message}"))


SAME = {
    "Go's own frames": (go_system(9, 1, "0xc000123456"), go_system(9, 34, "0xd02e80003a0")),
    "Rails": (rails("Gone", 12, REQUEST, 4711), rails("Gone", 12, OTHER_REQUEST, 812)),
    "Rails, by its two formats": (rails("Gone", 12, REQUEST, 4711), rails_plain("Gone", 12)),
    "Elixir's versions": (elixir("1.14.0", 5), elixir("1.15.2", 5)),
    "Elixir's arguments": (elixir("1.14.0", 5, "9"), elixir("1.14.0", 5, '"x", [1, 2]')),
    "what Rust compared": (rust(4711), rust(12)),
    "what Node compared": (node_assertion(4711), node_assertion(12)),
    "a log that goes on": (
        python("ValueError: no", "2026-11-25 10:00:00 INFO bye\n"),
        python("ValueError: no", "INFO started\n"),
    ),
}
APART = {
    "Go's own frames": (go_system(9, 1, "0xc000123456"), go_system(10, 1, "0xc000123456")),
    "Rails, by type": (rails("Gone", 12, REQUEST, 4711), rails("Sold", 12, REQUEST, 4711)),
    "Rails, by line": (rails("Gone", 12, REQUEST, 4711), rails("Gone", 13, REQUEST, 4711)),
    "a line below Elixir's own code": (elixir("1.14.0", 5), elixir("1.14.0", 6)),
    "a second line of Python's message": (
        python("ValidationError: 1 error for Order\nprice"),
        python("ValidationError: 1 error for Order\nstock"),
    ),
    "a second line of a panic": (
        "panic: several\n\tfirst\n\ngoroutine 1 [running]:\nmain.f()\n\t/srv/shop/a.go:3 +0x1\n",
        "panic: several\n\tother\n\ngoroutine 1 [running]:\nmain.f()\n\t/srv/shop/a.go:3 +0x1\n",
    ),
    "a panic without calls": ("panic: several\n\tfirst\n", "panic: several\n\tother\n"),
    "what a member of a group says": (group("one"), group("two")),
    "a syntax error of Node's": (node_syntax(2), node_syntax(3)),
    "a code of Node's": (node_coded("E_ONE"), node_coded("E_TWO")),
    "a first panic of Rust's": (rust_joined(9), rust_joined(10)),
    "a place that Lua's handler hides": (lua_handled(2), lua_handled(3)),
    "a message of Dart": (
        "Unhandled exception:\nBad state: none\n#0      f (package:shop/a.dart:3:1)\n",
        "Unhandled exception:\nBad state: many\n#0      f (package:shop/a.dart:3:1)\n",
    ),
    "text of no known form with a place in it": (
        "/srv/shop/a.js:3\n  throw x;\n  ^\none\n(Use `node --trace-uncaught ...`)\n",
        "/srv/shop/a.js:3\n  throw x;\n  ^\ntwo\n(Use `node --trace-uncaught ...`)\n",
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_one_error_has_one_key(name: str) -> None:
    one, other = SAME[name]
    assert key(piped(one)) == key(piped(other))


@pytest.mark.parametrize("name", APART)
def test_two_errors_have_two(name: str) -> None:
    one, other = APART[name]
    assert key(piped(one)).signature != key(piped(other)).signature
    assert key(sent("failed", one)).signature != key(sent("failed", other)).signature


def test_of_a_stack_without_a_word_all_lines_count() -> None:
    stack = "#0 0x1 in check (n=1) at a.c:3\n#1 0x2 in main () at a.c:{}\n"
    one, other = (key(piped(stack.format(line))) for line in (9, 10))
    assert one.signature != other.signature
    assert one.issue_key == other.issue_key


def test_a_log_message_does_not_hide_what_the_exception_says() -> None:
    bare = key(logged("ValueError", "no price"))
    assert bare != key(logged("ValueError", "no stock"))
    assert bare != key(logged("KeyError", "no price"))
    assert bare == key(logged("ValueError", "no price"))


def test_a_panic_raised_again_is_where_it_was_first() -> None:
    stack = (
        "panic: gone [recovered]\n\tpanic: order failed: gone\n\n"
        "goroutine 1 [running]:\n"
        "main.guard.func1()\n\t/srv/shop/guard.go:9 +0x59\n"
        "panic({0x4bcdc0?, 0x5985a0?})\n\t/usr/local/go/src/runtime/panic.go:860 +0x13a\n"
        "main.total(0xc0)\n\t/srv/shop/cart.go:48 +0x1\n"
        "main.main()\n\t/srv/shop/main.go:4 +0x1\n"
    )
    crash = crash_frame(piped(stack))
    assert crash is not None
    assert (crash.file, crash.line, crash.function) == ("/srv/shop/cart.go", 48, "main.total")
    record = canonical(piped(stack))
    assert record.template == "panic: gone"
    assert record.causes == (("guard.go", "main.guard.func1", "panic: order failed: gone"),)
    assert record.cause_lines == ("9",)


def test_an_inner_exception_without_calls_is_a_cause() -> None:
    record = canonical(
        piped(
            "[ERROR] FATAL UNHANDLED EXCEPTION: Failed: several ---> Gone: item 7\n"
            "   --- End of inner exception stack trace ---\n"
            "  at Shop.Main (System.String[] args) [0x00001] in /srv/shop/a.cs:9\n"
            "---> (Inner Exception #0) Gone: item 7<---\n"
        )
    )
    assert record.types == ("Failed", "Gone", "Gone")
    assert record.calls == (("a.cs", "Shop.Main"),)


@pytest.mark.parametrize(
    "file",
    [
        "./stdlib/abort.c",
        "./nptl/pthread_kill.c",
        "../sysdeps/posix/raise.c",
        "./assert/assert.c",
        "./malloc/malloc.c",
        "./debug/fortify_fail.c",
        "./stdio-common/vfprintf-internal.c",
        "./string/../sysdeps/x86_64/multiarch/memmove-vec-unaligned-erms.S",
        "./csu/../csu/libc-start.c",
        "src/exit/abort.c",
        "/build/glibc-eX1tMB/glibc-2.31/signal/../sysdeps/raise.c",
    ],
)
def test_the_c_librarys_own_files_are_not_the_projects(file: str) -> None:
    assert not is_in_app(file)


@pytest.mark.parametrize(
    "file", ["./cart.c", "./src/malloc.c", "src/exit.c", "./stdlib/cart.c", "abort.c", "./io/a.c"]
)
def test_a_projects_files_are_its_own(file: str) -> None:
    assert is_in_app(file)
