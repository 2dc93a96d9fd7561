"""Looks at thumbnails, and says what two clips are to each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from echoatlas.pipeline.deduplicate.clips import (
    Alignment,
    Clips,
    Match,
    Related,
    aligned,
    nearest,
    partners,
    shifted,
    spread_places,
)
from echoatlas.pipeline.deduplicate.config import SimilarityConfig
from echoatlas.pipeline.deduplicate.framing import Warp
from echoatlas.pipeline.deduplicate.similarity import (
    Similarity,
    Verdict,
    View,
    compared,
    laid,
    registered,
    view_of,
)
from echoatlas.pipeline.frames.phash import opened

Thumbnails = Callable[[int], bytes]  # of a frame's row

KEPT = 1024  # thumbnails, opened: a quarter of a megabyte each
LOOKED_AT = 7  # pairs of frames of two clips
LIKELIEST = 2  # alignments that are looked at wholly
TIMED = 5  # frames of a clip that are looked for in all of another
FINER = 0.7  # of a map's area, below which the first picture is the finer one
NOTHING = 0.15  # speckle that has nothing in common
WHOLE = 0.98  # share of a clip's frames that a copy must have
AGREED = 0.75  # share of the pairs that must show the same
PART = 0.25  # share from which two clips overlap
REPEATED = 0.9  # speckle of a frame and its repetition, however it was coded
STEP = 0.1  # by how much the next frame has less


class Laid:
    """Frames of two clips, one laid upon the other; each opened, laid and compared once."""

    def __init__(self, judge: Judge, mirrored: bool, warp: Warp | None) -> None:
        self._judge = judge
        self._mirrored = mirrored
        self.warp = warp
        # The finer picture is laid upon the coarser
        self._first = warp is not None and warp[0, 0] * warp[1, 1] < FINER
        self._views: dict[tuple[int, bool], View] = {}
        self._pairs: dict[tuple[int, int], Similarity] = {}

    def pair(self, one: int, other: int) -> Similarity:
        """How alike two frames are, by their rows: one of the first clip, one of the second."""
        if (one, other) not in self._pairs:
            self._pairs[one, other] = compared(
                self._view(one, first=True), self._view(other, first=False), self._judge.config
            )
        return self._pairs[one, other]

    def _view(self, row: int, *, first: bool) -> View:
        view = self._judge.view(row, self._mirrored and not first)
        if self.warp is None or first != self._first:
            return view
        if (row, first) not in self._views:
            how = cv2.invertAffineTransform(self.warp) if first else self.warp
            moved = laid(view.gray, np.asarray(how, np.float32))
            self._views[row, first] = view_of(moved, self._judge.config)
        return self._views[row, first]


class Judge:
    """Looks at thumbnails, each opened once."""

    def __init__(self, thumbnails: Thumbnails, config: SimilarityConfig) -> None:
        self._thumbnails = thumbnails
        self.config = config
        self._views: dict[tuple[int, bool], View] = {}

    def view(self, row: int, mirrored: bool = False) -> View:
        """A frame as it is compared."""
        key = row, mirrored
        if key not in self._views:
            gray = opened(self._thumbnails(row))
            gray = np.ascontiguousarray(gray[:, ::-1]) if mirrored else gray
            if len(self._views) > KEPT:
                self._views.clear()
            self._views[key] = view_of(gray, self.config)
        return self._views[key]

    def framed(self, one: int, other: int, mirrored: bool, starts: Sequence[Warp]) -> Laid:
        """Undo another framing of the second frame, if that makes the two more alike."""
        kept = Laid(self, mirrored, None)
        best = kept.pair(one, other)
        if best.verdict is Verdict.SAME:
            return kept
        for begin in (*starts, None):
            warp = registered(self.view(one).gray, self.view(other, mirrored).gray, begin)
            if warp is not None:
                tried = Laid(self, mirrored, warp)
                found = tried.pair(one, other)
                if found.order > best.order:
                    best, kept = found, tried
                if best.verdict is Verdict.SAME:
                    break
        return kept

    def related(self, clips: Clips, match: Match) -> Related | None:
        """What two clips are to each other; None if they show different things."""
        if match.loose and clips.length(match.longer) > 1:
            timed = self._timed(clips, match)
            if timed is None:
                return None
            match = timed
        framed = self._framed(match)
        if framed is None:
            return None
        best: Related | None = None
        for alignment in self._likeliest(clips, match, framed):
            found = self._under(clips, match, alignment, framed)
            if found is not None and (best is None or _order(found) > _order(best)):
                best = found
        return best

    def _framed(self, match: Match) -> Laid | None:
        """The frames laid upon each other; None where no near pair has anything in common."""
        best, kept = 0.0, None
        for there, here in nearest(match):
            laid_so = self.framed(there, here, match.mirrored, match.starts)
            found = laid_so.pair(there, here)
            if found.verdict is Verdict.SAME:
                return laid_so
            if found.speckle > best:
                best, kept = found.speckle, laid_so
        return kept if best > NOTHING else None

    def _timed(self, clips: Clips, match: Match) -> Match | None:
        """Which moments are the same, told by all frames of the longer clip under one framing.

        Returns:
            The match with the likeliest pairs; None where the framing makes nothing alike.
        """
        there, here = nearest(match)[0]
        begin = match.starts[0]
        warp = registered(self.view(there).gray, self.view(here, match.mirrored).gray, begin)
        warp = begin if warp is None else warp
        framed = Laid(self, match.mirrored, warp)
        if framed.pair(there, here).likeness < self.config.likeness:
            return None
        rows, distance = [], []
        first, last = (int(row) for row in clips.starts[match.longer : match.longer + 2])
        for one in _spread(clips, match.shorter):
            alike = [framed.pair(row, one).speckle for row in range(first, last)]
            best = int(np.argmax(alike))
            rows.append((first + best, one))
            distance.append(round(100 * (1 - alike[best])))
        return replace(
            match,
            rows=np.array(rows, np.int64),
            distance=np.array(distance, np.int64),
            starts=(warp,),
            loose=False,
        )

    def _likeliest(self, clips: Clips, match: Match, framed: Laid) -> list[Alignment]:
        """The alignments under which a few pairs of frames are most alike."""
        found = _refined(clips, match)
        if clips.length(match.shorter) == 1 or len(found) <= LIKELIEST:
            return found
        told = [(self._glance(clips, match, one, framed), -at) for at, one in enumerate(found)]
        return [found[-at] for _, at in sorted(told, reverse=True)[:LIKELIEST]]

    def _glance(
        self, clips: Clips, match: Match, alignment: Alignment, framed: Laid
    ) -> tuple[float, ...]:
        """The first, the middle and the last of the pairs that an alignment would be judged by."""
        pairs, shared = _pairs(clips, match, alignment)
        if not pairs:
            return (0.0,)
        some = {pairs[0], pairs[len(pairs) // 2], pairs[-1]}
        seen = sorted((framed.pair(*pair) for pair in some), key=lambda one: one.order)
        middle = seen[len(seen) // 2]
        whole = middle.verdict is Verdict.SAME and shared >= WHOLE
        # Rounded: where nothing moves, the plainest of equal ones is the first
        return whole, middle.verdict, round(middle.speckle, 2)

    def _under(
        self, clips: Clips, match: Match, alignment: Alignment, framed: Laid
    ) -> Related | None:
        longer, shorter = match.longer, match.shorter
        pairs, shared = _pairs(clips, match, alignment)
        if not pairs:
            return None
        seen = [framed.pair(*pair) for pair in pairs]
        same = sum(one.verdict is Verdict.SAME for one in seen) / len(seen)
        open_ = sum(one.verdict is not Verdict.DIFFERENT for one in seen) / len(seen)
        if same >= AGREED:
            verdict = Verdict.SAME
        elif same >= PART or open_ > 0.5:
            verdict = Verdict.UNDECIDED
        else:
            return None
        contained = verdict is Verdict.SAME and shared >= WHOLE
        rows = [row for row, _ in pairs]
        repeated = self._repeated(clips, longer, rows, alignment) if contained else None
        ordered = sorted(seen, key=lambda one: one.order)
        return Related(
            longer=longer,
            shorter=shorter,
            mirrored=match.mirrored,
            verdict=verdict,
            covers=contained,
            covered=contained
            and (repeated is not None or self._covered(clips, longer, shorter, alignment)),
            alignment=repeated or alignment,
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

    def _repeated(
        self, clips: Clips, clip: int, rows: Sequence[int], alignment: Alignment
    ) -> Alignment | None:
        """How a clip lies in one that shows each frame several times, and so has no more than it.

        Then all but one of so many steps from frame to frame change nothing; where tissue moves
        slowly, no step is unlike the others.

        Args:
            rows: of some frames of the longer clip that the other has.

        Returns:
            The alignment to the middle of each frame's repetitions; None if nothing is repeated.
        """
        times = round(alignment.rate)
        if times < 2 or abs(alignment.rate - times) > 1e-6:
            return None
        steps: list[list[float]] = [[] for _ in range(times)]
        plain = Laid(self, mirrored=False, warp=None)
        for row in _around(clips, clip, rows, times):
            change = plain.pair(row, row + 1).speckle
            steps[row % times].append(change)
        if not all(steps):
            return None
        medians = [float(np.median(some)) for some in steps]
        last, *others = sorted(medians)
        if others[0] < REPEATED or others[0] - last < STEP:
            return None
        to_end = (medians.index(last) - rows[0]) % times
        return replace(alignment, offset=alignment.offset + to_end - (times - 1) / 2)


def _refined(clips: Clips, match: Match) -> list[Alignment]:
    """Alignments, and their neighbors in time: hashes alone are not that sharp."""
    found = aligned(clips, match)
    if clips.length(match.shorter) == 1 or not found:
        return found
    return found + shifted(found)


def _pairs(clips: Clips, match: Match, alignment: Alignment) -> tuple[list[tuple[int, int]], float]:
    """Rows of frames in step that are looked at, and the share of the shorter clip's in step."""
    there, rows = partners(clips, match.longer, match.shorter, alignment)
    shared = np.flatnonzero(there)
    if not len(shared):
        return [], 0.0
    begin = int(clips.starts[match.shorter])
    chosen = shared[list(spread_places(len(shared), LOOKED_AT))]
    pairs = list(zip(rows[chosen].tolist(), (begin + chosen).tolist(), strict=True))
    return pairs, len(shared) / len(there)


def _around(clips: Clips, clip: int, rows: Sequence[int], times: int) -> list[int]:
    """Rows of a clip's frames near to some, whose next frame is there too."""
    first, last = (int(row) for row in clips.starts[clip : clip + 2])
    near = {row + by for row in rows for by in range(-times, times)}
    return sorted(row for row in near if first <= row < last - 1)


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


def _spread(clips: Clips, clip: int) -> list[int]:
    """Rows of some frames of a clip, spread over it."""
    return [int(clips.starts[clip]) + at for at in spread_places(clips.length(clip), TIMED)]


def needed(clips: Clips, match: Match) -> set[int]:
    """Rows of the frames that ``judged`` may look at."""
    if match.loose:
        spans = [clips.starts[one : one + 2] for one in (match.longer, match.shorter)]
        return {row for first, last in spans for row in range(int(first), int(last))}
    rows = {row for pair in nearest(match) for row in pair}
    for alignment in _refined(clips, match):
        pairs, _ = _pairs(clips, match, alignment)
        rows.update(row for pair in pairs for row in pair)
        if alignment.rate >= 2:
            ours = [row for row, _ in pairs]
            some = _around(clips, match.longer, ours, round(alignment.rate))
            rows.update(row + by for row in some for by in (0, 1))
    return rows
