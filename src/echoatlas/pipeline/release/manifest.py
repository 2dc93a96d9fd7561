"""What is published of a release: its manifest, which never changes, and its index."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from echoatlas.pipeline.errors import CheckFailed, UsageError, no_such
from echoatlas.pipeline.release.places import from_bytes
from echoatlas.pipeline.storage.storage import LocalStorage, Storage
from echoatlas.pipeline.storage.whereabouts import demand_somewhere
from echoatlas.schemas.manifest import Manifest, damaged_manifest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.manifest import PublishedFile

MANIFEST = "manifest.json"
# Stands in the place of a manifest that somebody who was taken for dead must not publish any more
WITHHELD = b"withheld\n"


def names(releases: Storage) -> list[str]:
    """Names of the releases that are published, in order."""
    ends = f"/{MANIFEST}"
    found = (e for e in releases.list() if e.key.endswith(ends) and e.size != len(WITHHELD))
    return [entry.key.removesuffix(ends) for entry in found]


def withhold(releases: Storage, name: str) -> bool:
    """Let nobody publish a release of this name any more: a manifest is put where there is none,
    and of two who do so one wins.

    Returns:
        Whether that is so; else somebody has published it.
    """
    try:
        releases.write(f"{name}/{MANIFEST}", WITHHELD, create=True)
    except FileExistsError:
        return is_withheld(releases, name)
    return True


def is_withheld(releases: Storage, name: str) -> bool:
    """Whether nobody may publish a release of this name."""
    key = f"{name}/{MANIFEST}"
    return releases.exists(key) and releases.read(key) == WITHHELD


def manifest_of(releases: Storage, name: str) -> Manifest:
    """The manifest of a release.

    Raises:
        UsageError: there is none of that name; names the nearest. Or it needs a newer EchoAtlas.
        CheckFailed: it is damaged.
    """
    try:
        data = releases.read(f"{name}/{MANIFEST}")
        if data == WITHHELD or "/" in name:  # a disk passes over one too many
            raise FileNotFoundError(name)
    except (FileNotFoundError, UsageError):
        known = names(releases)
        if not known:
            demand_somewhere(releases)
        raise no_such("release", name, known) from None
    try:
        published = json.loads(data)
    except ValueError:
        raise damaged_manifest(name) from None
    return Manifest.of(published, name)


def published_file(releases: Storage, manifest: Manifest, file: PublishedFile) -> pa.Buffer:
    """A file beside the manifest, mapped where it lies on this machine.

    Raises:
        CheckFailed: it is not what was published.
    """
    key = f"{manifest.name}/{file.file}"
    try:
        if isinstance(releases, LocalStorage):
            with pa.memory_map(str(releases.path(key))) as mapped:
                data = mapped.read_buffer()
        else:
            data = pa.py_buffer(releases.read(key))
    except FileNotFoundError:
        raise CheckFailed(f"the index of release '{manifest.name}' is not there") from None
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise CheckFailed(f"the index of release '{manifest.name}' is damaged")
    return data


def index_columns_of(
    releases: Storage,
    manifest: Manifest,
    columns: Sequence[str] | None = None,
    chosen: NDArray[np.bool_] | None = None,
) -> pa.Table:
    """Columns of the index's file, a row a sample; all that stand in it if not given.

    Args:
        chosen: (n,) of which samples; the others' are at no time all in memory.
    """
    file = _index_file(releases, manifest)
    if chosen is None:
        return file.read(columns, use_threads=False)
    parts, begun = [file.read_row_groups([], columns)], 0
    for rows in _groups(file, columns):
        parts.append(rows.filter(pa.array(chosen[begun : begun + rows.num_rows])))
        begun += rows.num_rows
    return pa.concat_tables(parts)


def index_groups(
    releases: Storage, manifest: Manifest, columns: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """The same, a bounded number of samples at a time."""
    yield from _groups(_index_file(releases, manifest), columns)


def index_schema_of(releases: Storage, manifest: Manifest) -> pa.Schema:
    """The columns of the index's file."""
    return _index_file(releases, manifest).schema_arrow


def _groups(file: pq.ParquetFile, columns: Sequence[str] | None) -> Iterator[pa.Table]:
    for group in range(file.num_row_groups):
        yield file.read_row_group(group, columns, use_threads=False)


def _index_file(releases: Storage, manifest: Manifest) -> pq.ParquetFile:
    # Threads that read bytes of Python's may outlive the interpreter, which then aborts
    return pq.ParquetFile(pa.BufferReader(published_file(releases, manifest, manifest.index)))


def places_of(releases: Storage, manifest: Manifest) -> NDArray[np.void]:
    """Where the samples of a release of format 2 lie, (n,) ``PLACE``.

    Raises:
        CheckFailed: that is not what was published.
    """
    assert manifest.places is not None
    data = published_file(releases, manifest, manifest.places)
    try:
        places = from_bytes(data)
    except ValueError:
        raise CheckFailed(f"the index of release '{manifest.name}' is damaged") from None
    if len(places) and places["shard"].max() >= len(manifest.shards):
        raise CheckFailed(f"release '{manifest.name}' speaks of shards that it does not list")
    return places


def index_table(
    releases: Storage, manifest: Manifest, places: NDArray[np.void] | None = None
) -> pa.Table:
    """The index of a release: one row a sample, with ``shard``, ``offset`` and ``length``.

    Args:
        places: of its samples, where they were read already.
    """
    index = index_columns_of(releases, manifest)
    if manifest.places is None:
        return index
    places = places_of(releases, manifest) if places is None else places
    names = pa.array([shard.file for shard in manifest.shards], pa.string())
    index = index.append_column("shard", names.take(pa.array(places["shard"])))
    for name in ("offset", "length"):
        index = index.append_column(name, pa.array(places[name].astype(np.int64)))
    return index
