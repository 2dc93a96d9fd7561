"""Tables as R, pandas, Excel and labeling programs write them: nobody becomes somebody else."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from echoatlas.pipeline.read.headings import patient_columns
from echoatlas.pipeline.sidecars.called import Called
from echoatlas.pipeline.sidecars.placed import Tables
from echoatlas.pipeline.sidecars.site import sidecars
from echoatlas.pipeline.sidecars.tables import SidecarTable, read_sidecar
from echoatlas.pipeline.sidecars.tally import Tally, tally
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.site import Sidecar, SiteConfig

RULE = Sidecar()
FILES, PATIENTS = ["a1.png", "a2.png", "a3.png"], ["P1", "P1", "P2"]
PAIRS = list(zip(FILES, PATIENTS, strict=True))
ROWS = [{"file": file, "patient": patient} for file, patient in PAIRS]


def lines(head: str, row: str) -> bytes:
    made = (row.format(n, file=file, patient=patient) for n, (file, patient) in enumerate(PAIRS, 1))
    return "\n".join([head, *made, ""]).encode()


def workbook(fill: Callable[[openpyxl.Workbook], None]) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    fill(book)
    book.save(out)
    return out.getvalue()


def merged(book: openpyxl.Workbook) -> None:
    """The patient stands in the first of the cells that are one on the screen."""
    for line in (["patient", "file"], ["P1", "a1.png"], [None, "a2.png"], ["P2", "a3.png"]):
        book.active.append(line)
    book.active.merge_cells("A2:A3")


def plain(book: openpyxl.Workbook) -> None:
    for line in [("file", "patient"), *PAIRS]:
        book.active.append(line)


TOLD = {
    "R, write.csv": lines('"","file","patient"', '"{}","{file}","{patient}"'),
    "R, write.table by comma": lines('"file","patient"', '"{}","{file}","{patient}"'),
    "R, write.table by tab": lines("file\tpatient", "{}\t{file}\t{patient}"),
    "R, write.table": lines('"file" "patient"', '"{}" "{file}" "{patient}"'),
    "columns apart by blanks": lines("file patient", "{file} {patient}"),
    "a comma at the end": lines("file,patient", "{file},{patient},"),
    "headings twice": lines("file,patient,patient", "{file},{patient},Anna"),
    "JSON Lines": b"".join(json.dumps(row).encode() + b"\n" for row in ROWS),
    "pandas, to_json": json.dumps(
        {name: {str(n): row[name] for n, row in enumerate(ROWS)} for name in ("file", "patient")}
    ).encode(),
    "COCO": json.dumps(
        {
            "images": [{"file_name": one["file"], "patient_id": one["patient"]} for one in ROWS],
            "annotations": [{"image_id": 1, "bbox": [1, 2, 3, 4]}],
            "categories": [{"id": 1, "name": "liver"}],
        }
    ).encode(),
    "merged cells": workbook(merged),
}


def patients(table: SidecarTable, files: list[str]) -> list[str]:
    called, columns = Called.of(table.rows), patient_columns(table.headings, RULE)
    rows = [table.rows[name] if (name := called.name_of(file)) else {} for file in files]
    return [next((row[one] for one in columns if row.get(one)), "") for row in rows]


@pytest.mark.parametrize("program", TOLD)
def test_everybody_is_who_the_program_meant(program: str) -> None:
    table = read_sidecar(TOLD[program], "table", RULE)

    assert table is not None
    assert patients(table, FILES) == PATIENTS


def test_a_sheet_that_says_that_it_is_one_cell_is_read_whole() -> None:
    """As some programs write it, and others believe it."""
    data = workbook(plain)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'ref="A1:B4"', b'ref="A1"'))
    assert out.getvalue() != data

    table = read_sidecar(out.getvalue(), "table.xlsx", RULE)

    assert table is not None
    assert patients(table, FILES) == PATIENTS


def test_a_column_of_whole_numbers_is_one_whatever_pandas_made_of_it() -> None:
    """With one cell empty, 7 is written as 7.0; in a header and another table it is 7."""
    data = b"file,patient,score\na1.png,7.0,0.5\na2.png,,1.0\na3.png,12.0,2.0\n"

    table = read_sidecar(data, "x.csv", RULE)

    assert table is not None
    assert patients(table, FILES) == ["7", "", "12"]
    assert [row["score"] for row in table.rows.values()] == ["0.5", "1.0", "2.0"]


def test_free_text_is_no_table() -> None:
    assert read_sidecar(b"see a1.png of\nthe patient P1\nplease send more\n", "x.txt", RULE) is None


FOLDERS = "Folder,file,patient\nd1,img.png,P1\nd2,img.png,P2\nd2\\right,img.png,P2\n"


def test_files_of_one_name_are_told_apart_by_their_folders() -> None:
    table = read_sidecar(FOLDERS.encode(), "x.csv", RULE)

    assert table is not None
    files = ["up/d1/img.png", "up/d2/img.png", "up/d2/right/img.png", "up/d3/img.png"]
    assert patients(table, files) == ["P1", "P2", "P2", ""]


def test_labels_of_files_of_one_name_are_told_apart_too() -> None:
    data = b"directory,file,organ\nd1,img.png,liver\nd2,img.png,kidney\n"

    table = read_sidecar(data, "x.csv", RULE)

    assert table is not None
    organs = {name: row["organ"] for name, row in table.rows.items()}
    assert organs == {"d1/img.png": "liver", "d2/img.png": "kidney"}


def test_a_name_that_stands_for_several_patients_is_nobodys_and_that_is_told() -> None:
    """The first would else have the scans, and the labels, of all of them."""
    data = "file,patient,organ\nimg.png,P1,liver\nimg.png,P2,kidney\nb.png,P3,liver\nc.png,,liver\n"
    table = read_sidecar(data.encode(), "up/x.csv", RULE)
    assert table is not None
    assert patients(table, ["img.png", "b.png", "c.png"]) == ["", "P3", ""]
    assert "liver" not in table.rows["img.png"].values()

    tables = Tables()
    tables.add("up/x.csv", table)
    site = SiteConfig(site="st-elsewhere", bucket="/tmp/x")
    (report,), counts = tally(site, tables, ["up/img.png", "up/b.png", "up/c.png"])

    assert counts.nameless == 2
    assert any("in 2 of 3 rows of tables no patient is named" in one for one in counts.warnings())
    assert "2 rows name no patient, or several." in report.sentence()


@pytest.mark.parametrize("name", ["list.csv", "LIST.CSV", "list.tsv", "list.xlsx"])
def test_a_table_is_one_by_its_usual_endings(tmp_path: Path, name: str) -> None:
    told = beside(tmp_path, name, TOLD["merged cells"] if name.endswith("x") else TABBED)

    assert (told.tables, told.rows, told.named, told.overlooked) == (1, 3, 3, 0)
    assert told.warnings() == []


@pytest.mark.parametrize("name", ["list.txt", "list.jsonl"])
def test_a_table_of_another_ending_is_told(tmp_path: Path, name: str) -> None:
    """Each of its pictures would else be of a patient of its own, and nobody would say so."""
    told = beside(tmp_path, name, TOLD["JSON Lines"] if name.endswith("l") else TABBED)

    assert (told.tables, told.overlooked) == (0, 1)
    assert "say which in sidecar.files" in told.warnings()[0]
    assert beside(tmp_path, name, b"see a1.png\nof P1\n").warnings() == []


def test_a_sites_own_globs_are_heard(tmp_path: Path) -> None:
    told = beside(tmp_path, "list.txt", TABBED, files="*.dat, *.TXT")

    assert (told.tables, told.rows) == (1, 3)


TABBED = lines("file\tpatient", "{file}\t{patient}")


def beside(folder: Path, name: str, data: bytes, **rule: str) -> Tally:
    """What is counted of a table that lies beside three pictures."""
    for file in FILES:
        (folder / file).write_bytes(b"a picture")
    (folder / name).write_bytes(data)
    site = SiteConfig(site="st-elsewhere", bucket=str(folder), sidecar=Sidecar(**rule))
    listed = [(one.name, one.stat().st_size) for one in sorted(folder.iterdir())]
    return sidecars(site, Storage.open(str(folder)), listed).tally


def test_rows_of_one_patient_and_file_are_joined_as_before() -> None:
    data = "file,patient,organ\na1.png,P1,\na1.png,P1,liver\n"

    table = read_sidecar(data.encode(), "x.csv", RULE)

    assert table is not None
    assert dict(table.rows["a1.png"]) == {"file": "a1.png", "patient": "P1", "organ": "liver"}
