"""A log cut into records, and which of them tell of an error."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.capture.log_errors import Body, body_of_record, level_of
from mendwire.capture.log_records import MAX_LINE, MAX_RECORD, MAX_SOURCES, Splitter
from mendwire.model.report import report_of
from mendwire.model.signature import Canonical, canonical, parse_frames


def records(text: str) -> list[str]:
    splitter = Splitter()
    done = [record for line in text.splitlines() for record in splitter.feed(line)]
    return done + list(splitter.rest())


def errors(text: str) -> list[Body]:
    return [body for record in records(text) if (body := body_of_record(record))]


PYTHON = """\
Traceback (most recent call last):
  File "/app/shop/cart.py", line 12, in total
    return price(order)
KeyError: 98

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/shop/cart.py", line 14, in total
    raise OrderFailed
shop.cart.OrderFailed: no price for order 98"""
JAVA = """\
java.lang.IllegalStateException: no price
\tat com.shop.Cart.total(Cart.java:12)
\t... 3 more
Caused by: java.lang.RuntimeException: no item
\tat com.shop.Cart.price(Cart.java:3)"""
GO = """\
panic: no price

goroutine 1 [running]:
main.total(...)
\t/app/main.go:6
main.main()
\t/app/main.go:12 +0x65
exit status 2"""
RUST = """\
thread 'main' panicked at src/cart.rs:12:5:
no price
stack backtrace:
   0: shop::total
             at ./src/cart.rs:12:5"""
RUBY = """\
/app/shop.rb:12:in `rescue in total': no price (OrderFailed)
\tfrom /app/shop.rb:9:in `total'
/app/shop.rb:6:in `fetch': key not found: "pear" (KeyError)
\tfrom /app/shop.rb:6:in `price'"""
PHP = """\
PHP Fatal error:  Uncaught OutOfBoundsException: no such item in /app/shop.php:8
Stack trace:
#0 /app/shop.php(20): total()
#1 {main}

Next OrderFailed: no price in /app/shop.php:16
Stack trace:
#0 /app/shop.php(20): total()
#1 {main}
  thrown in /app/shop.php on line 16"""
NODE = """\
Error: no price
    at total (/app/cart.js:12:9)
    at main (/app/cart.js:20:3) {
  code: 'E17'
}"""
DOTNET = """\
Unhandled exception. System.InvalidOperationException: no price
 ---> System.Exception: no item
   at Shop.Cart.Price() in /app/Cart.cs:line 3
   --- End of inner exception stack trace ---
   at Shop.Cart.Total() in /app/Cart.cs:line 12"""
LUA = """\
lua5.4: /app/shop.lua:7: no price
stack traceback:
\t[C]: in function 'error'
\t/app/shop.lua:7: in upvalue 'price'"""
STACKS = {
    "python": (PYTHON, "shop.cart.OrderFailed"),
    "java": (JAVA, "java.lang.IllegalStateException"),
    "go": (GO, ""),
    "rust": (RUST, ""),
    "ruby": (RUBY, "OrderFailed"),
    "php": (PHP, "OrderFailed"),
    "node": (NODE, "Error"),
    "dotnet": (DOTNET, "System.InvalidOperationException"),
    "lua": (LUA, ""),
}
SYSLOG = "Nov 25 10:00:00 web-1 shop[4242]: "


def wrapped(text: str, how: str) -> str:
    """The lines as a transport hands them on."""
    lines = text.split("\n")
    if how == "syslog":
        return "\n".join(SYSLOG + line for line in lines)
    if how == "docker":
        return "\n".join(
            json.dumps({"log": f"{line}\n", "stream": "stderr", "time": "x"}) for line in lines
        )
    if how == "kubernetes":
        return "\n".join(f"2026-11-25T10:00:00.1Z stderr F {line}" for line in lines)
    if how == "compose":
        return "\n".join(f"shop-web-1  | {line}" for line in lines)
    if how == "journald":
        entry = {"_SYSTEMD_UNIT": "shop.service", "_PID": "42", "PRIORITY": "6"}
        return "\n".join(json.dumps({**entry, "MESSAGE": line}) for line in lines)
    return text


@pytest.mark.parametrize("how", ["plain", "syslog", "docker", "kubernetes", "compose", "journald"])
@pytest.mark.parametrize("name", STACKS)
def test_a_stack_within_a_log_is_one_record(name: str, how: str) -> None:
    stack, kind = STACKS[name]
    (body,) = errors(wrapped(f"started\n{stack}\nlistening on port 80", how))
    assert body.get("type", "") == kind
    assert body["stack"] == stack
    assert parse_frames(report_of(body))


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_after_a_line_with_a_level_belongs_to_it(name: str) -> None:
    stack, kind = STACKS[name]
    time = "2026-11-25 10:00:00,123"
    text = f"{time} ERROR shop: failed\n{stack}\n{time} INFO shop: on"
    if name in {"go", "php"}:  # they begin as a record of their own does
        assert [body.get("type", "") for body in errors(text)] == ["", kind]
        return
    (body,) = errors(text)
    assert body.get("type", "") == kind
    assert str(body["stack"]).endswith(stack)


def test_several_sources_are_put_together_by_themselves() -> None:
    stacks = {"shop-web-1": PYTHON, "shop-web-2": JAVA, "shop-db-1": GO}
    lines = [
        f"{source}  | {line}"
        for at in range(20)
        for source, stack in stacks.items()
        for line in stack.split("\n")[at : at + 1]
    ]
    assert {body["stack"] for body in errors("\n".join(lines))} == set(stacks.values())


def test_two_errors_one_after_the_other_are_two() -> None:
    for stack in (PYTHON, JAVA, GO, RUST, PHP, NODE, DOTNET, LUA):
        assert len(errors(f"{stack}\n{stack}")) == 2, stack


LEVELS = {
    "2026-11-25 10:00:00,123 ERROR shop: no": "error",
    "2026-11-25 10:00:00,123 - shop - CRITICAL - no": "fatal",
    "ERROR:shop:no": "error",
    "[2026-11-25T10:00:00Z] [error] no": "error",
    "2026/11/25 10:00:00 [emerg] 1#1: no": "fatal",
    "time=2026-11-25T10:00:00Z level=error msg=no": "error",
    'ts=1 level="fatal" msg=no': "fatal",
    "2026-11-25T10:00:00Z\terror\tmain.go:3\tno": "error",
    "E1125 10:00:00.123456 12 main.go:3] no": "error",
    "F1125 10:00:00.123456 12 main.go:3] no": "fatal",
    "<3>no": "error",
    "<1>no": "fatal",
    "error: no": "error",
    "PHP Fatal error:  no": "fatal",
    "25-Nov-2026 10:00:00.123 SEVERE [main] no": "error",
    "10:00AM ERR no": "error",
    "2026-11-25 10:00:00,123 INFO shop: an error: none": "lower",
    "2026-11-25 10:00:00,123 WARNING shop: ERROR ahead": "lower",
    "[2026-11-25 10:00:00] production.ERROR: no": "error",
    "E, [2026-11-25T10:00:00.123456 #4242] ERROR -- : no": "error",
    "[warn] no": "lower",
    "<6>ERROR no": "lower",
    "I1125 10:00:00.123456 12 main.go:3] error: no": "lower",
    "PHP Warning:  no": "lower",
    '10.0.0.1 - - [25/Nov/2026:10:00:00 +0000] "GET /error HTTP/1.1" 500 12': "",
    "no errors, no error in sight": "",
    "": "",
}


@pytest.mark.parametrize("line", LEVELS)
def test_a_record_says_its_level(line: str) -> None:
    assert level_of(line) == LEVELS[line]


def test_a_lower_level_is_left_alone_whatever_it_has() -> None:
    assert errors(f"2026-11-25 10:00:00,123 WARNING shop: retried\n{PYTHON}\n") == []


def test_a_place_alone_is_no_error() -> None:
    assert errors("listening, see main.go:12\nstarted from /app/shop.py:3\n") == []


def test_perl_says_where_it_died_and_that_is_one() -> None:
    (body,) = errors("starting\nno price for order 7 at /app/shop.pl line 11.\ndone\n")
    assert body["error"] == "no price for order 7"


ERLANG = """\
=CRASH REPORT==== 25-Nov-2026::19:26:35.174971 ===
  crasher:
    initial call: shop:'-main/1-fun-0-'/0
    pid: <0.117.0>
    exception error: {no_price,{order,4711}}
      in function  shop:price/2 (shop.erl, line 7)
      in call from shop:total/2 (shop.erl, line 11)
    ancestors: [<0.9.0>]
"""


@pytest.mark.parametrize("is_one_line", [False, True])
def test_a_crash_in_the_words_of_erlang_has_its_calls(is_one_line: bool) -> None:
    text = ERLANG
    if is_one_line:
        rest = ", ".join(line.strip() for line in ERLANG.splitlines()[1:])
        text = f"2026-11-25T19:26:35.174971+00:00 error: {rest}"
    (body,) = errors(text)
    assert (body["type"], body["error"]) == ("no_price", "no_price: {no_price,{order,4711}}")
    assert [(f.file, f.line, f.function) for f in parse_frames(report_of(body))] == [
        ("shop.erl", 11, "shop:total/2"),
        ("shop.erl", 7, "shop:price/2"),
    ]


def record_of(text: str) -> Canonical:
    """What the keys of the only error are made of."""
    (body,) = errors(text)
    return canonical(report_of(body))


MONOLOG = """\
[2026-11-25 10:00:00] production.INFO: on
[2026-11-25 10:00:00] production.ERROR: no {"exception":"[object] (App\\\\OrderFailed(code: 0): \
no price for order 4711 at /srv/shop/current/app/Cart.php:16)
[stacktrace]
#0 /srv/shop/current/app/Carts.php(20): App\\\\Cart->total(4711)
#1 {main}
"}
[2026-11-25 10:00:01] production.INFO: on
"""


def test_an_exception_in_the_log_of_monolog_is_told_as_php_does() -> None:
    record = record_of(MONOLOG)
    assert (record.types, record.template) == (("App\\OrderFailed",), "no price for order <n>")
    assert record.calls == (("app/Carts.php", "{main}"), ("app/Cart.php", "App\\Cart->total"))
    assert record.crash_line == "16"
    short = MONOLOG.replace(
        "at /srv/shop/current/app/Cart.php:16)\n[stack", 'at /a/Cart.php:16)"} []\n[x'
    )
    assert record_of(short.partition("[x")[0]).types == ("App\\OrderFailed",)


TAG = "[8f3c2a10-0b7e-4c55-9a11-3f2b8d6c7e90] "
RAILS = f"""\
I, [2026-11-25T10:00:02.123456 #4242]  INFO -- : {TAG}Started GET "/cart"
F, [2026-11-25T10:00:02.123456 #4242] FATAL -- : {TAG}
{TAG}OrderFailed (no price for order 4711):
{TAG}
{TAG}app/models/cart.rb:12:in `total'
{TAG}app/controllers/carts_controller.rb:5:in `show'
I, [2026-11-25T10:00:03.123456 #4242]  INFO -- : {TAG}Started GET "/"
"""


def test_an_exception_in_the_log_of_rails_has_its_type() -> None:
    record = record_of(RAILS)
    assert (record.types, record.template) == (("OrderFailed",), "no price for order <n>")
    assert [name for _, name in record.calls] == ["show", "total"]


def test_frames_of_elixirs_libraries_do_not_count() -> None:
    record = record_of("""\
10:00:00.123 [error] GenServer #PID<0.152.0> terminating
** (OrderFailed) no price for order 4711
    (shop 0.1.0) lib/shop.ex:10: Shop.price/2
    (elixir 1.14.0) lib/enum.ex:1658: Enum.map/2
    (stdlib 4.2) gen_server.erl:1149: :gen_server.try_handle_call/4
Last message (from #PID<0.96.0>): :total
State: "4711"
10:00:01.123 request_id=F1 [info] Sent 200 in 3ms
""")
    assert record.calls == (("lib/shop.ex", "Shop.price/2"),)


STRUCTURED: dict[str, tuple[dict[str, object], dict[str, object] | None]] = {
    "pino": (
        {
            "level": 50,
            "time": 1,
            "msg": "charging failed",
            "err": {
                "type": "OrderFailed",
                "message": "no price",
                "code": "E17",
                "stack": "OrderFailed: no price\n    at total (/app/cart.js:12:9)",
            },
        },
        {"type": "OrderFailed", "error": "OrderFailed: no price", "code": "E17"},
    ),
    "zap": (
        {
            "level": "error",
            "msg": "charging failed",
            "error": "no price",
            "stacktrace": "main.total\n\t/app/main.go:12\nmain.main\n\t/app/main.go:20",
        },
        {"error": "charging failed: no price"},
    ),
    "logrus": ({"level": "fatal", "msg": "no"}, {"error": "no", "level": "fatal"}),
    "structlog": (
        {"level": "error", "event": "charging failed", "exception": PYTHON},
        {"type": "shop.cart.OrderFailed", "error": "shop.cart.OrderFailed: no price for order 98"},
    ),
    "serilog": (
        {"@l": "Error", "@mt": "no price for {Order}", "@m": "no price for 7"},
        {"message_template": "no price for {Order}", "error": "no price for 7"},
    ),
    "logback": (
        {"level": "ERROR", "message": "failed", "stack_trace": JAVA},
        {"type": "java.lang.IllegalStateException"},
    ),
    "ecs": (
        {"log.level": "error", "message": "failed", "error.type": "OrderFailed"},
        {"error": "failed", "type": "OrderFailed"},
    ),
    "cloud": ({"severity": "CRITICAL", "message": "no"}, {"level": "fatal"}),
    "warning": ({"level": "warning", "message": "no", "exception": PYTHON}, None),
    "gelf": ({"level": 3, "short_message": "no"}, {"error": "no"}),
    "gelf, lower": ({"level": 4, "short_message": "no"}, None),
    "info": ({"level": 30, "msg": "error"}, None),
    "no level": ({"message": "ERROR"}, None),
    "no level, but a stack": (
        {"message": "no", "stack": JAVA},
        {"error": "java.lang.IllegalStateException: no price"},
    ),
    "nothing": ({"level": "error"}, None),
}


@pytest.mark.parametrize("name", STRUCTURED)
def test_an_object_of_json_is_read(name: str) -> None:
    given, expected = STRUCTURED[name]
    found = errors(json.dumps(given))
    if expected is None:
        assert found == []
    else:
        assert expected.items() <= found[0].items()


def test_what_is_below_a_line_is_told_but_only_what_is_indented_counts() -> None:
    text = dedent("""\
        2026-11-25 10:00:00 ERROR query failed
          DETAIL: key 7 is there
        SELECT 1
        2026-11-25 10:00:01 INFO on
        """)
    (body,) = errors(text)
    assert body["error"] == "2026-11-25 10:00:00 ERROR query failed DETAIL: key 7 is there"
    assert body["context"] == {"lines": "SELECT 1"}


def test_repeats_with_other_ids_times_and_hosts_are_one_kind() -> None:
    lines = [
        f"Nov {day} 10:0{n}:00 web-{n} shop[{4000 + n}]: "
        f"2026-11-{day}T10:0{n}:00.30{n}Z ERROR cart: no price for order {90 + 17 * n} "
        f"from 10.0.{n}.17:5123{n}"
        for n, day in enumerate(range(10, 16))
    ]
    kinds = {canonical(report_of(body)) for body in errors("\n".join(lines))}
    assert len(kinds) == 1


def test_a_line_in_parts_is_one_line() -> None:
    text = "2026-11-25T10:00:00Z stderr P ERROR one \n2026-11-25T10:00:00Z stderr F and two\n"
    assert records(text) == ["ERROR one and two"]


def test_what_has_no_end_is_bounded() -> None:
    splitter = Splitter()
    assert list(splitter.feed("ERROR: begins")) == []
    for at in range(30_000):
        assert list(splitter.feed(f"  line {at} " + "x" * 100)) == []
    assert list(splitter.feed(" " + "y" * 10 * MAX_LINE)) == []
    found = list(splitter.rest())
    assert found[0].startswith("ERROR: begins\n  line 0 ")
    assert "line 29999" in found[0]
    assert sum(map(len, found)) < 2 * MAX_RECORD
    for at in range(10 * MAX_SOURCES):
        list(splitter.feed(f"shop-web-{at}  | ERROR: no"))
    assert len(list(splitter.rest())) <= MAX_SOURCES


@given(st.lists(st.text(alphabet=" \t{}[]<>#:|=\"'nERORrath0123456789-TZ.\\\r", max_size=60)))
def test_any_lines_are_taken_and_none_is_lost(lines: list[str]) -> None:
    splitter = Splitter()
    found = [record for line in lines for record in splitter.feed(line)] + list(splitter.rest())
    for record in found:
        body_of_record(record)
    assert not splitter.is_open


def test_the_beginnings_of_many_crashes_are_looked_at_a_few_times() -> None:
    for text in ("[object] (A(code: 0): ", "exception error: ", "A (", "(elixir 1) "):
        assert body_of_record("ERROR " + text * 10_000)  # ends, and within the test's time
