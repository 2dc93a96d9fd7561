"""Ingest: see what a site dropped, give each object its id, and unpack archives by name only.

File names are PHI. They live in the driver's memory and in the site's own zone; the lake knows a
file by its ``locator``, a keyed hash of its place, size and version.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from echoatlas.pipeline.ingest.uploads import is_readable, uploaded
from echoatlas.pipeline.read.arrays.detached_header import beside_headers
from echoatlas.pipeline.read.litter import is_litter
from echoatlas.pipeline.storage import Entry, Storage
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.schemas.config import SiteConfig

RECEIPTS = "_receipts/"
DEIDENTIFICATION = "_deidentification/"  # report and masks of `echoatlas deidentify`


@dataclass(frozen=True, slots=True)
class ListedFile:
    """An uploaded file, as listed. Trusted zone: ``key`` is the site's own name for it.

    Attributes:
        odd: it is never read, since its name is one that not all storage knows.
    """

    key: str
    size: int
    upload: str
    locator: str
    odd: bool = False


def arrivals(site: SiteConfig, bucket: Storage, key: SiteKey) -> Iterator[ListedFile]:
    """What lies in a site's bucket, in order of keys; what EchoAtlas wrote or a desktop left is
    passed over.

    A header of a volume in two files changes as its values do: other values are another scan.
    """
    entries = {
        entry.key: entry
        for entry in uploaded(bucket)
        if not entry.key.startswith(RECEIPTS)
        and f"/{DEIDENTIFICATION}" not in f"/{entry.key}"
        and not is_litter(entry.key)
    }
    for values, header in beside_headers(entries).items():
        beside, above = entries[values], entries[header]
        entries[header] = replace(above, tag=f"{above.tag}\0{beside.size}\0{beside.tag}")
    for entry in entries.values():
        odd = not is_readable(bucket, entry.key)
        yield replace(arrival(site.site, entry, key), odd=odd)


def arrival(site: str, entry: Entry, key: SiteKey) -> ListedFile:
    """A listed file with its opaque names."""
    folder = entry.key.split("/", 1)[0] if "/" in entry.key else ""
    return ListedFile(
        key=entry.key,
        size=entry.size,
        upload=upload_id(site, folder, key),
        locator=key.pseudonym("locator", "\0".join((site, entry.key, str(entry.size), entry.tag))),
    )


def upload_id(site: str, folder: str, key: SiteKey) -> str:
    """The opaque name of an upload: the top folder, which may bear a patient's name."""
    return "u-" + key.pseudonym("upload", f"{site}\0{folder}")[:12]
