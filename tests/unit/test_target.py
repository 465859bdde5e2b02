from __future__ import annotations

import pytest

from mendwire.model.report import ErrorReport, Frame
from mendwire.model.target import same_target, target_of, touches_the_same
from mendwire.model.work import Change, Finding


def patch(file: str, first: int, removed: str = "old", count: int = 3) -> Change:
    text = f"--- a/{file}\n+++ b/{file}\n@@ -{first},{count} +{first},{count} @@\n"
    return Change(patch=f"{text} x\n-{removed}\n+new\n y\n", files=(file,))


@pytest.mark.parametrize(
    ("one", "other", "same_base", "meets"),
    [
        (patch("a.py", 10), patch("a.py", 12), True, True),
        (patch("a.py", 10), patch("a.py", 13), True, False),
        (patch("a.py", 10), patch("b.py", 10), True, False),
        (patch("a.py", 10, count=0), patch("a.py", 10), True, True),
        (patch("a.py", 10), patch("a.py", 90), False, True),  # the lines moved meanwhile
        (patch("a.py", 10), patch("a.py", 10, "another"), False, False),
    ],
)
def test_changes_that_git_could_not_merge_meet(
    one: Change, other: Change, same_base: bool, meets: bool
) -> None:
    assert touches_the_same(one, other, same_base=same_base) is meets
    assert touches_the_same(other, one, same_base=same_base) is meets


def finding(*files: str, guilty: str = "") -> Finding:
    return Finding(summary="s", files=files, guilty_commit=guilty)


def crash(function: str, file: str = "/app/shop/pricing.py") -> ErrorReport:
    return ErrorReport(error="KeyError: 1", frames=(Frame(file=file, function=function),))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ((finding("shop/pricing.py"), "f"), (finding("shop/pricing.py"), "f"), True),
        ((finding("shop/pricing.py"), "f"), (finding("shop/pricing.py"), "g"), False),
        ((finding("shop/tax.py"), "f"), (finding("shop/tax.py"), "g"), True),
        ((finding("a.py", guilty="c"), "f"), (finding("a.py", "b.py", guilty="c"), "g"), True),
        ((finding("pricing.py", guilty="c"), "f"), (finding("b.py", guilty="c"), "g"), False),
        ((finding(), "f"), (finding(), "f"), False),
    ],
)
def test_the_same_place_is_file_and_function_or_the_guilty_commit(
    one: tuple[Finding, str], other: tuple[Finding, str], same: bool
) -> None:
    targets = [target_of(found, crash(function)) for found, function in (one, other)]
    assert same_target(*targets) is same
