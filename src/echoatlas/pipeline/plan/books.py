"""What the lake knows of sites' sightings, read once for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.lake.portions import Portion, Wanted
from echoatlas.pipeline.plan.columns import OUTCOME, READING, Outcomes, Readings, Sightings
from echoatlas.schemas.rows.objects import CopyRow
from echoatlas.schemas.tables import schema

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake

CODED = {"site", "upload", "container", "status", "reason", "fingerprint"}


@dataclass(slots=True)
class Books:
    """Sightings, outcomes and readings of some sites, as columns, in parts.

    Attributes:
        sites: whose rows they are; all if empty.
    """

    lake: Lake
    sites: Sequence[str]
    _sightings: dict[str, list[Sightings]] = field(default_factory=dict)
    _outcomes: dict[str, list[Outcomes]] = field(default_factory=dict)
    _readings: dict[str, list[Readings]] = field(default_factory=dict)
    _copies: pa.Table | None = None

    @staticmethod
    def read(lake: Lake, sites: Iterable[str], *, every: bool = False) -> Books:
        """Read all tables that a survey needs, each once.

        Args:
            every: whether these are all sites that there are: then no row needs to be looked at.
        """
        books = Books(lake, [] if every else list(sites))
        for site, rows in books._portions("sightings", schema("sightings").names):
            books._sightings.setdefault(site, []).append(Sightings.of(site, rows))
        for site, rows in books._portions("objects", (*OUTCOME, "site")):
            books._outcomes.setdefault(site, []).append(Outcomes.of(rows))
        for site, rows in books._portions("readings", (*READING, "site")):
            books._readings.setdefault(site, []).append(Readings.of(rows))
        return books

    def add(self, sightings: pa.Table) -> None:
        """Take sightings that were written since."""
        for site, rows in Portion.of(sightings).by_site():
            self._sightings.setdefault(site, []).append(Sightings.of(site, rows))

    def sightings_of(self, site: str) -> Sightings:
        """A site's sightings, in no particular order."""
        return Sightings.joined(self._sightings.get(site, ()), site)

    def outcomes_of(self, site: str) -> Outcomes:
        """A site's outcomes."""
        return Outcomes.joined(self._outcomes.get(site, ()))

    def readings_of(self, site: str) -> Readings:
        """A site's readings."""
        return Readings.joined(self._readings.get(site, ()))

    def claims(self, locators: pa.Array) -> Mapping[str, CopyRow]:
        """What copies said when they were read last; the table is opened by who asks first."""
        if not len(locators):
            return {}
        if self._copies is None:
            where = pc.field("site").isin(list(self.sites)) if self.sites else None
            self._copies = self.lake.read("copies", where=where)
        wanted = pc.is_in(self._copies.column("locator"), value_set=locators)
        return {row["locator"]: CopyRow(**row) for row in self._copies.filter(wanted).to_pylist()}

    def _portions(self, name: str, columns: Sequence[str]) -> Iterator[tuple[str, Portion]]:
        wanted = Wanted(name, columns, [one for one in columns if one in CODED], self.sites)
        for portion in self.lake.portions(wanted):
            yield from portion.by_site()
