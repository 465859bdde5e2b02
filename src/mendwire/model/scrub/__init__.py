"""Secrets taken out of reports before they leave a process, and found before anything goes out.

What is replaced: values under keys whose names say so, texts that have the form of a known
credential, numbers that prove themselves, and by policy what belongs to a person.
``[scrubbed:<kind>]`` stands in their place. Everything runs in linear time, and twice is the same
as once.
"""

from __future__ import annotations

import json

from mendwire.model.report import load_object
from mendwire.model.scrub.body import scrub_body, scrub_value
from mendwire.model.scrub.find import find_secret
from mendwire.model.scrub.policy import DEFAULT, Emails, Personal, ScrubPolicy
from mendwire.model.scrub.scrubber import SHORTEST_FORM, scrubber

__all__ = [
    "DEFAULT",
    "SHORTEST_FORM",
    "Emails",
    "Personal",
    "ScrubPolicy",
    "find_secret",
    "scrub_body",
    "scrub_report",
    "scrub_text",
    "scrub_value",
]


def scrub_text(text: str, policy: ScrubPolicy = DEFAULT) -> str:
    """The text with every secret replaced by ``[scrubbed:<kind>]``."""
    return scrubber(policy).text(text)


def scrub_report(payload: bytes, policy: ScrubPolicy = DEFAULT) -> bytes:
    """One JSON report, scrubbed; raises Undecodable. See ``scrub_body``."""
    body = scrub_body(load_object(payload), policy)
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
