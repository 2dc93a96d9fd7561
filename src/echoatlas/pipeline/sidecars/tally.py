"""How far a site's tables speak of its files: rows that name one, files that are named.

A table that names nobody looks like one that is right. So it is counted, wherever a person might
see it. Counts may leave the site's zone; names and headings may not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from echoatlas.pipeline.read.consent import JOINED
from echoatlas.pipeline.read.headings import id_columns, meaning, patient_columns, plain
from echoatlas.pipeline.read.spoiled import padded_otherwise
from echoatlas.schemas.values import Consent
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.sidecars.placed import Placed, Tables
    from echoatlas.schemas.config.site import Sidecar, SiteConfig

SPREADSHEET = "damaged (1.2E+11, ###, digits that became zeros)"  # what it does to ids
# An archive is named by its members; by itself, if there is no picture among them.
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

REFUSES, REFUSE = "row refuses consent or withdraws it", "rows refuse consent or withdraw it"


@dataclass(frozen=True, slots=True)
class TableReport:
    """What is read of one table. Holds PHI: for the site's own zone only.

    Attributes:
        columns: heading to meaning ("file", "patient", "label", ...) of those understood.
        ignored: headings of those that nobody reads.
        rows: files that it speaks of. unmatched: of these, how many are nowhere.
        patient: whether a column is sure to name the patient.
        open: archives that it may speak of, and that were not looked into.
        refused, unclear: rows that refuse consent or withdraw it, and rows of which it is not
            understood what they say of it.
        nameless: rows that name no patient, or several, where a column names them.
        spoiled: lines that name a patient by what a spreadsheet left of an id.
    """

    table: str
    columns: Mapping[str, str]
    ignored: tuple[str, ...]
    rows: int
    unmatched: int
    patient: bool
    open: int = 0
    refused: int = 0
    unclear: int = 0
    nameless: int = 0
    spoiled: int = 0

    @property
    def idle(self) -> bool:
        """Whether it speaks of nobody, as far as that was looked at."""
        return self.unmatched == self.rows and not self.open

    def sentence(self) -> str:
        """The same in words, for a receipt."""
        known = ", ".join(f"{heading} ({means})" for heading, means in self.columns.items())
        parts = [f"Columns understood: {known}; ignored: {', '.join(self.ignored) or 'none'}."]
        parts.append(
            f"{self.unmatched} of {number_of(self.rows, 'row names', 'rows name')} no file."
        )
        if self.open:
            parts.append(f"{number_of(self.open, 'archive')} not looked into for this.")
        if self.refused:
            parts.append(f"{number_of(self.refused, REFUSES, REFUSE)}.")
        if self.unclear:
            parts.append(
                f"In {number_of(self.unclear, 'row')} it is not understood what is said of "
                "consent: say in "
                "sidecar.consent what it means."
            )
        if self.nameless:
            parts.append(
                f"{number_of(self.nameless, 'row names', 'rows name')} no patient, or several."
            )
        if self.spoiled:
            parts.append(
                f"{number_of(self.spoiled, 'row has', 'rows have')} an id that a spreadsheet "
                f"{SPREADSHEET}, which names nobody: export ids as text."
            )
        if not self.patient:
            parts.append("No column is sure to name the patient: say which in sidecar.columns.")
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over a site's tables.

    Attributes:
        tables: that were read. idle: of these, how many speak of nobody.
        rows, unmatched: files that rows name, and how many of these are nowhere.
        files: that lie beside a table or below one. named: of these, how many a row names.
        open: archives beside tables; what is in them is counted when they are worked on.
        unsure: tables in which no column is sure to name the patient.
        missing: columns of the site's file that no table has.
        refused, unclear: rows that refuse consent or withdraw it, and rows of which it is not
            understood what they say of it.
        nameless: rows that name no patient, or several, where a column names them.
        spoiled: lines that name a patient by what a spreadsheet left of an id.
        padded: ids that tables write with leading zeros and without.
        overlooked: files that are tables by what is in them, where none is by its name.
    """

    tables: int = 0
    idle: int = 0
    rows: int = 0
    unmatched: int = 0
    files: int = 0
    named: int = 0
    open: int = 0
    unsure: int = 0
    missing: tuple[str, ...] = field(default=())
    refused: int = 0
    unclear: int = 0
    nameless: int = 0
    spoiled: int = 0
    padded: int = 0
    overlooked: int = 0

    @property
    def share(self) -> float:
        """Share of the files beside tables that rows name; 1 where there are none."""
        return self.named / self.files if self.files else 1.0

    def short(self, rule: Sidecar) -> str:
        """Why the site's objects have to wait; "" if they have not."""
        if self.share >= rule.min_matched:
            return ""
        return (
            f"its tables name {self.named} of {number_of(self.files, 'file')}, less than its "
            f"sidecar.min_matched of {rule.min_matched:g}: its objects wait"
        )

    def warnings(self) -> list[str]:
        """What a person should look at, without a name of anybody."""
        found = []
        rows, tables = number_of(self.rows, "row"), number_of(self.tables, "table")
        if self.overlooked:
            found.append(
                f"{number_of(self.overlooked, 'file is a table', 'files are tables')} of files, "
                "and not read as such: say which in sidecar.files"
            )
        if self.idle:
            found.append(
                f"{self.idle} of {number_of(self.tables, 'table speaks', 'tables speak')} of "
                "nobody: no row there names a file (`echoatlas site receipt` says which)"
            )
        elif self.named < self.files:
            left = self.files - self.named
            found.append(f"tables leave {left} of {number_of(self.files, 'file')} unnamed")
        if self.unmatched and not self.open and not self.idle:
            name = "names" if self.rows == 1 else "name"
            found.append(f"{self.unmatched} of {rows} of tables {name} no file")
        if self.unsure:
            found.append(
                f"in {self.unsure} of {tables} no column is sure to name the patient: say which in "
                "sidecar.columns (`echoatlas site receipt` lists them)"
            )
        if self.nameless:
            found.append(
                f"in {self.nameless} of {rows} of tables no patient is named, or several for one "
                "file: each of these files is a patient of its own"
            )
        if self.spoiled:
            found.append(
                f"{number_of(self.spoiled, 'row of a table has', 'rows of tables have')} a "
                f"patient's id that a spreadsheet {SPREADSHEET}, which names nobody: ask for a "
                "table with ids as text"
            )
        if self.padded:
            found.append(
                f"{number_of(self.padded, 'id of a patient is', 'ids of patients are')} written "
                "with leading zeros and without: each way is taken for a patient of its own"
            )
        if self.refused:
            found.append(
                f"{self.refused} of {number_of(self.rows, REFUSES, REFUSE)}: releases leave out "
                "what these patients are seen in"
            )
        if self.unclear:
            found.append(
                f"in {self.unclear} of {rows} of tables it is not understood what is said of "
                "consent, which is taken for a no: say in sidecar.consent what it means"
            )
        if self.missing:
            found.append(f"no table has the columns {', '.join(self.missing)} of sidecar.columns")
        return found


def tally(
    site: SiteConfig, tables: Tables, files: Iterable[str]
) -> tuple[list[TableReport], Tally]:
    """Count what tables name.

    Args:
        files: keys of all that might be spoken of; archives are not looked into.
    """
    hit: dict[str, set[str]] = {}
    opened: dict[str, int] = {}
    beside = named = archives = 0
    for file in files if tables.placed else ():  # without a table there is nothing to look for
        if not tables.above(file):
            continue
        if file.lower().endswith(ARCHIVES) and "!" not in file:
            archives += 1
            for placed in tables.over(file):
                opened[placed.key] = opened.get(placed.key, 0) + 1
            continue
        beside += 1
        said = list(tables.naming(file))
        named += bool(said)
        for placed, called in said:
            hit.setdefault(placed.key, set()).add(called)
    told = [
        report_of(placed, site.sidecar, len(hit.get(placed.key, ())), opened.get(placed.key, 0))
        for placed in tables
    ]
    known = {plain(heading) for placed in tables for heading in placed.table.headings}
    missing = [column for column in site.sidecar.columns if plain(column) not in known]
    counts = Tally(
        tables=len(told),
        idle=sum(one.idle for one in told),
        rows=sum(one.rows for one in told),
        unmatched=sum(one.unmatched for one in told),
        files=beside,
        named=named,
        open=archives,
        unsure=sum(not one.patient for one in told) if site.patient.source in BY_TABLE else 0,
        missing=tuple(sorted(missing)) if told else (),
        refused=sum(one.refused for one in told),
        unclear=sum(one.unclear for one in told),
        nameless=sum(one.nameless for one in told) if site.patient.source in BY_TABLE else 0,
        spoiled=sum(one.spoiled for one in told),
        padded=padded_otherwise(_ids(tables, site.sidecar)),
    )
    return told, counts


BY_TABLE = ("auto", "sidecar")  # rules by which a table may say who the patient is


def _ids(tables: Tables, rule: Sidecar) -> set[str]:
    """The ids by which tables name patients."""
    return {
        row.get(column, "")
        for placed in tables
        for column in id_columns(placed.table.headings, rule)
        for row in placed.table.rows.values()
    }


def report_of(placed: Placed, rule: Sidecar, matched: int, archives: int = 0) -> TableReport:
    """What is read of a table, of which ``matched`` rows name a file."""
    headings = [heading for heading in placed.table.headings if heading]
    means = {heading: meaning(heading, rule) for heading in headings}
    means[placed.table.key] = "file"
    named = patient_columns(headings, rule)
    said = Counter(row.get(JOINED, "") for row in placed.table.rows.values())
    return TableReport(
        table=placed.key,
        columns={heading: one for heading, one in means.items() if one},
        ignored=tuple(heading for heading, one in means.items() if not one),
        rows=len(placed.table.rows),
        unmatched=len(placed.table.rows) - matched,
        patient=bool(named),
        open=archives,
        refused=said[Consent.REFUSED] + said[Consent.WITHDRAWN],
        unclear=said[Consent.UNCLEAR],
        nameless=sum(not any(row.get(one) for one in named) for row in placed.table.rows.values())
        if named
        else 0,
        spoiled=placed.table.spoiled,
    )
