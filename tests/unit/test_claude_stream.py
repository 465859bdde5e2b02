"""The claude program's words, command line and ends, without the program."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.agents.claude.agent import ClaudeAgent
from mendwire.agents.claude.command import (
    Folders,
    _around,
    allowed,
    arguments,
    environment,
    prompt,
    tools,
)
from mendwire.agents.claude.config import ClaudeConfig
from mendwire.agents.claude.login import Login, prepare_login
from mendwire.agents.claude.outcome import cost_of, judge
from mendwire.agents.claude.stream import Stream
from mendwire.agents.schemas import answer_schema
from mendwire.errors import (
    AgentFailed,
    MendwireError,
    OverBudget,
    ProviderOutage,
    SandboxUnavailable,
)
from mendwire.execution.process import Completed
from mendwire.execution.sandbox import Sandbox, SandboxKind
from mendwire.model.report import ErrorReport
from mendwire.model.screening import ScreenedReport, Screening, ScreenVerdict
from mendwire.model.work import Assignment, Limits, Role

WALL = Sandbox(kind=SandboxKind.NONE, may_run=True, cuts_network=False)
APPROVED = {"approved": True, "comments": "Fine."}
GOOD = {
    "type": "result",
    "subtype": "success",
    "is_error": False,
    "num_turns": 3,
    "structured_output": APPROVED,
    "modelUsage": {"a": {"costUSD": 0.25}, "b": {"costUSD": 0.5}},
    "total_cost_usd": 9.0,
}


def ended(exit_code: int = 0, *, timed_out: bool = False, stderr: str = "") -> Completed:
    return Completed(
        exit_code=exit_code,
        stdout=b"",
        stderr=stderr.encode(),
        seconds=1.0,
        timed_out=timed_out,
        signalled=max(-exit_code, 0),
    )


def heard(*events: Any) -> Stream:
    stream = Stream(lambda _kind, _text: None, patience_s=30.0)
    for event in events:
        stream.hear(event if isinstance(event, str) else json.dumps(event))
    return stream


def message(*content: Any, usage: Any = None, serial: str = "m1") -> dict[str, Any]:
    usage = usage or {"input_tokens": 1_000_000, "output_tokens": 0}
    return {
        "type": "assistant",
        "message": {"id": serial, "model": "m", "content": list(content), "usage": usage},
    }


def verdict(done: Completed | None, *events: Any) -> Any:
    """The answer or the exception of a review."""
    try:
        return judge(Role.REVIEW, done, heard(*events), limit_s=60.0)
    except MendwireError as problem:
        return problem


def test_a_good_end_is_an_answer() -> None:
    found = verdict(ended(), message({"type": "text", "text": "Hm."}), GOOD)
    assert found.review.approved
    assert (found.cost_usd, found.turns, found.log) == (0.75, 3, "text: Hm.")


RETRY = {"type": "system", "subtype": "api_retry", "error": "x"}
API_ERROR = {**GOOD, "is_error": True, "terminal_reason": "api_error", "structured_output": None}


@pytest.mark.parametrize(
    ("done", "events", "kind", "words"),
    [
        (ended(1), [GOOD], AgentFailed, "ended with 1"),
        (ended(), [{**GOOD, "is_error": True}], AgentFailed, "ended with 0"),
        (ended(), [{**GOOD, "structured_output": None}], AgentFailed, "structured answer"),
        (ended(), [{**GOOD, "structured_output": {"approved": 1}}], AgentFailed, "approved"),
        (ended(), [{**GOOD, "structured_output": ["x"]}], AgentFailed, "not an object"),
        (
            ended(1),
            [{**GOOD, "is_error": True, "subtype": "error_max_budget_usd"}],
            OverBudget,
            "0.75",
        ),
        (ended(1), [{**GOOD, "is_error": True, "subtype": "error_max_turns"}], AgentFailed, "turn"),
        (ended(1), [{**API_ERROR, "api_error_status": 529}], ProviderOutage, "529"),
        (ended(1), [{**API_ERROR, "api_error_status": 401}], ProviderOutage, "setup-token"),
        (ended(1), [{**API_ERROR, "api_error_status": 404}], ProviderOutage, "model"),
        (ended(1), [{**API_ERROR, "api_error_status": 400}], AgentFailed, "400"),
        (
            ended(1),
            [{**API_ERROR, "api_error_status": 400, "result": "Your credit balance is too low"}],
            ProviderOutage,
            "credit",
        ),
        (ended(1), [API_ERROR], ProviderOutage, "reached"),
        (
            ended(1),
            [{**GOOD, "is_error": True, "result": "Not logged in · Please run /login"}],
            ProviderOutage,
            "setup-token",
        ),
        (
            ended(0, timed_out=True),
            [message(), {**GOOD, "is_error": True, "subtype": "error_during_execution"}],
            AgentFailed,
            "60 s",
        ),
        (ended(143, timed_out=True), [], ProviderOutage, "did not answer"),
        (ended(143, timed_out=True), [message()], AgentFailed, "not done"),
        (ended(143, timed_out=True), [message(), RETRY], ProviderOutage, "reached"),
        (ended(143, timed_out=True), [message(), RETRY, message()], AgentFailed, "not done"),
        (None, [{**RETRY, "error_status": 429, "retry_delay_ms": 90000}], ProviderOutage, "429"),
        (ended(-9), [message()], AgentFailed, "signal 9"),
        (ended(1, stderr="error: unknown option '--x'"), [], AgentFailed, "claude update"),
        (ended(1, stderr="Refusing to start without"), [], SandboxUnavailable, "sandbox"),
        (ended(1, stderr="\x1b[31mred"), [], AgentFailed, "001b"),
        (ended(), [], AgentFailed, "said nothing"),
    ],
)
def test_ends(
    done: Completed | None, events: list[Any], kind: type[MendwireError], words: str
) -> None:
    problem = verdict(done, *events)
    assert type(problem) is kind
    assert words in str(problem)
    assert "\x1b" not in str(problem)


def test_what_a_failed_run_cost_is_told() -> None:
    assert verdict(ended(1), GOOD).cost_usd == 0.75
    assert verdict(ended(-9), message(), message(), message(serial="m2")).cost_usd == 30.0
    assert cost_of({"total_cost_usd": 2}) == 2.0
    assert cost_of({"modelUsage": {"a": {"costUSD": None}, "b": 3}, "total_cost_usd": "x"}) == 0.0


def test_the_provider_s_wish_is_passed_on() -> None:
    told = verdict(None, {**RETRY, "error_status": 429, "retry_delay_ms": 90000})
    assert told.retry_after_s == 90.0
    limit = {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": 1}}
    assert verdict(ended(1), limit, {**API_ERROR, "api_error_status": 429}).retry_after_s == 0.0
    assert verdict(ended(1), {**API_ERROR, "api_error_status": 500}).retry_after_s is None


@pytest.mark.parametrize(
    ("status", "delay_ms", "gives_up"),
    [(500, 1000, False), (429, 31000, True), (401, 10, True), (403, 10, True), (None, 5, False)],
)
def test_when_to_stop_waiting(status: int | None, delay_ms: int, gives_up: bool) -> None:
    calls: list[str] = []
    stream = Stream(
        lambda _kind, _text: None, patience_s=30.0, give_up=lambda: calls.append("stop")
    )
    stream.hear(json.dumps({**RETRY, "error_status": status, "retry_delay_ms": delay_ms}))
    assert (stream.gave_up, calls) == (gives_up, ["stop"] if gives_up else [])


def test_lines_are_safe_to_print() -> None:
    said: list[tuple[str, str]] = []
    stream = Stream(lambda kind, text: said.append((kind, text)), patience_s=1.0)
    tool = {"type": "tool_use", "name": "Bash", "input": {"command": "a\nb\x1b[2J" + "x" * 999}}
    stream.hear(json.dumps(message({"type": "text", "text": "one\n\n  two\u202e"}, tool)))
    assert [kind for kind, _ in said] == ["text", "text", "tool"]
    assert said[1][1] == "two\\u202e"
    assert said[2][1].startswith("Bash a b\\u001b")
    assert len(said[2][1]) <= 200


def part_way(kind: str, speaker: str | None = None, **fields: Any) -> dict[str, Any]:
    event = {"type": kind, **fields}
    return {"type": "stream_event", "parent_tool_use_id": speaker, "event": event}


def test_what_was_written_is_known_at_the_end_of_a_message_sub_agents_too() -> None:
    begun = {"input_tokens": 10, "cache_read_input_tokens": 900, "output_tokens": 1}
    events = [
        part_way("message_start", message={"id": "m1", "usage": begun}),
        part_way("message_start", "sub", message={"id": "m2", "usage": begun}),
        message(usage=begun),
        message(usage=begun, serial="m2"),
        part_way("message_delta", "sub", usage={"output_tokens": 70}),
        part_way("message_delta", usage={"input_tokens": 10, "output_tokens": 500}),
        message(usage=begun),  # another block of the same message takes nothing back
    ]
    assert heard(*events[:4]).tokens == 22
    assert heard(*events).tokens == 590
    assert heard(part_way("message_delta", usage={"output_tokens": 70})).tokens == 0


@pytest.mark.parametrize("odd", ["1e999", "-1e999", "NaN", "-7", "9" * 400, "true", '"7"'])
def test_odd_numbers_of_tokens_count_nothing(odd: str) -> None:
    line = json.dumps(message(usage={"input_tokens": 3, "output_tokens": "odd"}))
    stream = heard(line.replace('"odd"', odd))
    assert (stream.tokens, stream.spent_at_most_usd < 1) == (3, True)


def test_a_run_over_its_tokens_is_given_up_once() -> None:
    given_up: list[bool] = []
    stream = Stream(
        lambda _kind, _text: None,
        patience_s=30.0,
        most_tokens=100,
        give_up=lambda: given_up.append(True),
    )
    for number in range(4):
        stream.hear(json.dumps(message(usage={"input_tokens": 50}, serial=f"m{number}")))
    assert given_up == [True]
    assert stream.is_over


@given(
    st.one_of(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(
                    st.sampled_from(
                        ["type", "message", "content", "usage", "event", "id", "output_tokens"]
                    ),
                    inner
                    | st.sampled_from(["assistant", "result", "stream_event", "message_delta"]),
                )
            ),
        ).map(json.dumps),
    )
)
def test_any_line_is_survived(line: str) -> None:
    stream = heard(line)
    assert stream.spent_at_most_usd >= 0
    assert verdict(ended(1), line)


def assignment(tmp_path: Path, role: Role, **changes: Any) -> Assignment:
    screening = Screening(verdict=ScreenVerdict.PASS, score=0.0)
    report = ScreenedReport(report=ErrorReport(error="e"), screening=screening, restricted=False)
    fields: dict[str, Any] = {
        "case_id": "c",
        "role": role,
        "prompt": "p",
        "system": "s",
        "answer_schema": answer_schema(role),
        "tree": tmp_path,
        "repo": tmp_path,
        "base": "",
        "begins": "",
        "scratch": tmp_path / "scratch",
        "screened": report,
        **changes,
    }
    return Assignment(**fields)


@pytest.mark.parametrize(
    ("role", "may_run", "restricted", "pens", "shell"),
    [
        (Role.RESEARCH, True, False, False, False),
        (Role.REVIEW, True, False, False, False),
        (Role.IMPLEMENTATION, False, False, True, False),
        (Role.IMPLEMENTATION, True, False, True, True),
        (Role.IMPLEMENTATION, True, True, False, False),
    ],
)
def test_tools_by_role(
    tmp_path: Path, role: Role, may_run: bool, restricted: bool, pens: bool, shell: bool
) -> None:
    config = ClaudeConfig(sandbox=WALL, test_commands=("make test",), environ={})
    given_task = assignment(tmp_path, role, may_run=may_run, restricted=restricted)
    offered, rules = tools(given_task, config, Login()), allowed(given_task, config, Login())
    assert ("Edit" in offered, "Write" in offered, "Bash" in offered) == (pens, pens, shell)
    assert ("Edit(./**)" in rules, "Bash(make test *)" in rules) == (pens, shell)
    assert not {"Bash", "Edit", "Write", "Read"} & set(rules)


def test_the_inner_sandbox_hides_around_what_the_agent_needs(tmp_path: Path) -> None:
    for name in ("state/trees/mine", "state/trees/other", "state/secrets", "scratch"):
        (tmp_path / name).mkdir(parents=True)
    needed = [tmp_path / "state/trees/mine", tmp_path / "scratch"]
    hidden = {str(path.relative_to(tmp_path)) for path in _around(tmp_path / "state", needed)}
    assert hidden == {"state/trees/other", "state/secrets"}


def test_no_shell_without_test_commands(tmp_path: Path) -> None:
    config = ClaudeConfig(sandbox=WALL, environ={})
    task = assignment(tmp_path, Role.IMPLEMENTATION, may_run=True)
    assert "Bash" not in tools(task, config, Login())


def test_no_shell_that_would_see_a_cloud_s_login(tmp_path: Path) -> None:
    task = assignment(tmp_path, Role.IMPLEMENTATION, may_run=True)
    for kind in (SandboxKind.BWRAP, SandboxKind.CLAUDE):
        wall = Sandbox(kind=kind, may_run=True, cuts_network=True)
        config = ClaudeConfig(sandbox=wall, environ={}, test_commands=("make test",))
        offered = tools(task, config, Login(scrubs=True))
        assert ("Bash" in offered) == (kind is SandboxKind.CLAUDE)


def test_the_command_line_and_environment(tmp_path: Path) -> None:
    environ = {"PATH": "/bin", "ANTHROPIC_API_KEY": "bait", "AWS_SECRET_ACCESS_KEY": "bait"}
    environ |= {"ANTHROPIC_BASE_URL": "http://127.0.0.1:1", "NATS_PASSWORD": "bait", "X": "1"}
    config = ClaudeConfig(sandbox=WALL, environ=environ, model="opus", pass_names=("X",))
    task = assignment(tmp_path, Role.RESEARCH)
    with Folders.opened(task.scratch, SandboxKind.NONE) as folders:
        login = prepare_login(environ, tmp_path, folders.config)
        words = arguments(task, config, folders, login)
        env = environment(task, config, folders, login)
    assert words[words.index("--setting-sources") + 1] == "user"
    assert words[-2:] == ["--model", "opus"]
    assert {"--strict-mcp-config", "--disable-slash-commands", "--verbose"} <= set(words)
    assert "bait" not in " ".join(words) + " ".join(env.values())
    assert env["X"] == "1"
    assert env["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:1"
    assert env["HOME"].startswith(str(task.scratch))
    assert (folders.config / "login").stat().st_mode & 0o777 == 0o600
    login.forget()
    login.forget()
    assert not (folders.config / "login").exists()


def test_cloud_logins_are_passed_on_and_scrubbed(tmp_path: Path) -> None:
    environ = {"CLAUDE_CODE_USE_BEDROCK": "1", "AWS_REGION": "e u'", "AWS_OTHER": "no"}
    login = prepare_login(environ, tmp_path, tmp_path)
    assert login.environment == {"CLAUDE_CODE_SUBPROCESS_ENV_SCRUB": "1"}
    shown = subprocess.run([*login.prefix, "env"], capture_output=True, check=True, env={})
    assert b"CLAUDE_CODE_USE_BEDROCK=1\nAWS_REGION=e u'\n" in shown.stdout
    assert b"AWS_OTHER" not in shown.stdout
    assert not (tmp_path / "login").exists()


@pytest.mark.parametrize("kept", ["", "[]", "{}", '{"claudeAiOauth": 5}'])
def test_a_damaged_login_is_none(tmp_path: Path, kept: str) -> None:
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude/.credentials.json").write_text(kept)
    (tmp_path / "config").mkdir()
    assert prepare_login({}, tmp_path, tmp_path / "config") == Login()


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("@/etc/passwd", "\\@/etc/passwd"),
        ("see @a and (@b", "see \\@a and (\\@b"),
        ("me@example.com", "me@example.com"),
        ("\ud800", "?"),
    ],
)
def test_nothing_in_the_prompt_is_expanded(tmp_path: Path, text: str, sent: str) -> None:
    assert prompt(assignment(tmp_path, Role.RESEARCH, prompt=text)) == sent.encode()


async def test_no_money_no_run(tmp_path: Path) -> None:
    agent = ClaudeAgent(ClaudeConfig(sandbox=WALL, environ={}))
    with pytest.raises(OverBudget):
        await agent.run(
            assignment(tmp_path, Role.RESEARCH, limits=Limits(cost_usd=0.0)), lambda _k, _t: None
        )
