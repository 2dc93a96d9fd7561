"""Scans that name nobody, and lie under a name that holds the id of a patient of a list.

Numbers in names mean many things; but nothing else says whose ``7340019/scan.png`` is, so that
releases leave it out once 7340019 left. A site whose names say who it is tells so in ``patient``.
Members of archives are not opened for it; it is said how many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.deidentify.header.called import ids_in
from echoatlas.pipeline.deidentify.header.patient import (
    loose_id,
    names_somebody,
    patient_identity,
)
from echoatlas.pipeline.read.consent import strictest
from echoatlas.pipeline.sidecars.patients import LEFT
from echoatlas.schemas.rows.objects import ConsentRow
from echoatlas.schemas.values import Consent
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.sidecars.patients import PatientList


@dataclass(frozen=True, slots=True)
class UnderNames:
    """What of a site names nobody, and what lists say of the ids in its files' names.

    Attributes:
        said: key of a list, to pseudonyms of such, to what it says of the id; what takes away only.
        listed: pseudonyms of those it was said of before whose files lie in the bucket still,
            whatever these are called.
    """

    said: Mapping[str, Mapping[str, Consent]] = field(default_factory=dict)
    listed: frozenset[str] = frozenset()

    def rows(
        self, told: PatientList, source: str, site: str, before: Iterable[ConsentRow]
    ) -> list[ConsentRow]:
        """A list's rows of such. What it said of what lies in the bucket no more, holds as long as
        it takes anybody's consent away."""
        said = self.said.get(told.key, {})
        kept = before if told.leaving else ()
        held = [one for one in kept if of_a_name(one) and one.patient not in self.listed]
        return held + [
            ConsentRow(source, site, patient, patient, word.value)
            for patient, word in sorted(said.items())
        ]


def of_a_name(row: ConsentRow) -> bool:
    """Whether it is about what names nobody: that is known as itself alone."""
    return bool(row.patient) and row.known_as == row.patient


def under_names(
    lake: Lake,
    site: str,
    files: Iterable[tuple[str, str]],
    lists: Iterable[PatientList],
    before: Iterable[ConsentRow] = (),
) -> UnderNames:
    """Find what of a site names nobody, and what is said of the ids in its files' names.

    Args:
        files: locator and name of each file in the site's bucket.
        before: what the lake has of the site's lists.
    """
    leaving: dict[str, list[tuple[str, Consent]]] = {}
    for one in lists:
        for written, word in one.said.items():
            if word in LEFT and names_somebody(written):
                leaving.setdefault(loose_id(patient_identity(written)), []).append((one.key, word))
    leaving.pop("", None)
    if not leaving:
        return UnderNames()
    held = {one.patient for one in before if of_a_name(one)}
    known = _nobodys(lake, site, pc.field("patient").isin(sorted(held))) if held else {}
    listed: set[str] = set()
    called: dict[str, set[str]] = {}
    for locator, name in files:
        listed |= known.get(locator, set())
        if who := {*ids_in(name)} & leaving.keys():
            called[locator] = who
    said: dict[str, dict[str, Consent]] = {}
    for locator, here in _lying_in(lake, site, sorted(called)).items():
        for named in called[locator]:
            for key, word in leaving[named]:
                of_list = said.setdefault(key, {})
                of_list |= {
                    one: strictest((of_list.get(one, Consent.UNSAID), word)) for one in here
                }
    return UnderNames(said, frozenset(listed))


def _lying_in(lake: Lake, site: str, files: list[str]) -> dict[str, set[str]]:
    """Locators of some files, archives too, to pseudonyms of what is in them and names nobody."""
    if not files:
        return {}
    packed = pc.field("container").isin(files) & (pc.field("site") == site)
    members = lake.read("sightings", ["locator"], packed).column("locator").to_pylist()
    found = _nobodys(lake, site, pc.field("locator").isin([*files, *members]))
    return {one: found[one] for one in files if one in found}


def _nobodys(lake: Lake, site: str, some: pc.Expression) -> dict[str, set[str]]:
    """Locator of a file, archives too, to pseudonyms of what is in it and names nobody.

    Args:
        some: which copies are asked for.
    """
    here = pc.field("site") == site
    nobodys = here & (pc.field("known_as") == "") & some
    copies = lake.read("copies", ["locator", "patient"], nobodys)
    packed = pc.field("locator").isin(copies.column("locator").to_pylist())
    packed &= here & (pc.field("container") != "")
    inside = lake.read("sightings", ["locator", "container"], packed)
    archive = dict(zip(*(one.to_pylist() for one in inside.columns), strict=True))
    found: dict[str, set[str]] = {}
    for locator, patient in zip(*(one.to_pylist() for one in copies.columns), strict=True):
        found.setdefault(archive.get(locator, locator), set()).add(patient)
    return found


def warnings_of_names(lake: Lake, site: str) -> list[str]:
    """How much is left out for its name alone, and what is not, since it lies in an archive."""
    here = pc.field("site") == site
    rows = [ConsentRow(**one) for one in lake.read("consents", where=here).to_pylist()]
    if not any(one.patient and one.consent in LEFT for one in rows):
        return []
    found = []
    if named := len({one.patient for one in rows if of_a_name(one)}):
        found.append(
            f"{_nobody_lies(named)} under names of files or folders that hold the id of a patient "
            "who left: releases leave them out. If names say who it is, say so in `patient` of the "
            "site's file"
        )
    nobodys = pc.field("known_as") == ""
    copies = lake.read("copies", ["locator"], here & nobodys)["locator"].combine_chunks()
    inside = pc.field("locator").isin(pa.array(copies)) & (pc.field("container") != "")
    if packed := len(lake.read("sightings", ["locator"], here & inside)):
        found.append(
            f"{_nobody_lies(packed)} in archives: names within these are not compared with lists "
            "of who left. Have the files unpacked; or if names say who it is, say so in `patient` "
            "of the site's file"
        )
    return found


def _nobody_lies(scans: int) -> str:
    return number_of(scans, "scan that names nobody lies", "scans that name nobody lie")
