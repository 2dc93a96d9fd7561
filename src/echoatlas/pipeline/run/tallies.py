"""What tables speak of, as a run found it: counts in the lake, for ``status`` and reports."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.lake.codes import TextCodes
from echoatlas.pipeline.lake.ids import Ids
from echoatlas.pipeline.lake.in_step import KnownIds
from echoatlas.pipeline.lake.portions import Wanted
from echoatlas.schemas.values import Flag, Status
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.sidecars.tally import Tally
    from echoatlas.pipeline.storage.storage import Storage

WRITTEN = "_tables/"  # in the lake: counts by site


@dataclass(frozen=True, slots=True)
class Packed:
    """How far tables speak of members of archives, which only those know who opened them.

    Attributes:
        objects: that were kept. unlisted: of these, beside a table of which no row names them.
    """

    objects: int
    unlisted: int

    @property
    def share(self) -> float:
        """Share of what was kept that a row names, or no table lies beside."""
        return 1 - self.unlisted / self.objects

    @property
    def warning(self) -> str:
        """The same in words."""
        return (
            f"of {number_of(self.objects, 'object')} in archives {self.unlisted} lie beside "
            "tables of which no "
            "row names them"
        )


def unlisted_objects(lake: Lake) -> dict[str, Packed]:
    """Sites in whose archives tables leave something unnamed."""
    inside = []
    for rows in lake.portions(Wanted("sightings", ("locator", "container"), ("container",))):
        loose = TextCodes.of(rows.chunks("container")).among("")
        inside.append(Ids.of(rows.chunks("locator")).take(~loose))
    packed = KnownIds(Ids.joined(inside))
    kept: Counter[str] = Counter()
    unlisted: Counter[str] = Counter()
    coded = ("site", "status", "flags")
    for rows in lake.portions(Wanted("objects", ("locator", *coded), coded)):
        sites, statuses, flags = (TextCodes.of(rows.chunks(column)) for column in coded)
        here = packed.places(Ids.of(rows.chunks("locator"))) >= 0
        here &= statuses.among(Status.KEPT)
        told = flags.among(*(one for one in flags.words if Flag.UNLISTED in one.split()))
        kept.update(sites.take(here).counts())
        unlisted.update(sites.take(here & told).counts())
    return {site: Packed(kept[site], unlisted[site]) for site in sorted(+unlisted)}


def remember(storage: Storage, site: str, counts: Tally) -> None:
    """Keep a site's counts in the lake, for ``status`` and reports."""
    key, data = f"{WRITTEN}{site}.json", json.dumps(asdict(counts), sort_keys=True).encode()
    if not (storage.exists(key) and storage.read(key) == data):  # what is as it was stays
        storage.write(key, data)


def remembered(storage: Storage) -> dict[str, dict[str, Any]]:
    """The counts of all sites that have tables, as the last run found them."""
    found = {
        entry.key.removeprefix(WRITTEN).removesuffix(".json"): json.loads(storage.read(entry.key))
        for entry in storage.list(WRITTEN)
    }
    return {site: counts for site, counts in sorted(found.items()) if counts["tables"]}
