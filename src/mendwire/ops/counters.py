"""What this process has done since it began, counted from the named events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from mendwire.model.case import Step, Verdict
from mendwire.model.screening import ScreenVerdict

_FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
"""Seconds: the screen's budget is two by default."""
_SLOW: Final = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0)
_HOW: Final = ("acked", "dead", "later", "held")
_TOKENS: Final = ("input", "output", "cached")
OTHER: Final = "other"

Fields = Mapping[str, object]


class Counters:
    """Hears events; ``registry`` has the figures. Each label has a fixed set of values."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._received = self._counter("messages_received", "Messages taken from a queue.")
        self._settled = self._counter("messages_settled", "Messages settled.", "how")
        self._screened = self._counter("reports_screened", "By the screen's word.", "verdict")
        self._screen_s = self._histogram(
            "screen_seconds", "Time that the screen took for one report.", _FAST
        )
        self._errors = self._counter("errors", "Errors that came, repeats included.")
        self._closed = self._counter("cases_closed", "Cases that got their verdict.", "verdict")
        self._opened = self._counter("cases_opened", "New cases.")
        self._regressed = self._counter("cases_regressed", "Fixed issues that came back.")
        self._steps = self._counter("steps", "Steps of cases by their end.", "step", "end")
        self._step_s = self._histogram("step_seconds", "Time that a step took.", _SLOW, "step")
        self._usd = self._counter("spent_usd", "US dollars that agents' runs cost.")
        self._tokens = self._counter("agent_tokens", "Tokens of the model.", "kind")
        self._alerts = self._counter("alerts", "Alerts by what became of them.", "end")
        self._heard: dict[str, Callable[[Fields], None]] = {
            "message.received": lambda _: self._received.inc(),
            "message.settled": lambda f: _labelled(self._settled, f, "how", _HOW),
            "report.screened": self._on_screened,
            "error.counted": lambda f: self._errors.inc(_number(f["count"])),
            "case.opened": lambda _: self._opened.inc(),
            "case.closed": lambda f: _labelled(self._closed, f, "verdict", tuple(Verdict)),
            "case.regressed": lambda _: self._regressed.inc(),
            "step.finished": self._on_finished,
            "step.failed": lambda f: self._steps.labels(_step(f), "failed").inc(),
            "money.spent": lambda f: self._usd.inc(max(0.0, _number(f["usd"]))),
            "agent.used": self._on_used,
            "alert.sent": lambda _: self._alerts.labels("sent").inc(),
            "alert.failed": lambda _: self._alerts.labels("failed").inc(),
            "alert.held_back": lambda f: self._alerts.labels("held_back").inc(_number(f["count"])),
        }
        for verdict in ScreenVerdict:  # a rule sees 0 rather than nothing
            self._screened.labels(verdict)
        for how in _HOW:
            self._settled.labels(how)
        for end in ("sent", "failed", "held_back"):
            self._alerts.labels(end)

    def hear(self, event: str, fields: dict[str, object]) -> None:
        """A subscriber of ``telemetry``."""
        heard = self._heard.get(event)
        if heard is not None:
            heard(fields)

    def _on_screened(self, fields: Fields) -> None:
        _labelled(self._screened, fields, "verdict", tuple(ScreenVerdict))
        self._screen_s.observe(_number(fields["seconds"]))

    def _on_finished(self, fields: Fields) -> None:
        self._steps.labels(_step(fields), "finished").inc()
        self._step_s.labels(_step(fields)).observe(_number(fields["seconds"]))

    def _on_used(self, fields: Fields) -> None:
        for kind in _TOKENS:
            self._tokens.labels(kind).inc(max(0.0, _number(fields[kind])))

    def _counter(self, name: str, help_: str, *labels: str) -> Counter:
        return Counter(f"mendwire_{name}", help_, labels, registry=self.registry)

    def _histogram(
        self, name: str, help_: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(f"mendwire_{name}", help_, labels, buckets=buckets, registry=self.registry)


def _labelled(counter: Counter, fields: Fields, name: str, known: tuple[str, ...]) -> None:
    value = str(fields[name])
    counter.labels(value if value in known else OTHER).inc()


def _step(fields: Fields) -> str:
    step = str(fields["step"])
    return step if step in set(Step) else OTHER


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
