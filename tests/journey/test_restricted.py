"""Reports with an attack in them: the text is withheld, the bug is kept, nobody is silenced."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from mendwire.demo.shop import ATTACK
from mendwire.model.case import Case, CaseState, Verdict
from mendwire.model.delivery import Received
from tests.journey.stage import ENV, NAMES, Stage, coupon_report, stage

pytestmark = pytest.mark.timeout(120)


def attacked() -> dict[str, Any]:
    """The shop's bug with an attack where any visitor can put one."""
    context = {"file": "/app/shop/pricing.py", "line": 8, "user_agent": ATTACK}
    return coupon_report(context=context)


async def worked(set_up: Stage) -> str:
    code, _, err = await set_up.run("work", "--until-empty", "--log", "json")
    assert code == 0, err
    assert "Traceback" not in err
    return err


async def quarantined(set_up: Stage) -> list[Received]:
    stream = NAMES.stream("QUARANTINE")
    return [message async for message in set_up.bus.walk(stream, 100, 1 << 62)]


def by_lane(cases: list[Case]) -> tuple[Case, Case]:
    """The restricted case and the other one."""
    (closed,) = [case for case in cases if case.restricted]
    (clean,) = [case for case in cases if not case.restricted]
    return closed, clean


async def test_rule_b1_an_attacker_who_is_first_withholds_text_and_silences_nobody(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as set_up:
        await set_up.run("streams", "apply")
        payload = json.dumps(attacked()).encode()
        await set_up.publish(payload, "attack-1")
        await worked(set_up)
        (kept,) = await quarantined(set_up)
        assert kept.payload == payload
        assert kept.ref.subject == NAMES.quarantine(ENV)
        assert kept.headers["Mendwire-Origin-Subject"] == NAMES.errors(ENV)
        assert kept.headers["Mendwire-Origin-Msg-Id"] == "attack-1"
        assert kept.headers["Mendwire-Sha256"] == hashlib.sha256(payload).hexdigest()
        ((subject, told),) = await set_up.kept("SECURITY")
        assert subject == "shop.security.rejected"
        assert set(told) == {"reason", "message", "timestamp"}
        assert told["reason"] == "prompt_injection_detected"
        assert len(told["message"]) <= 100
        (case,) = await set_up.cases()
        assert case.restricted
        assert (case.state, case.verdict) == (CaseState.CLOSED, Verdict.NEEDS_HUMAN)
        for word in ("ignore all previous", "198.51.100.7", "curl"):
            assert word.encode() not in case.report
        ((subject, _),) = await set_up.kept("RESULTS")
        assert subject == f"shop.results.needs_human.{case.case_id}"
        assert await set_up.branches() == []
        assert await set_up.waiting() == 0

        await set_up.publish(coupon_report(), "clean-1")
        await worked(set_up)
        closed, clean = by_lane(await set_up.cases())
        assert closed == case
        assert clean.issue != closed.issue
        assert (clean.state, clean.verdict) == (CaseState.FIXED, Verdict.FIXED)
        assert await set_up.branches() == [f"mendwire/{clean.issue}"]
        assert await set_up.waiting() == 0
        assert await set_up.kept("DEAD") == []


async def test_rule_a13_a_report_that_outlasts_the_screen_is_quarantined_and_the_next_is_fixed(
    tmp_path: Path,
) -> None:
    """The budget is many times what a common report takes, and a part of what this one takes."""
    slow = " ".join(f"{number:x}" for number in range(1_000_000, 1_040_000))
    async with stage(tmp_path, config="[screen]\nseconds = 0.1\n") as set_up:
        await set_up.run("streams", "apply")
        await set_up.publish({"error": "Boom: x", "stack": slow}, "slow")
        await set_up.publish(coupon_report(), "clean")
        await worked(set_up)
        (kept,) = await quarantined(set_up)
        assert kept.headers["Mendwire-Origin-Msg-Id"] == "slow"
        assert "outlasted" in kept.headers["Mendwire-Reason"]
        ((_, told),) = await set_up.kept("SECURITY")
        assert len(told["message"]) <= 100
        (case,) = await set_up.cases()
        assert case.state is CaseState.FIXED
        assert await set_up.waiting() == 0


async def test_rule_a13_without_its_rules_the_worker_refuses_and_messages_stay(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, config='[screen]\npatterns = "rules.jsonl"\n') as set_up:
        await set_up.run("streams", "apply")
        await set_up.publish(coupon_report())
        for rules in (None, "{broken\n"):
            if rules is not None:
                (tmp_path / "rules.jsonl").write_text(rules)
            code, out, err = await set_up.run("work", "--until-empty")
            assert code != 0
            assert out == ""
            assert len(err.splitlines()) == 1, err
            assert "rules.jsonl" in err
            assert await set_up.waiting() == 1
        (tmp_path / "rules.jsonl").write_text("")
        await worked(set_up)
        (case,) = await set_up.cases()
        assert case.state is CaseState.FIXED
        assert await set_up.waiting() == 0


async def test_a_person_releases_what_was_held_and_the_bug_is_fixed(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        await set_up.run("streams", "apply")
        await set_up.publish(json.dumps(attacked()).encode(), "attack-1")
        await worked(set_up)
        code, out, _ = await set_up.run("quarantine", "list", "--json")
        assert code == 0
        (row,) = json.loads(out)
        assert (row["seq"], row["more"]) == (1, 0)
        for group in ("quarantine", "cases"):
            number = "1" if group == "quarantine" else (await set_up.cases())[0].case_id
            code, out, err = await set_up.run(group, "release", number)
            assert (code, out, len(err.splitlines())) == (2, "", 1), err
            assert "--yes" in err
        code, out, err = await set_up.run("quarantine", "release", "1", "--yes", "--note", "ours")
        assert code == 0, err
        assert out == f"1 is released: it waits as {NAMES.error_stream(ENV)} 2.\n"
        await worked(set_up)
        closed, clean = by_lane(await set_up.cases())
        assert closed.verdict is Verdict.NEEDS_HUMAN
        assert clean.verdict is Verdict.FIXED
        assert b"ignore all previous" in clean.report.lower()
        # Another text with the same bug is screened anew: the bytes were released, not the bug.
        await set_up.publish(json.dumps(attacked() | {"trace_id": "other"}).encode(), "attack-2")
        await worked(set_up)
        code, out, _ = await set_up.run("quarantine", "list", "--json")
        assert [row["seq"] for row in json.loads(out)] == [3]
        code, out, err = await set_up.run("quarantine", "discard", "--all", "--yes", "--json")
        assert code == 0, err
        assert [(row["seq"], row["label"]) for row in json.loads(out)] == [(3, "attack")]
        code, out, err = await set_up.run("quarantine", "export", "rows.jsonl")
        assert (code, out) == (0, "2 rows in rows.jsonl.\n"), err
        rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
        assert [row["label"] for row in rows] == ["benign", "attack"]
        code, out, err = await set_up.run("quarantine", "export", "rows.jsonl")
        assert (code, out, len(err.splitlines())) == (2, "", 1)


async def test_a_person_lifts_the_restriction_of_a_case(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        await set_up.run("streams", "apply")
        await set_up.publish(json.dumps(attacked()).encode(), "attack-1")
        await worked(set_up)
        (case,) = await set_up.cases()
        code, out, err = await set_up.run("cases", "release", case.case_id, "--yes", "--json")
        assert code == 0, err
        assert json.loads(out)["action"] == "released"
        await worked(set_up)
        closed, clean = by_lane(await set_up.cases())
        assert (closed.verdict, clean.verdict) == (Verdict.NEEDS_HUMAN, Verdict.FIXED)
        code, out, err = await set_up.run("cases", "release", clean.case_id, "--yes")
        assert (code, len(err.splitlines())) == (2, 1)
        assert "not restricted" in err
