"""A scan's pictures, decoded once if they fit in memory and anew for each pass if they don't."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture, Scan

HELD_BYTES = 96 << 20  # of decoded pictures; a 100-frame color cine of 640 x 480


class Clip:
    """The ordered pictures of one object. Iterating starts from the first, each time."""

    def __init__(self, scan: Scan, held_bytes: int = HELD_BYTES) -> None:
        self._scan = scan
        self._most = held_bytes
        self._held: list[Picture] | None = None

    def __iter__(self) -> Iterator[Picture]:
        if self._held is not None:
            yield from self._held
            return
        held: list[Picture] | None = []
        size = 0
        for picture in self._scan.frames():
            size += picture.nbytes
            if held is not None:
                held.append(picture)
                if size > self._most:
                    held = None
            yield picture
        self._held = held

    def spread(self, most: int) -> list[Picture]:
        """At most that many pictures, evenly spread from the first to the last."""
        declared = max(self._scan.declared_frames, 1)
        count = min(most, declared)
        wanted = {round(i * (declared - 1) / max(count - 1, 1)) for i in range(count)}
        return [picture for index, picture in enumerate(self) if index in wanted]
