"""The bytes of a batch's objects; an archive is walked once for all its members."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.archive import Content, Member, opened
from echoatlas.pipeline.read.arrays.detached_header import read_whole
from echoatlas.pipeline.sidecars.site import MOST_BYTES, ArchiveTables


@dataclass(slots=True)
class Reader:
    """Gives the bytes of a batch's objects; walks an archive once for all its members in order.

    Attributes:
        read: gives the bytes under a key of the site's bucket.
        inside: is given each archive before its members are, if there is one.
    """

    read: Callable[[str], bytes]
    inside: ArchiveTables | None = None
    _key: str = ""
    _told: str = ""
    _walk: Iterator[tuple[Member, Content]] = field(default_factory=lambda: iter(()))

    def content(self, key: str, member: int, size: int) -> tuple[bytes, str]:
        """The bytes of an object, and the name of the member if it lies in an archive.

        Raises:
            Reject: ``vanished`` when the site removed the file, ``too_large``, or
                ``unsafe_archive`` or ``unsupported_format`` of a member.
        """
        if member < 0:
            return self._whole(key, size), ""
        if key != self._key:
            data = self._whole(key, 0)
            if self.inside and key != self._told:
                self.inside.open(key, opened(data))
                self._told = key
            self._key, self._walk = key, opened(data)
        found, content = self._next(member)
        return content(), found.name

    def _next(self, member: int) -> tuple[Member, Content]:
        try:
            for found, content in self._walk:
                if found.index == member:
                    return found, content
        except Reject:
            self._key = ""  # the walk ended there: the next member starts another
            raise
        self._key = ""
        raise Reject(Reason.UNSAFE_ARCHIVE, "The archive lost a member since it was listed.")

    def _whole(self, key: str, size: int) -> bytes:
        if size > MOST_BYTES:
            raise Reject(
                Reason.TOO_LARGE, f"The file has {size} bytes, at most {MOST_BYTES} are read."
            )
        try:
            return read_whole(key, self.read)
        except FileNotFoundError:
            raise Reject(Reason.VANISHED) from None
