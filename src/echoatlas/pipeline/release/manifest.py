"""What is published of a release: its manifest, which never changes, and its index."""

from __future__ import annotations

import hashlib
import json

import pyarrow as pa
import pyarrow.parquet as pq

from echoatlas.pipeline.errors import CheckFailed, UsageError, no_such
from echoatlas.pipeline.storage import LocalStorage, Storage
from echoatlas.pipeline.whereabouts import demand_somewhere
from echoatlas.schemas.manifest import Manifest

MANIFEST = "manifest.json"


def names(releases: Storage) -> list[str]:
    """Names of the releases that are published, in order."""
    ends = f"/{MANIFEST}"
    return [e.key.removesuffix(ends) for e in releases.list() if e.key.endswith(ends)]


def manifest_of(releases: Storage, name: str) -> Manifest:
    """The manifest of a release.

    Raises:
        UsageError: there is none of that name; names the nearest. Or it needs a newer EchoAtlas.
        CheckFailed: it is damaged.
    """
    try:
        data = releases.read(f"{name}/{MANIFEST}")
    except (FileNotFoundError, UsageError):
        known = names(releases)
        if not known:
            demand_somewhere(releases)
        raise no_such("release", name, known) from None
    try:
        published = json.loads(data)
    except ValueError:
        raise CheckFailed(f"the manifest of release '{name}' is damaged") from None
    return Manifest.of(published, name)


def index_bytes(releases: Storage, manifest: Manifest) -> pa.Buffer:
    """The index of a release as a Parquet file, mapped where it lies on this machine.

    Raises:
        CheckFailed: it is not what was published.
    """
    key = f"{manifest.name}/{manifest.index.file}"
    if isinstance(releases, LocalStorage):
        with pa.memory_map(str(releases.path(key))) as file:
            data = file.read_buffer()
    else:
        data = pa.py_buffer(releases.read(key))
    if hashlib.sha256(data).hexdigest() != manifest.index.sha256:
        raise CheckFailed(f"the index of release '{manifest.name}' is damaged")
    return data


def index_table(releases: Storage, manifest: Manifest) -> pa.Table:
    """The index of a release: one row a sample."""
    # Threads that read bytes of Python's may outlive the interpreter, which then aborts
    data = index_bytes(releases, manifest)
    return pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False)
