"""What became of sites' files, in a digest an upload: as columns, so that no row becomes an object.

Who looks whether a receipt is due looks at all that a site ever sent. Each row is hashed by itself
and those of an upload are added up, so that their order does not count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.lake.codes import TextCodes
from echoatlas.pipeline.lake.growing import grown
from echoatlas.pipeline.lake.ids import Ids
from echoatlas.pipeline.lake.in_step import places
from echoatlas.pipeline.lake.join import integers
from echoatlas.pipeline.lake.portions import Wanted
from echoatlas.pipeline.read.consent import strictest
from echoatlas.schemas.values import Consent, Status

if TYPE_CHECKING:
    from echoatlas.pipeline.gate.held import Unlike
    from echoatlas.pipeline.lake.portions import Portion
    from echoatlas.pipeline.lake.tables import Lake

Numbers: TypeAlias = NDArray[np.int64]
OF_SETTLED = ("upload", "locator", "object_id", "patient", "status", "reason", "consent", "flags")
OF_SEEN = ("upload", "locator", "ordinal")
OF_FEW = ("site", "upload", "patient", "status", "reason", "consent", "flags")
WAITING = "waits"
# Of splitmix64, by which each bit of a row's hash depends on each of what is hashed
SHIFTS, FACTORS = (30, 27, 31), (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


@dataclass(frozen=True, slots=True)
class SettledFiles:
    """n outcomes of one site, and what receipts say of them."""

    uploads: TextCodes
    locators: Ids
    objects: Ids
    patients: TextCodes
    statuses: TextCodes
    reasons: TextCodes
    consents: TextCodes
    flags: TextCodes

    @staticmethod
    def of(rows: Portion) -> SettledFiles:
        """Rows of ``objects``, all of one site."""
        return SettledFiles(
            TextCodes.of(rows.chunks("upload")),
            Ids.of(rows.chunks("locator")),
            Ids.of(rows.chunks("object_id")),
            TextCodes.of(rows.chunks("patient")),
            TextCodes.of(rows.chunks("status")),
            TextCodes.of(rows.chunks("reason")),
            TextCodes.of(rows.chunks("consent")),
            TextCodes.of(rows.chunks("flags")),
        )

    @staticmethod
    def joined(parts: Sequence[SettledFiles]) -> SettledFiles:
        """Some outcomes, and then others."""
        return SettledFiles(
            TextCodes.joined(one.uploads for one in parts),
            Ids.joined([one.locators for one in parts]),
            Ids.joined([one.objects for one in parts]),
            TextCodes.joined(one.patients for one in parts),
            TextCodes.joined(one.statuses for one in parts),
            TextCodes.joined(one.reasons for one in parts),
            TextCodes.joined(one.consents for one in parts),
            TextCodes.joined(one.flags for one in parts),
        )

    def said(self, listed: Mapping[str, Consent]) -> TextCodes:
        """(n,) what is said of each: its status, and whatever else its receipt depends on.

        Args:
            listed: what lists of patients say of each.
        """
        first = self.objects.firsts()
        refused, kept = self.statuses.among(Status.REJECTED), self.statuses.among(Status.KEPT)
        names = list(listed)
        among = {name: number for number, name in enumerate(names)}
        by_list = np.array([among.get(word, -1) for word in self.patients.words], np.int64)
        # A copy shares what is said of its object, which is another row
        fates = _of_objects(first, refused, self.reasons.numbers)
        consents = _of_objects(first, kept, self.consents.numbers)
        flags = _of_objects(first, kept, self.flags.numbers)
        lists = _of_objects(first, kept, by_list[self.patients.numbers])
        columns = (self.statuses.numbers, self.reasons.numbers, fates, consents, flags, lists)

        def text(row: Numbers) -> str:
            status, reason, fate, consent, flag, name = row.tolist()
            of_list = listed[names[name]] if name >= 0 else Consent.UNSAID
            of_object = self.consents.words[consent] if consent >= 0 else Consent.UNSAID
            parts = (
                self.statuses.words[status],
                self.reasons.words[reason],
                self.reasons.words[fate] if fate >= 0 else "",
                strictest((of_object, of_list)),
                self.flags.words[flag] if flag >= 0 else "",
            )
            return "\0".join(parts)

        return _worded(columns, text)


@dataclass(frozen=True, slots=True)
class SeenFiles:
    """m sightings of one site."""

    uploads: TextCodes
    locators: Ids
    ordinals: Numbers

    @staticmethod
    def of(rows: Portion) -> SeenFiles:
        """Rows of ``sightings``, all of one site."""
        return SeenFiles(
            TextCodes.of(rows.chunks("upload")),
            Ids.of(rows.chunks("locator")),
            grown(map(integers, rows.chunks("ordinal")), np.int64),
        )

    @staticmethod
    def joined(parts: Sequence[SeenFiles]) -> SeenFiles:
        """Some sightings, and then others."""
        return SeenFiles(
            TextCodes.joined(one.uploads for one in parts),
            Ids.joined([one.locators for one in parts]),
            grown((one.ordinals for one in parts), np.int64),
        )

    def said(self, settled: Ids, unlike: Iterable[Unlike]) -> TextCodes:
        """(m,) whether each waits for a person.

        Args:
            settled: locators of those that have an outcome.
        """
        waits = np.zeros(len(self.ordinals), np.int32)
        for one in unlike:
            waits[(self.ordinals >= one.first) & (self.ordinals <= one.last)] = 1
        if waits.any():
            waits[places(self.locators, settled) >= 0] = 0
        return TextCodes(waits, ("", WAITING))


@dataclass(frozen=True, slots=True)
class Fates:
    """What became of one site's files."""

    outcomes: SettledFiles
    sightings: SeenFiles

    @staticmethod
    def read(lake: Lake, sites: Iterable[str], *, every: bool = False) -> dict[str, Fates]:
        """What became of some sites' files, each table read once.

        Args:
            every: whether these are all sites that there are.
        """
        names = list(sites)
        outcomes: dict[str, list[SettledFiles]] = {name: [] for name in names}
        sightings: dict[str, list[SeenFiles]] = {name: [] for name in names}
        among = () if every else names
        for rows in lake.portions(Wanted("objects", (*OF_SETTLED, "site"), OF_FEW, among)):
            for site, some in rows.by_site():
                if site in outcomes:
                    outcomes[site].append(SettledFiles.of(some))
        for rows in lake.portions(Wanted("sightings", (*OF_SEEN, "site"), OF_FEW, among)):
            for site, some in rows.by_site():
                if site in sightings:
                    sightings[site].append(SeenFiles.of(some))
        return {
            name: Fates(SettledFiles.joined(outcomes[name]), SeenFiles.joined(sightings[name]))
            for name in names
        }

    def digests(self, listed: Mapping[str, Consent], unlike: Iterable[Unlike]) -> dict[str, bytes]:
        """Each upload's opaque id to a digest, 32 bytes, of what a receipt says of its files."""
        settled, seen = self.outcomes, self.sightings
        sums = _summed(settled.uploads, settled.locators, settled.said(listed))
        other = _summed(seen.uploads, seen.locators, seen.said(settled.locators, unlike))
        none = bytes(16)
        return {
            name: sums.get(name, none) + other.get(name, none) for name in sorted({*sums, *other})
        }


def _of_objects(
    first: Numbers, chosen: NDArray[np.bool_], values: NDArray[np.int32] | Numbers
) -> Numbers:
    """(n,) of each row the value of a chosen row of the same object, the last; -1 without any.

    Args:
        first: (n,) the first row of the object of each.
    """
    found = np.full(len(first), -1, np.int64)
    found[first[chosen]] = values[chosen]
    return found[first]


def _worded(
    columns: Sequence[NDArray[np.int32] | Numbers], text: Callable[[Numbers], str]
) -> TextCodes:
    """Rows of small numbers, -1 and up, as texts, each made once."""
    packed = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        packed *= int(column.max(initial=-1)) + 2
        packed += column + 1
    _, first, numbers = np.unique(packed, return_index=True, return_inverse=True)
    words = [text(np.array([column[at] for column in columns])) for at in first.tolist()]
    return TextCodes(numbers.astype(np.int32), tuple(words))


def _summed(uploads: TextCodes, locators: Ids, said: TextCodes) -> dict[str, bytes]:
    """Each upload to the sum of the hashes, 16 bytes, of its rows."""
    tokens = [hashlib.blake2b(word.encode(), digest_size=16).digest() for word in said.words]
    salts = np.frombuffer(b"".join(tokens), np.uint64).reshape(-1, 2)
    sums = np.zeros((len(uploads.words), 2), np.uint64)
    for lane in range(2):
        # A lane depends on the whole name, and not alike
        bare = locators.words[:, lane] ^ _mixed(locators.words[:, 1 - lane])
        np.add.at(sums[:, lane], uploads.numbers, _mixed(_mixed(bare) ^ salts[said.numbers, lane]))
    return {word: one.tobytes() for word, one in zip(uploads.words, sums, strict=True)}


def _mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    found = words.copy()
    for shift, factor in zip(SHIFTS, (*FACTORS, 1), strict=True):
        found ^= found >> np.uint64(shift)
        found *= np.uint64(factor)
    return found
