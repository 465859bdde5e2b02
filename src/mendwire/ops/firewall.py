"""What the firewall lets through to NATS, judged: pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mendwire.ops.gcloud import CLIENT_PORT, MONITOR_PORT


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One rule that lets something in."""

    name: str
    ports: tuple[str, ...]
    """As Google writes them: ``tcp:4222``, ``tcp:4000-5000``, ``all``."""
    sources: tuple[str, ...]
    disabled: bool

    def admits(self, port: int) -> bool:
        """Whether TCP on ``port`` passes."""
        return not self.disabled and any(_covers(text, port) for text in self.ports)

    @property
    def is_worldwide(self) -> bool:
        """Whether everybody may."""
        return any(_is_world(source) for source in self.sources)


def rules_of(listed: Sequence[Mapping[str, Any]]) -> list[Rule]:
    """The rules of ``firewall-rules list --format=json`` that let something in."""
    return [
        Rule(
            name=str(one.get("name", "")),
            ports=tuple(_ports(one.get("allowed") or ())),
            sources=tuple(map(str, one.get("sourceRanges") or ())),
            disabled=bool(one.get("disabled")),
        )
        for one in listed
        if one.get("allowed") and one.get("direction", "INGRESS") == "INGRESS"
    ]


def judged(rules: Sequence[Rule]) -> list[str]:
    """A sentence for each thing that should not be so."""
    found = []
    for rule in rules:
        if rule.admits(MONITOR_PORT):
            found.append(
                f"{rule.name} opens {MONITOR_PORT}, the monitoring, which asks nobody for a "
                "password: take it out, and look through mendwire host ssh --tunnel."
            )
        if rule.admits(CLIENT_PORT) and rule.is_worldwide:
            found.append(
                f"{rule.name} opens {CLIENT_PORT} to the whole world: name your addresses under "
                "[host] source_ranges, then mendwire host firewall --open."
            )
    return found


def _ports(allowed: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for one in allowed:
        protocol = str(one.get("IPProtocol", "")).lower()
        ports = one.get("ports") or ()
        if not ports:
            yield protocol
        yield from (f"{protocol}:{port}" for port in ports)


def _covers(text: str, port: int) -> bool:
    protocol, _, ports = text.partition(":")
    if protocol not in {"tcp", "6", "all"}:
        return False
    first, _, last = ports.partition("-")
    return not ports or int(first) <= port <= int(last or first)


def _is_world(source: str) -> bool:
    try:
        return ipaddress.ip_network(source, strict=False).prefixlen == 0
    except ValueError:
        return False
