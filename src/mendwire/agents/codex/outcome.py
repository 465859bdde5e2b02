"""What an ended run of Codex means, and why one must be ended before."""

from __future__ import annotations

from mendwire.agents.answers import out_of_tokens, with_cost
from mendwire.agents.codex.config import KEYS
from mendwire.agents.codex.said import Heard
from mendwire.agents.refusals import refused
from mendwire.agents.spoken import find_answer
from mendwire.errors import AgentError, AgentFailed, OverBudget, ProviderOutage
from mendwire.execution.process import Completed
from mendwire.model.printable import printable
from mendwire.model.work import AgentAnswer, Limits, Role


def excess(heard: Heard, limits: Limits, cost: float | None) -> AgentError | None:
    """Why the run must be ended now; None while it may go on. ``cost`` is None without prices."""
    if cost is not None and cost > limits.cost_usd:
        why = f"The agent's run met its money limit (spent {cost:.2f} US dollars)."
        return OverBudget(why, cost_usd=cost)
    if 0 < limits.tokens < heard.tokens.counted:
        return out_of_tokens(heard.tokens.counted)
    if heard.tools > limits.turns:
        return AgentFailed("The agent used up its turns; raise the turn limit if it needs more.")
    return None


def judge(role: Role, done: Completed, heard: Heard, *, cost: float, limit_s: float) -> AgentAnswer:
    """The answer, or the exception that says why there is none.

    Raises AgentFailed and ProviderOutage. An answer counts only with exit code 0.
    """
    hint = f"set {KEYS[-1]} for the worker to a key that is valid"
    trouble = heard.problem and refused(
        heard.problem, code=None, spoken=heard.spoken, cost=cost, login=hint
    )
    if trouble and (not done.timed_out or isinstance(trouble, ProviderOutage)):
        raise trouble
    if done.timed_out:
        message = f"The agent was not done after {limit_s:g} s; raise agent.seconds if it needs it."
        raise AgentFailed(message, cost_usd=cost)
    if done.signalled:
        message = f"The agent was killed by signal {done.signalled}; the attempt is lost."
        raise AgentFailed(message, cost_usd=cost)
    if done.exit_code != 0:
        said = printable(" ".join(done.complaint.split())[-300:], 300) or "it said nothing"
        message = f"The agent's program ended with {done.exit_code}: {said.rstrip('.')}."
        raise AgentFailed(message, cost_usd=cost)
    try:
        answer = find_answer(role, heard.answer)
    except AgentFailed as problem:
        raise AgentFailed(str(problem), cost_usd=cost) from None
    return with_cost(answer, cost_usd=cost, turns=heard.tools + 1, log=heard.log)
