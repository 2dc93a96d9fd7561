"""Headers of a shard's members, told without a Python object of many fields for each of them.

Shards that were written here have the same header for each member but for its name and size: those
are read as they lie. Any other is left to ``tarfile``, which knows all that a tar file may be.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator
from typing import Literal, NamedTuple

from echoatlas.pipeline.release.places import BLOCK

# Where a header has the name, the size and the sum of its bytes (POSIX.1-1988, ustar)
NAME, SIZE, SUM = slice(0, 100), slice(124, 136), slice(148, 156)
NAMED, SIZED = re.compile(rb"[0-9A-Za-z._-]+"), re.compile(rb"[0-7]{11}\0")
PLAIN = tarfile.TarInfo("").tobuf(tarfile.USTAR_FORMAT)  # of a member of nobody's and no time
REST = (PLAIN[100:124], PLAIN[136:148], PLAIN[156:])
BLANKS = sum(sum(part) for part in REST) + 8 * ord(" ")  # the sum is taken with blanks in its place


class TarMember(NamedTuple):
    """A member of a tar file.

    Attributes:
        start, first: where its header and its bytes begin. size: bytes.
        owned: it says when it was written, or by whom.
    """

    name: str
    start: int
    first: int
    size: int
    owned: bool = False


def members_in(data: bytes, mode: Literal["r", "r:"] = "r:") -> Iterator[TarMember]:
    """The members of a tar file, in order.

    Args:
        mode: as ``tarfile`` has it: whether it may be compressed.

    Raises:
        tarfile.TarError: it is no tar file, or is cut off.
    """
    found = _plain_members(data)
    if found is not None:
        yield from found
        return
    with tarfile.open(fileobj=io.BytesIO(data), mode=mode) as tar:
        for one in tar:
            owned = bool(one.mtime or one.uid or one.gid or one.uname)
            yield TarMember(one.name, one.offset, one.offset_data, one.size, owned)


def _plain_members(data: bytes) -> list[TarMember] | None:
    """The same of a file that was written here; None if any header is another's."""
    found: list[TarMember] = []
    at, end = 0, bytes(BLOCK)
    while True:
        header = data[at : at + BLOCK]
        if header == end:
            return found
        name, size = header[NAME].rstrip(b"\0"), header[SIZE]
        if (
            (header[100:124], header[136:148], header[156:]) != REST
            or not NAMED.fullmatch(name)
            or not SIZED.fullmatch(size)
        ):
            return None
        length = int(size[:11], 8)
        total = b"%06o\0 " % (sum(header[NAME]) + sum(size) + BLANKS)
        first = at + BLOCK
        at = first - (-length // BLOCK) * BLOCK
        if header[SUM] != total or at > len(data):
            return None
        found.append(TarMember(name.decode(), first - BLOCK, first, length))
