"""Names found among others that come in the same order, but for a few: no name is sorted for that.

Tables are written by runs, objects as they come, and rows of one table stand as those of another do
that speak of the same. Where they don't, names are sorted as ever (``ids``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.lake.ids import Ids, Places, SortedIds, Words

AT_ONCE = 1 << 12  # names that are compared at a time
NEAR = 32  # names further, in which it is looked for a step that was lost
LOOK, SCAN = 256, 1 / 80  # what it costs to look there, and at each known name, in names sorted
PATIENCE = 1 << 13  # names sorted that looking may cost more than what was found
BITS = 16  # by which names are told apart that can't be the same
FEW = 8  # of so many known ones one that was not found, and the known are not sorted


class KnownIds:
    """n names, to be asked again and again where others stand among them."""

    def __init__(self, known: Ids) -> None:
        self._known = known
        self._sorted: SortedIds | None = None
        self._all_differ = known.all_differ()
        self._in_step = self._all_differ  # the first of several is not told by a step
        self._at = 0

    def firsts(self) -> Places:
        """(n,) where each of these stands first."""
        return np.arange(len(self._known)) if self._all_differ else self._known.firsts()

    def places(self, ids: Ids) -> Places:
        """(m,) where each of some names stands first among these; -1 where it does not."""
        words = ids.words
        new = np.ones(len(words), np.bool_)
        new[1:] = ~_same(words[1:], words[:-1])
        heads = np.flatnonzero(new)  # rows of an object come one after the other
        if len(heads) == len(words):
            return self._found(words)
        return np.repeat(self._found(words[heads]), np.diff(heads, append=len(words)))

    def _found(self, words: Words) -> Places:
        found = np.full(len(words), -1, np.int64)
        if self._in_step:
            self._follow(words, found)
        left = np.flatnonzero(found < 0)
        if len(left):
            found[left] = self._searched(words[left])
        return found

    def _follow(self, words: Words, found: Places) -> None:
        """Find names for as long as these and the known go in step, or nearly."""
        known, at, spent, begun = self._known.words, self._at, 0.0, 0
        while begun < len(words) and spent <= begun + PATIENCE:
            size = min(AT_ONCE, len(words) - begun, len(known) - at)
            same = _same(words[begun : begun + size], known[at : at + size])
            ahead = size if same.all() else int(same.argmin())
            found[begun : begun + ahead] = np.arange(at, at + ahead)
            begun, at = begun + ahead, at + ahead
            if begun == len(words) or ahead == AT_ONCE:
                continue
            if at == len(known) and begun:
                break  # what comes last is new
            spent += LOOK
            step = _step(words[begun : begun + NEAR], known[at : at + NEAR])
            step = step or _long_step(words[begun : begun + AT_ONCE], known[at : at + AT_ONCE])
            if step is None:
                spent += SCAN * len(known)
                some = np.flatnonzero(known[:, 0] == words[begun, 0])
                step = (0, int(some[0]) - at) if len(some) else (1, 0)
            begun, at = begun + step[0], at + step[1]
        self._in_step = spent <= begun + PATIENCE
        self._at = at

    def _searched(self, words: Words) -> Places:
        some = Ids(words, np.zeros(len(words), np.bool_))
        if self._sorted is None and self._in_step and len(words) * FEW < len(self._known):
            return self._of_few(some)
        if self._sorted is None:
            self._sorted = SortedIds.of(self._known)
        return self._sorted.places(some)

    def _of_few(self, some: Ids) -> Places:
        """The same of few names: all known ones are looked for among them."""
        asked = SortedIds.of(some)
        begin = np.zeros(1 << BITS, np.bool_)  # most known ones begin as none of them
        begin[some.words[:, 0] >> np.uint64(64 - BITS)] = True
        known = self._known.words
        near = np.flatnonzero(begin[known[:, 0] >> np.uint64(64 - BITS)])
        found = np.full(len(some), -1, np.int64)
        place = asked.places(Ids(known[near], np.zeros(len(near), np.bool_)))
        found[place[place >= 0]] = near[place >= 0]
        return found[asked.numbers()]


def places(ids: Ids, known: Ids) -> Places:
    """(n,) where each of some names stands first among the known; -1 where it does not."""
    return KnownIds(known).places(ids)


def _same(some: Words, others: Words) -> NDArray[np.bool_]:
    return np.asarray((some[..., 0] == others[..., 0]) & (some[..., 1] == others[..., 1]))


def _step(some: Words, others: Words) -> tuple[int, int] | None:
    """How many of some names, and of others, to pass over until two are the same: as few as can
    be."""
    met = np.argwhere(_same(some[:, None], others[None]))
    return tuple(met[met.sum(axis=1).argmin()].tolist()) if len(met) else None


def _long_step(some: Words, others: Words) -> tuple[int, int] | None:
    """The same, where all that is passed over is on one side."""
    if len(others) and len(met := np.flatnonzero(_same(some, others[0]))):
        return int(met[0]), 0
    if len(met := np.flatnonzero(_same(others, some[0]))):
        return 0, int(met[0])
    return None
