"""What the lake knows of sites' sightings, read once for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.plan.classify import OUTCOME, READING
from echoatlas.schemas.rows.objects import CopyRow
from echoatlas.schemas.tables import schema

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake


@dataclass(slots=True)
class Books:
    """Sightings, outcomes and readings of some sites, as columns.

    Attributes:
        sites: whose rows they are; all if empty.
        sightings: whole rows. outcomes, readings: what ``classify`` looks at, and the site.
    """

    lake: Lake
    sites: Sequence[str]
    sightings: pa.Table
    outcomes: pa.Table
    readings: pa.Table
    _copies: pa.Table | None = None

    @staticmethod
    def read(lake: Lake, sites: Iterable[str], *, every: bool = False) -> Books:
        """Read all tables that a survey needs, each once.

        Args:
            every: whether these are all sites that there are: then no row needs to be looked at.
        """
        chosen = [] if every else list(sites)
        return Books(
            lake,
            chosen,
            _read(lake, chosen, "sightings", schema("sightings").names),
            _read(lake, chosen, "objects", [*OUTCOME, "site"]),
            _read(lake, chosen, "readings", [*READING, "site"]),
        )

    def add(self, sightings: pa.Table) -> None:
        """Take sightings that were written since."""
        self.sightings = pa.concat_tables([self.sightings, sightings.cast(self.sightings.schema)])

    def sightings_of(self, site: str) -> pa.Table:
        """A site's sightings, in no particular order."""
        return _of(self.sightings, site)

    def outcomes_of(self, site: str) -> pa.Table:
        """A site's outcomes."""
        return _of(self.outcomes, site)

    def readings_of(self, site: str) -> pa.Table:
        """A site's readings."""
        return _of(self.readings, site)

    def claims(self, locators: pa.Array) -> Mapping[str, CopyRow]:
        """What copies said when they were read last; the table is opened by who asks first."""
        if not len(locators):
            return {}
        if self._copies is None:
            self._copies = _read(self.lake, self.sites, "copies", schema("copies").names)
        wanted = pc.is_in(self._copies.column("locator"), value_set=locators)
        return {row["locator"]: CopyRow(**row) for row in self._copies.filter(wanted).to_pylist()}


def _read(lake: Lake, sites: Sequence[str], name: str, columns: Sequence[str]) -> pa.Table:
    return lake.read(name, columns, pc.field("site").isin(list(sites)) if sites else None)


def _of(table: pa.Table, site: str) -> pa.Table:
    here = pc.equal(table.column("site"), site)
    # Of one site alone no second table is made
    return table if pc.all(here).as_py() in (True, None) else table.filter(here)
