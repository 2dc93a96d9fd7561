"""Archives: what is in them and its bytes, within bounds, never outside themselves.

Zip, tar (plain, gzip, bzip2, xz) and single compressed files; archives in archives are opened to
a bounded depth. Nothing is ever written to a file system, so a name can do no harm; a member that
leads outside the archive is refused nevertheless, since its sender is not to be trusted.

What is wrong with one member costs that member alone: reading it says so. What is wrong with the
archive (its directory, its stream, more than the bounds allow) ends the walk.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from typing import IO

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.arrays.detached_header import is_header, joined, values_of
from echoatlas.pipeline.read.arrays.metaimage import MOST
from echoatlas.pipeline.read.arrays.numpy_archive import is_marked_picture
from echoatlas.pipeline.read.bounds import (
    DAMAGE,
    Bounded,
    Budget,
    Limits,
    damaged,
    too_large,
    unpacked,
)
from echoatlas.pipeline.read.litter import is_litter, is_unnumbered
from echoatlas.pipeline.read.names import tar_name, zip_names
from echoatlas.pipeline.read.sniff import sniff

COMPRESSED = frozenset({"gzip", "bzip2", "xz"})
ARCHIVES = frozenset({"zip", "tar"}) | COMPRESSED
ENCRYPTED = 0x1
PACKED = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz")
# Methods of zip files that are read, and the names of others (APPNOTE 4.4.5).
METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA})
UNREAD = {1: "Shrink", 6: "Implode", 9: "Deflate64", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
DRIVE = re.compile(r"[A-Za-z]:[/\\]")


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

    A compressed volume is none, nor are an office document and a picture with its masks as NumPy
    saves them, which are zips by their bytes.
    """
    kind = sniff(data)
    if kind == "zip":
        return not _is_office_document(data) and not is_marked_picture(data)
    if kind in COMPRESSED:
        return not _is_compressed_picture(data, kind)
    return kind in ARCHIVES


def opened(data: bytes, limits: Limits = LIMITS) -> Iterator[tuple[Member, Content]]:
    """Walk an archive once, its files and those of archives within it, in its own order.

    A volume's header comes with its values, in their place, where these come after it
    (``detached``): one file of both sizes, by the header's index and name. What desktops leave
    behind is passed over.

    Yields:
        Each file and a function that reads it, to be called before the walk goes on, or not at
        all. It raises ``unsafe_archive`` or ``unsupported_format`` for a file that can't be had;
        the walk goes on behind it.

    Raises:
        Reject: ``unsafe_archive`` for bombs and damage.
    """
    budget = Budget(limits, len(data))
    waiting: dict[str, tuple[Member, bytes]] = {}  # headers, by the path of their values
    for index, (name, size, content) in enumerate(_walk(data, "", budget, 0)):
        member = Member(index, name, size)
        if is_litter(name):
            continue
        if name in waiting:
            first, header = waiting.pop(name)
            whole = replace(first, size=first.size + size)
            yield whole, lambda header=header, content=content: joined(header, content())  # type: ignore[misc]
        elif is_header(name, size):
            try:
                header = content()
            except Reject as problem:
                yield member, partial(_refuse, problem)
                continue
            beside = values_of(name, header)
            held = sum(len(other) for _, other in waiting.values())
            if beside and beside not in waiting and held + size <= MOST:
                waiting[beside] = member, header
            else:
                yield member, lambda header=header: header  # type: ignore[misc]
        else:
            yield member, content
    for member, header in waiting.values():
        yield member, lambda header=header: header  # type: ignore[misc]


def members(data: bytes, limits: Limits = LIMITS) -> Iterator[Member]:
    """List the files of an archive, those of archives within it too.

    Raises:
        Reject: as ``opened``.
    """
    return (member for member, _ in opened(data, limits))


def _walk(
    data: bytes, prefix: str, budget: Budget, depth: int
) -> Iterator[tuple[str, int, Content]]:
    kind = sniff(data)
    try:
        for name, size, content in _zip(data, budget) if kind == "zip" else _tar(data, budget):
            if is_unnumbered(name):
                continue
            budget.count()
            if problem := _problem(name, size, budget.limits):
                yield f"{prefix}{name}", size, partial(_refuse, problem)
            elif name.lower().endswith(PACKED):
                yield from _within(f"{prefix}{name}", size, content, budget, depth + 1)
            else:
                yield f"{prefix}{name}", size, content
            budget.demand()
    except DAMAGE as error:
        raise damaged(error) from None


def _within(
    name: str, size: int, content: Content, budget: Budget, depth: int
) -> Iterator[tuple[str, int, Content]]:
    """What is in a member that may be an archive; the member itself where it isn't, or where the
    archive is at fault: that is one file less, not all of them."""
    try:
        inner = content()
        if not is_archive(inner):
            yield name, size, lambda: inner
            return
        if depth >= budget.limits.depth:
            raise Reject(Reason.UNSAFE_ARCHIVE, f"archives are nested {depth} deep")
        yield from _walk(inner, f"{name}!", budget, depth)
    except Reject as problem:
        yield name, size, partial(_refuse, problem)


def _zip(data: bytes, budget: Budget) -> Iterator[tuple[str, int, Content]]:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        infos = archive.infolist()
        budget.demand_room(len(infos))
        for info, name in zip(infos, zip_names(infos), strict=True):
            if not info.is_dir():
                yield name, info.file_size, partial(_of_zip, archive, info, budget)


def _of_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget) -> bytes:
    if info.flag_bits & ENCRYPTED:
        raise Reject(Reason.UNSAFE_ARCHIVE, "the archive is encrypted")
    if info.create_system == 3 and (info.external_attr >> 28) == 0xA:
        raise Reject(Reason.UNSAFE_ARCHIVE, "the member is a symbolic link")
    if info.compress_type not in METHODS:
        method = UNREAD.get(info.compress_type, f"method {info.compress_type}")
        raise Reject(
            Reason.UNSUPPORTED_FORMAT,
            f"the member is packed by {method}, which is not read: pack it by Deflate",
        )
    try:
        with archive.open(info) as source:
            return unpacked(source, budget.limits, budget.spend)
    except DAMAGE as error:
        raise damaged(error, "member") from None


def _tar(data: bytes, budget: Budget) -> Iterator[tuple[str, int, Content]]:
    plain: IO[bytes] = BytesIO(data)
    kind = sniff(data)
    if kind in COMPRESSED:
        plain = _opened(data, kind)
        head = plain.read(512)
        if head[257:262] != b"ustar":
            plain.seek(0)
            yield "content", 0, partial(unpacked, plain, budget.limits, budget.spend)
            return
        plain = Bounded(_opened(data, kind), budget)  # type: ignore[assignment]
    places = _Places(data, kind, budget)
    with tarfile.open(fileobj=plain, mode="r|") as archive:
        for info in archive:
            if not info.isdir():
                yield tar_name(info.name), info.size, partial(_of_tar, archive, info, places)
                places.note(info)


def _of_tar(archive: tarfile.TarFile, info: tarfile.TarInfo, places: _Places) -> bytes:
    if info.islnk():
        return places.read(info.linkname)
    if not info.isreg():
        raise Reject(Reason.UNSAFE_ARCHIVE, "the member is a symbolic link or a device")
    if info.issparse():
        raise Reject(Reason.UNSAFE_ARCHIVE, "the member is a sparse file")
    source = archive.extractfile(info)
    if source is None:
        raise Reject(Reason.UNSAFE_ARCHIVE, "the member has no content")
    return unpacked(source, places.budget.limits)


@dataclass(slots=True)
class _Places:
    """Where the files of a tar stand in it: a hard link is a second name for one before it."""

    data: bytes
    kind: str
    budget: Budget
    known: dict[str, tuple[int, int]] = field(default_factory=dict)
    behind: IO[bytes] | None = None

    def note(self, info: tarfile.TarInfo) -> None:
        if info.islnk() and info.linkname in self.known:
            self.known[info.name] = self.known[info.linkname]
        elif info.isreg() and not info.issparse():
            self.known[info.name] = info.offset_data, info.size

    def read(self, name: str) -> bytes:
        """The bytes of a file that the walk has passed; it is unpacked once more up to there."""
        if name not in self.known:
            raise Reject(Reason.UNSAFE_ARCHIVE, "the member is a link to what is not there")
        place, size = self.known[name]
        if size > self.budget.limits.member_bytes:
            raise too_large()
        if self.kind not in COMPRESSED:
            return self.data[place : place + size]
        self.behind = self.behind or _opened(self.data, self.kind)
        before = self.behind.tell()
        self.budget.spend(place + size - (before if before <= place else 0))
        try:
            self.behind.seek(place)  # links come in the order of their files as a rule
            return self.behind.read(size)
        except DAMAGE as error:
            raise damaged(error) from None


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


def _problem(name: str, size: int, limits: Limits) -> Reject | None:
    """What is wrong with a member by its name and the size that it claims."""
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or name.startswith(("/", "\\")) or DRIVE.match(name) or "\0" in name:
        return Reject(Reason.UNSAFE_ARCHIVE, "the member's name leads outside the archive")
    return too_large() if size > limits.member_bytes else None


def _refuse(problem: Reject) -> bytes:
    raise problem
