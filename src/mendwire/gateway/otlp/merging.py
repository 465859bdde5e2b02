"""Of several tellings of one exception in one request, the best, with what the others knew."""

from __future__ import annotations

from collections.abc import Iterable

from mendwire.gateway.otlp.mapping import Body, Mapped


def merge(reports: Iterable[Mapped]) -> list[Mapped]:
    """Each exception once, in whichever order they come; those outside of traces as they are.

    A telling without a stack belongs to any with one. A longer stack is better: an exception that
    has travelled further shows more of the calls that led to it.
    """
    alone: list[Mapped] = []
    groups: dict[bytes, dict[str, list[Mapped]]] = {}
    for one in reports:
        if one.seen is None:
            alone.append(one)
        else:
            groups.setdefault(one.seen.key, {}).setdefault(one.seen.place, []).append(one)
    return alone + [best for places in groups.values() for best in _bests(places)]


def _bests(places: dict[str, list[Mapped]]) -> list[Mapped]:
    without = places.pop("", [])
    if not places:
        return [_best(without)]
    first, *others = (places[place] for place in sorted(places))
    return [_best(first + without), *map(_best, others)]


def _best(tellings: list[Mapped]) -> Mapped:
    if len(tellings) == 1:
        return tellings[0]
    ranked = sorted(tellings, key=_worth, reverse=True)
    body: Body = {}
    context: Body = {}
    for one in reversed(ranked):
        known = one.body.get("context")
        body |= one.body
        context |= known if isinstance(known, dict) else {}
    return Mapped(body=body | {"context": context}, seen=ranked[0].seen)


def _worth(one: Mapped) -> tuple[int, int, str]:
    stack, kind = str(one.body.get("stack", "")), str(one.body.get("type", ""))
    return len(stack), len(kind), repr(one.body)
