"""The Node client in real Node processes, against a real server, compared with Python's keys."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mendwire.errors import Undecodable
from mendwire.model.report import parse_report
from mendwire.model.signature import keys
from mendwire.model.trace import Carried, carried_by
from tests.generated_reports import generated_reports
from tests.journey.node_host import NodeHost, Stored, installed, node_host, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "it is there")

GOLDEN = Path(__file__).parents[1] / "golden/signature/v1.jsonl"
PAGE = Path(__file__).parents[2] / "docs/how-to/report-from-node.md"
UNCAUGHT = """
import * as mendwire from "mendwire";
mendwire.init();
function price(order) {
  const cause = new RangeError("index out of range");
  throw Object.assign(new TypeError(`no price for ${order}`, { cause }), { code: "ERR_PRICE" });
}
price("order 1234567");
"""


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[NodeHost]:
    async with node_host(tmp_path) as ready:
        yield ready


def keys_of(message: Stored) -> dict[str, str]:
    """What ``mendwire signature`` says of a stored body."""
    done = subprocess.run(
        [sys.executable, "-m", "mendwire", "signature"],
        input=message.payload,
        capture_output=True,
        check=True,
        env={"NATS_NAMESPACE": "shop", "PATH": "/usr/bin:/bin"},
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def claimed(message: Stored) -> dict[str, str]:
    """The keys under which the client published it."""
    return {
        "signature": message.headers["Nats-Msg-Id"].removeprefix("shop-production-"),
        "issue_key": message.headers["Mendwire-Issue"],
    }


async def test_an_uncaught_error_is_one_report_under_pythons_keys(host: NodeHost) -> None:
    """And the process ends as it would without us."""
    with_us = await host.run(UNCAUGHT)
    without = await host.run(UNCAUGHT.replace("mendwire.init();", ""), name="bare.mjs")
    assert with_us.code == without.code == 1
    assert with_us.err.replace("app.mjs", "bare.mjs") == without.err
    (message,) = await host.stored()
    assert message.headers["Mendwire-Publisher"] == "mendwire-node"
    assert claimed(message) == keys_of(message)
    body = message.body
    assert body["error"] == "TypeError: no price for order 1234567"
    assert (body["type"], body["code"], body["level"]) == ("TypeError", "ERR_PRICE", "fatal")
    assert (body["service"], body["release"]) == ("shop-web", "1.4.2")
    assert "[cause]: RangeError: index out of range" in body["stack"]
    crash = body["frames"][-1]
    assert (crash["file"], crash["function"], crash["in_app"]) == ("app.mjs", "price", True)
    assert crash["code"].startswith("throw Object.assign(")
    assert (body["context"]["file"], body["context"]["line"]) == ("app.mjs", crash["line"])


@pytest.mark.parametrize(
    ("ending", "code", "level"),
    [
        ("Promise.reject(new Error('lost'));", 1, "fatal"),
        ("process.on('unhandledRejection', () => {}); Promise.reject(new Error('x'));", 0, "error"),
        ("mendwire.capture(new Error('by hand')); process.exit(7);", 7, "error"),
        ("mendwire.capture('no error at all');", 0, "error"),
        ("try { null.x } catch (e) { mendwire.capture(e); throw e }", 1, "error"),
        ("process.on('uncaughtException', () => {}); throw new Error('held');", 0, "fatal"),
        ("setTimeout(() => { throw new Error('late') });", 1, "fatal"),
    ],
)
async def test_every_way_to_end_keeps_its_exit_code_and_reports_once(
    host: NodeHost, ending: str, code: int, level: str
) -> None:
    program = f"import * as mendwire from 'mendwire';\nmendwire.init();\n{ending}\n"
    ended = await host.run(program)
    assert ended.code == code, ended.err
    (message,) = await host.stored()
    assert message.body["level"] == level
    assert claimed(message) == keys_of(message)
    assert await host.counted() == 0


TRACED = """
import { trace } from "@opentelemetry/api";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import * as mendwire from "mendwire";
new NodeTracerProvider().register();
mendwire.init();
mendwire.capture(new Error("outside"));
trace.getTracer("shop").startActiveSpan("POST /checkout", async (span) => {
  const { traceId, spanId } = span.spanContext();
  console.log(traceId, spanId);
  await null;
  mendwire.withContext({ job: 7 }, () => mendwire.capture(new Error("inside")));
  process.nextTick(() => { throw new Error("uncaught"); });
});
"""


def carried(message: Stored) -> Carried:
    """Which trace a worker takes it for."""
    return carried_by(message.headers, message.body.get("trace_id", ""), "nowhere")


async def test_a_report_belongs_to_the_span_of_the_program(host: NodeHost) -> None:
    ended = await host.run(TRACED)
    trace_id, span_id = ended.out.split()
    outside, inside, uncaught = await host.stored()
    for message in (inside, uncaught):
        found = carried(message)
        assert (found.by, found.span.trace_id, found.span.parent_id) == (
            "capture",
            trace_id,
            span_id,
        ), message.body["error"]
        assert found.span.span_id not in {span_id, ""}
        assert found.span.began_ns > 0
        assert message.body["trace_id"] == trace_id
        assert claimed(message) == keys_of(message)
    own = carried(outside)
    assert (own.by, own.span.parent_id) == ("capture", "")
    assert own.span.trace_id != trace_id
    assert "trace_id" not in outside.body


async def test_a_warning_mode_reports_what_node_only_warns_of(host: NodeHost) -> None:
    program = (
        "import * as mendwire from 'mendwire'; mendwire.init();"
        "Promise.reject(new Error('lost')); setTimeout(() => {}, 50);"
    )
    ended = await host.run(program, "--unhandled-rejections=warn")
    assert ended.code == 0, ended.err
    assert [message.body["error"] for message in await host.stored()] == ["Error: lost"]


async def test_a_storm_is_one_report_and_a_true_count(host: NodeHost) -> None:
    program = """
    import * as mendwire from "mendwire";
    mendwire.init();
    function fail() { throw new Error("the same again"); }
    for (let n = 0; n < 100_000; n += 1) {
      try { fail(); } catch (problem) { mendwire.capture(problem); }
    }
    console.log(JSON.stringify([await mendwire.flush(), mendwire.statistics()]));
    """
    ended = await host.run(program)
    assert ended.code == 0, ended.err
    is_delivered, statistics = json.loads(ended.out)
    assert is_delivered, statistics
    assert (statistics["stored"], statistics["dropped"]) == (1, 0)
    (message,) = await host.stored()
    assert await host.counted() == 99_999
    assert {one.body["issue"] for one in await host.stored("OCCURRENCES")} == {
        message.headers["Mendwire-Issue"]
    }


async def test_what_finds_no_room_is_counted_and_told(host: NodeHost) -> None:
    program = """
    import * as mendwire from "mendwire";
    mendwire.init();
    const word = (n) => n.toString(26).replace(/[0-9]/g, (digit) => "qrstuvwxyz"[digit]);
    for (let n = 0; n < 4000; n += 1) mendwire.capture(new Error(`lost ${word(n)}`));
    console.log(JSON.stringify([await mendwire.flush(30000), mendwire.statistics()]));
    """
    ended = await host.run(program)
    assert ended.code == 0, ended.err
    is_delivered, statistics = json.loads(ended.out)
    assert is_delivered, statistics
    assert statistics["stored"] + statistics["repeated"] + statistics["dropped"] == 4000
    assert statistics["dropped"] > 0
    told = [one.body for one in await host.stored("OCCURRENCES") if "dropped" in one.body]
    assert sum(one["dropped"]["queue full"] for one in told) == statistics["dropped"]


async def test_what_the_server_had_already_is_counted(host: NodeHost) -> None:
    for _ in range(2):
        assert (await host.run(UNCAUGHT)).code == 1
    assert len(await host.stored()) == 1
    assert await host.counted() == 1


async def test_what_waits_while_the_server_is_away_arrives_once_afterwards(host: NodeHost) -> None:
    host.server.kill()
    ended = await host.run(UNCAUGHT)
    assert ended.code == 1
    (file,) = host.spooled()
    assert json.loads(file.read_bytes().partition(b"\n")[2])["type"] == "TypeError"
    assert host.spool.stat().st_mode & 0o077 == 0
    assert file.stat().st_mode & 0o077 == 0
    await host.server.restart()
    later = await host.run(
        "import * as mendwire from 'mendwire'; mendwire.init();"
        "console.log(await mendwire.flush(), await mendwire.close());"
    )
    assert later.out.strip() == "true true", later.err
    (message,) = await host.stored()
    assert claimed(message) == keys_of(message)
    assert host.spooled() == []


async def test_a_host_that_goes_on_sends_by_itself_when_the_server_is_back(host: NodeHost) -> None:
    program = """
    import * as mendwire from "mendwire";
    mendwire.init();
    for (let n = 0; n < 50; n += 1) {
      mendwire.capture(new Error(`number ${"abcdefghij"[n % 10]} ${n}`));
    }
    console.log("captured", await mendwire.flush());
    process.stdin.once("data", async () => {
      while (!(await mendwire.flush())) {}
      console.log("sent");
      process.stdin.pause();
    });
    """
    host.server.kill()
    process = await host.start(program)
    assert process.stdout
    assert process.stdin
    assert await process.stdout.readline() == b"captured false\n"
    await host.server.start()
    process.stdin.write(b"go\n")
    assert await process.stdout.readline() == b"sent\n"
    assert await process.wait() == 0
    arrived = await host.stored()
    assert len(arrived) + await host.counted() == 50
    assert len({message.headers["Nats-Msg-Id"] for message in arrived}) == len(arrived)


async def test_secrets_do_not_leave_the_process(host: NodeHost) -> None:
    program = """
    import * as mendwire from "mendwire";
    mendwire.init();
    const bait = "not-a-real-" + "secret-1234";
    const url = `https://anna:${bait}@db.example.org/x`;
    const headers = { Authorization: `Bearer ${bait}` };
    const error = new Error(`login failed: password=${bait} at ${url}`);
    mendwire.capture(error, { headers, card: "4111 1111 1111 1111" });
    await mendwire.flush();
    """
    ended = await host.run(program)
    assert ended.code == 0, ended.err
    (message,) = await host.stored()
    assert b"not-a-real" not in message.payload
    assert b"4111 1111" not in message.payload
    assert message.payload.count(b"[scrubbed:") >= 4
    assert claimed(message) == keys_of(message)


async def test_a_wrong_setting_is_a_warning_and_no_more(host: NodeHost) -> None:
    program = "import * as m from 'mendwire'; console.log(m.init(), m.capture(new Error('x')));"
    ended = await host.run(program, NATS_NAMESPACE="not a name")
    assert (ended.code, ended.out.strip()) == (0, "false false")
    assert "MendwireWarning" in ended.err
    assert "set NATS_NAMESPACE to a letter" in ended.err


async def test_where_no_stream_takes_it_the_report_waits(host: NodeHost) -> None:
    program = """
    import * as mendwire from "mendwire";
    mendwire.init({ environment: "nowhere" });
    mendwire.capture(new Error("x"));
    console.log(await mendwire.flush(), mendwire.statistics().problem);
    """
    ended = await host.run(program)
    assert "false No stream takes shop.errors.nowhere" in ended.out
    assert len(host.spooled()) == 1


async def test_a_login_of_the_nats_command_is_used_and_a_wrong_one_is_told(tmp_path: Path) -> None:
    config = 'authorization { user: "shop", password: "made-up" }'
    program = """
    import * as mendwire from "mendwire";
    mendwire.init({ automatic: false });
    mendwire.capture(new Error("x"));
    await mendwire.flush();
    console.log(mendwire.statistics().problem);
    """
    async with node_host(tmp_path, config, user="shop", password="made-up") as host:
        ended = await host.run(program, NATS_USER="shop", NATS_PASSWORD="wrong")
        assert "refuses this login: check NATS_USER" in ended.out, ended.err
        ended = await host.run(program, NATS_USER="shop", NATS_PASSWORD="made-up")
        assert ended.out.strip() == "", ended.err
        assert len(await host.stored()) == 1


SCOPE = {"namespace": "shop", "environment": "production", "source": ""}


def node_keys(asked: list[dict[str, str]]) -> list[Any]:
    """What Node says of each report in its scope: the keys, or that it is none."""
    done = subprocess.run(
        ["node", str(installed() / "tools" / "answer.js")],
        input=b"".join(json.dumps(one).encode() + b"\n" for one in asked),
        capture_output=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def python_keys(report: str) -> dict[str, object]:
    """The same from Python."""
    try:
        found = keys(parse_report(report.encode()), **SCOPE)
    except Undecodable:
        return {"refused": True}
    return {"signature": found.signature, "issue_key": found.issue_key}


def test_ten_thousand_generated_reports_have_the_same_keys_in_both_languages() -> None:
    reports = list(generated_reports(10_000, seed=20261125))
    expected = [python_keys(report) for report in reports]
    found = node_keys([{"report": report, **SCOPE} for report in reports])
    both = zip(reports, expected, found, strict=True)
    assert [one for one, python, node in both if python != node] == []
    refused = sum("refused" in one for one in expected)
    assert 0 < refused < len(reports) // 10
    assert len({str(one) for one in expected}) > len(reports) // 2


def test_the_golden_vectors_are_met() -> None:
    vectors = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
    asked = [
        {"report": json.dumps(one["report"]), **{name: one[name] for name in SCOPE}}
        for one in vectors
    ]
    wrong = [
        one["name"]
        for one, found in zip(vectors, node_keys(asked), strict=True)
        if found != {name: one[name] for name in ("signature", "issue_key")}
    ]
    assert wrong == []
    assert len(vectors) >= 300


def blocks() -> list[str]:
    """The programs of the how-to page."""
    return re.findall(r"(?ms)^```js\n(.*?)^```$", PAGE.read_text(encoding="utf-8"))


def block(part: str) -> str:
    (found,) = [one for one in blocks() if part in one]
    return found


async def test_the_five_lines_of_the_page_work(host: NodeHost) -> None:
    start = block('environment: "production"')
    handled = block("showSorryPage();")
    program = f"""{start}
    const order = {{ id: "o-7" }};
    const showSorryPage = () => console.log("sorry");
    const charge = async () => {{ throw new Error("no money"); }};
    {handled}
    const job = {{ id: "j-1" }};
    const send = async () => {{
      await null;
      mendwire.capture(new Error("no mail"));
    }};
    {block("withContext")}
    """
    ended = await host.run(program)
    assert (ended.code, ended.out.strip()) == (0, "sorry"), ended.err
    first, second = [message.body for message in await host.stored()]
    assert (first["error"], first["context"]["order"]) == ("Error: no money", "o-7")
    assert (second["context"]["job"], second["context"]["queue"]) == ("j-1", "mail")
    assert (first["service"], first["release"]) == ("shop", "1.4.2")


ASK = """
  const got = await fetch(`http://127.0.0.1:${port}/orders/7?secret=bait`, {
    headers: { "x-request-id": "r-1", traceparent: "TRACEPARENT" },
  });
  const missing = await fetch(`http://127.0.0.1:${port}/nothing`);
  console.log(got.status, missing.status);
""".replace("TRACEPARENT", f"00-{'5' * 32}-{'6' * 16}-01")


@pytest.mark.parametrize(
    ("part", "serve", "mechanism"),
    [
        (
            'from "express"',
            (
                "const server = app.listen(0, async () => { const { port } = server.address();"
                f"{ASK} server.close(); server.closeAllConnections(); }});"
            ),
            "express",
        ),
        (
            'from "fastify"',
            (
                "await app.listen({ port: 0 }); const { port } = app.server.address();"
                f"{ASK} await app.close();"
            ),
            "fastify",
        ),
    ],
)
async def test_a_framework_reports_the_error_with_its_request(
    host: NodeHost, part: str, serve: str, mechanism: str
) -> None:
    ended = await host.run(f"{block(part)}\n{serve}", NODE_ENV="test")
    assert (ended.code, ended.out.strip()) == (0, "500 404"), ended.err
    (message,) = await host.stored()
    assert claimed(message) == keys_of(message)
    context = message.body["context"]
    assert message.body["error"] == "Error: no such order: 7"
    assert (context["mechanism"], context["method"]) == (mechanism, "GET")
    assert (context["path"], context["route"]) == ("/orders/7", "/orders/:id")
    assert "bait" not in message.payload.decode()
    span = carried(message).span
    assert (span.trace_id, span.parent_id) == ("5" * 32, "6" * 16)


@pytest.mark.parametrize("command", [["npx", "--no-install", "tsc", "-p", "."], ["npm", "test"]])
def test_the_types_and_units_of_the_client_hold(command: list[str]) -> None:
    done = subprocess.run(command, cwd=installed(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
