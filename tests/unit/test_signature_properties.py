"""What never changes a key and what always does, in the stacks of several runtimes.

And that no text breaks their reading, nor makes it work more than its size allows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mendwire.model.report import ErrorReport, Frame
from mendwire.model.signature import Keys, canonical, crash_frame, error_type, keys, parse_frames
from tests.generated_reports import STACKS

ROOTS = (
    "/app", "/srv/shop/current", "/home/deploy/releases/20261120143311", "/opt/shop",
    "/home/ann/shop", "/var/www/shop", "C:/app", "/Users/ann/code/shop",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Bug:
    """One error, as far as it is the same wherever it happens; and an occurrence of it."""

    kind: str = "StockError"
    cause: str = "PriceError"
    function: str = "total"
    line: int = 31
    root: str = "/app"
    depth: int = 3
    address: int = 0x7F14DE7C84D0
    request: str = "a8097235-d144-4a17-b360-1985c1e0a111"
    pid: int = 4711

    @property
    def message(self) -> str:
        return f"request {self.request} of process {self.pid} failed at 0x{self.address:012x}"


def python(bug: Bug) -> str:
    again = f'  File "{bug.root}/cart.py", line 9, in walk\n    walk(rest)\n' * bug.depth
    return (
        f'Traceback (most recent call last):\n  File "{bug.root}/price.py", line 3, in price\n'
        f"shop.{bug.cause}: none\n\n"
        "The above exception was the direct cause of the following exception:\n\n"
        f'Traceback (most recent call last):\n{again}  File "{bug.root}/cart.py", '
        f"line {bug.line}, in {bug.function}\n    raise\nshop.{bug.kind}: {bug.message}\n"
    )


def node(bug: Bug) -> str:
    again = f"    at walk ({bug.root}/cart.js:9:3)\n" * bug.depth
    return (
        f"{bug.kind}: {bug.message}\n    at {bug.function} ({bug.root}/cart.js:{bug.line}:7)\n"
        f"{again}    at node:internal/main:1:2 {{\n  [cause]: {bug.cause}: none\n"
        f"      at price ({bug.root}/price.js:3:9)\n}}\n"
    )


def java(bug: Bug) -> str:
    again = "\tat com.shop.Cart.walk(Cart.java:9)\n" * bug.depth
    return (
        f"com.shop.{bug.kind}: {bug.message}\n\tat com.shop.Cart.{bug.function}"
        f"(Cart.java:{bug.line})\n{again}Caused by: com.shop.{bug.cause}: none\n"
        "\tat com.shop.Price.price(Price.java:3)\n\t... 2 more\n"
    )


def ruby(bug: Bug) -> str:
    again = f"\tfrom {bug.root}/cart.rb:9:in `walk'\n" * bug.depth
    return (
        f"{bug.root}/cart.rb:{bug.line}:in `{bug.function}': {bug.message} ({bug.kind})\n{again}"
        f"{bug.root}/price.rb:3:in `price': none ({bug.cause})\n"
        f"\tfrom {bug.root}/cart.rb:1:in `x'\n"
    )


def php(bug: Bug) -> str:
    again = "".join(
        f"#{at} {bug.root}/cart.php(9): Cart->{bug.function if at == 0 else 'walk'}()\n"
        for at in range(bug.depth)
    )
    return (
        f"PHP Fatal error:  Uncaught {bug.cause}: none in {bug.root}/price.php:3\nStack trace:\n"
        f"#0 {bug.root}/cart.php(5): price()\n#1 {{main}}\n\n"
        f"Next {bug.kind}: {bug.message} in {bug.root}/cart.php:{bug.line}\nStack trace:\n"
        f"{again}#{bug.depth} {{main}}\n  thrown in {bug.root}/cart.php on line {bug.line}\n"
    )


def dotnet(bug: Bug) -> str:
    again = f"   at Shop.Cart.Walk(Int32 n) in {bug.root}/Cart.cs:line 9\n" * bug.depth
    return (
        f"Unhandled exception. Shop.{bug.kind}: {bug.message}\n ---> Shop.{bug.cause}: none\n"
        f"   at Shop.Price.Of() in {bug.root}/Price.cs:line 3\n"
        "   --- End of inner exception stack trace ---\n"
        f"   at Shop.Cart.{bug.function}() in {bug.root}/Cart.cs:line {bug.line}\n{again}"
    )


RUNTIMES: tuple[Callable[[Bug], str], ...] = (python, node, java, ruby, php, dotnet)
every_runtime = pytest.mark.parametrize("printed", RUNTIMES, ids=lambda one: str(one.__name__))


def key(report: ErrorReport) -> Keys:
    return keys(report, namespace="shop", environment="staging")


def report(printed: Callable[[Bug], str], bug: Bug) -> ErrorReport:
    return ErrorReport(
        error=f"{bug.kind}: {bug.message}",
        stack=printed(bug),
        release="r1",
        service="web",
        context={"host": f"web-{bug.pid}", "pid": bug.pid, "request_id": bug.request},
    )


@every_runtime
@given(
    root=st.sampled_from(ROOTS),
    depth=st.integers(2, 40),
    address=st.integers(1 << 44, (1 << 47) - 1),
    request=st.uuids().map(str),
    pid=st.integers(1, 4_194_304),
)
@settings(max_examples=40, deadline=None)
def test_where_and_when_it_happened_does_not_count(
    printed: Callable[[Bug], str], root: str, depth: int, address: int, request: str, pid: int
) -> None:
    other = Bug(root=root, depth=depth, address=address, request=request, pid=pid)
    assert key(report(printed, other)) == key(report(printed, Bug()))


@every_runtime
@pytest.mark.parametrize(
    "changed",
    [Bug(kind="CartError"), Bug(cause="TaxError"), Bug(function="sum_up"), Bug(line=32)],
    ids=["type", "cause", "function", "crash line"],
)
def test_another_error_has_another_signature(printed: Callable[[Bug], str], changed: Bug) -> None:
    one, other = key(report(printed, Bug())), key(report(printed, changed))
    assert one.signature != other.signature
    assert (one.issue_key == other.issue_key) is (changed.line != Bug().line)


@every_runtime
@given(name=st.text("abcdefgh", min_size=3, max_size=9), line=st.integers(1, 99_999))
@settings(max_examples=20, deadline=None)
def test_every_name_and_line_counts(printed: Callable[[Bug], str], name: str, line: int) -> None:
    bug = Bug(function=name, line=line)
    different = bug.line != Bug().line or bug.function != Bug().function
    assert (key(report(printed, bug)) != key(report(printed, Bug()))) is different


@given(st.sampled_from(["release", "service", "code", "message_template"]), st.text(min_size=1))
@settings(max_examples=60, deadline=None)
def test_release_service_code_and_template_count(field: str, value: str) -> None:
    plain = report(python, Bug())
    changed = replace(plain, **{field: value})  # type: ignore[arg-type]  # all of them are texts
    same = getattr(plain, field) == value
    assert (key(changed).signature == key(plain).signature) is same
    if field == "release":
        assert key(changed).issue_key == key(plain).issue_key


@given(st.text(max_size=9), st.text(max_size=9), st.text(max_size=9))
@settings(max_examples=60, deadline=None)
def test_scope_is_never_read_two_ways(namespace: str, environment: str, source: str) -> None:
    plain = report(node, Bug())
    moved = keys(plain, namespace=namespace + "x", environment=environment, source=source)
    other = keys(plain, namespace=namespace, environment="x" + environment, source=source)
    third = keys(plain, namespace=namespace, environment=environment, source=source + "x")
    assert len({moved.signature, other.signature, third.signature}) == 3
    assert moved.issue_key == other.issue_key == third.issue_key


@pytest.mark.parametrize(
    "file",
    [
        "/srv/x/current/shop/pricing.py", "/home/u/shop-checkout/shop/pricing.py",
        "shop/pricing.py", "./shop/pricing.py", "/data/unknown/place/shop/pricing.py",
        "C:\\inetpub\\wwwroot\\shop\\pricing.py", "file:///app/shop/pricing.py",
    ],
)  # fmt: skip
def test_one_bug_has_one_issue_key_wherever_it_is_deployed(file: str) -> None:
    def framed(where: str) -> ErrorReport:
        frame = Frame(file=where, line=12, function="total", in_app=True)
        return ErrorReport(error="KeyError: 'x'", frames=(frame,))

    assert key(framed(file)).issue_key == key(framed("shop/pricing.py")).issue_key
    far = key(framed("/data/unknown/place/shop/pricing.py"))
    assert far.signature != key(framed("/data/unknown/other/shop/pricing.py")).signature


def test_frames_and_text_together_keep_the_causes() -> None:
    text = report(python, Bug())
    frames = (Frame(file="cart.py", line=31, function="total", in_app=True),)
    both = canonical(replace(text, frames=frames, type="shop.StockError"))
    assert both.types == ("shop.StockError", "shop.PriceError")
    assert both.calls == (("cart.py", "total"),)
    assert [cause[:2] for cause in both.causes] == [("price.py", "price")]


def test_a_fingerprint_alone_does_not_depend_on_the_version() -> None:
    plain = ErrorReport(error="x", fingerprint=("checkout",), release="r1")
    other = replace(plain, error="y", stack=STACKS[0], code="7")
    assert key(plain) == key(other)
    assert key(plain).signature != key(replace(plain, release="r2")).signature
    whole = replace(plain, fingerprint=("{{ default }}", "checkout"))
    assert key(whole).signature != key(replace(whole, error="y")).signature
    parted = replace(plain, fingerprint=("check", "out"))
    assert key(parted) != key(plain)


lines = st.lists(
    st.one_of(
        st.sampled_from([line for stack in STACKS for line in stack.split("\n")]),
        st.text(max_size=80),
        st.binary(max_size=80).map(lambda data: data.decode("latin-1")),
        st.text(" \t#:()'\"@/\\.,-[]{}<>=|+~^0123456789atinfromCausedby", max_size=60),
    ),
    max_size=30,
)


@given(lines, st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_nothing_breaks_the_reading(given_lines: list[str], error: str) -> None:
    for text in ("\n".join(given_lines), "".join(given_lines)):
        fuzzed = ErrorReport(error=error, stack=text)
        assert len(key(fuzzed).signature) == len(key(fuzzed).issue_key) == 32
        record = canonical(fuzzed)
        assert len(record.types) <= 11
        assert len(record.calls) <= 50
        parse_frames(fuzzed)
        crash_frame(fuzzed)
        error_type(fuzzed)


def work(text: str) -> int:
    """How many functions a pair of keys calls, Python's own included."""
    counted = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal counted
        counted += event in {"call", "c_call"}

    hostile = ErrorReport(error=text, stack=text)
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        key(hostile)
    finally:
        sys.setprofile(before)
    return counted


@pytest.mark.parametrize(
    "part",
    [
        "\n", "at (((( (\n", "at a.b (c:1)\n", "1 ", "a@b.c ", "id 1 ", "/a", "http://",
        "Caused by: A: b 1 2 3\n", ' File "a", line 1, in b\n', "x.rb:3:in `f': y (E)\n",
        'Traceback (most recent call last)\n  File "a", line 1, in b\nE: x 1\n',
        "#0 a(1): b\n", "main.f(0x1)\n\t/a.go:1 +0x1\n", "at x line 1 called at y line 2\n",
        "Next A: b in /c.php:1\n", "::1 ", "1.", "0x1 ", "a-1_", "A: b ---> ",
    ],
)  # fmt: skip
def test_work_is_bounded_however_large_the_text(part: str) -> None:
    sizes = [work(part * (size // len(part))) for size in (60_000, 240_000, 960_000)]
    assert max(sizes) < 40_000
    assert sizes[2] <= sizes[1] * 1.2 + 200
