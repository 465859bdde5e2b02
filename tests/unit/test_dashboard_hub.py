"""What open pages are told: names alone, and never too many."""

from __future__ import annotations

from mendwire.dashboard.hub import MOST_ISSUES, Listener


def test_single_cases_are_named_and_many_are_any() -> None:
    listener = Listener()
    for issue in ("b", "a", "a", ""):
        listener.add("cases", issue)
    assert listener.take() == ["case:a", "case:b", "cases"]
    assert listener.take() == []
    for number in range(10 * MOST_ISSUES):
        listener.add("", f"{number:04}")
    told = listener.take()
    assert told[0] == "case:*"
    assert told[1:] == [f"case:{number:04}" for number in range(MOST_ISSUES)]
