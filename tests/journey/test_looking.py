"""What an operator sees and steers by the command line, and a docket that was lost."""

from __future__ import annotations

import json
from pathlib import Path

from mendwire.docket.cases import Docket
from mendwire.model.case import CaseState, Verdict
from mendwire.model.delivery import Received
from mendwire.wire.burial import bury
from tests.dashboard_stage import made_case
from tests.journey.stage import ENV, NAMES, Stage, coupon_report, stage


async def listed(set_up: Stage, *words: str) -> list[dict[str, object]]:
    code, out, err = await set_up.run(*words, "--json")
    assert code == 0, err
    return list(json.loads(out))


async def test_a_fixed_case_is_seen_from_every_side_and_survives_the_loss_of_the_docket(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as set_up:
        await set_up.run("streams", "apply")
        await set_up.publish(coupon_report())
        assert (await set_up.run("work", "--until-empty"))[0] == 0
        (case,) = await set_up.cases()
        await _looked_at(set_up, case.case_id)
        await _lost_and_rebuilt(set_up, case.issue)


async def _looked_at(set_up: Stage, case_id: str) -> None:
    (row,) = await listed(set_up, "cases", "list")
    assert (row["case"], row["verdict"], row["occurrences"]) == (case_id, "fixed", 1)
    code, out, _ = await set_up.run("cases", "list")
    assert code == 0
    assert case_id in out
    code, out, _ = await set_up.run("cases", "show", case_id[:8], "--json")
    shown = json.loads(out)
    assert (code, shown["issue"]) == (0, case_id.removesuffix("-e1"))
    assert json.loads(shown["report"])["type"] == "KeyError"
    code, out, _ = await set_up.run("cases", "show", case_id)
    assert "KeyError in discount" in out
    (result,) = await listed(set_up, "results", "list")
    assert result["subject"] == f"shop.results.fixed.{case_id}"
    code, _, err = await set_up.run("cases", "show", "zzz")
    assert (code, err.count("\n")) == (2, 1)


async def _lost_and_rebuilt(set_up: Stage, issue: str) -> None:
    await set_up.bus.api.call(f"STREAM.PURGE.KV_{NAMES.bucket('DOCKET')}", {})
    await set_up.publish(coupon_report(), "again")
    code, _, err = await set_up.run("work", "--until-empty")
    assert code == 2, err
    assert "mendwire cases rebuild" in err
    assert await set_up.waiting() == 1
    code, _, err = await set_up.run("cases", "rebuild")
    assert code == 0, err
    (case,) = await set_up.cases()
    assert (case.issue, case.state, case.verdict) == (issue, CaseState.FIXED, Verdict.FIXED)
    assert (await set_up.run("work", "--until-empty"))[0] == 0
    assert await set_up.waiting() == 0
    assert len(await set_up.fix_commits()) == 1


async def test_autonomy_ends_where_the_operator_says(tmp_path: Path) -> None:
    """Per environment; and a person's word goes further."""
    config = '[delivery]\nautonomy = "branch"\nenvironments.production.autonomy = "propose"\n'
    async with stage(tmp_path, config=config) as set_up:
        await set_up.run("streams", "apply")
        await set_up.publish(coupon_report())
        assert (await set_up.run("work", "--until-empty"))[0] == 0
        (case,) = await set_up.cases()
        assert case.verdict is Verdict.FIXED
        assert case.delivered is not None
        assert "COUPONS.get" in Path(case.delivered.patch_path).read_text()
        assert await set_up.branches() == []
        code, out, err = await set_up.run("cases", "approve", case.issue)
        assert (code, out) == (
            0,
            f"{case.case_id} is approved as branch; the next free worker hands it over.\n",
        ), err
        assert (await set_up.run("work", "--until-empty"))[0] == 0
        (after,) = await set_up.cases()
        assert (after.case_id, after.state) == (case.case_id, CaseState.FIXED)
        assert (after.approved, after.cost_usd) == ("branch", case.cost_usd)
        assert await set_up.branches() == [f"mendwire/{case.issue}"]
        assert len(await set_up.kept("RESULTS")) == 1
        code, _, err = await set_up.run("cases", "approve", case.issue)
        assert (code, "handed over as far as that already (branch)" in err) == (1, True)


async def test_whose_hand_was_on_a_case_is_in_the_audit_log(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        await set_up.run("streams", "apply")
        docket = Docket(set_up.bus.bucket(NAMES.bucket("DOCKET")), "test")
        case = made_case(1)
        await docket.file(case)
        for words in (
            ("silence", case.case_id, "--for", "1h", "--note", "known"),
            ("retry", case.issue[:12]),
            ("observe", case.issue, "--until", "20/h"),
            ("close", case.case_id, "--note", "not worth it"),
        ):
            code, _, err = await set_up.run("cases", *words)
            assert code == 0, err
        code, _, _ = await set_up.run("cases", "retry", "nosuch")
        assert code == 2
        deeds = await listed(set_up, "audit")
        assert [(deed["what"], deed["target"], deed["detail"]) for deed in deeds] == [
            ("cases silence", case.case_id, "known"),
            ("cases retry", case.case_id, ""),
            ("cases observe", case.case_id, ""),
            ("cases close", case.case_id, "not worth it"),
        ]


async def test_kept_messages_are_shown_whole_and_safe_to_print(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        await set_up.run("streams", "apply")
        text = "\x1b[31mred\x1b[0m " + "".join(f"{number:x}" for number in range(218_000))
        body = json.dumps({"error": text}).encode()
        await set_up.publish(body)
        received = await set_up.bus.peek(NAMES.error_stream(ENV), 1)
        assert isinstance(received, Received)
        await bury(set_up.bus, received, "a test")
        (row, *_) = await listed(set_up, "dead", "list")
        assert row["reason"] == "a test"
        code, out, _ = await set_up.run("dead", "show", str(row["seq"]), "--json")
        assert code == 0
        assert json.loads(json.loads(out)["payload"])["error"] == text
        code, out, _ = await set_up.run("dead", "show", str(row["seq"]))
        assert code == 0
        assert "\x1b" not in out
        code, out, err = await set_up.run("dead", "replay", str(row["seq"]))
        assert (code, out) == (0, f"{row['seq']} waits as {NAMES.error_stream(ENV)} 2.\n"), err
        assert await listed(set_up, "dead", "list") == []
        code, out, err = await set_up.run("dead", "discard", str(row["seq"]), "--yes")
        assert (code, len(err.splitlines())) == (2, 1)
