"""What the pages of Ruby, PHP, Perl, Lua, Elixir and Erlang say to paste, run for real.

The page's program crashes in the folders of two releases and with two values, and reports to a real
gateway on a real server: one report, under the keys that the page shows.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

import pytest
import pytest_asyncio

from mendwire.capture.log_errors import Body, body_of_record
from mendwire.capture.log_records import Splitter
from mendwire.model.report import report_of
from mendwire.model.signature import canonical
from tests.gateway_stage import GatewayStage
from tests.stack_pages import arrived, need, run, stack_page, stack_stage, told

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, kw_only=True)
class Stack:
    """How one page's worked example is run, and what must arrive."""

    page: str
    command: tuple[str, ...]
    """Without the folder before the program and the order's number after it."""
    program: str
    calls: tuple[str, ...]
    """The project's own, outermost first."""
    version: tuple[str, ...]
    """The command that says the runtime's version."""
    printed_by: str
    """What it says where it is the version that the page shows."""
    type: str = "OrderFailed"
    crash: str = "crash.txt"
    prints: str = "no price for order 4711"
    """What it prints at its end, with a reporter or without."""
    template: str = "no price for order <n>"
    code: int = 1
    """The exit code that the program has without a reporter, too."""
    compile: tuple[str, ...] = ()


RUBY = Stack(
    page="ruby",
    command=("ruby",),
    program="shop.rb",
    calls=("<main>", "total", "rescue in total"),
    version=("ruby", "--version"),
    printed_by="ruby 3.1.",
)
PHP = Stack(
    page="php",
    command=("php", "-d", "zend.exception_ignore_args=1"),
    program="shop.php",
    calls=("{main}", "total"),
    version=("php", "--version"),
    printed_by="PHP 8.",
    code=255,
)
PERL = Stack(
    page="perl",
    command=("perl",),
    program="shop.pl",
    calls=("", "main::total", "main::price"),
    version=("perl", "--version"),
    printed_by="This is perl 5",
    type="",
    code=255,
)
LUA = Stack(
    page="lua",
    command=("lua5.4",),
    program="shop.lua",
    calls=(
        "main chunk",
        "function 'mendwire.run'",
        "a function",
        "upvalue 'total'",
        "upvalue 'price'",
    ),
    version=("lua5.4", "-v"),
    printed_by="Lua 5.4",
    type="",
)
ELIXIR = Stack(
    page="elixir",
    command=("elixir",),
    program="shop.exs",
    calls=("Cashier.handle_call/3", "Shop.total/2", "Shop.price/2"),
    version=("elixir", "--short-version"),
    printed_by="1.14.",
    code=0,
)
ERLANG = Stack(
    page="elixir",
    command=("erl", "-noshell", "-run", "shop", "main"),
    program="",
    calls=("shop:total/2", "shop:-total/2-lc$^0/1-0-/2", "shop:price/2"),
    version=("erl", "-noshell", "-eval", "io:put_chars(erlang:system_info(otp_release)),halt()."),
    printed_by="25",
    type="no_price",
    prints="{order,4711}",
    template="{no_price,{order,<n>}}",
    crash="crash-erlang.txt",
    compile=("erlc", "mendwire.erl", "shop.erl"),
)
STACKS = {
    "ruby": RUBY,
    "php": PHP,
    "perl": PERL,
    "lua": LUA,
    "elixir": ELIXIR,
    "erlang": ERLANG,
}
PATIENT = {
    "timeout: 2": "timeout: 60",
    "'timeout' => 2": "'timeout' => 60",
    "timeout => 2": "timeout => 60",
    "--max-time 2": "--max-time 60",
    "10_000)": "90_000)",
    "timeout, 2000": "timeout, 60000",
    "after 10000": "after 90000",
}
"""How long the pages let a program wait, and how long a busy machine may need in a test."""
NEEDED = {"lua": ("lua5.4", "curl"), "erlang": ("erl", "erlc")}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayStage]:
    async with stack_stage(tmp_path_factory.mktemp("gateway")) as made:
        yield made


def write(page: str, folder: Path, *, is_patient: bool = True) -> None:
    """The page's files, with more patience."""
    folder.mkdir(parents=True, exist_ok=True)
    stack_page(page).write(folder)
    for path in folder.iterdir() if is_patient else ():
        text = path.read_text()
        for hurried, patient in PATIENT.items():
            text = text.replace(hurried, patient)
        path.write_text(text)


async def crash(
    stack: Stack,
    folder: Path,
    order: int,
    variables: Mapping[str, str],
    *,
    is_patient: bool = True,
) -> tuple[int, str]:
    """Run the program from its release's folder; its exit code and output."""
    write(stack.page, folder, is_patient=is_patient)
    if stack.compile:
        compiled = await asyncio.to_thread(run, folder, *stack.compile)
        assert compiled.returncode == 0, compiled.stdout
    # Elixir and Erlang tell paths as they were given, or below where they run.
    where = folder if stack.page == "elixir" else folder.parent
    program = stack.program if where == folder else str(folder / stack.program)
    words = [word for word in (*stack.command, program, str(order)) if word]
    done = await asyncio.to_thread(run, where, *words, variables=variables)
    return done.returncode, done.stdout


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short name: Lua cuts the paths of files to 60 characters."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.parametrize("name", STACKS)
async def test_two_crashes_are_one_report_with_the_keys_of_the_page(
    stage: GatewayStage, short: Path, name: str
) -> None:
    stack = STACKS[name]
    need(*needed(name, stack))
    earlier = len(await arrived(stage))
    before = reports(stage)
    for release, order in (("1", 4711), ("2", 12)):
        code, out = await crash(stack, short / "releases" / release, order, told(stage))
        assert code == stack.code, out
    assert reports(stage) - before == 2
    (one,) = (await arrived(stage))[earlier:]
    assert (one.report.type, one.report.service, one.report.release) == (
        stack.type,
        "shop",
        "1.4.2",
    )
    assert one.own
    said = await asyncio.to_thread(run, short, *stack.version)
    if stack.printed_by in said.stdout:  # others name functions in other ways, or count lines anew
        assert tuple(name for _, name in one.record.calls) == stack.calls
        page = stack_page(stack.page)
        shown = page.file(stack.crash).replace("/srv/shop/releases/20261125", f"{short}/releases/1")
        assert one.report.stack.rstrip("\n") == shown.rstrip("\n")
        assert one.signature in page.signatures
        assert f'"issue_key": "{one.stored.headers["Mendwire-Issue"]}"' in str(page.shown)


@pytest.mark.parametrize("name", STACKS)
async def test_without_a_gateway_the_program_ends_as_it_would(short: Path, name: str) -> None:
    stack = STACKS[name]
    need(*needed(name, stack))
    away = {"MENDWIRE_GATEWAY": "http://127.0.0.1:1", "MENDWIRE_KEY": "none"}
    code, out = await crash(stack, short / "releases" / "1", 4711, away)
    assert code == stack.code, out
    assert stack.prints in out
    assert "127.0.0.1" not in out
    (read,) = errors_in_log(out)  # what the runtime prints, for `mendwire report --log`
    assert read.get("type", "") == stack.type
    assert canonical(report_of(read)).template == stack.template


async def test_a_gateway_that_never_answers_holds_nobody_up(short: Path) -> None:
    here = [name for name, one in STACKS.items() if all(map(which, needed(name, one)))]
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections, and that is all
        where = f"http://127.0.0.1:{silent.getsockname()[1]}"
        away = {"MENDWIRE_GATEWAY": where, "MENDWIRE_KEY": "none"}
        folders = [short / name / "releases" / "1" for name in here]
        ended = await asyncio.gather(
            *(
                crash(STACKS[name], at, 1, away, is_patient=False)
                for name, at in zip(here, folders, strict=True)
            )
        )
    assert [code for code, _ in ended] == [STACKS[name].code for name in here]


def needed(name: str, stack: Stack) -> tuple[str, ...]:
    """The programs without which it cannot be run."""
    return NEEDED.get(name, stack.command[:1])


def errors_in_log(text: str) -> list[Body]:
    """What a log is found to tell."""
    splitter = Splitter()
    records = [record for line in text.splitlines() for record in splitter.feed(line)]
    return [body for one in [*records, *splitter.rest()] if (body := body_of_record(one))]


def reports(stage: GatewayStage) -> int:
    """How many the gateway has taken, repeats too."""
    return int(stage.get("/v1/statistics", stage.key("shop").key)["reports"])


RACK = """
require_relative "mendwire_rack"
app = MendwireRack.new(->(env) { env["PATH_INFO"] == "/" ? [200, {}, []] : raise("no shelf 4711") })
raise "changed" unless app.call({ "PATH_INFO" => "/" }) == [200, {}, []]
begin
  app.call({ "REQUEST_METHOD" => "GET", "PATH_INFO" => "/shelf" })
rescue RuntimeError => error
  puts "raised on: #{error.message}"
end
sleep 0.01 until app.instance_variable_get(:@waiting).num_waiting == 1 # it has sent all
"""
PSR = """<?php
namespace Psr\\Http\\Message { interface ServerRequestInterface {} interface ResponseInterface {} }
namespace Psr\\Http\\Server {
    use Psr\\Http\\Message\\{ServerRequestInterface, ResponseInterface};
    interface RequestHandlerInterface
    { public function handle(ServerRequestInterface $r): ResponseInterface; }
    interface MiddlewareInterface
    {
        public function process(ServerRequestInterface $r, RequestHandlerInterface $h)
            : ResponseInterface;
    }
}
namespace {
    require __DIR__ . '/MendwireMiddleware.php';
    $uri = new class { public function getPath() { return '/shelf'; } };
    $request = new class($uri) implements Psr\\Http\\Message\\ServerRequestInterface {
        public function __construct(private $uri) {}
        public function getMethod() { return 'GET'; }
        public function getUri() { return $this->uri; }
    };
    $handler = new class implements Psr\\Http\\Server\\RequestHandlerInterface {
        public function handle($r): Psr\\Http\\Message\\ResponseInterface
        { throw new RuntimeException('no shelf 4711'); }
    };
    try { (new MendwireMiddleware())->process($request, $handler); }
    catch (RuntimeException $error) { echo 'raised on: ', $error->getMessage(), "\\n"; }
}
"""
PSGI = """
use lib '.';
use MendwirePlack;
my $app = MendwirePlack::around(sub {
    eval { die "caught" };
    return $_[0]{PATH_INFO} eq '/' ? [200] : die "no shelf 4711\\n";
});
die "changed" unless $app->({ PATH_INFO => '/' })->[0] == 200;
eval { $app->({ REQUEST_METHOD => 'GET', PATH_INFO => '/shelf' }); 1 } or print "raised on: $@";
"""
SERVERS = {
    "ruby": (("ruby",), RACK, "server.rb"),
    "php": (("php", "-d", "zend.exception_ignore_args=1"), PSR, "server.php"),
    "perl": (("perl",), PSGI, "server.pl"),
}


@pytest.mark.parametrize("name", SERVERS)
async def test_a_request_that_fails_is_reported_and_raised_on(
    stage: GatewayStage, tmp_path: Path, name: str
) -> None:
    command, text, file = SERVERS[name]
    need(command[0])
    write(name, tmp_path)
    (tmp_path / file).write_text(text)
    variables = told(stage, f"{name}-server@1")
    done = await asyncio.to_thread(run, tmp_path, *command, file, variables=variables)
    assert (done.returncode, done.stdout) == (0, "raised on: no shelf 4711\n")
    (one,) = await arrived(stage, f"{name}-server@1")
    assert one.report.context["path"] == "/shelf"
    assert one.report.context["method"] == "GET"
    assert one.record.template == "no shelf 4711"
    assert file in {frame.file.rpartition("/")[2] for frame in one.own}


async def test_what_a_log_shipper_posts_is_folded_as_the_page_says(stage: GatewayStage) -> None:
    page = stack_page("log-lines")
    key = stage.key("shop").key
    body = page.file("shipped.jsonl").encode()
    status, _, answer = stage.post("/v1/errors", body, {"X-Mendwire-Key": key})
    assert status == 200
    first, second, stack = json.loads(answer)["results"]
    assert first["signature"] == second["signature"] == page.signatures[0]
    (stored,) = [one for one in await arrived(stage) if one.signature == stack["signature"]]
    assert stored.record.types == ("KeyError",)
    assert stored.record.calls == (("shop/cart.py", "total"),)
