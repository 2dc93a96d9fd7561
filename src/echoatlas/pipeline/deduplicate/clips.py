"""What two clips are to each other, decided where time is: by a vote on the temporal offset.

No measure on pairs of frames tells a re-encoded frame from the next frame of its clip. A clip has
many frames, though, and all of a copy's have to say the same: that its frame ``i`` is the other's
frame ``rate * i + offset``. What wins the vote is then looked at, at places spread over the copy. A
still is a clip of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate import alignment_kernels
from echoatlas.pipeline.deduplicate.framing import Warp
from echoatlas.pipeline.deduplicate.similarity import (
    Similarity,
    Verdict,
)

Rows = NDArray[np.int64]

# Frames of the longer clip a frame of the shorter: copies skip, repeat or are played faster.
RATES = (1.0, 2.0, 3.0, 4.0, 0.5, 1 / 3, 1.5, 2 / 3, 1.2, 1 / 1.2)
HYPOTHESES = 4
TRIED = 2  # pairs of frames from which the framing is told


@dataclass(frozen=True, slots=True)
class Clips:
    """Frames by clip, and in each in order.

    Attributes:
        starts: (C + 1,) row of each clip's first frame, and the number of frames.
        places: (N,) place of a frame in its clip, from 0, as recorded.
    """

    starts: Rows
    places: Rows

    def of(self, clip: int) -> Rows:
        """The places of a clip's frames, ascending."""
        return self.places[self.starts[clip] : self.starts[clip + 1]]

    def length(self, clip: int) -> int:
        """Number of frames."""
        return int(self.starts[clip + 1] - self.starts[clip])


@dataclass(frozen=True, slots=True)
class Alignment:
    """How a clip may lie in a longer one: place there = rate * place here + offset."""

    rate: float
    offset: float
    votes: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    """Candidate pairs of frames of two clips: rows of the longer and of the shorter one.

    Attributes:
        distance: bits between their hashes.
        starts: maps of framing that some of the pairs were found under, if any.
        loose: that nothing but landmarks brought up: the pairs show the same places, but not the
            same moments.
    """

    longer: int
    shorter: int
    mirrored: bool
    rows: NDArray[np.int64]  # (M, 2)
    distance: Rows
    starts: tuple[Warp, ...] = field(default=(), compare=False)
    loose: bool = False


@dataclass(frozen=True, slots=True)
class Related:
    """What two clips were found to be to each other.

    Attributes:
        verdict: of all pairs that were looked at.
        covers: whether all of the shorter clip's frames are in the longer one.
        covered: whether all of the longer clip's frames are in the shorter one.
        agreed: share of the pairs looked at that show the same.
        similarity: the median pair's.
    """

    longer: int
    shorter: int
    mirrored: bool
    verdict: Verdict
    covers: bool
    covered: bool
    alignment: Alignment
    distance: int
    agreed: float
    similarity: Similarity


def aligned(clips: Clips, match: Match) -> list[Alignment]:
    """The likeliest alignments, the most voted for first."""
    there, here = clips.places[match.rows[:, 0]], clips.places[match.rows[:, 1]]
    found: list[Alignment] = []
    if clips.length(match.shorter) == 1:
        order = np.lexsort((there, match.distance))[:HYPOTHESES]
        return [Alignment(1.0, float(there[at] - here[at]), 1) for at in order]
    for rate in RATES:
        if rate != 1.0 and len(match.rows) < 3:
            break
        votes, offset = alignment_kernels.voted(there, here, match.distance, rate)
        found.append(Alignment(rate, float(offset), int(votes)))
    # Rates other than 1 are rounded, and so match more by chance: the plain one always stays
    found[1:] = sorted(found[1:], key=lambda one: -one.votes)
    most = max(one.votes for one in found)
    return [one for one in found[:HYPOTHESES] if one.rate == 1 or 2 * one.votes >= most]


def shifted(found: Sequence[Alignment]) -> list[Alignment]:
    """The plain alignment, a frame or two earlier or later, and with no shift at all."""
    first = found[0]
    offsets = {first.offset + by for by in (-2.0, -1.0, 1.0, 2.0)} | {0.0}
    return [Alignment(first.rate, by, first.votes) for by in sorted(offsets - {first.offset})]


def partners(
    clips: Clips, longer: int, shorter: int, alignment: Alignment
) -> tuple[NDArray[np.bool_], Rows]:
    """Which of the shorter clip's frames the longer one has under an alignment, and where.

    Returns:
        (n,) whether there is one, and (n,) the row of the nearest.
    """
    places = clips.of(longer)
    wanted = alignment.rate * clips.of(shorter) + alignment.offset
    after = np.clip(np.searchsorted(places, wanted), 1, max(len(places) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(places) - 1)
    nearer = np.abs(places[before] - wanted) <= np.abs(places[after] - wanted)
    nearest = np.where(nearer, before, after)
    there = np.abs(places[nearest] - wanted) <= 0.5 + 1e-6
    return there, clips.starts[longer] + nearest


def nearest(match: Match) -> list[tuple[int, int]]:
    """The pairs of frames with the nearest hashes, of different frames of the shorter clip."""
    found: dict[int, int] = {}
    for at in np.argsort(match.distance, kind="stable"):
        found.setdefault(int(match.rows[at, 1]), int(match.rows[at, 0]))
        if len(found) == TRIED:
            break
    return [(there, here) for here, there in found.items()]


@cache
def spread_places(length: int, most: int) -> tuple[int, ...]:
    """Up to so many places spread over a length, the first and the last among them."""
    return tuple(np.unique(np.linspace(0, length - 1, most).round().astype(int)).tolist())
