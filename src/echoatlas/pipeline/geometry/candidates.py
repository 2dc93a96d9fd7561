"""Choose among the shapes that outlines leave open, and say how far that can be relied on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.geometry.fit import guesses, hull_of, rounded, scaled
from echoatlas.pipeline.geometry.search import Looks
from echoatlas.pipeline.geometry.sectors import named
from echoatlas.pipeline.geometry.segments import THIN, Part, box_of, factor_of, parts_of
from echoatlas.pipeline.geometry.signal import GAPS
from echoatlas.pipeline.step import setting
from echoatlas.schemas.fan import Box, Fan, Shape, Verdict, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.geometry.edges import Support
    from echoatlas.pipeline.geometry.regions import Pane
    from echoatlas.pipeline.geometry.signal import Signal

    Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What the picture must show of a fan.

    Attributes:
        accept, review: least share of the boundary that is borne out, for each verdict.
        weakest: of the side or arc that is borne out least, to accept.
        accept_beyond, review_beyond: most of the boundary with echoes beyond it.
        accept_missed, review_missed: most of the signal that may lie outside the fan.
        full: least share of the fan that signal covers, dark tissue closed, to accept.
        seen: least share of the boundary that is not at the picture's edge, to accept.
        outline: least overlap of an area and its convex outline where that is all there is.
        min_area: share of the picture that a pane must cover.
        max_panes: more areas than this are no ultrasound screen.
    """

    accept: float = setting(0.8, 0, 1, "share")
    review: float = setting(0.4, 0, 1, "share")
    weakest: float = setting(0.5, 0, 1, "share")
    accept_beyond: float = setting(0.04, 0, 1, "share")
    review_beyond: float = setting(0.15, 0, 1, "share")
    accept_missed: float = setting(0.03, 0, 1, "share")
    review_missed: float = setting(0.12, 0, 1, "share")
    full: float = setting(0.75, 0, 1, "share")
    seen: float = setting(0.35, 0, 1, "share")
    outline: float = setting(0.85, 0, 1, "share")
    min_area: float = setting(0.03, 0, 1, "share", was="least_area")
    max_panes: int = setting(4, 1, 64, "panes", was="most_panes")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fan at full size with its support.

    Attributes:
        mask: (h, w) bool, of the fan on the reduced picture.
        missed: share of the signal of its part that lies outside of it.
        full: share of the fan that the signal of its part covers.
    """

    fan: Fan
    support: Support
    mask: Mask
    missed: float
    full: float
    part: Part

    @property
    def plain(self) -> bool:
        """Whether nothing better can be found."""
        seen = self.support
        return (
            seen.borne_out > 0.95
            and seen.contradicted < 0.01
            and seen.cut < 0.5
            and self.missed < 0.01
            and self.full > 0.93
        )

    @property
    def sure(self) -> bool:
        """Whether no other shape need be looked at for its part, though the part is ragged."""
        seen = self.support
        return (
            seen.borne_out > 0.97
            and seen.contradicted < 0.005
            and seen.weakest > 0.9
            and seen.cut < 0.5
            and seen.arcs
            and seen.limits <= 4
            and self.missed < 0.06
            and self.full > 0.95
        )

    def of(self, part: Part) -> Candidate:
        """The same fan, held against the signal of a part."""
        both = int(np.count_nonzero(self.mask & part.signal))
        missed = 1 - both / int(np.count_nonzero(part.signal))
        full = both / max(int(np.count_nonzero(self.mask)), 1)
        return replace(self, missed=missed, full=full, part=part)

    @property
    def value(self) -> float:
        """Of candidates for one area the greatest is chosen."""
        worth = self.support.value - 2 * max(self.missed - 0.02, 0) + 0.6 * self.full
        worth -= UNSEEN * max(0.75 - self.support.weakest, 0)
        return worth - oddness(self.fan, self.support)


WHOLE = 0.9  # share of a boundary at the picture's edge from which there is nothing to find
GUESSES = 6  # of ring sectors for each part that are held against the picture
UPRIGHT = 0.06  # sine of the angle from which a side may lie in the dark
EVEN = 0.1  # of a fan's width by which one half may be the wider
FLAT = 0.3  # height over width, below which a fan shows no depth
PANE = 0.7  # value from which a candidate is one more pane
CRESCENT = 0.005  # share of the picture
LOOKED = 3  # of them that are held against it twice
UNSEEN = 0.2  # by which a fan is worth less of whose sides one is all but nowhere to be seen
WORSE = 0.3  # in value than the best of them, from which one is not


def chosen(signal: Signal, stated: Sequence[Pane], limits: Thresholds) -> list[Fan]:
    """The fans of a clip, left to right.

    Raises:
        Reject: ``no_fan`` if nothing is found, ``geometry_disagrees`` if nothing that is found is
            borne out.
    """
    height, width = signal.gray.shape
    found: list[Candidate] = []
    boxes: list[Box | None] = [pane.box for pane in stated] or [None]
    for box in boxes:
        held = candidates(signal, box, limits)
        if not any(one.support.borne_out >= limits.review for one in held):
            held += candidates(signal, box, limits, in_air=True)
        ordered = sorted(held, key=lambda one: -one.value)
        most = limits.max_panes if len(boxes) == 1 else 1
        found += _apart(signal, ordered, most)
    if not found:
        raise Reject(Reason.NO_FAN)
    best = max(found, key=lambda one: one.value)
    if not stated and best.support.cut > WHOLE and _fills(best.part, signal):
        if signal.colored:  # a photograph fills its picture too
            raise Reject(Reason.NO_FAN, "the picture has no surround, and is colored")
        return [whole(width, height, "cropped_seen", Verdict.REVIEW, best.part.share)]
    fans = [judged(one, signal, stated, limits) for one in found]
    kept = [fan for fan in fans if fan.verdict is not Verdict.REJECT]
    kept = kept or _outlined(best.part, signal, limits)
    if not kept:
        raise Reject(Reason.GEOMETRY_DISAGREES, f"agreement {max(f.score for f in fans):.2f}")
    return sorted(kept, key=lambda fan: fan.bounding_box(height, width).x0)


def _outlined(part: Part, signal: Signal, limits: Thresholds) -> list[Fan]:
    """The convex outline of what is seen, for review, where no probe's shape is borne out."""
    height, width = signal.gray.shape
    fan = scaled(hull_of(part), factor_of(height, width))
    hull = hull_of(part).mask(*part.mask.shape)
    agreement = float((part.signal & hull).sum() / max((part.signal | hull).sum(), 1))
    if agreement < limits.outline or signal.filled(fan.mask(height, width)) < 0.5:
        return []
    return [replace(fan, score=round(agreement, 4), verdict=Verdict.REVIEW)]


def _usual(one: Candidate, factor: int) -> bool:
    """Whether probes scan like that: upright and even, and not the near field alone, as in air."""
    fan, box = one.fan, box_of(one.mask)
    if box.height <= FLAT * box.width:
        return False
    if fan.apex is None:
        return True
    middle = fan.apex[0] / factor
    left, right = middle - box.x0, box.x1 - middle
    whole = one.mask.shape[1] if one.part.within is None else one.part.within.x1
    first = 0 if one.part.within is None else one.part.within.x0
    inside = box.x0 > first + 2 and box.x1 < whole - 2
    even = not inside or abs(left - right) < EVEN * box.width
    return bool(even and abs(np.sin(sum(fan.angles) / 2)) < UPRIGHT)


def _fills(part: Part, signal: Signal) -> bool:
    """Whether the picture is nothing but the fan: echoes up to its edges."""
    mask = part.mask
    if part.solid or signal.filled(np.ones(signal.gray.shape, bool)) < GAPS / 2:
        return False
    edges = sorted(edge.mean() for edge in (mask[3], mask[-4], mask[:, 3], mask[:, -4]))
    return bool(part.share > 0.8 and edges[1] > 0.75)  # one side may fade into the dark


def candidates(
    signal: Signal, box: Box | None, limits: Thresholds, in_air: bool = False
) -> list[Candidate]:
    """Every shape worth holding against the picture, held against it.

    The first threshold at which all areas are told beyond doubt is the last that is looked at.

    Args:
        in_air: of a probe in air no more may be seen than two crescents: near field and noise.
    """
    looks = Looks(signal.evidence(), box)
    solid = signal.solid_evidence()
    solid_looks = looks if solid is None else Looks(solid, box)
    found: list[Candidate] = []
    least, thin = (CRESCENT, THIN / 2.5) if in_air else (limits.min_area, THIN)
    for parts in parts_of(signal, box, least, thin):
        if in_air:
            parts = [replace(part, signal=part.mask) for part in parts if part.joined]
        plain = bool(parts)
        for part in parts:
            here = _known(part, found) or _held(part, solid_looks if part.solid else looks)
            found += here
            plain = plain and any(one.plain for one in here)
        if plain:
            break
    return found


def _known(part: Part, found: Sequence[Candidate]) -> list[Candidate]:
    """A fan that an earlier threshold left no doubt of, if it is this part's too."""
    for one in found:
        if one.sure and one.part.solid == part.solid:
            same = one.of(part)
            if same.sure:
                return [same]
    return []


def _held(part: Part, looks: Looks) -> list[Candidate]:
    """The guesses at a part's fan, each held against the picture."""
    factor = looks.factor
    first: list[tuple[Fan, Support]] = []
    for guess in guesses(part, GUESSES, looks.within is not None):
        near = looks.rough(scaled(guess.fan, factor))
        if near[1].borne_out > 0.9 and near[1].limits <= 4:  # it may be sure already
            found = _candidate(near[0], looks, part)
            if found.sure:
                return [found]
        if all(near is not one for one in first):
            first.append(near)
    first.sort(key=_worth, reverse=True)
    least = max(map(_worth, first), default=0.0) - WORSE
    return [_candidate(one[0], looks, part) for one in first[:LOOKED] if _worth(one) >= least]


def _worth(near: tuple[Fan, Support]) -> float:
    return near[1].value - oddness(*near)


def _candidate(fan: Fan, looks: Looks, part: Part) -> Candidate:
    near, support = looks.fine(fan)
    mask = scaled(near, 1 / looks.factor).mask(*part.mask.shape)
    return Candidate(replace(near, found_by="fit"), support, mask, 0.0, 0.0, part).of(part)


def oddness(fan: Fan, support: Support) -> float:
    """What a fan must show more than a simpler one: arcs, slanting sides, cut corners, stretch."""
    return (
        0.05 * (fan.apex is not None)
        + 0.02 * (fan.stretch != 1)
        + 0.02 * (fan.shape is Shape.TRAPEZOID)
        + 0.15 * (not support.arcs)
        + 0.03 * max(support.limits - 4, 0)
    )


def _apart(signal: Signal, ordered: Sequence[Candidate], most: int) -> list[Candidate]:
    """The best candidates that don't overlap, none much smaller than another, none lettered."""
    kept: list[Candidate] = []
    for one in ordered:
        area = one.mask.sum()
        if not area or (kept and one.value < PANE):
            continue
        if any((one.mask & other.mask).sum() >= 0.1 * area for other in kept):
            continue
        if not signal.lettered(one.fan.mask(*signal.gray.shape)):
            kept.append(one)
    kept = [one for one in kept if not any(_trace(one, other) for other in kept)]
    largest = max((one.mask.sum() for one in kept), default=0)
    return [one for one in kept if one.mask.sum() >= 0.3 * largest][:most]


def _trace(one: Candidate, other: Candidate) -> bool:
    """Whether a candidate is the panel of an M-mode or spectral trace below a fan."""
    if one.fan.apex is not None:
        return False
    a, b = box_of(one.mask), box_of(other.mask)
    below = a.y0 >= b.y1 - 0.1 * a.height and min(a.x1, b.x1) - max(a.x0, b.x0) > 0.8 * b.width
    return below and a.width > 1.25 * b.width


def judged(one: Candidate, signal: Signal, stated: Sequence[Pane], limits: Thresholds) -> Fan:
    """A candidate with its verdict and score: how far picture, and header, bear it out."""
    fan, seen = one.fan, one.support
    mask = fan.mask(*signal.gray.shape)
    verdict = Verdict.REJECT
    if (
        seen.borne_out >= limits.review
        and seen.contradicted <= limits.review_beyond
        and one.missed <= limits.review_missed
    ):
        verdict = Verdict.REVIEW
    if (
        verdict is Verdict.REVIEW
        and seen.borne_out >= limits.accept
        and seen.weakest >= limits.weakest
        and seen.contradicted <= limits.accept_beyond
        and one.missed <= limits.accept_missed
        and one.full >= limits.full
        and 1 - seen.cut >= limits.seen
        # A panel of the screen is a rectangle too, so a rectangle must show echoes.
        and (fan.apex is not None or signal.filled(mask) >= GAPS)
        and _usual(one, factor_of(mask.shape[0], mask.shape[1]))
    ):
        verdict = Verdict.ACCEPT
    found_by = fan.found_by
    if stated:
        inside, high = max((int(mask[a.box.pixels].sum()), a.box.height) for a in stated)
        if verdict is Verdict.ACCEPT and np.count_nonzero(mask.any(axis=1)) < 0.5 * high:
            verdict = Verdict.REVIEW
        if inside >= 0.97 * int(mask.sum()):
            found_by = f"region+{found_by}"
        elif verdict is Verdict.ACCEPT:
            verdict = Verdict.REVIEW
    if fan.apex is not None:
        fan = replace(fan, shape=named(fan))
    score = max(seen.borne_out - seen.contradicted, 0.0) * (1 - one.missed)
    return replace(rounded(fan), score=round(score, 4), verdict=verdict, found_by=found_by)
