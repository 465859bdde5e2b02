"""Frames out of the stacks of real runtimes."""

from __future__ import annotations

import pytest

from mendwire.capture.traceback_text import body_of_text
from mendwire.model.report import ErrorReport, Frame
from mendwire.model.signature import crash_frame, parse_frames, raised_in

PYTHON = """Traceback (most recent call last):
  File "/app/main.py", line 6, in dispatch
    return f(v) if v else f()
                          ^^^
  File "/usr/local/lib/python3.11/json/__init__.py", line 346, in loads
    return _default_decoder.decode(s)
  File "/app/handlers.py", line 12, in Shop.total
    return users[P("uid")]
KeyError: 'user_63880'
"""
CHAINED = """Traceback (most recent call last):
  File "/app/a.py", line 1, in inner
    open(name)
FileNotFoundError: [Errno 2] No such file: 'x'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/b.py", line 2, in outer
    raise ConfigMissing from problem
app.ConfigMissing: no config
"""
GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/app/a.py", line 1, in main
  |     async with TaskGroup():
  | ExceptionGroup: unhandled errors (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/app/b.py", line 2, in job
    |     1 / 0
    | ZeroDivisionError: division by zero
    +------------------------------------
"""
NODE = """TypeError: Cannot read properties of undefined (reading 'email')
    at readProp (/app/app.js:13:40)
    at async Shop.checkout [as run] (file:///app/shop.mjs:14:19)
    at Object.<anonymous> (/app/node_modules/express/lib/router.js:71:28)
    at node:internal/main/run_main_module:28:49
"""
JAVA = """Exception in thread "main" shop.App$ShopException: out
\tat shop.App.fail(App.java:10)
\tat java.base/java.lang.reflect.Method.invoke(Method.java:569)
\tat shop.App.main(App.java:54)
Caused by: java.lang.NullPointerException: s is null
\tat shop.Cart.total(Cart.java:7)
\t... 2 more
"""
GO = """panic: runtime error: index out of range [36] with length 2

goroutine 1 [running]:
main.(*Cart).idx(0xc000012345, 0x24)
\t/app/main.go:10 +0x3f
main.main()
\t/app/main.go:38 +0x64f
"""
RUBY = """/app/cart.rb:3:in `total': divided by 0 (ZeroDivisionError)
\tfrom /app/cart.rb:9:in `checkout'
\tfrom /app/main.rb:1:in `<main>'
"""
PHP = """PHP Fatal error:  Uncaught RuntimeException: no price in /app/cart.php:12
Stack trace:
#0 /app/shop.php(7): Cart->total()
#1 {main}
"""
FIREFOX = "total@https://shop.example/app.js:12:5\ncheckout@https://shop.example/app.js:20:1\n"
RUST = """thread 'main' panicked at src/main.rs:4:5:
stack backtrace:
   0: shop::total
             at /app/src/cart.rs:10:9
   1: shop::main
             at /app/src/main.rs:4:5
"""


def crash_of(stack: str) -> Frame:
    found = crash_frame(ErrorReport(error="x", stack=stack))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("stack", "file", "line", "function"),
    [
        (PYTHON, "/app/handlers.py", 12, "Shop.total"),
        (CHAINED, "/app/b.py", 2, "outer"),
        (GROUP, "/app/a.py", 1, "main"),
        (NODE, "/app/app.js", 13, "readProp"),
        (JAVA, "App.java", 10, "shop.App.fail"),
        (GO, "/app/main.go", 10, "main.(*Cart).idx"),
        (RUBY, "/app/cart.rb", 3, "total"),
        (PHP, "/app/cart.php", 12, "Cart->total"),
        (FIREFOX, "https://shop.example/app.js", 12, "total"),
        (RUST, "/app/src/cart.rs", 10, "shop::total"),
        ("at handleRequest (app.js:42)", "app.js", 42, "handleRequest"),
        (
            "at Shop.Cart.Total(Int32 n) in /app/Cart.cs:line 12",
            "/app/Cart.cs",
            12,
            "Shop.Cart.Total",
        ),
        ("died at cart.pl line 7.", "cart.pl", 7, ""),
        ("ERROR in app/cart.py:31: no price", "app/cart.py", 31, ""),
    ],
)
def test_the_crash_is_found(stack: str, file: str, line: int, function: str) -> None:
    crash = crash_of(stack)
    assert (crash.file, crash.line, crash.function) == (file, line, function)


def test_frames_are_outermost_first_and_libraries_are_known() -> None:
    frames = parse_frames(ErrorReport(error="x", stack=PYTHON))
    assert [frame.function for frame in frames] == ["dispatch", "loads", "Shop.total"]
    assert [frame.in_app for frame in frames] == [True, False, True]
    assert frames[0].code == "return f(v) if v else f()"
    node = parse_frames(ErrorReport(error="x", stack=NODE))
    assert [frame.in_app for frame in node] == [False, False, True, True]


@pytest.mark.parametrize(
    ("stack", "types"),
    [
        (CHAINED, ["app.ConfigMissing", "FileNotFoundError"]),
        (GROUP, ["ExceptionGroup", "ZeroDivisionError"]),
        (JAVA, ["shop.App$ShopException", "java.lang.NullPointerException"]),
        (RUBY, ["ZeroDivisionError"]),
        (PHP, ["RuntimeException"]),
    ],
)
def test_causes_come_after_what_they_caused(stack: str, types: list[str]) -> None:
    assert [raised.type for raised in raised_in(stack)] == types


def test_a_raw_traceback_becomes_a_report() -> None:
    body = body_of_text(f"some output\n{PYTHON}")
    assert body["error"] == "KeyError: 'user_63880'"
    assert body["type"] == "KeyError"
    assert body["language"] == "python"
    assert body["context"] == {"file": "/app/handlers.py", "line": 12}


def test_log_lines_become_a_report_by_the_line_that_names_an_error() -> None:
    body = body_of_text("starting\n2026-11-23 ERROR payment failed\nbye\n")
    assert body["error"] == "2026-11-23 ERROR payment failed"
    assert body_of_text("just this\n")["error"] == "just this"
