"""Which clips are exact copies before anything is looked at: by pixels, bytes or coded pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.deduplicate import graph_kernels, text_kernels
from echoatlas.pipeline.deduplicate.clips import Clips
from echoatlas.pipeline.deduplicate.columns import States, numbered, states
from echoatlas.pipeline.deduplicate.hamming import Rows
from echoatlas.pipeline.lake.join import coded, places

SOURCES = (  # of an object, as pseudonyms; empty where it has none
    ("object_id", pa.string()),
    ("content_id", pa.string()),
    ("codestream", pa.string()),
    ("instance", pa.string()),
)


@dataclass(frozen=True, slots=True)
class Origins:
    """What is known of each clip's file, (C,) each: content, codestream, instance."""

    columns: tuple[pa.ChunkedArray, ...]


def origins(objects: pa.Array, sources: pa.Table | None) -> Origins:
    """What is known of the files of clips, by their objects."""
    if sources is None:
        sources = pa.schema(SOURCES).empty_table()
    at = places(objects, sources.column("object_id"))
    taken = pa.array(at, mask=at < 0)
    return Origins(
        tuple(
            pa.chunked_array([pc.fill_null(_whole(sources.column(name)).take(taken), "")])
            for name, _ in SOURCES[1:]
        )
    )


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()


def source_numbers(
    objects: pa.Array, panes: Rows, clips: Clips, known: Origins
) -> tuple[Rows, ...]:
    """Of each clip the number of its file, its coded pictures and its SOP instance.

    Clips of two files are the same if they lie in the same place of them and are as long.

    Args:
        objects, panes: of each clip.
        known: of each clip's file, by ``origins``.
    """
    count = len(objects)
    object_of, names = coded(objects)
    shapes = _shapes(clips)
    for number in (np.bincount(object_of, minlength=len(names))[object_of], panes):
        text_kernels.stir(shapes, number.astype(np.uint64))
    found = []
    for column in known.columns:
        own, values = coded(column)
        empty = places(pa.array([""]), values)[0]
        stated = np.flatnonzero(own != empty)
        both = shapes[stated].copy()
        text_kernels.stir(both, own[stated].astype(np.uint64))
        numbers = np.full(count, -1, np.int64)
        numbers[stated] = numbered(both)
        found.append(numbers)
    return tuple(found)


def _shapes(clips: Clips) -> States:
    """A digest of where a clip's frames stand, from the first."""
    lengths = np.diff(clips.starts)
    rows = states(len(clips.places))
    begun = np.repeat(clips.places[clips.starts[:-1]], lengths)
    text_kernels.stir(rows, (clips.places - begun).astype(np.uint64))
    return np.asarray(text_kernels.folded_hash(rows, np.arange(len(rows)), clips.starts))


def first(ranks: Rows, *groups: Rows) -> Rows:
    """The best clip of all that any of some groups have in common, however indirectly."""
    count = len(ranks)
    joined = np.arange(count)
    for group in groups:
        order = np.argsort(group, kind="stable")
        order = order[group[order] >= 0]
        same = group[order[1:]] == group[order[:-1]]
        joined = graph_kernels.united(joined, order[:-1][same], order[1:][same])
    order = np.lexsort((np.arange(count), ranks, joined))
    best = np.arange(count)
    if count:
        begun = np.append(True, joined[order][1:] != joined[order][:-1])
        best[order] = order[np.flatnonzero(begun)][np.cumsum(begun) - 1]
    return best
