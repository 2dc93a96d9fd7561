"""A scan's pictures, decoded once if they fit in memory and anew for each pass if they don't."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from echoatlas.pipeline.frames.color import plain

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture, Scan

HELD_BYTES = 192 << 20  # of decoded pictures: 200 color frames of 640 x 480, or 600 gray ones


class Clip:
    """The ordered pictures of one object. Iterating starts from the first, each time.

    Pictures whose three components are equal in every pixel are given as gray: the same picture
    in a third of the memory, and every step after has a third of the work.
    """

    def __init__(self, scan: Scan, held_bytes: int = HELD_BYTES) -> None:
        self._scan = scan
        self._most = held_bytes
        self._held: list[Picture] | None = None

    def __iter__(self) -> Iterator[Picture]:
        if self._held is not None:
            yield from self._held
            return
        held: list[Picture] = []
        room = 0
        for number, decoded in enumerate(self._scan.frames()):
            picture = plain(decoded)
            if not number and picture.nbytes * self._scan.declared_frames <= self._most:
                room = self._most
            room -= picture.nbytes
            if room >= 0:
                held.append(picture)
            else:
                held.clear()
            yield picture
        if room >= 0:
            self._held = held

    def spread(self, most: int) -> list[Picture]:
        """At most that many pictures, evenly spread from the first to the last.

        A clip that will not fit in memory is not decoded for it, where single frames can be.
        """
        declared = max(self._scan.declared_frames, 1)
        count = min(most, declared)
        wanted = sorted({round(i * (declared - 1) / max(count - 1, 1)) for i in range(count)})
        large = declared * self._scan.height * self._scan.width > self._most
        if self._held is None and large and self._scan.single is not None:
            found = (self._scan.single(index) for index in wanted)
            return [plain(picture) for picture in found if picture is not None]
        chosen = set(wanted)
        return [picture for index, picture in enumerate(self) if index in chosen]
