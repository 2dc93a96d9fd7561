"""How text is looked for: one configuration, that each part of a look reads."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from echoatlas.pipeline.deidentify.pixels.legibility import JudgeConfig

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
        least_range: gray levels that a picture must span to count as seen.
        judge: what counts as letters.
        trained: the same of what our own network finds; it looks where few frames tell text from
            tissue.
    """

    block: int = 64
    moved: int = 16
    pixel: float = 0.3
    score: float = 0.4
    overview: float = 0.5
    enlarged: float = 1.5
    noise: float = 3.0
    rare: float = 98.5
    ink: float = 40.0
    flash: float = 40.0
    level: tuple[int, ...] = (40, 50, 50, 40)
    looks: int = 3
    apart: int = 4
    margin: int = 12
    least_range: int = 12
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
        block, moved, pixel, overview, least_range, apart: as in ``LookConfig``.
        score: of the detector, from which its lines are text.
        noise, rare: as in ``LookConfig``; lower, as pictures are smaller and lines need not be
            read. faint: gray levels; fainter strokes are of no letters.
        ink: pixels of stroke in the space of a short word that are looked at.
        flash: the same, of strokes that are new in a window of frames.
        level: gray levels by which these stand out, of each of ``SPANS``.
        below: share of that level from which strokes are shown.
        enlarged: scale at which strokes are looked at; moving: the same in a clip, whose tissue
            hides less; widest: pixels that this may lead to.
        margin: pixels around strokes that are looked at with them.
        reading: what counts as letters where strokes alone are shown: what can be read.
        judge: the same of bold letters, which are shown in gray.
        trained: as in ``LookConfig``, but surer: what it finds here, quarantines.
    """

    block: int = 64
    moved: int = 16
    pixel: float = 0.3
    score: float = 0.5
    overview: float = 0.5
    noise: float = 2.3
    rare: float = 97.0
    faint: int = 12
    ink: float = 40.0
    flash: float = 30.0
    level: tuple[int, ...] = (40, 50, 50, 40)
    below: float = 0.35
    enlarged: float = 2.0
    moving: float = 2.0
    widest: int = 1280
    margin: int = 6
    apart: int = 4
    least_range: int = 12
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
        if min(self.block, self.apart, self.widest) < 1:
            raise ValueError("block, apart and widest must be above 0")
        if min(self.overview, self.enlarged, self.moving) <= 0:
            raise ValueError("overview, enlarged and moving must be above 0")
        if len(self.level) != 4:
            raise ValueError("level needs a number for each of the four spans of time")
