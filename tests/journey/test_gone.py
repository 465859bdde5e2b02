"""What is mended at base already is said so, before any agent is paid; what is not, is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mendwire.investigate.gone import gone_at_base
from mendwire.investigate.verdict import verdict_of
from mendwire.model.case import Verdict
from mendwire.model.work import ProofStatus, Reproduction
from tests.journey.test_lying_agents import CAPTURED, FIXED, Court, court, git

__all__ = ["court"]  # a fixture


async def mended(court: Court) -> Court:
    """The same after somebody mended the error at base; the old commit is tagged v1.4."""
    git(court.repo, "tag", "v1.4")
    (court.repo / "shop/cart.py").write_text(FIXED)
    git(court.repo, "commit", "-qam", "Carts without a discount have a price")
    base = (await court.repository.base_commit()).commit
    return replace(court, case=replace(court.case, base=base, release="1.4"))


@pytest.mark.parametrize("release", ["1.4", "v1.4"])
async def test_mended_at_base_but_not_deployed(court: Court, release: str) -> None:
    now = await mended(court)
    proof = await gone_at_base(now.judge, replace(now.case, release=release), CAPTURED)
    assert proof is not None
    assert proof.status is ProofStatus.GONE
    assert [run.what for run in proof.runs][-1] == "reproduction at release"
    assert not proof.runs[-1].passed
    verdict, why = verdict_of(proof, review=None, restricted=False)
    assert verdict is Verdict.ALREADY_FIXED
    assert f"fails in release {release}" in why
    assert "waits to be deployed" in why


@pytest.mark.parametrize("release", ["unknown", "9.9", "--output=x", "HEAD"])
async def test_gone_at_base_and_nothing_known_of_the_release(court: Court, release: str) -> None:
    now = await mended(court)
    proof = await gone_at_base(now.judge, replace(now.case, release=release), CAPTURED)
    assert proof is not None
    assert proof.status is ProofStatus.NOT_REPRODUCED
    assert verdict_of(proof, review=None, restricted=False)[0] is Verdict.NOT_REPRODUCED


async def test_what_still_fails_or_cannot_be_run_goes_to_the_specialists(court: Court) -> None:
    assert await gone_at_base(court.judge, court.case, CAPTURED) is None
    absent = Reproduction(command=("/no/such/program",), origin="config")
    assert await gone_at_base(court.judge, court.case, absent) is None
    now = await mended(court)
    blind = replace(now.judge.bench.sandbox, may_run=False)
    now.judge.bench = replace(now.judge.bench, sandbox=blind)
    assert await gone_at_base(now.judge, now.case, CAPTURED) is None


async def test_what_passes_twice_by_chance_is_not_called_gone(court: Court, tmp_path: Path) -> None:
    """A quick reproduction is run as often as it would be after a fix, not once."""
    ran = tmp_path / "ran"
    code = f"f = open({str(ran)!r}, 'a+'); f.write('x'); f.seek(0); assert len(f.read()) != 3"
    chance = Reproduction(command=("{python}", "-c", code), origin="config")
    assert court.judge.commands.reruns == 1
    assert await gone_at_base(court.judge, court.case, chance) is None
    assert ran.read_text() == "xxx"
