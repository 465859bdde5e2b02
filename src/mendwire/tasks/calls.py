"""A worker's functions: how a task becomes their arguments, and what they give back a result."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from mendwire.errors import ConfigError, Undecodable
from mendwire.model.bodies import Progress, Result
from mendwire.tasks.lanes import word
from mendwire.tasks.outcomes import Outcomes
from mendwire.tasks.reading import Task

Function = Callable[..., Awaitable[object]]
F = TypeVar("F", bound=Function)
ATTEMPTS: Final = 3
_FIRST_WAIT_S: Final = 2.0
_LONGEST_WAIT_S: Final = 600.0
_MOST_ARGUMENTS: Final = 2
_FIELDS: Final = frozenset(field.name for field in dataclasses.fields(Result))
_OURS: Final = frozenset({"task_id", "agent", "status"})


class Fail(Exception):
    """Raised by a function: this task has failed, and another try would not help."""


class Retry(Exception):
    """Raised by a function: try again, after ``delay_s`` seconds where that is given."""

    def __init__(self, reason: str = "", *, delay_s: float | None = None) -> None:
        super().__init__(reason or "asked for another try")
        self.delay_s = delay_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Handler:
    """One registered function."""

    kind: str
    function: Function
    takes: Any
    """The type that a task's ``context`` is read into; None gives the whole Task."""
    wants_context: bool
    attempts: int = ATTEMPTS
    """Runs that may fail before the task is buried."""
    backoff_s: float = _FIRST_WAIT_S
    """The wait after the first failure; doubled after each further one, at most ten minutes."""
    timeout_s: float | None = None
    """For one run."""

    def wait_s(self, failures: int) -> float:
        """Seconds before the try that follows so many failures."""
        return float(min(self.backoff_s * 2 ** (failures - 1), _LONGEST_WAIT_S))


class Context:
    """What a running function may ask and tell."""

    def __init__(self, task: Task, attempt: int, agent: str, outcomes: Outcomes) -> None:
        self.task = task
        self.attempt = attempt
        """1 at the first."""
        self.agent = agent
        self.cancelled = asyncio.Event()
        """Set when somebody cancels the task; a second later the function is cancelled."""
        self._outcomes = outcomes

    @property
    def deadline(self) -> datetime | None:
        """When the task must be done; None is never."""
        return self.task.deadline

    async def progress(
        self, findings: str, *, status: str = "in_progress", next_steps: tuple[str, ...] = ()
    ) -> None:
        """Store and publish how far it came."""
        await self._outcomes.tell(
            Progress(
                task_id=self.task.id,
                agent=self.agent,
                status=status,
                findings=findings,
                next_steps=tuple(next_steps),
            )
        )


def handler_of(
    kind: str,
    function: Function,
    *,
    attempts: int = ATTEMPTS,
    backoff_s: float = _FIRST_WAIT_S,
    timeout_s: float | None = None,
) -> Handler:
    """Look a function over once, so that what is wrong with it is said at the start.

    Raises ConfigError.
    """
    name = getattr(function, "__qualname__", "the function")
    if not inspect.iscoroutinefunction(function):
        raise ConfigError(f"{name} cannot do tasks: write it as 'async def'.")
    if attempts < 1 or backoff_s < 0 or (timeout_s is not None and timeout_s <= 0):
        raise ConfigError(f"{name}: attempts is at least 1, backoff_s and timeout_s are positive.")
    parameters = list(inspect.signature(function).parameters.values())
    if not 1 <= len(parameters) <= _MOST_ARGUMENTS:
        raise ConfigError(
            f"{name} takes the task and, if it likes, a context; no more and no less."
        )
    try:
        hints = typing.get_type_hints(function)
    except NameError as problem:
        raise ConfigError(f"The annotations of {name} cannot be read: {problem}.") from None
    wanted = hints.get(parameters[0].name, Task)
    return Handler(
        kind=kind,
        function=function,
        takes=None if wanted is Task else wanted,
        wants_context=len(parameters) == _MOST_ARGUMENTS,
        attempts=attempts,
        backoff_s=backoff_s,
        timeout_s=timeout_s,
    )


async def call(handler: Handler, task: Task, context: Context) -> object:
    """Run the function; raises Undecodable for parameters that do not fit, and all that it does."""
    argument = task if handler.takes is None else _argument(handler.takes, task)
    if handler.wants_context:
        return await handler.function(argument, context)
    return await handler.function(argument)


def _argument(wanted: Any, task: Task) -> Any:  # noqa: ANN401 - whatever the function names
    validate = getattr(wanted, "model_validate", None)
    try:
        if validate is not None:  # a model of pydantic, which need not be installed
            return validate(dict(task.context))
        return msgspec.convert(task.context, type=wanted, strict=False)
    except (msgspec.ValidationError, ValueError) as problem:
        text = " ".join(str(problem).split())
        raise Undecodable(f"The context does not fit {wanted.__name__}: {text[:500]}.") from None


def result_of(task_id: str, agent: str, returned: object) -> Result:
    """What a function gave back as the body of its result; raises Undecodable.

    Text is the solution. Of a mapping or record, the fields that a result has are taken as they
    are, and all others go into its evidence.
    """
    if returned is None or isinstance(returned, str):
        return Result(task_id=task_id, agent=agent, status="done", solution=returned or "")
    dump = getattr(returned, "model_dump", None)
    try:
        plain = dump(mode="json") if dump is not None else msgspec.to_builtins(returned)
        if not isinstance(plain, Mapping):
            plain = {"value": plain}
        evidence: dict[str, object] = {}
        known: dict[str, object] = {}
        for name, value in plain.items():
            (known if name in _FIELDS and name not in _OURS else evidence)[str(name)] = value
        inner = known.get("evidence", {})
        known["evidence"] = (inner if isinstance(inner, dict) else {"evidence": inner}) | evidence
        return msgspec.convert(
            known | {"task_id": task_id, "agent": agent, "status": "done"}, type=Result
        )
    except (msgspec.ValidationError, TypeError, OverflowError) as problem:
        raise Undecodable(f"What the function gave back cannot be a result: {problem}.") from None


class Functions:
    """Functions by the type of task that each of them does."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}

    def task(
        self,
        kind: str,
        *,
        attempts: int = ATTEMPTS,
        backoff_s: float = 2.0,
        timeout_s: float | None = None,
    ) -> Callable[[F], F]:
        """Register an async function for a type of task.

        Its first parameter is the ``Task``, or, annotated with a dataclass or a model of pydantic,
        the task's context read as that; a second one, if there is any, is the ``Context``. What
        it returns becomes the result. It is tried again after an exception, ``attempts`` times in
        all; then the task has failed and goes to the dead letters. Raises ConfigError.
        """

        def register(function: F) -> F:
            self.add(
                handler_of(
                    kind, function, attempts=attempts, backoff_s=backoff_s, timeout_s=timeout_s
                )
            )
            return function

        return register

    def add(self, handler: Handler) -> None:
        """What ``task`` makes of a function; raises ConfigError for a second one of a type."""
        if word(handler.kind, "type") in self._handlers:
            raise ConfigError(f"There is a function for tasks of type {handler.kind} already.")
        self._handlers[handler.kind] = handler
