"""Sending one notice to one destination by Apprise: bounded in time, no redirects, nothing logged.

Destinations are what the operator wrote, and nothing else (rules B11).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType, PersistentStoreMode

from mendwire.errors import AlertRefused, ConfigError
from mendwire.notify.letter import Letter
from mendwire.settings.secret import Secret

SEND_S: Final = 45.0
"""How long one destination may take."""
_SHOWN: Final = 8
Aside = Callable[[Callable[[], bool]], Awaitable[bool]]
"""Runs what may block in a thread that nobody waits for at the end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprisePost:
    """``Post`` on Apprise."""

    urls: Mapping[str, Secret]
    """By name."""
    aside: Aside

    @property
    def destinations(self) -> tuple[str, ...]:
        return tuple(self.urls)

    async def send(self, destination: str, letter: Letter) -> None:
        """One try. The identity is in the body, too."""
        plugin = _plugin(destination, self.urls[destination])
        if destination.startswith("mailto") and isinstance(plugin.headers, dict):
            thread = letter.id.rpartition(".")[0]  # mail programs show it as one conversation
            plugin.headers["References"] = f"<{thread}@mendwire.invalid>"
            plugin.headers["X-Mendwire-Alert"] = letter.id
        kind = NotifyType.FAILURE if letter.urgent else NotifyType.WARNING

        def notify() -> bool:
            taken = plugin.notify(
                body=letter.body,
                title=letter.title,
                notify_type=kind,
                body_format=NotifyFormat.TEXT,
            )
            return bool(taken)

        try:
            async with asyncio.timeout(SEND_S):
                is_taken = await self.aside(notify)
        except TimeoutError:
            message = f"{destination} did not answer within {SEND_S:.0f} s."
            raise AlertRefused(message) from None
        except Exception as problem:  # noqa: BLE001 - whatever a plugin raises; it may name secrets
            raise AlertRefused(f"{destination} failed: {type(problem).__name__}.") from None
        if not is_taken:
            raise AlertRefused(f"{destination} did not take it.")


def apprise_post(urls: Iterable[Secret], aside: Aside) -> ApprisePost:
    """Checks every address now rather than in the night; raises ConfigError."""
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines may hold addresses
    named = {name_of(url): url for url in urls}
    for name, url in named.items():
        _plugin(name, url)
    return ApprisePost(urls=named, aside=aside)


def name_of(url: Secret) -> str:
    """``mailto-1a2b3c4d``: the kind, and what tells it from others of that kind."""
    text = url.reveal()
    kind = text.partition("://")[0].lower()
    shown = "".join(char for char in kind if char.isascii() and char.isalnum())[:20] or "unknown"
    return f"{shown}-{sha256(text.encode()).hexdigest()[:_SHOWN]}"


def _plugin(name: str, url: Secret) -> Any:  # noqa: ANN401 - Apprise's own, of any kind
    asset = AppriseAsset(
        app_id="Mendwire",
        app_desc="Mendwire",
        app_url="",
        storage_mode=PersistentStoreMode.MEMORY,
        http_redirects=False,
        interpret_emojis=False,
        pgp_autogen=False,
        pem_autogen=False,
        service_timeout=SEND_S,
    )
    plugin = Apprise.instantiate(url.reveal(), asset=asset)
    if plugin is None:
        raise ConfigError(
            f"[alerts] to: Apprise does not know what to do with the destination {name}; its "
            "list of services shows what a whole address looks like."
        )
    plugin.redirects = False  # an address cannot ask for them either
    return plugin
