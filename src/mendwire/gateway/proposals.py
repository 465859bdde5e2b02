"""Clients that propose another protocol with their first request, as Java's does with HTTP/2."""

from __future__ import annotations

import re
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_PROPOSAL: Final = re.compile(rb"\r\nupgrade:", re.IGNORECASE)


class DeafHttp(HttpToolsProtocol):
    """HTTP/1.1 that does not hear such a proposal, which a server may ignore.

    The parser would take the body behind it for the other protocol's, and the report in it would
    be lost.
    """

    def data_received(self, data: bytes) -> None:
        """Bytes of the connection, in order."""
        is_head = getattr(self.cycle, "response_complete", True)  # before the first there is none
        if is_head and b"pgrade:" in data:
            head, blank, body = data.partition(b"\r\n\r\n")
            data = _PROPOSAL.sub(b"\r\nx-proposed:", head) + blank + body
        super().data_received(data)
