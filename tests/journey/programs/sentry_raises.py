"""A program with the real sentry-sdk that breaks in the way it is told to.

sentry_raises.py CASE, with SENTRY_DSN and SENTRY_RELEASE in the environment; any option of the SDK
as JSON in SENTRY_OPTIONS. All secrets in here are bait.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading
from typing import NoReturn

import sentry_sdk
from sentry_sdk.integrations.asyncio import AsyncioIntegration

CARD = "4111 1111 1111 1111"


class OrderFailed(Exception):
    pass


def charge(order: int) -> NoReturn:
    db_password = "hunter2-bait"
    headers = {"Authorization": "Bearer bait.bait.bait0123456789abcdef", "Accept": "*/*"}
    card = CARD
    del db_password, headers, card
    raise ValueError(f"order {order} refused: token=sk_live_baitbaitbaitbait0123456789")


def unhandled() -> None:
    charge(17)


def chained() -> None:
    try:
        prices: dict[str, int] = {}
        charge(prices["price"])
    except KeyError as problem:
        raise OrderFailed("the order has no price") from problem


def group() -> None:
    problems: list[Exception] = []
    for broken in (lambda: int("seven"), lambda: list("abc")[3]):
        try:
            broken()
        except Exception as problem:  # noqa: BLE001 - collected, as a task group does
            problems.append(problem)
    raise ExceptionGroup("two imports failed", problems)


def tasks() -> None:
    async def fetch() -> None:
        await asyncio.sleep(0)
        raise ConnectionError("the warehouse hung up")

    async def main() -> None:
        start()  # where the loop runs already: so its task factory is the SDK's
        await asyncio.gather(asyncio.create_task(fetch()), return_exceptions=True)

    asyncio.run(main())


def thread() -> None:
    def restock() -> None:
        raise LookupError("no shelf left")

    worker = threading.Thread(target=restock)
    worker.start()
    worker.join()


def recursion() -> None:
    def walk(depth: int) -> int:
        return walk(depth + 1) + 1

    sys.setrecursionlimit(1000)
    walk(0)


def logs() -> None:
    for order, customer in ((17, "mia"), (18, "noah"), (19, "lea")):
        logging.getLogger("shop.mail").error("no mail for %s about order %d", customer, order)


def message() -> None:
    sentry_sdk.capture_message("the stock is empty", level="error")
    sentry_sdk.capture_message("the stock is low", level="info")


def fingerprint() -> None:
    for wanted in (["{{ default }}", "checkout"], ["all-of-billing"]):
        with sentry_sdk.new_scope() as scope:
            scope.fingerprint = wanted
            try:
                charge(17)
            except ValueError as problem:
                sentry_sdk.capture_exception(problem)


def everything() -> None:
    """A session, a transaction, attachments and one error."""
    sentry_sdk.get_isolation_scope().start_session()
    with sentry_sdk.new_scope() as scope, sentry_sdk.start_transaction(name="pay", op="task"):
        scope.add_attachment(bytes=b"not an envelope {}\n" * 500, filename="log.txt")
        scope.add_attachment(bytes=bytes(range(256)) * 40, filename="core.bin")
        with sentry_sdk.start_span(op="db", name="select"):
            pass
        try:
            charge(17)
        except ValueError as problem:
            sentry_sdk.capture_exception(problem)
    sentry_sdk.get_isolation_scope().end_session()


def repeats() -> None:
    for order in range(25):
        try:
            charge(order)
        except ValueError as problem:
            sentry_sdk.capture_exception(problem)


def storm() -> None:
    """More than the key allows, with pauses in which the SDK hears of it."""
    for number in range(6):
        for at in range(4):
            scope = {"__name__": "storm"}
            exec(f"def broken_{'abcdef'[number]}_{'abcd'[at]}(): raise ValueError('no')", scope)  # noqa: S102 - our own line
            try:
                next(value for name, value in scope.items() if name.startswith("broken"))()  # type: ignore[operator]
            except ValueError as problem:
                sentry_sdk.capture_exception(problem)
        sentry_sdk.flush(10)


def start() -> None:
    sentry_sdk.init(
        server_name="web-1",
        shutdown_timeout=30,  # on a loaded machine all that is sent takes its time
        integrations=[AsyncioIntegration()],
        **json.loads(os.environ.get("SENTRY_OPTIONS", "{}")),
    )
    sentry_sdk.set_tag("plan", "gold")


def main() -> None:
    if sys.argv[1] != "tasks":
        start()
    globals()[sys.argv[1]]()
    sentry_sdk.flush(10)


main()
