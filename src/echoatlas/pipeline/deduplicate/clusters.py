"""Who stands for whom, and who must stay together.

Two questions are answered apart. *What must stay together* when data are split: all that any edge
ties, an undecided one as well, however indirectly. *What stands for what* when duplicates are
dropped: a clip only for those that were verified against itself and are in it as a whole, as chains
of small steps lead from one picture to quite another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate import graph_kernels

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Edges:
    """Edges between clips, one a pair.

    Attributes:
        one, other: (M,) numbers of the clips.
        covers: whether ``one`` has all that ``other`` has, verified. covered: the same, reversed.
        repeats: whether ``one`` has each frame of ``other`` several times, and none besides.
    """

    one: Rows
    other: Rows
    covers: Flags
    covered: Flags
    repeats: Flags | None = None


@dataclass(frozen=True, slots=True)
class Clusters:
    """What edges make of clips.

    Attributes:
        cluster: (C,) smallest clip of those that verified covers join.
        tie: (C,) smallest clip of those that any edge joins.
        head: (C,) the clip that stands for each; itself where none does.
        by: (C,) the edge by which it does, or -1: that of the clip whose copy it is, for copies.
    """

    cluster: Rows
    tie: Rows
    head: Rows
    by: Rows


def clustered(ranks: Rows, edges: Edges, first: Rows | None = None) -> Clusters:
    """Cluster clips, and choose what stands for what.

    What no other clip covers has to stay whatever else is decided, so these stand first, the best
    rank before the others; each takes what it covers and nothing stands for yet.

    Args:
        ranks: (C,) lower is better; equal ones are told apart by their number.
        edges: between clips that are nobody's exact copies.
        first: (C,) of exact copies, the clip whose they are, and which they go with; of others,
            the clip itself.

    Returns:
        The same for any order of the edges.
    """
    count = len(ranks)
    sure = edges.covers | edges.covered
    strictly = np.zeros(count, bool)
    strictly[edges.other[edges.covers & ~edges.covered]] = True
    strictly[edges.one[edges.covered & ~edges.covers]] = True
    if edges.repeats is not None:  # longer, and yet no more
        strictly[edges.one[edges.repeats]] = True
    order = np.lexsort((np.arange(count), ranks, strictly))
    number = np.arange(len(edges.one))
    above = np.concatenate([edges.one[edges.covers], edges.other[edges.covered]])
    below = np.concatenate([edges.other[edges.covers], edges.one[edges.covered]])
    which = np.concatenate([number[edges.covers], number[edges.covered]])
    # By the clip above alone: whom it takes, and by which edge, no order of theirs decides
    starts, placed = graph_kernels.grouped(above, count)
    head, by = graph_kernels.stars(order, starts, below[placed], which[placed])
    first = np.arange(count) if first is None else first
    copies = np.flatnonzero(first != np.arange(count))
    alone = np.arange(count)
    cluster = graph_kernels.united(alone, edges.one[sure], edges.other[sure])
    cluster = graph_kernels.united(cluster, first[copies], copies)
    return Clusters(
        cluster=cluster,
        tie=graph_kernels.united(cluster, edges.one[~sure], edges.other[~sure]),
        head=head[first],
        by=by[first],
    )
