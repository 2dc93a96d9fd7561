"""Bounds on what is unpacked: counted while it unfolds, whatever was claimed."""

from __future__ import annotations

import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from echoatlas.pipeline.errors import Reason, Reject

CHUNK = 1 << 20
DAMAGE = (
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    UnicodeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what comes out of an archive.

    Attributes:
        members: files, nested ones included.
        member_bytes: of one file, unpacked.
        total_bytes: of all files together, unpacked.
        free_bytes: what may come out of any archive, however small it is: label maps, masks and
            empty frames pack a thousand times.
        ratio: of all that comes out beyond ``free_bytes`` to the archive's size.
        depth: of archives in archives.
    """

    members: int = 100_000
    member_bytes: int = 2 << 30
    total_bytes: int = 64 << 30
    free_bytes: int = 1 << 29
    ratio: int = 200
    depth: int = 3


@dataclass(slots=True)
class Budget:
    """What may still come out of an archive of a size, and of those within it."""

    limits: Limits
    packed: int
    members: int = 0
    unpacked: int = 0

    def count(self) -> None:
        self.demand_room(1)
        self.members += 1

    def demand_room(self, members: int) -> None:
        if self.members + members > self.limits.members:
            raise Reject(Reason.UNSAFE_ARCHIVE, f"more than {self.limits.members} members")

    def spend(self, size: int) -> None:
        self.unpacked += size
        self.demand()

    def demand(self) -> None:
        """Refuse to go on when all is spent: after that, what a member holds depends on who
        asked for which members before."""
        if self.unpacked > self.limits.total_bytes:
            raise Reject(Reason.UNSAFE_ARCHIVE, "the archive unpacks to more than is accepted")
        if self.unpacked > max(self.limits.free_bytes, self.limits.ratio * self.packed):
            ratio = self.limits.ratio
            raise Reject(
                Reason.UNSAFE_ARCHIVE, f"the archive unpacks to more than {ratio} times its size"
            )


@dataclass(frozen=True, slots=True)
class Bounded:
    """A decompressed stream that refuses to swell beyond the limits, even in skipped members."""

    source: IO[bytes]
    budget: Budget

    def read(self, size: int = -1) -> bytes:
        part = self.source.read(size)
        self.budget.spend(len(part))
        return part

    def close(self) -> None:
        self.source.close()


def unpacked(
    source: IO[bytes], limits: Limits, spend: Callable[[int], None] = lambda size: None
) -> bytes:
    """All bytes, refusing a bomb while it unfolds and not afterwards."""
    parts: list[bytes] = []
    size = 0
    try:
        while part := source.read(CHUNK):
            size += len(part)
            if size > limits.member_bytes:
                raise too_large()
            spend(len(part))
            parts.append(part)
    except DAMAGE as error:
        raise damaged(error) from None
    return b"".join(parts)


def too_large() -> Reject:
    return Reject(Reason.UNSAFE_ARCHIVE, "a member unpacks to more than is accepted")


def damaged(error: Exception, what: str = "archive") -> Reject:
    return Reject(Reason.UNSAFE_ARCHIVE, f"the {what} is damaged ({type(error).__name__})")
