"""Fans held against one picture, none of them twice: thresholds differ, their shapes hardly do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from echoatlas.pipeline.geometry.edges import Support, hollow, moved
from echoatlas.pipeline.geometry.fit import alike
from echoatlas.pipeline.geometry.segments import factor_of
from echoatlas.schemas.fan import Box, Fan, Shape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FINE = 7  # pixels by which a fan may still be wrong once it has been moved


class Looks:
    """A picture's evidence and what fans became on it.

    Attributes:
        factor: how many pixels, each way, become one of the reduced picture.
        within: a stated region; None for the whole picture.
    """

    def __init__(self, evidence: NDArray[np.float32], within: Box | None) -> None:
        self._evidence = evidence
        self._rough: list[tuple[Fan, tuple[Fan, Support]]] = []
        self._fine: dict[Fan, tuple[Fan, Support]] = {}
        self.factor = factor_of(*evidence.shape)
        self.within = within

    def rough(self, fan: Fan) -> tuple[Fan, Support]:
        """A guess moved to the edges around it; one that is all but the same was moved already."""
        for known, found in self._rough:
            if alike(fan, known, self.factor):
                return found
        reach = int(2.5 * self.factor + 5)
        found = moved(fan, self._evidence, reach, self.within)
        self._rough.append((fan, found))
        return found

    def fine(self, fan: Fan) -> tuple[Fan, Support]:
        """A fan that was moved once, moved to the last pixel."""
        if fan not in self._fine:
            exact = fan
            if fan.shape is Shape.CIRCULAR and fan.radii[0] == 0:
                exact = replace(fan, radii=(hollow(fan, self._evidence), fan.radii[1]))
            self._fine[fan] = moved(exact, self._evidence, FINE, self.within)
        return self._fine[fan]
