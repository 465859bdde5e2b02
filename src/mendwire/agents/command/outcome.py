"""What a finished run of the program means."""

from __future__ import annotations

from typing import Final

from mendwire.agents.answers import read_answer, with_cost
from mendwire.agents.command.said import Heard
from mendwire.errors import AgentError, AgentFailed, OverBudget, ProviderOutage
from mendwire.execution.process import Completed
from mendwire.model.errand import ErrandReply
from mendwire.model.printable import printable
from mendwire.model.work import AgentAnswer, Role

TEMPORARY: Final = 75
"""EX_TEMPFAIL of sysexits.h: the program's own provider is away."""
_WISH_AT_MOST_S: Final = 24 * 3600.0


def judge(role: Role, done: Completed, heard: Heard, *, limit_s: float) -> AgentAnswer:
    """The answer, or the exception that says why there is none.

    Raises AgentFailed, OverBudget, ProviderOutage. An answer counts only with exit code 0.
    """
    cost, reply = heard.cost_usd, heard.reply
    if done.timed_out:
        message = f"The agent was not done after {limit_s:g} s; raise agent.seconds if it needs it."
        raise AgentFailed(message, cost_usd=cost)
    if reply is not None and reply.error:
        raise _told(reply, cost)
    if done.exit_code == TEMPORARY:
        message = f"The agent's provider is away (exit code {TEMPORARY}): {_complaint(done)}."
        raise ProviderOutage(message, cost_usd=cost)
    if done.signalled:
        message = f"The agent was killed by signal {done.signalled}; the attempt is lost."
        raise AgentFailed(message, cost_usd=cost)
    if done.exit_code != 0:
        message = f"The agent's program ended with {done.exit_code}: {_complaint(done)}."
        raise AgentFailed(message, cost_usd=cost)
    if reply is None or reply.answer is None:
        why = heard.problem or "no line of it was a JSON object with 'answer'"
        raise AgentFailed(f"The agent ended without an answer: {why}.", cost_usd=cost)
    try:
        answer = read_answer(role, reply.answer)
    except AgentFailed as problem:
        raise AgentFailed(str(problem), cost_usd=cost) from None
    return with_cost(answer, cost_usd=cost, turns=heard.turns, log=heard.log)


def _told(reply: ErrandReply, cost: float) -> AgentError:
    why = printable(" ".join(reply.error.split()), 300).rstrip(".")
    if reply.reason == "outage":
        wish = reply.retry_after_s
        known = wish is not None and 0 <= wish <= _WISH_AT_MOST_S
        return ProviderOutage(
            f"The agent's model could not be reached: its provider is away ({why}).",
            cost_usd=cost,
            retry_after_s=wish if known else None,
        )
    if reply.reason == "over_budget":
        return OverBudget(
            f"The agent's run met its limit of money or tokens: {why}.", cost_usd=cost
        )
    return AgentFailed(f"The agent's run failed: {why}.", cost_usd=cost)


def _complaint(done: Completed) -> str:
    return printable(" ".join(done.complaint.split()) or "it said nothing", 300).rstrip(".")
