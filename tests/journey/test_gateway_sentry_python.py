"""The real sentry-sdk for Python in a process of its own, the real gateway, a real nats-server."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.gateway_stage import ENV, GatewayStage, Stored, gateway_stage

pytestmark = pytest.mark.asyncio(loop_scope="module")
PROGRAM = Path(__file__).parent / "programs" / "sentry_raises.py"
FILE = "sentry_raises.py"
BAIT = ("hunter2-bait", "bait.bait.bait0123456789abcdef", "sk_live_bait", "4111 1111 1111 1111")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayStage]:
    async with gateway_stage(tmp_path_factory.mktemp("gateway")) as made:
        made.key("server", "--env", "production", "--env", "staging", "--trust", "trusted")
        made.key("narrow", "--env", ENV, "--trust", "trusted", "--events", "5,0,0")
        made.start()
        yield made


async def broken(stage: GatewayStage, case: str, *, key: str = "server", **options: object) -> None:
    """Run the program to its end, with its release named after the case."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        case,
        cwd=PROGRAM.parent,
        env={
            "PATH": stage.environment["PATH"],
            "SENTRY_DSN": stage.key(key).dsn,
            "SENTRY_RELEASE": f"{case}@1",
            "SENTRY_ENVIRONMENT": ENV,
            "SENTRY_OPTIONS": json.dumps(options),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    # At its end the SDK sends what waits, and says so where that takes longer than a tenth of a
    # second: what has arrived is what counts.
    await process.communicate()


async def only(stage: GatewayStage, release: str) -> Stored:
    """The one message of that release, with what all of them have."""
    (found,) = await stage.reports(release)
    assert found.subject == f"shop.errors.{ENV}"
    assert found.body["environment"] == ENV
    assert found.body["language"] == "python"
    assert not [bait for bait in BAIT if bait in found.raw]
    return found


def own_calls(report: Stored) -> list[str]:
    return [f["function"] for f in report.body["frames"] if f.get("in_app") is not False]


async def test_an_unhandled_exception_arrives_whole_and_without_its_secrets(
    stage: GatewayStage,
) -> None:
    await broken(stage, "unhandled")
    report = await only(stage, "unhandled@1")
    assert report.body["type"] == "ValueError"
    assert report.body["error"].startswith("ValueError: order 17 refused: ")
    assert own_calls(report) == ["<module>", "main", "unhandled", "charge"]
    innermost = report.body["frames"][-1]
    assert innermost["file"] == FILE
    assert innermost["in_app"] is True
    assert innermost["code"].startswith("raise ValueError(")
    assert len(report.body["trace_id"]) == 32
    assert report.body["context"]["handled"] is False
    assert report.body["context"]["host"] == "web-1"
    assert "in charge" in report.body["stack"]


async def test_the_cause_of_an_exception_comes_with_it(stage: GatewayStage) -> None:
    await broken(stage, "chained")
    report = await only(stage, "chained@1")
    assert report.body["type"].endswith("OrderFailed")
    assert own_calls(report)[-1] == "chained"
    stack = report.body["stack"]
    assert stack.index("KeyError") < stack.index("OrderFailed: the order has no price")


async def test_all_members_of_a_group_come_with_it(stage: GatewayStage) -> None:
    await broken(stage, "group")
    report = await only(stage, "group@1")
    assert report.body["type"] == "ExceptionGroup"
    assert own_calls(report)[-1] == "group"
    assert "ValueError: invalid literal" in report.body["stack"]
    assert "IndexError: list index" in report.body["stack"]


async def test_a_failed_task_is_reported(stage: GatewayStage) -> None:
    await broken(stage, "tasks")
    report = await only(stage, "tasks@1")
    assert report.body["type"] == "ConnectionError"
    assert report.calls[-1].endswith("fetch")


async def test_a_broken_thread_is_reported(stage: GatewayStage) -> None:
    await broken(stage, "thread")
    report = await only(stage, "thread@1")
    assert report.body["type"] == "LookupError"
    assert own_calls(report)[-1].endswith("restock")
    library = next(f for f in report.body["frames"] if f["file"].endswith("threading.py"))
    assert library.get("in_app") is not True


async def test_a_deep_recursion_is_folded(stage: GatewayStage) -> None:
    await broken(stage, "recursion")
    report = await only(stage, "recursion@1")
    assert report.body["type"] == "RecursionError"
    assert report.calls[-1].endswith("walk")
    assert len(report.body["frames"]) <= 20
    assert len(report.raw) < 40_000


async def test_a_log_line_is_known_by_its_template(stage: GatewayStage) -> None:
    await broken(stage, "logs")
    report = await only(stage, "logs@1")
    assert report.body["message_template"] == "no mail for %s about order %d"
    assert report.body["error"] == "no mail for mia about order 17"
    assert report.body["context"]["logger"] == "shop.mail"
    assert await stage.counted(report, 2) == 2


async def test_a_message_is_an_error_only_when_it_says_so(stage: GatewayStage) -> None:
    await broken(stage, "message")
    report = await only(stage, "message@1")
    assert report.body["error"] == "the stock is empty"


async def test_a_fingerprint_decides_what_is_one_error(stage: GatewayStage) -> None:
    await broken(stage, "fingerprint")
    refined, replaced = await stage.reports("fingerprint@1")
    assert [part.replace(" ", "") for part in refined.body["fingerprint"]] == [
        "{{default}}",
        "checkout",
    ]
    assert replaced.body["fingerprint"] == ["all-of-billing"]
    assert refined.message_id != replaced.message_id
    assert refined.headers["Mendwire-Issue"] != replaced.headers["Mendwire-Issue"]


@pytest.mark.parametrize("algorithm", ["br", "gzip"])
async def test_sessions_transactions_and_attachments_are_taken_and_left_alone(
    stage: GatewayStage, algorithm: str
) -> None:
    release = f"everything-{algorithm}@1"
    await broken(
        stage,
        "everything",
        release=release,
        traces_sample_rate=1.0,
        _experiments={"transport_compression_algo": algorithm},
    )
    report = await only(stage, release)
    assert own_calls(report)[-1] == "charge"
    assert "not an envelope" not in report.raw


async def test_repeats_are_counted_and_not_stored(stage: GatewayStage) -> None:
    await broken(stage, "repeats")
    report = await only(stage, "repeats@1")
    assert await stage.counted(report, 24) == 24


async def test_the_environment_is_one_that_the_key_allows(stage: GatewayStage) -> None:
    await broken(stage, "unhandled", release="staged@1", environment="staging")
    (staged,) = await stage.reports("staged@1", "staging")
    assert staged.subject == "shop.errors.staging"
    await broken(stage, "unhandled", release="strange@1", environment="Strange Place")
    assert (await only(stage, "strange@1")).body["environment"] == ENV


async def test_what_a_client_drops_when_it_must_wait_is_counted(stage: GatewayStage) -> None:
    """Beyond the limit the answer is 429; the SDK stops, and says later what it threw away."""
    await broken(stage, "storm", key="narrow")
    stored = await stage.reports("storm@1")
    assert 5 <= len(stored) < 24  # what was allowed, and what grew again meanwhile
    figures = stage.get("/v1/statistics", stage.key("server").key)
    refused = figures["refused"]["quota_events"]
    assert refused >= 1
    assert figures["discarded"]["error/ratelimit_backoff"] + refused == 24 - len(stored)
