"""How text is looked for: one configuration, that each part of a look reads."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from echoatlas.pipeline.deidentify.pixels.legibility import JudgeConfig
from echoatlas.pipeline.step import setting

# Of what our own network finds: its word is taken where it is sure, however the edges rise.
TRAINED = JudgeConfig(
    score=0.5, step=0.0, crisp=0.0, long=1.2, blunt_step=0.0, blunt=0.0, sure=0.6, doubtful=1.1
)


@dataclass(frozen=True, slots=True)
class LookConfig:
    """How text is looked for.

    Attributes:
        block: frames that are looked at together.
        moved: frames from which tissue may be taken to have moved behind the text.
        pixel, score: of the detector, see ``PaddleDetector``.
        overview: scale at which all that stands still is looked at, for letters so bold that they
            have no thin strokes; a still is looked at in full size.
        enlarged: scale at which candidates are looked at.
        noise: how many times the median a stroke stands out of what is beside it, in a minimum
            over time; about the 98th percentile of tissue.
        rare: percentile that serves as well, where it is lower.
        ink: pixels of stroke in the space of a short word that make a candidate there.
        flash: the same, of strokes that are new in a window of frames.
        level: gray levels by which a stroke stands out of what is beside it and of other windows;
            of each of ``SPANS``.
        looks: frames, windows of one place that are looked at.
        apart: frames between two looks at one place.
        margin: pixels around a candidate that are looked at with it.
        min_range: gray levels that a picture must span to count as seen.
        fires: probability from which a place of our own network's map is looked at; 0 for all.
        judge: what counts as letters.
        trained: the same of what our own network finds; it looks where few frames tell text from
            tissue.
    """

    block: int = setting(64, 1, 4096, "frames")
    moved: int = setting(16, 1, 4096, "frames")
    pixel: float = setting(0.3, 0, 1)
    score: float = setting(0.4, 0, 2)
    overview: float = setting(0.5, 0.05, 8, "times")
    enlarged: float = setting(1.5, 0.05, 8, "times")
    noise: float = setting(3.0, 0, 100, "times")
    rare: float = setting(98.5, 0, 100, "percentile")
    ink: float = setting(40.0, 0, 10_000, "pixels")
    flash: float = setting(40.0, 0, 10_000, "pixels")
    level: tuple[int, ...] = setting((40, 50, 50, 40), 0, 255, "gray levels")
    looks: int = setting(3, 1, 100, "frames")
    apart: int = setting(4, 1, 1000, "frames")
    margin: int = setting(12, 0, 1000, "pixels")
    min_range: int = setting(12, 0, 255, "gray levels", was="least_range")
    fires: float = setting(0.1, 0, 1)
    judge: JudgeConfig = field(default_factory=JudgeConfig)
    trained: JudgeConfig = TRAINED

    def __post_init__(self) -> None:
        """Refuse what would look at nothing, and find nothing there."""
        if min(self.block, self.looks, self.apart) < 1 or min(self.overview, self.enlarged) <= 0:
            raise ValueError("block, looks, apart, overview and enlarged must be above 0")
        if len(self.level) != 4:
            raise ValueError("level needs a number for each of the four spans of time")


@dataclass(frozen=True, slots=True)
class AgainConfig:
    """How text is looked for in what was written.

    Attributes:
        block, moved, pixel, overview, min_range, apart, fires: as in ``LookConfig``.
        score: of the detector, from which its lines are text.
        noise, rare: as in ``LookConfig``; lower, as pictures are smaller and lines need not be
            read.
        faint: fainter strokes are of no letters.
        ink: pixels of stroke in the space of a short word that are looked at.
        flash: the same, of strokes that are new in a window of frames.
        level: gray levels by which these stand out, of each of ``SPANS``.
        strokes_fire: as ``fires``, of pictures of strokes.
        below: share of that level from which strokes are shown.
        enlarged: scale at which strokes are looked at.
        moving: the same in a clip, whose tissue hides less.
        max_width: that this may lead to.
        margin: pixels around strokes that are looked at with them.
        reading: what counts as letters where strokes alone are shown: what can be read.
        judge: the same of bold letters, which are shown in gray.
        trained: as in ``LookConfig``, but surer: what it finds here, quarantines.
    """

    block: int = setting(64, 1, 4096, "frames")
    moved: int = setting(16, 1, 4096, "frames")
    pixel: float = setting(0.3, 0, 1)
    score: float = setting(0.5, 0, 2)
    overview: float = setting(0.5, 0.05, 8, "times")
    noise: float = setting(2.3, 0, 100, "times")
    rare: float = setting(97.0, 0, 100, "percentile")
    faint: int = setting(12, 0, 255, "gray levels")
    ink: float = setting(40.0, 0, 10_000, "pixels")
    flash: float = setting(30.0, 0, 10_000, "pixels")
    level: tuple[int, ...] = setting((40, 50, 50, 40), 0, 255, "gray levels")
    below: float = setting(0.35, 0, 1, "share")
    enlarged: float = setting(2.0, 0.05, 8, "times")
    moving: float = setting(2.0, 0.05, 8, "times")
    max_width: int = setting(1280, 64, 16_384, "pixels", was="widest")
    margin: int = setting(6, 0, 1000, "pixels")
    apart: int = setting(4, 1, 1000, "frames")
    min_range: int = setting(12, 0, 255, "gray levels", was="least_range")
    fires: float = setting(0.1, 0, 1)
    strokes_fire: float = setting(0.2, 0, 1)
    reading: JudgeConfig = field(
        default_factory=lambda: JudgeConfig(score=1.1, sure=0.55, doubtful=1.1)
    )
    judge: JudgeConfig = field(
        default_factory=lambda: JudgeConfig(long=2.0, strokes_sure=0.8, doubtful=1.1)
    )
    trained: JudgeConfig = field(
        default_factory=lambda: replace(TRAINED, score=0.7, sure=0.7, long=1.5)
    )

    def __post_init__(self) -> None:
        """Refuse what would look at nothing, and find nothing there."""
        if min(self.block, self.apart, self.max_width) < 1:
            raise ValueError("block, apart and max_width must be above 0")
        if min(self.overview, self.enlarged, self.moving) <= 0:
            raise ValueError("overview, enlarged and moving must be above 0")
        if len(self.level) != 4:
            raise ValueError("level needs a number for each of the four spans of time")


@dataclass(frozen=True, slots=True)
class RedactConfig:
    """How text is looked for, and what is done about it.

    Attributes:
        look: how it is looked for.
        again: how, at what was written; in another way, that does not overlook the same.
        full: the same in full size, before pictures are made small: letters read more surely
            there, and so do the dots of a GIF's few colors.
        margin: pixels around a fan's box that are looked at with it, so that a word that is cut
            by the fan's edge is seen whole.
        pad: growth of a line on each side, as a share of its letters' height.
        ends: growth of a line at its two ends, the same way.
        witness: share of objects, drawn under the site's key, in which the detector sees whole
            views, wherever our own network fires, and so does each look after.
        keep_measurements: leave text inside the fan standing that says measurements and nothing
            else; only by a site's policy.
    """

    look: LookConfig = field(default_factory=LookConfig)
    again: AgainConfig = field(default_factory=AgainConfig)
    full: AgainConfig = field(
        default_factory=lambda: AgainConfig(
            moving=1.5, reading=JudgeConfig(score=1.1, sure=0.7, doubtful=1.1)
        )
    )
    margin: int = setting(16, 0, 1000, "pixels")
    pad: float = setting(0.15, 0, 10, "times")
    ends: float = setting(1.0, 0, 10, "times")
    witness: float = setting(0.05, 0, 1, "share")
    keep_measurements: bool = False
