"""Lists of patients as rows of the lake: ids become pseudonyms here, and nothing else stays.

What a list says holds until a list in its place says something else: one that is gone was heeded,
and who withdrew does not come back since a bucket was tidied up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.deidentify.header.patient import (
    Identity,
    listed_marks,
    names_somebody,
    patient_identity,
)
from echoatlas.pipeline.errors import Reason
from echoatlas.pipeline.objects.under_names import UnderNames
from echoatlas.pipeline.read.consent import strictest
from echoatlas.schemas.rows.objects import ConsentRow
from echoatlas.schemas.tables import to_arrow
from echoatlas.schemas.values import Consent, PatientSource
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.lake.tombstones import Tombstones
    from echoatlas.pipeline.objects.heeded import Heeded
    from echoatlas.pipeline.sidecars.patients import PatientList
    from echoatlas.pipeline.vault.pseudonyms import SiteKey

Key = TypeVar("Key")
HELD = (
    "a list of patients can't be heeded: no picture of the site is released until it is mended, "
    "taken away, or said to be none in sidecar.lists (`NAME: ignore`); `echoatlas site receipt` "
    "says which"
)
MEANING = (
    "give it a column consent (yes, no, withdrawn), or say in sidecar.lists what it means to be in "
    "it (`NAME: withdrawn`, given, ignore, ...); of who left a name such as withdrawn.csv says it"
)
ARCHIVED = "archived"  # in the place of a list's, of all lists in a site's archives


def source_of(key: SiteKey, place: str) -> str:
    """A keyed hash of where a list lies: a file's name may be anybody's."""
    return key.pseudonym("patient list", place)


def consent_rows(
    one: PatientList, key: SiteKey, stones: Tombstones | None = None
) -> list[ConsentRow]:
    """What a list says, of each patient once for each hash of the id; of who was erased nothing is
    written down.

    Args:
        key: the site's.
    """
    source = source_of(key, one.key)
    held = [ConsentRow(source, key.site, "", "", Consent.UNCLEAR.value)] if one.fault else []
    said: dict[str, tuple[tuple[str, ...], Consent]] = {}
    for written, word in one.said.items():
        if not names_somebody(written):
            continue
        identity = patient_identity(written)
        patient = key.pseudonym("patient", identity)
        marks = listed_marks(key, Identity(PatientSource.SIDECAR, identity))
        if stones is not None and stones.has_patient(key.site, patient):
            continue
        if stones is not None and any(stones.has_patient(key.site, mark) for mark in marks):
            marks = ("",)
        before = said.get(patient, (marks, Consent.UNSAID))[1]
        said[patient] = marks, strictest((before, word))
    return held + [
        ConsentRow(source, key.site, patient, mark, word.value)
        for patient, (marks, word) in sorted(said.items())
        for mark in marks
    ]


@dataclass(frozen=True, slots=True)
class Heard:
    """What a lake has of all sites' lists of patients.

    Attributes:
        rows: by site. archives: locators of archives in which there are lists.
    """

    rows: Mapping[str, Sequence[ConsentRow]]
    archives: frozenset[str]

    @staticmethod
    def of(lake: Lake) -> Heard:
        """What it has now."""
        rows: dict[str, list[ConsentRow]] = {}
        for one in lake.read("consents").to_pylist():
            rows.setdefault(one["site"], []).append(ConsentRow(**one))
        return Heard(rows, frozenset(_archives_of_lists(lake)))


def heed(
    lake: Lake,
    key: SiteKey,
    lists: Iterable[PatientList],
    archives: Iterable[str],
    stones: Tombstones,
    run_id: str,
    known: Heard,
    names: UnderNames | None = None,
) -> None:
    """Put what a site's lists say in the place of what they said before, where that is another.

    Args:
        key, lists, archives, known, names: see ``unheeded``.
        run_id: of whoever holds the lake.
    """
    changed = unheeded(key, lists, archives, stones, known, names)
    if changed:
        table = to_arrow("consents", [one for rows in changed.values() for one in rows])
        lake.exchange("consents", "told_by", sorted(changed), table, run_id)


def unheeded(
    key: SiteKey,
    lists: Iterable[PatientList],
    archives: Iterable[str],
    stones: Tombstones,
    known: Heard,
    names: UnderNames | None = None,
) -> dict[str, list[ConsentRow]]:
    """What a site's lists say that the lake does not hold yet, by who tells it.

    Args:
        key: the site's.
        archives: locators of those that lie in its bucket.
        known: what the lake has of lists.
        names: what names nobody but by its files' names; None for as much as was found before.
    """
    before: dict[str, list[ConsentRow]] = {}
    for row in known.rows.get(key.site, ()):
        before.setdefault(row.told_by, []).append(row)
    now: dict[str, list[ConsentRow]] = {}
    for one in lists:
        source = source_of(key, one.key)
        found = (names or UnderNames()).rows(one, source, key.site, before.get(source, ()))
        left = [row for row in found if not stones.has_patient(key.site, row.patient)]
        now[source] = consent_rows(one, key, stones) + left
    archived = source_of(key, ARCHIVED)
    packed = not known.archives.isdisjoint(archives) if known.archives else False
    row = ConsentRow(archived, key.site, "", "", Consent.UNCLEAR.value)
    now[archived] = [row] if packed else []
    # A fault of a list that is gone is gone with it: whom it meant was never known
    for source, rows in before.items():
        if source not in now and any(not one.patient for one in rows):
            now[source] = [one for one in rows if one.patient]
    return {
        source: rows
        for source, rows in now.items()
        if sorted(map(_order, rows)) != sorted(map(_order, before.get(source, [])))
    }


def _order(row: ConsentRow) -> tuple[str, str, str]:
    return row.patient, row.known_as, row.consent


def _archives_of_lists(lake: Lake) -> set[str]:
    """Locators of archives in which there are lists of patients."""
    kept_out = pc.field("reason") == Reason.CONSENT_LIST.value
    members = lake.read("quarantine", ["locator"], kept_out)["locator"]
    if not len(members):
        return set()
    inside = pc.field("locator").isin(members.combine_chunks())
    return set(lake.read("sightings", ["container"], inside)["container"].to_pylist())


def consent_by_site(lake: Lake, sites: Collection[str]) -> dict[str, dict[str, Consent]]:
    """What sites' lists say that takes away, by the pseudonym that a patient has in the lake."""
    wanted = pc.field("site").isin(pa.array(sorted(sites), pa.string()))
    said: dict[str, dict[str, Consent]] = {site: {} for site in sites}
    marks: dict[tuple[str, str], Consent] = {}
    for row in lake.read("consents", where=wanted).to_pylist():
        if row["patient"] and row["consent"] != Consent.GIVEN:
            _said(said[row["site"]], row["patient"], row["consent"])
            if row["known_as"]:
                _said(marks, (row["site"], row["known_as"]), row["consent"])
    if marks:
        named = pa.array(sorted({mark for _, mark in marks}), pa.string())
        columns = ["patient", "known_as"]
        copies = lake.read("copies", columns, pc.field("known_as").isin(named)).to_pylist()
        patients: dict[str, set[str]] = {}
        for row in copies:
            patients.setdefault(row["known_as"], set()).add(row["patient"])
        for (site, mark), word in marks.items():
            for patient in patients.get(mark, ()):
                _said(said[site], patient, word)
    return said


def _said(known: dict[Key, Consent], key: Key, word: str) -> None:
    known[key] = strictest((known.get(key, Consent.UNSAID), word))


def consent_of_patients(lake: Lake, site: str) -> dict[str, Consent]:
    """The same of one site."""
    return consent_by_site(lake, [site])[site]


def sentence_on(one: PatientList) -> str:
    """What is read of a list, for its site's receipt."""
    parts = []
    if one.fault:
        parts.append(
            f"It {one.fault}: until it is mended, or says so no more, no picture of the site is "
            "released."
        )
    if one.alone and not one.fault:
        known = ", ".join(f"{heading} ({means})" for heading, means in one.columns.items())
        parts.append(f"A list of patients, by {known}." if known else "A list of patients.")
    if one.said and (one.alone or one.leaving):
        counts = Counter(one.said.values())
        told = ", ".join(f"{counts[word]} {word.value}" for word in Consent if counts[word])
        parts.append(f"What it says of consent, by patients: {told}.")
    elif one.alone and not one.fault:
        parts.append("It names nobody.")
    if Consent.UNCLEAR in one.said.values():
        parts.append(
            f"Nothing says what it means to be in it, which is taken for a no: {MEANING}."
            if one.says_nothing
            else "Unclear is what is not understood, and taken for a no: write yes, no or "
            "withdrawn, or say in sidecar.consent what the word means."
        )
    if one.nameless:
        parts.append(f"{_nameless(one.nameless)}.")
    return " ".join(parts)


def _nameless(rows: int) -> str:
    return (
        f"{number_of(rows, 'row takes', 'rows take')} consent away and name nobody by number: "
        "names and birth dates are compared with no scan's"
    )


def warnings_of(lists: Iterable[PatientList], known: Heeded | None = None) -> list[str]:
    """What a person should look at in lists of patients, without a name of anybody.

    Args:
        known: how far the lake holds anything of those; None before a run has read them.
    """
    some = list(lists)
    found = [f"a list of patients {one.fault}" for one in some if one.fault]
    if nameless := sum(one.nameless for one in some):
        found.append(_nameless(nameless))
    if silent := sum(len(one.said) for one in some if one.says_nothing):
        found.append(
            f"of {number_of(silent, 'patient')} a list does not say what it means to be in "
            f"it, which is taken for a no (`echoatlas site receipt` says which list): {MEANING}"
        )
    leaving = sum(one.leaving for one in some if one.alone)
    if leaving:
        yet = "" if known is not None else ", once a run has read the lists"
        found.append(
            f"lists take consent of {number_of(leaving, 'patient')} away: releases leave "
            "out what they are "
            f"seen in{yet}"
        )
    if known is not None and leaving and known.known < known.leaving:
        found.append(
            f"of {known.leaving - known.known} of {number_of(known.leaving, 'patient')} "
            "whose consent tables "
            "take away nothing is in the lake (yet): see that ids are written as scanners do"
        )
    return found
