"""The annotations of a release's samples: what came with the data, in pixels of the sample's image.

A mask is a PNG beside its image in the shard; all else is told in the index and in the sample's
JSON. The order of a sample's annotations depends on what they say alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake

AnnotationRecord = dict[
    str, Any
]  # the columns of TOLD, and "mask": PNG bytes, or nothing where it is none
TOLD = ("kind", "name", "value", "number", "unit", "points", "source")
KINDS = frozenset({"class", "mask", "box", "keypoints", "scalar", "text"})
_WORDS = [(name, pa.string()) for name in ("kind", "name", "value", "unit", "source")]
_REST = [("number", pa.float64()), ("points", pa.list_(pa.float64()))]
_PLACE = [("mask_offset", pa.int64()), ("mask_length", pa.int64())]
PLACED = pa.list_(pa.struct([*_WORDS, *_REST, *_PLACE]))  # in an index: masks lie in the shard
WHOLE = pa.list_(pa.struct([*_WORDS, *_REST, ("mask", pa.binary())]))  # masks told as they are


def marks_of(
    lake: Lake, version: int, wanted: set[str], keep: Callable[[bytes], object]
) -> dict[str, list[AnnotationRecord]]:
    """Frame id to its annotations at a version of the lake; none if it never had any.

    Args:
        keep: takes the bytes of a mask and gives what is to stand in their place, so that the
            masks of a whole release need not be held at once.
    """
    if version < 0:
        return {}
    found: dict[str, list[tuple[str, AnnotationRecord]]] = {}
    columns = ["frame_id", "annotation_id", *TOLD, "mask"]
    for batch in lake.batches("annotations", columns, version):
        for row in batch.to_pylist():
            frame_id, one = row.pop("frame_id"), row.pop("annotation_id")
            if frame_id in wanted:
                row["mask"] = row["mask"] and keep(row["mask"])
                found.setdefault(frame_id, []).append((one, row))
    return {
        frame_id: [mark for _, mark in sorted(marks, key=_place)]
        for frame_id, marks in found.items()
    }


def _place(mark: tuple[str, AnnotationRecord]) -> tuple[str, str, str]:
    return mark[1]["kind"], mark[1]["name"], mark[0]


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
    rows = index.column("annotations").to_pylist() if "annotations" in index.column_names else []
    return max((sum(has_mask(mark) for mark in marks or ()) for marks in rows), default=0)


def mask_ending(number: int) -> str:
    """What follows the frame's id and a dot in the name of its mask's file."""
    return f"mask-{number}.png"


def with_masks(marks: Iterable[AnnotationRecord] | None, shard: bytes) -> list[AnnotationRecord]:
    """Annotations of an index with their masks, taken from the shard."""
    found = []
    for mark in marks or ():
        start, length = mark["mask_offset"], mark["mask_length"]
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
