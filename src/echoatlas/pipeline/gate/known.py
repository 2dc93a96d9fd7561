"""Ids that stand in the lake already, as 16 bytes each, against which new ones are held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from echoatlas.pipeline.gate.checked import OBJECT, Keys
from echoatlas.pipeline.lake.ids import Ids, SortedIds
from echoatlas.pipeline.lake.in_step import places
from echoatlas.pipeline.lake.portions import Wanted
from echoatlas.schemas.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from echoatlas.pipeline.lake.reader import LakeReader

SHARE = 8  # what came since is put among the others when it is more than one in so many of them
LEAST = 1 << 16  # ids, below which it is not


class KnownKeys:
    """The keys of a table, read once: 56 bytes a row."""

    def __init__(self, lake: LakeReader, table: str) -> None:
        key = TABLES[table].key[0]
        portions = lake.portions(Wanted(table, (key, OBJECT)))
        parts = [Keys(Ids.of(p.chunks(key)), Ids.of(p.chunks(OBJECT))) for p in portions]
        self._all = _Sorted(Keys.joined(parts))
        self._since = _Sorted(Keys.joined([]))

    def taken(self, new: Keys, renewed: Sequence[str]) -> NDArray[np.bool_]:
        """(n,) which new keys stand there already, but for those of the same object where it is
        worked on anew: its rows of before go.

        Args:
            renewed: ids of objects.
        """
        among = places(new.objects, Ids.of([pa.array(renewed, pa.string())])) >= 0
        found = np.zeros(len(new.ids), np.bool_)
        for known in (self._all, self._since):
            found |= known.holds(new, among)
        return found

    def add(self, new: Keys) -> None:
        """Take keys that were passed since."""
        self._since = _Sorted(Keys.joined([self._since.keys, new]))
        if len(self._since.keys.ids) > max(LEAST, len(self._all.keys.ids) // SHARE):
            self._all = _Sorted(Keys.joined([self._all.keys, self._since.keys]))
            self._since = _Sorted(Keys.joined([]))


class _Sorted:
    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self._ids = SortedIds.of(keys.ids)

    def holds(self, new: Keys, renewed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        place = self._ids.places(new.ids)
        found = place >= 0
        if found.any():
            same = (self.keys.objects.words[place] == new.objects.words).all(axis=1)
            found &= ~(same & renewed)
        return found
