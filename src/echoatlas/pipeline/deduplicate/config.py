"""Settings of deduplication, apart from what is compiled: every worker reads them."""

from __future__ import annotations

from dataclasses import dataclass

from echoatlas.pipeline.step import setting


@dataclass(frozen=True, slots=True)
class SimilarityConfig:
    """When two thumbnails show the same moment (docs/adr/0009 has the figures).

    Attributes:
        likeness: least correlation of the blurred pictures, where they overlap.
        speckled_likeness: the same, where speckle agrees: crops leave little that varies.
        speckle: least median correlation of windows; of different patients .2 was the most seen.
        doubt: from here on it is not told apart.
        windows: that speckle must be seen in; with fewer, all structure decides.
        structure, structure_doubt: as ``speckle`` and ``doubt``, for all structure: other
            patients in the same view reached .66.
        identical: likeness from which ``structure_doubt`` is enough: what is left to differ is
            what coding or scaling did to fine structure.
        edge: slope of the coarse picture, in units of the fine structure, that is an edge.
    """

    likeness: float = 0.8
    speckled_likeness: float = 0.4
    speckle: float = 0.55
    doubt: float = 0.3
    windows: int = 6
    structure: float = 0.85
    structure_doubt: float = 0.55
    identical: float = 0.9995
    edge: float = 0.7


@dataclass(frozen=True, slots=True)
class DeduplicateConfig:
    """When two clips show the same.

    Attributes:
        max_distance: bits of 256 between hashes of frames that are looked at.
        min_likeness: correlation that registered thumbnails must have.
        min_speckle: correlation of speckle away from edges, from which it is the same picture.
        doubt: the same, from which it can't be told: such clips are tied for splitting.
        mirrors: whether left-right mirrors are looked for.
    """

    max_distance: int = setting(32, 0, 64, "bits", was="radius")
    min_likeness: float = setting(0.8, -1, 1, "correlation", was="likeness")
    min_speckle: float = setting(0.55, -1, 1, "correlation", was="speckle")
    doubt: float = setting(0.3, -1, 1, "correlation")
    mirrors: bool = True

    @property
    def similarity(self) -> SimilarityConfig:
        """What the thumbnails are asked."""
        return SimilarityConfig(
            likeness=self.min_likeness, speckle=self.min_speckle, doubt=self.doubt
        )
