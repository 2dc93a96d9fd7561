"""An index of frames as one of clips: a clip is all frames of an object's pane, in their order."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.database import database
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


def clips_of(index: pa.Table) -> pa.Table:
    """A row a clip, in the order of first frames' ids.

    A clip is called by its first frame. Measures are the mean of its frames; what any frame says
    of licenses, kin and annotations holds for it; all else is as its first frame has it. Beside
    the columns of ``index`` it has ``frames``, their number, and three lists, in order:
    ``frame_ids``, ``frame_indexes`` (places in the source, gaps where frames were not kept) and
    ``times_ms``.
    """
    asked = []
    for name in index.column_names:
        if name in CLIP:
            asked.append(name)
        elif name in MEANS:
            asked.append(f"avg({name}) AS {name}")
        elif name == "channels":
            asked.append("max(channels) AS channels")
        elif name in UNITED:
            asked.append(
                f"array_to_string(list_sort(list_distinct(flatten(list("
                f"string_split({name}, '{UNITED[name]}'))))), '{UNITED[name]}') AS {name}"
            )
        else:
            asked.append(f"first({name} {ORDER}) AS {name}")
    asked.append("count(*)::BIGINT AS frames")
    asked += [f"list({column} {ORDER}) AS {name}" for name, column in LISTS.items()]
    with database() as opened:
        opened.register("t", index)
        found = opened.sql(
            f"SELECT {', '.join(asked)} FROM t GROUP BY {', '.join(CLIP)} ORDER BY frame_id"
        ).to_arrow_table()
    return found.cast(_schema(index.schema, found.schema))


def _schema(before: pa.Schema, after: pa.Schema) -> pa.Schema:
    """Columns that were there as they were."""
    return pa.schema([before.field(one.name) if one.name in before.names else one for one in after])


def frames_of(index: pa.Table, clips: pa.Table) -> pa.Table:
    """The frames of some clips."""
    kept = pc.is_in(_named(index), _named(clips))
    return index.filter(kept)


def number_of_clips(index: pa.Table) -> int:
    """How many clips the frames of an index are of."""
    return int(index.group_by(list(CLIP)).aggregate([]).num_rows)


def whole_clips(index: pa.Table, before: pa.Table) -> pa.Table:
    """The frames of those clips of which no frame is missing that was there before."""
    had, have = (one.group_by(list(CLIP)).aggregate([([], "count_all")]) for one in (before, index))
    joined = have.join(had, list(CLIP), right_suffix="_before")
    same = pc.equal(joined.column("count_all"), joined.column("count_all_before"))
    return frames_of(index, joined.filter(same))


def _named(rows: pa.Table) -> pa.Array:
    names = pc.binary_join_element_wise(
        rows.column("object_id"), rows.column("pane").cast(pa.string()), "/"
    )
    return names.combine_chunks()


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
