"""Which of a lake's frames are near to fingerprints from elsewhere.

Candidates are found as within a lake (``index``, ``hamming``), each frame's hashes against the
set's, mirrored and in other framings as well. Of the other picture only a code of its speckle is
there (``speckle_code``): where it agrees the frame is *the same*, where there is too little of it
*undecided*, and where it speaks against it something else, however near the hashes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.deduplicate.candidates import Found, matches
from echoatlas.pipeline.deduplicate.clips import Match, aligned, nearest, partners, spread_places
from echoatlas.pipeline.deduplicate.compared_frames import BothFrames, Frames
from echoatlas.pipeline.deduplicate.config import SimilarityConfig
from echoatlas.pipeline.deduplicate.fingerprints import FingerprintSet, as_compared
from echoatlas.pipeline.deduplicate.framing import Warp
from echoatlas.pipeline.deduplicate.hamming import Flags, Rows, pairs_within
from echoatlas.pipeline.deduplicate.index import Codes, Index, indexed, joins
from echoatlas.pipeline.deduplicate.similarity import Verdict, View, view_of
from echoatlas.pipeline.deduplicate.speckle_code import (
    Agreement,
    SpeckleCodeConfig,
    agreement,
    likeliest,
)
from echoatlas.pipeline.deduplicate.tasks import Open
from echoatlas.pipeline.frames.phash import opened
from echoatlas.pipeline.lake.join import coded, flags

OUTSIDE = "~"  # begins no object's id
LOOKED_AT = 3  # pairs of frames in step, of two clips
CLIPS = 12  # of a set that a clip is looked at with, the nearest by their hashes
EXACT = Agreement(Verdict.SAME, 1.0, 0)


@dataclass(frozen=True, slots=True)
class AgainstConfig:
    """When a frame is near to a fingerprint.

    Attributes:
        max_distance: bits of 256 between hashes that are looked at.
        mirrors: whether left-right mirrors are looked for.
    """

    max_distance: int = 32
    mirrors: bool = True
    speckle: SpeckleCodeConfig = field(default_factory=SpeckleCodeConfig)


@dataclass(frozen=True, slots=True)
class Near:
    """A clip of the lake that is near to one of a set.

    Attributes:
        frames: ids of the clip's frames that have a near one.
        verdict: same, or undecided.
        outside: the set's clip, as its file calls it.
        distance: bits between the nearest hashes.
        correlation: of the signs of their speckle; 1 where pixels are equal.
    """

    object_id: str
    pane: int
    frames: tuple[str, ...]
    verdict: Verdict
    outside: str
    distance: int
    correlation: float


def near(
    frames: Frames,
    pictures: Open,
    some: FingerprintSet,
    config: AgainstConfig = AgainstConfig(),
) -> list[Near]:
    """The clips that are near to a set's, one row a clip: the nearest, and the surest.

    Args:
        frames: the columns of ``compared_frames.COMPARED``. And ``file``, if it is known where
            thumbnails lie.
        pictures: gives who brings the thumbnails of frames that have to be looked at, from some
            files alone.

    Returns:
        In the order of the clips' names; the same for any order of the input.
    """
    theirs = as_compared(some, OUTSIDE)
    if not theirs.num_rows or not frames.num_rows:
        return []
    index = indexed(BothFrames(frames, theirs))
    outside = flags(pc.starts_with(index.objects, OUTSIDE))
    # An exact copy stands for itself here: it may be the lake's, and what it copies the set's
    index = replace(index, first=np.arange(len(index.names)))
    equal = _equal(index, outside)
    found = [
        Found.of(codes, _across(codes, index, outside, config.max_distance))
        for codes in joins(index, mirrors=config.mirrors)
    ]
    candidates = matches(index, found) if found else []
    by_clip: dict[int, list[Match]] = defaultdict(list)
    for one in candidates:
        by_clip[one.shorter if outside[one.longer] else one.longer].append(one)
    codes = dict(zip((f"{OUTSIDE}{n:012d}" for n in range(some.rows.num_rows)),
                     some.rows.column("speckle").to_pylist(), strict=True))  # fmt: skip
    judge = _Judge(index, outside, pictures, codes, config)
    rows = []
    for clip in sorted({*equal, *by_clip}):
        told = judge.told(clip, equal.get(clip), by_clip.get(clip, ()))
        if told is not None:
            rows.append(told)
    return rows


def _across(codes: Codes, index: Index, outside: Flags, radius: int) -> Rows:
    """Near pairs of a code of the lake and one of the set."""
    clips = index.clip[codes.rows]
    theirs = outside[clips]
    # As if the set were one clip: what its own are to each other is nobody's question
    ids = np.where(theirs, len(outside), clips).astype(np.int32)
    return pairs_within(codes.codes, radius, ids, codes.probes, theirs)


def _equal(index: Index, outside: Flags) -> dict[int, tuple[int, list[int]]]:
    """Clips of the lake with frames whose pixels the set has: its first clip, and the rows."""
    kinds, known = coded(index.column("pixel_hash"))
    flat = flags(pc.equal(pc.binary_length(index.column("fan_phash256")), 0))
    theirs = outside[index.clip]
    owner = np.full(len(known), -1)
    rows = np.flatnonzero(theirs & ~flat)[::-1]
    owner[kinds[rows]] = index.clip[rows]
    found: dict[int, tuple[int, list[int]]] = {}
    for row in np.flatnonzero(~theirs & ~flat & (owner[kinds] >= 0)).tolist():
        found.setdefault(int(index.clip[row]), (int(owner[kinds[row]]), []))[1].append(row)
    return found


@dataclass(slots=True)
class _Judge:
    """Looks at a clip's candidates, the nearest first, until one is the same."""

    index: Index
    outside: Flags
    pictures: Open
    codes: dict[str, bytes]
    config: AgainstConfig
    _ids: pa.Array | None = None

    def told(
        self, clip: int, equal: tuple[int, list[int]] | None, some: Sequence[Match]
    ) -> Near | None:
        """What a clip is to the set; None if it shows something else."""
        if equal is not None:
            return self._row(clip, equal[0], equal[1], 0, EXACT)
        views: dict[tuple[int, bool], View] = {}
        best: tuple[Agreement, Match] | None = None
        for match in sorted(some, key=_nearness)[:CLIPS]:
            found = self._agreement(match, views)
            if found.verdict is Verdict.DIFFERENT:
                continue
            if best is None or found.order > best[0].order:
                best = found, match
            if found.verdict is Verdict.SAME:
                break
        if best is None:
            return None
        found, match = best
        theirs = match.longer if self.outside[match.longer] else match.shorter
        column = 1 if self.outside[match.longer] else 0
        rows = sorted(set(match.rows[:, column].tolist()))
        return self._row(clip, theirs, rows, int(match.distance.min()), found)

    def _agreement(self, match: Match, views: dict[tuple[int, bool], View]) -> Agreement:
        """The best of the nearest pairs of frames that carry a code."""
        reversed_ = bool(self.outside[match.longer])
        start = _start(next(iter(match.starts), None), reversed_=reversed_)
        best = Agreement(Verdict.DIFFERENT, -1.0, 0)
        for ours, code in self._pairs(match, views, start, reversed_=reversed_):
            view = self._view(ours, match.mirrored, views)
            found = agreement(view, code, start, self.config.speckle)
            best = max(best, found, key=lambda one: one.order)
            if best.verdict is Verdict.SAME:
                break
        if best.correlation < 0:  # nothing to ask: hashes are all there is
            return Agreement(Verdict.UNDECIDED, 0.0, 0)
        return best

    def _view(self, row: int, mirrored: bool, views: dict[tuple[int, bool], View]) -> View:
        if (row, mirrored) not in views:
            files = self.index.files([int(self.index.clip[row])])
            (stored,) = self.pictures(files)([self._id(row)])
            gray = opened(stored)
            gray = np.ascontiguousarray(gray[:, ::-1]) if mirrored else gray
            views[row, mirrored] = view_of(gray, SimilarityConfig())
        return views[row, mirrored]

    def _pairs(
        self,
        match: Match,
        views: dict[tuple[int, bool], View],
        start: Warp | None,
        *,
        reversed_: bool,
    ) -> Iterable[tuple[int, bytes]]:
        """Rows of the lake's frames and codes of the set's: near pairs, and those in step.

        In a clip that hardly moves the nearest hash is not the same moment's: time tells it. Where
        landmarks alone are near, which may be of other moments, all of the set's clip are asked.
        """
        seen: set[tuple[int, int]] = set()
        near = nearest(match)
        if match.loose and self.index.clips.length(match.longer) > 1:
            near = [self._timed(match, near[0], views, start, reversed_=reversed_)]
        for there, here in [*near, *self._in_step(match)]:
            ours, theirs = (here, there) if reversed_ else (there, here)
            code = self.codes[self._id(theirs)]
            if code and (ours, theirs) not in seen:
                seen.add((ours, theirs))
                yield ours, code

    def _timed(
        self,
        match: Match,
        pair: tuple[int, int],
        views: dict[tuple[int, bool], View],
        start: Warp | None,
        *,
        reversed_: bool,
    ) -> tuple[int, int]:
        """A pair of frames with the set's frame that is likeliest to show the lake's."""
        ours = pair[1] if reversed_ else pair[0]
        theirs = match.longer if reversed_ else match.shorter
        first, last = (int(row) for row in self.index.clips.starts[theirs : theirs + 2])
        codes = [self.codes[self._id(row)] for row in range(first, last)]
        view = self._view(ours, match.mirrored, views)
        found = first + likeliest(view, codes, start, self.config.speckle)
        return (found, ours) if reversed_ else (ours, found)

    def _in_step(self, match: Match) -> list[tuple[int, int]]:
        """Rows of the longer and of the shorter clip under the likeliest alignment, spread."""
        clips = self.index.clips
        if match.loose or clips.length(match.shorter) == 1:
            return []
        there, rows = partners(clips, match.longer, match.shorter, aligned(clips, match)[0])
        shared = np.flatnonzero(there)
        if not len(shared):
            return []
        begin = int(clips.starts[match.shorter])
        chosen = shared[list(spread_places(len(shared), LOOKED_AT))]
        return list(zip(rows[chosen].tolist(), (begin + chosen).tolist(), strict=True))

    def _id(self, row: int) -> str:
        if self._ids is None:
            self._ids = self.index.column("frame_id")
        return str(self._ids[row].as_py())

    def _row(
        self, clip: int, theirs: int, rows: Sequence[int], distance: int, found: Agreement
    ) -> Near:
        return Near(
            object_id=self.index.objects[clip].as_py(),
            pane=int(self.index.panes[clip]),
            frames=tuple(sorted(self._id(row) for row in rows)),
            verdict=found.verdict,
            outside=self.index.objects[theirs].as_py().removeprefix(OUTSIDE),
            distance=distance,
            correlation=round(found.correlation, 3),
        )


def _nearness(match: Match) -> tuple[int, int, int, int, bool]:
    nearest = int(match.distance.min())
    return nearest, -len(match.rows), match.longer, match.shorter, match.mirrored


def _start(start: Warp | None, *, reversed_: bool) -> Warp | None:
    """The map from the set's pixels to the lake's, of one from the longer clip's to the other's."""
    if start is None or reversed_:
        return start
    return np.asarray(cv2.invertAffineTransform(start), np.float32)
