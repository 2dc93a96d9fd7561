"""How far lists of patients are heeded, out of tables alone: ``status`` waits for no reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.schemas.values import Consent
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake


@dataclass(frozen=True, slots=True)
class Heeded:
    """How far a site's lists of patients are heeded.

    Attributes:
        patients: that lists name. leaving: of these, of whom they say that they refused, withdrew,
            or agreed to less than all. known: of these, of whom the lake holds anything.
        unclear: of these, of whom nobody knows what is meant. held: lists that can't be heeded.
    """

    patients: int
    leaving: int
    known: int
    unclear: int
    held: int

    def sentence(self, site: str) -> str:
        """The same in words, and where to look."""
        said = [
            f"{site}: lists take consent of {number_of(self.leaving, 'patient')} away, of "
            f"{self.known} of whom the lake holds something"
        ]
        if self.unclear:
            said.append(f"of {self.unclear} it is not clear what is meant, which is taken for a no")
        if self.held:
            said.append(
                f"{number_of(self.held, 'LIST')} CAN'T BE HEEDED: nothing of the site is released"
            )
        where = f"`echoatlas site receipt {site}` says which list, and what to do"
        return "; ".join([*said, *([where] if len(said) > 1 else [])])


def heeded(lake: Lake) -> dict[str, Heeded]:
    """The same of all sites that have lists of patients, as the last run found them."""
    rows = lake.read("consents").to_pylist()
    of_site: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        if row["patient"] and row["known_as"] == row["patient"]:
            continue  # nobody: see ``of_a_name``
        of_site.setdefault(row["site"], []).append(row)
    return {site: _heeded(some, known_marks(lake, some)) for site, some in sorted(of_site.items())}


def _heeded(rows: Sequence[Mapping[str, str]], known: set[str]) -> Heeded:
    left: dict[str, set[str]] = {}
    said: dict[str, list[str]] = {}
    for row in rows:
        said.setdefault(row["patient"], []).append(row["consent"])
        if row["patient"] and row["consent"] != Consent.GIVEN:
            left.setdefault(row["patient"], {row["patient"]}).add(row["known_as"])
    there = sum(not names.isdisjoint(known) for names in left.values())
    patients = len({row["patient"] for row in rows} - {""})
    held = sum(not row["patient"] for row in rows)
    unclear = sum(bool(who) and _is_unclear(told) for who, told in said.items())
    return Heeded(patients, len(left), there, unclear, held)


def _is_unclear(said: Iterable[str]) -> bool:
    """Whether what is not understood is the strictest of what is said."""
    words = {*said}
    return Consent.UNCLEAR in words and not words & {Consent.WITHDRAWN, Consent.REFUSED}


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
