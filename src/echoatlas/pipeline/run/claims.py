"""What an object's bytes, name and tables say of whom it is, without a pixel. Trusted zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echoatlas.pipeline.deidentify.header.patient import Identity, identity_of
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.ingest.identify import is_as_named
from echoatlas.pipeline.read import read_words
from echoatlas.pipeline.read.metadata import HEAD, is_whole_header

if TYPE_CHECKING:
    from echoatlas.pipeline.plan.batch import Batch
    from echoatlas.pipeline.plan.work_item import WorkItem
    from echoatlas.pipeline.run.sources import Sources


def content_of(batch: Batch, item: WorkItem, sources: Sources) -> tuple[bytes, str]:
    """An object's bytes, and the name of the member if it lies in an archive.

    Raises:
        Reject: as ``Reader.content``; ``exchanged`` where other bytes lie there than were named.
    """
    one = item.sighting
    data, member = sources.reader.content(item.name, one.member, one.bytes)
    if batch.names and not is_as_named(one, data, batch.names, batch.bucket.digest):
        raise Reject(Reason.EXCHANGED, step="ingest")
    return data, member


def words_of(batch: Batch, item: WorkItem, sources: Sources) -> tuple[bytes, str]:
    """An object's bytes, a DICOM file's only as far as its pixels where that is less; its name."""
    sighting = item.sighting
    if sighting.member < 0 and sighting.bytes > HEAD:
        head = sources.read(item.name, HEAD)
        if is_whole_header(head, batch.config.read):
            return head, item.name
    data, member = content_of(batch, item, sources)
    return data, f"{item.name}!{member}" if member else item.name


def identities_of(batch: Batch, item: WorkItem, sources: Sources) -> set[Identity]:
    """Identities that an object's copies state; none of what can't be opened.

    Raises:
        UsageError, Retry: its bucket can't be read.
    """
    try:
        data, name = words_of(batch, item, sources)
        said = sources.statements_of(item, name, masks=False)
    except (Reject, FileNotFoundError):
        return set()
    try:
        header = read_words(data, batch.config.at(batch.site).read).header
    except Reject:
        header = None
    return {identity_of(header, one.origin, batch.site) for one in said}


def is_of_who_left(batch: Batch, item: WorkItem, sources: Sources) -> bool:
    """Whether an object that can't be kept says that it is of a patient who was erased."""
    stones, key = batch.stones, batch.key
    if stones is None or not stones.patients:
        return False
    return any(
        stones.has_patient(batch.site.site, key.pseudonym("patient", one.value))
        for one in identities_of(batch, item, sources)
    )
