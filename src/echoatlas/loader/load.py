"""Open a release for training."""

from __future__ import annotations

import os
import warnings
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.loader.dataset import Dataset
from echoatlas.loader.feedback_columns import with_feedback
from echoatlas.loader.index import Index, index_of
from echoatlas.loader.layout import ROWS
from echoatlas.loader.parts import shard_parts
from echoatlas.loader.shards import Shards, forget_cached
from echoatlas.pipeline.errors import CheckFailed, UsageError, no_such
from echoatlas.pipeline.release.notices import living, withdrawn
from echoatlas.pipeline.storage.whereabouts import find_releases
from echoatlas.taxonomy.tree import tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from echoatlas.loader.samples import Sample
    from echoatlas.schemas.config.deployment import Zone


def load(
    name: str,
    *,
    lake: str | Path | None = None,
    releases: str | Path | None = None,
    endpoint: str | None = None,
    region: str | None = None,
    where: str = "",
    split: str | None = None,
    unit: str | None = None,
    transform: Callable[[Sample], Any] | None = None,
    feedback: int | str | None = None,
    cache: str | Path | None = None,
    cache_gb: float | None = None,
    check: bool = True,
) -> Dataset:
    """Open a release for training.

    Of a release that is deprecated a warning says what to use instead. One that was redacted,
    since a patient or a site left, is gone: its successor is opened, with a warning, and what the
    cache has of it is deleted.

    Args:
        name: of the release.
        lake: path or ``s3://`` URI; from ECHOATLAS_LAKE if not given, else that of the deployment
            around the working folder.
        releases: where releases lie, if whoever trains is told no lake; from ECHOATLAS_RELEASES.
        endpoint, region: of an S3 service other than AWS; AWS_ENDPOINT_URL if not given.
        where: SQL expression over the index's columns, e.g. ``"region = 'thorax'"``.
        split: one of the release's splits; all if not given.
        unit: "frame" or "clip", if only a release of these will do.
        transform: what becomes of each sample, in the worker that read it. Where it gives no
            ``Sample``, a ``Loader`` puts batches together as PyTorch does by itself.
        feedback: which version of what trainers wrote back (``feedback``) the index shall have as
            columns ``feedback_...``: a number, or "latest".
        cache: folder of this machine for what is mapped, and for what comes from S3: shards, or of
            those of which little is chosen the chosen samples alone; $XDG_CACHE_HOME/echoatlas if
            not given.
        cache_gb: most that shards from S3 may take there, GB; those that were opened longest ago
            make room. No limit if not given.
        check: see whether a shard on a disk of this machine is what was published, when it is first
            opened here; what comes from S3 always is.

    Raises:
        UsageError: there is no such release or split, or the expression is wrong, or fits nothing.
        CheckFailed: the release is damaged, or was made with another label tree.
    """
    place = find_releases(
        str(lake) if lake else None,
        releases=str(releases) if releases else None,
        zone=zone_of(endpoint, region),
    )
    manifest = living(place, name, warn)
    if manifest.tree != tree().hash:
        raise CheckFailed(
            f"release '{name}' was made with another label tree: install echoatlas "
            f"{manifest.version}"
        )
    splits = manifest.config.splits
    if split is not None and split not in splits:
        raise no_such("split", split, splits)
    if cache and "://" in str(cache):
        raise UsageError(f"cache: a folder of this machine is meant, not {cache}")
    folder = Path(cache) if cache else _usual_cache()
    forget_cached(folder, withdrawn(place, name))
    if unit not in (None, manifest.config.unit):
        raise UsageError(
            f"a sample of release '{name}' is a {manifest.config.unit}, not a {unit}; "
            "windows of clips are had of both: see Dataset.clips"
        )
    index = index_of(place, manifest, folder)
    if feedback is not None:
        index = with_feedback(index, place, manifest.name, feedback)
    if cache_gb is not None and not 0 <= cache_gb < inf:
        raise UsageError("cache_gb: 0 or more")
    limit = None if cache_gb is None else int(cache_gb * 1e9)
    rows = _rows(index, split, where)
    if where.strip() and rows is not None and not len(rows):
        of = f" of split '{split}'" if split is not None else ""
        raise UsageError(f"where: no sample{of} of release '{manifest.name}' fits \"{where}\"")
    shards = Shards(place, folder, limit, check, shard_parts(place, manifest, index, rows))
    return Dataset(manifest, index, shards, rows, transform=transform)


def warn(said: str) -> None:
    warnings.warn(said, stacklevel=4)


def _rows(index: Index, split: str | None, where: str) -> NDArray[np.int32] | None:
    """Which samples are chosen; None for all."""
    chosen: NDArray[np.int32] | None = None
    if split is not None:
        number = index.splits.index(split) if split in index.splits else -1
        chosen = _where(index.places["split"], number)
    if where.strip():
        rows = index.where_true(where)
        chosen = rows if chosen is None else np.intersect1d(chosen, rows, assume_unique=True)
    return chosen


def _where(values: NDArray[np.uint16], wanted: int) -> NDArray[np.int32]:
    """Where a value stands: in parts, since NumPy's places take 8 bytes each."""
    parts = [np.empty(0, np.int32)]
    for start in range(0, len(values), ROWS):
        found = np.flatnonzero(values[start : start + ROWS] == wanted)
        parts.append((start + found).astype(np.int32))
    return np.concatenate(parts)


def zone_of(endpoint: str | None, region: str | None) -> Zone | None:
    if endpoint is None and region is None:
        return None
    from echoatlas.schemas.config.deployment import Zone
    from echoatlas.schemas.config.file import parse

    given = {"endpoint": endpoint, "region": region}
    return parse(Zone, {name: value for name, value in given.items() if value}, "load")


def _usual_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "echoatlas"
