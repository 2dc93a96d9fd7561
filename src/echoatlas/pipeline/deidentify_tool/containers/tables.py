"""Clean sidecar tables: listed columns only, and of their values only numbers and known terms."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from echoatlas.pipeline.deidentify.header.patient import patient_pseudonym
from echoatlas.pipeline.deidentify.header.rebuild import terms_in
from echoatlas.pipeline.precision import SCALE, rounded
from echoatlas.pipeline.read.consent import JOINED
from echoatlas.pipeline.read.headings import patient_columns

if TYPE_CHECKING:
    from echoatlas.pipeline.sidecars.tables import SidecarTable
    from echoatlas.pipeline.vault.pseudonyms import SiteKey
    from echoatlas.schemas.config.site import Sidecar

LABELS = frozenset(
    ["label", "class", "organ", "region", "view", "plane", "diagnosis", "finding", "body_part"]
)
NUMBERS = frozenset(["score", "birads", "bi_rads", "grade", "mm_per_px", "spacing", "depth_mm"])
CLOSED = {
    "laterality": frozenset({"left", "right", "bilateral", "l", "r"}),
    "diagnosis": frozenset({"benign", "malignant", "normal", "abnormal"}),
    "class": frozenset({"benign", "malignant", "normal", "abnormal"}),
    "label": frozenset({"benign", "malignant", "normal", "abnormal"}),
}
NUMBER = re.compile(r"-?\d{1,4}(\.\d{1,6})?")


def cleaned(
    table: SidecarTable, outputs: Mapping[str, Sequence[str]], key: SiteKey, rule: Sidecar
) -> bytes:
    """A table of released files as CSV.

    Args:
        outputs: file as the table names it to the files' names in the output, as a bare name may
            stand for several; rows of others are dropped.
        rule: which columns the site's file says to name the patient.

    Returns:
        UTF-8 CSV: the output's name, the patient's pseudonym where a column names the patient,
        a word for what is said of consent, and the listed columns with values of a closed
        vocabulary, terms of the tree, or numbers.
    """
    rows = []
    named = patient_columns(table.headings, rule)
    for name, row in sorted(table.rows.items()):
        for output in sorted(outputs.get(name, ())):
            kept = {"file": output}
            if patient := next((value for one in named if (value := row.get(one, ""))), ""):
                kept["patient"] = patient_pseudonym(key, patient)
            if said := row.get(JOINED):
                kept["consent"] = said
            for column, value in row.items():
                known = column.strip().lower().replace(" ", "_").replace("-", "_")
                if column not in named and (clean := _value(known, value.strip())):
                    kept[known] = clean
            rows.append(kept)
    columns = ["file", *sorted({column for row in rows for column in row} - {"file"})]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _value(column: str, value: str) -> str:
    if column in NUMBERS:
        return f"{rounded(float(value), SCALE):g}" if NUMBER.fullmatch(value) else ""
    if value.lower() in CLOSED.get(column, frozenset()):
        return value.lower()
    return " ".join(sorted(set(terms_in(value)))) if column in LABELS else ""
