"""Names on the wire: namespaces, environments, tokens, and the streams and subjects made of them.

Nothing becomes part of a subject, key, path or branch before it has passed one of these patterns
(rules B10, B13).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mendwire.errors import InvalidName

NAMESPACE: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
ENVIRONMENT: Final = re.compile(r"[a-z][a-z0-9]{0,31}")
TOKEN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
CONSUMER: Final = "claude-error-fixer"
PLAIN: Final = "errors"
"""Stands for the subject without an environment, so no environment may be called so."""


def namespace(text: str) -> str:
    """Fold case and check; raises InvalidName."""
    folded = text.strip().lower()
    if NAMESPACE.fullmatch(folded):
        return folded
    message = (
        f"The namespace {text[:40]!r} cannot be used: set NATS_NAMESPACE to a letter followed by "
        "up to 31 letters, digits or underscores, for example ai_tutor."
    )
    raise InvalidName(message)


def environment(text: str) -> str:
    """Fold case and check; raises InvalidName."""
    folded = text.strip().lower()
    if ENVIRONMENT.fullmatch(folded) and folded != PLAIN:
        return folded
    message = (
        f"The environment {text[:40]!r} cannot be used: take a letter followed by letters and "
        "digits, for example staging, but not errors, which means no environment."
    )
    raise InvalidName(message)


def token(text: str) -> str:
    """Check that ``text`` may stand as one token of a subject, key, path or branch."""
    if TOKEN.fullmatch(text):
        return text
    message = f"{text[:40]!r} cannot be part of a subject: use letters, digits, '-' and '_'."
    raise InvalidName(message)


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """Every stream, subject and bucket name of one namespace."""

    namespace: str

    def stream(self, kind: str) -> str:
        """``RESULTS`` -> ``AI_TUTOR_RESULTS``."""
        return f"{self.namespace.upper()}_{kind}"

    def error_stream(self, env: str | None) -> str:
        """The work queue of one environment; None is the plain ``{ns}.errors``."""
        return self.stream("ERROR_REPORTS" if env is None else f"{env.upper()}_ERRORS")

    def bucket(self, kind: str) -> str:
        """``DOCKET`` -> ``AI_TUTOR_DOCKET``, which the server stores as KV_AI_TUTOR_DOCKET."""
        return self.stream(kind)

    def errors(self, env: str | None) -> str:
        """``ai_tutor.errors.staging``, or ``ai_tutor.errors`` for None."""
        return f"{self.namespace}.errors" if env is None else f"{self.namespace}.errors.{env}"

    def result(self, verdict: str, case_id: str) -> str:
        """``ai_tutor.results.fixed.<case id>``."""
        return f"{self.namespace}.results.{token(verdict)}.{token(case_id)}"

    def progress(self, case_id: str) -> str:
        """``ai_tutor.investigation.status.<case id>``."""
        return f"{self.namespace}.investigation.status.{token(case_id)}"

    @property
    def every_progress(self) -> str:
        """``ai_tutor.investigation.status.*``."""
        return f"{self.namespace}.investigation.status.*"

    def task(self, kind: str, priority: str, to: str) -> str:
        """``ai_tutor.tasks.investigation.high.architect``; ``any`` is whoever is free."""
        return f"{self.raw_task(kind)}.{token(priority)}.{token(to)}"

    def raw_task(self, kind: str) -> str:
        """``ai_tutor.tasks.investigation``: where others publish, all else in the body."""
        return f"{self.namespace}.tasks.{token(kind)}"

    def rejected(self) -> str:
        """``ai_tutor.security.rejected``."""
        return f"{self.namespace}.security.rejected"

    def quarantine(self, env: str | None) -> str:
        """``ai_tutor.quarantine.staging``; ``…quarantine.errors`` for the plain subject."""
        return f"{self.namespace}.quarantine.{env or PLAIN}"

    def decided(self, env: str | None) -> str:
        """``ai_tutor.quarantine.staging.decided``: what a person released or discarded."""
        return f"{self.quarantine(env)}.decided"

    def dead(self, stream: str) -> str:
        """``ai_tutor.dead.<stream it came from>``."""
        return f"{self.namespace}.dead.{token(stream)}"

    def occurrences(self, issue: str) -> str:
        """``ai_tutor.occurrences.<issue key>``."""
        return f"{self.namespace}.occurrences.{token(issue)}"

    def message_id(self, env: str | None, signature: str) -> str:
        """The ``Nats-Msg-Id`` of a report: ``{ns}-{env}-{signature}``."""
        return f"{self.namespace}-{env or PLAIN}-{signature}"
