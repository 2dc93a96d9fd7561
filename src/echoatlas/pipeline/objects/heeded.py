"""How far lists of patients are heeded, out of tables alone: ``status`` waits for no reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.schemas.values import Consent

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake


@dataclass(frozen=True, slots=True)
class Heeded:
    """How far a site's lists of patients are heeded.

    Attributes:
        patients: that lists name. leaving: of these, of whom they say that they refused, withdrew,
            or agreed to less than all. known: of these, of whom the lake holds anything.
        held: lists that can't be heeded.
    """

    patients: int
    leaving: int
    known: int
    held: int


def heeded(lake: Lake) -> dict[str, Heeded]:
    """The same of all sites that have lists of patients, as the last run found them."""
    rows = lake.read("consents").to_pylist()
    of_site: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        of_site.setdefault(row["site"], []).append(row)
    return {site: _heeded(some, known_marks(lake, some)) for site, some in sorted(of_site.items())}


def _heeded(rows: Sequence[Mapping[str, str]], known: set[str]) -> Heeded:
    left: dict[str, set[str]] = {}
    for row in rows:
        if row["patient"] and row["consent"] != Consent.GIVEN:
            left.setdefault(row["patient"], {row["patient"]}).add(row["known_as"])
    there = sum(not names.isdisjoint(known) for names in left.values())
    patients = len({row["patient"] for row in rows} - {""})
    return Heeded(patients, len(left), there, sum(not row["patient"] for row in rows))


def known_marks(lake: Lake, rows: Iterable[Mapping[str, str]]) -> set[str]:
    """Which patients of rows of ``consents`` the lake holds anything of: their pseudonyms, and
    hashes of their ids."""
    asked = {row["patient"] for row in rows} | {row["known_as"] for row in rows}
    wanted = pa.array(sorted(asked - {""}), pa.string())
    if not len(wanted):
        return set()
    found: set[str] = set()
    for column in ("patient", "known_as"):
        there = lake.read("copies", [column], pc.field(column).isin(wanted))
        found |= set(there[column].to_pylist())
    return found
