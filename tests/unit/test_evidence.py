"""Evidence: bounded, scrubbed, and a page in which no foreign text has any effect."""

from __future__ import annotations

import re

import pytest

from mendwire.deliver.evidence import markdown
from mendwire.model.case import Case, Verdict
from mendwire.model.codec import encode
from mendwire.model.evidence import Evidence, evidence_of
from mendwire.model.scrub import DEFAULT
from mendwire.model.work import Change, Finding, Proof, ProofStatus, Review, Run

BAIT = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"
ATTACK = "@everyone closes #1 <img src=x> ![x](https://evil.example/) ```\n# title\n/merge\n"


def case(**more: object) -> Case:
    known: dict[str, object] = {
        "issue": "0123456789abcdef0123456789abcdef",
        "title": "KeyError in discount (shop/pricing.py)",
        "report": b'{"error": "KeyError: 1"}',
        "verdict": Verdict.FIXED,
        "reason": ATTACK,
        "finding": Finding(summary=ATTACK, cause=f"token {BAIT}"),
        "change": Change(patch=f"+key = '{BAIT}'\n+a `b` @c\n", explanation=ATTACK, files=("a",)),
        "proof": Proof(
            status=ProofStatus.VALID,
            reasons=("It holds.",),
            runs=(
                Run(what="before", passed=False, exit_code=1, seconds=1, output=ATTACK * 900),
                Run(what="after", passed=True, exit_code=0, seconds=1, output=f"{BAIT} ok"),
            ),
        ),
        "review": Review(approved=True, comments=ATTACK),
    }
    return Case(**{**known, **more})  # type: ignore[arg-type]  # fields by name


def evidence(**more: object) -> Evidence:
    return evidence_of(case(**more), agent="a", mendwire="1", python="3", scrub=DEFAULT)


def test_the_same_case_gives_the_same_bytes() -> None:
    assert encode(evidence()) == encode(evidence())
    assert markdown(evidence()) == markdown(evidence())


def test_no_secret_is_kept() -> None:
    assert BAIT not in encode(evidence()).decode()
    assert BAIT not in markdown(evidence())


def test_red_and_green_are_told() -> None:
    page = markdown(evidence())
    assert "## before: red, exit code 1, 1.0 s" in page
    assert "## after: green, 1.0 s" in page
    assert "Approved." in page


def test_foreign_text_stands_in_indented_blocks_alone() -> None:
    ours = [line for line in markdown(evidence()).splitlines() if not line.startswith("    ")]
    assert not [line for line in ours if re.search(r"@|#1|<|```|/merge|evil|^# title", line)]


@pytest.mark.parametrize("words", ["a" * 10_000_000, "é" * 5_000_000])
def test_it_is_bounded(words: str) -> None:
    large = evidence(
        reason=words[:100_000],
        report=words.encode(),
        change=Change(patch=words[:1_000_000], explanation=words[:100_000]),
        proof=Proof(
            status=ProofStatus.VALID,
            reasons=("x" * 9_000,) * 300,
            runs=(
                Run(
                    what="x",
                    passed=False,
                    exit_code=1,
                    seconds=1,
                    output="y" * 9_000,
                    failing=("z" * 900,) * 900,
                ),
            )
            * 90,
        ),
    )
    assert len(encode(large)) < 2_500_000
    assert len(markdown(large)) < 1_500_000


def test_rule_b1_a_restricted_report_is_withheld() -> None:
    held = evidence(restricted=True)
    assert held.report == ""
    assert "KeyError: 1" not in markdown(held)
    assert "Withheld" in markdown(held)
