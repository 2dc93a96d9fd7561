"""Headers of a shard's members, written and told without a Python object for each of them.

Shards have the same header for each member but for its name and size: those are written into a
header of ``tarfile``'s, at a fifth of what it takes for another one, and read as they lie. Any
other is left to ``tarfile``, which knows all that a tar file may be.
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


def add_member(sink: io.BytesIO, name: str, data: bytes) -> None:
    """Write a member of a tar file: without time and owner, so that equal samples are equal bytes.

    Raises:
        ValueError: as ``header_of``.
    """
    sink.write(header_of(name, len(data)))
    sink.write(data)
    sink.write(b"\0" * (-len(data) % BLOCK))


def header_of(name: str, size: int) -> bytes:
    """The header of a member of nobody's and of no time: the same bytes as ``tarfile`` writes.

    Args:
        size: bytes of the member.

    Raises:
        ValueError: a ustar header has no room for the name or the size.
    """
    told, length = name.encode(), b"%011o\0" % size
    if not NAMED.fullmatch(told) or len(told) > NAME.stop or not SIZED.fullmatch(length):
        info = tarfile.TarInfo(name)
        info.size = size
        return info.tobuf(tarfile.USTAR_FORMAT)
    parts = (told.ljust(NAME.stop, b"\0"), REST[0], length, REST[1], _sum_of(told, length), REST[2])
    return b"".join(parts)


def members_in(data: bytes, mode: Literal["r", "r:"] = "r:") -> Iterator[TarMember]:
    """The members of a tar file, in order.

    Args:
        mode: as ``tarfile`` has it: whether it may be compressed.

    Raises:
        tarfile.TarError: it is no tar file, or is cut off.
    """
    found = _plain_members(data)
    if found is not None:
        for name, first, size in zip(*found, strict=True):
            yield TarMember(name, first - BLOCK, first, size)
        return
    with tarfile.open(fileobj=io.BytesIO(data), mode=mode) as tar:
        for one in tar:
            owned = bool(one.mtime or one.uid or one.gid or one.uname)
            yield TarMember(one.name, one.offset, one.offset_data, one.size, owned)


def _plain_members(data: bytes) -> tuple[list[str], list[int], list[int]] | None:
    """Names of the same of a file that was written here, where the bytes of each begin, and how
    many they are; None if any header is another's."""
    names: list[str] = []
    firsts: list[int] = []
    sizes: list[int] = []
    at, end = 0, bytes(BLOCK)
    while True:
        header = data[at : at + BLOCK]
        if header == end:
            return names, firsts, sizes
        name, size = header[NAME].rstrip(b"\0"), header[SIZE]
        if (
            (header[100:124], header[136:148], header[156:]) != REST
            or not NAMED.fullmatch(name)
            or not SIZED.fullmatch(size)
        ):
            return None
        length = int(size[:11], 8)
        first = at + BLOCK
        at = first - (-length // BLOCK) * BLOCK
        if header[SUM] != _sum_of(name, size) or at > len(data):
            return None
        names.append(name.decode())
        firsts.append(first)
        sizes.append(length)


def _sum_of(name: bytes, size: bytes) -> bytes:
    """What stands in a header as the sum of its bytes."""
    return b"%06o\0 " % (sum(name) + sum(size) + BLANKS)
