"""Frames as deduplication gets them, made by the simulator and measured for real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate.compared_frames import COMPARED
from echoatlas.pipeline.deduplicate.config import DeduplicateConfig
from echoatlas.pipeline.deduplicate.tasks import Open
from echoatlas.pipeline.deduplicate.whole_lake import Deduplicated, Known, deduplicate
from echoatlas.pipeline.frames.area import area_of
from echoatlas.pipeline.frames.measure import Measures, measure
from echoatlas.pipeline.frames.normalize import normalize, plan_frames
from echoatlas.schemas.records import Normalized, Redaction
from echoatlas.simulate.pictures.scans import make_cine

Pixels = NDArray[np.uint8]
DEFAULT = DeduplicateConfig()


@dataclass(frozen=True)
class Shown:
    """A frame, measured."""

    frame_id: str
    object_id: str
    frame_index: int
    rank: int
    measures: Measures


def measured(one: Normalized) -> Measures:
    return measure(one, area_of(one.valid, one.depth))


def pictures(seed: int, frames: int = 1, fan: str = "linear", **options: Any) -> list[Normalized]:
    return list(_pictures(seed, frames, fan, **options))


@lru_cache(16)  # a clip takes longer to make than to compare, and most are of several tests
def _pictures(seed: int, frames: int, fan: str, **options: Any) -> tuple[Normalized, ...]:
    scan = make_cine(seed, fan=fan, frames=frames, **options)
    cut = Redaction(scan.fans[0].mask(scan.height, scan.width))
    made = [normalize(picture, plan_frames(scan.fans[0], cut)) for picture in scan.pictures]
    for one in made:
        one.pixels.flags.writeable = one.valid.flags.writeable = False
    return tuple(made)


def changed(one: Normalized, pixels: Pixels) -> Normalized:
    return replace(one, pixels=np.asarray(np.where(one.valid, pixels, 0), np.uint8))


def reencoded(one: Normalized, quality: int = 75) -> Normalized:
    _, data = cv2.imencode(".jpg", one.pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return changed(one, np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), np.uint8))


def flipped(one: Normalized) -> Normalized:
    sides = {
        name: np.ascontiguousarray(getattr(one, name)[:, ::-1])
        for name in ("pixels", "valid", "overlay")
    }
    return replace(one, **sides)


def cropped(one: Normalized, share: float) -> Normalized:
    """The same, as if the fan had been found smaller by a share at each side."""
    rows = np.flatnonzero(one.valid.any(axis=1))
    columns = np.flatnonzero(one.valid.any(axis=0))
    inside = np.zeros_like(one.valid)
    down, across = round(share * len(rows)), round(share * len(columns))
    inside[rows[down] : rows[-1 - down] + 1, columns[across] : columns[-1 - across] + 1] = True
    valid = one.valid & inside
    return replace(one, valid=valid, pixels=np.asarray(np.where(valid, one.pixels, 0), np.uint8))


def shown(*objects: Sequence[Normalized], start: int = 0) -> list[Shown]:
    """Frames of objects; the first object is the best."""
    return [
        Shown(
            f"f{number:03d}{place:02d}",
            f"o{number:03d}",
            place,
            number,
            measured(one),
        )
        for number, frames in zip(count(start), objects)
        for place, one in enumerate(frames)
    ]


def table_of(frames: Sequence[Shown]) -> pa.Table:
    own = ("frame_id", "object_id", "frame_index", "rank")
    columns = {
        name: [getattr(one if name in own else one.measures, name) for one in frames]
        for name, _ in COMPARED
        if name != "pane"
    }
    columns["pane"] = [0] * len(frames)
    return pa.table({name: columns[name] for name, _ in COMPARED}, schema=pa.schema(COMPARED))


@dataclass(frozen=True)
class Kept:
    """Thumbnails by frame id; counts nothing, reads nothing."""

    by_id: dict[str, bytes]

    def __call__(self, ids: Sequence[str]) -> list[bytes]:
        return [self.by_id[one] for one in ids]


def thumbnails(frames: Sequence[Shown]) -> Kept:
    return Kept({one.frame_id: one.measures.thumbnail for one in frames})


def pictures_of(frames: Sequence[Shown]) -> Open:
    kept = thumbnails(frames)
    return lambda _: kept


def found(
    frames: Sequence[Shown], config: DeduplicateConfig = DEFAULT, **options: Any
) -> Deduplicated:
    return deduplicate(table_of(frames), pictures_of(frames), config, **options)


def told(result: Deduplicated) -> dict[str, tuple[str, str]]:
    """Of each frame that is not alone: what stands for it, and how it is related to that."""
    rows = result.duplicates.to_pylist()
    return {row["frame_id"]: (row["representative"], row["relation"]) for row in rows}


def edges_of(result: Deduplicated) -> list[dict[str, Any]]:
    return result.edges.to_pylist()


def tables_of(result: Deduplicated, before: Deduplicated | None = None) -> list[Any]:
    """The three tables as a lake has them, once what a run changed is put in place of what was."""
    found = []
    for name, column, gone in (
        ("edges", "object_id", result.objects),
        ("clips", "object_id", result.objects),
        ("duplicates", "tie", result.ties),
    ):
        rows = getattr(result, name).to_pylist()
        if before is not None and gone is not None:
            values = set(gone.to_pylist())
            fresh = [row for row in rows if row[column] in values]
            rows = [row for row in getattr(before, name).to_pylist() if row[column] not in values]
            rows += fresh
        found.append(sorted(rows, key=lambda row: [str(value) for value in row.values()]))
    return found


def known(before: Deduplicated) -> Known:
    """What a run leaves to the next."""
    return Known(before.clips, before.edges)


def clips(result: Deduplicated) -> dict[str, tuple[str, str]]:
    """Of each clip that is not alone: the object that stands for it, and how."""
    return {
        row["object_id"]: (row["head"].partition("/")[0], row["relation"])
        for row in result.clips.to_pylist()
        if row["relation"]
    }
