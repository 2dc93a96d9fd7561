"""Whom a release still holds who has refused or withdrawn consent since it was cut.

A release never changes: what a list of patients says holds from the next one on. So somebody has to
be told which releases to replace.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.database import database
from echoatlas.pipeline.lake.views import views
from echoatlas.pipeline.release.kin import KIN
from echoatlas.pipeline.release.manifest import index_columns_of
from echoatlas.pipeline.release.notices import is_redacted
from echoatlas.pipeline.release.permitted import FOR_ALL, REFUSING
from echoatlas.pipeline.release.verify import Check
from echoatlas.schemas.values import Consent
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.manifest import Manifest

VIEWS = (
    ("c", "copies", ("patient", "known_as", "consent")),
    ("n", "consents", ("patient", "known_as", "consent")),
)
# As ``kin`` finds them, of patients alone: frames may have other ids in the lake by now
SAID = """
SELECT patient, consent FROM c WHERE consent <> ''
UNION SELECT patient, consent FROM n WHERE patient <> ''
UNION SELECT c.patient, n.consent FROM c JOIN n USING (known_as)
    WHERE c.known_as <> '' AND n.patient <> ''
"""
HELD = f"""
SELECT count(DISTINCT patient), coalesce(sum(frames), 0)::BIGINT FROM i
    WHERE list_has_any(list_append(string_split({KIN}, ' '), patient), (SELECT list(who) FROM gone))
"""


@dataclass(frozen=True, slots=True)
class RefusedSince:
    """How many patients of a release have refused since, and in how many of its frames."""

    patients: int
    frames: int

    @property
    def sentence(self) -> str:
        """What it is, and what to do."""
        return (
            f"{number_of(self.patients, 'patient')} in {number_of(self.frames, 'frame')} of it "
            "refused or left since it was cut: cut another and deprecate this one, or erase them"
        )


def taken_away(lake: Lake) -> pa.Table:
    """``patient`` and ``consent``: whose consent a lake's copies and lists take away today."""
    with views(lake, VIEWS) as asked:
        given = f"consent <> '{Consent.GIVEN}'"
        return asked.sql(f"SELECT * FROM ({SAID}) WHERE {given} ORDER BY ALL").to_arrow_table()


def refused_since(releases: Storage, manifest: Manifest, away: pa.Table) -> RefusedSince:
    """How many of these a release holds: had it known, it would have left them out.

    Args:
        away: as of ``taken_away``.
    """
    if not away.num_rows:
        return RefusedSince(0, 0)
    words = {*REFUSING, Consent.UNCLEAR}
    if manifest.published["config"].get("use") in FOR_ALL:
        words.add(Consent.RESTRICTED)
    rows = index_columns_of(releases, manifest, ["patient", KIN, "frames"])
    for name, plain in ((KIN, ""), ("frames", 1)):
        if name not in rows.column_names:
            rows = rows.append_column(name, pa.array([plain] * rows.num_rows))
    with database(closed=True) as asked:
        asked.register("i", rows)
        asked.register("away", away)
        asked.execute(
            "CREATE TEMP TABLE gone AS SELECT DISTINCT patient AS who FROM away "
            "WHERE list_contains(?, consent)",
            [sorted(words)],
        )
        ((patients, frames),) = asked.sql(HELD).fetchall()
        return RefusedSince(patients, frames)


def refused_in(lake: Lake, releases: Storage, some: Iterable[Manifest]) -> dict[str, RefusedSince]:
    """The same of several, by name; of those that were redacted nothing is there."""
    away = taken_away(lake)
    living = (one for one in some if not is_redacted(releases, one.name))
    return {one.name: refused_since(releases, one, away) for one in living}


@dataclass(frozen=True, slots=True)
class Unheeded:
    """A site of which a list of who left can't be heeded, and what a release holds of it.

    Attributes:
        patients: of the site in the release; None in one of before these were counted.
    """

    site: str
    patients: int | None

    @property
    def sentence(self) -> str:
        """What it is, and what to do."""
        some = "patients" if self.patients is None else number_of(self.patients, "patient")
        return (
            f"{some} of {self.site} in it may be among those of a list that can't be heeded: mend "
            f"that list (`echoatlas site receipt {self.site}` says which), run, and look again; "
            "until then hand the release on to nobody"
        )


def unheeded_in(lake: Lake, some: Iterable[Manifest]) -> dict[str, list[Unheeded]]:
    """Of which sites releases may hold somebody who left, by name: nobody knows whom a list means
    that can't be heeded. Releases that hold nothing of such a site are left out."""
    rows = lake.read("consents", ["site"], pc.field("patient") == "")
    sites = sorted(set(rows.column("site").to_pylist()))
    found: dict[str, list[Unheeded]] = {}
    for one in some:
        told = one.population.get("site", {})
        for site in sites:
            if site in one.counts.get("site", {}):
                patients = told[site]["patients"] if site in told else None
                found.setdefault(one.name, []).append(Unheeded(site, patients))
    return found


def consent_today(lake: Lake, releases: Storage, manifest: Manifest) -> list[Check]:
    """What to say of a release that still holds somebody; it is as it was published, and passes."""
    found = refused_since(releases, manifest, taken_away(lake))
    said = [found.sentence] if found.patients else []
    said += [one.sentence for one in unheeded_in(lake, [manifest]).get(manifest.name, ())]
    return [Check("consent as the lake knows it today", True, one) for one in said]
