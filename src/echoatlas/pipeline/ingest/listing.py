"""Ingest: see what a site dropped, give each object its id, and unpack archives by name only.

File names are PHI. They live in the driver's memory and in the site's own zone; the lake knows a
file by its ``locator``, a keyed hash of its place, size and version.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.ingest.complete import is_control, upload_folder
from echoatlas.pipeline.ingest.uploads import RECEIPTS, is_readable, uploaded
from echoatlas.pipeline.read.arrays.detached_header import beside_headers
from echoatlas.pipeline.read.litter import is_litter
from echoatlas.pipeline.storage.storage import Entry, Storage
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.schemas.config.site import SiteConfig

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AT_ONCE = 1 << 13  # files that are Python objects at a time
KINDS = pa.schema(
    {
        "key": pa.binary(),
        "size": pa.int64(),
        "upload": pa.dictionary(pa.int32(), pa.string()),
        "locator": pa.string(),
        "odd": pa.bool_(),
        "changed": pa.float64(),
    }
)
DEIDENTIFICATION = "_deidentification/"  # report and masks of `echoatlas deidentify`


@dataclass(frozen=True, slots=True)
class ListedFile:
    """An uploaded file, as listed. Trusted zone: ``key`` is the site's own name for it.

    Attributes:
        odd: it is never read, since its name is one that not all storage knows.
        changed: when it was written, seconds since 1970; 0 where that is not known.
    """

    key: str
    size: int
    upload: str
    locator: str
    odd: bool = False
    changed: float = 0.0


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in a bucket, as columns: a million files are not a million Python objects.

    Attributes:
        files: of each key (bytes, since a file system's names need not be text), size, upload,
            locator, odd and time, in order of keys.
    """

    files: pa.Table

    @staticmethod
    def of(listed: Iterable[ListedFile]) -> Listing:
        """Take listed files, a bounded number at a time."""
        parts, rest = [KINDS.empty_table()], iter(listed)
        while some := list(islice(rest, AT_ONCE)):
            columns = (
                [one.key.encode("utf-8", "surrogatepass") for one in some],
                [one.size for one in some],
                pa.array([one.upload for one in some], pa.string()).dictionary_encode(),
                [one.locator for one in some],
                [one.odd for one in some],
                [one.changed for one in some],
            )
            parts.append(pa.table(dict(zip(KINDS.names, columns, strict=True)), schema=KINDS))
        return Listing(pa.concat_tables(parts).unify_dictionaries().combine_chunks())

    def __len__(self) -> int:
        return int(self.files.num_rows)

    @property
    def locators(self) -> pa.ChunkedArray:
        """Opaque names of all files."""
        return self.files.column("locator")

    def names(self) -> Iterator[str]:
        """Names of all files, one after the other."""
        for batch in self.files.select(["key"]).to_batches(AT_ONCE):
            yield from map(_text, batch.column(0).to_pylist())

    def readable(self) -> Iterator[tuple[str, int]]:
        """Names and sizes, bytes, of all files but the odd ones."""
        for batch in self.files.select(["key", "size", "odd"]).to_batches(AT_ONCE):
            columns = (column.to_pylist() for column in batch.columns)
            for key, size, odd in zip(*columns, strict=True):
                if not odd:
                    yield _text(key), size

    def times(self, places: NDArray[np.int64]) -> list[float]:
        """When some of the files were written; a place below 0 stands for none."""
        found: list[float] = self.files.column("changed").take(places[places >= 0]).to_pylist()
        return found

    def of_uploads(self, uploads: Collection[str] | None) -> Iterator[ListedFile]:
        """Files of some uploads, by their opaque names, or all, a bounded number at a time."""
        files = self.files
        if uploads is not None:
            files = files.filter(pc.is_in(files.column("upload"), pa.array(sorted(uploads))))
        for batch in files.to_batches(AT_ONCE):
            yield from map(_file, batch.to_pylist())

    def rows(self, places: NDArray[np.int64]) -> list[ListedFile]:
        """Some of the files."""
        return [_file(row) for row in self.files.take(places).to_pylist()]


def _file(row: dict[str, Any]) -> ListedFile:
    return ListedFile(**row | {"key": _text(row["key"])})


def _text(key: bytes) -> str:
    return key.decode("utf-8", "surrogatepass")


def arrivals(
    site: SiteConfig, bucket: Storage, key: SiteKey, listed: Iterable[Entry] | None = None
) -> Iterator[ListedFile]:
    """What lies in a site's bucket, in order of keys; what EchoAtlas wrote, a desktop left, or only
    says that an upload is complete, is passed over.

    A header of a volume in two files changes as its values do: other values are another scan.

    Args:
        listed: all that ``uploaded`` gave, if the bucket was listed already.
    """
    entries = {
        entry.key: entry
        for entry in (uploaded(bucket) if listed is None else listed)
        if not entry.key.startswith(RECEIPTS)
        and f"/{DEIDENTIFICATION}" not in f"/{entry.key}"
        and not is_litter(entry.key)
        and not is_control(site.uploads, entry.key)
    }
    for values, header in beside_headers(entries).items():
        beside, above = entries[values], entries[header]
        entries[header] = replace(above, tag=f"{above.tag}\0{beside.size}\0{beside.tag}")
    uploads: dict[str, str] = {}
    locator, name = key.pseudonyms("locator"), site.site
    for entry in entries.values():
        path = entry.key
        folder = upload_folder(path)
        if folder not in uploads:
            uploads[folder] = upload_id(name, folder, key)
        place = locator(f"{name}\0{path}\0{entry.size}\0{entry.tag}")
        odd = not is_readable(bucket, path)
        yield ListedFile(path, entry.size, uploads[folder], place, odd, entry.changed)


def upload_id(site: str, folder: str, key: SiteKey) -> str:
    """The opaque name of an upload: the top folder, which may bear a patient's name."""
    return "u-" + key.pseudonym("upload", f"{site}\0{folder}")[:12]
