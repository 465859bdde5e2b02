"""One thread of news: what is known, what is to be told, what is on its way. Pure transitions.

    news ──▶ waiting ──▶ notice (intent, saved before anything is sent) ──▶ told
                            └─ a destination failed: again, later ─┘

Each transition is saved by one compare-and-set. A process killed between sending and saving sends
the same notice again, with the same id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from mendwire.notify.rules import ISSUE, URGENT, Condition, News, Rule

_KNOWN: Final = 60
_LINES: Final = 8
"""Lines of one notice; what is beyond is counted."""
_S: Final = 10**9
_BACKOFF_S: Final = (10, 30, 60, 120, 300, 600, 1800)
GIVEN_UP_NS: Final = 24 * 3600 * _S
"""How long a notice is tried to be sent."""


class Stand(StrEnum):
    """Of a thread."""

    OPEN = "open"
    OVER = "over"
    """What was wrong is not any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """One message to people, fixed before it is sent."""

    id: str
    """The same at every try, for whoever receives it twice."""
    title: str
    body: str
    left: tuple[str, ...]
    """Destinations that have not taken it."""
    born_ns: int
    due_ns: int
    """Not before."""
    tries: int = 0
    failure: str = ""
    """Of the last try."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Thread:
    """As it is stored."""

    key: str
    rule: Rule
    """Of its newest news."""
    title: str
    stand: Stand = Stand.OPEN
    opened_ns: int = 0
    changed_ns: int = 0
    known: tuple[str, ...] = ()
    """Ids of news."""
    waiting: tuple[str, ...] = ()
    """Lines to be told."""
    more: int = 0
    """Lines beyond those."""
    since_ns: int = 0
    """Since when a condition holds that does not count yet; 0 where none does."""
    size: int = 0
    openings: int = 0
    notice: Notice | None = None
    told: int = 0
    """Notices that everybody was given."""
    told_ns: int = 0
    held: int = 0
    """Notices that the cap kept back."""
    undelivered: int = 0
    """Notices that were given up."""
    acked_by: str = ""
    """Whoever said that they look after it: nothing more is told until it begins anew."""
    muted_ns: int = 0
    """Until when it is silent, server time."""

    @property
    def is_condition(self) -> bool:
        """Whether it is of something that holds or does not, rather than of an issue."""
        return not self.key.startswith(ISSUE)

    @property
    def urgent(self) -> bool:
        """Whether the kept part of the cap is for it."""
        return self.rule in URGENT

    def is_quiet(self, now_ns: int) -> bool:
        """Whether people asked not to be told."""
        return bool(self.acked_by) or now_ns < self.muted_ns


def with_news(thread: Thread | None, news: News, now_ns: int) -> Thread:
    """The thread with the news in it; unchanged where it knows them."""
    if thread is None:
        thread = Thread(key=news.key, rule=news.rule, title=news.title, opened_ns=now_ns)
    if news.id in thread.known:
        return thread
    if news.rule is Rule.REGRESSION:
        thread = replace(thread, acked_by="")  # what somebody looked after was mended since
    if not (thread.waiting and thread.urgent):
        thread = replace(thread, rule=news.rule)
    thread = replace(thread, known=(*thread.known, news.id)[-_KNOWN:], stand=Stand.OPEN)
    return _with_line(thread, news.text, now_ns)


def with_condition(thread: Thread | None, now: Condition, now_ns: int) -> Thread | None:
    """The thread after a look at its condition; None where there is nothing to keep."""
    is_open = thread is not None and thread.stand is Stand.OPEN and thread.openings > 0
    if thread is None:
        if not now.holds:
            return None
        thread = Thread(key=now.key, rule=now.rule, title=now.title, stand=Stand.OVER)
    if is_open:
        return _grown(thread, now, now_ns) if now.holds else _over(thread, now_ns)
    if not now.holds:
        return replace(thread, since_ns=0) if thread.since_ns else thread
    since = thread.since_ns or now_ns
    if now_ns - since < now.after_ns:
        return replace(thread, since_ns=since)
    opened = replace(
        thread,
        rule=now.rule,
        title=now.title,
        stand=Stand.OPEN,
        opened_ns=now_ns,
        since_ns=0,
        size=now.size,
        openings=thread.openings + 1,
    )
    return _with_line(opened, now.text, now_ns)


def _grown(thread: Thread, now: Condition, now_ns: int) -> Thread:
    """More of it is news, less is not."""
    if now.size > thread.size:
        return _with_line(replace(thread, size=now.size, title=now.title), now.text, now_ns)
    return replace(thread, size=now.size)


def _over(thread: Thread, now_ns: int) -> Thread:
    """Nobody needs to hear of the end who did not hear of the beginning."""
    over = replace(thread, stand=Stand.OVER, since_ns=0, size=0, acked_by="")
    if thread.told == 0 and thread.notice is None:
        return replace(over, waiting=(), more=0, changed_ns=now_ns)
    return _with_line(over, "It is over.", now_ns, quiet=thread.is_quiet(now_ns))


def is_due(thread: Thread, now_ns: int, every_ns: int) -> bool:
    """Whether a notice is to be made of what waits."""
    if not thread.waiting or thread.notice is not None:
        return False
    return not thread.told_ns or now_ns - thread.told_ns >= every_ns


def with_notice(
    thread: Thread, now_ns: int, destinations: Sequence[str], *, namespace: str, held: int
) -> Thread:
    """What waits becomes a notice: the intent, to be saved before it is sent."""
    number = thread.told + thread.undelivered + 1
    id_ = f"{namespace}.{thread.key}.{thread.opened_ns // _S:x}.{number}"
    lines = [thread.title, "", *thread.waiting]
    if thread.more:
        lines.append(f"{thread.more} more of the same.")
    if held:
        lines.append(f"{held} other alerts were held back: mendwire alerts list")
    lines += ["", f"mendwire alerts ack {thread.key}", f"Alert {id_}"]
    repeat = f" ({number})" if number > 1 else ""
    word = "over" if thread.stand is Stand.OVER else thread.rule.value
    notice = Notice(
        id=id_,
        title=f"[{namespace}] {word}: {thread.title}{repeat}",
        body="\n".join(lines),
        left=tuple(destinations),
        born_ns=now_ns,
        due_ns=now_ns,
    )
    return replace(thread, notice=notice, waiting=(), more=0, changed_ns=now_ns)


def kept_back(thread: Thread, now_ns: int) -> Thread:
    """What waits is not sent, for the cap is reached; it stays known."""
    return replace(thread, waiting=(), more=0, held=thread.held + 1, changed_ns=now_ns)


def given(thread: Thread, destination: str, now_ns: int) -> Thread:
    """A destination has taken the notice; with the last one it is told."""
    notice = thread.notice
    assert notice is not None, "only what is on its way can arrive"
    left = tuple(one for one in notice.left if one != destination)
    if left:
        return replace(thread, notice=replace(notice, left=left))
    return replace(thread, notice=None, told=thread.told + 1, told_ns=now_ns, changed_ns=now_ns)


def put_off(thread: Thread, why: str, now_ns: int) -> Thread:
    """Somebody has not taken it: again, later each time, and not for ever."""
    notice = thread.notice
    assert notice is not None, "only what is on its way can fail"
    if now_ns - notice.born_ns >= GIVEN_UP_NS:
        return replace(thread, notice=None, undelivered=thread.undelivered + 1, told_ns=now_ns)
    wait_s = _BACKOFF_S[min(notice.tries, len(_BACKOFF_S) - 1)]
    again = replace(notice, tries=notice.tries + 1, due_ns=now_ns + wait_s * _S, failure=why[:200])
    return replace(thread, notice=again)


def acknowledged(thread: Thread, by: str, now_ns: int) -> Thread:
    """Somebody looks after it; what was on its way is not sent any more."""
    return replace(thread, acked_by=by, waiting=(), more=0, notice=None, changed_ns=now_ns)


def muted(thread: Thread, until_ns: int, now_ns: int) -> Thread:
    """Silent until then; 0 ends it."""
    if not until_ns:
        return replace(thread, muted_ns=0, acked_by="", changed_ns=now_ns)
    return replace(thread, muted_ns=until_ns, waiting=(), more=0, notice=None, changed_ns=now_ns)


def _with_line(thread: Thread, line: str, now_ns: int, *, quiet: bool | None = None) -> Thread:
    thread = replace(thread, changed_ns=now_ns)
    if thread.is_quiet(now_ns) if quiet is None else quiet:
        return thread
    if len(thread.waiting) >= _LINES:
        return replace(thread, more=thread.more + 1)
    return replace(thread, waiting=(*thread.waiting, line))
