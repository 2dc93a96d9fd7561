"""What two clips are to each other, decided where time is: by a vote on the temporal offset.

No measure on pairs of frames tells a re-encoded frame from the next frame of its clip. A clip has
many frames, though, and all of a copy's have to say the same: that its frame ``i`` is the other's
frame ``rate * i + offset``. What wins the vote is then looked at, at places spread over the copy. A
still is a clip of one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate import kernels
from echoatlas.pipeline.deduplicate.similarity import (
    Similarity,
    SimilarityConfig,
    Verdict,
    View,
    Warp,
    compared,
    laid,
    registered,
    view_of,
)
from echoatlas.pipeline.frames.phash import opened

Rows = NDArray[np.int64]
Thumbnails = Callable[[int], bytes]  # of a frame's row

# Frames of the longer clip a frame of the shorter: copies skip, repeat or are played faster.
RATES = (1.0, 2.0, 3.0, 4.0, 0.5, 1 / 3, 1.5, 2 / 3, 1.2, 1 / 1.2)
LOOKED_AT = 7  # pairs of frames of two clips
HYPOTHESES = 4
TRIED = 2  # pairs of frames from which the framing is told
NOTHING = 0.15  # speckle that has nothing in common
WHOLE = 0.98  # share of a clip's frames that a copy must have
AGREED = 0.75  # share of the pairs that must show the same
PART = 0.25  # share from which two clips overlap


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
        start: map of framing that one of the pairs was found under, if any.
    """

    longer: int
    shorter: int
    mirrored: bool
    rows: NDArray[np.int64]  # (M, 2)
    distance: Rows
    start: Warp | None = field(default=None, compare=False)


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
        votes, offset = kernels.voted(there, here, match.distance, rate)
        found.append(Alignment(rate, float(offset), int(votes)))
    # Rates other than 1 are rounded, and so match more by chance: the plain one always stays
    found[1:] = sorted(found[1:], key=lambda one: -one.votes)
    most = max(one.votes for one in found)
    return [one for one in found[:HYPOTHESES] if one.rate == 1 or 2 * one.votes >= most]


def _shifted(found: Sequence[Alignment]) -> list[Alignment]:
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


class Judge:
    """Looks at thumbnails, each opened once."""

    def __init__(self, thumbnails: Thumbnails, config: SimilarityConfig) -> None:
        self._thumbnails = thumbnails
        self._config = config
        self._views: dict[tuple[int, bool], View] = {}

    def view(self, row: int, mirrored: bool = False) -> View:
        """A frame as it is compared."""
        key = row, mirrored
        if key not in self._views:
            gray = opened(self._thumbnails(row))
            gray = np.ascontiguousarray(gray[:, ::-1]) if mirrored else gray
            if len(self._views) > 4096:
                self._views.clear()
            self._views[key] = view_of(gray, self._config)
        return self._views[key]

    def pair(self, one: int, other: int, mirrored: bool, warp: Warp | None) -> Similarity:
        """How alike two frames are, the second laid upon the first."""
        here, there = self.view(one), self.view(other, mirrored)
        if warp is not None:
            there = view_of(laid(there.gray, warp), self._config)
        return compared(here, there, self._config)

    def framed(self, one: int, other: int, mirrored: bool, start: Warp | None) -> Warp | None:
        """The map that undoes another framing of the second frame, if that makes them alike."""
        best, kept = self.pair(one, other, mirrored, None), None
        if best.verdict is Verdict.SAME:
            return None
        for begin in (start, None) if start is not None else (None,):
            warp = registered(self.view(one).gray, self.view(other, mirrored).gray, begin)
            if warp is not None:
                found = self.pair(one, other, mirrored, warp)
                if found.order > best.order:
                    best, kept = found, warp
        return kept

    def related(self, clips: Clips, match: Match) -> Related | None:
        """What two clips are to each other; None if they show different things."""
        framed = self._framed(match)
        if framed is None:
            return None
        best: Related | None = None
        for alignment in self._refined(clips, match):
            found = self._under(clips, match, alignment, *framed)
            if found is not None and (best is None or _order(found) > _order(best)):
                best = found
        return best

    def _framed(self, match: Match) -> tuple[Warp | None] | None:
        """The map that undoes another framing; None where no near pair has anything in common."""
        best, kept = 0.0, None
        for there, here in nearest(match):
            warp = self.framed(there, here, match.mirrored, match.start)
            found = self.pair(there, here, match.mirrored, warp)
            if found.verdict is Verdict.SAME:
                return (warp,)
            if found.speckle > best:
                best, kept = found.speckle, warp
        return (kept,) if best > NOTHING else None

    def _refined(self, clips: Clips, match: Match) -> list[Alignment]:
        """Alignments, and their neighbors in time: hashes alone are not that sharp."""
        found = aligned(clips, match)
        if clips.length(match.shorter) == 1 or not found:
            return found
        return found + _shifted(found)

    def _under(
        self, clips: Clips, match: Match, alignment: Alignment, warp: Warp | None
    ) -> Related | None:
        longer, shorter = match.longer, match.shorter
        there, rows = partners(clips, longer, shorter, alignment)
        shared = np.flatnonzero(there)
        if not len(shared):
            return None
        spread = np.unique(np.linspace(0, len(shared) - 1, LOOKED_AT).round().astype(int))
        chosen = shared[spread]
        begin = int(clips.starts[shorter])
        seen = [self.pair(int(rows[at]), begin + int(at), match.mirrored, warp) for at in chosen]
        same = sum(one.verdict is Verdict.SAME for one in seen) / len(seen)
        open_ = sum(one.verdict is not Verdict.DIFFERENT for one in seen) / len(seen)
        if same >= AGREED:
            verdict = Verdict.SAME
        elif same >= PART or open_ > 0.5:
            verdict = Verdict.UNDECIDED
        else:
            return None
        contained = verdict is Verdict.SAME and len(shared) >= WHOLE * len(there)
        ordered = sorted(seen, key=lambda one: one.order)
        return Related(
            longer=longer,
            shorter=shorter,
            mirrored=match.mirrored,
            verdict=verdict,
            covers=contained,
            covered=contained and self._covered(clips, longer, shorter, alignment),
            alignment=alignment,
            distance=int(np.median(match.distance)),
            agreed=same,
            similarity=ordered[len(ordered) // 2],
        )

    @staticmethod
    def _covered(clips: Clips, longer: int, shorter: int, alignment: Alignment) -> bool:
        if alignment.rate > 1:  # it skips some
            return False
        back = Alignment(1 / alignment.rate, -alignment.offset / alignment.rate)
        there, _ = partners(clips, shorter, longer, back)
        return bool(there.mean() >= WHOLE)


def _order(found: Related) -> tuple[float, ...]:
    one = found.similarity
    plain = -abs(found.alignment.rate - 1), -abs(found.alignment.offset)
    return found.covers, found.verdict, round(found.agreed, 3), round(one.speckle, 3), *plain


def judged(
    clips: Clips, matches: Sequence[Match], thumbnails: Thumbnails, config: SimilarityConfig
) -> list[Related]:
    """What pairs of clips are to each other, without those that show different things."""
    judge = Judge(thumbnails, config)
    found = (judge.related(clips, match) for match in matches)
    return [one for one in found if one is not None]


def needed(clips: Clips, match: Match) -> set[int]:
    """Rows of the frames that ``judged`` may look at."""
    rows = {row for pair in nearest(match) for row in pair}
    alignments = aligned(clips, match)
    if clips.length(match.shorter) > 1 and alignments:
        alignments += _shifted(alignments)
    for alignment in alignments:
        there, partner = partners(clips, match.longer, match.shorter, alignment)
        shared = np.flatnonzero(there)
        if len(shared):
            spread = np.unique(np.linspace(0, len(shared) - 1, LOOKED_AT).round().astype(int))
            rows.update(int(clips.starts[match.shorter] + at) for at in shared[spread])
            rows.update(int(partner[at]) for at in shared[spread])
    return rows
