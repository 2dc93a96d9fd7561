"""Ingest: see what a site dropped, give each object its id, and unpack archives by name only.

File names are PHI. They live in the driver's memory and in the site's own zone; the lake knows a
file by its ``locator``, a keyed hash of its place, size and version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.archive import Content, Member, is_archive, opened
from echoatlas.pipeline.read.detached import beside_headers, read_whole
from echoatlas.pipeline.sidecars import MOST_BYTES, Inside
from echoatlas.pipeline.storage import Entry, Storage
from echoatlas.pipeline.vault import SiteKey
from echoatlas.schemas.config import SiteConfig
from echoatlas.schemas.rows import SightingRow

RECEIPTS = "_receipts/"
DEIDENTIFICATION = "_deidentification/"  # report and masks of `echoatlas deidentify`


@dataclass(frozen=True, slots=True)
class Arrival:
    """An uploaded file, as listed. Trusted zone: ``key`` is the site's own name for it."""

    key: str
    size: int
    upload: str
    locator: str


@dataclass(frozen=True, slots=True)
class Seen:
    """An object that was read once to be named: a file, or a member of an archive."""

    locator: str
    container: str
    member: int
    object_id: str
    content_id: str
    bytes: int


def arrivals(site: SiteConfig, bucket: Storage, key: SiteKey) -> Iterator[Arrival]:
    """What lies in a site's bucket, in order of keys; what EchoAtlas wrote is passed over.

    A header of a volume in two files changes as its values do: other values are another scan.
    """
    entries = {
        entry.key: entry
        for entry in bucket.list()
        if not entry.key.startswith(RECEIPTS) and f"/{DEIDENTIFICATION}" not in f"/{entry.key}"
    }
    for values, header in beside_headers(entries).items():
        beside, above = entries[values], entries[header]
        entries[header] = replace(above, tag=f"{above.tag}\0{beside.size}\0{beside.tag}")
    for entry in entries.values():
        yield arrival(site.site, entry, key)


def arrival(site: str, entry: Entry, key: SiteKey) -> Arrival:
    """A listed file with its opaque names."""
    folder = entry.key.split("/", 1)[0] if "/" in entry.key else ""
    return Arrival(
        key=entry.key,
        size=entry.size,
        upload=upload_id(site, folder, key),
        locator=key.pseudonym("locator", "\0".join((site, entry.key, str(entry.size), entry.tag))),
    )


def upload_id(site: str, folder: str, key: SiteKey) -> str:
    """The opaque name of an upload: the top folder, which may bear a patient's name."""
    return "u-" + key.pseudonym("upload", f"{site}\0{folder}")[:12]


def identify(
    site: str,
    arrival: Arrival,
    data: bytes,
    key: SiteKey,
    passed_over: Callable[[str, Content], bool] = lambda name, content: False,
) -> Iterator[Seen]:
    """Name an uploaded file, or each member of an archive, by keyed hashes of the content.

    An archive that is damaged or unsafe is named as one object, which reading then rejects; so
    is one of which nothing is left.

    Args:
        passed_over: whether a member is known to be no scan.
    """
    if is_archive(data):
        try:
            found = [
                _seen(
                    site,
                    content(),
                    key,
                    key.pseudonym("locator", f"{arrival.locator}\0{member.index}"),
                    arrival.locator,
                    member.index,
                )
                for member, content in opened(data)
                if not passed_over(f"{arrival.key}!{member.name}", content)
            ]
        except Reject:
            found = []
        yield from found
        if found:
            return
    yield _seen(site, data, key, arrival.locator, "", -1)


def _seen(
    site: str, content: bytes, key: SiteKey, locator: str, container: str, member: int
) -> Seen:
    digest = hashlib.sha256(content).hexdigest()
    return Seen(
        locator=locator,
        container=container,
        member=member,
        object_id=key.pseudonym("object", f"{site}\0{digest}"),
        content_id=key.pseudonym("content", digest),
        bytes=len(content),
    )


def sightings(
    site: str, arrival: Arrival, seen: Iterable[Seen], first: int
) -> Iterator[SightingRow]:
    """Rows for what was seen in one file, numbered from ``first``."""
    for ordinal, one in enumerate(seen, first):
        yield SightingRow(
            locator=one.locator,
            object_id=one.object_id,
            content_id=one.content_id,
            site=site,
            upload=arrival.upload,
            container=one.container,
            member=one.member,
            ordinal=ordinal,
            bytes=one.bytes,
        )


@dataclass(slots=True)
class Reader:
    """Gives the bytes of a batch's objects; walks an archive once for all its members in order.

    Attributes:
        read: gives the bytes under a key of the site's bucket.
        inside: is given each archive before its members are, if there is one.
    """

    read: Callable[[str], bytes]
    inside: Inside | None = None
    _key: str = ""
    _told: str = ""
    _walk: Iterator[tuple[Member, Content]] = field(default_factory=lambda: iter(()))

    def content(self, key: str, member: int, size: int) -> tuple[bytes, str]:
        """The bytes of an object, and the name of the member if it lies in an archive.

        Raises:
            Reject: ``vanished`` when the site removed the file, ``too_large``, or
                ``unsafe_archive``.
        """
        if member < 0:
            return self._whole(key, size), ""
        if key != self._key:
            data = self._whole(key, 0)
            if self.inside and key != self._told:
                self.inside.open(key, opened(data))
                self._told = key
            self._key, self._walk = key, opened(data)
        try:
            for found, content in self._walk:
                if found.index == member:
                    return content(), found.name
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
