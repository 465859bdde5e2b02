"""What a finished run of the program means.

Neither the exit code alone (an interrupt gives 0) nor ``subtype`` alone (an API error says
``success``) can be trusted: an answer needs exit code 0, no error and the structured output.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from signal import valid_signals
from typing import Any, Final

from mendwire.agents.answers import out_of_tokens, read_answer, with_cost
from mendwire.agents.claude.stream import Stream
from mendwire.errors import AgentError, AgentFailed, OverBudget, ProviderOutage, SandboxUnavailable
from mendwire.execution.process import Completed
from mendwire.model.printable import printable
from mendwire.model.work import MOST_TOKENS, AgentAnswer, Role

OURS: Final = frozenset({400, 413, 422})
"""Statuses that say something about the request; all others are the provider's."""
_MODELS: Final = 5
_TOKENS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "input": (("inputTokens",), ("input_tokens",)),
    "output": (("outputTokens",), ("output_tokens",)),
    "cached": (
        ("cacheReadInputTokens", "cacheCreationInputTokens"),
        ("cache_read_input_tokens", "cache_creation_input_tokens"),
    ),
}
"""Names in the program's own sums, and in a message's usage."""
_COUNTED: Final = ("inputTokens", "cacheCreationInputTokens", "outputTokens")
_MONEY: Final = re.compile(r"credit balance|billing|quota|usage limit|spend", re.IGNORECASE)
_LOGIN: Final = re.compile(
    r"not logged in|/login|authenticat|invalid api key|oauth|x-api-key", re.IGNORECASE
)
_UNCONFINED: Final = re.compile(
    r"refusing to start|sandbox.{0,40}(required|unavailable)", re.IGNORECASE
)
_LOGIN_ADVICE: Final = (
    "set ANTHROPIC_API_KEY, or CLAUDE_CODE_OAUTH_TOKEN from `claude setup-token`, or log in again "
    "with `claude`"
)


def cost_of(result: Mapping[str, Any]) -> float:
    """US dollars by the program's own count; ``modelUsage`` first, ``usage`` misses turns."""
    models = result.get("modelUsage")
    if isinstance(models, dict) and models:
        costs = [model.get("costUSD") for model in models.values() if isinstance(model, dict)]
        return float(sum(cost for cost in costs if isinstance(cost, int | float)))
    total = result.get("total_cost_usd")
    return float(total) if isinstance(total, int | float) else 0.0


def used_of(stream: Stream) -> dict[str, int | str]:
    """Tokens by kind, and the models, as the program says."""
    models = (stream.result or {}).get("modelUsage")
    named = sorted(models)[:_MODELS] if isinstance(models, dict) else []
    return {**tokens_of(stream), "model": printable(", ".join(map(str, named)), 200)}


def tokens_of(stream: Stream) -> dict[str, int]:
    """Tokens by kind: by the program's own count, else of every message heard."""
    models = (stream.result or {}).get("modelUsage")
    if isinstance(models, dict) and models:
        used = [model for model in models.values() if isinstance(model, dict)]
        return {kind: _summed(used, names) for kind, (names, _) in _TOKENS.items()}
    return {kind: _summed(stream.usages, names) for kind, (_, names) in _TOKENS.items()}


def counted_tokens(stream: Stream) -> int:
    """What counts against a limit: read and written, without what was read from the cache."""
    models = (stream.result or {}).get("modelUsage")
    if isinstance(models, dict) and models:
        used = [model for model in models.values() if isinstance(model, dict)]
        return _summed(used, _COUNTED)
    return stream.tokens


def _summed(used: Sequence[Mapping[str, Any]], names: tuple[str, ...]) -> int:
    found = (one.get(name) for one in used for name in names)
    return sum(
        int(number)
        for number in found
        if isinstance(number, int | float) and 0 < number <= MOST_TOKENS
    )


def judge(role: Role, done: Completed | None, stream: Stream, *, limit_s: float) -> AgentAnswer:
    """The answer, or the exception that says why there is none. ``done`` is None after giving up.

    Raises AgentFailed, OverBudget, ProviderOutage, SandboxUnavailable.
    """
    result = stream.result
    cost = cost_of(result) if result else stream.spent_at_most_usd
    if result is None or done is None:
        raise _unfinished(done, stream, cost, limit_s)
    output = result.get("structured_output")
    if result.get("is_error") is not False or done.exit_code != 0:
        raise _failed(result, done, stream, cost, limit_s)
    if output is None:
        message = "The agent ended without its structured answer; the attempt is lost."
        raise AgentFailed(message, cost_usd=cost)
    turns = result.get("num_turns")
    try:
        answer = read_answer(role, output)
    except AgentFailed as problem:
        raise AgentFailed(str(problem), cost_usd=cost) from None
    return with_cost(
        answer, cost_usd=cost, turns=turns if isinstance(turns, int) else 0, log=stream.log
    )


def _unfinished(
    done: Completed | None, stream: Stream, cost: float, limit_s: float
) -> AgentError | SandboxUnavailable:
    if stream.is_over:
        return out_of_tokens(stream.tokens, cost_usd=cost)
    if stream.retry is not None:
        retry = stream.retry
        return _outage(retry.status, retry.error, cost, _wish(stream))
    if done is None or done.timed_out:
        return _out_of_time(stream, cost, limit_s)
    if signal := done.signalled or _signal_in(done.exit_code):
        message = f"The agent was killed by signal {signal}; the attempt is lost."
        return AgentFailed(message, cost_usd=cost)
    complaint = printable(" ".join(done.complaint.split()) or "it said nothing", 300)
    if _UNCONFINED.search(complaint):
        message = f"Claude Code refuses to run without its sandbox: {complaint}"
        return SandboxUnavailable(message)
    advice = " Update it with `claude update`." if "unknown option" in complaint else ""
    message = f"The agent's program ended with {done.exit_code}: {complaint}.{advice}"
    return AgentFailed(message, cost_usd=cost)


def _signal_in(exit_code: int) -> int:
    """The signal that a sandbox tells of as shells do; 0 for none."""
    number = exit_code - 128
    return number if number in valid_signals() else 0


def _out_of_time(stream: Stream, cost: float, limit_s: float) -> AgentError:
    if not stream.heard_model:
        message = f"The model's provider did not answer within {limit_s:.0f} s; try again later."
        return ProviderOutage(message, cost_usd=cost)
    message = (
        f"The agent was not done after {limit_s:.0f} s; raise the time limit if it needs more."
    )
    return AgentFailed(message, cost_usd=cost)


def _failed(
    result: Mapping[str, Any], done: Completed, stream: Stream, cost: float, limit_s: float
) -> AgentError:
    subtype, text = result.get("subtype"), _text_of(result)
    if subtype == "error_max_budget_usd":
        message = f"The agent's run met its money limit (spent {cost:.2f} US dollars)."
        return OverBudget(message, cost_usd=cost)
    if subtype == "error_max_turns":
        message = "The agent used up its turns; raise the turn limit if it needs more."
        return AgentFailed(message, cost_usd=cost)
    if done.timed_out:
        return _out_of_time(stream, cost, limit_s)
    if result.get("terminal_reason") == "api_error" or _LOGIN.search(text):
        status = result.get("api_error_status")
        return _outage(status if isinstance(status, int) else None, text, cost, _wish(stream))
    reason = text or f"it ended with {done.exit_code} ({subtype})"
    return AgentFailed(f"The agent's run failed: {reason}.", cost_usd=cost)


def _outage(
    status: int | None, text: str, cost: float, wish_s: float | None
) -> ProviderOutage | AgentFailed:
    if status in OURS and not _MONEY.search(text):
        message = f"The model's provider refuses the request ({status}): {text}."
        return AgentFailed(message, cost_usd=cost)
    if status in {401, 403} or (status is None and _LOGIN.search(text)):
        message = f"Claude Code is not logged in ({status or 'no login found'}): {_LOGIN_ADVICE}."
    elif status == 404:  # noqa: PLR2004 - HTTP's own number
        message = f"The model is not to be had (404): {text}; check the configured model."
    elif status is None:
        message = f"The model's provider cannot be reached: {text or 'no answer'}; try again later."
    else:
        message = f"The model's provider answers {status}: {text}; try again later."
    return ProviderOutage(message, cost_usd=cost, retry_after_s=wish_s)


def _wish(stream: Stream) -> float | None:
    """How long the provider itself asks us to stay away, in seconds."""
    if stream.resets_at:
        return max(stream.resets_at - time.time(), 0.0)
    limited = stream.retry is not None and stream.retry.status == 429  # noqa: PLR2004 - HTTP's
    return stream.retry.delay_s if stream.retry and limited else None


def _text_of(result: Mapping[str, Any]) -> str:
    errors = result.get("errors")
    parts = [str(result.get("result") or "")]
    parts += [str(error) for error in errors] if isinstance(errors, list) else []
    return printable(" ".join(" ".join(parts).split()), 300).rstrip(".")
