"""What a person is shown of a case: what came of it first, nothing of the keeping of leases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mendwire.cli.asking import print_fields
from mendwire.cli.case_telling import told
from mendwire.model.case import Case, CaseState, Parking, ParkReason, Verdict
from mendwire.model.deployment import Deployment
from mendwire.model.work import Change, Finding, Proof, ProofStatus, Reproduction, Run

OUTPUT = "\n".join(f"line {number}" for number in range(30))
CASE = Case(
    issue="0981bdf55427e9bc3f156c677699911e",
    state=CaseState.CLOSED,
    token=7,
    holder="vm-1-aa",
    environment="staging",
    service="shop",
    title="ValueError in total (shop.py)",
    opened_ns=1_795_654_723_742_654_122,
    report=b'{"error": "ValueError: \\u001b[31mred"}',
    screened_sha256="d164",
    verdict=Verdict.NOT_FIXED,
    reason="It still fails.",
    finding=Finding(
        summary="It came with a commit.",
        reproduction=Reproduction(
            command=("{python}", "call.py"), origin="captured", files=(("call.py", "a script"),)
        ),
    ),
    change=Change(patch="--- a\n+++ b\n"),
    proof=Proof(
        status=ProofStatus.INVALID,
        reasons=("It still fails.",),
        runs=(
            Run(what="reproduction after", passed=False, exit_code=1, seconds=0.5, output=OUTPUT),
        ),
    ),
)


def test_what_came_of_it_is_first_and_the_report_last() -> None:
    fields = told(CASE)
    names = [name for name, value in fields.items() if value]
    assert names[:5] == ["case", "title", "error", "state", "verdict"]
    assert names[-1] == "report"
    assert fields["from"] == "staging shop"
    assert fields["opened"] == "2026-11-26 00:58:43+00:00"


def test_keepings_and_scripts_are_left_out() -> None:
    shown = str(told(CASE))
    for machine in ("vm-1-aa", "d164", "a script"):
        assert machine not in shown


def test_where_the_proof_does_not_hold_the_last_output_is_shown() -> None:
    proof = str(told(CASE)["proof"]).splitlines()
    assert proof[0] == "invalid, sandbox none"
    assert "reproduction after: failed (0.50 s)" in proof
    assert proof[-1] == "  line 29"
    assert "  line 10" not in proof


def test_a_case_that_waits_says_for_what() -> None:
    parking = Parking(reason=ParkReason.BUDGET, note="the day's money is spent", until_ns=10**18)
    case = Case(issue="a", state=CaseState.PARKED, restricted=True, parking=parking)
    fields = told(case)
    assert fields["state"] == "parked, restricted"
    assert fields["waits"] == "budget until 2001-09-09 01:46:40+00:00: the day's money is spent"


def test_each_field_stands_under_its_name_and_is_safe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    print_fields(told(CASE), 13)
    out = capsys.readouterr().out
    assert "        patch  --- a\n               +++ b\n" in out
    assert "\x1b" not in out
    assert '       report  {"error": "ValueError: ' in out


def test_a_fix_that_soaks_says_what_it_waits_for() -> None:
    ran = Deployment(
        environment="staging",
        service="shop",
        release="2",
        commit="0" * 40,
        order=1,
        at_ns=1_795_654_723_742_654_122,
    )
    fields = told(replace(CASE, state=CaseState.SOAKING, verdict=Verdict.FIXED, deployed=ran))
    assert "mendwire alive" in str(fields["waits"])
    assert fields["deployed"] == "2 at 2026-11-26 00:58:43+00:00"
