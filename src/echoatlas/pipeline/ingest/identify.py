"""The opaque names of objects: keyed hashes of site and content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.ingest.listing import ListedFile
from echoatlas.pipeline.read.archive import Content, Member, is_archive, opened
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.schemas.rows.objects import SightingRow


@dataclass(frozen=True, slots=True)
class NamedObject:
    """An object that was read once to be named: a file, or a member of an archive."""

    locator: str
    container: str
    member: int
    object_id: str
    content_id: str
    bytes: int


def identify(
    site: str,
    arrival: ListedFile,
    data: bytes,
    key: SiteKey,
    passed_over: Callable[[str, Content], bool] = lambda name, content: False,
    digest: Callable[[bytes], str] = lambda data: hashlib.sha256(data).hexdigest(),
) -> Iterator[NamedObject]:
    """Name an uploaded file, or each member of an archive, by keyed hashes of the content.

    A member that can't be read is named by its place, and rejected when its turn comes; an archive
    that is damaged or unsafe as a whole is named as one object, which reading then rejects; so is
    one of which nothing is left.

    Args:
        passed_over: whether a member is known to be no scan.
        digest: of an object that lies alone, what its ids are made of.
    """
    if is_archive(data):
        try:
            found = [
                one
                for member, content in opened(data)
                for one in _member(site, arrival, member, content, key, passed_over)
            ]
        except Reject:
            found = []
        yield from found
        if found:
            return
    yield _seen(site, data, key, arrival.locator, "", -1, digest(data))


def _member(
    site: str,
    arrival: ListedFile,
    member: Member,
    content: Content,
    key: SiteKey,
    passed_over: Callable[[str, Content], bool],
) -> Iterator[NamedObject]:
    locator = key.pseudonym("locator", f"{arrival.locator}\0{member.index}")
    once = cache(content)  # what is looked at to be passed over, and then is not
    try:
        if not passed_over(f"{arrival.key}!{member.name}", once):
            data = once()
            digest = hashlib.sha256(data).hexdigest()
            yield _seen(site, data, key, locator, arrival.locator, member.index, digest)
    except Reject:
        name = key.pseudonym("unread", locator)
        yield NamedObject(locator, arrival.locator, member.index, name, name, member.size)


def _seen(
    site: str,
    content: bytes,
    key: SiteKey,
    locator: str,
    container: str,
    member: int,
    digest: str,
) -> NamedObject:
    return NamedObject(
        locator=locator,
        container=container,
        member=member,
        object_id=key.pseudonym("object", f"{site}\0{digest}"),
        content_id=key.pseudonym("content", digest),
        bytes=len(content),
    )


def is_as_named(
    one: SightingRow, data: bytes, key: SiteKey, digest: Callable[[bytes], str]
) -> bool:
    """Whether an object's bytes are those that it was named by.

    What could not be read then was named by its place, and can be anything now.

    Args:
        digest: as of ``identify``; what could not be opened then had one of all its bytes.
    """
    if one.object_id == one.content_id:
        return True
    plain = hashlib.sha256(data).hexdigest()
    said = [plain] if one.member >= 0 else [plain, digest(data)]
    return one.object_id in {key.pseudonym("object", f"{one.site}\0{each}") for each in said}


def sightings(
    site: str, arrival: ListedFile, seen: Iterable[NamedObject], first: int
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
