"""Opaque names as 16 bytes each, and joins over them: no name becomes a Python object.

Names that keys make are 32 hex digits, and so random that their first 8 bytes alone put them in an
order; what shares these is told apart all the same.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoatlas.pipeline.lake.growing import grown
from echoatlas.pipeline.lake.tombstones import MASKED

Words: TypeAlias = NDArray[np.uint64]
Places: TypeAlias = NDArray[np.int64]
DIGITS = 32
AT_ONCE = 1 << 16  # names that are looked for together
LOWER = 0x20  # the bit that 0 to 9 and a to f have, and A to F have not
PLAIN, OF_ERASED = f"^[0-9a-f]{{{DIGITS}}}$", f"^{MASKED}[0-9a-f]{{{DIGITS}}}$"
# Bytes by which a masked name differs from the digits in it
MASK = np.frombuffer(hashlib.blake2b(MASKED.encode(), digest_size=16).digest(), np.uint64)


@dataclass(frozen=True, slots=True)
class Ids:
    """n opaque names.

    Attributes:
        words: (n, 2) what stands for each: the bytes that its digits write; of what was erased
            those, masked; of any other text the first 16 of its digest.
        erased: (n,) which begin with ``MASKED``.
        odd: bytes to text, of those that are neither.
    """

    words: Words
    erased: NDArray[np.bool_]
    odd: Mapping[bytes, str] = field(default_factory=dict)

    @staticmethod
    def of(chunks: Iterable[pa.Array]) -> Ids:
        """Names out of columns of text without nulls, one after the other."""
        odd: dict[bytes, str] = {}
        erased: list[NDArray[np.bool_]] = []

        def words() -> Iterator[Words]:
            for chunk in chunks:
                some = _packed(chunk)
                odd.update(some.odd)
                erased.append(some.erased)
                yield some.words

        found = grown(words(), np.uint64, 2)
        return Ids(found, grown(erased, np.bool_), odd)

    @staticmethod
    def joined(parts: Sequence[Ids]) -> Ids:
        """Some names, and then others."""
        if len(parts) == 1:
            return parts[0]
        words = grown([one.words for one in parts], np.uint64, 2)
        erased = grown([one.erased for one in parts], np.bool_)
        return Ids(words, erased, {key: text for one in parts for key, text in one.odd.items()})

    def __len__(self) -> int:
        return len(self.words)

    def take(self, places: Places | NDArray[np.bool_]) -> Ids:
        """Some of the names, by their places or by a mask."""
        return Ids(self.words[places], self.erased[places], self.odd)

    def texts(self) -> list[str]:
        """The names themselves."""
        bare = np.where(self.erased[:, None], self.words ^ MASK, self.words)
        digits = bare.tobytes().hex()
        found = [digits[at : at + DIGITS] for at in range(0, len(digits), DIGITS)]
        for place in np.flatnonzero(self.erased).tolist():
            found[place] = MASKED + found[place]
        if self.odd:
            keys = self.words.tobytes()
            found = [self.odd.get(keys[16 * at : 16 * at + 16], name)
                     for at, name in enumerate(found)]  # fmt: skip
        return found

    def all_differ(self) -> bool:
        """Whether no two share their first word, and so none stands twice."""
        high = np.sort(self.words[:, 0])  # takes a fourth of what an order takes
        return not (high[1:] == high[:-1]).any()

    def firsts(self) -> Places:
        """(n,) where each name stands first."""
        return np.arange(len(self)) if self.all_differ() else SortedIds.of(self).numbers()

    def distinct(self) -> Ids:
        """Each name once."""
        return self.take(self.firsts() == np.arange(len(self)))


@dataclass(frozen=True, slots=True)
class SortedIds:
    """n names in order, to find others among them or them among others.

    Attributes:
        order: (n,) their places. high, low: (n,) their words in that order.
        alike: any two of them share the first word.
    """

    order: Places
    high: NDArray[np.uint64]
    low: NDArray[np.uint64]
    alike: bool

    @staticmethod
    def of(ids: Ids) -> SortedIds:
        """Put names in order."""
        order = np.argsort(ids.words[:, 0])
        high = ids.words[order, 0]
        alike = bool((high[1:] == high[:-1]).any())
        if alike:
            order = np.lexsort((ids.words[:, 1], ids.words[:, 0]))
            high = ids.words[order, 0]
        return SortedIds(order, high, ids.words[order, 1], alike)

    def firsts(self) -> tuple[Places, Places]:
        """Of each distinct name, in order, where it stands first, and how often it stands."""
        if not self.alike:
            return self.order, np.ones(len(self.order), np.int64)
        starts = np.flatnonzero(self._begins())
        sizes = np.diff(starts, append=len(self.order))
        return np.minimum.reduceat(self.order, starts), sizes

    def numbers(self) -> Places:
        """(n,) where each name stands first, of the names as they stood."""
        if not self.alike:
            return np.arange(len(self.order))
        first, sizes = self.firsts()
        found = np.empty(len(self.order), np.int64)
        found[self.order] = np.repeat(first, sizes)
        return found

    @staticmethod
    def named(names: pa.Array | pa.ChunkedArray) -> SortedIds:
        """Put a column of names in order."""
        chunks = names.chunks if isinstance(names, pa.ChunkedArray) else [names]
        return SortedIds.of(Ids.of(chunks))

    def have(self, names: pa.ChunkedArray) -> NDArray[np.bool_]:
        """(n,) which of some names stand among these."""
        found: NDArray[np.bool_] = self.places(Ids.of(names.chunks)) >= 0
        return found

    def places(self, ids: Ids) -> Places:
        """(n,) where each of some names stands first among these; -1 where it does not."""
        found = np.full(len(ids), -1, np.int64)
        if not len(self.order):
            return found
        high, low, (first, _) = self.high, self.low, self.firsts()
        if self.alike:
            begins = self._begins()
            high, low = high[begins], low[begins]
        tries = _most(high) if self.alike else 1
        for begin in range(0, len(ids), AT_ONCE):
            words, here = ids.words[begin : begin + AT_ONCE], found[begin : begin + AT_ONCE]
            order = np.argsort(words[:, 0])  # so that what is looked at next lies near
            words = words[order]
            at = np.searchsorted(high, words[:, 0])
            for _ in range(tries):
                near = np.minimum(at, len(high) - 1)
                same = (high[near] == words[:, 0]) & (low[near] == words[:, 1])
                here[order[same]] = first[near[same]]
                at += 1
        return found

    def _begins(self) -> NDArray[np.bool_]:
        new = np.ones(len(self.order), np.bool_)
        new[1:] = (self.high[1:] != self.high[:-1]) | (self.low[1:] != self.low[:-1])
        return new


def _most(high: NDArray[np.uint64]) -> int:
    """How many of some distinct names, in order, share their first word, at most."""
    starts = np.flatnonzero(np.diff(high, prepend=~high[:1]))
    return int(np.diff(starts, append=len(high)).max())


def _packed(texts: pa.Array) -> Ids:
    digits = _digits(texts)
    if digits is not None and (words := _written(digits)) is not None:
        return Ids(words, np.zeros(len(texts), np.bool_))
    plain, erased = (
        pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)
        for pattern in (PLAIN, OF_ERASED)
    )
    found = np.empty((len(texts), 2), np.uint64)
    odd: dict[bytes, str] = {}
    for place, text in enumerate(texts.to_pylist()):
        if plain[place] or erased[place]:
            key = bytes.fromhex(text[-DIGITS:])
        else:
            key = hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest()
            odd[key] = text
        found[place] = np.frombuffer(key, np.uint64)
    found[erased] ^= MASK
    return Ids(found, erased, odd)


def _digits(texts: pa.Array) -> NDArray[np.uint8] | None:
    """The letters of n texts, (32 n,); None where one has more or less than 32 bytes."""
    _, edges, data = texts.buffers()
    if not len(texts) or data is None:
        return None if len(texts) else np.zeros(0, np.uint8)
    ends = np.frombuffer(edges, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    if (np.diff(ends) != DIGITS).any():
        return None
    return np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]


def _written(digits: NDArray[np.uint8]) -> Words | None:
    """(n, 2) the bytes that hex digits write; None where one is none."""
    if not int(np.bitwise_and.reduce(digits)) & LOWER:  # an A is not the digit that an a is
        return None
    try:
        return np.frombuffer(binascii.unhexlify(digits.data), np.uint64).reshape(-1, 2)
    except binascii.Error:
        return None
