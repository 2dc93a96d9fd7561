"""Tables beside scans, in the forms that sites send."""

from __future__ import annotations

import io
import json

import openpyxl
import pytest

from echoatlas.pipeline.read.headings import patient_columns
from echoatlas.pipeline.sidecars.tables import read_sidecar
from echoatlas.schemas.config.site import Sidecar

RULE = Sidecar()
EXPECTED = {
    "a.png": {"file": "a.png", "organ": "liver"},
    "b.png": {"file": "b.png", "organ": "kidney"},
}
CSV = "file,organ\na.png,liver\nb.png,kidney\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_csv_in_any_dress_is_read(delimiter, encoding):
    data = CSV.replace(",", delimiter).encode(encoding)

    assert read_sidecar(data, "labels.csv", RULE).rows == EXPECTED


def test_accents_and_chinese_survive_their_code_pages():
    western = read_sidecar("file,organ\na.png,Milz – müde\n".encode("cp1252"), "x.csv", RULE)
    chinese = read_sidecar("file,organ\na.png,甲状腺\n".encode("gb18030"), "x.csv", RULE)

    assert western is not None
    assert chinese is not None
    assert western.rows["a.png"]["organ"] == "Milz – müde"
    assert chinese.rows["a.png"]["organ"] == "甲状腺"


@pytest.mark.parametrize(
    "raw",
    [
        list(EXPECTED.values()),
        {"images": list(EXPECTED.values()), "version": 1},
        {name: {"organ": row["organ"]} for name, row in EXPECTED.items()},
    ],
)
def test_json_is_read_in_its_three_forms(raw):
    assert read_sidecar(json.dumps(raw).encode(), "labels.json", RULE).rows == EXPECTED


def test_a_workbook_is_read():
    book = openpyxl.Workbook()
    for line in (["file", "organ", "age"], ["a.png", "liver", 61.0], ["b.png", "kidney", None]):
        book.active.append(line)
    stream = io.BytesIO()
    book.save(stream)

    found = read_sidecar(stream.getvalue(), "labels.xlsx", RULE)

    assert found is not None
    assert found.rows["a.png"] == {"file": "a.png", "organ": "liver", "age": "61"}


def test_the_column_of_files_is_found_by_its_values():
    data = b"no,was,picture\n1,x,p/a.png\n2,y,p\\b.png\n"

    found = read_sidecar(data, "x.csv", RULE)

    assert found is not None
    assert {"p/a.png", "p/b.png"} == set(found.rows)


ENDINGS = (
    "dcm ima png apng jpg jfif mpo bmp tiff gif webp heic avif mp4 mov avi mpg m2v vob ts m2ts mjpg"
    " h264 h265 mkv webm wmv flv nii nii.gz hdr mha mhd nrrd nhdr mat h5 hdf5 uff npy npz b8 b32"
)


@pytest.mark.parametrize("ending", ENDINGS.split())
def test_the_column_of_files_is_found_by_the_endings_of_all_that_is_read(ending):
    found = read_sidecar(f"no,was,cine\n1,x,p/a.{ending}\n2,y,b.{ending}\n".encode(), "x.csv", RULE)

    assert found is not None
    assert {f"p/a.{ending}", f"b.{ending}"} == set(found.rows)


def test_the_column_of_files_is_found_by_its_heading():
    found = read_sidecar(b"Image Name,label\nIM001,liver\nIM002,spleen\n", "x.csv", RULE)

    assert found is not None
    assert found.rows["IM002"]["label"] == "spleen"


def test_a_told_column_is_taken():
    found = read_sidecar(b"file,scan\na.png,IM1\nb.png,IM2\n", "x.csv", Sidecar(key="Scan"))

    assert found is not None
    assert {"IM1", "IM2"} == set(found.rows)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no table at all",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"PK\x03\x04" + bytes(100),
        b"[" * 100_000,
        b'{"a": ',
        b"x,y\n1,2\n1,3\n1,4\n",
    ],
)
def test_what_is_no_sidecar_is_none(data):
    assert read_sidecar(data, "x.csv", RULE) is None


DRESSES = {
    "Excel's own first line": "sep=;\r\nDatei;Organ\r\na.png;liver\r\nb.png;kidney\r\n",
    "with quotes": '"sep=,"\nfile,organ\na.png,liver\nb.png,kidney\n',
    "a title": "Klinik am See; Ultraschall 2024\n\nfile;organ\na.png;liver\nb.png;kidney\n",
    "a title with gaps": "Export 2024;;\nfile;organ;\na.png;liver;\nb.png;kidney;\n",
    "comments": "# by A, 2024-03-01, v2\n# in mm\nfile,organ\na.png,liver\nb.png,kidney\n",
    "a comment of headings": "#file,organ\na.png,liver\nb.png,kidney\n",
    "units below": "file;organ;depth\n;;mm\na.png;liver;12,5\nb.png;kidney;9,0\n",
    "decimal commas": "file;organ;x;y\na.png;liver;1,5;2,5\nb.png;kidney;3,5;4,5\n",
    "texts with commas": "file;organ\na.png;liver\nb.png;kidney\n#, note, that, nobody, reads\n",
    "old line ends": "file,organ\ra.png,liver\rb.png,kidney\r",
    "a byte order mark": "\ufeffsep=\t\nfile\torgan\na.png\tliver\nb.png\tkidney\n",
}


@pytest.mark.parametrize("dress", DRESSES)
def test_the_headings_are_found_wherever_they_stand(dress: str) -> None:
    found = read_sidecar(DRESSES[dress].encode(), "x.csv", RULE)

    assert found is not None
    organs = {name: row.get("organ", row.get("Organ")) for name, row in found.rows.items()}
    assert organs == {"a.png": "liver", "b.png": "kidney"}


def test_files_without_endings_have_headings_below_a_title() -> None:
    data = b"Study 7;\nDatei;Patienten-Nr\nIM001;P1\nIM002;P2\n"

    found = read_sidecar(data, "x.csv", RULE)

    assert found is not None
    assert found.rows["IM002"] == {"Datei": "IM002", "Patienten-Nr": "P2"}


def test_without_headings_columns_have_numbers_and_no_row_is_lost() -> None:
    found = read_sidecar(b"a.png,P1\nb.png,P2\n", "x.csv", RULE)

    assert found is not None
    assert found.rows["a.png"] == {"column 1": "a.png", "column 2": "P1"}
    assert patient_columns(found.headings, RULE) == []


def test_the_sheet_that_names_files_is_read_whichever_it_is() -> None:
    book = openpyxl.Workbook()
    book.active.append(["Read me", "first"])
    book.active.append(["this was", "exported"])
    sheet = book.create_sheet("scans")
    for line in (["Ultrasound, 2024"], [], ["file", "organ"], ["a.png", "liver"]):
        sheet.append(line)
    stream = io.BytesIO()
    book.save(stream)

    found = read_sidecar(stream.getvalue(), "labels.xlsx", RULE)

    assert found is not None
    assert found.rows == {"a.png": {"file": "a.png", "organ": "liver"}}


@pytest.mark.parametrize(
    "heading",
    [
        *("Patient", "patient_id", "Patient ID", "PatientID", "Patient Nr.", "PatientNo", "PID"),
        *("Patienten-Nr", "Patientennummer", "Pat.-ID", "pat_no", "Subject", "subject id", "MRN"),
        *("Case ID", "Numéro patient", "ID du patient", "N.º de paciente", "codice paziente"),
        *(
            "患者ID",
            "病人编号",
            "病历号",
            "환자번호",
            "患者番号",
            "номер пациента",
            "Participant ID",
        ),
    ],
)
def test_a_column_names_the_patient_under_any_usual_heading(heading: str) -> None:
    assert patient_columns(["file", heading, "age"], RULE) == [heading]


@pytest.mark.parametrize(
    "heading", ["Patient age", "Patientenalter", "sex", "id", "name", "n", "case", "PIDA"]
)
def test_a_column_that_may_be_about_something_else_is_not_taken_for_the_patients(
    heading: str,
) -> None:
    assert patient_columns([heading], RULE) == []


def test_a_told_column_is_the_patients_before_all_others_however_it_is_spelled() -> None:
    rule = Sidecar(columns={"proband": "patient", "PID": "ignore"})

    found = patient_columns(["Patient name", "pid", "MRN", "Proband "], rule)

    assert found == ["Proband ", "MRN", "Patient name"]


def test_of_several_rows_of_a_file_the_first_that_says_anything_is_heard() -> None:
    data = b"file,patient,organ\na.png,,liver\na.png,P1,kidney\n"

    found = read_sidecar(data, "x.csv", RULE)

    assert found is not None
    assert found.lines == 2
    assert found.rows == {"a.png": {"file": "a.png", "patient": "P1", "organ": "liver"}}
