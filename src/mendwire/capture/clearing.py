"""A person's data in reports that wait on disk: files that a living program holds are its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mendwire.capture.segment import SUFFIX, Segment, Spooled

if TYPE_CHECKING:
    from mendwire.model.erasure import Eraser


def clear_spool(folder: Path, eraser: Eraser, *, for_real: bool) -> tuple[int, int]:
    """Records of ``folder`` that held the text, and files that were in use and not looked at.

    Raises OSError.
    """
    found = busy = 0
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        segment = Segment.adopted(path)
        if segment is None:
            busy += path.exists()
            continue
        try:
            items = [item.item for item in segment.unsettled() if item.item is not None]
            cleared = [_cleared(item, eraser) for item in items]
            count = sum(one is not other for one, other in zip(items, cleared, strict=True))
            if count and for_real:
                segment.rewrite(cleared)
            found += count
        finally:
            segment.close()
    return found, busy


def _cleared(item: Spooled, eraser: Eraser) -> Spooled:
    payload = eraser.payload(item.payload)
    return item if payload is item.payload else replace(item, payload=payload)
