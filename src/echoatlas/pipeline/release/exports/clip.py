"""The clips of a release: frames of one object and pane, in order, with their true times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

RATE = 30.0  # pictures a second, where a file tells no times
Mark = TypeVar("Mark", bound=Mapping[str, Any])


@dataclass(frozen=True, slots=True)
class ReleaseClip:
    """A run of frames.

    Attributes:
        name: opaque: object and pane.
        rows: of the index, in order of time.
        first: the columns of the first one, which hold for all: split, patient, labels, size.
        times: of each frame from the first one, ms.
        timed: whether these come from the file; else they are of ``RATE``.
    """

    name: str
    rows: pa.Table
    first: dict[str, Any]
    times: tuple[float, ...]
    timed: bool
    frame_ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.times)

    @property
    def step(self) -> float:
        """Usual time between two frames, ms."""
        steps = np.diff(self.times)
        return float(np.median(steps)) if steps.size else 1000.0 / RATE

    @property
    def fps(self) -> float:
        """Usual pictures a second."""
        return 1000.0 / self.step

    @property
    def even(self) -> tuple[float, ...]:
        """Times that are ``step`` apart."""
        return tuple(number * self.step for number in range(len(self)))


def clips_of(rows: pa.Table, least: int) -> Iterator[ReleaseClip]:
    """The clips of at least so many frames, in order of their first rows.

    Rows are frames, or clips whose columns list what their frames have.
    """
    if "frames" in rows.column_names:
        for number in range(rows.num_rows):
            row = rows.slice(number, 1)
            one = row.to_pylist()[0]
            if one["frames"] >= least:
                name = f"{one['object_id']}-{one['pane']}"
                yield _clip(name, row, one["times_ms"], one["frame_indexes"], one["frame_ids"])
        return
    keys = zip(rows.column("object_id").to_pylist(), rows.column("pane").to_pylist(), strict=True)
    found: dict[tuple[str, int], list[int]] = {}
    for row, key in enumerate(keys):
        found.setdefault(key, []).append(row)
    place = rows.column("frame_index").to_pylist()
    for (object_id, pane), members in found.items():
        if len(members) >= least:
            ordered = sorted(members, key=lambda row: place[row])
            mine = rows.take(pa.array(ordered, pa.int64()))
            listed = [
                mine.column(name).to_pylist() for name in ("time_ms", "frame_index", "frame_id")
            ]
            yield _clip(f"{object_id}-{pane}", mine, *listed)


def times_of(
    told: Sequence[float | None], numbers: Sequence[int]
) -> tuple[tuple[float, ...], bool]:
    """Times of a clip's frames from the first one, ms, and whether they come from the file.

    Args:
        told: as the file has them. numbers: places of the frames in it.
    """
    known = [one for one in told if one is not None]
    timed = len(known) == len(told) and bool(np.all(np.diff(known) > 0))
    times = known if timed else [number * 1000.0 / RATE for number in numbers]
    return tuple(one - times[0] for one in times), timed


def by_frame(row: Mapping[str, Any], found: Sequence[Mark]) -> list[list[Mark]]:
    """Annotations of a row of the index, those of each of its frames apart."""
    if "frames" not in row:
        return [list(found)]
    parts: list[list[Mark]] = [[] for _ in range(row["frames"])]
    for place, mark in zip(row.get("annotation_frames") or (), found, strict=True):
        parts[place].append(mark)
    return parts


def _clip(
    name: str, rows: pa.Table, told: list[float | None], numbers: list[int], ids: list[str]
) -> ReleaseClip:
    times, timed = times_of(told, numbers)
    return ReleaseClip(name, rows, rows.slice(0, 1).to_pylist()[0], times, timed, tuple(ids))
