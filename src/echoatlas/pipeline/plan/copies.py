"""Copies of objects and their names as Python objects: of those alone of which they are asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from echoatlas.pipeline.plan.known import Known
from echoatlas.schemas.rows.objects import SightingRow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.ingest.listing import Listing
    from echoatlas.pipeline.plan.books import Books
    from echoatlas.pipeline.plan.classify import Sighted
    from echoatlas.pipeline.sidecars.site import Sidecars
    from echoatlas.pipeline.vault.pseudonyms import SiteKey

AT_ONCE = 4096  # objects of whose copies it is asked at a time what is said of them


@dataclass(frozen=True, slots=True)
class Copies:
    """The sightings of a site, by object. Trusted zone: finds file names."""

    key: SiteKey
    listing: Listing
    tables: Sidecars
    seen: Sighted
    _digests: dict[str, str] = field(default_factory=dict)

    def beside_tables(self) -> NDArray[np.int64]:
        """Places in the listing of files of which loose tables may speak."""
        tables = self.tables.tables
        if not tables.placed:
            return np.zeros(0, np.int64)
        above = (tables.above(key) for key in self.listing.names())
        return np.flatnonzero(np.fromiter(above, np.bool_, len(self.listing)))

    def told(self, objects: NDArray[np.int64], settled: NDArray[np.bool_]) -> list[str | None]:
        """What is said of some objects' copies, as ``Known.told`` says it.

        Args:
            objects: (k,) their numbers, ascending.
            settled: (n,) which sightings have an outcome.
        """
        found: list[str | None] = []
        for start in range(0, len(objects), AT_ONCE):
            known = self.known(objects[start : start + AT_ONCE], settled)
            found += map(
                known.told, self.seen.objects.take(objects[start : start + AT_ONCE]).texts()
            )
        return found

    def known(
        self, objects: NDArray[np.int64], settled: NDArray[np.bool_], books: Books | None = None
    ) -> Known:
        """Some objects with all their copies.

        Args:
            objects: (k,) their numbers.
            settled: (n,) which sightings have an outcome.
            books: where it stands what copies said that are gone; if that is asked.
        """
        wanted = np.zeros(len(self.seen.objects), np.bool_)
        wanted[objects] = True
        chosen = np.flatnonzero(wanted[self.seen.number])
        file = self.seen.file[chosen]
        rows = self.seen.rows.rows(chosen)
        copies: dict[str, list[SightingRow]] = {}
        for row in rows:
            copies.setdefault(row.object_id, []).append(row)
        keys = self._keys(file)
        names = {
            row.locator: keys[place]
            for row, place in zip(rows, file.tolist(), strict=True)
            if place >= 0
        }
        gone = self.seen.rows.locators.take(chosen[file < 0]).texts()
        new = {
            row.object_id
            for row, done in zip(rows, settled[chosen].tolist(), strict=True)
            if not done
        }
        claims = books.claims(pa.array(gone, pa.string())) if books else {}
        return Known(self.key, self.tables, names, copies, new, claims, self._digests)

    def _keys(self, file: NDArray[np.int64]) -> dict[int, str]:
        """Place in the listing to the file's name: each but once, whatever is in an archive."""
        distinct = np.unique(file[file >= 0])
        found = self.listing.rows(distinct)
        return {place: one.key for place, one in zip(distinct.tolist(), found, strict=True)}
