"""The annotations of a release's samples: what came with the data, in pixels of the sample's image.

A mask is a PNG beside its image in the shard; all else is told in the index and in the sample's
JSON. The order of a sample's annotations depends on what they say alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from echoatlas.pipeline.release.places import BLOCK

if TYPE_CHECKING:
    from numpy.typing import NDArray

AnnotationRecord = dict[
    str, Any
]  # the columns of TOLD, and "mask": PNG bytes, or nothing where it is none
TOLD = ("kind", "name", "value", "number", "unit", "points", "source")
KINDS = frozenset({"class", "mask", "box", "keypoints", "scalar", "text"})
_NAMES = ("kind", "name", "value", "unit", "source")
_FIGURES = ("number", "points")
_WORDS = [(name, pa.string()) for name in _NAMES]
_REST = [("number", pa.float64()), ("points", pa.list_(pa.float64()))]
_PLACE = [("mask_offset", pa.int64()), ("mask_length", pa.int64())]
PLACED = pa.list_(pa.struct([*_WORDS, *_REST, *_PLACE]))  # in an index: masks lie in the shard
# As ``told`` lists them: masks by the endings of their files
LISTED = pa.list_(pa.struct([*_WORDS, *_REST, ("mask", pa.string())]))
WHOLE = pa.list_(pa.struct([*_WORDS, *_REST, ("mask", pa.binary())]))  # masks told as they are


def placed(marks: pa.ListArray, sizes: pa.ListArray, first: NDArray[np.int64]) -> pa.ListArray:
    """Annotations of samples, with the places of their masks in the shard.

    Args:
        marks: of each sample its annotations, structs of ``TOLD``.
        sizes: of each sample the sizes of their masks, bytes; 0 where an annotation has none.
        first: (n,) where the first mask of each sample begins, bytes.
    """
    length = sizes.flatten().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    taken = np.where(length > 0, -(-length // BLOCK) * BLOCK + BLOCK, 0)
    before = np.cumsum(taken) - taken
    bounds = marks.offsets.to_numpy().astype(np.int64)
    bounds -= bounds[0]
    counts = np.diff(bounds)
    owner = np.repeat(np.arange(len(marks)), counts)
    starts = np.append(before, 0)[np.minimum(bounds[:-1], max(len(before) - 1, 0))]
    offset = first[owner] + before - starts[owner]
    none = length == 0
    records = marks.flatten()
    columns = [records.field(name) for name in (*_NAMES, *_FIGURES)]
    columns += [pa.array(offset, pa.int64(), mask=none), pa.array(length, pa.int64(), mask=none)]
    structs = pa.StructArray.from_arrays(columns, fields=list(PLACED.value_type))
    return pa.ListArray.from_arrays(pa.array(bounds, pa.int32()), structs, type=PLACED)


def told(marks: Iterable[AnnotationRecord]) -> list[AnnotationRecord]:
    """Annotations as a sample's JSON tells them: a mask by the ending of its file."""
    listed = list(marks)
    numbers = iter(range(len(listed)))
    return [
        {name: mark[name] for name in TOLD}
        | {"mask": mask_ending(next(numbers)) if has_mask(mark) else ""}
        for mark in listed
    ]


def has_mask(mark: AnnotationRecord) -> bool:
    """Whether a mask comes with it, be it as bytes or by its place."""
    return bool(mark.get("mask") or mark.get("mask_length"))


def most_masks(index: pa.Table) -> int:
    """The number of masks of the sample that has most of them."""
    if "annotations" not in index.column_names:
        return 0
    lists = index.column("annotations").combine_chunks()
    # By methods, not ``pyarrow.compute``: who opens a release without masks need not wait for it
    owners = lists.value_parent_indices().to_numpy()
    sizes = lists.flatten().field("mask_length").fill_null(0).to_numpy()
    return int(np.unique(owners[sizes > 0], return_counts=True)[1].max(initial=0))


def mask_ending(number: int) -> str:
    """What follows the frame's id and a dot in the name of its mask's file."""
    return f"mask-{number}.png"


def with_masks(
    marks: Iterable[AnnotationRecord] | None, shard: bytes, first: int = 0
) -> list[AnnotationRecord]:
    """Annotations of an index with their masks, taken from the shard, or from a part of it that
    begins with its byte ``first``."""
    found = []
    for mark in marks or ():
        start, length = (mark["mask_offset"] or 0) - first, mark["mask_length"]
        cut = bytes(shard[start : start + length]) if length else b""
        found.append({name: mark[name] for name in TOLD} | {"mask": cut})
    return found


def outside(mark: AnnotationRecord, width: int, height: int) -> bool:
    """Whether an annotation speaks of a place that its image of ``width`` x ``height`` has not.

    A box lies inside as a whole. Of keypoints some may lie beside a crop, but not all.
    """
    points = list(zip(mark["points"][::2], mark["points"][1::2], strict=False))
    inside = [0 <= x <= width and 0 <= y <= height for x, y in points]
    if mark["kind"] == "box":
        return len(points) != 2 or not all(inside)
    if mark["kind"] == "keypoints":
        return not any(inside) or len(mark["points"]) % 2 == 1
    return mark["kind"] not in KINDS or bool(points)


def masks_end(marks: Sequence[Mapping[str, Any]] | None) -> int:
    """Where the last mask of a sample's annotations ends in its shard, bytes; 0 if it has none."""
    return max((m["mask_offset"] + m["mask_length"] for m in marks or () if m["mask_length"]),
               default=0)  # fmt: skip
