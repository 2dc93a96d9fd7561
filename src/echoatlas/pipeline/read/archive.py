"""Archives: what is in them and its bytes, within bounds, never outside themselves.

Zip, tar (plain, gzip, bzip2, xz) and single compressed files; archives in archives are opened to
a bounded depth. Nothing is ever written to a file system, so a name can do no harm; an archive
that leads outside itself is refused nevertheless, since its sender is not to be trusted.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from typing import IO

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.arrays.detached_header import is_header, joined, values_of
from echoatlas.pipeline.read.arrays.metaimage import MOST
from echoatlas.pipeline.read.names import tar_name, zip_names
from echoatlas.pipeline.read.sniff import sniff

COMPRESSED = frozenset({"gzip", "bzip2", "xz"})
ARCHIVES = frozenset({"zip", "tar"}) | COMPRESSED
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
ENCRYPTED = 0x1
# What file systems and browsers leave in archives.
LITTER = ("__MACOSX/", ".DS_Store", "Thumbs.db")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what comes out of an archive.

    Attributes:
        members: files, nested ones included.
        member_bytes: of one file, unpacked.
        total_bytes: of all files together, unpacked.
        ratio: unpacked to packed size, for files above ``ratio_from`` bytes.
        depth: of archives in archives.
    """

    members: int = 100_000
    member_bytes: int = 2 << 30
    total_bytes: int = 64 << 30
    ratio: int = 200
    ratio_from: int = 10 << 20
    depth: int = 3


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive.

    Attributes:
        index: its place among all files, in the archive's order.
        name: its path; behind "!" where archives lie in archives. May identify a patient.
        size: unpacked, bytes, as stated; 0 where it is not.
    """

    index: int
    name: str
    size: int


LIMITS = Limits()
Content = Callable[[], bytes]


def is_archive(data: bytes) -> bool:
    """Whether bytes are an archive that ``members`` opens.

    A compressed volume is none, nor is an office document, which is a zip by its bytes.
    """
    kind = sniff(data)
    if kind == "zip":
        return not _is_office_document(data)
    if kind in COMPRESSED:
        return not _is_compressed_picture(data, kind)
    return kind in ARCHIVES


def opened(data: bytes, limits: Limits = LIMITS) -> Iterator[tuple[Member, Content]]:
    """Walk an archive once, its files and those of archives within it, in its own order.

    A volume's header comes with its values, in their place, where these come after it
    (``detached``): one file of both sizes, by the header's index and name.

    Yields:
        Each file and a function that reads it, to be called before the walk goes on, or not at
        all. It raises ``unsafe_archive`` for a bomb, while it unfolds.

    Raises:
        Reject: ``unsafe_archive`` for bombs, names that lead outside, encryption, damage.
    """
    budget = _Budget(limits)
    waiting: dict[str, tuple[Member, bytes]] = {}  # headers, by the path of their values
    for index, (name, size, entry) in enumerate(_walk(data, "", limits, budget, 0)):
        member = Member(index, name, size)
        if name in waiting:
            first, header = waiting.pop(name)
            whole = replace(first, size=first.size + size)
            yield whole, lambda header=header, entry=entry: joined(header, entry.read())  # type: ignore[misc]
        elif is_header(name, size):
            header = entry.read()
            beside = values_of(name, header)
            held = sum(len(other) for _, other in waiting.values())
            if beside and beside not in waiting and held + size <= MOST:
                waiting[beside] = member, header
            else:
                yield member, lambda header=header: header  # type: ignore[misc]
        else:
            yield member, entry.read
    for member, header in waiting.values():
        yield member, lambda header=header: header  # type: ignore[misc]


def members(data: bytes, limits: Limits = LIMITS) -> Iterator[Member]:
    """List the files of an archive, those of archives within it too.

    Raises:
        Reject: as ``opened``.
    """
    return (member for member, _ in opened(data, limits))


@dataclass(slots=True)
class _Budget:
    """What may still come out."""

    limits: Limits
    members: int = 0
    total: int = 0

    def count(self, size: int) -> None:
        self.members += 1
        self.total += size
        if self.members > self.limits.members:
            raise Reject(Reason.UNSAFE_ARCHIVE, f"more than {self.limits.members} members")
        if size > self.limits.member_bytes or self.total > self.limits.total_bytes:
            raise Reject(Reason.UNSAFE_ARCHIVE, "the archive unpacks to more than is accepted")


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file that can be read while the walk stands at it."""

    source: IO[bytes]
    packed: int
    limits: Limits

    def read(self) -> bytes:
        """All bytes, refusing a bomb while it unfolds and not afterwards."""
        parts: list[bytes] = []
        size = 0
        try:
            while part := self.source.read(CHUNK):
                size += len(part)
                _check_ratio(size, self.packed, self.limits)
                if size > self.limits.member_bytes:
                    raise Reject(Reason.UNSAFE_ARCHIVE, "a member unpacks to more than is accepted")
                parts.append(part)
        except DAMAGE as error:
            raise _damaged(error) from None
        return b"".join(parts)


def _walk(
    data: bytes, prefix: str, limits: Limits, budget: _Budget, depth: int
) -> Iterator[tuple[str, int, _Entry]]:
    if depth >= limits.depth:
        raise Reject(Reason.UNSAFE_ARCHIVE, f"archives are nested {depth} deep")
    kind = sniff(data)
    entries = _zip(data, limits) if kind == "zip" else _tar(data, kind, limits)
    try:
        for name, size, entry in entries:
            _check_name(name)
            if name.startswith(LITTER) or name.rsplit("/", 1)[-1] in LITTER:
                continue
            budget.count(size)
            if name.lower().endswith((".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz")):
                inner = entry.read()
                if is_archive(inner):
                    yield from _walk(inner, f"{prefix}{name}!", limits, budget, depth + 1)
                    continue
                entry = _Entry(BytesIO(inner), len(inner), limits)
            yield f"{prefix}{name}", size, entry
    except DAMAGE as error:
        raise _damaged(error) from None


def _zip(data: bytes, limits: Limits) -> Iterator[tuple[str, int, _Entry]]:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        infos = archive.infolist()
        if len(infos) > limits.members:
            raise Reject(Reason.UNSAFE_ARCHIVE, f"more than {limits.members} members")
        for info, name in zip(infos, zip_names(infos), strict=True):
            if info.is_dir():
                _check_name(name)
                continue
            if info.flag_bits & ENCRYPTED:
                raise Reject(Reason.UNSAFE_ARCHIVE, "the archive is encrypted")
            if info.create_system == 3 and (info.external_attr >> 28) == 0xA:
                raise Reject(Reason.UNSAFE_ARCHIVE, "the archive holds a symbolic link")
            _check_ratio(info.file_size, info.compress_size, limits)
            with archive.open(info) as source:
                yield name, info.file_size, _Entry(source, info.compress_size, limits)


def _tar(data: bytes, kind: str, limits: Limits) -> Iterator[tuple[str, int, _Entry]]:
    plain: IO[bytes] = BytesIO(data)
    if kind in COMPRESSED:
        plain = _opened(data, kind)
        head = plain.read(512)
        if head[257:262] != b"ustar":
            plain.seek(0)
            yield "content", 0, _Entry(plain, len(data), limits)
            return
        plain = _Bounded(_opened(data, kind), len(data), limits)  # type: ignore[assignment]
    with tarfile.open(fileobj=plain, mode="r|") as archive:
        for info in archive:
            if info.isdir():
                _check_name(info.name)
                continue
            if not info.isreg():
                raise Reject(Reason.UNSAFE_ARCHIVE, "the archive holds a link or a device")
            if info.issparse():
                raise Reject(Reason.UNSAFE_ARCHIVE, "the archive holds a sparse file")
            source = archive.extractfile(info)
            if source is None:
                raise Reject(Reason.UNSAFE_ARCHIVE, "a member has no content")
            yield tar_name(info.name), info.size, _Entry(source, info.size, limits)


class _Bounded:
    """A decompressed stream that refuses to swell beyond the limits, even in skipped members."""

    def __init__(self, source: IO[bytes], packed: int, limits: Limits) -> None:
        self.source, self.packed, self.limits, self.size = source, packed, limits, 0

    def read(self, size: int = -1) -> bytes:
        part = self.source.read(size)
        self.size += len(part)
        _check_ratio(self.size, self.packed, self.limits)
        if self.size > self.limits.total_bytes:
            raise Reject(Reason.UNSAFE_ARCHIVE, "the archive unpacks to more than is accepted")
        return part

    def close(self) -> None:
        self.source.close()


def _opened(data: bytes, kind: str) -> IO[bytes]:
    if kind == "gzip":
        return gzip.GzipFile(fileobj=BytesIO(data))  # type: ignore[return-value]
    if kind == "bzip2":
        return bz2.BZ2File(BytesIO(data))
    return lzma.LZMAFile(BytesIO(data))


def _is_compressed_picture(data: bytes, kind: str) -> bool:
    """NIfTI volumes come gzipped; that is a format, not an archive."""
    try:
        head = _opened(data, kind).read(512)
    except DAMAGE:
        return False
    return sniff(head) == "nifti"


def _is_office_document(data: bytes) -> bool:
    try:
        with zipfile.ZipFile(BytesIO(data)) as package:
            return "[Content_Types].xml" in package.namelist()
    except DAMAGE:
        return False


def _check_name(name: str) -> None:
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or name.startswith(("/", "\\")) or name[1:2] == ":" or "\0" in name:
        raise Reject(Reason.UNSAFE_ARCHIVE, "a member's name leads outside the archive")


def _check_ratio(size: int, packed: int, limits: Limits) -> None:
    if size > limits.ratio_from and size > limits.ratio * max(packed, 1):
        raise Reject(
            Reason.UNSAFE_ARCHIVE, f"a member unpacks to more than {limits.ratio} times its size"
        )


def _damaged(error: Exception) -> Reject:
    return Reject(Reason.UNSAFE_ARCHIVE, f"the archive is damaged ({type(error).__name__})")
