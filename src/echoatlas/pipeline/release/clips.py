"""An index of frames as one of clips: a clip is all frames of an object's pane, in their order."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.lake.join import coded, integers
from echoatlas.pipeline.release.candidates import ROW, Candidates
from echoatlas.schemas.index import FROM
from echoatlas.schemas.tables import TABLES, columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLIP = ("object_id", "pane")
ORDER = "ORDER BY frame_index, frame_id"
MEANS = tuple(
    name for name in FROM["measures"] if columns(TABLES["measures"].row)[name][0] is float
)
UNITED = {"license": " AND ", "kin": " ", "annotated": " "}  # whatever any frame says holds
LISTS = {"frame_ids": "frame_id", "frame_indexes": "frame_index", "times_ms": "time_ms"}


def clips_of(frames: Candidates) -> Candidates:
    """A row a clip, in the order of first frames' ids.

    A clip is called by its first frame. Measures are the mean of its frames; what any frame says
    of licenses, kin and annotations holds for it; all else is as its first frame has it. Beside
    the columns of ``frames`` it has ``frames``, their number, and three lists, in order:
    ``frame_ids``, ``frame_indexes`` (places in the source, gaps where frames were not kept) and
    ``times_ms``.
    """
    asked = [_of_clip(name, frames.schema.field(name).type) for name in frames.names]
    asked.append("count(*)::BIGINT AS frames")
    asked += [f"list({column} {ORDER}) AS {name}" for name, column in LISTS.items()]
    table = f"clips_of_{len(frames)}"
    with frames.these() as database:
        database.execute(
            f"CREATE OR REPLACE TABLE {table} AS SELECT row_number() OVER (ORDER BY frame_id) - 1 "
            f"AS {ROW}, * FROM (SELECT {', '.join(asked)} FROM ({frames.source()}) "
            f"GROUP BY {', '.join(CLIP)})"
        )
    return Candidates.of(frames.asked, frames.allowance, table)


def _of_clip(name: str, kind: pa.DataType) -> str:
    """SQL for a column of a clip, in the type of its frames."""
    if name in CLIP:
        return name
    if name in MEANS:
        return f"avg({name}) AS {name}"
    if name == "channels":
        return "max(channels) AS channels"
    if name in UNITED:
        said = f"list_distinct(flatten(list(string_split({name}, '{UNITED[name]}'))))"
        return f"array_to_string(list_sort({said}), '{UNITED[name]}') AS {name}"
    return f"first({name} {ORDER}) AS {name}"


def clip_numbers(frames: Candidates) -> NDArray[np.int64]:
    """(k,) a number of each frame's clip; equal ones are of one clip."""
    objects, _ = coded(frames.coded([CLIP[0]]).column(0))
    panes = integers(frames.fetched([CLIP[1]]).column(0))
    return objects * (int(panes.max(initial=0)) + 1) + panes


def of_clips(
    frames: Candidates, clips: Candidates, numbers: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which frames are of clips that are in, (k,).

    Args:
        numbers: (k,) of each frame's clip.
    """
    rows = frames.fetched(["frame_id"]).column(0)
    heads = pc.is_in(rows, value_set=clips.fetched(["frame_id"]).column(0).combine_chunks())
    named = numbers[np.asarray(heads, np.bool_)]
    return np.isin(numbers, named)


def whole_clips(numbers: NDArray[np.int64], kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which frames are of clips of which all frames are kept, (k,)."""
    return ~np.isin(numbers, np.unique(numbers[~kept]))


def joined_contents(told: pa.Table, counts: NDArray[np.int64]) -> pa.Table:
    """What ``contents`` tells of frames, as told of clips of so many frames each.

    Returns:
        A row a clip: ``payload``, ``marks`` and ``sizes``; and ``mark_frames``, of each annotation
        the place of its frame in the clip.
    """
    bounds = np.concatenate([[0], np.cumsum(counts)])
    payloads = told.column("payload").to_pylist()
    payload = [
        hashlib.md5(b"".join(payloads[start:stop]), usedforsecurity=False).digest()
        for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    ]
    marks, sizes = (told.column(name).combine_chunks() for name in ("marks", "sizes"))
    each = np.diff(marks.offsets.to_numpy())
    place = np.arange(len(told)) - np.repeat(bounds[:-1], counts)
    offsets = pa.array((marks.offsets.to_numpy() - marks.offsets[0].as_py())[bounds], pa.int32())
    lists = {
        "marks": marks.flatten(),
        "sizes": sizes.flatten(),
        "mark_frames": pa.array(np.repeat(place, each), pa.int64()),
    }
    return pa.table(
        {
            "payload": pa.array(payload, pa.binary()),
            **{name: pa.ListArray.from_arrays(offsets, one) for name, one in lists.items()},
        }
    )
