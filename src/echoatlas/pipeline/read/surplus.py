"""The law of arrays' bytes: a file holds what its header explains, and no byte more.

A format without a mark at its end is read by arithmetic alone: so many values of such a size, from
such a place on. Bytes that are left over say that the arithmetic is wrong: that a header of a
vendor's own, which may name a patient, lies where values were taken from, or that rows are longer
than told, and every picture is sheared.
"""

from __future__ import annotations

import bz2
import zlib

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.wording import number_of

LAST = (b"", b"\n", b"\r\n")  # what an editor or a writer of text puts at the end of any file


def check_end(data: bytes | memoryview, end: int) -> None:
    """Refuse bytes behind the values, a final newline excepted.

    Raises:
        Reject: ``truncated`` if the values end behind the data, ``unreadable`` if before.
    """
    if end > len(data):
        raise Reject(Reason.TRUNCATED, "the volume claims more bytes than are there")
    if len(data) - end > 2 or bytes(data[end:]) not in LAST:
        raise unexplained(len(data) - end)


def check_padding(rest: memoryview, *, whole: bool) -> None:
    """Refuse what follows the last whole frame of native DICOM pixels, but padding.

    One byte makes the length even (PS3.5 7.1.1), whatever it is; writers that align values to
    four bytes leave up to three zeros. More says that rows or samples are of another size.

    Args:
        whole: all frames are there that the header tells of; else what follows is half a frame,
            and told as an early end.

    Raises:
        Reject: ``unreadable``.
    """
    if whole and len(rest) > 1 and (len(rest) > 3 or any(rest)):
        raise unexplained(len(rest))


def unexplained(count: int) -> Reject:
    """The reject for bytes that no field of a header speaks of."""
    return Reject(
        Reason.UNREADABLE,
        f"{number_of(count, 'byte is', 'bytes are')} left over that the header does not "
        "explain: say in the header "
        "where the values begin and how many there are",
    )


def gunzip(data: bytes | memoryview, limit: int) -> bytes:
    """Undo zlib or gzip, all members of it (RFC 1952 2.2), to ``limit`` bytes at most.

    Raises:
        Reject: ``too_large``, or ``truncated``/``unreadable``, also for what follows the end.
    """
    rest: bytes | memoryview = data
    parts: list[bytes] = []
    room = limit
    while True:
        engine = zlib.decompressobj(zlib.MAX_WBITS | 32)
        try:
            parts.append(engine.decompress(rest, room))
        except zlib.error:
            raise Reject(Reason.UNREADABLE, "the compressed data are damaged") from None
        if engine.unconsumed_tail:
            raise Reject(Reason.TOO_LARGE, f"the content inflates to more than {limit} bytes")
        if not engine.eof:
            raise Reject(Reason.TRUNCATED, "the compressed data end early")
        room -= len(parts[-1])
        rest = engine.unused_data
        if not (rest.startswith(b"\x1f\x8b") and room > 0):
            break
    _check_tail(rest)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def bunzip(data: bytes | memoryview, limit: int) -> bytes:
    """Undo bzip2, to ``limit`` bytes at most.

    Raises:
        Reject: as ``gunzip``.
        OSError: the data are damaged.
    """
    engine = bz2.BZ2Decompressor()
    plain = engine.decompress(bytes(data), limit + 1)
    if len(plain) > limit:
        raise Reject(Reason.TOO_LARGE, "the content inflates to more than is accepted")
    if not engine.eof:
        raise Reject(Reason.TRUNCATED, "the compressed data end early")
    _check_tail(engine.unused_data)
    return plain


def _check_tail(rest: bytes) -> None:
    """Behind a compressed stream zeros are padding, as gzip itself passes over them."""
    if rest not in LAST and rest.strip(b"\0"):
        raise unexplained(len(rest))
