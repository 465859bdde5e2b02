"""Charts as SVG, drawn on the server.

Across everything is a share of the width, so that a chart fits any screen while its letters keep
their size; colours are classes, since the page's policy lets no style in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup

from mendwire.dashboard.rates import Chart
from mendwire.dashboard.text import short
from mendwire.model.printable import printable

HEIGHT: Final = 220
_TOP: Final = 46
"""Room for the names of releases."""
_BOTTOM: Final = 22
_COLOURS: Final = 6
_TICKS: Final = (0.5, 1.0)
_STEPS: Final = (1, 2, 5)
_LABELS: Final = 6
_ROWS: Final = 3
"""Rows of releases, so that neighbours do not lie on each other."""
_LONGEST: Final = 14
_DAY_S: Final = 86_400
_MOST_MARKS: Final = 30
_FOOT: Final = HEIGHT - _BOTTOM

_SVG = Markup(
    '<svg class="chart" role="img" aria-label="{label}" width="100%" height="{height}">{body}</svg>'
)
_BAR = Markup('<rect class="c{colour}" x="{x}" width="{width}" y="{y}" height="{height}"/>')
_COLUMN = Markup('<g class="bar"><title>{title}</title>{hit}{parts}</g>')
_HIT = Markup('<rect class="hit" x="{x}" width="{width}" y="{y}" height="{height}"/>')
_LINE = Markup('<line class="{kind}" x1="{x1}" x2="{x2}" y1="{y1}" y2="{y2}"/>')
_TEXT = Markup('<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>')
_MARK = Markup('<g class="mark"><title>{title}</title>{parts}</g>')
_SPARK = Markup('<svg class="spark" aria-hidden="true" width="100%" height="28">{body}</svg>')


def draw(chart: Chart) -> Markup:
    """Stacked bars with a scale, the time, and deployments."""
    top = _round_up(chart.most)
    body = Markup("").join(
        (*_scale(top), *_bars(chart, top), *_marks(chart), *_times(chart.begins_s, chart))
    )
    label = (
        f"{chart.total} errors in the last {chart.range.name}, most in one bar {chart.most}; "
        f"{len(chart.marks)} deployments"
    )
    return _SVG.format(label=label, height=HEIGHT, body=body)


def spark(counts: Sequence[int], colour: int = 0) -> Markup:
    """A small row of bars."""
    most, count = max(counts, default=0), len(counts)
    return _SPARK.format(
        body=Markup("").join(
            _BAR.format(
                colour=colour,
                x=_share(at / count),
                width=_share(0.7 / count),
                y=_n(26 - 24 * value / most) if value else 25,
                height=_n(24 * value / most + 2) if value else 1,
            )
            for at, value in enumerate(counts)
            if value or not most
        )
        if most
        else Markup("")
    )


def colour_of(names: Sequence[str], name: str) -> int:
    """Which of the colours an environment has: by its place among all."""
    return names.index(name) % _COLOURS if name in names else _COLOURS - 1


def _bars(chart: Chart, top: int) -> Iterator[Markup]:
    count = chart.range.bars
    names = [one.name for one in chart.series]
    for at in range(count):
        values = [(one.name, one.counts[at]) for one in chart.series if one.counts[at]]
        if not values:
            continue
        parts, foot = [], float(_FOOT)
        for name, value in values:
            height = max(2.0, (_FOOT - _TOP) * value / top)
            foot -= height
            parts.append(
                _BAR.format(
                    colour=colour_of(names, name),
                    x=_share((at + 0.1) / count),
                    width=_share(0.8 / count),
                    y=_n(foot),
                    height=_n(height),
                )
            )
        hit = _HIT.format(
            x=_share(at / count), width=_share(1 / count), y=_TOP, height=_FOOT - _TOP
        )
        said = ", ".join(f"{printable(name, 40)} {value:,}" for name, value in values)
        title = f"{_clock(chart.begins_s + at * chart.bar_s, with_day=True)} UTC: {said}"
        yield _COLUMN.format(title=title, hit=hit, parts=Markup("").join(parts))


def _scale(top: int) -> Iterator[Markup]:
    yield _LINE.format(kind="base", x1="0%", x2="100%", y1=_FOOT, y2=_FOOT)
    for share in _TICKS if top > 1 else _TICKS[1:]:
        y = _n(_FOOT - (_FOOT - _TOP) * share)
        yield _LINE.format(kind="grid", x1="0%", x2="100%", y1=y, y2=y)
        yield _TEXT.format(
            kind="tick", x="0%", y=_n(float(y) - 4), anchor="start", text=short(top * share)
        )


def _times(begins_s: int, chart: Chart) -> Iterator[Markup]:
    seconds = chart.range.bars * chart.bar_s
    for step in range(_LABELS + 1):
        at = step / _LABELS
        anchor = "start" if step == 0 else "end" if step == _LABELS else "middle"
        kind = "tick" if step % 2 == 0 else "tick wide"  # half of them on a phone
        text = "now" if step == _LABELS else _clock(int(begins_s + at * seconds), seconds > _DAY_S)
        yield _TEXT.format(kind=kind, x=_share(at), y=HEIGHT - 6, anchor=anchor, text=text)


def _marks(chart: Chart) -> Iterator[Markup]:
    for number, mark in enumerate(chart.marks[-_MOST_MARKS:]):
        what, x = mark.deployment, _share(mark.at)
        y = 12 + 13 * (number % _ROWS)
        anchor = "end" if mark.at > 0.8 else "start"  # noqa: PLR2004 - near the right end
        name = printable(what.release, _LONGEST)
        where = " ".join(filter(None, (what.environment, what.service)))
        at = _clock(int(what.at_ns / 1e9), with_day=True)
        yield _MARK.format(
            title=f"{at} UTC: {printable(where, 80)} {printable(what.release, 80)} deployed",
            parts=_LINE.format(kind="deploy", x1=x, x2=x, y1=y + 3, y2=_FOOT)
            + _TEXT.format(kind="release", x=x, y=y, anchor=anchor, text=f"▾ {name}"),
        )


def _round_up(most: int) -> int:
    """The next 1, 2 or 5 with noughts behind."""
    size = 1
    while True:
        for step in _STEPS:
            if most <= step * size:
                return step * size
        size *= 10


def _clock(moment_s: int, with_day: bool) -> str:  # noqa: FBT001 - the only choice there is
    when = datetime.fromtimestamp(moment_s, tz=UTC)
    return f"{when:%d %b %H:%M}" if with_day else f"{when:%H:%M}"


def _share(part: float) -> str:
    return f"{part * 100:.3f}%"


def _n(pixels: float) -> str:
    return f"{pixels:.1f}"
