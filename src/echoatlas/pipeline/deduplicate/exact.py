"""Which clips are exact copies before anything is looked at: by pixels, bytes or coded pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
import pyarrow as pa

from echoatlas.pipeline.deduplicate import graph_kernels
from echoatlas.pipeline.deduplicate.clips import Clips
from echoatlas.pipeline.deduplicate.hamming import Rows

SOURCES = (  # of an object, as pseudonyms; empty where it has none
    ("object_id", pa.string()),
    ("content_id", pa.string()),
    ("codestream", pa.string()),
    ("instance", pa.string()),
)


def origins(objects: list[str], sources: pa.Table | None) -> list[tuple[str, ...]]:
    """What is known of each clip's file: content, codestream, instance."""
    nothing = ("",) * (len(SOURCES) - 1)
    if sources is None:
        return [nothing] * len(objects)
    columns = [sources.column(name).to_pylist() for name, _ in SOURCES]
    known = {row[0]: row[1:] for row in zip(*columns, strict=True)}
    return [known.get(one, nothing) for one in objects]


def source_numbers(
    objects: Sequence[str], panes: Rows, clips: Clips, known: list[tuple[str, ...]]
) -> tuple[Rows, ...]:
    """Of each clip the number of its file, its coded pictures and its SOP instance.

    Clips of two files are the same if they lie in the same place of them and are as long.

    Args:
        objects, panes: of each clip.
        known: of each clip's file, by ``origins``.
    """
    areas = Counter(objects)
    spans = zip(clips.starts[:-1].tolist(), clips.starts[1:].tolist(), strict=True)
    shapes = [
        (areas[name], pane, b - a, (clips.places[a:b] - clips.places[a]).tobytes())
        for name, pane, (a, b) in zip(objects, panes.tolist(), spans, strict=True)
    ]
    return tuple(
        numbered(
            [(one[at], it) if one[at] else None for one, it in zip(known, shapes, strict=True)]
        )
        for at in range(len(SOURCES) - 1)
    )


def numbered(values: Sequence[Hashable]) -> Rows:
    """Equal numbers for equal values, and for None one below 0."""
    known: dict[Hashable, int] = {None: -1}
    return np.array([known.setdefault(value, len(known)) for value in values], np.int64)


def first(ranks: Rows, *groups: Rows) -> Rows:
    """The best clip of all that any of some groups have in common, however indirectly."""
    count = len(ranks)
    joined = np.arange(count)
    for group in groups:
        order = np.lexsort((np.arange(count), group))
        order = order[group[order] >= 0]
        same = group[order[1:]] == group[order[:-1]]
        joined = graph_kernels.united(joined, order[:-1][same], order[1:][same])
    order = np.lexsort((np.arange(count), ranks, joined))
    best = np.arange(count)
    if count:
        begun = np.append(True, joined[order][1:] != joined[order][:-1])
        best[order] = order[np.flatnonzero(begun)][np.cumsum(begun) - 1]
    return best
