"""Choose among all shapes that an outline leaves open, and say how far the choice can be relied on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.geometry.areas import Part, factor_of, parts_of
from echoatlas.pipeline.geometry.edges import Support, settled
from echoatlas.pipeline.geometry.fit import guesses, hull_of, scaled
from echoatlas.pipeline.geometry.signal import GAPS
from echoatlas.schemas.fan import Box, Fan, Shape, Verdict, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
        seen: least share of the boundary that is not at the picture's edge, to accept.
        least_area: share of the picture that a pane must cover.
        most_panes: more areas than this are no ultrasound screen.
    """

    accept: float = 0.8
    review: float = 0.4
    weakest: float = 0.5
    accept_beyond: float = 0.04
    review_beyond: float = 0.15
    accept_missed: float = 0.03
    review_missed: float = 0.12
    seen: float = 0.35
    least_area: float = 0.03
    most_panes: int = 4


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
    def value(self) -> float:
        """Of candidates for one area the greatest is chosen: the simpler one where two tell alike."""
        odd = 0.04 * (self.fan.apex is not None) + 0.02 * (self.fan.stretch != 1)
        odd += 0.02 * (self.fan.shape is Shape.TRAPEZOID) + 0.15 * (not self.support.arcs)
        return self.support.value - 2 * self.missed + 0.3 * self.full - odd


WHOLE = 0.9  # share of a boundary at the picture's edge from which there is nothing to find
GUESSES = 3  # of each part that are held against the picture


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
        ordered = sorted(candidates(signal, box, limits), key=lambda one: -one.value)
        most = limits.most_panes if len(boxes) == 1 else 1
        found += _apart(signal, ordered, most)
    if not found:
        raise Reject(Reason.NO_FAN)
    best = max(found, key=lambda one: one.value)
    if not stated and best.support.cut > WHOLE and _fills(best.part):
        if signal.colored:  # a photograph fills its picture too
            raise Reject(Reason.NO_FAN, "the picture has no surround, and is colored")
        return [whole(width, height, "cropped_seen", Verdict.REVIEW, best.part.share)]
    fans = [judged(one, signal, stated, limits) for one in found]
    kept = [fan for fan in fans if fan.verdict is not Verdict.REJECT]
    if not kept:
        raise Reject(Reason.GEOMETRY_DISAGREES, f"agreement {max(f.score for f in fans):.2f}")
    return sorted(kept, key=lambda fan: fan.bounding_box(height, width).x0)


def _fills(part: Part) -> bool:
    """Whether the picture is nothing but the fan: echoes up to its edges."""
    mask = part.mask
    edges = sorted(edge.mean() for edge in (mask[1], mask[-2], mask[:, 1], mask[:, -2]))
    return bool(part.share > 0.8 and edges[1] > 0.75)  # one side may fade into the dark


def candidates(signal: Signal, box: Box | None, limits: Thresholds) -> Iterator[Candidate]:
    """Every shape worth holding against the picture, held against it."""
    factor = factor_of(*signal.gray.shape)
    evidence, solid = signal.evidence(), signal.solid_evidence()
    for part in parts_of(signal, box, limits.least_area):
        looked = solid if part.solid and solid is not None else evidence
        for guess in guesses(part, GUESSES, box is not None):
            fan, support = settled(scaled(guess.fan, factor), looked, factor, box)
            mask = _small(fan, factor, part.mask.shape)
            both = int((mask & part.mask).sum())
            missed, full = 1 - both / int(part.mask.sum()), both / max(int(mask.sum()), 1)
            yield Candidate(replace(fan, found_by="fit"), support, mask, missed, full, part)


def _small(fan: Fan, factor: int, shape: tuple[int, ...]) -> Mask:
    """A fan's mask on the reduced picture."""
    def place(value: float) -> float:
        return (value + 0.5) / factor - 0.5

    clip = fan.clip and Box(
        round(fan.clip.x0 / factor), round(fan.clip.y0 / factor),
        round(fan.clip.x1 / factor), round(fan.clip.y1 / factor),
    )  # fmt: skip
    small = replace(
        fan,
        apex=fan.apex and (place(fan.apex[0]), place(fan.apex[1])),
        radii=(fan.radii[0] / factor, fan.radii[1] / factor),
        corners=tuple((place(x), place(y)) for x, y in fan.corners),
        clip=clip,
    )
    return small.mask(*shape)


def _apart(signal: Signal, ordered: Sequence[Candidate], most: int) -> list[Candidate]:
    """The best candidates that don't overlap, none much smaller than another, none lettered."""
    kept: list[Candidate] = []
    for one in ordered:
        area = one.mask.sum()
        if not area:
            continue
        if kept and (one.value < 0.5 or area < 0.3 * kept[0].mask.sum()):
            continue
        if any((one.mask & other.mask).sum() >= 0.1 * area for other in kept):
            continue
        if not signal.lettered(one.fan.mask(*signal.gray.shape)):
            kept.append(one)
        if len(kept) == most:
            break
    return kept


def judged(one: Candidate, signal: Signal, stated: Sequence[Pane], limits: Thresholds) -> Fan:
    s = one.support
    fan = one.fan
    verdict = Verdict.REJECT
    if s.borne_out >= limits.review and s.contradicted <= limits.review_beyond and one.missed <= limits.review_missed:
        verdict = Verdict.REVIEW
        if s.borne_out >= limits.accept and s.weakest >= limits.weakest and s.contradicted <= limits.accept_beyond and one.missed <= limits.accept_missed and 1 - s.cut >= limits.seen:
            verdict = Verdict.ACCEPT
    return replace(fan, score=round(max(s.borne_out*(1-one.missed),0),4), verdict=verdict, found_by=fan.found_by+f" b{s.borne_out:.2f} x{s.contradicted:.2f} w{s.weakest:.2f} c{s.cut:.2f} m{one.missed:.2f}")
