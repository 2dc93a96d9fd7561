"""A draft as it is published: its index written in the order of shards, some rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from echoatlas.pipeline.file_faults import local_faults
from echoatlas.pipeline.lake.join import coded, distinct_pairs
from echoatlas.pipeline.release.annotations import PLACED, placed
from echoatlas.pipeline.release.beside import ROWS, write_index
from echoatlas.pipeline.release.dealt_rows import in_order
from echoatlas.pipeline.release.digests import DIGEST, KIND, digest_column
from echoatlas.pipeline.release.places import masks_at
from echoatlas.pipeline.release.shard import MARKS
from echoatlas.pipeline.scratch import folder_of_files

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.release.draft import Draft

LABEL = ("region", "organ", "paths")
AT_ONCE = 1 << 14  # rows that are read at a time


@dataclass(frozen=True, slots=True)
class Finished:
    """What is published beside the places of a draft.

    Attributes:
        index: its file, for as long as it is there. sha256: of the file.
        shards: as a manifest lists them. labels: region, organ and paths, by number.
        masks: of the sample that has most of them.
    """

    index: Path
    sha256: str
    shards: list[dict[str, Any]]
    labels: list[list[str]]
    masks: int


@contextmanager
def finished(draft: Draft) -> Iterator[Finished]:
    """Write the index of a draft whose samples all lie in shards, and put its places in order.

    Raises:
        UsageError: there is no room for it on this machine.
    """
    samples = draft.samples
    numbers, labels = _labels(draft)
    draft.places["label"] = numbers
    order = np.lexsort((draft.places["offset"], draft.places["shard"]))
    draft.places = draft.places[order]
    shards = _listed(draft)
    masks = int(_masks_of(draft.sizes).max(initial=0))
    with folder_of_files(samples.allowance) as folder:
        path = folder / "index.parquet"
        with local_faults(str(folder.parent)):
            digest = _write(draft, order, path)
        yield Finished(path, digest, shards, labels, masks)


def _write(draft: Draft, order: NDArray[np.int64], path: Path) -> str:
    """Write the index, and return its digest: rows come as they lie, and are dealt to files of a
    row group each, so that no more than one of these is ever in memory."""
    samples = draft.samples
    schema = samples.schema.append(pa.field(MARKS, PLACED)).append(pa.field(DIGEST, KIND))
    places = np.full(len(samples.inside), -1, np.int64)
    places[samples.rows[order]] = np.arange(len(order))
    with samples.these() as asked:
        rows = asked.sql(samples.source()).to_arrow_reader(AT_ONCE)
        parts = in_order(rows, places, ROWS, path.parent)
        return write_index(_with_what_lies_beside(parts, draft, order), schema, path)


def _with_what_lies_beside(
    parts: Iterator[tuple[int, pa.Table]], draft: Draft, order: NDArray[np.int64]
) -> Iterator[pa.Table]:
    """Rows of an index, each with its annotations and the digest of all that it has."""
    for start, part in parts:
        stop = start + part.num_rows
        taken = pa.array(order[start:stop])
        marks, sizes = (one.take(taken) for one in (draft.marks, draft.sizes))
        masks = masks_at(draft.places[start:stop])
        digests = digest_column(draft.digests[order[start:stop]])
        marked = part.append_column(MARKS, placed(marks, sizes, masks))
        del part, marks, sizes, masks  # before these are used, and the next are read
        yield marked.append_column(DIGEST, digests)
        del marked


def _labels(draft: Draft) -> tuple[NDArray[np.int64], list[list[str]]]:
    """The number of each sample's label, and the labels by number, in the order of samples."""
    told = draft.samples.coded(LABEL)
    keys = np.zeros(told.num_rows, np.int64)
    for column in told.columns:
        codes, names = coded(column)
        keys = keys * max(len(names), 1) + codes
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    by_place = np.argsort(first)
    rank = np.empty_like(by_place)
    rank[by_place] = np.arange(len(by_place))
    rows = told.take(pa.array(first[by_place]))
    labels = [list(row.values()) for row in rows.to_pylist()]
    return rank[inverse], labels


def _masks_of(sizes: pa.ListArray) -> NDArray[np.int64]:
    """(n,) how many masks samples have, given the sizes of their annotations' masks."""
    flat = sizes.flatten().fill_null(0).to_numpy(zero_copy_only=False)
    bounds = sizes.offsets.to_numpy().astype(np.int64)
    total = np.concatenate([[0], np.cumsum(flat > 0)])
    found: NDArray[np.int64] = np.diff(total[bounds - bounds[0]])
    return found


def _listed(draft: Draft) -> list[dict[str, Any]]:
    """The shards in use, renumbered in the places, with what this release holds in each."""
    shards, splits = draft.places["shard"], draft.places["split"]
    used, first, renumbered, live = np.unique(
        shards, return_index=True, return_inverse=True, return_counts=True
    )
    draft.places["shard"] = renumbered
    of_split, _ = distinct_pairs(shards.astype(np.int64), splits.astype(np.int64))
    several = np.bincount(of_split, minlength=len(draft.shards))
    return [
        draft.shards[number]
        | {"samples": count, "split": draft.splits[splits[at]] if several[number] == 1 else None}
        for number, at, count in zip(used.tolist(), first.tolist(), live.tolist(), strict=True)
    ]
