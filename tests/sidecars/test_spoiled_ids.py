"""Ids of patients that a spreadsheet damaged name nobody: they would join who only begins alike."""

from __future__ import annotations

import io

import openpyxl
import pytest

from echoatlas.pipeline.read.headings import patient_columns
from echoatlas.pipeline.read.spoiled import padded_otherwise, spoiled_ids
from echoatlas.pipeline.sidecars.patients import patients_of
from echoatlas.pipeline.sidecars.placed import Tables
from echoatlas.pipeline.sidecars.tables import SidecarTable, read_sheets, read_sidecar
from echoatlas.pipeline.sidecars.tally import tally
from echoatlas.schemas.config.site import Sidecar, SiteConfig

RULE = Sidecar()
SITE = SiteConfig(site="st-elsewhere", bucket="/tmp/x")
CHINESE = ["110101199001011234", "110101199001011358", "220102198502021118"]


def patients(table: SidecarTable) -> dict[str, str]:
    (column, *_) = patient_columns(table.headings, RULE)
    return {name: row[column] for name, row in table.rows.items()}


def workbook(ids: list[object]) -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["file", "PatientID"])
    for number, one in enumerate(ids):
        book.active.append([f"{number}.png", one])
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


@pytest.mark.parametrize("cut", ["1.2E+11", "1,2E+11", "1.10101E+17", "########", "#N/A", "#NAME?"])
def test_what_a_spreadsheet_shows_of_a_number_joins_nobody_and_is_counted(cut: str) -> None:
    data = f'file,PatientID\na.png,"{cut}"\nb.png,"{cut}"\nc.png,P3\n'
    table = read_sidecar(data.encode(), "up/x.csv", RULE)
    assert table is not None
    tables = Tables()
    tables.add("up/x.csv", table)

    (report,), counts = tally(SITE, tables, ["up/a.png", "up/b.png", "up/c.png"])

    assert patients(table) == {"a.png": "", "b.png": "", "c.png": "P3"}
    assert (counts.spoiled, counts.nameless, counts.named) == (2, 2, 3)
    assert any("2 rows of tables have a patient's id" in one for one in counts.warnings())
    assert "2 rows have an id that a spreadsheet damaged" in report.sentence()


def test_numbers_of_which_a_workbook_kept_fifteen_digits_join_nobody() -> None:
    """So Excel stores the numbers of two people born on one day in one place as the same."""
    cut = [int(one[:15] + "000") for one in CHINESE]
    assert cut[0] == cut[1]

    as_numbers = read_sidecar(workbook(cut), "x.xlsx", RULE)
    as_floats = read_sidecar(workbook([float(one) for one in cut]), "x.xlsx", RULE)
    as_text = read_sidecar(workbook(list(CHINESE)), "x.xlsx", RULE)

    assert as_numbers is not None and as_floats is not None and as_text is not None
    assert {""} == {*patients(as_numbers).values(), *patients(as_floats).values()}
    assert (as_numbers.spoiled, as_floats.spoiled, as_text.spoiled) == (3, 3, 0)
    assert sorted(CHINESE) == sorted(patients(as_text).values())


def test_a_list_of_who_left_by_such_numbers_is_held_too() -> None:
    data = b"PatientID,Consent\n110101199001011000,no\n110101199001015000,no\n"

    listed = patients_of("list.csv", read_sheets(data), None, RULE)

    assert listed is not None and "damaged" in listed.fault


@pytest.mark.parametrize(
    ("cells", "spoiled"),
    [
        ({"P1", "0012", "12", "7", "12.5", "2E5"}, set()),
        ({*CHINESE, "110101199001011000"}, set()),  # one ends in zeros by chance
        ({"110101199001011000", "12"}, {"110101199001011000"}),
        ({"1234567890123450.0"}, {"1234567890123450.0"}),
        ({"123456789012345", "1000000"}, set()),
        ({"6E+02", "6e02", "#3"}, {"6E+02"}),
        (set(), set()),
    ],
)
def test_only_what_a_spreadsheet_does_is_taken_for_it(cells: set[str], spoiled: set[str]) -> None:
    assert spoiled_ids(cells) == spoiled


def test_ids_with_and_without_leading_zeros_are_told() -> None:
    tables = Tables()
    for name, data in {
        "a/x.csv": "file,PID\n1.png,0012\n2.png,0013\n",
        "b/x.csv": "file,PID\n3.png,12\n",
    }.items():
        table = read_sidecar(data.encode(), name, RULE)
        assert table is not None
        tables.add(name, table)

    _, counts = tally(SITE, tables, ["a/1.png", "a/2.png", "b/3.png"])

    assert counts.padded == 1
    assert any(
        "1 id of a patient is written with leading zeros" in one for one in counts.warnings()
    )
    assert padded_otherwise(["0", "00", "A01", "A1", "12", "12", ""]) == 2
